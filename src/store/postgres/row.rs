//! Rows as the domain's types, and back.

use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::Row;
use tokio_postgres::types::FromSql;
use uuid::Uuid;

use super::failure::Failure;
use crate::domain::attempt::{Attempt, Usage};
use crate::domain::clock::{Timestamp, from_unix_millis};
use crate::domain::event::Event;
use crate::domain::id::{AcceptNo, AttemptKey, EventNo, Fence, JobId, Seq, WorkerId};
use crate::domain::job::{Delay, Job};
use crate::domain::label::{Label, Labels};
use crate::domain::token::{Scope, Token, TokenId};
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
pub(super) const QUEUE_COLUMNS: &str = "queues.name, queues.file_slots, queues.slots_override, \
     queues.paused_at, queues.pause_note, queues.paused_by";

/// The columns of [`worker`], in its order.
pub(super) const WORKER_COLUMNS: &str =
    "id, name, version, slots, started_at, last_seen_at, labels";

/// The columns of [`token`], in its order.
pub(super) const TOKEN_COLUMNS: &str = "id, name, hash, scopes, created_at, created_by, parent, \
     expires_at, revoked_at, last_used_at";

/// A job from the columns [`JOB_COLUMNS`], of which the first is the row's first.
pub(super) fn job(row: &Row) -> Result<Job, Failure> {
    job_from(row, 0)
}

/// A job from the columns [`JOB_COLUMNS`], of which the first stands at `at`.
pub(super) fn job_from(row: &Row, at: usize) -> Result<Job, Failure> {
    let delayed = match (instant(row, at + 8)?, word::<Delay>(row, at + 9)?) {
        (Some(until), Some(why)) => Some((until, why)),
        _ => None,
    };
    Ok(Job {
        accepted: AcceptNo(get(row, at)?),
        id: job_id(row, at + 1)?,
        kind: must(row, at + 2)?,
        queue: must(row, at + 3)?,
        labels: labels(row, at + 27)?,
        state: must(row, at + 4)?,
        seq: Seq(get(row, at + 5)?),
        created_at: from_unix_millis(get(row, at + 6)?),
        not_before: instant(row, at + 7)?,
        delayed,
        started_at: instant(row, at + 10)?,
        cancel_requested_at: instant(row, at + 11)?,
        cancel_note: free_text(row, at + 12)?,
        ended_at: instant(row, at + 13)?,
        reason: word(row, at + 14)?,
        reason_text: free_text(row, at + 15)?,
        exit_code: get(row, at + 16)?,
        signal: get(row, at + 17)?,
        attempt: count(row, at + 18)?,
        open: get::<Option<i64>>(row, at + 19)?.map(Fence),
        max_attempts: count(row, at + 20)?,
        failures: count(row, at + 21)?,
        losses: count(row, at + 22)?,
        timeout: get::<Option<i64>>(row, at + 23)?.map(from_millis),
        worker: worker_name(row, at + 28)?,
        usage: usage(row, at + 30)?,
        has_result: get(row, at + 24)?,
        idempotency_key: free_text(row, at + 25)?,
        retry_of: get::<Option<Uuid>>(row, at + 26)?.map(|id| JobId::from_bytes(id.into_bytes())),
        started_by: word(row, at + 33)?,
        canceled_by: word(row, at + 34)?,
        cancel_forced: get(row, at + 35)?,
    })
}

/// An attempt of `job` from the columns [`ATTEMPT_COLUMNS`], of which the first stands at `at`.
pub(super) fn attempt(row: &Row, at: usize, job: JobId) -> Result<Attempt, Failure> {
    let worker: Option<Uuid> = get(row, at + 16)?;
    Ok(Attempt {
        job,
        number: count(row, at)?,
        fence: Fence(get(row, at + 1)?),
        key: AttemptKey::from_stored(get(row, at + 2)?),
        worker: worker.map(|id| WorkerId::from_bytes(id.into_bytes())),
        boot_id: get(row, at + 3)?,
        argv: serde_json::from_str(get(row, at + 4)?)?,
        policy: serde_json::from_str(get(row, at + 5)?)?,
        started_at: from_unix_millis(get(row, at + 6)?),
        spawned: get(row, at + 7)?,
        ended_at: instant(row, at + 8)?,
        reason: word(row, at + 9)?,
        reason_text: free_text(row, at + 10)?,
        exit_code: get(row, at + 11)?,
        signal: get(row, at + 12)?,
        usage: usage(row, at + 13)?,
    })
}

