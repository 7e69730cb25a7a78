//! Where jobs are kept: the contract of every backend, in prose and in numbers.
//!
//! # Contract
//!
//! 1. An answer to a write is given only after its transaction is durable (P1). Writes that wait
//!    together share one transaction; a bad one fails alone.
//! 2. Acceptance numbers are drawn in commit order, event numbers too (P2, P6).
//! 3. Two claims never return the same job, and within a queue they return the runnable job with
//!    the smallest acceptance number first (P2, P4).
//! 4. A message that carries another fence than the job's open one changes nothing and is
//!    [`Guarded::Stale`], a normal answer (P4).
//! 5. The state of a job follows [`JobState::after`](crate::domain::state::JobState::after) and
//!    nothing else; a final one never changes (P5).
//! 6. What a transaction made true is handed to [`CommitSink`] after COMMIT, in commit order, and
//!    before any of its callers is answered; a read after that sees at least as much (P6).
//! 7. One idempotency key makes one job, however many ask at once (P14).
//! 8. Listing and claiming cost the same whatever the number of ended jobs.
//! 9. The instant of acceptance never falls along acceptance numbers, whatever the clock does.
//!
//! # Concurrency
//!
//! Every method may be called from any task. Dropping the future of a write does not undo it: no
//! request owns a transaction.

pub mod carried;
mod claim;
pub mod error;
pub mod filter;
pub mod fleet;
mod health;
pub mod keep;
mod listing;
pub mod meter;
mod moves;
pub mod postgres;
pub mod query;
mod queue;
pub mod sqlite;
mod tally;

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::watch;

use crate::domain::attempt::{Attempt, AttemptEnd, CancelMode};
use crate::domain::clock::Timestamp;
use crate::domain::event::{Commit, Event};
use crate::domain::id::{AcceptNo, EventNo, Fence, JobId, WorkerId};
use crate::domain::job::{Job, NewJob};
use crate::domain::kind::QueueSpec;
use crate::domain::names::{CallerName, KindName, QueueName};
use crate::domain::token::{Maker, Token, TokenId};
use crate::domain::worker::Worker;

pub use claim::{Claim, ClaimRequest, Plan, Planner};
pub use error::{CancelError, QueueError, StartError, StoreError, TokenError};
pub use fleet::{Fleet, JoinError, Picture};
pub use keep::Keep;
use query::{JobsPage, JobsQuery};
pub use queue::{EndCount, Pause, QueueChange, QueueCounts, QueueRow};

/// Is handed what became true, on the thread that committed it: it must not block and must not
/// call the store.
pub type CommitSink = Arc<dyn Fn(&Commit) + Send + Sync>;

/// Whether the store does its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It does.
    Serving,
    /// It refuses writes for now and tries again by itself: a full disk, a database that is away.
    Refusing(String),
    /// It can't know what is durable any more: the process must end and recover (P13).
    Broken(String),
}

/// The answer to a write that names a fence.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Guarded<T> {
    /// It was done.
    Done(T),
    /// The fence is not the job's open one: nothing was changed.
    Stale,
}

/// The answer to an acceptance.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// The job.
    pub job: Arc<Job>,
    /// `false`: the key was known, and this is the job that it made.
    pub created: bool,
}

/// What limits an acceptance.
#[derive(Debug, Clone, Copy)]
pub struct AcceptLimits {
    /// The most QUEUED jobs of the queue, those that are delayed or claimed included.
    pub max_waiting: u64,
    /// The most bytes of the arguments of all QUEUED jobs.
    pub waiting_args_bytes: u64,
}

/// The end of an attempt.
#[derive(Debug, Clone)]
pub struct Finish {
    /// The job.
    pub job: JobId,
    /// The claim that ends.
    pub fence: Fence,
    /// How.
    pub end: AttemptEnd,
    /// When.
    pub at: Timestamp,
    /// In `0.0..1.0`: where in its range the pause before a retry lies.
    pub chance: f64,
}

/// A wish to stop a job.
#[derive(Debug, Clone)]
pub struct Cancel {
    /// The job.
    pub job: JobId,
    /// How.
    pub mode: CancelMode,
    /// Why, for a person.
    pub note: Option<String>,
    /// Who asks.
    pub by: Option<CallerName>,
    /// When.
    pub at: Timestamp,
}

/// The answer to a wish to stop a job.
#[derive(Debug, Clone)]
pub struct CancelAnswer {
    /// The job after it.
    pub job: Arc<Job>,
    /// `false`: it was already asked to stop so, or is CANCELED.
    pub changed: bool,
}

