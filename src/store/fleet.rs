//! Several workers on one store: who they are, whether they live, and what becomes of the jobs of one
//! that does not.
//!
//! # Contract
//!
//! 1. A worker that joined lives for as long as it renews its lease: the store does that by itself, on a
//!    thread of its own, and judges it by its own clock.
//! 2. Of those that live no two have one name, and no two have one data folder.
//! 3. A worker that joined is given jobs only while its lease holds and it does not drain, and only so
//!    many that those of all workers fit the slots of their queue (P3).
//! 4. The jobs of a worker that does not live are given back when its lease and [`MARGIN`] are over, in
//!    one transaction with the word that it is gone (P4, P11).
//! 5. What others commit is handed to the sink like what this one commits, in the order of commit, from
//!    the moment that [`Fleet::follow`] names.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::carried::Carried;
use super::{Guarded, StoreError, Waiting};
use crate::domain::attempt::Attempt;
use crate::domain::clock::Timestamp;
use crate::domain::id::{EventNo, Fence, JobId, WorkerId};
use crate::domain::job::{Job, Progress};
use crate::domain::names::KindName;
use crate::domain::worker::Worker;

/// So long after the end of its lease a worker's jobs are given to others: its shims have stopped them
/// well before.
pub const MARGIN: Duration = Duration::from_secs(5);

/// Is told what became of the lease, on the thread that renews it: it must not block.
pub type LeaseSink = Arc<dyn Fn(Lease) + Send + Sync>;

/// Is told that a job printed something, here or elsewhere, on the same thread.
pub type GrowthSink = Arc<dyn Fn(JobId) + Send + Sync>;

/// Is told what a job said of its progress under a claim, here or elsewhere, on the same thread.
pub type ProgressSink = Arc<dyn Fn(Said) + Send + Sync>;

/// Is told what the store's clock showed at an instant of [`since_boot`](crate::domain::clock::since_boot),
/// on the same thread.
pub type TimeSink = Arc<dyn Fn(Duration, Timestamp) + Send + Sync>;

/// What became of the lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lease {
    /// It was renewed at this instant of [`since_boot`](crate::domain::clock::since_boot), or later.
    Renewed(Duration),
    /// It was over, and others may have this worker's jobs by now: what it still runs of before must
    /// end. It has a new one.
    Anew,
}

/// Kinds with what stands for their declarations: the same where they are the same.
pub type Declared = BTreeMap<KindName, String>;

/// A worker that joins.
#[derive(Clone)]
pub struct Joining {
    /// Who.
    pub worker: Worker,
    /// What it takes.
    pub kinds: Vec<KindName>,
    /// What it declares, also without taking it.
    pub declared: Declared,
    /// For how long it counts as living after it was last heard of.
    pub lease: Duration,
    /// Hears of the lease from then on.
    pub on_lease: LeaseSink,
    /// Hears which jobs printed something, as far as it was [uploaded](Fleet::upload).
    pub on_growth: GrowthSink,
    /// Hears what [`say`](Fleet::say) was told.
    pub on_progress: ProgressSink,
    /// Hears what the time is, for all who share the store.
    pub on_time: TimeSink,
}

/// Why a worker may not join.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// Another one has its name.
    #[error(
        "another worker is called `{name}`; it was heard of {} s ago, from another data folder",
        ago.as_secs()
    )]
    NameTaken {
        /// The name.
        name: Arc<str>,
        /// When that one was heard of.
        ago: Duration,
    },
    /// The store is in the way.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A worker that joined and is not known to be gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub worker: Worker,
    /// What it takes.
    pub kinds: Vec<KindName>,
    /// What it declares.
    pub declared: Declared,
    /// Its lease holds.
    pub is_live: bool,
    /// It takes nothing more.
    pub is_draining: bool,
}

/// All that has not ended, at one moment.
#[derive(Debug, Clone, Default)]
pub struct Picture {
    /// The QUEUED jobs without an open attempt.
    pub waiting: Vec<Waiting>,
    /// The open attempts with their jobs, by rising fence.
    pub open: Vec<(Arc<Job>, Attempt)>,
    /// The last event that this moment knew.
    pub last: EventNo,
}

