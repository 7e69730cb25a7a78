//! Pages of jobs, at a cost that the number of ended jobs does not change.
//!
//! A filter is cut into [`Range`]s: pieces of one index in which every entry matches, each in
//! acceptance order. A page takes at most its own size from each range and keeps the first of all.
//! No query reads an entry that does not match, and none sorts more than a page for each range.

use std::collections::BTreeSet;
use std::sync::Arc;

use rusqlite::types::ToSql;
use rusqlite::{Connection, OptionalExtension};
use strum::IntoEnumIterator;

use super::failure::Failure;
use super::read;
use super::row::{self, JOB_COLUMNS};
use crate::domain::job::Job;
use crate::domain::names::{KindName, QueueName};
use crate::domain::state::JobState;
use crate::store::query::{JobFilter, JobOrder, JobsPage, JobsQuery, Page};

/// A piece of an index in which every entry matches, in acceptance order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Range {
    /// All jobs, by the key.
    All,
    /// By `jobs_by_state`.
    State(JobState),
    /// By `jobs_by_queue`.
    QueueState(QueueName, JobState),
    /// By `jobs_by_kind`.
    KindQueueState(KindName, QueueName, JobState),
}

/// Which way a list is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// To larger acceptance numbers.
    Up,
    /// To smaller ones.
    Down,
}

impl Way {
    fn back(self) -> Self {
        match self {
            Self::Up => Self::Down,
            Self::Down => Self::Up,
        }
    }

    /// Before every position of this way.
    fn start(self) -> i64 {
        match self {
            Self::Up => 0,
            Self::Down => i64::MAX,
        }
    }

    /// The position after this one.
    fn past(self, position: i64) -> i64 {
        match self {
            Self::Up => position.saturating_add(1),
            Self::Down => position.saturating_sub(1),
        }
    }
}

