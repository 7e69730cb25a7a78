//! Rows as the domain's types, and back.

use std::str::FromStr;
use std::time::Duration;

use rusqlite::Row;
use rusqlite::types::{FromSqlError, Type, ValueRef};

use crate::domain::attempt::{Attempt, Usage};
use crate::domain::clock::{Timestamp, from_unix_millis};
use crate::domain::event::Event;
use crate::domain::id::{AcceptNo, AttemptKey, EventNo, Fence, JobId, Seq, WorkerId};
use crate::domain::job::{Delay, Job};
use crate::domain::label::Labels;
use crate::domain::token::{ParseScopeError, Scope, Token, TokenId};
use crate::domain::worker::{Worker, WorkerName};
use crate::store::{Pause, QueueRow};

/// The columns of [`job`], in its order; all of `jobs`, whatever stands beside it.
pub(super) const JOB_COLUMNS: &str = "jobs.accept_no, jobs.id, jobs.kind, jobs.queue, jobs.state, \
     jobs.seq, jobs.created_at, jobs.not_before, jobs.delayed_until, jobs.delay, jobs.started_at, \
     jobs.cancel_requested_at, jobs.cancel_note, jobs.ended_at, jobs.reason, jobs.reason_text, \
     jobs.exit_code, jobs.signal, jobs.attempt, jobs.open_fence, jobs.max_attempts, jobs.failures, \
     jobs.losses, jobs.timeout_ms, jobs.has_result, jobs.idempotency_key, jobs.retry_of, \
     jobs.labels, jobs.worker, jobs.worker_name, jobs.cpu_ms, jobs.peak_memory_bytes, \
     jobs.log_bytes, jobs.started_by, jobs.canceled_by, jobs.cancel_forced";
/// How many they are: what stands after them begins here.
pub(super) const JOB_COLUMN_COUNT: usize = 36;

/// The columns of [`attempt`], in its order.
pub(super) const ATTEMPT_COLUMNS: &str = "attempts.number, attempts.fence, attempts.key, \
     attempts.boot_id, attempts.argv, attempts.policy, attempts.started_at, attempts.spawned, \
     attempts.ended_at, attempts.reason, attempts.reason_text, attempts.exit_code, \
     attempts.signal, attempts.cpu_ms, attempts.peak_memory_bytes, attempts.log_bytes, \
     attempts.worker";

/// The columns of [`event`], in its order.
pub(super) const EVENT_COLUMNS: &str = "job_events.no, job_events.seq, job_events.at, \
     job_events.change, job_events.state, job_events.state_before, job_events.attempt";
/// How many they are.
pub(super) const EVENT_COLUMN_COUNT: usize = 7;

/// The columns of [`queue`], in its order.
pub(super) const QUEUE_COLUMNS: &str =
    "name, file_slots, slots_override, paused_at, pause_note, paused_by";

/// The columns of [`worker`], in its order.
pub(super) const WORKER_COLUMNS: &str =
    "id, name, version, slots, started_at, last_seen_at, labels";

/// The columns of [`token`], in its order.
pub(super) const TOKEN_COLUMNS: &str = "id, name, hash, scopes, created_at, created_by, parent, \
     expires_at, revoked_at, last_used_at";

/// A job from the columns [`JOB_COLUMNS`], of which the first is the row's first.
pub(super) fn job(row: &Row<'_>) -> rusqlite::Result<Job> {
    job_from(row, 0)
}

