//! What is to be done in the object store, in rows.
//!
//! # Concurrency
//!
//! The connections that upload logs: nobody who writes waits for them, and nothing is flushed. A row that a
//! crash of the database forgets is written again by whoever settles the job; what is removed of a job that
//! is gone is found again by who lists the objects.

use async_trait::async_trait;
use uuid::Uuid;

use super::PostgresStore;
use super::failure::Failure;
use super::row::{count, get, job_id, uuid};
use super::typed::Asks;
use crate::domain::id::{AcceptNo, Fence, JobId};
use crate::store::StoreError;
use crate::store::carried::{Carried, Printed};

/// By keys, each worker by its `id`.
const MAY_LACK: &str = "
INSERT INTO log_rests (home, job)
SELECT DISTINCT workers.home, jobs.accept_no
FROM jobs
    JOIN attempts ON attempts.job = jobs.accept_no
    JOIN workers ON workers.id = attempts.worker
WHERE jobs.id = ANY ($1)
  AND jobs.ended_at IS NOT NULL
  AND attempts.log_bytes > 0
ON CONFLICT DO NOTHING";

/// By its key.
const RESTS: &str = "
SELECT log_rests.job, jobs.id
FROM log_rests JOIN jobs ON jobs.accept_no = log_rests.job
WHERE log_rests.home = $1 AND log_rests.job > $2
ORDER BY log_rests.job
LIMIT $3";

/// By keys, each worker by its `id`.
const PRINTED: &str = "
SELECT attempts.number, attempts.fence, coalesce(
    (SELECT max(until) FROM log_chunks AS c
     WHERE c.job = attempts.job AND c.number = attempts.number),
    0)
FROM jobs
    JOIN attempts ON attempts.job = jobs.accept_no
    JOIN workers ON workers.id = attempts.worker
WHERE jobs.id = $1
  AND jobs.ended_at IS NOT NULL
  AND attempts.log_bytes > 0
  AND workers.home = $2
ORDER BY attempts.number";

/// By its key.
const IS_CARRIED: &str = "
DELETE FROM log_rests
WHERE home = $2
  AND job = (SELECT accept_no FROM jobs WHERE id = $1)";

/// By the unique index of `id`.
const UNKNOWN: &str = "
SELECT asked.id
FROM unnest($1::uuid[]) AS asked (id)
WHERE NOT EXISTS (SELECT FROM jobs WHERE jobs.id = asked.id)";

fn uuids(jobs: &[JobId]) -> Vec<Uuid> {
    jobs.iter().map(|job| uuid(job.as_bytes())).collect()
}

impl PostgresStore {
    async fn jobs(&self, sql: &str, parameters: Asks<'_>) -> Result<Vec<JobId>, StoreError> {
        let rows = self.uploads.rows(sql, parameters).await.map_err(Failure::of_read)?;
        let jobs: Result<_, Failure> = rows.iter().map(|row| job_id(row, 0)).collect();
        jobs.map_err(Failure::of_read)
    }

    async fn done(&self, sql: &str, parameters: Asks<'_>) -> Result<(), StoreError> {
        self.uploads.rows(sql, parameters).await.map(drop).map_err(Failure::of_read)
    }
}

#[async_trait]
impl Carried for PostgresStore {
    async fn objects_name(&self) -> Result<String, StoreError> {
        let row = self.uploads.maybe("SELECT name FROM object_store WHERE id = 1", &[]).await;
        let name = row.and_then(|row| match row {
            Some(row) => get(&row, 0),
            None => Err(Failure::NoConnection("the name of its objects is missing".to_owned())),
        });
        name.map_err(Failure::of_read)
    }

    async fn may_lack(&self, jobs: Vec<JobId>) -> Result<(), StoreError> {
        self.done(MAY_LACK, &[&uuids(&jobs)]).await
    }

    async fn rests(
        &self,
        after: AcceptNo,
        limit: u32,
    ) -> Result<Vec<(AcceptNo, JobId)>, StoreError> {
        let rows = self.uploads.rows(RESTS, &[&&*self.home, &after.0, &i64::from(limit)]).await;
        let rows = rows.map_err(Failure::of_read)?;
        let rest = |row| Ok((AcceptNo(get(row, 0)?), job_id(row, 1)?));
        rows.iter().map(rest).collect::<Result<_, Failure>>().map_err(Failure::of_read)
    }

    async fn printed(&self, job: JobId) -> Result<Vec<Printed>, StoreError> {
        let rows = self.uploads.rows(PRINTED, &[&uuid(job.as_bytes()), &&*self.home]).await;
        let printed = |row| {
            Ok(Printed {
                number: count(row, 0)?,
                fence: Fence(get(row, 1)?),
                until: get::<i64>(row, 2)?.unsigned_abs(),
            })
        };
        let rows = rows.map_err(Failure::of_read)?;
        rows.iter().map(printed).collect::<Result<_, Failure>>().map_err(Failure::of_read)
    }

    async fn is_carried(&self, job: JobId) -> Result<(), StoreError> {
        self.done(IS_CARRIED, &[&uuid(job.as_bytes()), &&*self.home]).await
    }

    async fn doomed_objects(&self, limit: u32) -> Result<Vec<JobId>, StoreError> {
        self.jobs("SELECT job FROM doomed_objects LIMIT $1", &[&i64::from(limit)]).await
    }

    async fn objects_gone(&self, jobs: Vec<JobId>) -> Result<(), StoreError> {
        self.done("DELETE FROM doomed_objects WHERE job = ANY ($1)", &[&uuids(&jobs)]).await
    }

    async fn unknown(&self, jobs: Vec<JobId>) -> Result<Vec<JobId>, StoreError> {
        self.jobs(UNKNOWN, &[&uuids(&jobs)]).await
    }
}
