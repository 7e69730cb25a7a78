//! Recording how an attempt ended, and what that makes of its job.
//!
//! The attempt keeps what the kernel said. The job moves by [`judge`] and the law. An attempt that
//! ended `NOT_STARTED` used up its number and nothing else; its job keeps that claim's `started_at`
//! until the next one.

use std::sync::Arc;

use rusqlite::named_params;

use super::started::start;
use super::{Operation, Tx};
use crate::domain::attempt::Policy;
use crate::domain::id::Fence;
use crate::domain::job::Job;
use crate::domain::state::EndReason;
use crate::domain::verdict::judge;
use crate::store::moves::{began, ended, history, recorded_reason, told_otherwise};
use crate::store::sqlite::failure::{Failure, one_row};
use crate::store::{Finish, Guarded, StoreError};

impl Operation for Finish {
    type Answer = Guarded<Arc<Job>>;
    type Refusal = StoreError;

    fn apply(&self, tx: &mut Tx<'_>) -> Result<Result<Self::Answer, StoreError>, Failure> {
        let Some(mut before) = tx.job(self.job)?.filter(|job| job.open == Some(self.fence)) else {
            return Ok(Ok(Guarded::Stale));
        };
        let (policy, spawned, interrupted) = told(tx, self.fence)?;
        if let Some(otherwise) = told_otherwise(self, before.state, interrupted) {
            return otherwise.apply(tx);
        }
        if !spawned && began(&self.end) {
            before = Job::clone(&*start(tx, &before, self.fence, self.at)?);
        }
        let event = judge(history(&before), &policy, &self.end);
        let (job, what) = ended(self, &before, &policy, event)?;
        self.end_attempt(tx, recorded_reason(&self.end, before.state))?;
        if job.has_result {
            let mut insert = tx.prepare("INSERT INTO job_results (job, result) VALUES (?1, ?2)")?;
            insert.execute((job.accepted.0, &self.end.result))?;
        }
        Ok(Ok(Guarded::Done(tx.save(&before, job, what)?)))
    }
}

impl Finish {
    fn end_attempt(&self, tx: &Tx<'_>, reason: EndReason) -> Result<(), Failure> {
        let end = &self.end;
        let rows = tx.prepare(END_ATTEMPT)?.execute(named_params! {
            ":fence": self.fence.0,
            ":ended_at": self.at.timestamp_millis(),
            ":reason": <&str>::from(reason),
            ":reason_text": end.text,
            ":exit_code": end.exit_code,
            ":signal": end.signal,
            ":cpu_ms": end.usage.cpu_ms,
            ":peak_memory_bytes": end.usage.peak_memory_bytes,
            ":log_bytes": end.usage.log_bytes,
        })?;
        one_row("the end of an attempt", rows)
    }
}

/// What the attempt was told, whether its process is known to have existed, and whether the server
/// stopped it.
fn told(tx: &Tx<'_>, fence: Fence) -> Result<(Policy, bool, bool), Failure> {
    let sql = "SELECT policy, spawned, interrupted FROM attempts WHERE fence = ?1";
    let (policy, spawned, interrupted): (String, bool, bool) =
        tx.prepare(sql)?.query_one([fence.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok((serde_json::from_str(&policy)?, spawned, interrupted))
}

/// By its key.
const END_ATTEMPT: &str = "
UPDATE attempts
SET ended_at = :ended_at,
    reason = :reason,
    reason_text = :reason_text,
    exit_code = :exit_code,
    signal = :signal,
    cpu_ms = :cpu_ms,
    peak_memory_bytes = :peak_memory_bytes,
    log_bytes = :log_bytes
WHERE fence = :fence
  AND ended_at IS NULL";