/// An event of `job` from the columns [`EVENT_COLUMNS`], of which the first is the row's first.
pub(super) fn event(row: &Row, job: JobId) -> Result<Event, Failure> {
    let attempt: Option<i64> = get(row, 6)?;
    Ok(Event {
        job,
        no: EventNo(get(row, 0)?),
        seq: Seq(get(row, 1)?),
        at: from_unix_millis(get(row, 2)?),
        change: must(row, 3)?,
        state: must(row, 4)?,
        before: word(row, 5)?,
        attempt: attempt.map(small).transpose()?,
    })
}

/// A queue from the columns [`QUEUE_COLUMNS`].
pub(super) fn queue(row: &Row) -> Result<QueueRow, Failure> {
    let file_slots = count(row, 1)?;
    let slots: Option<i64> = get(row, 2)?;
    let (note, by) = (free_text(row, 4)?, word(row, 5)?);
    Ok(QueueRow {
        name: must(row, 0)?,
        slots: slots.map(small).transpose()?.unwrap_or(file_slots),
        file_slots,
        paused: instant(row, 3)?.map(|at| Pause { at, note, by }),
    })
}

/// A worker from the columns [`WORKER_COLUMNS`].
pub(super) fn worker(row: &Row) -> Result<Worker, Failure> {
    Ok(Worker {
        id: WorkerId::from_bytes(get::<Uuid>(row, 0)?.into_bytes()),
        name: get::<String>(row, 1)?.into(),
        version: get(row, 2)?,
        slots: count(row, 3)?,
        started_at: from_unix_millis(get(row, 4)?),
        last_seen_at: from_unix_millis(get(row, 5)?),
        labels: labels(row, 6)?,
    })
}

/// A token from the columns [`TOKEN_COLUMNS`].
pub(super) fn token(row: &Row) -> Result<Token, Failure> {
    let scopes: Result<Vec<Scope>, _> = get::<&str>(row, 3)?.split(' ').map(str::parse).collect();
    let parent: Option<Vec<u8>> = get(row, 6)?;
    Ok(Token {
        id: TokenId::new(bytes(get(row, 0)?)?),
        name: must(row, 1)?,
        hash: bytes(get(row, 2)?)?,
        scopes: scopes.map_err(|error| Failure::Value(error.to_string()))?,
        created_at: from_unix_millis(get(row, 4)?),
        created_by: word(row, 5)?,
        parent: parent.map(|id| bytes(&id).map(TokenId::new)).transpose()?,
        expires_at: instant(row, 7)?,
        revoked_at: instant(row, 8)?,
        last_used_at: instant(row, 9)?,
    })
}

