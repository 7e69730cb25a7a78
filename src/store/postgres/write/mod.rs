//! What a write does inside the transaction that it shares: one file for each sort, and [`Tx`],
//! through which every row of a job is changed.

mod cancel;
mod claim;
mod finish;
mod fleet;
mod interrupt;
mod prune;
mod queue;
mod settle;
mod start;
mod started;
mod token;
mod worker;

use std::sync::Arc;

use async_trait::async_trait;

use super::failure::{Failure, one_row};
use super::row::{self, JOB_COLUMN_COUNT, JOB_COLUMNS, get, millis};
use super::session::Session;
use crate::domain::attempt::Policy;
use crate::domain::clock::{Timestamp, from_unix_millis};
use crate::domain::event::{Change, Commit, Event, Promoted};
use crate::domain::id::{EventNo, JobId};
use crate::domain::job::Job;
use crate::domain::names::CallerName;
use crate::domain::state::JobState;
use crate::domain::token::Token;
use crate::store::StoreError;
use crate::store::moves::Happened;
use crate::store::tally::Tally;

pub(super) use fleet::{Drain, Join, Leave, Reap};
pub(super) use interrupt::Interrupt;
pub(super) use queue::{ChangeQueue, DeclareQueues};
pub(super) use settle::{FoldersGone, Settle};
pub(super) use start::{Check, Start};
pub(super) use started::Started;
pub(super) use token::{CreateToken, RevokeToken, TokensUsed};
pub(super) use worker::SeeWorker;

/// A write. It shares its transaction with others and may be applied again after a rollback, so it
/// keeps nothing of its own outside of [`Tx`].
#[async_trait(?Send)]
pub(super) trait Operation: Send + 'static {
    /// What its caller is told once it is durable.
    type Answer: Send + 'static;
    /// What its caller is told when it may not be done.
    type Refusal: From<StoreError> + Send + 'static;

    /// Does it. A refusal is decided before the first statement that changes anything, since the
    /// transaction goes on; a failure rolls all of it back.
    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Result<Self::Answer, Self::Refusal>, Failure>;
}

/// The numbers that were drawn last, and what else was so when the transaction began.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Numbers {
    accept: i64,
    fence: i64,
    pub(super) event: i64,
    /// Of the changes of queues, tokens and workers.
    pub(super) settings: i64,
    /// When the job with the largest number was accepted. Instants never fall along the numbers, so that a
    /// time is a place among them (list/plan.rs).
    created: Option<Timestamp>,
}

impl Numbers {
    /// Nobody else draws any while the lock is held.
    pub(super) async fn read(session: &Session) -> Result<Self, Failure> {
        let row = session.one(NUMBERS, &[]).await?;
        Ok(Self {
            accept: get(&row, 0)?,
            fence: get(&row, 1)?,
            event: get(&row, 2)?,
            settings: get(&row, 3)?,
            created: get::<Option<i64>>(&row, 4)?.map(from_unix_millis),
        })
    }
}

/// The open transaction, and what it will make true.
pub(super) struct Tx<'a> {
    session: &'a Session,
    tally: &'a mut Tally,
    /// The data folder of this process, by its name.
    home: Arc<str>,
    /// Queues, tokens or workers changed.
    has_settings: bool,
    commit: Commit,
    numbers: Numbers,
    /// As they were when the transaction began.
    begun_with: Numbers,
    starts: start::Unwritten,
    events: Vec<(i64, Event)>,
}

/// An open attempt, as far as a write needs it.
struct Told {
    policy: Policy,
    spawned: bool,
    interrupted: bool,
}

impl<'a> Tx<'a> {
    /// The transaction that is open in `session`, under the lock of the schema.
    pub(super) fn new(session: &'a Session, tally: &'a mut Tally, home: Arc<str>) -> Self {
        Self {
            session,
            tally,
            home,
            has_settings: false,
            commit: Commit::default(),
            numbers: Numbers::default(),
            begun_with: Numbers::default(),
            starts: start::Unwritten::default(),
            events: Vec::new(),
        }
    }

    /// Goes on from the numbers that were drawn last.
    pub(super) fn begin_with(&mut self, numbers: Numbers) {
        (self.numbers, self.begun_with) = (numbers, numbers);
    }

