//! Recording how an attempt ended, and what that makes of its job.
//!
//! The attempt keeps what the kernel said. The job moves by [`judge`] and the law. An attempt that
//! ended `NOT_STARTED` used up its number and nothing else; its job keeps that claim's `started_at`
//! until the next one.

use std::sync::Arc;

use rusqlite::named_params;

use super::started::start;
use super::{Happened, Operation, Tx};
use crate::domain::attempt::{AttemptEnd, Policy};
use crate::domain::clock::to_millis;
use crate::domain::event::JobChange;
use crate::domain::id::Fence;
use crate::domain::job::{Delay, Job};
use crate::domain::retry::backoff;
use crate::domain::state::{EndReason, JobEvent, JobState};
use crate::domain::verdict::{History, judge};
use crate::store::sqlite::failure::{Failure, one_row};
use crate::store::{Finish, Guarded, StoreError};

impl Operation for Finish {
    type Answer = Guarded<Arc<Job>>;
    type Refusal = StoreError;

    fn apply(&self, tx: &mut Tx<'_>) -> Result<Result<Self::Answer, StoreError>, Failure> {
        let Some(mut before) = tx.job(self.job)?.filter(|job| job.open == Some(self.fence)) else {
            return Ok(Ok(Guarded::Stale));
        };
        let (policy, spawned, interrupted) = told(tx, self.fence)?;
        if interrupted && self.end.reason == EndReason::Lost {
            return self.told_as(EndReason::Shutdown, "the server stopped while it ran").apply(tx);
        }
        if self.end.reason == EndReason::CancelRequested && before.state != JobState::Canceling {
            // A forged record, or a database older than the attempt's folder.
            let text = "its record says that it was canceled, which nobody asked for";
            return self.told_as(EndReason::Lost, text).apply(tx);
        }
        if !spawned && began(&self.end) {
            before = Job::clone(&*start(tx, &before, self.fence, self.at)?);
        }
        let event = judge(history(&before), &policy, &self.end);
        let job = self.moved(&before, &policy, event)?;
        self.end_attempt(tx, recorded_reason(&self.end, before.state))?;
        if job.has_result {
            let mut insert = tx.prepare("INSERT INTO job_results (job, result) VALUES (?1, ?2)")?;
            insert.execute((job.accepted.0, &self.end.result))?;
        }
        let change = match job.state {
            JobState::Queued if event == JobEvent::FailedRetrying => JobChange::Retrying,
            JobState::Queued => JobChange::Queued,
            JobState::Running | JobState::Canceling => JobChange::Updated,
            JobState::Succeeded | JobState::Failed | JobState::Canceled => JobChange::Ended,
        };
        let what = Happened { change, at: self.at, attempt: Some(job.attempt) };
        Ok(Ok(Guarded::Done(tx.save(&before, job, what)?)))
    }
}

impl Finish {
    /// The same end, judged as another one.
    fn told_as(&self, reason: EndReason, text: &str) -> Self {
        let end = AttemptEnd { reason, text: text.to_owned(), ..self.end.clone() };
        Self { end, ..self.clone() }
    }

    /// The job after `event`.
    fn moved(&self, before: &Job, policy: &Policy, event: JobEvent) -> Result<Job, Failure> {
        let end = &self.end;
        let state = before.state.after(event)?;
        let failed = is_failure(end.reason) && before.state != JobState::Canceling;
        let mut job = Job {
            state,
            open: None,
            exit_code: end.exit_code,
            signal: end.signal,
            failures: before.failures.saturating_add(failed.into()),
            losses: before.losses.saturating_add((end.reason == EndReason::Lost).into()),
            ..before.clone()
        };
        if event == JobEvent::FailedRetrying && state == JobState::Queued {
            let pause = backoff(policy.retry_backoff, job.failures, self.chance);
            job.delayed = Some((to_millis(self.at + pause), Delay::RetryBackoff));
        }
        if state.is_terminal() {
            let canceled = state == JobState::Canceled && end.reason != EndReason::CancelRequested;
            let (reason, text) = if canceled {
                // P10: how its attempt ended after the cancel stands in the attempt.
                (EndReason::CancelRequested, "canceled on request")
            } else {
                (end.reason, end.text.as_str())
            };
            // A clock that was set back must not end a job before its start.
            job.ended_at = Some(job.started_at.map_or(self.at, |started| self.at.max(started)));
            job.reason = Some(reason);
            job.reason_text = Some(text.to_owned());
        }
        job.has_result = state == JobState::Succeeded && end.result.is_some();
        Ok(job)
    }