/// Scopes as [`token`] reads them.
pub(super) fn stored_scopes(scopes: &[Scope]) -> String {
    scopes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// A column.
pub(super) fn get<'a, T: FromSql<'a>>(row: &'a Row, at: usize) -> Result<T, Failure> {
    Ok(row.try_get(at)?)
}

/// A value of its text.
pub(super) fn must<T: FromStr>(row: &Row, at: usize) -> Result<T, Failure> {
    word(row, at)?.ok_or_else(|| Failure::Value(format!("column {at} is empty")))
}

/// A value of its text, where there is one.
pub(super) fn word<T: FromStr>(row: &Row, at: usize) -> Result<Option<T>, Failure> {
    let parsed = get::<Option<&str>>(row, at)?.map(str::parse).transpose();
    parsed.map_err(|_| Failure::Value(format!("column {at} has an unknown word")))
}

/// An instant, where there is one.
pub(super) fn instant(row: &Row, at: usize) -> Result<Option<Timestamp>, Failure> {
    Ok(get::<Option<i64>>(row, at)?.map(from_unix_millis))
}

/// The id of a job.
pub(super) fn job_id(row: &Row, at: usize) -> Result<JobId, Failure> {
    Ok(JobId::from_bytes(get::<Uuid>(row, at)?.into_bytes()))
}

/// A count.
pub(super) fn count(row: &Row, at: usize) -> Result<u32, Failure> {
    small(get(row, at)?)
}

fn small(count: i64) -> Result<u32, Failure> {
    u32::try_from(count).map_err(|_| Failure::Value(format!("{count} is no count")))
}

/// So many bytes and no others.
pub(super) fn bytes<const N: usize>(stored: &[u8]) -> Result<[u8; N], Failure> {
    stored.try_into().map_err(|_| Failure::Value(format!("{} bytes, not {N}", stored.len())))
}

/// Three columns: CPU time, peak memory, bytes of the log.
fn usage(row: &Row, at: usize) -> Result<Option<Usage>, Failure> {
    Ok(match (get(row, at)?, get(row, at + 2)?) {
        (Some(cpu_ms), Some(log_bytes)) => {
            Some(Usage { cpu_ms, peak_memory_bytes: get(row, at + 1)?, log_bytes })
        }
        _ => None,
    })
}

/// Two columns: an id and a name.
fn worker_name(row: &Row, at: usize) -> Result<Option<WorkerName>, Failure> {
    Ok(match (get::<Option<Uuid>>(row, at)?, get::<Option<String>>(row, at + 1)?) {
        (Some(id), Some(name)) => {
            Some(WorkerName { id: WorkerId::from_bytes(id.into_bytes()), name: name.into() })
        }
        _ => None,
    })
}

/// As [`stored_labels`] writes them.
fn labels(row: &Row, at: usize) -> Result<Labels, Failure> {
    let Some(text) = get::<Option<&str>>(row, at)? else { return Ok(Labels::default()) };
    let labels: Vec<Label> = serde_json::from_str(text)?;
    Labels::new(labels).map_err(|error| Failure::Value(error.to_string()))
}

/// Labels as JSON; `None` where there are none, which is the rule and takes no room.
pub(super) fn stored_labels(labels: &Labels) -> serde_json::Result<Option<String>> {
    (!labels.is_empty()).then(|| serde_json::to_string(labels.as_slice())).transpose()
}

/// What somebody wrote, where there is something.
fn free_text(row: &Row, at: usize) -> Result<Option<String>, Failure> {
    Ok(get::<Option<String>>(row, at)?.map(read_back))
}

/// What somebody wrote, as it is stored: PostgreSQL takes no NUL in a text, and JSON may bring one.
pub(super) fn stored(text: &str) -> String {
    if text.contains(['\0', '\u{1}']) {
        text.replace('\u{1}', "\u{1}1").replace('\0', "\u{1}0")
    } else {
        text.to_owned()
    }
}

/// As [`stored`] wrote it.
pub(super) fn read_back(stored: String) -> String {
    if stored.contains('\u{1}') {
        stored.replace("\u{1}0", "\0").replace("\u{1}1", "\u{1}")
    } else {
        stored
    }
}

/// An id as it is stored.
pub(super) fn uuid(bytes: &[u8; 16]) -> Uuid {
    Uuid::from_bytes(*bytes)
}

/// An instant as it is stored.
pub(super) fn millis(at: Timestamp) -> i64 {
    at.timestamp_millis()
}

/// A stored count of milliseconds.
fn from_millis(millis: i64) -> Duration {
    Duration::from_millis(millis.unsigned_abs())
}

/// A duration as it is stored; one past 292 million years becomes that.
pub(super) fn to_millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_is_read_back_as_it_was_written() {
        for text in ["", "plain", "\0", "\u{1}0", "\u{1}\0\u{1}1", "0\u{1}\u{1}0"] {
            assert!(!stored(text).contains('\0'));
            assert_eq!(read_back(stored(text)), text);
        }
    }
}
