//! What a write makes of a job or a queue: the parts of it that no database has a say in, so that every
//! backend moves by the same law.

use crate::domain::attempt::{AttemptEnd, CancelMode, Policy};
use crate::domain::clock::{Timestamp, to_millis};
use crate::domain::event::JobChange;
use crate::domain::id::{AcceptNo, Seq};
use crate::domain::job::{Delay, Job, NewJob};
use crate::domain::retry::backoff;
use crate::domain::state::{EndReason, IllegalTransition, JobEvent, JobState};
use crate::domain::verdict::History;

use super::{Cancel, Finish, QueueChange, QueueRow};

/// What happened to a job, for its event.
#[derive(Clone, Copy)]
pub(super) struct Happened {
    pub(super) change: JobChange,
    pub(super) at: Timestamp,
    /// The number of the attempt that it belongs to.
    pub(super) attempt: Option<u32>,
}

/// The job that `new` becomes, but for its acceptance number, behind one that was accepted at
/// `last_created`.
pub(super) fn fresh(new: &NewJob, last_created: Option<Timestamp>) -> Job {
    // What is told now is what a later read tells: stored instants have whole milliseconds.
    let now = to_millis(new.created_at);
    // Contract 9, where the clock was set back.
    let created_at = last_created.map_or(now, |last| now.max(last));
    let not_before = new.not_before.map(to_millis);
    let delayed = not_before.filter(|at| *at > now);
    Job {
        id: new.id,
        accepted: AcceptNo::default(),
        kind: new.kind.clone(),
        queue: new.queue.clone(),
        labels: new.labels.clone(),
        state: JobState::Queued,
        seq: Seq(1),
        created_at,
        not_before,
        delayed: delayed.map(|until| (until, Delay::NotBefore)),
        started_at: None,
        cancel_requested_at: None,
        cancel_note: None,
        ended_at: None,
        reason: None,
        reason_text: None,
        exit_code: None,
        signal: None,
        attempt: 0,
        open: None,
        max_attempts: new.max_attempts,
        failures: 0,
        losses: 0,
        timeout: new.timeout,
        worker: None,
        usage: None,
        has_result: false,
        idempotency_key: new.idempotency.as_ref().map(|i| i.key.clone()),
        retry_of: new.retry_of,
        started_by: new.started_by.clone(),
        canceled_by: None,
        cancel_forced: false,
    }
}

/// A job whose process is known to exist from now on. One that was canceled meanwhile stays
/// CANCELING; that its process exists is told as an update.
pub(super) fn started(before: &Job, at: Timestamp) -> Result<(Job, Happened), IllegalTransition> {
    let job = Job { state: before.state.after(JobEvent::Started)?, ..before.clone() };
    let change = match job.state {
        JobState::Running => JobChange::Started,
        JobState::Queued
        | JobState::Canceling
        | JobState::Succeeded
        | JobState::Failed
        | JobState::Canceled => JobChange::Updated,
    };
    let what = Happened { change, at, attempt: Some(job.attempt) };
    Ok((job, what))
}

/// A job that is asked to stop. CANCELED needs that no process is left, so an open attempt must end
/// first (P10).
pub(super) fn canceled(wish: &Cancel, before: &Job) -> Result<(Job, Happened), IllegalTransition> {
    let mut job = Job {
        cancel_requested_at: Some(wish.at),
        cancel_note: wish.note.clone(),
        canceled_by: wish.by.clone(),
        cancel_forced: wish.mode == CancelMode::Force,
        ..before.clone()
    };
    if before.open.is_some() {
        job.state = before.state.after(JobEvent::CancelRequested)?;
        let attempt = Some(job.attempt);
        return Ok((job, Happened { change: JobChange::Canceling, at: wish.at, attempt }));
    }
    job.state = before.state.after(JobEvent::CanceledWaiting)?;
    job.delayed = None;
    job.ended_at = Some(wish.at);
    job.reason = Some(EndReason::CancelRequested);
    job.reason_text = Some("canceled while it waited".to_owned());
    Ok((job, Happened { change: JobChange::Ended, at: wish.at, attempt: None }))
}

