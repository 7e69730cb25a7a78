//! Recording what was found of the logs of jobs that ended, and that folders are gone.

use rusqlite::OptionalExtension;

use super::{Operation, Tx};
use crate::domain::id::JobId;
use crate::store::StoreError;
use crate::store::keep::Settled;
use crate::store::sqlite::failure::Failure;

/// What was found.
pub(in crate::store::sqlite) struct Settle(pub(in crate::store::sqlite) Vec<Settled>);

impl Operation for Settle {
    type Answer = ();
    type Refusal = StoreError;

    fn apply(&self, tx: &mut Tx<'_>) -> Result<Result<(), StoreError>, Failure> {
        for found in &self.0 {
            let bytes = i64::try_from(found.log_bytes).unwrap_or(i64::MAX);
            let mut update = tx.prepare(SETTLE)?;
            let settled = update
                .query_one((found.job.as_bytes(), bytes, found.logs.is_none()), |row| {
                    Ok((row.get::<_, i64>(0)?, row.get::<_, u32>(1)?))
                })
                .optional()?;
            let (Some((job, attempts)), Some(logs)) = (settled, &found.logs) else { continue };
            for log in logs {
                let mut insert = tx.prepare(INSERT_LOG)?;
                insert.execute((job, log.attempt, &log.frames[..]))?;
            }
            // What never had an attempt has no folder.
            if attempts > 0 {
                doom(tx, found.job)?;
            }
        }
        Ok(Ok(()))
    }
}

/// Says that the folder of a job is to be removed.
pub(super) fn doom(tx: &Tx<'_>, job: JobId) -> Result<(), Failure> {
    let sql = "INSERT OR IGNORE INTO doomed_folders (job) VALUES (?1)";
    tx.prepare(sql)?.execute([job.as_bytes()])?;
    Ok(())
}

/// These folders are gone.
pub(in crate::store::sqlite) struct FoldersGone(pub(in crate::store::sqlite) Vec<JobId>);

impl Operation for FoldersGone {
    type Answer = ();
    type Refusal = StoreError;

    fn apply(&self, tx: &mut Tx<'_>) -> Result<Result<(), StoreError>, Failure> {
        for job in &self.0 {
            tx.prepare("DELETE FROM doomed_folders WHERE job = ?1")?.execute([job.as_bytes()])?;
        }
        Ok(Ok(()))
    }
}

/// By the unique index of `id`. No row: it is gone, has not ended, or was settled before.
const SETTLE: &str = "
UPDATE jobs
SET kept_log_bytes = ?2,
    has_folder = ?3
WHERE id = ?1
  AND ended_at IS NOT NULL
  AND kept_log_bytes IS NULL
RETURNING accept_no, attempt";

const INSERT_LOG: &str = "INSERT INTO job_logs (job, number, frames) VALUES (?1, ?2, ?3)";
