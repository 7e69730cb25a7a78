//! Recording what was found of the logs of jobs that ended, and that folders are gone.

use async_trait::async_trait;
use uuid::Uuid;

use super::{Operation, Tx};
use crate::domain::id::JobId;
use crate::domain::log::StoredLog;
use crate::store::StoreError;
use crate::store::keep::Settled;
use crate::store::postgres::failure::Failure;
use crate::store::postgres::row::{count, get, job_id, uuid};
use crate::store::postgres::session::Parameters;

/// What was found.
pub(in crate::store::postgres) struct Settle(pub(in crate::store::postgres) Vec<Settled>);

#[async_trait(?Send)]
impl Operation for Settle {
    type Answer = ();
    type Refusal = StoreError;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Result<(), StoreError>, Failure> {
        let all = |value: fn(&Settled) -> i64| self.0.iter().map(value).collect::<Vec<_>>();
        let ids: Vec<Uuid> = self.0.iter().map(|found| uuid(found.job.as_bytes())).collect();
        let bytes = all(|found| i64::try_from(found.log_bytes).unwrap_or(i64::MAX));
        let has_folder: Vec<bool> = self.0.iter().map(|found| found.logs.is_none()).collect();
        let settled = tx.session.rows(SETTLE, &[&ids, &bytes, &has_folder, &&*tx.home]).await?;
        let mut kept = Kept::default();
        for row in &settled {
            let (job, id) = (get::<i64>(row, 0)?, job_id(row, 1)?);
            let found = self.0.iter().find(|found| found.job == id);
            if let Some(logs) = found.and_then(|found| found.logs.as_deref()) {
                kept.add((job, id), logs, count(row, 2)?);
            }
        }
        kept.write(tx).await?;
        Ok(Ok(()))
    }
}

/// What goes from folders into the store.
#[derive(Default)]
struct Kept<'f> {
    jobs: Vec<i64>,
    /// Of each log: the job, the number of its attempt, and what it says.
    logs: (Vec<i64>, Vec<i64>, Vec<&'f [u8]>),
    /// Jobs whose folders are to be removed.
    folders: Vec<Uuid>,
}

impl<'f> Kept<'f> {
    fn add(&mut self, (job, id): (i64, JobId), logs: &'f [StoredLog], attempts: u32) {
        self.jobs.push(job);
        for log in logs {
            self.logs.0.push(job);
            self.logs.1.push(log.attempt.into());
            self.logs.2.push(&log.frames);
        }
        // What never had an attempt has no folder.
        if attempts > 0 {
            self.folders.push(uuid(id.as_bytes()));
        }
    }

    /// Writes it: all is sent before the first answer is awaited.
    async fn write(&self, tx: &Tx<'_>) -> Result<(), Failure> {
        if self.jobs.is_empty() {
            return Ok(());
        }
        let (session, home) = (tx.session, &*tx.home);
        session.prepare(&[DELETE_CHUNKS, DELETE_PROGRESS, INSERT_LOGS, DOOM]).await?;
        let (jobs, numbers, frames) = &self.logs;
        let (of_jobs, of_logs): (Parameters<'_>, Parameters<'_>) =
            (&[&self.jobs], &[jobs, numbers, frames]);
        // What stands in the folder is whole; what was uploaded of it is a part, or a copy.
        let chunks: Parameters<'_> = &[&self.jobs, &home];
        let doomed: Parameters<'_> = &[&self.folders, &home];
        let (chunks, progress, logs, doomed) = futures::join!(
            session.execute(DELETE_CHUNKS, chunks),
            session.execute(DELETE_PROGRESS, of_jobs),
            session.execute(INSERT_LOGS, of_logs),
            session.execute(DOOM, doomed),
        );
        chunks.and(progress).and(logs).and(doomed)?;
        Ok(())
    }
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
SET kept_log_bytes = found.log_bytes + (
        SELECT coalesce(sum(octet_length(frames)), 0)::bigint
        FROM log_chunks
            JOIN attempts ON attempts.job = log_chunks.job AND attempts.number = log_chunks.number
            JOIN workers ON workers.id = attempts.worker
        WHERE log_chunks.job = jobs.accept_no
          AND workers.home <> $4),
    has_folder = found.has_folder
FROM unnest($1::uuid[], $2::bigint[], $3::boolean[]) AS found (id, log_bytes, has_folder)
WHERE jobs.id = found.id
  AND ended_at IS NOT NULL
  AND kept_log_bytes IS NULL
RETURNING jobs.accept_no, jobs.id, jobs.attempt";

/// By keys, chunk by chunk: as a join it may begin with the workers, and come by every attempt there is. What other
/// workers printed stays.
const DELETE_CHUNKS: &str = "
DELETE FROM log_chunks
WHERE job = ANY ($1)
  AND (SELECT workers.home
       FROM attempts JOIN workers ON workers.id = attempts.worker
       WHERE attempts.job = log_chunks.job
         AND attempts.number = log_chunks.number) = $2";

/// By its key.
const DELETE_PROGRESS: &str = "DELETE FROM job_progress WHERE job = ANY ($1)";

const INSERT_LOGS: &str = "
INSERT INTO job_logs (job, number, frames)
SELECT *
FROM unnest($1::bigint[], $2::bigint[], $3::bytea[])";

const DOOM: &str = "
INSERT INTO doomed_folders (job, home)
SELECT id, $2
FROM unnest($1::uuid[]) AS doomed (id)
ON CONFLICT DO NOTHING";
