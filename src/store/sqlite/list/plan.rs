//! Which sources hold what a filter lets through.
//!
//! In the orders by acceptance any of several sets of sources will do: the one by state, queue and
//! kind, which alone may hold just what matches; that of a caller, likewise; that of a label; that of a
//! reason; that of a text. The one with the fewest entries is taken. In the other orders there is one set; where its
//! walk finds too little, a set of the others that is small is read whole and sorted.

use rusqlite::{Connection, OptionalExtension};

use super::sets::{by_end, of_starter, queue_order, structure, with_text};
use super::walk::entries;
use crate::domain::clock::Timestamp;
use crate::domain::label::Label;
use crate::domain::state::JobState;
use crate::store::filter::JobFilter;
use crate::store::listing::{
    Clip, Plan, Range, Source, Way, asks_more_than_structure, asks_only_whose, failure_reasons,
    has_time, states,
};
use crate::store::query::{JobOrder, JobsQuery};
use crate::store::sqlite::failure::Failure;

/// The sources of a list.
pub(super) fn plan(conn: &Connection, query: &JobsQuery) -> Result<Plan, Failure> {
    let filter = &query.filter;
    if matches_nothing(conn, filter)? {
        return Ok(Plan { sources: Vec::new(), is_exact: true, clip: Clip::NONE });
    }
    match query.order {
        JobOrder::Newest | JobOrder::Oldest => by_acceptance(conn, query),
        JobOrder::QueueOrder => Ok(Plan {
            sources: queue_order(conn, filter)?,
            is_exact: !asks_more_than_structure(filter)
                && filter.kinds.is_none()
                && filter.queues.is_none()
                && !has_time(filter),
            clip: Clip::NONE,
        }),
        JobOrder::RecentlyEnded => Ok(Plan {
            sources: by_end(conn, filter)?,
            is_exact: !asks_more_than_structure(filter)
                && filter.kinds.is_none()
                && !has_time(filter),
            clip: Clip::NONE,
        }),
    }
}

/// All that matches, where few enough jobs may: read whole and sorted. `None` where the sources of
/// the order are as good as any.
pub(super) fn whole(conn: &Connection, query: &JobsQuery) -> Result<Option<Plan>, Failure> {
    if matches!(query.order, JobOrder::Newest | JobOrder::Oldest) {
        return Ok(None);
    }
    let most = usize::try_from(query.examine).unwrap_or(usize::MAX);
    let Some((count, sources)) = fewest(conn, &query.filter, most)? else { return Ok(None) };
    if count > most {
        return Ok(None);
    }
    let all = Plan { sources, is_exact: false, clip: clip(conn, &query.filter)? };
    let by_acceptance = JobsQuery { order: JobOrder::Oldest, ..query.clone() };
    let found = super::find(conn, &by_acceptance, &all, (Way::Up, Way::Up.start()), usize::MAX)?;
    let listed = found.jobs.iter().filter(|job| match query.order {
        JobOrder::QueueOrder => job.state == JobState::Queued,
        JobOrder::Newest | JobOrder::Oldest | JobOrder::RecentlyEnded => job.state.is_terminal(),
    });
    let mut list: Vec<_> = listed.map(|job| query.order.position(job)).collect();
    list.sort_unstable();
    Ok(Some(Plan { sources: vec![Source::List(list)], is_exact: true, clip: Clip::NONE }))
}

fn by_acceptance(conn: &Connection, query: &JobsQuery) -> Result<Plan, Failure> {
    let clip = clip(conn, &query.filter)?;
    if !asks_more_than_structure(&query.filter) {
        let sources = structure(conn, &query.filter)?;
        return Ok(Plan { sources, is_exact: true, clip });
    }
    if let Some(name) = asks_only_whose(&query.filter) {
        let sources = of_starter(&query.filter, name);
        return Ok(Plan { sources, is_exact: true, clip });
    }
    let most = usize::try_from(query.examine).unwrap_or(usize::MAX);
    let fewest = fewest(conn, &query.filter, most)?;
    let sources = fewest.map(|(_, sources)| sources).unwrap_or_default();
    Ok(Plan { sources, is_exact: false, clip })
}

/// Of all sets of sources by acceptance that hold what matches, the one with the fewest entries,
/// counted up to one more than `most`.
fn fewest(
    conn: &Connection,
    filter: &JobFilter,
    most: usize,
) -> Result<Option<(usize, Vec<Source>)>, Failure> {
    let mut sets = Vec::new();
    for label in filter.labels.iter().flatten() {
        sets.push(vec![Source::Index(Range::Label(Label::clone(label)))]);
    }
    sets.extend(failure_reasons(filter).map(|reasons| {
        reasons.into_iter().map(|reason| Source::Index(Range::Reason(reason))).collect()
    }));
    if let Some(text) = &filter.text {
        sets.extend(with_text(conn, filter, text)?);
    }
    sets.extend(filter.started_by.as_ref().map(|name| of_starter(filter, name)));
    sets.push(structure(conn, filter)?);
    let mut best: Option<(usize, Vec<Source>)> = None;
    for set in sets {
        let count = entries(conn, &set, most)?;
        if best.as_ref().is_none_or(|(fewest, _)| count < *fewest) {
            best = Some((count, set));
        }
    }
    Ok(best)
}

fn matches_nothing(conn: &Connection, filter: &JobFilter) -> Result<bool, Failure> {
    fn is_empty<T>(list: Option<&Vec<T>>) -> bool {
        list.is_some_and(Vec::is_empty)
    }
    if is_empty(filter.labels.as_ref()) || states(filter).is_empty() {
        return Ok(true);
    }
    // By `workers_by_name`. A name that no worker ever had must not be looked for in all jobs.
    let mut select = conn.prepare_cached("SELECT 1 FROM workers WHERE name = ?1 LIMIT 1")?;
    let Some(names) = &filter.workers else { return Ok(false) };
    for name in names {
        if select.exists([name])? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// By the key: the first job accepted at `?1` or after, and its instant. Instants never fall along
/// the key.
const ACCEPTED_FROM: &str =
    "SELECT accept_no, created_at FROM jobs WHERE accept_no >= ?1 ORDER BY accept_no LIMIT 1";
/// By the key.
const LAST_ACCEPTED: &str = "SELECT max(accept_no) FROM jobs";

/// The acceptance numbers between the filter's instants.
fn clip(conn: &Connection, filter: &JobFilter) -> Result<Clip, Failure> {
    let first = |at: Option<Timestamp>| at.map(|at| first_accepted(conn, at)).transpose();
    let (low, high) = (first(filter.created_after)?, first(filter.created_before)?);
    Ok(Clip(low.unwrap_or(i64::MIN), high.map_or(i64::MAX, |high| high.saturating_sub(1))))
}

/// The number of the first job that was accepted at this instant or after, or the one after all: by
/// halving, some twenty seeks for a million jobs.
fn first_accepted(conn: &Connection, at: Timestamp) -> Result<i64, Failure> {
    let last: Option<i64> = conn.prepare_cached(LAST_ACCEPTED)?.query_one([], |row| row.get(0))?;
    let (mut low, mut high) = (1, last.unwrap_or(0) + 1);
    let mut select = conn.prepare_cached(ACCEPTED_FROM)?;
    while low < high {
        let middle = low + (high - low) / 2;
        let found: Option<(i64, i64)> =
            select.query_one([middle], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        match found {
            Some((no, created)) if created < at.timestamp_millis() => low = no + 1,
            _ => high = middle,
        }
    }
    Ok(low)
}