impl Range {
    fn clause(&self) -> &'static str {
        match self {
            Self::All => "WHERE true",
            Self::State(_) => "INDEXED BY jobs_by_state WHERE state = ?3",
            Self::QueueState(..) => "INDEXED BY jobs_by_queue WHERE queue = ?3 AND state = ?4",
            Self::KindQueueState(..) => {
                "INDEXED BY jobs_by_kind WHERE kind = ?3 AND queue = ?4 AND state = ?5"
            }
        }
    }

    /// From the position ?1 on, which belongs to it; at most ?2.
    pub(super) fn sql(&self, way: Way) -> String {
        let (compare, order) = match way {
            Way::Up => (">=", "ASC"),
            Way::Down => ("<=", "DESC"),
        };
        let clause = self.clause();
        format!(
            "SELECT accept_no FROM jobs {clause} AND accept_no {compare} ?1 \
             ORDER BY accept_no {order} LIMIT ?2"
        )
    }

    fn read(
        &self,
        conn: &Connection,
        way: Way,
        from: i64,
        limit: usize,
    ) -> Result<Vec<i64>, Failure> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut select = conn.prepare_cached(&self.sql(way))?;
        let (kind, queue, state) = match self {
            Self::All => (None, None, None),
            Self::State(state) => (None, None, Some(<&str>::from(state))),
            Self::QueueState(queue, state) => (None, Some(queue.as_str()), Some(state.into())),
            Self::KindQueueState(kind, queue, state) => {
                (Some(kind.as_str()), Some(queue.as_str()), Some(state.into()))
            }
        };
        let mut values: Vec<&dyn ToSql> = vec![&from, &limit];
        let words = [&kind, &queue, &state];
        values.extend(words.into_iter().flatten().map(|word| word as &dyn ToSql));
        let rows = select.query_map(values.as_slice(), |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// A page of jobs, its neighbours and its count, as of the moment of `conn`'s transaction.
pub(super) fn jobs(conn: &Connection, query: &JobsQuery) -> Result<JobsPage, Failure> {
    let ranges = ranges(conn, &query.filter)?;
    let order = match query.order {
        JobOrder::Newest => Way::Down,
        JobOrder::Oldest => Way::Up,
    };
    let (way, size, cursor) = match query.page {
        Page::First(size, after) => (order, size, after),
        Page::Last(size, before) => (order.back(), size, before),
    };
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let from = cursor.map_or(way.start(), |cursor| way.past(cursor.0));
    let mut found = first(conn, &ranges, way, from, size.saturating_add(1))?;
    let more_ahead = found.len() > size;
    found.truncate(size);
    // Whatever lies at the cursor or behind it lies before the page.
    let more_behind = match cursor {
        Some(cursor) => !first(conn, &ranges, way.back(), cursor.0, 1)?.is_empty(),
        None => false,
    };
    let (has_next, has_previous) =
        if way == order { (more_ahead, more_behind) } else { (more_behind, more_ahead) };
    if way != order {
        found.reverse();
    }
    let total = match query.count_up_to {
        Some(bound) => count(conn, &ranges, bound)?,
        None => None,
    };
    let jobs = found.into_iter().map(|at| job(conn, at)).collect::<Result<_, _>>()?;
    let last_event = read::last_event(conn)?;
    Ok(JobsPage { jobs, has_next, has_previous, total, last_event })
}

/// The first positions of all ranges together.
fn first(
    conn: &Connection,
    ranges: &[Range],
    way: Way,
    from: i64,
    limit: usize,
) -> Result<Vec<i64>, Failure> {
    let mut found = Vec::new();
    for range in ranges {
        found.extend(range.read(conn, way, from, limit)?);
    }
    match way {
        Way::Up => found.sort_unstable(),
        Way::Down => found.sort_unstable_by(|a, b| b.cmp(a)),
    }
    found.truncate(limit);
    Ok(found)
}

/// How many match; `None` past the bound, and nothing is read beyond it.
fn count(conn: &Connection, ranges: &[Range], bound: u64) -> Result<Option<u64>, Failure> {
    let bound = usize::try_from(bound).unwrap_or(usize::MAX);
    let mut total = 0;
    for range in ranges {
        let limit = bound.saturating_sub(total).saturating_add(1);
        total += range.read(conn, Way::Up, Way::Up.start(), limit)?.len();
        if total > bound {
            return Ok(None);
        }
    }
    Ok(Some(total.try_into().expect("a length fits 64 bits")))
}

/// By its key.
fn job(conn: &Connection, accept_no: i64) -> Result<Arc<Job>, Failure> {
    let sql = format!("SELECT {JOB_COLUMNS} FROM jobs WHERE accept_no = ?1");
    Ok(Arc::new(conn.prepare_cached(&sql)?.query_one([accept_no], row::job)?))
}

/// The ranges that together hold what the filter lets through, each job in one.
fn ranges(conn: &Connection, filter: &JobFilter) -> Result<Vec<Range>, Failure> {
    let states: Vec<JobState> =
        JobState::iter().filter(|s| filter.states.as_ref().is_none_or(|f| f.contains(s))).collect();
    let queues: Option<BTreeSet<&QueueName>> = filter.queues.as_ref().map(|q| q.iter().collect());
    let kinds: Option<BTreeSet<&KindName>> = filter.kinds.as_ref().map(|k| k.iter().collect());
    let mut ranges = Vec::new();
    match (kinds, queues) {
        (None, None) if filter.states.is_none() => ranges.push(Range::All),
        (None, None) => ranges.extend(states.iter().map(|s| Range::State(*s))),
        (None, Some(queues)) => {
            for queue in queues {
                ranges.extend(states.iter().map(|s| Range::QueueState(queue.clone(), *s)));
            }
        }
        (Some(kinds), queues) => {
            for kind in kinds {
                for queue in queues_of(conn, kind)? {
                    if queues.as_ref().is_none_or(|asked| asked.contains(&queue)) {
                        let range =
                            |s: &JobState| Range::KindQueueState(kind.clone(), queue.clone(), *s);
                        ranges.extend(states.iter().map(range));
                    }
                }
            }
        }
    }
    Ok(ranges)
}

/// By `jobs_by_kind`: the first queue past ?2 in which the kind has jobs.
pub(super) const NEXT_QUEUE: &str = "
SELECT queue
FROM jobs INDEXED BY jobs_by_kind
WHERE kind = ?1
  AND queue > ?2
ORDER BY queue
LIMIT 1";

/// The queues in which a kind ever had jobs: one seek for each, mostly one.
fn queues_of(conn: &Connection, kind: &KindName) -> Result<Vec<QueueName>, Failure> {
    let mut select = conn.prepare_cached(NEXT_QUEUE)?;
    let mut queues: Vec<QueueName> = Vec::new();
    loop {
        let last = queues.last().map_or("", QueueName::as_str);
        let next = select.query_one((kind.as_str(), last), |row| row::must(row, 0)).optional()?;
        match next {
            Some(queue) => queues.push(queue),
            None => return Ok(queues),
        }
    }
}
