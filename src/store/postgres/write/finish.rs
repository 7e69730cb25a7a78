//! Recording how an attempt ended, and what that makes of its job.
//!
//! The attempt keeps what the kernel said. The job moves by [`judge`] and the law. An attempt that
//! ended `NOT_STARTED` used up its number and nothing else; its job keeps that claim's `started_at`
//! until the next one.

use std::sync::Arc;

use async_trait::async_trait;

use super::started::start;
use super::{Operation, Reach, Tx};
use crate::domain::job::Job;
use crate::domain::verdict::judge;
use crate::store::moves::{began, ended, history, recorded_reason, told_otherwise};
use crate::store::postgres::failure::Failure;
use crate::store::{Finish, Guarded, StoreError};

#[async_trait(?Send)]
impl Operation for Finish {
    type Answer = Guarded<Arc<Job>>;
    type Refusal = StoreError;

    fn reach(&self) -> Reach<'_> {
        Reach::Job(self.job)
    }

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Result<Self::Answer, StoreError>, Failure> {
        let found = tx.job(self.job).await?.filter(|(job, _)| job.open == Some(self.fence));
        let Some((mut before, Some(told))) = found else { return Ok(Ok(Guarded::Stale)) };
        if let Some(otherwise) = told_otherwise(self, before.state, told.interrupted) {
            return otherwise.apply(tx).await;
        }
        if !told.spawned && began(&self.end) {
            before = Job::clone(&*start(tx, &before, self.fence, self.at)?);
        }
        let event = judge(history(&before), &told.policy, &self.end);
        let (job, what) = ended(self, &before, &told.policy, event)?;
        tx.ended(&job, self, recorded_reason(&self.end, before.state));
        Ok(Ok(Guarded::Done(tx.save(&before, job, what)?)))
    }
}