/// A QUEUED job without an open attempt, as the lines in memory are built from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The job.
    pub job: JobId,
    /// Its queue.
    pub queue: QueueName,
    /// Its kind.
    pub kind: KindName,
    /// Its place.
    pub accepted: AcceptNo,
    /// Until when it is not in line.
    pub delayed_until: Option<Timestamp>,
}

/// Reads. Each answer is one consistent moment, at least as new as every commit answered before.
#[async_trait]
pub trait Reader: Send + Sync {
    /// The job, or `None` when unknown.
    async fn job(&self, id: JobId) -> Result<Option<Arc<Job>>, StoreError>;

    /// The job that this caller started with this key.
    async fn job_by_key(
        &self,
        caller: Option<&CallerName>,
        key: &str,
    ) -> Result<Option<Arc<Job>>, StoreError>;

    /// A job's arguments. They never change.
    async fn args(&self, id: JobId) -> Result<Option<Value>, StoreError>;

    /// The arguments of many jobs, of those that are there and can be read.
    async fn args_of(&self, jobs: Vec<JobId>) -> HashMap<JobId, Value> {
        let mut found = HashMap::new();
        for id in jobs {
            if let Ok(Some(args)) = self.args(id).await {
                found.insert(id, args);
            }
        }
        found
    }

    /// A job's result. Once there, it never changes.
    async fn result(&self, id: JobId) -> Result<Option<Value>, StoreError>;

    /// A page of jobs.
    async fn jobs(&self, query: JobsQuery) -> Result<JobsPage, StoreError>;

    /// A job's last `limit` attempts of those up to the number `up_to`, oldest first.
    async fn attempts(&self, id: JobId, up_to: u32, limit: u32)
    -> Result<Vec<Attempt>, StoreError>;

    /// A job's events after `after`, oldest first, at most `limit`.
    async fn job_events(
        &self,
        id: JobId,
        after: EventNo,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError>;

    /// All jobs' events after `after`, oldest first, at most `limit`, each with its job as it is at
    /// this moment, REMOVED with the job as it was; and which events this moment knows. What happened to
    /// a job that is gone is left out but for its removal.
    async fn events_after(&self, after: EventNo, limit: u32) -> Result<EventsPage, StoreError>;

    /// The number of the last committed event; 0 when there is none.
    async fn last_event(&self) -> Result<EventNo, StoreError>;

    /// All queues ever declared.
    async fn queues(&self) -> Result<Vec<QueueRow>, StoreError>;

    /// A worker that ever worked on this store.
    async fn worker(&self, id: WorkerId) -> Result<Option<Worker>, StoreError>;

    /// The workers last seen at `since` or after, the one last seen first, at most `limit`.
    async fn workers(&self, since: Timestamp, limit: u32) -> Result<Vec<Worker>, StoreError>;

    /// How many jobs of a queue are where.
    async fn queue_counts(&self, queue: &QueueName) -> Result<QueueCounts, StoreError>;

    /// How many jobs of a queue ended in each minute from `since` on, oldest first; minutes in which
    /// none did are left out. At most `most` ends of each state are counted, the last ones.
    async fn end_counts(
        &self,
        queue: &QueueName,
        since: Timestamp,
        most: u32,
    ) -> Result<Vec<EndCount>, StoreError>;

    /// All QUEUED jobs without an open attempt.
    async fn waiting(&self) -> Result<Vec<Waiting>, StoreError>;

    /// All open attempts with their jobs, by rising fence.
    async fn open_attempts(&self) -> Result<Vec<(Arc<Job>, Attempt)>, StoreError>;

    /// Those of them whose folders this process has.
    async fn own_attempts(&self) -> Result<Vec<(Arc<Job>, Attempt)>, StoreError> {
        self.open_attempts().await
    }

    /// What waits and what is open, as of one event. On a store that nobody else writes to that is the
    /// same however it is read.
    async fn picture(&self) -> Result<Picture, StoreError> {
        let (waiting, open) = (self.waiting().await?, self.open_attempts().await?);
        Ok(Picture { waiting, open, last: self.last_event().await? })
    }

    /// All tokens that are kept, the one made last first, without shares.
    async fn tokens(&self) -> Result<Vec<Token>, StoreError>;

    /// As [`tokens`](Self::tokens), shares included: whatever may let somebody in.
    async fn tokens_and_shares(&self) -> Result<Vec<Token>, StoreError>;

    /// Whether it does its work; changes as that changes.
    fn health(&self) -> watch::Receiver<Health>;
}

/// A page of events of all jobs.
#[derive(Debug, Clone, Default)]
pub struct EventsPage {
    /// The events with their jobs, oldest first.
    pub events: Vec<(Event, Arc<Job>)>,
    /// The last event that the moment of reading knew.
    pub last: EventNo,
    /// From here on nothing is missing; after an earlier event a removal is.
    pub whole_from: EventNo,
}

/// Writes. Only the scheduler calls them.
#[async_trait]
pub trait Store: Reader + Keep {
    /// Itself, where several workers may share it.
    fn fleet(&self) -> Option<&dyn Fleet> {
        None
    }

