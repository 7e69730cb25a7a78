//! Recording how an attempt ended, and what that makes of its job.
//!
//! The attempt keeps what the kernel said. The job moves by [`judge`] and the law. An attempt that
//! ended `NOT_STARTED` used up its number and nothing else; its job keeps that claim's `started_at`
//! until the next one.

use std::sync::Arc;

use async_trait::async_trait;

use super::started::start;
use super::{Operation, Tx};
use crate::domain::job::Job;
use crate::domain::state::EndReason;
use crate::domain::verdict::judge;
use crate::store::moves::{began, ended, history, recorded_reason, told_otherwise};
use crate::store::postgres::failure::{Failure, one_row};
use crate::store::postgres::row::{millis, stored};
use crate::store::{Finish, Guarded, StoreError};

#[async_trait(?Send)]
impl Operation for Finish {
    type Answer = Guarded<Arc<Job>>;
    type Refusal = StoreError;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Result<Self::Answer, StoreError>, Failure> {
        let found = tx.job(self.job).await?.filter(|(job, _)| job.open == Some(self.fence));
        let Some((mut before, Some(told))) = found else { return Ok(Ok(Guarded::Stale)) };
        if let Some(otherwise) = told_otherwise(self, before.state, told.interrupted) {
            return otherwise.apply(tx).await;
        }
        if !told.spawned && began(&self.end) {
            before = Job::clone(&*start(tx, &before, self.fence, self.at).await?);
        }
        let event = judge(history(&before), &told.policy, &self.end);
        let (job, what) = ended(self, &before, &told.policy, event)?;
        end_attempt(tx, self, recorded_reason(&self.end, before.state)).await?;
        if job.has_result {
            let insert = "INSERT INTO job_results (job, result) VALUES ($1, $2)";
            tx.session.execute(insert, &[&job.accepted.0, &self.end.result]).await?;
        }
        Ok(Ok(Guarded::Done(tx.save(&before, job, what).await?)))
    }
}

async fn end_attempt(tx: &Tx<'_>, finish: &Finish, reason: EndReason) -> Result<(), Failure> {
    let end = &finish.end;
    let rows = tx
        .session
        .execute(
            END_ATTEMPT,
            &[
                &finish.fence.0,
                &millis(finish.at),
                &<&str>::from(reason),
                &stored(&end.text),
                &end.exit_code,
                &end.signal,
                &end.usage.cpu_ms,
                &end.usage.peak_memory_bytes,
                &end.usage.log_bytes,
            ],
        )
        .await?;
    one_row("the end of an attempt", rows)
}

/// By its key.
const END_ATTEMPT: &str = "
UPDATE attempts
SET ended_at = $2,
    reason = $3,
    reason_text = $4,
    exit_code = $5,
    signal = $6,
    cpu_ms = $7,
    peak_memory_bytes = $8,
    log_bytes = $9
WHERE fence = $1
  AND ended_at IS NULL";
