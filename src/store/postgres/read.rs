//! Point reads: one job and what belongs to it, the queues, and what a start of the server needs.

use std::sync::Arc;

use serde_json::Value;
use tokio_postgres::Row;

use super::failure::Failure;
use super::readers::{Moment, Readers};
use super::row::{
    self, ATTEMPT_COLUMNS, EVENT_COLUMN_COUNT, EVENT_COLUMNS, JOB_COLUMN_COUNT, JOB_COLUMNS,
    QUEUE_COLUMNS, TOKEN_COLUMNS, WORKER_COLUMNS, get, instant, job_id, millis, must, stored, uuid,
};
use super::session::Session;
use super::typed::Asks;
use crate::domain::attempt::Attempt;
use crate::domain::clock::Timestamp;
use crate::domain::event::Event;
use crate::domain::id::{AcceptNo, EventNo, JobId, WorkerId};
use crate::domain::job::Job;
use crate::domain::names::{CallerName, QueueName};
use crate::domain::token::Token;
use crate::domain::worker::Worker;
use crate::store::tally::Tally;
use crate::store::{EventsPage, Picture, QueueCounts, QueueRow, Waiting};

/// Counts what waits, by `jobs_by_state`, and says as of which event: one statement sees one moment.
pub(super) async fn tally(session: &Session) -> Result<(Tally, i64), Failure> {
    let sql = format!(
        "SELECT queue, count(*), sum(args_bytes)::bigint
         FROM jobs
         WHERE state = 'QUEUED'
         GROUP BY queue
         UNION ALL
         SELECT NULL, ({LAST_EVENT}), NULL"
    );
    let rows = session.rows(&sql, &[]).await?;
    let (mut counts, mut last) = (Vec::new(), 0);
    for row in &rows {
        match get::<Option<&str>>(row, 0)? {
            Some(_) => counts.push((must(row, 0)?, get(row, 1)?, get(row, 2)?)),
            None => last = get(row, 1)?,
        }
    }
    Ok((Tally::of(counts), last))
}

/// By the unique index of `id`.
pub(super) async fn job(readers: &Readers, id: JobId) -> Result<Option<Arc<Job>>, Failure> {
    let sql = format!("SELECT {JOB_COLUMNS} FROM jobs WHERE id = $1");
    one_job(readers, &sql, &[&uuid(id.as_bytes())]).await
}

/// By `jobs_key`.
pub(super) async fn job_by_key(
    readers: &Readers,
    caller: Option<&CallerName>,
    key: &str,
) -> Result<Option<Arc<Job>>, Failure> {
    let sql = format!(
        "SELECT {JOB_COLUMNS}
         FROM jobs
         WHERE idempotency_key = $1
           AND coalesce(started_by, '') = $2"
    );
    one_job(readers, &sql, &[&stored(key), &caller.map_or("", CallerName::as_str)]).await
}

async fn one_job(
    readers: &Readers,
    sql: &str,
    parameters: Asks<'_>,
) -> Result<Option<Arc<Job>>, Failure> {
    let found = readers.maybe(sql, parameters).await?;
    Ok(found.as_ref().map(row::job).transpose()?.map(Arc::new))
}

/// By the unique index of `id`, then by key.
pub(super) const ARGS: &str = "
SELECT args
FROM jobs JOIN job_args ON job_args.job = jobs.accept_no
WHERE jobs.id = $1";

/// By the unique index of `id`, then by key.
pub(super) const RESULT: &str = "
SELECT result
FROM jobs JOIN job_results ON job_results.job = jobs.accept_no
WHERE jobs.id = $1";

/// The JSON that [`ARGS`] or [`RESULT`] finds.
pub(super) async fn json(
    readers: &Readers,
    sql: &str,
    id: JobId,
) -> Result<Option<Value>, Failure> {
    let found = readers.maybe(sql, &[&uuid(id.as_bytes())]).await?;
    found.map(|row| Ok(serde_json::from_str(get(&row, 0)?)?)).transpose()
}

/// By the unique index of `(job, number)`, from its end.
pub(super) async fn attempts(
    readers: &Readers,
    id: JobId,
    up_to: u32,
    limit: u32,
) -> Result<Vec<Attempt>, Failure> {
    let sql = format!(
        "SELECT {ATTEMPT_COLUMNS}
         FROM attempts
         WHERE job = (SELECT accept_no FROM jobs WHERE id = $1)
           AND number <= $2
         ORDER BY number DESC
         LIMIT $3"
    );
    let asked = (uuid(id.as_bytes()), i64::from(up_to), i64::from(limit));
    let rows = readers.rows(&sql, &[&asked.0, &asked.1, &asked.2]).await?;
    rows.iter().rev().map(|row| row::attempt(row, 0, id)).collect()
}