/// A job that is on its way out, and is to be killed at once from now on; `None`: that changes nothing.
pub(super) fn hurried(wish: &Cancel, before: &Job) -> Option<(Job, Happened)> {
    let is_new = wish.mode == CancelMode::Force && !before.cancel_forced;
    (is_new && before.state == JobState::Canceling).then(|| {
        let job = Job { cancel_forced: true, ..before.clone() };
        let attempt = Some(job.attempt);
        (job, Happened { change: JobChange::Canceling, at: wish.at, attempt })
    })
}

/// The same end, judged as another one, where what is known of its attempt says so.
pub(super) fn told_otherwise(
    finish: &Finish,
    before: JobState,
    is_interrupted: bool,
) -> Option<Finish> {
    let told_as = |reason: EndReason, text: &str| {
        let end = AttemptEnd { reason, text: text.to_owned(), ..finish.end.clone() };
        Some(Finish { end, ..finish.clone() })
    };
    if is_interrupted && finish.end.reason == EndReason::Lost {
        return told_as(EndReason::Shutdown, "the server stopped while it ran");
    }
    if finish.end.reason == EndReason::CancelRequested && before != JobState::Canceling {
        // A forged record, or a database older than the attempt's folder.
        let text = "its record says that it was canceled, which nobody asked for";
        return told_as(EndReason::Lost, text);
    }
    None
}

/// The job whose attempt ended, after `event`.
pub(super) fn ended(
    finish: &Finish,
    before: &Job,
    policy: &Policy,
    event: JobEvent,
) -> Result<(Job, Happened), IllegalTransition> {
    let end = &finish.end;
    let state = before.state.after(event)?;
    let failed = is_failure(end.reason) && before.state != JobState::Canceling;
    let mut job = Job {
        state,
        open: None,
        exit_code: end.exit_code,
        signal: end.signal,
        failures: before.failures.saturating_add(failed.into()),
        usage: Some(before.usage.map_or(end.usage, |usage| usage.and(end.usage))),
        losses: before.losses.saturating_add((end.reason == EndReason::Lost).into()),
        ..before.clone()
    };
    if event == JobEvent::FailedRetrying && state == JobState::Queued {
        let pause = backoff(policy.retry_backoff, job.failures, finish.chance);
        job.delayed = Some((to_millis(finish.at + pause), Delay::RetryBackoff));
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
        job.ended_at = Some(job.started_at.map_or(finish.at, |started| finish.at.max(started)));
        job.reason = Some(reason);
        job.reason_text = Some(text.to_owned());
    }
    job.has_result = state == JobState::Succeeded && end.result.is_some();
    let change = match state {
        JobState::Queued if event == JobEvent::FailedRetrying => JobChange::Retrying,
        JobState::Queued => JobChange::Queued,
        JobState::Running | JobState::Canceling => JobChange::Updated,
        JobState::Succeeded | JobState::Failed | JobState::Canceled => JobChange::Ended,
    };
    let what = Happened { change, at: finish.at, attempt: Some(job.attempt) };
    Ok((job, what))
}

/// What the law judges an end by.
pub(super) fn history(job: &Job) -> History {
    History { failures: job.failures, losses: job.losses, max_attempts: job.max_attempts }
}

/// Does this end prove that the command ran, although nobody said so before? A mere "it may have"
/// (LOST between spawn and the record of it) is not told as a fact.
pub(super) fn began(end: &AttemptEnd) -> bool {
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

/// Does it count among the attempts that failed, as `judge` counts them?
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
pub(super) fn recorded_reason(end: &AttemptEnd, before: JobState) -> EndReason {
    match (end.reason, before) {
        (EndReason::Ok, JobState::Canceling) => EndReason::CancelRequested,
        (reason, _) => reason,
    }
}

/// A queue after the change. A pause of a paused queue leaves the first one and its note.
pub(super) fn changed(before: &QueueRow, change: &QueueChange) -> QueueRow {
    let mut after = before.clone();
    match change {
        QueueChange::Pause(pause) => {
            after.paused.get_or_insert_with(|| pause.clone());
        }
        QueueChange::Resume => after.paused = None,
        QueueChange::Slots(slots) => after.slots = *slots,
    }
    after
}
