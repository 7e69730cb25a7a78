//! What a write does inside the transaction that it shares: one file for each sort, and [`Tx`],
//! through which every row of a job is changed.
//!
//! Whoever waits for the lock of the schema waits for each way to the database and back, so the writes of a batch
//! share them: what they are about is read together, what they make of it is noted and written together.

mod cancel;
mod claim;
mod finish;
mod fleet;
mod interrupt;
mod prune;
mod queue;
mod rows;
mod settle;
mod start;
mod started;
mod token;
mod worker;

use std::sync::Arc;

use async_trait::async_trait;

use super::failure::Failure;
use super::row::{get, millis};
use super::session::Session;
use crate::domain::attempt::Policy;
use crate::domain::clock::{Timestamp, from_unix_millis};
use crate::domain::event::{Change, Commit, Event, Promoted};
use crate::domain::id::{EventNo, JobId};
use crate::domain::job::Job;
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

    /// What it needs to know before it is done.
    fn reach(&self) -> Reach<'_> {
        Reach::Tables
    }

    /// Does it. A refusal is decided before the first statement that changes anything, since the
    /// transaction goes on; a failure rolls all of it back.
    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Result<Self::Answer, Self::Refusal>, Failure>;
}

/// What a write needs to know. Nobody who waits for the answer of one in a batch knows that of another, so those
/// that note what they do come before those that look into the tables, each sort in the order of its coming.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach<'a> {
    /// Nothing that is stored.
    New,
    /// What the key of this caller stands for.
    Key(start::Key<'a>),
    /// The row of this job.
    Job(JobId),
    /// Whatever its own statements ask for: all that was noted is written before.
    Tables,
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
    noted: Noted,
}

/// What was noted and has yet to be written, and what was read for it.
#[derive(Default)]
struct Noted {
    keys: start::Keys,
    starts: start::Unwritten,
    attempts: claim::Unwritten,
    rows: rows::Rows,
    events: Vec<(i64, Event)>,
}

/// An open attempt, as far as a write needs it.
#[derive(Clone)]
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
            noted: Noted::default(),
        }
    }

    /// Goes on from the numbers that were drawn last.
    pub(super) fn begin_with(&mut self, numbers: Numbers) {
        (self.numbers, self.begun_with) = (numbers, numbers);
    }

    /// Reads what the writes of a batch need to know.
    pub(super) async fn read_for(&mut self, reaches: &[Reach<'_>]) -> Result<(), Failure> {
        let keys = reaches.iter().filter_map(|reach| match reach {
            Reach::Key(key) => Some(*key),
            Reach::New | Reach::Job(_) | Reach::Tables => None,
        });
        let jobs = reaches.iter().filter_map(|reach| match reach {
            Reach::Job(id) => Some(*id),
            Reach::New | Reach::Key(_) | Reach::Tables => None,
        });
        self.read_keys(keys).await?;
        self.read(jobs).await
    }

    /// Writes what was only noted so far; what was read for it is read anew by whoever needs it after this.
    pub(super) async fn write(&mut self) -> Result<(), Failure> {
        // It holds what all its statements say.
        Box::pin(std::mem::take(&mut self.noted).write(self.session)).await
    }

    /// Writes what was only noted so far, and the numbers that were drawn: all of it is sent before the first
    /// answer is awaited.
    pub(super) async fn flush(&mut self) -> Result<(), Failure> {
        let session = self.session;
        session.prepare(&[SET_ACCEPTED, SET_FENCE, SET_EVENT, NEXT_SETTINGS]).await?;
        Noted::prepare(session).await?;
        let noted = std::mem::take(&mut self.noted);
        let (before, now) = (self.begun_with, self.numbers);
        // Done in the order in which they stand here: after one that fails PostgreSQL does none of the rest.
        let (noted, accepted, fence, event, settings) = futures::join!(
            noted.write(session),
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
        noted.and(accepted).and(fence).and(event).and(settings)
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
        self.noted.events.push((job.accepted.0, event.clone()));
        let job = Arc::new(job);
        self.commit.changes.push(Change { event, job: Arc::clone(&job) });
        job
    }
}

impl Noted {
    /// Before anything of it is sent: what is prepared in between would be asked in another order.
    async fn prepare(session: &Session) -> Result<(), Failure> {
        session.prepare(&start::WRITES).await?;
        session.prepare(&rows::WRITES).await?;
        session.prepare(&[claim::INSERT_ATTEMPTS, INSERT_EVENTS]).await
    }

    /// Writes it, for one way there and back: after one statement that fails PostgreSQL does none of the rest.
    async fn write(self, session: &Session) -> Result<(), Failure> {
        Self::prepare(session).await?;
        let (starts, labels, attempts, rows, events) = futures::join!(
            self.starts.write(session),
            self.starts.write_labels(session),
            self.attempts.write(session),
            self.rows.write(session),
            write_events(session, &self.events),
        );
        starts.and(labels).and(attempts).and(rows).and(events)
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

const INSERT_EVENTS: &str = "
INSERT INTO job_events (no, job, seq, at, change, state, state_before, attempt)
SELECT *
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::text[],
    $7::text[], $8::bigint[])";