/// By `job_events_of`.
pub(super) async fn job_events(
    readers: &Readers,
    id: JobId,
    after: EventNo,
    limit: u32,
) -> Result<Vec<Event>, Failure> {
    let sql = format!(
        "SELECT {EVENT_COLUMNS}
         FROM job_events
         WHERE job = (SELECT accept_no FROM jobs WHERE id = $1)
           AND no > $2
         ORDER BY no
         LIMIT $3"
    );
    let asked = (uuid(id.as_bytes()), after.0, i64::from(limit));
    let rows = readers.rows(&sql, &[&asked.0, &asked.1, &asked.2]).await?;
    rows.iter().map(|row| row::event(row, id)).collect()
}

/// By the key of `job_events`, then by that of `jobs`.
pub(super) async fn events_after(
    readers: &Readers,
    after: EventNo,
    limit: u32,
) -> Result<EventsPage, Failure> {
    let mut client = readers.lend().await?;
    let moment = &Moment::begin(&mut client).await?;
    let events = format!(
        "SELECT {EVENT_COLUMNS}, {JOB_COLUMNS}
         FROM (
             SELECT *
             FROM job_events
             WHERE no > $1
             ORDER BY no
             LIMIT $2
         ) AS job_events JOIN jobs ON jobs.accept_no = job_events.job
         ORDER BY job_events.no"
    );
    let mut events = told(moment, &events, (after, limit)).await?;
    // By its key.
    let removals = format!(
        "SELECT no, seq, removed_at, 'REMOVED', state, state, NULL::bigint, {JOB_COLUMNS}
         FROM removed_jobs AS jobs
         WHERE no > $1
         ORDER BY no
         LIMIT $2"
    );
    events.append(&mut told(moment, &removals, (after, limit)).await?);
    events.sort_by_key(|(event, _)| event.no);
    events.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let gap = moment.maybe("SELECT no FROM feed_gap", &[]).await?;
    let whole_from = EventNo(gap.map(|row| get(&row, 0)).transpose()?.unwrap_or_default());
    Ok(EventsPage { events, last: last_event(moment).await?, whole_from })
}

/// Events with their jobs from the columns [`EVENT_COLUMNS`] and [`JOB_COLUMNS`].
async fn told(
    moment: &Moment<'_>,
    sql: &str,
    (after, limit): (EventNo, u32),
) -> Result<Vec<(Event, Arc<Job>)>, Failure> {
    let rows = moment.rows(sql, &[&after.0, &i64::from(limit)]).await?;
    let told = rows.iter().map(|row| {
        let job = row::job_from(row, EVENT_COLUMN_COUNT)?;
        Ok((row::event(row, job.id)?, Arc::new(job)))
    });
    told.collect()
}

/// By the ends of two keys: a removal is told by a number past those of what it removes, so this never
/// falls. The sequence itself would count what is not committed yet.
const LAST_EVENT: &str = "
SELECT coalesce(greatest(
    (SELECT max(no) FROM job_events),
    (SELECT max(no) FROM removed_jobs)), 0)";

/// By [`LAST_EVENT`].
pub(super) async fn last_event(moment: &Moment<'_>) -> Result<EventNo, Failure> {
    let last = moment.maybe(LAST_EVENT, &[]).await?;
    Ok(EventNo(last.map(|row| get(&row, 0)).transpose()?.unwrap_or_default()))
}

/// By [`LAST_EVENT`].
pub(super) async fn last_event_now(readers: &Readers) -> Result<EventNo, Failure> {
    let last = readers.maybe(LAST_EVENT, &[]).await?;
    Ok(EventNo(last.map(|row| get(&row, 0)).transpose()?.unwrap_or_default()))
}

/// All of them: there are as many as were ever declared.
pub(super) async fn queues(readers: &Readers) -> Result<Vec<QueueRow>, Failure> {
    let sql = format!("SELECT {QUEUE_COLUMNS} FROM queues ORDER BY name");
    readers.rows(&sql, &[]).await?.iter().map(row::queue).collect()
}

/// Those for which `condition` holds, the one made last first: by `tokens_by_parent`, or all by the key.
pub(super) async fn tokens(readers: &Readers, condition: &str) -> Result<Vec<Token>, Failure> {
    let sql = format!("SELECT {TOKEN_COLUMNS} FROM tokens WHERE {condition} ORDER BY no DESC");
    readers.rows(&sql, &[]).await?.iter().map(row::token).collect()
}

/// By the unique index of `id`.
pub(super) async fn worker(readers: &Readers, id: WorkerId) -> Result<Option<Worker>, Failure> {
    let sql = format!("SELECT {WORKER_COLUMNS} FROM workers WHERE id = $1");
    let found = readers.maybe(&sql, &[&uuid(id.as_bytes())]).await?;
    found.as_ref().map(row::worker).transpose()
}

