//! Which jobs are meant: ids, the beginnings of ids, or all that have not ended.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use serde_json::{Map, Value, json};

use super::client::{Client, read};
use super::completions;
use super::exit::{FAILED, Failure, USAGE};
use super::filter::{Condition, condition, filter};
use super::model::JobId;
use super::operations::JOB_IDS;
use super::paging::{LARGE, Paging};

/// The length of an id that is written out.
const WHOLE: usize = 36;
/// So many of those that a beginning fits are shown.
const SHOWN: usize = 5;
/// So many rows a page, where a few are looked for.
pub(super) const SMALL: u32 = 20;
/// The states of a job that has not ended.
pub(super) const OPEN: [&str; 3] = ["QUEUED", "RUNNING", "CANCELING"];
/// Those of one that has begun, too.
pub(super) const BEGUN: [&str; 2] = ["RUNNING", "CANCELING"];

/// Jobs by id, or all of a sort.
#[derive(Debug, Args)]
pub(super) struct Selection {
    /// The ids of the jobs, or beginnings of ids that fit one job only
    #[arg(value_name = "ID", required_unless_present_any = ["all", "kinds", "conditions"], add = ArgValueCompleter::new(completions::jobs))]
    ids: Vec<String>,
    /// All jobs that have not ended
    #[arg(long, conflicts_with = "ids")]
    all: bool,
    /// All jobs of this kind that have not ended; may be given again
    #[arg(long = "kind", value_name = "KIND", conflicts_with_all = ["ids", "all"], add = ArgValueCompleter::new(completions::kinds))]
    kinds: Vec<String>,
    /// All jobs that have not ended and fit: state=, kind=, queue=, label=KEY=VALUE, since= or text=, as
    /// `longhaul list` has them for options; all that is given must hold
    #[arg(long = "filter", value_name = "NAME=VALUE", value_parser = condition, conflicts_with_all = ["ids", "all"])]
    conditions: Vec<Condition>,
}

/// What a selection means.
#[derive(Debug)]
pub(super) enum Chosen {
    /// What was written: ids, or beginnings of ids.
    Ids(Vec<String>),
    /// What was found, the oldest first.
    Jobs(Vec<JobId>),
}

impl Selection {
    /// What was written, or looked for.
    pub(super) async fn chosen(&self, client: &Client) -> Result<Chosen, Failure> {
        if !self.all && self.kinds.is_empty() && self.conditions.is_empty() {
            return Ok(Chosen::Ids(self.ids.clone()));
        }
        let filter = filter(&self.conditions, &self.kinds)?;
        let mut jobs = matching(client, &filter, LARGE, |_| true, usize::MAX).await?;
        jobs.reverse();
        Ok(Chosen::Jobs(jobs))
    }

    /// What was written, or the ids of what was found.
    pub(super) async fn given(&self, client: &Client) -> Result<Vec<String>, Failure> {
        Ok(match self.chosen(client).await? {
            Chosen::Ids(ids) => ids,
            Chosen::Jobs(jobs) => jobs.into_iter().map(|job| job.id).collect(),
        })
    }
}

/// The ids that these stand for.
pub(super) async fn resolve_all(client: &Client, given: &[String]) -> Result<Vec<String>, Failure> {
    let mut ids = Vec::with_capacity(given.len());
    for id in given {
        ids.push(resolve(client, id).await?);
    }
    Ok(ids)
}

/// The id that this stands for. A whole one, and what cannot begin one, is for the server to judge.
pub(super) async fn resolve(client: &Client, given: &str) -> Result<String, Failure> {
    let is_beginning = given.len() < WHOLE
        && !given.is_empty()
        && given.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    if !is_beginning {
        return Ok(given.to_owned());
    }
    let start = given.to_ascii_lowercase();
    if !may_begin(&start) {
        return Err(unknown(given));
    }
    // The server's `text` finds parts of kinds and labels, too.
    let fits = |job: &JobId| job.id.starts_with(&start);
    let mut jobs = matching(client, &json!({"text": start}), SMALL, fits, SHOWN + 1).await?;
    match jobs.len() {
        0 => Err(unknown(given)),
        1 => Ok(jobs.remove(0).id),
        _ => Err(ambiguous(given, &jobs)),
    }
}

/// An id may begin so: they are UUIDs of version 7, which begin with an instant, in milliseconds since 1970 (RFC 9562,
/// section 5.7). Else a word like `de`, which a kind may have in its name, would be looked for in all there is.
pub(super) fn may_begin(start: &str) -> bool {
    /// Half of a day in 2100.
    const LATEST: u64 = 4_102_487_000_000;
    let is_in_place = |(place, c): (usize, char)| match place {
        8 | 13 | 18 | 23 => c == '-',
        14 => c == '7',
        _ => c.is_ascii_hexdigit(),
    };
    let digits: String = start.chars().take(13).filter(|&c| c != '-').collect();
    let earliest = u64::from_str_radix(&format!("{digits:0<12}"), 16);
    start.chars().enumerate().all(is_in_place) && earliest.is_ok_and(|at| at < LATEST)
}

/// No job has this id.
pub(super) fn unknown(id: &str) -> Failure {
    Failure::new(FAILED, format!("there is no job `{id}`")).hint("`longhaul list` shows the jobs")
}

fn ambiguous(given: &str, jobs: &[JobId]) -> Failure {
    let mut text = format!("`{given}` is the beginning of several ids:");
    for job in jobs.iter().take(SHOWN) {
        write!(text, "\n  {}  {}  {}", job.id, job.state, job.kind.name)
            .expect("a string can be written");
    }
    if jobs.len() > SHOWN {
        text.push_str("\n  …");
    }
    Failure::new(USAGE, text).hint("write as much of the id as fits one job only")
}

/// The jobs of `filter` that fit, the newest first, once `enough` are found no more; so many rows a page.
pub(super) async fn matching(
    client: &Client,
    filter: &Value,
    rows: u32,
    fits: impl Fn(&JobId) -> bool,
    enough: usize,
) -> Result<Vec<JobId>, Failure> {
    let (mut jobs, mut seen) = (Vec::new(), BTreeSet::new());
    let variables = Map::from_iter([("filter".to_owned(), filter.clone())]);
    let mut pages = Paging::new(client, JOB_IDS, variables);
    while jobs.len() < enough
        && let Some(page) = pages.next(rows).await?
    {
        for row in &page.nodes {
            let job: JobId = read(JOB_IDS, row)?;
            if fits(&job) && seen.insert(job.id.clone()) {
                jobs.push(job);
            }
        }
    }
    jobs.truncate(enough);
    Ok(jobs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_an_id_may_begin_with_is_looked_for() {
        let id = "019ab3c0-5a50-7c3e-8f00-3b6f2c1d9e77";
        for length in 0..=id.len() {
            assert!(may_begin(&id[..length]), "{}", &id[..length]);
        }
        for no in ["de", "f", "4", "03bc", "019ab3c05", "019ab3c0-5a50-4", "019ab3c0-5a50-7c3e8"] {
            assert!(!may_begin(no), "{no}");
        }
    }
}
