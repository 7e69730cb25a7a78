//! What a store knows of logs that stand in an object store: what is still to be put there, and what is to be
//! removed.
//!
//! # Contract
//!
//! 1. A job that is removed and has a part in the object store is told by [`doomed_objects`], from the
//!    transaction that removes it on, until [`objects_gone`] says that nothing is left.
//! 2. A job of which something [may be missing](Carried::may_lack) is told by [`rests`] to the data folder that
//!    has it, until [`is_carried`] says that it is not, or the job is removed.
//!
//! [`doomed_objects`]: Carried::doomed_objects
//! [`objects_gone`]: Carried::objects_gone
//! [`rests`]: Carried::rests
//! [`is_carried`]: Carried::is_carried

use async_trait::async_trait;

use super::StoreError;
use crate::domain::id::{AcceptNo, Fence, JobId};

/// An attempt that ended and printed something, with its log in this data folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Printed {
    /// Its number.
    pub number: u32,
    /// Its claim.
    pub fence: Fence,
    /// All before this offset is there for everybody.
    pub until: u64,
}

/// Keeps account of what is, and is to be, in the object store.
#[async_trait]
pub trait Carried: Send + Sync {
    /// What the objects of this database are found by, as long as it exists.
    async fn objects_name(&self) -> Result<String, StoreError>;

    /// Notes that the logs of these ended jobs stay in folders: each is told to the data folders of all who
    /// ran it.
    async fn may_lack(&self, jobs: Vec<JobId>) -> Result<(), StoreError>;

    /// Jobs whose logs in this data folder may not be there for everybody, in the order of acceptance: those
    /// behind `after`, at most `limit`.
    async fn rests(
        &self,
        after: AcceptNo,
        limit: u32,
    ) -> Result<Vec<(AcceptNo, JobId)>, StoreError>;

    /// The attempts of such a job that ran in this data folder, by their numbers.
    async fn printed(&self, job: JobId) -> Result<Vec<Printed>, StoreError>;

    /// Notes that all of a job is there that this data folder has.
    async fn is_carried(&self, job: JobId) -> Result<(), StoreError>;

    /// Jobs that are gone, and whose objects are not, at most `limit`.
    async fn doomed_objects(&self, limit: u32) -> Result<Vec<JobId>, StoreError>;

    /// Notes that nothing is left of the objects of these jobs.
    async fn objects_gone(&self, jobs: Vec<JobId>) -> Result<(), StoreError>;

    /// Those of these jobs that are not known: they are gone, or never were.
    async fn unknown(&self, jobs: Vec<JobId>) -> Result<Vec<JobId>, StoreError>;
}
