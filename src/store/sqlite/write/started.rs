//! Recording that the process of an attempt exists.

use std::sync::Arc;

use super::{Operation, Tx};
use crate::domain::clock::Timestamp;
use crate::domain::id::{Fence, JobId};
use crate::domain::job::Job;
use crate::store::moves::started;
use crate::store::sqlite::failure::{Failure, one_row};
use crate::store::{Guarded, StoreError};

/// The process of an open attempt exists.
pub(in crate::store::sqlite) struct Started {
    /// Whose.
    pub(in crate::store::sqlite) job: JobId,
    /// The claim's.
    pub(in crate::store::sqlite) fence: Fence,
    /// Since when.
    pub(in crate::store::sqlite) at: Timestamp,
}

impl Operation for Started {
    type Answer = Guarded<Arc<Job>>;
    type Refusal = StoreError;

    fn apply(&self, tx: &mut Tx<'_>) -> Result<Result<Self::Answer, StoreError>, Failure> {
        let Some(job) = tx.job(self.job)?.filter(|job| job.open == Some(self.fence)) else {
            return Ok(Ok(Guarded::Stale));
        };
        if is_spawned(tx, self.fence)? {
            return Ok(Ok(Guarded::Done(Arc::new(job))));
        }
        Ok(Ok(Guarded::Done(start(tx, &job, self.fence, self.at)?)))
    }
}

fn is_spawned(tx: &Tx<'_>, fence: Fence) -> Result<bool, Failure> {
    let mut select = tx.prepare("SELECT spawned FROM attempts WHERE fence = ?1")?;
    Ok(select.query_one([fence.0], |row| row.get(0))?)
}

/// Moves the job of an open attempt whose process was not known to exist until now. One that was
/// canceled meanwhile stays CANCELING; that its process exists is told as an update.
pub(super) fn start(
    tx: &mut Tx<'_>,
    before: &Job,
    fence: Fence,
    at: Timestamp,
) -> Result<Arc<Job>, Failure> {
    let rows = tx.prepare(UPDATE_SPAWNED)?.execute([fence.0])?;
    one_row("the start of an attempt", rows)?;
    let (job, what) = started(before, at)?;
    tx.save(before, job, what)
}

/// By its key.
const UPDATE_SPAWNED: &str = "
UPDATE attempts
SET spawned = 1
WHERE fence = ?1
  AND spawned = 0
  AND ended_at IS NULL";
