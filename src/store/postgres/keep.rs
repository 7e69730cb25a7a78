//! What is kept of jobs that ended: the questions, and the door to the writes.

use async_trait::async_trait;

use super::PostgresStore;
use super::failure::Failure;
use super::readers::Readers;
use super::row::{count, get, instant, job_id, millis, uuid};
use super::write::{FoldersGone, Settle};
use crate::domain::clock::{Timestamp, from_unix_millis};
use crate::domain::id::{AcceptNo, JobId};
use crate::domain::log::StoredLog;
use crate::store::StoreError;
use crate::store::keep::{Ended, Keep, Kept, Prune, Pruned, Settled, Unsettled};

/// By `jobs_ended`, which holds all that is asked for.
const KEPT: &str = "
SELECT count(*), coalesce(sum(kept_log_bytes), 0)::bigint
FROM jobs
WHERE ended_at IS NOT NULL";

/// By `jobs_ended`, each row by its key.
const ENDED: &str = "
SELECT id, accept_no, ended_at, kept_log_bytes,
    CASE WHEN idempotency_key IS NOT NULL THEN created_at END
FROM jobs
WHERE ended_at IS NOT NULL
  AND (ended_at, accept_no) > ($1, $2)
ORDER BY ended_at, accept_no
LIMIT $3";

/// By `jobs_unsettled`, and the worker of each by its `id`: whoever ran it last has its folder.
const UNSETTLED: &str = "
SELECT id, accept_no, attempt
FROM jobs
WHERE ended_at IS NOT NULL
  AND kept_log_bytes IS NULL
  AND accept_no > $1
  AND coalesce((SELECT home FROM workers WHERE workers.id = jobs.worker), $3) = $3
ORDER BY accept_no
LIMIT $2";

/// By the unique index of `id`, then by key.
const STORED_LOGS: &str = "
SELECT number, frames
FROM job_logs
WHERE job = (SELECT accept_no FROM jobs WHERE id = $1)
ORDER BY number";

async fn kept(readers: &Readers) -> Result<Kept, Failure> {
    let Some(row) = readers.maybe(KEPT, &[]).await? else { return Ok(Kept::default()) };
    Ok(Kept {
        jobs: get::<i64>(&row, 0)?.unsigned_abs(),
        log_bytes: get::<i64>(&row, 1)?.unsigned_abs(),
    })
}

async fn ended(
    readers: &Readers,
    after: Option<(Timestamp, AcceptNo)>,
    limit: u32,
) -> Result<Vec<Ended>, Failure> {
    let (at, accepted) = after.map_or((i64::MIN, 0), |(at, no)| (millis(at), no.0));
    let rows = readers.rows(ENDED, &[&at, &accepted, &i64::from(limit)]).await?;
    let ended = rows.iter().map(|row| {
        Ok(Ended {
            job: job_id(row, 0)?,
            accepted: AcceptNo(get(row, 1)?),
            ended_at: from_unix_millis(get(row, 2)?),
            log_bytes: get::<Option<i64>>(row, 3)?.map(i64::unsigned_abs),
            keyed_since: instant(row, 4)?,
        })
    });
    ended.collect()
}

async fn unsettled(
    readers: &Readers,
    home: &str,
    after: AcceptNo,
    limit: u32,
) -> Result<Vec<Unsettled>, Failure> {
    let rows = readers.rows(UNSETTLED, &[&after.0, &i64::from(limit), &home]).await?;
    let unsettled = rows.iter().map(|row| {
        Ok(Unsettled {
            job: job_id(row, 0)?,
            accepted: AcceptNo(get(row, 1)?),
            attempts: count(row, 2)?,
        })
    });
    unsettled.collect()
}

async fn stored_logs(readers: &Readers, job: JobId) -> Result<Vec<StoredLog>, Failure> {
    let rows = readers.rows(STORED_LOGS, &[&uuid(job.as_bytes())]).await?;
    let log = |row| Ok(StoredLog { attempt: count(row, 0)?, frames: get::<&[u8]>(row, 1)?.into() });
    rows.iter().map(log).collect()
}

/// By its key.
async fn doomed_folders(readers: &Readers, home: &str, limit: u32) -> Result<Vec<JobId>, Failure> {
    let sql = "SELECT job FROM doomed_folders WHERE home = $1 LIMIT $2";
    let rows = readers.rows(sql, &[&home, &i64::from(limit)]).await?;
    rows.iter().map(|row| job_id(row, 0)).collect()
}

#[async_trait]
impl Keep for PostgresStore {
    async fn kept(&self) -> Result<Kept, StoreError> {
        kept(&self.readers).await.map_err(Failure::of_read)
    }

    async fn ended(
        &self,
        after: Option<(Timestamp, AcceptNo)>,
        limit: u32,
    ) -> Result<Vec<Ended>, StoreError> {
        ended(&self.readers, after, limit).await.map_err(Failure::of_read)
    }

    async fn unsettled(&self, after: AcceptNo, limit: u32) -> Result<Vec<Unsettled>, StoreError> {
        unsettled(&self.readers, &self.home, after, limit).await.map_err(Failure::of_read)
    }

    async fn stored_logs(&self, job: JobId) -> Result<Vec<StoredLog>, StoreError> {
        stored_logs(&self.readers, job).await.map_err(Failure::of_read)
    }

    async fn doomed_folders(&self, limit: u32) -> Result<Vec<JobId>, StoreError> {
        doomed_folders(&self.readers, &self.home, limit).await.map_err(Failure::of_read)
    }

    async fn settle(&self, settled: Vec<Settled>) -> Result<(), StoreError> {
        self.writer.write(Settle(settled)).await
    }

    async fn prune(&self, prune: Prune) -> Result<Pruned, StoreError> {
        self.writer.write(prune).await
    }

    async fn folders_gone(&self, jobs: Vec<JobId>) -> Result<(), StoreError> {
        self.writer.write(FoldersGone(jobs)).await
    }
}
