//! Giving slots to jobs.
//!
//! First whatever was delayed until now comes into line, then each queue gives its oldest runnable
//! jobs. Fences are numbered by acceptance within the queue, so that spawning by rising fence is
//! spawning in order (P2).

use std::collections::HashMap;

use async_trait::async_trait;
use serde_json::Value;

use super::{Operation, Tx};
use crate::domain::attempt::Policy;
use crate::domain::clock::Timestamp;
use crate::domain::event::{JobChange, Promoted};
use crate::domain::id::AcceptNo;
use crate::domain::job::Job;
use crate::domain::names::{KindName, QueueName};
use crate::domain::state::{JobEvent, JobState};
use crate::store::moves::Happened;
use crate::store::postgres::failure::{Failure, one_row};
use crate::store::postgres::row::{self, JOB_COLUMNS, get, instant, job_id, millis, must};
use crate::store::{Claim, ClaimRequest, Plan, StoreError};

#[async_trait(?Send)]
impl Operation for ClaimRequest {
    type Answer = Vec<Claim>;
    type Refusal = StoreError;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Result<Vec<Claim>, StoreError>, Failure> {
        tx.write_starts().await?;
        promote(tx, self).await?;
        let mut claims = Vec::new();
        let standing =
            if self.queues.is_empty() { Standing::Alone } else { standing(tx, self).await? };
        for (queue, limit) in &self.queues {
            let Some((started_at, free)) = open_queue(tx, queue, self.now).await? else { continue };
            let limit = match standing {
                Standing::Alone => *limit,
                Standing::Member => free.min(*limit),
                Standing::Out => 0,
            };
            if limit == 0 {
                continue;
            }
            let jobs = take(tx, self, (queue, limit), started_at).await?;
            if jobs.is_empty() {
                continue;
            }
            let rows = tx
                .session
                .execute(UPDATE_LAST_CLAIM, &[&queue.as_str(), &millis(started_at)])
                .await?;
            one_row("the claim's instant of a queue", rows)?;
            claims.append(&mut attempts(tx, self, jobs, started_at).await?);
        }
        Ok(Ok(claims))
    }
}

/// Stores the attempts of jobs that were just taken, and tells of them.
async fn attempts(
    tx: &mut Tx<'_>,
    request: &ClaimRequest,
    jobs: Vec<Job>,
    at: Timestamp,
) -> Result<Vec<Claim>, Failure> {
    JobState::Queued.after(JobEvent::Claimed)?;
    let mut args = arguments(tx, &jobs).await?;
    let mut claims = Vec::new();
    let (mut argvs, mut policies) = (Vec::new(), Vec::new());
    let nothing = Plan { argv: Vec::new(), policy: Policy::default() };
    for job in jobs {
        let fence = job.open.ok_or(Failure::Value("a claim without a fence".to_owned()))?;
        let args = args.remove(&job.accepted.0).unwrap_or_else(|| Err("missing".to_owned()));
        let plan = args.as_ref().map_err(String::clone);
        let plan = plan.and_then(|args| request.planner.plan(&job.kind, args));
        let stored = plan.as_ref().unwrap_or(&nothing);
        argvs.push(serde_json::to_string(&stored.argv)?);
        policies.push(serde_json::to_string(&stored.policy)?);
        let what = Happened { change: JobChange::Updated, at, attempt: Some(job.attempt) };
        let job = tx.record(Some(JobState::Queued), job, what);
        let (args, key) = (args.unwrap_or_default(), request.planner.attempt_key());
        claims.push(Claim { job, args, key, fence, plan });
    }
    let fences: Vec<i64> = claims.iter().map(|claim| claim.fence.0).collect();
    let numbers: Vec<i64> = claims.iter().map(|claim| claim.job.accepted.0).collect();
    let attempts: Vec<i64> = claims.iter().map(|claim| claim.job.attempt.into()).collect();
    let keys: Vec<&str> = claims.iter().map(|claim| claim.key.as_str()).collect();
    tx.session
        .execute(
            INSERT_ATTEMPTS,
            &[
                &fences,
                &numbers,
                &attempts,
                &keys,
                &argvs,
                &policies,
                &row::uuid(request.worker.id.as_bytes()),
                &request.boot_id.as_ref(),
                &millis(at),
            ],
        )
        .await?;
    Ok(claims)
}

/// Takes the oldest runnable jobs and returns them in acceptance order, which is fence order.
async fn take(
    tx: &mut Tx<'_>,
    request: &ClaimRequest,
    (queue, limit): (&QueueName, u32),
    started_at: Timestamp,
) -> Result<Vec<Job>, Failure> {
    let sql = format!("{CLAIM} RETURNING {JOB_COLUMNS}");
    let kinds: Vec<&str> = request.kinds.iter().map(KindName::as_str).collect();
    let worker = row::uuid(request.worker.id.as_bytes());
    let rows = tx
        .session
        .rows(
            &sql,
            &[
                &queue.as_str(),
                &kinds,
                &i64::from(limit),
                &tx.numbers.fence,
                &millis(started_at),
                &worker,
                &&*request.worker.name,
            ],
        )
        .await?;
    let mut jobs = rows.iter().map(row::job).collect::<Result<Vec<_>, _>>()?;
    // RETURNING promises no order.
    jobs.sort_by_key(|job| job.accepted);
    if let Some(Job { open: Some(fence), .. }) = jobs.last() {
        tx.numbers.fence = fence.0;
    }
    Ok(jobs)
}

