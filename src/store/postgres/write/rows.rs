//! The rows of jobs as the transaction leaves them: those that a batch of writes is about are read together,
//! changed in memory by one write after the other, and written together.
//!
//! # Invariants
//!
//! - A row is written under the guard of what was read: whoever changed it since would be a second writer.
//! - Whoever asks or changes the tables by statements of its own finds all of it written, and what was known is
//!   read anew after it ([`Tx::write`]).

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock};

use super::{Told, Tx};
use crate::domain::id::{Fence, JobId, Seq};
use crate::domain::job::Job;
use crate::domain::names::CallerName;
use crate::domain::state::{EndReason, JobState};
use crate::store::Finish;
use crate::store::moves::Happened;
use crate::store::postgres::failure::{Failure, rows_met};
use crate::store::postgres::row::{self, JOB_COLUMN_COUNT, JOB_COLUMNS, get, millis, stored};
use crate::store::postgres::session::Session;

/// The rows that were read, and what they are to become.
#[derive(Default)]
pub(super) struct Rows {
    /// By the id that was asked for; `None`: there is no such job.
    known: HashMap<JobId, Option<Known>>,
    /// The rows that are to be written, with what they were when they were read.
    changed: BTreeMap<i64, (JobId, Guard)>,
    /// Attempts whose process exists.
    spawned: Vec<i64>,
    ended: Vec<Ended>,
    results: Vec<(i64, String)>,
}

struct Known {
    job: Job,
    attempt: Option<Told>,
    args_bytes: i64,
}

struct Guard {
    seq: Seq,
    state: JobState,
    open: Option<Fence>,
}

/// How an attempt ended.
struct Ended {
    finish: Finish,
    reason: EndReason,
}

/// What they are written by.
pub(super) const WRITES: [&str; 4] = [UPDATE_SPAWNED, END_ATTEMPTS, INSERT_RESULTS, UPDATE_JOBS];

impl Rows {
    /// Which of these are not known yet.
    pub(super) fn lacks(&self, ids: impl Iterator<Item = JobId>) -> Vec<JobId> {
        ids.filter(|id| !self.known.contains_key(id)).collect()
    }

    /// Reads these, one question for all.
    pub(super) async fn read(&mut self, session: &Session, ids: Vec<JobId>) -> Result<(), Failure> {
        if ids.is_empty() {
            return Ok(());
        }
        let asked: Vec<_> = ids.iter().map(|id| row::uuid(id.as_bytes())).collect();
        let found = session.rows(&READ, &[&asked]).await?;
        self.known.extend(ids.into_iter().map(|id| (id, None)));
        for found in &found {
            let attempt = match get::<Option<&str>>(found, JOB_COLUMN_COUNT)? {
                None => None,
                Some(policy) => Some(Told {
                    policy: serde_json::from_str(policy)?,
                    spawned: get(found, JOB_COLUMN_COUNT + 1)?,
                    interrupted: get(found, JOB_COLUMN_COUNT + 2)?,
                }),
            };
            let (job, args_bytes) = (row::job(found)?, get(found, JOB_COLUMN_COUNT + 3)?);
            self.known.insert(job.id, Some(Known { job, attempt, args_bytes }));
        }
        Ok(())
    }

    /// The job as the transaction leaves it, where it was read.
    pub(super) fn job(&self, id: JobId) -> Option<&Job> {
        self.known.get(&id)?.as_ref().map(|known| &known.job)
    }

    /// Writes what changed. After one statement that fails PostgreSQL does none of the rest.
    pub(super) async fn write(&self, session: &Session) -> Result<(), Failure> {
        let (spawned, ended, results, changed) = futures::join!(
            self.write_spawned(session),
            self.write_ended(session),
            self.write_results(session),
            self.write_changed(session),
        );
        spawned.and(ended).and(results).and(changed)
    }

    async fn write_spawned(&self, session: &Session) -> Result<(), Failure> {
        if self.spawned.is_empty() {
            return Ok(());
        }
        let rows = session.execute(UPDATE_SPAWNED, &[&self.spawned]).await?;
        rows_met("the start of attempts", rows, self.spawned.len())
    }

    async fn write_ended(&self, session: &Session) -> Result<(), Failure> {
        let ended = &self.ended;
        if ended.is_empty() {
            return Ok(());
        }
        let rows = session
            .execute(
                END_ATTEMPTS,
                &[
                    &column(ended, |e| e.finish.fence.0),
                    &column(ended, |e| millis(e.finish.at)),
                    &column(ended, |e| <&str>::from(e.reason)),
                    &column(ended, |e| stored(&e.finish.end.text)),
                    &column(ended, |e| e.finish.end.exit_code),
                    &column(ended, |e| e.finish.end.signal),
                    &column(ended, |e| e.finish.end.usage.cpu_ms),
                    &column(ended, |e| e.finish.end.usage.peak_memory_bytes),
                    &column(ended, |e| e.finish.end.usage.log_bytes),
                ],
            )
            .await?;
        rows_met("the end of attempts", rows, ended.len())
    }

