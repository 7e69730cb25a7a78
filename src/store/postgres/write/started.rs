//! Recording that the process of an attempt exists.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Operation, Reach, Tx};
use crate::domain::clock::Timestamp;
use crate::domain::id::{Fence, JobId};
use crate::domain::job::Job;
use crate::store::moves::started;
use crate::store::postgres::failure::Failure;
use crate::store::{Guarded, StoreError};

/// The process of an open attempt exists.
pub(in crate::store::postgres) struct Started {
    /// Whose.
    pub(in crate::store::postgres) job: JobId,
    /// The claim's.
    pub(in crate::store::postgres) fence: Fence,
    /// Since when.
    pub(in crate::store::postgres) at: Timestamp,
}

#[async_trait(?Send)]
impl Operation for Started {
    type Answer = Guarded<Arc<Job>>;
    type Refusal = StoreError;

    fn reach(&self) -> Reach<'_> {
        Reach::Job(self.job)
    }

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Result<Self::Answer, StoreError>, Failure> {
        let found = tx.job(self.job).await?.filter(|(job, _)| job.open == Some(self.fence));
        let Some((job, Some(told))) = found else { return Ok(Ok(Guarded::Stale)) };
        if told.spawned {
            return Ok(Ok(Guarded::Done(Arc::new(job))));
        }
        Ok(Ok(Guarded::Done(start(tx, &job, self.fence, self.at)?)))
    }
}

/// Moves the job of an open attempt whose process was not known to exist until now.
pub(super) fn start(
    tx: &mut Tx<'_>,
    before: &Job,
    fence: Fence,
    at: Timestamp,
) -> Result<Arc<Job>, Failure> {
    tx.spawned(before, fence);
    let (job, what) = started(before, at)?;
    tx.save(before, job, what)
}