/// By `workers_by_sight`.
pub(super) async fn workers(
    readers: &Readers,
    since: Timestamp,
    limit: u32,
) -> Result<Vec<Worker>, Failure> {
    let sql = format!(
        "SELECT {WORKER_COLUMNS} FROM workers
         WHERE last_seen_at >= $1 ORDER BY last_seen_at DESC, no DESC LIMIT $2"
    );
    let rows = readers.rows(&sql, &[&millis(since), &i64::from(limit)]).await?;
    rows.iter().map(row::worker).collect()
}

/// Each by the partial index of what it counts: what waits, what is delayed, what is open. The head of
/// the line by that of the line.
const QUEUE_COUNTS: &str = "
SELECT
    (SELECT count(*)
     FROM jobs
     WHERE queue = $1
       AND state = 'QUEUED' AND open_fence IS NULL AND delayed_until IS NULL),
    (SELECT count(*)
     FROM jobs
     WHERE delayed_until IS NOT NULL
       AND queue || '' = $1),
    (SELECT count(*)
     FROM jobs
     WHERE open_fence IS NOT NULL
       AND queue = $1),
    (SELECT greatest(created_at, not_before)
     FROM jobs
     WHERE queue = $1
       AND state = 'QUEUED' AND open_fence IS NULL AND delayed_until IS NULL
     ORDER BY accept_no + 0
     LIMIT 1)";

/// By [`QUEUE_COUNTS`].
pub(super) async fn queue_counts(
    readers: &Readers,
    queue: &QueueName,
) -> Result<QueueCounts, Failure> {
    let found = readers.maybe(QUEUE_COUNTS, &[&queue.as_str()]).await?;
    let Some(row) = found else { return Ok(QueueCounts::default()) };
    let count = |at| get::<i64>(&row, at).map(i64::unsigned_abs);
    Ok(QueueCounts {
        waiting: count(0)?,
        delayed: count(1)?,
        open: count(2)?,
        oldest: instant(&row, 3)?,
    })
}

/// By `jobs_by_state`.
const WAITING: &str = "
SELECT id, queue, accept_no, delayed_until, kind
FROM jobs
WHERE state = 'QUEUED'
  AND open_fence IS NULL
ORDER BY accept_no";

/// By [`WAITING`].
pub(super) async fn waiting(readers: &Readers) -> Result<Vec<Waiting>, Failure> {
    those_waiting(&readers.rows(WAITING, &[]).await?)
}

fn those_waiting(rows: &[Row]) -> Result<Vec<Waiting>, Failure> {
    let waiting = rows.iter().map(|row| {
        Ok(Waiting {
            job: job_id(row, 0)?,
            queue: must(row, 1)?,
            kind: must(row, 4)?,
            accepted: AcceptNo(get(row, 2)?),
            delayed_until: instant(row, 3)?,
        })
    });
    waiting.collect()
}

/// By `jobs_open`, each attempt by its key.
fn open_sql(more: &str) -> String {
    format!(
        "SELECT {JOB_COLUMNS}, {ATTEMPT_COLUMNS}
         FROM jobs JOIN attempts ON attempts.fence = jobs.open_fence
         WHERE jobs.open_fence IS NOT NULL{more}
         ORDER BY jobs.open_fence"
    )
}

/// By `jobs_open`, each attempt by its key.
pub(super) async fn open_attempts(readers: &Readers) -> Result<Vec<(Arc<Job>, Attempt)>, Failure> {
    those_open(&readers.rows(&open_sql(""), &[]).await?)
}

/// The same of those that a worker of this folder claimed, or nobody knows who: by `id`, too.
pub(super) async fn own_attempts(
    readers: &Readers,
    home: &str,
) -> Result<Vec<(Arc<Job>, Attempt)>, Failure> {
    let own = "
           AND coalesce((SELECT home FROM workers WHERE workers.id = attempts.worker), $1) = $1";
    those_open(&readers.rows(&open_sql(own), &[&home]).await?)
}

/// What has not ended, all of one moment.
pub(super) async fn picture(readers: &Readers) -> Result<Picture, Failure> {
    let mut client = readers.lend().await?;
    let moment = &Moment::begin(&mut client).await?;
    Ok(Picture {
        waiting: those_waiting(&moment.rows(WAITING, &[]).await?)?,
        open: those_open(&moment.rows(&open_sql(""), &[]).await?)?,
        last: last_event(moment).await?,
    })
}

fn those_open(rows: &[Row]) -> Result<Vec<(Arc<Job>, Attempt)>, Failure> {
    let open = rows.iter().map(|row| {
        let job = row::job(row)?;
        let attempt = row::attempt(row, JOB_COLUMN_COUNT, job.id)?;
        Ok((Arc::new(job), attempt))
    });
    open.collect()
}
