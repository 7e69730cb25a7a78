//! Giving slots to jobs.
//!
//! First whatever was delayed until now comes into line, then each queue gives its oldest runnable
//! jobs. Fences are numbered by acceptance within the queue, so that spawning by rising fence is
//! spawning in order (P2).
//!
//! Two ways to the database and back, however many queues there are: one to see what may be claimed, one to claim
//! it. The attempts are noted and written with the rest of the batch.

use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use futures::future::join_all;
use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Operation, Tx};
use crate::domain::attempt::Policy;
use crate::domain::clock::Timestamp;
use crate::domain::event::{JobChange, Promoted};
use crate::domain::id::AcceptNo;
use crate::domain::job::Job;
use crate::domain::names::{KindName, QueueName};
use crate::domain::state::{JobEvent, JobState};
use crate::store::moves::Happened;
use crate::store::postgres::failure::Failure;
use crate::store::postgres::row::{
    self, JOB_COLUMN_COUNT, JOB_COLUMNS, get, instant, job_id, millis, must,
};
use crate::store::postgres::session::{Parameters, Session};
use crate::store::{Claim, ClaimRequest, Plan, StoreError};

#[async_trait(?Send)]
impl Operation for ClaimRequest {
    type Answer = Vec<Claim>;
    type Refusal = StoreError;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Result<Vec<Claim>, StoreError>, Failure> {
        let session = tx.session;
        session.prepare(&[PROMOTE, PROMOTED, STANDING, OPEN_QUEUE]).await?;
        let now = tx.commit.claimed_at(self.now);
        let queues = self.queues.iter().map(|(queue, _)| open_queue(session, queue, now));
        let (promoted, standing, queues) =
            futures::join!(promote(session, self), standing(session, self), join_all(queues));
        tx.promoted(promoted?);
        let (standing, mut lines) = (standing?, Vec::new());
        for ((queue, limit), open) in self.queues.iter().zip(queues) {
            let Some((at, free)) = open? else { continue };
            let most = match standing {
                Standing::Alone => *limit,
                Standing::Member => free.min(*limit),
                Standing::Out => 0,
            };
            if most > 0 {
                lines.push(Line { queue, most, at });
            }
        }
        let taken = take(tx, self, &lines).await?;
        attempts(tx, self, taken)
    }
}

/// What a queue may give.
struct Line<'q> {
    queue: &'q QueueName,
    most: u32,
    /// The instant of the claim.
    at: Timestamp,
}

/// A job that was taken, its arguments, and when.
type Taken = (Job, Result<Value, String>, Timestamp);

/// An attempt that was made and is not written yet.
struct Made {
    fence: i64,
    job: i64,
    number: i64,
    key: String,
    argv: String,
    policy: String,
    worker: Uuid,
    boot_id: Arc<str>,
    at: i64,
}

/// Attempts that were made and are not written yet.
#[derive(Default)]
pub(super) struct Unwritten(Vec<Made>);

impl Unwritten {
    /// Writes them: one statement for all.
    pub(super) async fn write(&self, session: &Session) -> Result<(), Failure> {
        let Self(made) = self;
        if made.is_empty() {
            return Ok(());
        }
        session
            .execute(
                INSERT_ATTEMPTS,
                &[
                    &all(made, |a| a.fence),
                    &all(made, |a| a.job),
                    &all(made, |a| a.number),
                    &all(made, |a| a.key.as_str()),
                    &all(made, |a| a.argv.as_str()),
                    &all(made, |a| a.policy.as_str()),
                    &all(made, |a| a.worker),
                    &all(made, |a| &*a.boot_id),
                    &all(made, |a| a.at),
                ],
            )
            .await?;
        Ok(())
    }
}

/// One column of all of them.
fn all<'m, T>(made: &'m [Made], column: impl Fn(&'m Made) -> T) -> Vec<T> {
    made.iter().map(column).collect()
}

/// Notes the attempts of jobs that were just taken, and tells of them.
fn attempts(
    tx: &mut Tx<'_>,
    request: &ClaimRequest,
    taken: Vec<Taken>,
) -> Result<Result<Vec<Claim>, StoreError>, Failure> {
    JobState::Queued.after(JobEvent::Claimed)?;
    let worker = row::uuid(request.worker.id.as_bytes());
    let nothing = Plan { argv: Vec::new(), policy: Policy::default() };
    let mut claims = Vec::new();
    for (job, args, at) in taken {
        let fence = job.open.ok_or(Failure::Value("a claim without a fence".to_owned()))?;
        let plan = args.as_ref().map_err(String::clone);
        let plan = plan.and_then(|args| request.planner.plan(&job.kind, args));
        let stored = plan.as_ref().unwrap_or(&nothing);
        let key = request.planner.attempt_key();
        tx.noted.attempts.0.push(Made {
            fence: fence.0,
            job: job.accepted.0,
            number: job.attempt.into(),
            key: key.as_str().to_owned(),
            argv: serde_json::to_string(&stored.argv)?,
            policy: serde_json::to_string(&stored.policy)?,
            worker,
            boot_id: Arc::clone(&request.boot_id),
            at: millis(at),
        });
        let what = Happened { change: JobChange::Updated, at, attempt: Some(job.attempt) };
        let job = tx.record(Some(JobState::Queued), job, what);
        claims.push(Claim { job, args: args.unwrap_or_default(), key, fence, plan });
    }
    Ok(Ok(claims))
}

