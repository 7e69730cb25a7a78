//! Giving slots to jobs.
//!
//! First whatever was delayed until now comes into line, then each queue gives its oldest runnable
//! jobs. Fences are numbered by acceptance within the queue, so that spawning by rising fence is
//! spawning in order (P2).

use rusqlite::{OptionalExtension, named_params};

use super::{Operation, Tx};
use crate::domain::attempt::Policy;
use crate::domain::clock::{Timestamp, from_unix_millis};
use crate::domain::event::{JobChange, Promoted};
use crate::domain::id::{AcceptNo, Fence, JobId};
use crate::domain::job::Job;
use crate::domain::names::QueueName;
use crate::domain::state::{JobEvent, JobState};
use crate::store::moves::Happened;
use crate::store::sqlite::failure::{Failure, one_row};
use crate::store::sqlite::row::{self, JOB_COLUMNS};
use crate::store::{Claim, ClaimRequest, Plan, StoreError};

impl Operation for ClaimRequest {
    type Answer = Vec<Claim>;
    type Refusal = StoreError;

    fn apply(&self, tx: &mut Tx<'_>) -> Result<Result<Vec<Claim>, StoreError>, Failure> {
        promote(tx, self.now)?;
        let (mut claims, now) = (Vec::new(), tx.commit.claimed_at(self.now));
        for (queue, limit) in &self.queues {
            let Some(started_at) = open_queue(tx, queue, now)? else { continue };
            let jobs = self.take(tx, queue, *limit, started_at)?;
            if !jobs.is_empty() {
                let mut update = tx.prepare(UPDATE_LAST_CLAIM)?;
                let rows = update.execute((queue.as_str(), started_at.timestamp_millis()))?;
                one_row("the claim's instant of a queue", rows)?;
            }
            for job in jobs {
                claims.push(self.attempt(tx, job, started_at)?);
            }
        }
        Ok(Ok(claims))
    }
}

impl ClaimRequest {
    /// Stores the attempt of a job that was just taken, and tells of it.
    fn attempt(&self, tx: &mut Tx<'_>, job: Job, at: Timestamp) -> Result<Claim, Failure> {
        JobState::Queued.after(JobEvent::Claimed)?;
        let fence = job.open.ok_or(Failure::Guard { what: "a claim's fence", rows: 0 })?;
        let mut select = tx.prepare("SELECT args FROM job_args WHERE job = ?1")?;
        let args: String = select.query_one([job.accepted.0], |row| row.get(0))?;
        // One job that cannot be read must not keep all others from being claimed.
        let args = serde_json::from_str(&args).map_err(|error| format!("unreadable: {error}"));
        let plan = args.as_ref().map_err(String::clone);
        let plan = plan.and_then(|args| self.planner.plan(&job.kind, args));
        let args = args.unwrap_or_default();
        let nothing = Plan { argv: Vec::new(), policy: Policy::default() };
        let stored = plan.as_ref().unwrap_or(&nothing);
        let key = self.planner.attempt_key();
        tx.prepare(INSERT_ATTEMPT)?.execute(named_params! {
            ":fence": fence.0,
            ":job": job.accepted.0,
            ":number": job.attempt,
            ":key": key.as_str(),
            ":worker": self.worker.id.as_bytes(),
            ":boot_id": self.boot_id.as_ref(),
            ":argv": serde_json::to_string(&stored.argv)?,
            ":policy": serde_json::to_string(&stored.policy)?,
            ":started_at": at.timestamp_millis(),
        })?;
        let what = Happened { change: JobChange::Updated, at, attempt: Some(job.attempt) };
        let job = tx.record(Some(JobState::Queued), job, what)?;
        Ok(Claim { job, args, key, fence, plan })
    }

