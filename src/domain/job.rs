//! What a user asks for, and what is known of it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use strum::{EnumString, IntoStaticStr};

use super::attempt::Usage;
use super::clock::Timestamp;
use super::id::{AcceptNo, Fence, JobId, Seq};
use super::label::Labels;
use super::names::{CallerName, KindName, QueueName};
use super::state::{EndReason, JobState};
use super::worker::WorkerName;

/// A job that was checked and is ready to be accepted.
#[derive(Clone)]
pub struct NewJob {
    /// Its id, made by whoever accepts it.
    pub id: JobId,
    /// Its kind.
    pub kind: KindName,
    /// The queue of its kind at this moment; it never changes its queue.
    pub queue: QueueName,
    /// Its arguments, an object that fits the kind's schema.
    pub args: Value,
    /// What its caller attached to it.
    pub labels: Labels,
    /// The instant of acceptance.
    pub created_at: Timestamp,
    /// Not to start before.
    pub not_before: Option<Timestamp>,
    /// How long an attempt may run; `None`: for ever.
    pub timeout: Option<Duration>,
    /// How many attempts its failures may cost, at least 1.
    pub max_attempts: u32,
    /// The key that makes repeats of this request one job (P14), with the fingerprint of the rest.
    pub idempotency: Option<Idempotency>,
    /// The job that it repeats.
    pub retry_of: Option<JobId>,
    /// Who asked for it; `None` where nobody was asked for a token.
    pub started_by: Option<CallerName>,
}

impl std::fmt::Debug for NewJob {
    /// Without the arguments: they may hold what no log should.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewJob")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}

/// A caller's key and what it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// The caller's own key, 1 to 255 bytes.
    pub key: String,
    /// SHA-256 of everything that must be the same when the key comes again.
    pub fingerprint: [u8; 32],
}

/// Why a QUEUED job is not in line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumString, IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Delay {
    /// Its caller asked for it.
    NotBefore,
    /// An attempt failed.
    RetryBackoff,
}

/// One job as stored, without its arguments and its result: those never change once written and
/// are read by themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// Its acceptance number: its place among the jobs of its queue (P2).
    pub accepted: AcceptNo,
    /// Its kind; may be one that the configuration no longer has.
    pub kind: KindName,
    /// Its queue; likewise.
    pub queue: QueueName,
    /// What its caller attached to it; never changes.
    pub labels: Labels,
    /// Where it is. Changed by [`JobState::after`] only.
    pub state: JobState,
    /// Grows by one with every committed change.
    pub seq: Seq,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// As its caller asked.
    pub not_before: Option<Timestamp>,
    /// While QUEUED and not in line: until when and why.
    pub delayed: Option<(Timestamp, Delay)>,
    /// The claim of its latest attempt; never falls along the claims of a queue.
    pub started_at: Option<Timestamp>,
    /// When it was first asked to stop.
    pub cancel_requested_at: Option<Timestamp>,
    /// The note of whoever asked.
    pub cancel_note: Option<String>,
    /// When it reached its last state.
    pub ended_at: Option<Timestamp>,
    /// How it ended; `None` until then.
    pub reason: Option<EndReason>,
    /// The same as a sentence.
    pub reason_text: Option<String>,
    /// The exit code of its latest attempt.
    pub exit_code: Option<i32>,
    /// The signal that ended its latest attempt, by number.
    pub signal: Option<i32>,
    /// The number of its latest attempt, 0 before the first.
    pub attempt: u32,
    /// The fence of its open attempt; `None` while none is open.
    pub open: Option<Fence>,
    /// How many attempts its failures may cost.
    pub max_attempts: u32,
    /// Attempts that failed.
    pub failures: u32,
    /// Attempts that were lost in a crash.
    pub losses: u32,
    /// How long an attempt may run; `None`: for ever.
    pub timeout: Option<Duration>,
    /// Who claimed its latest attempt.
    pub worker: Option<WorkerName>,
    /// What its ended attempts used together; `None` before the first end.
    pub usage: Option<Usage>,
    /// It returned a result.
    pub has_result: bool,
    /// The key it was started with; keys are the caller's own.
    pub idempotency_key: Option<String>,
    /// The job that it repeats.
    pub retry_of: Option<JobId>,
    /// Who started it; never changes.
    pub started_by: Option<CallerName>,
    /// Who first asked it to stop.
    pub canceled_by: Option<CallerName>,
    /// Somebody asked to kill it at once, first or later.
    pub cancel_forced: bool,
}

impl Job {
    /// In its queue's line: QUEUED, no open attempt, no delay.
    pub fn is_in_line(&self) -> bool {
        self.state == JobState::Queued && self.open.is_none() && self.delayed.is_none()
    }

    /// One that was just accepted, for tests that need a job and care for little of it.
    #[cfg(test)]
    pub(crate) fn sample() -> Self {
        Self {
            id: JobId::from_bytes([7; 16]),
            accepted: AcceptNo(1),
            kind: "k".parse().unwrap(),
            queue: "q".parse().unwrap(),
            labels: Labels::default(),
            state: JobState::Queued,
            seq: Seq(1),
            created_at: "2026-01-01T12:00:00Z".parse().unwrap(),
            not_before: None,
            delayed: None,
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
            max_attempts: 1,
            failures: 0,
            losses: 0,
            timeout: None,
            worker: None,
            usage: None,
            has_result: false,
            idempotency_key: None,
            retry_of: None,
            started_by: None,
            canceled_by: None,
            cancel_forced: false,
        }
    }
}

/// What a command said of itself; never implies a state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// As reported; usually 0 to 100.
    pub percent: Option<f64>,
    /// Units done.
    pub current: Option<i64>,
    /// Units in all.
    pub total: Option<i64>,
    /// A few words.
    pub message: Option<String>,
    /// When it was read.
    pub updated_at: Timestamp,
}
