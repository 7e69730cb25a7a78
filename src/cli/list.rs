//! `longhaul list`: the newest jobs, a line each, and how many of each state.

use std::collections::HashSet;

use chrono::{DateTime, SecondsFormat, Utc};
use clap::{Args, ValueEnum};
use clap_complete::engine::ArgValueCompleter;
use serde_json::{Map, Value, json};

use crate::config::value::positive_duration;
use crate::domain::clock::{Clock as _, SystemClock};

use super::client::read;
use super::completions;
use super::exit::{DONE, Failure};
use super::ids::{BEGUN, OPEN};
use super::model::Job;
use super::operations::JOBS;
use super::paging::{Found, Paging};
use super::start::{label, label_inputs};
use super::{Context, output};

/// So many of those that have not ended are shown, and all that have begun, up to as many.
const MOST_OPEN: u32 = 1_000;

/// What `list` takes.
#[derive(Debug, Default, Args)]
pub(super) struct ListArgs {
    /// Only those in this state; may be given again
    #[arg(long, value_enum, ignore_case = true)]
    state: Vec<State>,
    /// Only those of this kind; may be given again
    #[arg(long, add = ArgValueCompleter::new(completions::kinds))]
    kind: Vec<String>,
    /// Only those of this queue; may be given again
    #[arg(long, add = ArgValueCompleter::new(completions::queues))]
    queue: Vec<String>,
    /// Only those with this label; may be given again
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    labels: Vec<(String, String)>,
    /// Only those accepted since then: an instant, or so long ago, like 2h
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<DateTime<Utc>>,
    /// Only those with this at the beginning of the id, or in the kind or a label
    #[arg(long)]
    text: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    /// How to show them
    #[arg(short, long, value_enum, default_value_t)]
    output: Form,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum State {
    Queued,
    Running,
    Canceling,
    Succeeded,
    Failed,
    Canceled,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// A line each, cut where the terminal ends
    #[default]
    Table,
    /// A line each with all there is to say
    Wide,
    /// What --json prints
    Json,
    /// The ids alone
    Name,
}

/// An instant, or how long ago.
pub(super) fn since(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(at.to_utc());
    }
    positive_duration(text)
        .ok()
        .and_then(|ago| {
            SystemClock.now().checked_sub_signed(chrono::TimeDelta::from_std(ago).ok()?)
        })
        .ok_or_else(|| {
            "expected an instant like 2026-11-25T18:00:00Z or a duration like 2h".to_owned()
        })
}

/// Lists jobs.
pub(super) async fn run(context: &Context, args: &ListArgs) -> Result<u8, Failure> {
    let form = if context.json { Form::Json } else { args.output };
    let variables = variables(filter(args), form == Form::Json);
    let Found { rows, more, .. } =
        Paging::new(&context.client, JOBS, variables).up_to(args.limit).await?;
    show(&rows, form)?;
    if more && form != Form::Json {
        output::say(&format!("there are more than {}: see --limit", args.limit));
    }
    Ok(DONE)
}

/// Lists what has not ended; where the feed stood when that was read.
pub(super) async fn open(context: &Context) -> Result<Value, Failure> {
    let of = |states: &[&str]| {
        let filter = Map::from_iter([("states".to_owned(), json!(states))]);
        Paging::new(&context.client, JOBS, variables(filter, context.json)).up_to(MOST_OPEN)
    };
    let Found { mut rows, more, feed } = of(&OPEN).await?;
    if more {
        // The newest wait; what has begun is older than they are.
        let known: HashSet<_> = rows.iter().map(|row| row["id"].clone()).collect();
        let begun = of(&BEGUN).await?.rows;
        rows.extend(begun.into_iter().filter(|row| !known.contains(&row["id"])));
    }
    show(&rows, if context.json { Form::Json } else { Form::Table })?;
    if more && !context.json {
        output::say(
            "there are more that wait: `longhaul queue` counts them, `longhaul list --state queued` shows them",
        );
    }
    Ok(feed)
}