/// A job from the columns [`JOB_COLUMNS`], of which the first stands at `at`.
pub(super) fn job_from(row: &Row<'_>, at: usize) -> rusqlite::Result<Job> {
    let delayed = match (instant(row, at + 8)?, word::<Delay>(row, at + 9)?) {
        (Some(until), Some(why)) => Some((until, why)),
        _ => None,
    };
    Ok(Job {
        accepted: AcceptNo(row.get(at)?),
        id: JobId::from_bytes(row.get(at + 1)?),
        kind: must(row, at + 2)?,
        queue: must(row, at + 3)?,
        labels: labels(row, at + 27)?,
        state: must(row, at + 4)?,
        seq: Seq(row.get(at + 5)?),
        created_at: from_unix_millis(row.get(at + 6)?),
        not_before: instant(row, at + 7)?,
        delayed,
        started_at: instant(row, at + 10)?,
        cancel_requested_at: instant(row, at + 11)?,
        cancel_note: row.get(at + 12)?,
        ended_at: instant(row, at + 13)?,
        reason: word(row, at + 14)?,
        reason_text: row.get(at + 15)?,
        exit_code: row.get(at + 16)?,
        signal: row.get(at + 17)?,
        attempt: row.get(at + 18)?,
        open: row.get::<_, Option<i64>>(at + 19)?.map(Fence),
        max_attempts: row.get(at + 20)?,
        failures: row.get(at + 21)?,
        losses: row.get(at + 22)?,
        timeout: row.get::<_, Option<i64>>(at + 23)?.map(from_millis),
        worker: worker_name(row, at + 28)?,
        usage: usage(row, at + 30)?,
        has_result: row.get(at + 24)?,
        idempotency_key: row.get(at + 25)?,
        retry_of: row.get::<_, Option<[u8; 16]>>(at + 26)?.map(JobId::from_bytes),
        started_by: word(row, at + 33)?,
        canceled_by: word(row, at + 34)?,
        cancel_forced: row.get(at + 35)?,
    })
}

/// An attempt of `job` from the columns [`ATTEMPT_COLUMNS`], of which the first stands at `at`.
pub(super) fn attempt(row: &Row<'_>, at: usize, job: JobId) -> rusqlite::Result<Attempt> {
    Ok(Attempt {
        job,
        number: row.get(at)?,
        fence: Fence(row.get(at + 1)?),
        key: AttemptKey::from_stored(row.get(at + 2)?),
        worker: row.get::<_, Option<[u8; 16]>>(at + 16)?.map(WorkerId::from_bytes),
        boot_id: row.get(at + 3)?,
        argv: json(row, at + 4)?,
        policy: json(row, at + 5)?,
        started_at: from_unix_millis(row.get(at + 6)?),
        spawned: row.get(at + 7)?,
        ended_at: instant(row, at + 8)?,
        reason: word(row, at + 9)?,
        reason_text: row.get(at + 10)?,
        exit_code: row.get(at + 11)?,
        signal: row.get(at + 12)?,
        usage: usage(row, at + 13)?,
    })
}

/// An event of `job` from the columns [`EVENT_COLUMNS`], of which the first is the row's first.
pub(super) fn event(row: &Row<'_>, job: JobId) -> rusqlite::Result<Event> {
    Ok(Event {
        job,
        no: EventNo(row.get(0)?),
        seq: Seq(row.get(1)?),
        at: from_unix_millis(row.get(2)?),
        change: must(row, 3)?,
        state: must(row, 4)?,
        before: word(row, 5)?,
        attempt: row.get(6)?,
    })
}

/// A queue from the columns [`QUEUE_COLUMNS`].
pub(super) fn queue(row: &Row<'_>) -> rusqlite::Result<QueueRow> {
    let file_slots = row.get(1)?;
    let note = row.get(4)?;
    let by = word(row, 5)?;
    Ok(QueueRow {
        name: must(row, 0)?,
        slots: row.get::<_, Option<u32>>(2)?.unwrap_or(file_slots),
        file_slots,
        paused: instant(row, 3)?.map(|at| Pause { at, note, by }),
    })
}

/// A worker from the columns [`WORKER_COLUMNS`].
pub(super) fn worker(row: &Row<'_>) -> rusqlite::Result<Worker> {
    Ok(Worker {
        id: WorkerId::from_bytes(row.get(0)?),
        name: row.get::<_, String>(1)?.into(),
        version: row.get(2)?,
        slots: row.get(3)?,
        started_at: from_unix_millis(row.get(4)?),
        last_seen_at: from_unix_millis(row.get(5)?),
        labels: labels(row, 6)?,
    })
}