    /// Writes what was only noted so far, and the numbers that were drawn: all of it is sent before the first
    /// answer is awaited, since whoever waits for the lock waits for each way there and back.
    pub(super) async fn flush(&mut self) -> Result<(), Failure> {
        let session = self.session;
        session.prepare(&start::WRITES).await?;
        session
            .prepare(&[INSERT_EVENTS, SET_ACCEPTED, SET_FENCE, SET_EVENT, NEXT_SETTINGS])
            .await?;
        let (starts, events) = (std::mem::take(&mut self.starts), std::mem::take(&mut self.events));
        let (before, now) = (self.begun_with, self.numbers);
        // Done in the order in which they stand here: after one that fails PostgreSQL does none of the rest.
        let (jobs, labels, events, accepted, fence, event, settings) = futures::join!(
            starts.write(session),
            starts.write_labels(session),
            write_events(session, &events),
            set(session, SET_ACCEPTED, before.accept, now.accept),
            set(session, SET_FENCE, before.fence, now.fence),
            set(session, SET_EVENT, before.event, now.event),
            async {
                if self.has_settings {
                    session.execute(NEXT_SETTINGS, &[]).await?;
                }
                Ok(())
            },
        );
        [jobs, labels, events, accepted, fence, event, settings].into_iter().collect()
    }

    /// Writes the events that were only noted so far.
    async fn write_events(&mut self) -> Result<(), Failure> {
        let events = std::mem::take(&mut self.events);
        write_events(self.session, &events).await
    }