/// Takes the oldest runnable jobs of each queue, in acceptance order, which is fence order.
async fn take(
    tx: &mut Tx<'_>,
    request: &ClaimRequest,
    lines: &[Line<'_>],
) -> Result<Vec<Taken>, Failure> {
    let session = tx.session;
    let kinds: Vec<&str> = request.kinds.iter().map(KindName::as_str).collect();
    let worker = row::uuid(request.worker.id.as_bytes());
    let (kinds, worker, name) = (&kinds, &worker, &&*request.worker.name);
    session.prepare(&[&CLAIM]).await?;
    // Each queue has as many fences as it may need: nobody knows yet how many it takes.
    let mut fence = tx.numbers.fence;
    let claims = lines.iter().map(|Line { queue, most, at }| {
        let (base, most) = (fence, i64::from(*most));
        fence += most;
        async move {
            let queue = queue.as_str();
            session.rows(&CLAIM, &[&queue, kinds, &most, &base, &millis(*at), worker, name]).await
        }
    });
    let mut taken = Vec::new();
    for (line, rows) in lines.iter().zip(join_all(claims).await) {
        let rows = rows?.iter().map(|row| of_row(row, line.at)).collect::<Result<Vec<_>, _>>();
        let mut rows: Vec<Taken> = rows?;
        // RETURNING promises no order.
        rows.sort_by_key(|(job, ..)| job.accepted);
        if let Some((Job { open: Some(fence), .. }, ..)) = rows.last() {
            tx.numbers.fence = fence.0;
        }
        taken.append(&mut rows);
    }
    Ok(taken)
}

/// One job that cannot be read must not keep all others from being claimed.
fn of_row(row: &Row, at: Timestamp) -> Result<Taken, Failure> {
    let args = match get::<Option<&str>>(row, JOB_COLUMN_COUNT)? {
        Some(args) => serde_json::from_str(args).map_err(|error| format!("unreadable: {error}")),
        None => Err("missing".to_owned()),
    };
    Ok((row::job(row)?, args, at))
}

/// Brings into line whatever was delayed until now. No event: nothing that the API shows as committed
/// changes, and no seq moves. What others brought into line is told to who did not hear of it.
async fn promote(session: &Session, request: &ClaimRequest) -> Result<Vec<Promoted>, Failure> {
    let now = millis(request.now);
    let due: Vec<i64> = request.due.iter().map(|no| no.0).collect();
    let of_others = async {
        if due.is_empty() { Ok(Vec::new()) } else { session.rows(PROMOTED, &[&due]).await }
    };
    let parameters: Parameters<'_> = &[&now];
    let (own, of_others) = futures::join!(session.rows(PROMOTE, parameters), of_others);
    let mut promoted = own?
        .iter()
        .chain(&of_others?)
        .map(|row| {
            Ok(Promoted {
                job: job_id(row, 0)?,
                queue: must(row, 1)?,
                kind: must(row, 3)?,
                accepted: AcceptNo(get(row, 2)?),
            })
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    promoted.sort_by_key(|job| job.accepted);
    // What was due and came into line just now is met by both.
    promoted.dedup_by_key(|job| job.accepted);
    Ok(promoted)
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

async fn standing(session: &Session, request: &ClaimRequest) -> Result<Standing, Failure> {
    let worker = row::uuid(request.worker.id.as_bytes());
    let Some(row) = session.maybe(STANDING, &[&worker]).await? else {
        return Ok(Standing::Alone);
    };
    Ok(if get(&row, 0)? { Standing::Member } else { Standing::Out })
}

/// The instant of a claim from this queue, never before its previous one, and how many of its slots are
/// free; `None` where nothing may be claimed: it is paused, or was never declared.
async fn open_queue(
    session: &Session,
    queue: &QueueName,
    now: Timestamp,
) -> Result<Option<(Timestamp, u32)>, Failure> {
    let Some(row) = session.maybe(OPEN_QUEUE, &[&queue.as_str()]).await? else {
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

/// The line of each kind by `jobs_line_of`, each row by its key. A kind costs one look, 10 µs; what waits of
/// other kinds and queues costs nothing. The place is an expression, so that no other index has its order.
/// The queue, by its key, remembers the instant where it gave something.
static CLAIM: LazyLock<String> = LazyLock::new(|| {
    format!(
        "
WITH taken AS (
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
    WHERE jobs.accept_no = line.accept_no
    RETURNING {JOB_COLUMNS}
), told AS (
    UPDATE queues
    SET last_claim_at = $5
    WHERE name = $1
      AND EXISTS (SELECT FROM taken)
)
SELECT taken.*, (SELECT args FROM job_args WHERE job = taken.accept_no)
FROM taken"
    )
});

/// What attempts are written by.
pub(super) const INSERT_ATTEMPTS: &str = "
INSERT INTO attempts (fence, job, number, key, argv, policy, worker, boot_id, started_at)
SELECT *
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[],
    $7::uuid[], $8::text[], $9::bigint[])";