/// A part of what an attempt printed, as its supervisor wrote it: whole frames.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogPart {
    /// The number of the attempt.
    pub number: u32,
    /// Where it begins in everything that was printed.
    pub start: u64,
    /// Where it ends: everything before is there too, as far as it is kept.
    pub until: u64,
    /// The frames; empty where they are in an object.
    pub frames: Vec<u8>,
    /// The object that has the frames.
    pub object: Option<Object>,
    /// The segment of the tail that it belongs to; `None`: it is of the head.
    pub segment: Option<Segment>,
    /// Nothing behind it is uploaded: that stays with the worker.
    pub is_cut: bool,
}

/// An object with frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its name, below the place of its job.
    pub name: String,
    /// How many bytes it has.
    pub bytes: u64,
}

/// A segment of the tail of a log, of which so many are kept as stand in the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Where it begins in everything that was printed.
    pub start: u64,
    /// Where the oldest one begins: those before are kept no more.
    pub oldest: u64,
}

/// What a running job said of its progress.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Said {
    /// Which.
    pub job: JobId,
    /// Under which claim.
    pub fence: Fence,
    /// What.
    pub progress: Progress,
}

/// A part of a log on its way into the store.
#[derive(Debug, Clone)]
pub struct Upload {
    /// Whose.
    pub job: JobId,
    /// The claim that it was printed under.
    pub fence: Fence,
    /// What. It takes the place of all that was uploaded from its start up to its end.
    pub part: LogPart,
    /// The most bytes that the attempts before may have there.
    pub room: u64,
    /// The attempt may have ended, if its claim said so itself: it is said then that more follows.
    pub is_late: bool,
}

/// What became of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Uploaded {
    /// It is there.
    Done,
    /// It is there, and nobody needs these objects any more.
    Replaced(Vec<String>),
    /// The claim is over: nothing was changed.
    Stale,
    /// Nothing that is there ends where it begins. All up to this offset is there.
    Apart(u64),
    /// The attempts before have taken the room.
    Full,
}

/// A store that several workers share.
#[async_trait]
pub trait Fleet: Carried + Send + Sync {
    /// Brings this process in; from then on its lease is renewed.
    async fn join(&self, joining: Joining) -> Result<(), JoinError>;

    /// Hands on what others commit after this event, from now on.
    fn follow(&self, after: EventNo);

    /// All that are not known to be gone, by name.
    async fn members(&self) -> Result<Vec<Member>, StoreError>;

    /// Has a worker take nothing more, or go on; the flag tells whether that is new. `None`: no such
    /// worker is known, or it is gone.
    async fn drain(&self, id: WorkerId, drain: bool) -> Result<Option<bool>, StoreError>;

    /// Gives back the jobs of workers whose time is over; how many jobs of which worker. Nothing is
    /// given back until this worker has been heard of for one lease without a break: after an outage of
    /// the database nobody's lease could be renewed.
    async fn reap(&self, at: Timestamp) -> Result<Vec<(Worker, u32)>, StoreError>;

    /// Puts a part of the log of an open attempt where every server can read it. Over a way of its own:
    /// no write waits for it. What was acknowledged may be lost with the database: it is no promise, and
    /// the next part tells.
    async fn upload(&self, upload: Upload) -> Result<Uploaded, StoreError>;

    /// What was uploaded of a job's log from behind this place on (attempt and offset), in its order; not
    /// always all. The part that ends at the place comes first, without its frames. Parts may overlap.
    async fn uploaded(&self, job: JobId, after: (u32, u64)) -> Result<Vec<LogPart>, StoreError>;

    /// Lets the other servers know what a job says of its progress. It replaces what was said before, and
    /// is forgotten in a crash of the database.
    async fn say(&self, said: Said) -> Result<Guarded<()>, StoreError>;

    /// What was said last of the jobs that are open.
    async fn said(&self) -> Result<Vec<Said>, StoreError>;

    /// This worker ends, and runs nothing any more.
    async fn leave(&self) -> Result<(), StoreError>;
}