/// A token from the columns [`TOKEN_COLUMNS`].
pub(super) fn token(row: &Row<'_>) -> rusqlite::Result<Token> {
    let scopes: Vec<_> = row
        .get_ref(3)?
        .as_str()
        .map_err(|error| wrong(3, error))?
        .split(' ')
        .map(str::parse)
        .collect();
    Ok(Token {
        id: TokenId::new(row.get(0)?),
        name: must(row, 1)?,
        hash: row.get(2)?,
        scopes: scopes
            .into_iter()
            .collect::<Result<_, _>>()
            .map_err(|error: ParseScopeError| wrong(3, FromSqlError::other(error)))?,
        created_at: from_unix_millis(row.get(4)?),
        created_by: word(row, 5)?,
        parent: row.get::<_, Option<[u8; 8]>>(6)?.map(TokenId::new),
        expires_at: instant(row, 7)?,
        revoked_at: instant(row, 8)?,
        last_used_at: instant(row, 9)?,
    })
}

/// Scopes as [`token`] reads them.
pub(super) fn stored_scopes(scopes: &[Scope]) -> String {
    scopes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// Three columns: CPU time, peak memory, bytes of the log.
fn usage(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<Usage>> {
    Ok(match (row.get(at)?, row.get(at + 2)?) {
        (Some(cpu_ms), Some(log_bytes)) => {
            Some(Usage { cpu_ms, peak_memory_bytes: row.get(at + 1)?, log_bytes })
        }
        _ => None,
    })
}

/// Two columns: an id and a name.
fn worker_name(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<WorkerName>> {
    Ok(match (row.get::<_, Option<[u8; 16]>>(at)?, row.get::<_, Option<String>>(at + 1)?) {
        (Some(id), Some(name)) => {
            Some(WorkerName { id: WorkerId::from_bytes(id), name: name.into() })
        }
        _ => None,
    })
}

/// A value of its text.
pub(super) fn must<T: FromStr>(row: &Row<'_>, at: usize) -> rusqlite::Result<T> {
    word(row, at)?.ok_or_else(|| wrong(at, FromSqlError::InvalidType))
}

/// A value of its text, where there is one.
fn word<T: FromStr>(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<T>> {
    let text = row.get_ref(at)?.as_str_or_null().map_err(|error| wrong(at, error))?;
    let parsed = text.map(str::parse).transpose();
    parsed.map_err(|_| wrong(at, FromSqlError::InvalidType))
}

fn instant(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(at)?.map(from_unix_millis))
}

/// As [`stored_labels`] writes them.
fn labels(row: &Row<'_>, at: usize) -> rusqlite::Result<Labels> {
    if row.get_ref(at)? == ValueRef::Null {
        return Ok(Labels::default());
    }
    Labels::new(json(row, at)?).map_err(|error| wrong(at, FromSqlError::other(error)))
}

/// Labels as JSON; `None` where there are none, which is the rule and takes no room.
pub(super) fn stored_labels(labels: &Labels) -> serde_json::Result<Option<String>> {
    (!labels.is_empty()).then(|| serde_json::to_string(labels.as_slice())).transpose()
}

fn json<T: serde::de::DeserializeOwned>(row: &Row<'_>, at: usize) -> rusqlite::Result<T> {
    let text = row.get_ref(at)?.as_str().map_err(|error| wrong(at, error))?;
    serde_json::from_str(text).map_err(|error| wrong(at, FromSqlError::other(error)))
}

fn wrong(at: usize, error: FromSqlError) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(at, Type::Text, Box::new(error))
}

/// A stored count of milliseconds.
fn from_millis(millis: i64) -> Duration {
    Duration::from_millis(millis.unsigned_abs())
}

/// A duration as it is stored; one past 292 million years becomes that.
pub(super) fn to_millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
