//! What a write does inside the transaction that it shares: one file for each sort, and [`Tx`],
//! through which every row of a job is changed.

mod cancel;
mod claim;
mod finish;
mod interrupt;
mod prune;
mod queue;
mod settle;
mod start;
mod started;
mod token;
mod worker;

use std::sync::Arc;

use rusqlite::{CachedStatement, Connection, OptionalExtension, named_params};

use super::failure::{Failure, one_row};
use super::row::{self, JOB_COLUMNS};
use crate::domain::event::{Change, Commit, Event, Promoted};
use crate::domain::id::{EventNo, JobId};
use crate::domain::job::Job;
use crate::domain::names::CallerName;
use crate::domain::state::JobState;
use crate::domain::token::Token;
use crate::store::StoreError;
use crate::store::moves::Happened;
use crate::store::tally::Tally;

pub(super) use interrupt::Interrupt;
pub(super) use queue::{ChangeQueue, DeclareQueues};
pub(super) use settle::{FoldersGone, Settle};
pub(super) use start::{Check, Start};
pub(super) use started::Started;
pub(super) use token::{CreateToken, RevokeToken, TokensUsed};
pub(super) use worker::SeeWorker;
#[cfg(test)]
pub(super) use {
    claim::CLAIM, claim::PROMOTE, prune::DELETE_ALL_OF_IT, prune::OLD_REMOVAL, start::INSERT_JOB,
};

/// A write. It shares its transaction with others and may be applied again after a rollback, so it
/// keeps nothing of its own outside of [`Tx`].
pub(super) trait Operation: Send + 'static {
    /// What its caller is told once it is durable.
    type Answer: Send + 'static;
    /// What its caller is told when it may not be done.
    type Refusal: From<StoreError> + Send + 'static;

    /// Does it. A refusal is decided before the first statement that changes anything, since the
    /// transaction goes on; a failure rolls all of it back.
    fn apply(&self, tx: &mut Tx<'_>) -> Result<Result<Self::Answer, Self::Refusal>, Failure>;
}

/// The open transaction, and what it will make true.
pub(super) struct Tx<'a> {
    conn: &'a Connection,
    tally: &'a mut Tally,
    commit: Commit,
}

impl<'a> Tx<'a> {
    /// The transaction that is open on `conn`.
    pub(super) fn new(conn: &'a Connection, tally: &'a mut Tally) -> Self {
        Self { conn, tally, commit: Commit::default() }
    }

    /// What it made true, to be told after COMMIT.
    pub(super) fn into_commit(self) -> Commit {
        self.commit
    }

