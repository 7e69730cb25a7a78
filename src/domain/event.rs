//! What a subscriber learns: committed facts with their numbers, and volatile news beside them.

use std::sync::Arc;

use chrono::TimeDelta;
use strum::{EnumIter, EnumString, IntoStaticStr};

use super::clock::Timestamp;
use super::id::{AcceptNo, EventNo, JobId, Seq};
use super::job::Job;
use super::names::{KindName, QueueName};
use super::state::JobState;
use super::token::Token;

/// What happened to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumIter, EnumString, IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum JobChange {
    /// Nothing: the first message of a stream. Never stored.
    Snapshot,
    /// It was accepted, or is back in its queue.
    Queued,
    /// Its place, its reason to wait or its estimate moved. Never stored.
    Position,
    /// The process of an attempt exists.
    Started,
    /// It reported progress. Never stored.
    Progress,
    /// An attempt failed and another one will come.
    Retrying,
    /// It was asked to stop.
    Canceling,
    /// It reached its last state.
    Ended,
    /// Something else about it changed; a claim is one.
    Updated,
    /// It is gone.
    Removed,
}

/// A committed fact about one job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its number over all jobs.
    pub no: EventNo,
    /// Whose it is.
    pub job: JobId,
    /// The job's seq from then on.
    pub seq: Seq,
    /// When it was committed.
    pub at: Timestamp,
    /// What happened.
    pub change: JobChange,
    /// The state from then on.
    pub state: JobState,
    /// The state until then; `None` for the first event of a job.
    pub before: Option<JobState>,
    /// The number of the attempt it belongs to.
    pub attempt: Option<u32>,
}

/// A committed fact together with the job as it was from then on.
#[derive(Debug, Clone)]
pub struct Change {
    /// The fact.
    pub event: Event,
    /// The row as of the event's seq, never as of a later moment.
    pub job: Arc<Job>,
}

/// A job that came into line because its `notBefore` or its backoff is over. Not an event: nothing
/// that the API shows as committed changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promoted {
    /// Which job.
    pub job: JobId,
    /// Its line.
    pub queue: QueueName,
    /// Its kind.
    pub kind: KindName,
    /// Its place in the line.
    pub accepted: AcceptNo,
}

/// What one transaction made true, in order. Handed on only after COMMIT (P6).
#[derive(Debug, Clone, Default)]
pub struct Commit {
    /// The facts, by rising number.
    pub changes: Vec<Change>,
    /// The jobs that came into line.
    pub promoted: Vec<Promoted>,
    /// The tokens that were made or revoked, as they are now.
    pub tokens: Vec<Token>,
    /// Another process committed it. A job may have changed since: of several changes of one job only the
    /// last has the row of its own seq, and the others that same one.
    pub is_foreign: bool,
    /// Queues or workers may have changed elsewhere.
    pub has_settings: bool,
}

impl Commit {
    /// The instant of a claim that shares this commit: not before what it accepts was accepted, though its request was
    /// made by a clock that was read a moment before. A clock that is set back is another matter, hence no more than
    /// a second.
    pub(crate) fn claimed_at(&self, asked: Timestamp) -> Timestamp {
        let accepted = self.changes.iter().filter(|told| told.event.change == JobChange::Queued);
        let accepted = accepted.map(|told| told.event.at).max();
        accepted.filter(|&at| at > asked && at - asked < TimeDelta::seconds(1)).unwrap_or(asked)
    }

    /// Nobody has to hear of it.
    pub fn is_empty(&self) -> bool {
        let Self { changes, promoted, tokens, is_foreign: _, has_settings } = self;
        changes.is_empty() && promoted.is_empty() && tokens.is_empty() && !has_settings
    }
}
