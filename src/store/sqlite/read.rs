//! Point reads: one job and what belongs to it, the queues, and what a start of the server needs.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row};
use serde_json::Value;

use super::failure::Failure;
use super::row::{
    self, ATTEMPT_COLUMNS, EVENT_COLUMN_COUNT, EVENT_COLUMNS, JOB_COLUMN_COUNT, JOB_COLUMNS,
    QUEUE_COLUMNS, TOKEN_COLUMNS, WORKER_COLUMNS,
};
use crate::domain::attempt::Attempt;
use crate::domain::clock::{Timestamp, from_unix_millis};
use crate::domain::event::Event;
use crate::domain::id::{AcceptNo, EventNo, JobId, WorkerId};
use crate::domain::job::Job;
use crate::domain::names::{CallerName, QueueName};
use crate::domain::token::Token;
use crate::domain::worker::Worker;
use crate::store::{EventsPage, QueueCounts, QueueRow, Waiting};

/// By the unique index of `id`.
pub(super) fn job(conn: &Connection, id: JobId) -> Result<Option<Arc<Job>>, Failure> {
    let mut select =
        conn.prepare_cached(&format!("SELECT {JOB_COLUMNS} FROM jobs WHERE id = ?1"))?;
    Ok(select.query_one([id.as_bytes()], row::job).optional()?.map(Arc::new))
}

/// By `jobs_key`.
pub(super) fn job_by_key(
    conn: &Connection,
    caller: Option<&CallerName>,
    key: &str,
) -> Result<Option<Arc<Job>>, Failure> {
    let mut select = conn.prepare_cached(&format!(
        "SELECT {JOB_COLUMNS}
         FROM jobs INDEXED BY jobs_key
         WHERE idempotency_key = ?1
           AND ifnull(started_by, '') = ?2"
    ))?;
    let caller = caller.map_or("", CallerName::as_str);
    Ok(select.query_one((key, caller), row::job).optional()?.map(Arc::new))
}

/// By the unique index of `id`, then by key.
pub(super) const ARGS: &str = "
SELECT args
FROM jobs JOIN job_args ON job_args.job = jobs.accept_no
WHERE jobs.id = ?1";

/// By the unique index of `id`, then by key.
pub(super) const RESULT: &str = "
SELECT result
FROM jobs JOIN job_results ON job_results.job = jobs.accept_no
WHERE jobs.id = ?1";

/// The JSON that [`ARGS`] or [`RESULT`] finds.
pub(super) fn json(conn: &Connection, sql: &str, id: JobId) -> Result<Option<Value>, Failure> {
    let mut select = conn.prepare_cached(sql)?;
    let text: Option<String> = select.query_one([id.as_bytes()], |row| row.get(0)).optional()?;
    Ok(text.map(|text| serde_json::from_str(&text)).transpose()?)
}

/// By the unique index of `(job, number)`, from its end.
pub(super) fn attempts(
    conn: &Connection,
    id: JobId,
    up_to: u32,
    limit: u32,
) -> Result<Vec<Attempt>, Failure> {
    let mut select = conn.prepare_cached(&format!(
        "SELECT {ATTEMPT_COLUMNS}
         FROM attempts
         WHERE job = (SELECT accept_no FROM jobs WHERE id = ?1)
           AND number <= ?2
         ORDER BY number DESC
         LIMIT ?3"
    ))?;
    let rows = select.query_map((id.as_bytes(), up_to, limit), |row| row::attempt(row, 0, id))?;
    let mut attempts = rows.collect::<Result<Vec<_>, _>>()?;
    attempts.reverse();
    Ok(attempts)
}

