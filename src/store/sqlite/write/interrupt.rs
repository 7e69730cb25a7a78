//! Recording that open attempts are stopped because the server stops.

use super::{Operation, Tx};
use crate::domain::id::{Fence, JobId};
use crate::store::StoreError;
use crate::store::sqlite::failure::Failure;

/// The attempts, by job and claim.
pub(in crate::store::sqlite) struct Interrupt(pub(in crate::store::sqlite) Vec<(JobId, Fence)>);

impl Operation for Interrupt {
    type Answer = ();
    type Refusal = StoreError;

    fn apply(&self, tx: &mut Tx<'_>) -> Result<Result<(), StoreError>, Failure> {
        let mut update = tx.prepare(INTERRUPT)?;
        for (_, fence) in &self.0 {
            // No row: it has ended meanwhile, which is as good.
            update.execute([fence.0])?;
        }
        Ok(Ok(()))
    }
}

/// By its key.
const INTERRUPT: &str = "
UPDATE attempts
SET interrupted = 1
WHERE fence = ?1
  AND ended_at IS NULL";