    fn end_attempt(&self, tx: &Tx<'_>, reason: EndReason) -> Result<(), Failure> {
        let end = &self.end;
        let rows = tx.prepare(END_ATTEMPT)?.execute(named_params! {
            ":fence": self.fence.0,
            ":ended_at": self.at.timestamp_millis(),
            ":reason": <&str>::from(reason),
            ":reason_text": end.text,
            ":exit_code": end.exit_code,
            ":signal": end.signal,
            ":cpu_ms": end.usage.cpu_ms,
            ":peak_memory_bytes": end.usage.peak_memory_bytes,
            ":log_bytes": end.usage.log_bytes,
        })?;
        one_row("the end of an attempt", rows)
    }
}

/// What the attempt was told, whether its process is known to have existed, and whether the server
/// stopped it.
fn told(tx: &Tx<'_>, fence: Fence) -> Result<(Policy, bool, bool), Failure> {
    let sql = "SELECT policy, spawned, interrupted FROM attempts WHERE fence = ?1";
    let (policy, spawned, interrupted): (String, bool, bool) =
        tx.prepare(sql)?.query_one([fence.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok((serde_json::from_str(&policy)?, spawned, interrupted))
}

fn history(job: &Job) -> History {
    History { failures: job.failures, losses: job.losses, max_attempts: job.max_attempts }
}

/// Does this end prove that the command ran, although nobody said so before? A mere "it may have"
/// (LOST between spawn and the record of it) is not told as a fact.
fn began(end: &AttemptEnd) -> bool {
    match end.reason {
        EndReason::Ok
        | EndReason::ExitCode
        | EndReason::Signal
        | EndReason::Timeout
        | EndReason::OutOfMemory
        | EndReason::ResultInvalid => true,
        EndReason::SpawnFailed | EndReason::NotStarted => false,
        EndReason::Unkillable => end.may_have_started,
        EndReason::CancelRequested | EndReason::Shutdown | EndReason::Lost => {
            end.may_have_started && (end.exit_code.is_some() || end.signal.is_some())
        }
    }
}

/// Does it count among the attempts that failed, as [`judge`] counts them?
fn is_failure(reason: EndReason) -> bool {
    match reason {
        EndReason::ExitCode
        | EndReason::Signal
        | EndReason::Timeout
        | EndReason::OutOfMemory
        | EndReason::SpawnFailed
        | EndReason::ResultInvalid => true,
        EndReason::Ok
        | EndReason::Lost
        | EndReason::NotStarted
        | EndReason::CancelRequested
        | EndReason::Shutdown
        | EndReason::Unkillable => false,
    }
}

/// P9: an end after somebody asked for a stop is no success, whatever the command says. Its exit
/// code stays what the kernel said.
fn recorded_reason(end: &AttemptEnd, before: JobState) -> EndReason {
    match (end.reason, before) {
        (EndReason::Ok, JobState::Canceling) => EndReason::CancelRequested,
        (reason, _) => reason,
    }
}

/// By its key.
const END_ATTEMPT: &str = "
UPDATE attempts
SET ended_at = :ended_at,
    reason = :reason,
    reason_text = :reason_text,
    exit_code = :exit_code,
    signal = :signal,
    cpu_ms = :cpu_ms,
    peak_memory_bytes = :peak_memory_bytes,
    log_bytes = :log_bytes
WHERE fence = :fence
  AND ended_at IS NULL";