/// A table shows neither args nor results, and both may be large.
fn variables(filter: Map<String, Value>, whole: bool) -> Map<String, Value> {
    let filter = ("filter".to_owned(), Value::Object(filter));
    [filter, ("whole".to_owned(), json!(whole))].into_iter().collect()
}

fn show(rows: &[Value], form: Form) -> Result<(), Failure> {
    if form == Form::Json {
        return output::document(&rows);
    }
    let jobs = rows.iter().map(|row| Ok(read::<Job>(JOBS, row)?));
    let jobs = jobs.collect::<Result<Vec<_>, Failure>>()?;
    if form == Form::Name {
        return jobs.iter().try_for_each(|job| output::line(&job.id));
    }
    if jobs.is_empty() {
        output::say("no jobs");
        return Ok(());
    }
    let counts = counts(&jobs.iter().map(|job| job.state.as_str()).collect::<Vec<_>>());
    if form == Form::Wide {
        let titles = [
            "ID", "STATE", "KIND", "QUEUE", "CREATED", "STARTED", "ENDED", "ATTEMPT", "EXIT",
            "LABELS", "DETAIL",
        ];
        output::text(&output::aligned(&titles, &jobs.into_iter().map(wide).collect::<Vec<_>>()))?;
    } else {
        let cells = |job: Job| {
            let detail = job.detail();
            vec![job.id, job.state, job.kind.name, job.queue.name, job.created_at, detail]
        };
        let titles = ["ID", "STATE", "KIND", "QUEUE", "CREATED", "DETAIL"];
        output::table(&titles, &jobs.into_iter().map(cells).collect::<Vec<_>>())?;
    }
    // Words, not data: a program that reads the rows has no line to leave out.
    output::say(&counts);
    Ok(())
}

fn wide(job: Job) -> Vec<String> {
    let (detail, labels) = (job.detail(), job.labels());
    let exit = job.exit_code.map(|code| code.to_string()).or(job.signal).unwrap_or_default();
    vec![
        job.id,
        job.state,
        job.kind.name,
        job.queue.name,
        job.created_at,
        job.started_at.unwrap_or_default(),
        job.ended_at.unwrap_or_default(),
        format!("{}/{}", job.attempt, job.max_attempts),
        exit,
        labels,
        detail,
    ]
}

/// Like `12 jobs: 4 running, 6 queued, 2 failed`.
pub(super) fn counts(states: &[&str]) -> String {
    let names = ["RUNNING", "CANCELING", "QUEUED", "FAILED", "CANCELED", "SUCCEEDED"];
    let count = |name: &str| states.iter().filter(|&&state| state == name).count();
    let counts = names.iter().map(|name| (count(name), name.to_lowercase()));
    let parts: Vec<_> =
        counts.filter(|(n, _)| *n > 0).map(|(n, name)| format!("{n} {name}")).collect();
    let noun = if states.len() == 1 { "job" } else { "jobs" };
    format!("{} {noun}: {}", states.len(), parts.join(", "))
}

/// The conditions; one that was not asked for is left out, since an empty list matches nothing.
fn filter(args: &ListArgs) -> Map<String, Value> {
    let name = |state: &State| state.to_possible_value().map(|v| v.get_name().to_uppercase());
    let states: Vec<_> = args.state.iter().filter_map(name).collect();
    let since = args.since.map(|at| at.to_rfc3339_opts(SecondsFormat::Millis, true));
    [
        ("states", json!(states)),
        ("kinds", json!(args.kind)),
        ("queues", json!(args.queue)),
        ("labels", label_inputs(&args.labels)),
        ("createdAfter", json!(since)),
        ("text", json!(args.text)),
    ]
    .into_iter()
    .filter(|(_, value)| *value != json!([]) && !value.is_null())
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_asked_for_is_a_condition() {
        let args = ListArgs { state: vec![State::Failed], limit: 1, ..ListArgs::default() };
        assert_eq!(Value::Object(filter(&args)), json!({"states": ["FAILED"]}));
    }
}
