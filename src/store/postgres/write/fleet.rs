//! Workers that share the store: one joins, drains, leaves, or is found to be gone.
//!
//! Whether one lives is judged by the database's clock alone: the clocks of the workers' machines may
//! differ by hours.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{Operation, Tx};
use crate::domain::attempt::AttemptEnd;
use crate::domain::clock::Timestamp;
use crate::domain::id::{Fence, WorkerId};
use crate::domain::names::KindName;
use crate::domain::state::EndReason;
use crate::domain::worker::Worker;
use crate::store::fleet::{Declared, JoinError, MARGIN};
use crate::store::postgres::failure::{Failure, one_row};
use crate::store::postgres::row::{self, WORKER_COLUMNS, get, job_id, millis, uuid};
use crate::store::{Finish, Guarded, StoreError};

fn length(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// A worker that begins.
pub(in crate::store::postgres) struct Join {
    /// Who.
    pub(in crate::store::postgres) worker: Worker,
    /// What it takes.
    pub(in crate::store::postgres) kinds: Vec<KindName>,
    /// What it declares.
    pub(in crate::store::postgres) declared: Declared,
    /// For how long it counts as living after it was heard of.
    pub(in crate::store::postgres) lease: Duration,
}

#[async_trait(?Send)]
impl Operation for Join {
    type Answer = ();
    type Refusal = JoinError;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Result<(), JoinError>, Failure> {
        let Worker { id, name, version, slots, labels, started_at, last_seen_at: _ } = &self.worker;
        let home = Arc::clone(&tx.home);
        if let Some(other) = tx.session.maybe(NAMESAKE, &[&&**name, &&*home]).await? {
            let ago = Duration::from_millis(get::<i64>(&other, 0)?.unsigned_abs());
            return Ok(Err(JoinError::NameTaken { name: Arc::clone(name), ago }));
        }
        for adopt in ADOPT {
            tx.session.execute(adopt, &[&&*home]).await?;
        }
        tx.session.execute(END_FORMER, &[&&*home]).await?;
        let kinds: Vec<&str> = self.kinds.iter().map(KindName::as_str).collect();
        let kinds = serde_json::to_string(&kinds)?;
        let declared = self.declared.iter().map(|(kind, text)| (kind.as_str(), text));
        let declared = serde_json::to_string(&declared.collect::<BTreeMap<_, _>>())?;
        let rows = tx
            .session
            .execute(
                JOIN,
                &[
                    &uuid(id.as_bytes()),
                    &&**name,
                    version,
                    &i64::from(*slots),
                    &millis(*started_at),
                    &&*home,
                    &kinds,
                    &length(self.lease),
                    &row::stored_labels(labels)?,
                    &declared,
                ],
            )
            .await?;
        one_row("the start of a worker", rows)?;
        tx.has_settings = true;
        Ok(Ok(()))
    }
}

/// Has a worker take nothing more, or go on.
pub(in crate::store::postgres) struct Drain {
    /// Which.
    pub(in crate::store::postgres) id: WorkerId,
    /// Take nothing more.
    pub(in crate::store::postgres) drain: bool,
}

#[async_trait(?Send)]
impl Operation for Drain {
    type Answer = Option<bool>;
    type Refusal = StoreError;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Result<Option<bool>, StoreError>, Failure> {
        let id = uuid(self.id.as_bytes());
        let Some(found) = tx.session.maybe(DRAINING, &[&id]).await? else { return Ok(Ok(None)) };
        let before: bool = get(&found, 0)?;
        if before != self.drain {
            let sql = "UPDATE workers SET draining = $2 WHERE id = $1";
            one_row("a drain", tx.session.execute(sql, &[&id, &self.drain]).await?)?;
            tx.has_settings = true;
        }
        Ok(Ok(Some(before != self.drain)))
    }
}

/// This worker ends.
pub(in crate::store::postgres) struct Leave(pub(in crate::store::postgres) WorkerId);

#[async_trait(?Send)]
impl Operation for Leave {
    type Answer = ();
    type Refusal = StoreError;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Result<(), StoreError>, Failure> {
        tx.session.execute(LEAVE, &[&uuid(self.0.as_bytes())]).await?;
        tx.has_settings = true;
        Ok(Ok(()))
    }
}

/// Gives back the jobs of workers whose time is over.
pub(in crate::store::postgres) struct Reap {
    /// Who asks, and lives.
    pub(in crate::store::postgres) by: WorkerId,
    /// Now.
    pub(in crate::store::postgres) at: Timestamp,
}

#[async_trait(?Send)]
impl Operation for Reap {
    type Answer = Vec<(Worker, u32)>;
    type Refusal = StoreError;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Result<Self::Answer, StoreError>, Failure> {
        let sql = format!("{REAP} RETURNING {WORKER_COLUMNS}, home, lease_ms");
        let gone = tx.session.rows(&sql, &[&length(MARGIN), &uuid(self.by.as_bytes())]).await?;
        let mut reaped = Vec::new();
        for row in &gone {
            let worker = row::worker(row)?;
            let (home, lease): (&str, i64) = (get(row, 7)?, get(row, 8)?);
            let mut jobs = 0;
            let open = tx.session.rows(OPEN_OF_HOME, &[&home]).await?;
            let ids: Result<Vec<_>, _> = open.iter().map(|open| job_id(open, 0)).collect();
            tx.read(ids?.into_iter()).await?;
            for open in open {
                let finish = Finish {
                    job: job_id(&open, 0)?,
                    fence: Fence(get(&open, 1)?),
                    end: lost(&worker, lease),
                    at: self.at,
                    chance: rand::random(),
                };
                if let Ok(Guarded::Done(_)) = finish.apply(tx).await? {
                    jobs += 1;
                }
            }
            reaped.push((worker, jobs));
        }
        tx.has_settings |= !reaped.is_empty();
        Ok(Ok(reaped))
    }
}

/// Nobody can look into its folder: the command may have begun, and may have ended.
fn lost(worker: &Worker, lease_ms: i64) -> AttemptEnd {
    let lease = Duration::from_millis(lease_ms.unsigned_abs());
    let text = format!("its worker `{}` was not heard of for {:?}", worker.name, lease + MARGIN);
    AttemptEnd::unrecorded(EndReason::Lost, text, true)
}

/// By `workers_joined`.
const NAMESAKE: &str = "
SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint - last_seen_at
FROM workers
WHERE name = $1
  AND home <> $2
  AND lease_ms IS NOT NULL
  AND gone_at IS NULL
  AND last_seen_at + lease_ms > extract(epoch FROM clock_timestamp()) * 1000
LIMIT 1";

/// What was there before folders had names is of the one folder that there was.
const ADOPT: [&str; 2] = [
    "UPDATE workers SET home = $1 WHERE home = ''",
    "UPDATE doomed_folders SET home = $1 WHERE home = ''",
];

/// By `workers_by_home`. Who has the folder knows that nobody else works in it.
const END_FORMER: &str = "
UPDATE workers
SET gone_at = (extract(epoch FROM clock_timestamp()) * 1000)::bigint
WHERE home = $1
  AND lease_ms IS NOT NULL
  AND gone_at IS NULL";

const JOIN: &str = "
INSERT INTO workers (
    id, name, version, slots, started_at, last_seen_at, home, kinds, lease_ms, labels, declared)
VALUES (
    $1, $2, $3, $4, $5, (extract(epoch FROM clock_timestamp()) * 1000)::bigint, $6, $7, $8, $9, $10)";

/// By the unique index of `id`.
const DRAINING: &str = "
SELECT draining
FROM workers
WHERE id = $1
  AND lease_ms IS NOT NULL
  AND gone_at IS NULL";

/// By the unique index of `id`.
const LEAVE: &str = "
UPDATE workers
SET gone_at = (extract(epoch FROM clock_timestamp()) * 1000)::bigint,
    last_seen_at = greatest(
        last_seen_at,
        (extract(epoch FROM clock_timestamp()) * 1000)::bigint)
WHERE id = $1
  AND gone_at IS NULL";

/// By `workers_joined`. A renewal that comes at the same moment waits for this row, or this for it.
const REAP: &str = "
UPDATE workers
SET gone_at = (extract(epoch FROM clock_timestamp()) * 1000)::bigint
WHERE lease_ms IS NOT NULL
  AND gone_at IS NULL
  AND last_seen_at + lease_ms + $1 < extract(epoch FROM clock_timestamp()) * 1000
  AND id <> $2";

/// By `jobs_open`, then by keys: also what earlier starts in the same folder left.
const OPEN_OF_HOME: &str = "
SELECT jobs.id, jobs.open_fence
FROM jobs
    JOIN attempts ON attempts.fence = jobs.open_fence
    JOIN workers ON workers.id = attempts.worker
WHERE jobs.open_fence IS NOT NULL
  AND workers.home = $1
ORDER BY jobs.open_fence";