    fn prepare(&self, sql: &str) -> rusqlite::Result<CachedStatement<'a>> {
        self.conn.prepare_cached(sql)
    }

    /// Tells that delays are over. What shares this commit and told of such a delay just before is
    /// put right, since all of it becomes true at one moment: whoever followed the commit would
    /// otherwise put the job back into a delay that the store no longer knows.
    fn promoted(&mut self, promoted: Vec<Promoted>) {
        for change in &mut self.commit.changes {
            if promoted.iter().any(|promoted| promoted.job == change.job.id) {
                Arc::make_mut(&mut change.job).delayed = None;
            }
        }
        self.commit.promoted.extend(promoted);
    }

    /// Tells that a job is gone.
    fn removed(&mut self, event: Event, job: Job) {
        self.commit.changes.push(Change { event, job: Arc::new(job) });
    }

    /// Tells of a token that was made or revoked.
    fn token(&mut self, token: Token) {
        self.commit.tokens.push(token);
    }

    /// The job as this transaction sees it.
    fn job(&self, id: JobId) -> Result<Option<Job>, Failure> {
        // By the unique index of `id`.
        let mut select = self.prepare(&format!("SELECT {JOB_COLUMNS} FROM jobs WHERE id = ?1"))?;
        Ok(select.query_one([id.as_bytes()], row::job).optional()?)
    }

    /// Stores `job` in place of `before`, with its event, and returns it as stored. Its seq is
    /// counted here. The guard is the row as it was read: whoever changed it since would be a
    /// second writer.
    fn save(&mut self, before: &Job, mut job: Job, what: Happened) -> Result<Arc<Job>, Failure> {
        job.seq.0 = before.seq.0 + 1;
        let rows = self.prepare(UPDATE_JOB)?.execute(named_params! {
            ":accept_no": job.accepted.0,
            ":seq_before": before.seq.0,
            ":state_before": <&str>::from(before.state),
            ":fence_before": before.open.map(|fence| fence.0),
            ":state": <&str>::from(job.state),
            ":seq": job.seq.0,
            ":delayed_until": job.delayed.map(|(until, _)| until.timestamp_millis()),
            ":delay": job.delayed.map(|(_, why)| <&str>::from(why)),
            ":cancel_requested_at": job.cancel_requested_at.map(|at| at.timestamp_millis()),
            ":cancel_note": job.cancel_note,
            ":canceled_by": job.canceled_by.as_ref().map(CallerName::as_str),
            ":cancel_forced": job.cancel_forced,
            ":ended_at": job.ended_at.map(|at| at.timestamp_millis()),
            ":reason": job.reason.map(<&str>::from),
            ":reason_text": job.reason_text,
            ":exit_code": job.exit_code,
            ":signal": job.signal,
            ":open_fence": job.open.map(|fence| fence.0),
            ":failures": job.failures,
            ":losses": job.losses,
            ":cpu_ms": job.usage.map(|usage| usage.cpu_ms),
            ":peak_memory_bytes": job.usage.and_then(|usage| usage.peak_memory_bytes),
            ":log_bytes": job.usage.map(|usage| usage.log_bytes),
            ":has_result": job.has_result,
        })?;
        one_row("the change of a job", rows)?;
        self.count_waiting(before.state, &job)?;
        self.record(Some(before.state), job, what)
    }

    /// Appends the event of a change that is in its row already.
    fn record(
        &mut self,
        before: Option<JobState>,
        job: Job,
        what: Happened,
    ) -> Result<Arc<Job>, Failure> {
        let mut insert = self.prepare(INSERT_EVENT)?;
        let no = insert.insert(named_params! {
            ":job": job.accepted.0,
            ":seq": job.seq.0,
            ":at": what.at.timestamp_millis(),
            ":change": <&str>::from(what.change),
            ":state": <&str>::from(job.state),
            ":state_before": before.map(<&str>::from),
            ":attempt": what.attempt,
        })?;
        let event = Event {
            no: EventNo(no),
            job: job.id,
            seq: job.seq,
            at: what.at,
            change: what.change,
            state: job.state,
            before,
            attempt: what.attempt,
        };
        let job = Arc::new(job);
        self.commit.changes.push(Change { event, job: Arc::clone(&job) });
        Ok(job)
    }

    fn count_waiting(&mut self, before: JobState, job: &Job) -> Result<(), Failure> {
        let waits = |state| i64::from(state == JobState::Queued);
        let jobs = waits(job.state) - waits(before);
        if jobs != 0 {
            let mut select = self.prepare("SELECT args_bytes FROM jobs WHERE accept_no = ?1")?;
            let bytes: i64 = select.query_one([job.accepted.0], |row| row.get(0))?;
            self.tally.add(&job.queue, jobs, jobs * bytes);
        }
        Ok(())
    }
}

/// By its key. All that a change can touch except what only a claim does: `attempt`, `started_at`,
/// `worker`.
pub(super) const UPDATE_JOB: &str = "
UPDATE jobs
SET state = :state,
    seq = :seq,
    delayed_until = :delayed_until,
    delay = :delay,
    cancel_requested_at = :cancel_requested_at,
    cancel_note = :cancel_note,
    canceled_by = :canceled_by,
    cancel_forced = :cancel_forced,
    ended_at = :ended_at,
    reason = :reason,
    reason_text = :reason_text,
    exit_code = :exit_code,
    signal = :signal,
    open_fence = :open_fence,
    failures = :failures,
    losses = :losses,
    cpu_ms = :cpu_ms,
    peak_memory_bytes = :peak_memory_bytes,
    log_bytes = :log_bytes,
    has_result = :has_result
WHERE accept_no = :accept_no
  AND seq = :seq_before
  AND state = :state_before
  AND open_fence IS :fence_before";

const INSERT_EVENT: &str = "
INSERT INTO job_events (job, seq, at, change, state, state_before, attempt)
VALUES (:job, :seq, :at, :change, :state, :state_before, :attempt)";