    async fn write_results(&self, session: &Session) -> Result<(), Failure> {
        if self.results.is_empty() {
            return Ok(());
        }
        let (jobs, results): (Vec<i64>, Vec<&str>) =
            self.results.iter().map(|(job, result)| (*job, result.as_str())).unzip();
        session.execute(INSERT_RESULTS, &[&jobs, &results]).await?;
        Ok(())
    }

    async fn write_changed(&self, session: &Session) -> Result<(), Failure> {
        let job = |id: &JobId| self.job(*id).ok_or_else(|| unknown(*id));
        let changed: Result<Vec<_>, Failure> =
            self.changed.values().map(|(id, guard)| Ok((job(id)?, guard))).collect();
        let jobs = &changed?;
        if jobs.is_empty() {
            return Ok(());
        }
        let rows = session
            .execute(
                UPDATE_JOBS,
                &[
                    &column(jobs, |(job, _)| job.accepted.0),
                    &column(jobs, |(_, before)| before.seq.0),
                    &column(jobs, |(_, before)| <&str>::from(before.state)),
                    &column(jobs, |(_, before)| before.open.map(|fence| fence.0)),
                    &column(jobs, |(job, _)| <&str>::from(job.state)),
                    &column(jobs, |(job, _)| job.seq.0),
                    &column(jobs, |(job, _)| job.delayed.map(|(until, _)| millis(until))),
                    &column(jobs, |(job, _)| job.delayed.map(|(_, why)| <&str>::from(why))),
                    &column(jobs, |(job, _)| job.cancel_requested_at.map(millis)),
                    &column(jobs, |(job, _)| job.cancel_note.as_deref().map(stored)),
                    &column(jobs, |(job, _)| job.canceled_by.as_ref().map(CallerName::as_str)),
                    &column(jobs, |(job, _)| job.ended_at.map(millis)),
                    &column(jobs, |(job, _)| job.reason.map(<&str>::from)),
                    &column(jobs, |(job, _)| job.reason_text.as_deref().map(stored)),
                    &column(jobs, |(job, _)| job.exit_code),
                    &column(jobs, |(job, _)| job.signal),
                    &column(jobs, |(job, _)| job.open.map(|fence| fence.0)),
                    &column(jobs, |(job, _)| i64::from(job.failures)),
                    &column(jobs, |(job, _)| i64::from(job.losses)),
                    &column(jobs, |(job, _)| job.usage.map(|usage| usage.cpu_ms)),
                    &column(jobs, |(job, _)| job.usage.and_then(|usage| usage.peak_memory_bytes)),
                    &column(jobs, |(job, _)| job.usage.map(|usage| usage.log_bytes)),
                    &column(jobs, |(job, _)| job.has_result),
                    &column(jobs, |(job, _)| job.cancel_forced),
                ],
            )
            .await?;
        rows_met("the change of jobs", rows, jobs.len())
    }
}

impl Tx<'_> {
    /// The job as this transaction leaves it, and its open attempt where it has one.
    pub(super) async fn job(&mut self, id: JobId) -> Result<Option<(Job, Option<Told>)>, Failure> {
        self.read(std::iter::once(id)).await?;
        let known = self.noted.rows.known.get(&id).and_then(Option::as_ref);
        Ok(known.map(|known| (known.job.clone(), known.attempt.clone())))
    }

    /// Reads the rows of these jobs, as far as they are not known.
    pub(super) async fn read(&mut self, ids: impl Iterator<Item = JobId>) -> Result<(), Failure> {
        let lacked = self.noted.rows.lacks(ids);
        // Nobody was told of a job that is not written yet; a caller may have chosen its id all the same.
        if self.noted.starts.have(&lacked) {
            self.write().await?;
        }
        self.noted.rows.read(self.session, lacked).await
    }

    /// Puts `job` in place of `before`, with its event, and returns it as it will be stored. Its seq is counted here.
    pub(super) fn save(
        &mut self,
        before: &Job,
        mut job: Job,
        what: Happened,
    ) -> Result<Arc<Job>, Failure> {
        job.seq.0 = before.seq.0 + 1;
        let known = self.noted.rows.known.get_mut(&job.id).and_then(Option::as_mut);
        let known = known.ok_or_else(|| unknown(job.id))?;
        known.job = job.clone();
        let guard = Guard { seq: before.seq, state: before.state, open: before.open };
        self.noted.rows.changed.entry(job.accepted.0).or_insert((job.id, guard));
        let waits = |state| i64::from(state == JobState::Queued);
        let jobs = waits(job.state) - waits(before.state);
        if jobs != 0 {
            self.tally.add(&job.queue, jobs, jobs * known.args_bytes);
        }
        Ok(self.record(Some(before.state), job, what))
    }

    /// The process of the open attempt of `job` exists.
    pub(super) fn spawned(&mut self, job: &Job, fence: Fence) {
        let known = self.noted.rows.known.get_mut(&job.id).and_then(Option::as_mut);
        if let Some(attempt) = known.and_then(|known| known.attempt.as_mut()) {
            attempt.spawned = true;
        }
        self.noted.rows.spawned.push(fence.0);
    }

    /// The open attempt ended so, for `reason`; its result is kept where the job has one.
    pub(super) fn ended(&mut self, job: &Job, finish: &Finish, reason: EndReason) {
        if let (true, Some(result)) = (job.has_result, &finish.end.result) {
            self.noted.rows.results.push((job.accepted.0, result.clone()));
        }
        self.noted.rows.ended.push(Ended { finish: finish.clone(), reason });
    }
}

