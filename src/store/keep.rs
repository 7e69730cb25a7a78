//! What is kept of jobs that ended, and how it goes: their logs, their folders, their rows.
//!
//! # Contract
//!
//! 1. A job that has not ended is neither settled nor pruned, nor is one pruned that is not settled: its
//!    processes may not all be gone.
//! 2. A job whose idempotency key is younger than asked is not pruned (P14).
//! 3. A pruned job is gone as a whole, in one transaction, which tells it as REMOVED (P6). A feed hears
//!    of it by its number for as long as it is one of the last [`REMOVALS_KEPT`] removals.
//! 4. A log that is put into the store, and the word that its folder is to be removed, are one
//!    transaction; so are the end of a job's row and that word. Whoever removes folders asks for
//!    [`doomed_folders`](Keep::doomed_folders), and is told again until it says that they are gone.

use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
use crate::domain::clock::Timestamp;
use crate::domain::id::{AcceptNo, JobId};
use crate::domain::log::StoredLog;

/// So many removals are kept for feeds that go on from before them.
pub const REMOVALS_KEPT: u32 = 10_000;

/// How much there is of what ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Kept {
    /// Jobs.
    pub jobs: u64,
    /// Bytes of their logs, as far as they were measured.
    pub log_bytes: u64,
}

/// A job that ended, as far as it matters for whether it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// The job.
    pub job: JobId,
    /// Its number.
    pub accepted: AcceptNo,
    /// When it ended.
    pub ended_at: Timestamp,
    /// The bytes of its log; `None`: not measured yet.
    pub log_bytes: Option<u64>,
    /// Since when its idempotency key stands for it, where it has one.
    pub keyed_since: Option<Timestamp>,
}

/// A job that ended and whose log was not measured yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsettled {
    /// The job.
    pub job: JobId,
    /// Its number.
    pub accepted: AcceptNo,
    /// How many attempts it had.
    pub attempts: u32,
}

/// What was found of the log of a job that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// The job.
    pub job: JobId,
    /// The bytes of its log.
    pub log_bytes: u64,
    /// `Some`: the whole of it goes into the store, and its folder away. `None`: the folder stays.
    pub logs: Option<Vec<StoredLog>>,
}

/// Jobs to be pruned.
#[derive(Debug, Clone)]
pub struct Prune {
    /// Which, in this order.
    pub jobs: Vec<JobId>,
    /// Only those without a key, or with one that was used before this instant.
    pub keys_before: Timestamp,
    /// Now.
    pub at: Timestamp,
    /// Stop after so long, but not before the first one.
    pub within: Duration,
}

/// What was pruned.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pruned {
    /// How many of the jobs were looked at, from the first on.
    pub looked_at: usize,
    /// How many of these are gone.
    pub removed: usize,
}

/// Keeps what ended, as long as it is to be kept.
#[async_trait]
pub trait Keep: Send + Sync {
    /// How much there is. Costs a walk over an index of all that ended.
    async fn kept(&self) -> Result<Kept, StoreError>;

    /// Ended jobs in the order of their ends, from behind this end on, at most `limit`.
    async fn ended(
        &self,
        after: Option<(Timestamp, AcceptNo)>,
        limit: u32,
    ) -> Result<Vec<Ended>, StoreError>;

    /// Ended jobs that are not settled, in the order of acceptance, from behind `after` on, at most
    /// `limit`.
    async fn unsettled(&self, after: AcceptNo, limit: u32) -> Result<Vec<Unsettled>, StoreError>;

    /// The logs of a job that are in the store, by the number of the attempt. Empty where they are in
    /// its folder, and where nothing was printed.
    async fn stored_logs(&self, job: JobId) -> Result<Vec<StoredLog>, StoreError>;

    /// Jobs whose folders are to be removed, at most `limit`.
    async fn doomed_folders(&self, limit: u32) -> Result<Vec<JobId>, StoreError>;

    /// Records what was found of logs. Jobs that are gone, have not ended or are settled already are
    /// passed over.
    async fn settle(&self, settled: Vec<Settled>) -> Result<(), StoreError>;

    /// Prunes jobs, as many as there is time for. Those that may not be are passed over.
    async fn prune(&self, prune: Prune) -> Result<Pruned, StoreError>;

    /// Records that the folders of these jobs are gone.
    async fn folders_gone(&self, jobs: Vec<JobId>) -> Result<(), StoreError>;
}
