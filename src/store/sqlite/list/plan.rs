//! Which sources hold what a filter lets through.
//!
//! In the orders by acceptance any of several sets of sources will do: the one by state, queue and
//! kind, which alone may hold just what matches; that of a caller, likewise; that of a label; that of a
//! reason; that of a text. The one with the fewest entries is taken. In the other orders there is one set; where its
//! walk finds too little, a set of the others that is small is read whole and sorted.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension};
use strum::IntoEnumIterator;

use super::sets::{by_end, of_starter, queue_order, structure, with_text};
use super::source::{Range, Source, Way};
use super::walk::entries;
use crate::domain::clock::Timestamp;
use crate::domain::id::AcceptNo;
use crate::domain::label::Label;
use crate::domain::state::{EndReason, JobState};
use crate::store::filter::JobFilter;
use crate::store::query::{JobOrder, JobsQuery, Position};
use crate::store::sqlite::failure::Failure;

/// Where a list is read from.
pub(super) struct Plan {
    /// Together they hold all that matches.
    pub(super) sources: Vec<Source>,
    /// They hold nothing else.
    pub(super) is_exact: bool,
    /// Only what lies in here.
    pub(super) clip: Clip,
}

/// The first and the last acceptance number that a list may show.
pub(super) struct Clip(i64, i64);

impl Clip {
    const NONE: Self = Self(i64::MIN, i64::MAX);

    /// Where to begin a walk that would begin at `from`.
    pub(super) fn enter(&self, way: Way, from: Position) -> Position {
        let end = match way {
            Way::Up => Position { rank: 0, accepted: AcceptNo(self.0) },
            Way::Down => Position { rank: 0, accepted: AcceptNo(self.1) },
        };
        match way {
            Way::Up if self.0 > i64::MIN => from.max(end),
            Way::Down if self.1 < i64::MAX => from.min(end),
            Way::Up | Way::Down => from,
        }
    }

    /// A walk at this position has nothing more to come.
    pub(super) fn is_left(&self, way: Way, at: Position) -> bool {
        match way {
            Way::Up => at.accepted.0 > self.1,
            Way::Down => at.accepted.0 < self.0,
        }
    }
}

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

/// Some condition is another one than states, kinds, queues and times, or reasons that say no more
/// than states do.
fn asks_more_than_structure(filter: &JobFilter) -> bool {
    filter.workers.is_some()
        || filter.started_by.is_some()
        || filter.labels.is_some()
        || filter.text.is_some()
        || filter.reasons.iter().flatten().any(|reason| state_of(*reason) == JobState::Failed)
            && states(filter).contains(&JobState::Failed)
}

/// The caller, where no other condition is asked than whose a job is, its state and times.
fn asks_only_whose(filter: &JobFilter) -> Option<&String> {
    let others = JobFilter { started_by: None, ..filter.clone() };
    let only =
        !asks_more_than_structure(&others) && filter.kinds.is_none() && filter.queues.is_none();
    filter.started_by.as_ref().filter(|_| only)
}

fn has_time(filter: &JobFilter) -> bool {
    filter.created_after.is_some() || filter.created_before.is_some()
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

/// The state of whatever ended like this, as the CHECKs of the table hold it.
fn state_of(reason: EndReason) -> JobState {
    match reason {
        EndReason::Ok => JobState::Succeeded,
        EndReason::CancelRequested => JobState::Canceled,
        EndReason::ExitCode
        | EndReason::Signal
        | EndReason::Timeout
        | EndReason::OutOfMemory
        | EndReason::SpawnFailed
        | EndReason::ResultInvalid
        | EndReason::Lost
        | EndReason::NotStarted
        | EndReason::Shutdown
        | EndReason::Unkillable => JobState::Failed,
    }
}

/// The states that the filter's states and reasons leave.
pub(super) fn states(filter: &JobFilter) -> Vec<JobState> {
    let of_reasons = |state: &JobState| {
        filter.reasons.as_ref().is_none_or(|r| r.iter().any(|r| state_of(*r) == *state))
    };
    let asked = |state: &JobState| filter.states.as_ref().is_none_or(|s| s.contains(state));
    JobState::iter().filter(asked).filter(of_reasons).collect()
}

/// The reasons, where all that match FAILED for one of them.
fn failure_reasons(filter: &JobFilter) -> Option<HashSet<EndReason>> {
    let reasons: HashSet<_> = filter.reasons.as_ref()?.iter().copied().collect();
    (states(filter) == [JobState::Failed]).then_some(reasons)
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