fn unknown(id: JobId) -> Failure {
    Failure::Value(format!("the row of job {id} is changed and was not read"))
}

/// One column of all of them.
fn column<'r, R, T>(rows: &'r [R], value: impl Fn(&'r R) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}

/// By the unique index of `id`.
static READ: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {JOB_COLUMNS}, attempts.policy, attempts.spawned, attempts.interrupted, jobs.args_bytes
         FROM jobs LEFT JOIN attempts ON attempts.fence = jobs.open_fence
         WHERE jobs.id = ANY ($1)"
    )
});

/// By their keys.
const UPDATE_SPAWNED: &str = "
UPDATE attempts
SET spawned = true
WHERE fence = ANY ($1)
  AND NOT spawned
  AND ended_at IS NULL";

/// By their keys.
const END_ATTEMPTS: &str = "
UPDATE attempts
SET ended_at = ended.ended_at,
    reason = ended.reason,
    reason_text = ended.reason_text,
    exit_code = ended.exit_code,
    signal = ended.signal,
    cpu_ms = ended.cpu_ms,
    peak_memory_bytes = ended.peak_memory_bytes,
    log_bytes = ended.log_bytes
FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::integer[], $6::integer[],
    $7::bigint[], $8::bigint[], $9::bigint[])
AS ended (
    fence, ended_at, reason, reason_text, exit_code, signal, cpu_ms, peak_memory_bytes, log_bytes)
WHERE attempts.fence = ended.fence
  AND attempts.ended_at IS NULL";

const INSERT_RESULTS: &str = "
INSERT INTO job_results (job, result)
SELECT *
FROM unnest($1::bigint[], $2::text[])";

/// By their keys. All that a change can touch except what only a claim does: `attempt`, `started_at`, `worker`.
const UPDATE_JOBS: &str = "
UPDATE jobs
SET state = new.state,
    seq = new.seq,
    delayed_until = new.delayed_until,
    delay = new.delay,
    cancel_requested_at = new.cancel_requested_at,
    cancel_note = new.cancel_note,
    canceled_by = new.canceled_by,
    ended_at = new.ended_at,
    reason = new.reason,
    reason_text = new.reason_text,
    exit_code = new.exit_code,
    signal = new.signal,
    open_fence = new.open_fence,
    failures = new.failures,
    losses = new.losses,
    cpu_ms = new.cpu_ms,
    peak_memory_bytes = new.peak_memory_bytes,
    log_bytes = new.log_bytes,
    has_result = new.has_result,
    cancel_forced = new.cancel_forced
FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::bigint[],
    $7::bigint[], $8::text[], $9::bigint[], $10::text[], $11::text[], $12::bigint[], $13::text[],
    $14::text[], $15::integer[], $16::integer[], $17::bigint[], $18::bigint[], $19::bigint[],
    $20::bigint[], $21::bigint[], $22::bigint[], $23::boolean[], $24::boolean[])
AS new (
    accept_no, seq_before, state_before, open_before, state, seq, delayed_until, delay,
    cancel_requested_at, cancel_note, canceled_by, ended_at, reason, reason_text, exit_code, signal,
    open_fence, failures, losses, cpu_ms, peak_memory_bytes, log_bytes, has_result, cancel_forced)
WHERE jobs.accept_no = new.accept_no
  AND jobs.seq = new.seq_before
  AND jobs.state = new.state_before
  AND jobs.open_fence IS NOT DISTINCT FROM new.open_before";