/// By `job_events_of`.
pub(super) fn job_events(
    conn: &Connection,
    id: JobId,
    after: EventNo,
    limit: u32,
) -> Result<Vec<Event>, Failure> {
    let mut select = conn.prepare_cached(&format!(
        "SELECT {EVENT_COLUMNS}
         FROM job_events INDEXED BY job_events_of
         WHERE job = (SELECT accept_no FROM jobs WHERE id = ?1)
           AND no > ?2
         ORDER BY no
         LIMIT ?3"
    ))?;
    let rows = select.query_map((id.as_bytes(), after.0, limit), |row| row::event(row, id))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// By the key of `job_events`, then by that of `jobs`.
pub(super) fn events_after(
    conn: &Connection,
    after: EventNo,
    limit: u32,
) -> Result<EventsPage, Failure> {
    let mut events = told(
        conn,
        &format!(
            "SELECT {EVENT_COLUMNS}, {JOB_COLUMNS}
             FROM job_events CROSS JOIN jobs ON jobs.accept_no = job_events.job
             WHERE job_events.no > ?1
             ORDER BY job_events.no
             LIMIT ?2"
        ),
        (after, limit),
    )?;
    // By its key.
    let removals = format!(
        "SELECT no, seq, removed_at, 'REMOVED', state, state, NULL, {JOB_COLUMNS}
         FROM removed_jobs AS jobs
         WHERE no > ?1
         ORDER BY no
         LIMIT ?2"
    );
    events.append(&mut told(conn, &removals, (after, limit))?);
    events.sort_by_key(|(event, _)| event.no);
    events.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let gap = conn.prepare_cached("SELECT no FROM feed_gap")?.query_one([], |row| row.get(0));
    let whole_from = EventNo(gap.optional()?.unwrap_or_default());
    Ok(EventsPage { events, last: last_event(conn)?, whole_from })
}

/// Events with their jobs from the columns [`EVENT_COLUMNS`] and [`JOB_COLUMNS`].
fn told(
    conn: &Connection,
    sql: &str,
    (after, limit): (EventNo, u32),
) -> Result<Vec<(Event, Arc<Job>)>, Failure> {
    let mut select = conn.prepare_cached(sql)?;
    let rows = select.query_map((after.0, limit), |row| {
        let job = row::job_from(row, EVENT_COLUMN_COUNT)?;
        Ok((row::event(row, job.id)?, Arc::new(job)))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What AUTOINCREMENT drew last, and not the largest number that is still there.
pub(super) fn last_event(conn: &Connection) -> Result<EventNo, Failure> {
    let sql = "SELECT seq FROM sqlite_sequence WHERE name = 'job_events'";
    let last = conn.prepare_cached(sql)?.query_one([], |row| row.get(0)).optional()?;
    Ok(EventNo(last.unwrap_or_default()))
}

/// All of them: there are as many as were ever declared.
pub(super) fn queues(conn: &Connection) -> Result<Vec<QueueRow>, Failure> {
    let sql = format!("SELECT {QUEUE_COLUMNS} FROM queues ORDER BY name");
    let mut select = conn.prepare_cached(&sql)?;
    Ok(select.query_map([], row::queue)?.collect::<Result<_, _>>()?)
}

/// By `tokens_by_parent`, those without one: for whoever may see them.
pub(super) fn tokens(conn: &Connection) -> Result<Vec<Token>, Failure> {
    tokens_where(conn, "WHERE parent IS NULL")
}

/// All of them, by the key: for the start of a server.
pub(super) fn tokens_and_shares(conn: &Connection) -> Result<Vec<Token>, Failure> {
    tokens_where(conn, "")
}

fn tokens_where(conn: &Connection, condition: &str) -> Result<Vec<Token>, Failure> {
    let sql = format!("SELECT {TOKEN_COLUMNS} FROM tokens {condition} ORDER BY no DESC");
    let mut select = conn.prepare_cached(&sql)?;
    Ok(select.query_map([], row::token)?.collect::<Result<_, _>>()?)
}

/// By the unique index of `id`.
pub(super) fn worker(conn: &Connection, id: WorkerId) -> Result<Option<Worker>, Failure> {
    let sql = format!("SELECT {WORKER_COLUMNS} FROM workers WHERE id = ?1");
    Ok(conn.prepare_cached(&sql)?.query_one([id.as_bytes()], row::worker).optional()?)
}

/// By `workers_by_sight`.
pub(super) fn workers(
    conn: &Connection,
    since: Timestamp,
    limit: u32,
) -> Result<Vec<Worker>, Failure> {
    let sql = format!(
        "SELECT {WORKER_COLUMNS} FROM workers INDEXED BY workers_by_sight
         WHERE last_seen_at >= ?1 ORDER BY last_seen_at DESC, no DESC LIMIT ?2"
    );
    let mut select = conn.prepare_cached(&sql)?;
    let rows = select.query_map((since.timestamp_millis(), limit), row::worker)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Each by the partial index of what it counts: what waits, what is delayed, what is open. The head of
/// the line by that of the line.
pub(super) const QUEUE_COUNTS: &str = "
SELECT
    (SELECT count(*)
     FROM jobs INDEXED BY jobs_line
     WHERE queue = ?1
       AND state = 'QUEUED' AND open_fence IS NULL AND delayed_until IS NULL),
    (SELECT count(*)
     FROM jobs INDEXED BY jobs_delayed
     WHERE delayed_until IS NOT NULL
       AND queue = ?1),
    (SELECT count(*)
     FROM jobs INDEXED BY jobs_open
     WHERE open_fence IS NOT NULL
       AND queue = ?1),
    (SELECT max(created_at, ifnull(not_before, 0))
     FROM jobs INDEXED BY jobs_line
     WHERE queue = ?1
       AND state = 'QUEUED' AND open_fence IS NULL AND delayed_until IS NULL
     ORDER BY accept_no
     LIMIT 1)";

/// By [`QUEUE_COUNTS`].
pub(super) fn queue_counts(conn: &Connection, queue: &QueueName) -> Result<QueueCounts, Failure> {
    let count = |row: &Row<'_>, at| row.get(at).map(i64::unsigned_abs);
    let counts = |row: &Row<'_>| {
        Ok(QueueCounts {
            waiting: count(row, 0)?,
            delayed: count(row, 1)?,
            open: count(row, 2)?,
            oldest: row.get::<_, Option<i64>>(3)?.map(from_unix_millis),
        })
    };
    Ok(conn.prepare_cached(QUEUE_COUNTS)?.query_one([queue.as_str()], counts)?)
}

/// By `jobs_by_state`: every QUEUED row once.
pub(super) const WAITING: &str = "
SELECT id, queue, accept_no, delayed_until, kind
FROM jobs INDEXED BY jobs_by_state
WHERE state = 'QUEUED'
  AND open_fence IS NULL
ORDER BY accept_no";

/// By [`WAITING`].
pub(super) fn waiting(conn: &Connection) -> Result<Vec<Waiting>, Failure> {
    let mut select = conn.prepare_cached(WAITING)?;
    let rows = select.query_map([], |row| {
        Ok(Waiting {
            job: JobId::from_bytes(row.get(0)?),
            queue: row::must(row, 1)?,
            kind: row::must(row, 4)?,
            accepted: AcceptNo(row.get(2)?),
            delayed_until: row.get::<_, Option<i64>>(3)?.map(from_unix_millis),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// By `jobs_open`, each attempt by its key.
pub(super) fn open_attempts(conn: &Connection) -> Result<Vec<(Arc<Job>, Attempt)>, Failure> {
    let mut select = conn.prepare_cached(&format!(
        "SELECT {JOB_COLUMNS}, {ATTEMPT_COLUMNS}
         FROM jobs INDEXED BY jobs_open CROSS JOIN attempts ON attempts.fence = jobs.open_fence
         WHERE jobs.open_fence IS NOT NULL
         ORDER BY jobs.open_fence"
    ))?;
    let rows = select.query_map([], |row| {
        let job = row::job(row)?;
        let attempt = row::attempt(row, JOB_COLUMN_COUNT, job.id)?;
        Ok((Arc::new(job), attempt))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
