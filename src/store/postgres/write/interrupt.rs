//! Recording that open attempts are stopped because the server stops.

use async_trait::async_trait;

use super::{Operation, Tx};
use crate::domain::id::{Fence, JobId};
use crate::store::StoreError;
use crate::store::postgres::failure::Failure;

/// The attempts, by job and claim.
pub(in crate::store::postgres) struct Interrupt(pub(in crate::store::postgres) Vec<(JobId, Fence)>);

#[async_trait(?Send)]
impl Operation for Interrupt {
    type Answer = ();
    type Refusal = StoreError;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Result<(), StoreError>, Failure> {
        let fences: Vec<i64> = self.0.iter().map(|(_, fence)| fence.0).collect();
        // Those that are not met have ended meanwhile, which is as good.
        tx.session.execute(INTERRUPT, &[&fences]).await?;
        Ok(Ok(()))
    }
}

/// By its key.
const INTERRUPT: &str = "
UPDATE attempts
SET interrupted = true
WHERE fence = ANY ($1)
  AND ended_at IS NULL";
