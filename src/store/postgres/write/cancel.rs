//! Making the wish to stop a job durable.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Operation, Reach, Tx};
use crate::domain::state::JobState;
use crate::store::moves::{canceled, hurried};
use crate::store::postgres::failure::Failure;
use crate::store::{Cancel, CancelAnswer, CancelError};

#[async_trait(?Send)]
impl Operation for Cancel {
    type Answer = CancelAnswer;
    type Refusal = CancelError;

    fn reach(&self) -> Reach<'_> {
        Reach::Job(self.job)
    }

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Result<CancelAnswer, CancelError>, Failure> {
        let Some((before, _)) = tx.job(self.job).await? else {
            return Ok(Err(CancelError::NotFound(self.job)));
        };
        match before.state {
            JobState::Succeeded | JobState::Failed => Ok(Err(CancelError::Ended(before.state))),
            // The first wish and its note stay.
            JobState::Canceling | JobState::Canceled => {
                let Some((job, what)) = hurried(self, &before) else {
                    return Ok(Ok(CancelAnswer { job: Arc::new(before), changed: false }));
                };
                let job = tx.save(&before, job, what)?;
                Ok(Ok(CancelAnswer { job, changed: true }))
            }
            JobState::Queued | JobState::Running => {
                let (job, what) = canceled(self, &before)?;
                let job = tx.save(&before, job, what)?;
                Ok(Ok(CancelAnswer { job, changed: true }))
            }
        }
    }
}