    /// What it made true, to be told after COMMIT; the last event that is known then; and whether others
    /// have to hear of anything.
    pub(super) fn into_commit(self) -> (Commit, i64, bool) {
        let is_news = self.has_settings || !self.commit.is_empty();
        (self.commit, self.numbers.event, is_news)
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

    /// Tells of a token that was made or revoked.
    fn token(&mut self, token: Token) {
        self.commit.tokens.push(token);
        self.has_settings = true;
    }

    /// The job as this transaction sees it, and its open attempt where it has one.
    async fn job(&mut self, id: JobId) -> Result<Option<(Job, Option<Told>)>, Failure> {
        self.write_starts().await?;
        let sql = format!(
            "SELECT {JOB_COLUMNS}, attempts.policy, attempts.spawned, attempts.interrupted
             FROM jobs LEFT JOIN attempts ON attempts.fence = jobs.open_fence
             WHERE jobs.id = $1"
        );
        let Some(found) = self.session.maybe(&sql, &[&row::uuid(id.as_bytes())]).await? else {
            return Ok(None);
        };
        let told = match get::<Option<&str>>(&found, JOB_COLUMN_COUNT)? {
            None => None,
            Some(policy) => Some(Told {
                policy: serde_json::from_str(policy)?,
                spawned: get(&found, JOB_COLUMN_COUNT + 1)?,
                interrupted: get(&found, JOB_COLUMN_COUNT + 2)?,
            }),
        };
        Ok(Some((row::job(&found)?, told)))
    }

    /// Stores `job` in place of `before`, with its event, and returns it as stored. Its seq is
    /// counted here. The guard is the row as it was read: whoever changed it since would be a
    /// second writer.
    async fn save(
        &mut self,
        before: &Job,
        mut job: Job,
        what: Happened,
    ) -> Result<Arc<Job>, Failure> {
        job.seq.0 = before.seq.0 + 1;
        let count = i64::from;
        let bytes = self
            .session
            .maybe(
                UPDATE_JOB,
                &[
                    &job.accepted.0,
                    &before.seq.0,
                    &<&str>::from(before.state),
                    &before.open.map(|fence| fence.0),
                    &<&str>::from(job.state),
                    &job.seq.0,
                    &job.delayed.map(|(until, _)| millis(until)),
                    &job.delayed.map(|(_, why)| <&str>::from(why)),
                    &job.cancel_requested_at.map(millis),
                    &job.cancel_note.as_deref().map(row::stored),
                    &job.canceled_by.as_ref().map(CallerName::as_str),
                    &job.ended_at.map(millis),
                    &job.reason.map(<&str>::from),
                    &job.reason_text.as_deref().map(row::stored),
                    &job.exit_code,
                    &job.signal,
                    &job.open.map(|fence| fence.0),
                    &count(job.failures),
                    &count(job.losses),
                    &job.usage.map(|usage| usage.cpu_ms),
                    &job.usage.and_then(|usage| usage.peak_memory_bytes),
                    &job.usage.map(|usage| usage.log_bytes),
                    &job.has_result,
                    &job.cancel_forced,
                ],
            )
            .await?;
        one_row("the change of a job", bytes.is_some().into())?;
        let waits = |state| i64::from(state == JobState::Queued);
        let jobs = waits(job.state) - waits(before.state);
        if jobs != 0
            && let Some(row) = bytes
        {
            self.tally.add(&job.queue, jobs, jobs * get::<i64>(&row, 0)?);
        }
        Ok(self.record(Some(before.state), job, what))
    }

    /// Tells the event of a change that is in its row already, or will be.
    fn record(&mut self, before: Option<JobState>, job: Job, what: Happened) -> Arc<Job> {
        self.numbers.event += 1;
        let event = Event {
            no: EventNo(self.numbers.event),
            job: job.id,
            seq: job.seq,
            at: what.at,
            change: what.change,
            state: job.state,
            before,
            attempt: what.attempt,
        };
        self.events.push((job.accepted.0, event.clone()));
        let job = Arc::new(job);
        self.commit.changes.push(Change { event, job: Arc::clone(&job) });
        job
    }
}

/// Writes events, after the jobs that they are of.
async fn write_events(session: &Session, events: &[(i64, Event)]) -> Result<(), Failure> {
    if events.is_empty() {
        return Ok(());
    }
    let jobs: Vec<i64> = events.iter().map(|(job, _)| *job).collect();
    session
        .execute(
            INSERT_EVENTS,
            &[
                &all(events, |e| e.no.0),
                &jobs,
                &all(events, |e| e.seq.0),
                &all(events, |e| millis(e.at)),
                &all(events, |e| <&str>::from(e.change)),
                &all(events, |e| <&str>::from(e.state)),
                &all(events, |e| e.before.map(<&str>::from)),
                &all(events, |e| e.attempt.map(i64::from)),
            ],
        )
        .await?;
    Ok(())
}

/// Sets a counter, where it was moved.
async fn set(session: &Session, sql: &str, before: i64, now: i64) -> Result<(), Failure> {
    if now != before {
        session.execute(sql, &[&now]).await?;
    }
    Ok(())
}

/// One column of all of them.
fn all<'e, T>(events: &'e [(i64, Event)], column: impl Fn(&'e Event) -> T) -> Vec<T> {
    events.iter().map(|(_, event)| column(event)).collect()
}

/// The last job by its key.
pub(super) const NUMBERS: &str = "
SELECT
    (SELECT last_value FROM accept_numbers),
    (SELECT last_value FROM fence_numbers),
    (SELECT last_value FROM event_numbers),
    (SELECT no FROM settings),
    (SELECT created_at FROM jobs ORDER BY accept_no DESC LIMIT 1)";

const NEXT_SETTINGS: &str = "UPDATE settings SET no = no + 1";

// Not undone by a rollback, which leaves a gap and nothing worse.
const SET_ACCEPTED: &str = "SELECT setval('accept_numbers', $1)";
const SET_FENCE: &str = "SELECT setval('fence_numbers', $1)";
const SET_EVENT: &str = "SELECT setval('event_numbers', $1)";

/// By its key. All that a change can touch except what only a claim does: `attempt`, `started_at`,
/// `worker`.
const UPDATE_JOB: &str = "
UPDATE jobs
SET state = $5,
    seq = $6,
    delayed_until = $7,
    delay = $8,
    cancel_requested_at = $9,
    cancel_note = $10,
    canceled_by = $11,
    ended_at = $12,
    reason = $13,
    reason_text = $14,
    exit_code = $15,
    signal = $16,
    open_fence = $17,
    failures = $18,
    losses = $19,
    cpu_ms = $20,
    peak_memory_bytes = $21,
    log_bytes = $22,
    has_result = $23,
    cancel_forced = $24
WHERE accept_no = $1
  AND seq = $2
  AND state = $3
  AND open_fence IS NOT DISTINCT FROM $4
RETURNING args_bytes";

const INSERT_EVENTS: &str = "
INSERT INTO job_events (no, job, seq, at, change, state, state_before, attempt)
SELECT *
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::text[],
    $7::text[], $8::bigint[])";