    /// Accepts a job durably, or returns the one that its key made before.
    async fn start(&self, job: NewJob, limits: AcceptLimits) -> Result<Accepted, StartError>;

    /// What [`start`](Self::start) would answer now: the job that the key made before, or `None`
    /// for a new one. Stores nothing.
    async fn check(
        &self,
        job: NewJob,
        limits: AcceptLimits,
    ) -> Result<Option<Arc<Job>>, StartError>;

    /// Records that a worker begins, or that it was seen at its `last_seen_at`. On a store that one
    /// process uses at a time, whoever worked before was seen last when it committed its last
    /// event.
    async fn see_worker(&self, worker: Worker) -> Result<(), StoreError>;

    /// Gives slots to the runnable jobs that come first. Sorted by rising fence, which within a
    /// queue is acceptance order.
    async fn claim(&self, request: ClaimRequest) -> Result<Vec<Claim>, StoreError>;

    /// Records that the process of an open attempt exists. A job that was asked to stop meanwhile
    /// stays CANCELING; a repeat changes nothing and answers the job as it is.
    async fn started(
        &self,
        job: JobId,
        fence: Fence,
        at: Timestamp,
    ) -> Result<Guarded<Arc<Job>>, StoreError>;

    /// Records how an attempt ended and moves its job by
    /// [`judge`](crate::domain::verdict::judge). An end whose `started` is missing, of a command
    /// that is known to have begun, commits that first, in the same transaction.
    ///
    /// The attempt keeps `end` as it was said, but for two: an OK of a job that was CANCELING is
    /// recorded as `CANCEL_REQUESTED` (P9), and a LOST of an interrupted attempt as SHUTDOWN. The
    /// job's reason says why it is what it is: `CANCEL_REQUESTED` where it is CANCELED. A result is
    /// stored only with a success. An end that the law does not know is [`StoreError::Internal`]
    /// and changes nothing.
    async fn finish(&self, finish: Finish) -> Result<Guarded<Arc<Job>>, StoreError>;

    /// Records that these open attempts are stopped because the server stops: should nobody be left
    /// to say how one ended, it ended as SHUTDOWN and not as LOST. Attempts that are no longer open
    /// are passed over.
    async fn interrupt(&self, attempts: Vec<(JobId, Fence)>) -> Result<(), StoreError>;

    /// Makes the wish to stop a job durable: CANCELED at once without an open attempt, else
    /// CANCELING. The first wish and its note stay: a repeat answers `changed: false`, but for the first
    /// one that asks to kill at once.
    async fn cancel(&self, cancel: Cancel) -> Result<CancelAnswer, CancelError>;

    /// Brings the declared queues in; a slots override falls where the file's number changed.
    /// Answers their rows, in the order given; queues of earlier declarations stay as they are.
    async fn declare_queues(&self, queues: Vec<QueueSpec>) -> Result<Vec<QueueRow>, StoreError>;

    /// Changes a queue; the flag tells whether anything was different before. A pause of a paused
    /// queue leaves the first one and its note.
    async fn change_queue(
        &self,
        name: QueueName,
        change: QueueChange,
    ) -> Result<(QueueRow, bool), QueueError>;

    /// Keeps a new token, where its maker may make one and fewer than `most` are live: of shares, those
    /// of one parent; else, those that are no shares. A token that is none must have the scope `admin`
    /// while no other one that is live has it. Shares of its parent that are over go, and so do the
    /// oldest of very many other tokens that are.
    async fn create_token(
        &self,
        token: Token,
        maker: Maker,
        most: u64,
    ) -> Result<Token, TokenError>;

    /// Makes a token worth nothing, and every share of it; the flag tells whether it was worth something.
    async fn revoke_token(&self, id: TokenId, at: Timestamp) -> Result<(Token, bool), TokenError>;

    /// Records when tokens were last used. Those that are gone are passed over.
    async fn tokens_used(&self, used: Vec<(TokenId, Timestamp)>) -> Result<(), StoreError>;
}