    /// Takes the oldest runnable jobs and returns them in acceptance order, which is fence order.
    fn take(
        &self,
        tx: &Tx<'_>,
        queue: &QueueName,
        limit: u32,
        started_at: Timestamp,
    ) -> Result<Vec<Job>, Failure> {
        let mut select = tx.prepare(LAST_FENCE)?;
        let last_fence = select.query_one([], |row| row.get(0)).optional()?.map_or(Fence(0), Fence);
        let sql = format!("{CLAIM} RETURNING {JOB_COLUMNS}");
        let mut update = tx.prepare(&sql)?;
        let rows = update.query_map(
            named_params! {
                ":queue": queue.as_str(),
                ":kinds": serde_json::to_string(self.kinds.as_ref())?,
                ":limit": limit,
                ":last_fence": last_fence.0,
                ":started_at": started_at.timestamp_millis(),
                ":worker": self.worker.id.as_bytes(),
                ":worker_name": &*self.worker.name,
            },
            row::job,
        )?;
        // RETURNING promises no order.
        let mut jobs = rows.collect::<Result<Vec<_>, _>>()?;
        jobs.sort_by_key(|job| job.accepted);
        Ok(jobs)
    }
}

/// Brings into line whatever was delayed until `now`. No event: nothing that the API shows as
/// committed changes, and no seq moves.
fn promote(tx: &mut Tx<'_>, now: Timestamp) -> Result<(), Failure> {
    let mut update = tx.prepare(PROMOTE)?;
    let rows = update.query_map([now.timestamp_millis()], |row| {
        Ok(Promoted {
            job: JobId::from_bytes(row.get(0)?),
            queue: row::must(row, 1)?,
            kind: row::must(row, 3)?,
            accepted: AcceptNo(row.get(2)?),
        })
    })?;
    let mut promoted = rows.collect::<Result<Vec<_>, _>>()?;
    promoted.sort_by_key(|job| job.accepted);
    tx.promoted(promoted);
    Ok(())
}

/// The instant of a claim from this queue, never before its previous one; `None` where nothing may
/// be claimed: it is paused, or was never declared.
fn open_queue(
    tx: &Tx<'_>,
    queue: &QueueName,
    now: Timestamp,
) -> Result<Option<Timestamp>, Failure> {
    let mut select = tx.prepare(OPEN_QUEUE)?;
    let last = select.query_one([queue.as_str()], |row| row.get::<_, Option<i64>>(0)).optional()?;
    Ok(last.map(|last| last.map_or(now, |last| now.max(from_unix_millis(last)))))
}

/// By `jobs_delayed`.
pub(in crate::store::sqlite) const PROMOTE: &str = "
UPDATE jobs INDEXED BY jobs_delayed
SET delayed_until = NULL,
    delay = NULL
WHERE delayed_until <= ?1
RETURNING id, queue, accept_no, kind";

/// By its key.
const OPEN_QUEUE: &str = "
SELECT last_claim_at
FROM queues
WHERE name = ?1
  AND paused_at IS NULL";

/// By its key.
const UPDATE_LAST_CLAIM: &str = "
UPDATE queues
SET last_claim_at = ?2
WHERE name = ?1
  AND paused_at IS NULL";

/// The attempts of a claim are inserted with their fences, one after the other from here.
const LAST_FENCE: &str = "SELECT seq FROM sqlite_sequence WHERE name = 'attempts'";

/// The line by `jobs_line`, each row by its key.
pub(in crate::store::sqlite) const CLAIM: &str = "
UPDATE jobs
SET seq = seq + 1,
    attempt = attempt + 1,
    open_fence = :last_fence + line.place,
    started_at = :started_at,
    worker = :worker,
    worker_name = :worker_name,
    exit_code = NULL,
    signal = NULL
FROM (
    SELECT accept_no, row_number() OVER (ORDER BY accept_no) AS place
    FROM (
        SELECT accept_no
        FROM jobs INDEXED BY jobs_line
        WHERE queue = :queue
          AND state = 'QUEUED'
          AND open_fence IS NULL
          AND delayed_until IS NULL
          AND kind IN (SELECT value FROM json_each(:kinds))
        ORDER BY accept_no
        LIMIT :limit
    )
) AS line
WHERE jobs.accept_no = line.accept_no";

const INSERT_ATTEMPT: &str = "
INSERT INTO attempts (fence, job, number, key, worker, boot_id, argv, policy, started_at)
VALUES (:fence, :job, :number, :key, :worker, :boot_id, :argv, :policy, :started_at)";
