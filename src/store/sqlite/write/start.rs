//! Accepting a job.

use std::sync::Arc;

use rusqlite::{OptionalExtension, named_params};

use super::{Operation, Tx};
use crate::domain::clock::from_unix_millis;
use crate::domain::event::JobChange;
use crate::domain::id::AcceptNo;
use crate::domain::job::{Idempotency, Job, NewJob};
use crate::domain::names::CallerName;
use crate::store::moves::{Happened, fresh};
use crate::store::sqlite::failure::Failure;
use crate::store::sqlite::row::{self, JOB_COLUMN_COUNT, JOB_COLUMNS};
use crate::store::{AcceptLimits, Accepted, StartError};

/// A job to accept.
pub(in crate::store::sqlite) struct Start {
    job: NewJob,
    /// The arguments as they are stored: made by the caller, not on the writer's thread.
    args: String,
    limits: AcceptLimits,
}

impl Start {
    /// A job to accept within `limits`.
    pub(in crate::store::sqlite) fn new(job: NewJob, limits: AcceptLimits) -> Self {
        Self { args: job.args.to_string(), job, limits }
    }

    /// What the key made before, where it was used: that job, or that it stands for other input.
    fn made_before(&self, tx: &Tx<'_>) -> Result<Option<Result<Accepted, StartError>>, Failure> {
        let Some(Idempotency { key, fingerprint }) = &self.job.idempotency else {
            return Ok(None);
        };
        let mut select = tx.prepare(&format!(
            "SELECT {JOB_COLUMNS}, fingerprint
             FROM jobs INDEXED BY jobs_key
             WHERE idempotency_key = ?1
               AND ifnull(started_by, '') = ?2"
        ))?;
        let caller = self.job.started_by.as_ref().map_or("", CallerName::as_str);
        let found = select
            .query_one((key, caller), |row| {
                Ok((row::job(row)?, row.get::<_, [u8; 32]>(JOB_COLUMN_COUNT)?))
            })
            .optional()?;
        Ok(found.map(|(job, same)| {
            if same == *fingerprint {
                Ok(Accepted { job: job.into(), created: false })
            } else {
                Err(StartError::IdempotencyConflict(job.id))
            }
        }))
    }

    fn args_bytes(&self) -> u64 {
        self.args.len().try_into().expect("a length fits 64 bits")
    }

    /// A key that is known is answered past any limit, so this is asked second.
    fn past_limit(&self, tx: &Tx<'_>) -> Option<StartError> {
        let queue = &self.job.queue;
        let waiting = tx.tally.waiting(queue);
        let limit = self.limits.max_waiting;
        if waiting >= limit {
            return Some(StartError::QueueFull { queue: queue.clone(), waiting, limit });
        }
        let bytes = tx.tally.args_bytes();
        let limit = self.limits.waiting_args_bytes;
        if bytes.saturating_add(self.args_bytes()) > limit {
            return Some(StartError::WaitingBytesFull { queue: queue.clone(), bytes, limit });
        }
        None
    }

    /// The job, but for its acceptance number.
    fn fresh(&self, tx: &Tx<'_>) -> Result<Job, Failure> {
        let last = tx.prepare(LAST_CREATED)?.query_one([], |row| row.get(0)).optional()?;
        Ok(fresh(&self.job, last.map(from_unix_millis)))
    }

    fn insert(&self, tx: &mut Tx<'_>) -> Result<Job, Failure> {
        let mut job = self.fresh(tx)?;
        let bytes = i64::try_from(self.args_bytes()).expect("no text is so long");
        let accept_no = tx.prepare(INSERT_JOB)?.insert(named_params! {
            ":id": job.id.as_bytes(),
            ":kind": job.kind.as_str(),
            ":queue": job.queue.as_str(),
            ":state": <&str>::from(job.state),
            ":seq": job.seq.0,
            ":created_at": job.created_at.timestamp_millis(),
            ":not_before": job.not_before.map(|at| at.timestamp_millis()),
            ":delayed_until": job.delayed.map(|(until, _)| until.timestamp_millis()),
            ":delay": job.delayed.map(|(_, why)| <&str>::from(why)),
            ":max_attempts": job.max_attempts,
            ":timeout_ms": job.timeout.map(row::to_millis),
            ":args_bytes": bytes,
            ":idempotency_key": job.idempotency_key,
            ":fingerprint": self.job.idempotency.as_ref().map(|i| i.fingerprint),
            ":retry_of": job.retry_of.map(|id| *id.as_bytes()),
            ":labels": row::stored_labels(&job.labels)?,
            ":started_by": job.started_by.as_ref().map(CallerName::as_str),
        })?;
        job.accepted = AcceptNo(accept_no);
        for label in job.labels.as_slice() {
            tx.prepare(INSERT_LABEL)?.execute((&label.key, &label.value, accept_no))?;
        }
        let mut insert = tx.prepare("INSERT INTO job_args (job, args) VALUES (?1, ?2)")?;
        insert.execute((accept_no, &self.args))?;
        tx.tally.add(&job.queue, 1, bytes);
        Ok(job)
    }
}

impl Operation for Start {
    type Answer = Accepted;
    type Refusal = StartError;

    fn apply(&self, tx: &mut Tx<'_>) -> Result<Result<Accepted, StartError>, Failure> {
        if let Some(answer) = self.made_before(tx)? {
            return Ok(answer);
        }
        if let Some(refusal) = self.past_limit(tx) {
            return Ok(Err(refusal));
        }
        let job = self.insert(tx)?;
        let what = Happened { change: JobChange::Queued, at: job.created_at, attempt: None };
        let job = tx.record(None, job, what)?;
        Ok(Ok(Accepted { job, created: true }))
    }
}

/// A job that is not accepted, but judged as if it were: on the writer's thread, which alone knows
/// how many wait.
pub(in crate::store::sqlite) struct Check(pub(in crate::store::sqlite) Start);

impl Operation for Check {
    type Answer = Option<Arc<Job>>;
    type Refusal = StartError;

    fn apply(&self, tx: &mut Tx<'_>) -> Result<Result<Self::Answer, StartError>, Failure> {
        if let Some(answer) = self.0.made_before(tx)? {
            return Ok(answer.map(|accepted| Some(accepted.job)));
        }
        Ok(self.0.past_limit(tx).map_or(Ok(None), Err))
    }
}

pub(in crate::store::sqlite) const INSERT_JOB: &str = "
INSERT INTO jobs (
    id, kind, queue, state, seq, created_at, not_before, delayed_until, delay, max_attempts,
    timeout_ms, args_bytes, idempotency_key, fingerprint, retry_of, labels, started_by)
VALUES (
    :id, :kind, :queue, :state, :seq, :created_at, :not_before, :delayed_until, :delay,
    :max_attempts, :timeout_ms, :args_bytes, :idempotency_key, :fingerprint, :retry_of, :labels,
    :started_by)";

/// By the key. Instants never fall along it, so that a time is a place in it (list/plan.rs).
const LAST_CREATED: &str = "SELECT created_at FROM jobs ORDER BY accept_no DESC LIMIT 1";

const INSERT_LABEL: &str = "INSERT INTO job_labels (key, value, job) VALUES (?1, ?2, ?3)";
