//! A Longhaul process that runs jobs, as it is kept and told.

use std::sync::Arc;

use super::clock::Timestamp;
use super::id::WorkerId;
use super::label::Labels;

/// What a job keeps of the worker that runs or ran it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerName {
    /// One start of one process.
    pub id: WorkerId,
    /// The name that the configuration gives it; the same after a restart.
    pub name: Arc<str>,
}

/// A worker, from its start on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// One start of one process.
    pub id: WorkerId,
    /// The name that the configuration gives it.
    pub name: Arc<str>,
    /// Of its binary.
    pub version: String,
    /// How many attempts it may run at once.
    pub slots: u32,
    /// What kinds may ask for.
    pub labels: Labels,
    /// When it began.
    pub started_at: Timestamp,
    /// When it was last known to live.
    pub last_seen_at: Timestamp,
}

impl Worker {
    /// What its jobs keep of it.
    pub fn name(&self) -> WorkerName {
        WorkerName { id: self.id, name: Arc::clone(&self.name) }
    }
}