/// The arguments of jobs by their numbers. One job that cannot be read must not keep all others from
/// being claimed.
async fn arguments(
    tx: &Tx<'_>,
    jobs: &[Job],
) -> Result<HashMap<i64, Result<Value, String>>, Failure> {
    let numbers: Vec<i64> = jobs.iter().map(|job| job.accepted.0).collect();
    let sql = "SELECT job, args FROM job_args WHERE job = ANY ($1)";
    let rows = tx.session.rows(sql, &[&numbers]).await?;
    let read = |row: &tokio_postgres::Row| {
        let args = serde_json::from_str(get(row, 1)?);
        Ok((get(row, 0)?, args.map_err(|error| format!("unreadable: {error}"))))
    };
    rows.iter().map(read).collect()
}

/// Brings into line whatever was delayed until now. No event: nothing that the API shows as committed
/// changes, and no seq moves. What others brought into line is told to who did not hear of it.
async fn promote(tx: &mut Tx<'_>, request: &ClaimRequest) -> Result<(), Failure> {
    let mut rows = tx.session.rows(PROMOTE, &[&millis(request.now)]).await?;
    if !request.due.is_empty() {
        let due: Vec<i64> = request.due.iter().map(|no| no.0).collect();
        let known: Vec<i64> = rows.iter().map(|row| get(row, 2)).collect::<Result<_, _>>()?;
        rows.extend(tx.session.rows(PROMOTED, &[&due, &known]).await?);
    }
    let promoted = rows.iter().map(|row| {
        Ok(Promoted {
            job: job_id(row, 0)?,
            queue: must(row, 1)?,
            kind: must(row, 3)?,
            accepted: AcceptNo(get(row, 2)?),
        })
    });
    let mut promoted = promoted.collect::<Result<Vec<_>, Failure>>()?;
    promoted.sort_by_key(|job| job.accepted);
    tx.promoted(promoted);
    Ok(())
}

/// What who claims is to the others that work on the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It never joined them, so there are none: it counts its slots itself.
    Alone,
    /// It is one of them.
    Member,
    /// Its lease is over, or it drains.
    Out,
}

async fn standing(tx: &Tx<'_>, request: &ClaimRequest) -> Result<Standing, Failure> {
    let worker = row::uuid(request.worker.id.as_bytes());
    let Some(row) = tx.session.maybe(STANDING, &[&worker]).await? else {
        return Ok(Standing::Alone);
    };
    Ok(if get(&row, 0)? { Standing::Member } else { Standing::Out })
}

/// The instant of a claim from this queue, never before its previous one, and how many of its slots are
/// free; `None` where nothing may be claimed: it is paused, or was never declared.
async fn open_queue(
    tx: &Tx<'_>,
    queue: &QueueName,
    now: Timestamp,
) -> Result<Option<(Timestamp, u32)>, Failure> {
    let Some(row) = tx.session.maybe(OPEN_QUEUE, &[&queue.as_str()]).await? else {
        return Ok(None);
    };
    let free = get::<i64>(&row, 1)?.max(0);
    let at = instant(&row, 0)?.map_or(now, |last| now.max(last));
    Ok(Some((at, u32::try_from(free).unwrap_or(u32::MAX))))
}

/// By `jobs_delayed`.
const PROMOTE: &str = "
UPDATE jobs
SET delayed_until = NULL,
    delay = NULL
WHERE delayed_until <= $1
RETURNING id, queue, accept_no, kind";

/// By their keys.
const PROMOTED: &str = "
SELECT id, queue, accept_no, kind
FROM jobs
WHERE accept_no = ANY ($1)
  AND accept_no <> ALL ($2)
  AND state = 'QUEUED'
  AND open_fence IS NULL
  AND delayed_until IS NULL";

/// By the unique index of `id`.
const STANDING: &str = "
SELECT gone_at IS NULL
    AND NOT draining
    AND last_seen_at + lease_ms > extract(epoch FROM clock_timestamp()) * 1000
FROM workers
WHERE id = $1
  AND lease_ms IS NOT NULL";

/// By its key; what is open, of all workers, by `jobs_open_of` (P3).
const OPEN_QUEUE: &str = "
SELECT
    last_claim_at,
    coalesce(slots_override, file_slots)
        - (SELECT count(*) FROM jobs WHERE open_fence IS NOT NULL AND jobs.queue = queues.name)
FROM queues
WHERE name = $1
  AND paused_at IS NULL";

/// By its key.
const UPDATE_LAST_CLAIM: &str = "
UPDATE queues
SET last_claim_at = $2
WHERE name = $1
  AND paused_at IS NULL";

/// The line of each kind by `jobs_line_of`, each row by its key. A kind costs one look, 10 µs; what waits of
/// other kinds and queues costs nothing. The place is an expression, so that no other index has its order.
const CLAIM: &str = "
UPDATE jobs
SET seq = seq + 1,
    attempt = attempt + 1,
    open_fence = $4::bigint + line.place,
    started_at = $5,
    worker = $6,
    worker_name = $7,
    exit_code = NULL,
    signal = NULL
FROM unnest(ARRAY(
    SELECT oldest.accept_no
    FROM unnest($2::text[]) AS kinds (name) CROSS JOIN LATERAL (
        SELECT accept_no
        FROM jobs
        WHERE queue = $1
          AND kind = kinds.name
          AND state = 'QUEUED'
          AND open_fence IS NULL
          AND delayed_until IS NULL
        ORDER BY accept_no + 0
        LIMIT $3
    ) AS oldest
    ORDER BY oldest.accept_no
    LIMIT $3
)) WITH ORDINALITY AS line (accept_no, place)
WHERE jobs.accept_no = line.accept_no";

const INSERT_ATTEMPTS: &str = "
INSERT INTO attempts (fence, job, number, key, argv, policy, worker, boot_id, started_at)
SELECT *, $7::uuid, $8::text, $9::bigint
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[])";
