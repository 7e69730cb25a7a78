//! What is kept of jobs that ended: the questions, and the door to the writes.

use async_trait::async_trait;
use rusqlite::Connection;

use super::SqliteStore;
use super::failure::Failure;
use super::write::{FoldersGone, Settle};
use crate::domain::clock::{Timestamp, from_unix_millis};
use crate::domain::id::{AcceptNo, JobId};
use crate::domain::log::StoredLog;
use crate::store::StoreError;
use crate::store::keep::{Ended, Keep, Kept, Prune, Pruned, Settled, Unsettled};

/// By `jobs_ended`, which holds all that is asked for.
pub(super) const KEPT: &str = "
SELECT count(*), ifnull(sum(kept_log_bytes), 0)
FROM jobs INDEXED BY jobs_ended
WHERE ended_at IS NOT NULL";

/// By `jobs_ended`, each row by its key.
pub(super) const ENDED: &str = "
SELECT id, accept_no, ended_at, kept_log_bytes, iif(idempotency_key IS NULL, NULL, created_at)
FROM jobs INDEXED BY jobs_ended
WHERE ended_at IS NOT NULL
  AND (ended_at, accept_no) > (?1, ?2)
ORDER BY ended_at, accept_no
LIMIT ?3";

/// By `jobs_unsettled`, each row by its key.
pub(super) const UNSETTLED: &str = "
SELECT id, accept_no, attempt
FROM jobs INDEXED BY jobs_unsettled
WHERE ended_at IS NOT NULL
  AND kept_log_bytes IS NULL
  AND accept_no > ?1
ORDER BY accept_no
LIMIT ?2";

/// By the unique index of `id`, then by key.
pub(super) const STORED_LOGS: &str = "
SELECT number, frames
FROM job_logs
WHERE job = (SELECT accept_no FROM jobs WHERE id = ?1)
ORDER BY number";

fn kept(conn: &Connection) -> Result<Kept, Failure> {
    let kept = |row: &rusqlite::Row<'_>| {
        Ok(Kept {
            jobs: row.get::<_, i64>(0)?.unsigned_abs(),
            log_bytes: row.get::<_, i64>(1)?.unsigned_abs(),
        })
    };
    Ok(conn.prepare_cached(KEPT)?.query_one([], kept)?)
}

fn ended(
    conn: &Connection,
    after: Option<(Timestamp, AcceptNo)>,
    limit: u32,
) -> Result<Vec<Ended>, Failure> {
    let (at, accepted) = after.map_or((i64::MIN, 0), |(at, no)| (at.timestamp_millis(), no.0));
    let mut select = conn.prepare_cached(ENDED)?;
    let rows = select.query_map((at, accepted, limit), |row| {
        Ok(Ended {
            job: JobId::from_bytes(row.get(0)?),
            accepted: AcceptNo(row.get(1)?),
            ended_at: from_unix_millis(row.get(2)?),
            log_bytes: row.get::<_, Option<i64>>(3)?.map(i64::unsigned_abs),
            keyed_since: row.get::<_, Option<i64>>(4)?.map(from_unix_millis),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn unsettled(conn: &Connection, after: AcceptNo, limit: u32) -> Result<Vec<Unsettled>, Failure> {
    let mut select = conn.prepare_cached(UNSETTLED)?;
    let rows = select.query_map((after.0, limit), |row| {
        Ok(Unsettled {
            job: JobId::from_bytes(row.get(0)?),
            accepted: AcceptNo(row.get(1)?),
            attempts: row.get(2)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn stored_logs(conn: &Connection, job: JobId) -> Result<Vec<StoredLog>, Failure> {
    let mut select = conn.prepare_cached(STORED_LOGS)?;
    let rows = select.query_map([job.as_bytes()], |row| {
        let frames = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?.into();
        Ok(StoredLog { attempt: row.get(0)?, frames })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// By its key.
fn doomed_folders(conn: &Connection, limit: u32) -> Result<Vec<JobId>, Failure> {
    let mut select = conn.prepare_cached("SELECT job FROM doomed_folders LIMIT ?1")?;
    let rows = select.query_map([limit], |row| row.get(0).map(JobId::from_bytes))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

#[async_trait]
impl Keep for SqliteStore {
    async fn kept(&self) -> Result<Kept, StoreError> {
        self.readers.read(kept).await
    }

    async fn ended(
        &self,
        after: Option<(Timestamp, AcceptNo)>,
        limit: u32,
    ) -> Result<Vec<Ended>, StoreError> {
        self.readers.read(move |conn| ended(conn, after, limit)).await
    }

    async fn unsettled(&self, after: AcceptNo, limit: u32) -> Result<Vec<Unsettled>, StoreError> {
        self.readers.read(move |conn| unsettled(conn, after, limit)).await
    }

    async fn stored_logs(&self, job: JobId) -> Result<Vec<StoredLog>, StoreError> {
        self.readers.read(move |conn| stored_logs(conn, job)).await
    }

    async fn doomed_folders(&self, limit: u32) -> Result<Vec<JobId>, StoreError> {
        self.readers.read(move |conn| doomed_folders(conn, limit)).await
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
