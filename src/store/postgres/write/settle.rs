//! Recording what was found of the logs of jobs that ended, and that folders are gone.

use async_trait::async_trait;
use uuid::Uuid;

use super::{Operation, Tx};
use crate::domain::id::JobId;
use crate::store::StoreError;
use crate::store::keep::Settled;
use crate::store::postgres::failure::Failure;
use crate::store::postgres::row::{count, get, uuid};

/// What was found.
pub(in crate::store::postgres) struct Settle(pub(in crate::store::postgres) Vec<Settled>);

#[async_trait(?Send)]
impl Operation for Settle {
    type Answer = ();
    type Refusal = StoreError;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Result<(), StoreError>, Failure> {
        for found in &self.0 {
            let bytes = i64::try_from(found.log_bytes).unwrap_or(i64::MAX);
            let id = uuid(found.job.as_bytes());
            let settled =
                tx.session.maybe(SETTLE, &[&id, &bytes, &found.logs.is_none(), &&*tx.home]).await?;
            let (Some(settled), Some(logs)) = (settled, &found.logs) else { continue };
            let job: i64 = get(&settled, 0)?;
            // What stands in the folder is whole; what was uploaded of it is a part, or a copy.
            tx.session.execute(DELETE_CHUNKS, &[&job, &&*tx.home]).await?;
            tx.session.execute("DELETE FROM job_progress WHERE job = $1", &[&job]).await?;
            for log in logs {
                let (number, frames) = (i64::from(log.attempt), &log.frames[..]);
                tx.session.execute(INSERT_LOG, &[&job, &number, &frames]).await?;
            }
            // What never had an attempt has no folder.
            if count(&settled, 1)? > 0 {
                doom(tx, found.job, &tx.home).await?;
            }
        }
        Ok(Ok(()))
    }
}

/// Says that the folder of a job is to be removed, by the server that works in this data folder.
pub(super) async fn doom(tx: &Tx<'_>, job: JobId, home: &str) -> Result<(), Failure> {
    let sql = "INSERT INTO doomed_folders (job, home) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    tx.session.execute(sql, &[&uuid(job.as_bytes()), &home]).await?;
    Ok(())
}

/// These folders are gone.
pub(in crate::store::postgres) struct FoldersGone(pub(in crate::store::postgres) Vec<JobId>);

#[async_trait(?Send)]
impl Operation for FoldersGone {
    type Answer = ();
    type Refusal = StoreError;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Result<(), StoreError>, Failure> {
        let jobs: Vec<Uuid> = self.0.iter().map(|job| uuid(job.as_bytes())).collect();
        let sql = "DELETE FROM doomed_folders WHERE home = $1 AND job = ANY ($2)";
        tx.session.execute(sql, &[&&*tx.home, &jobs]).await?;
        Ok(Ok(()))
    }
}

/// By the unique index of `id`. No row: it is gone, has not ended, or was settled before. What other
/// workers printed of it stands in their folders, and counts as far as it was uploaded.
const SETTLE: &str = "
UPDATE jobs
SET kept_log_bytes = $2 + (
        SELECT coalesce(sum(octet_length(frames)), 0)::bigint
        FROM log_chunks
            JOIN attempts ON attempts.job = log_chunks.job AND attempts.number = log_chunks.number
            JOIN workers ON workers.id = attempts.worker
        WHERE log_chunks.job = jobs.accept_no
          AND workers.home <> $4),
    has_folder = $3
WHERE id = $1
  AND ended_at IS NOT NULL
  AND kept_log_bytes IS NULL
RETURNING accept_no, attempt";

/// By keys, each worker by its `id`. What other workers printed stays.
const DELETE_CHUNKS: &str = "
DELETE FROM log_chunks
USING attempts JOIN workers ON workers.id = attempts.worker
WHERE log_chunks.job = $1
  AND attempts.job = log_chunks.job
  AND attempts.number = log_chunks.number
  AND workers.home = $2";

const INSERT_LOG: &str = "INSERT INTO job_logs (job, number, frames) VALUES ($1, $2, $3)";
