//! A database that is away, and how it comes back: the connection is made again, and what was in doubt is
//! found out.
//!
//! # Invariants
//!
//! - It is back only when a transaction of ours was committed: a standby, a full disk and a database that
//!   waits for its own standbys are not.
//! - A transaction whose COMMIT was not answered is told by what it stored: all of that, or nothing. Its lock
//!   is held through its end, so whoever has the lock sees which.
//! - A database that has lost what it had acknowledged is another one: what is known of it in memory is wrong,
//!   and recovery must begin anew (P13).

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::failure::{Failure, Reach};
use super::held::{Base, Held, PATIENCE};
use super::open::{self, OpenError};
use super::pending::Pending;
use super::row::{get, millis, uuid};
use super::session::{Backend, Session};
use super::writer::BEGIN;
use crate::domain::event::Commit;

/// How long a try may take.
const TRY_WITHIN: Duration = Duration::from_secs(30);
/// From one try to the next.
const TRY_EVERY: Duration = Duration::from_secs(1);

/// Writes whose COMMIT was not answered.
pub(super) struct Doubt {
    /// They, with their answers.
    pub(super) batch: Vec<Box<dyn Pending>>,
    /// What they made true, if they did.
    pub(super) commit: Commit,
    /// The last event that it drew.
    pub(super) last_event: i64,
}

/// What is looked for.
pub(super) struct Lost {
    /// The session that was lost.
    pub(super) backend: Backend,
    /// The last event that was acknowledged.
    pub(super) last_event: i64,
    /// The last one of our own, as far as there was one since the start.
    pub(super) last_own: Option<EventMark>,
    /// What tells whether the last transaction was committed.
    pub(super) mark: Option<Mark>,
}

/// An event, by its number, its job and its seq.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EventMark(i64, uuid::Uuid, i64);

impl EventMark {
    /// The last one of this commit.
    pub(super) fn of(commit: &Commit) -> Option<Self> {
        let event = &commit.changes.last()?.event;
        Some(Self(event.no.0, uuid(event.job.as_bytes()), event.seq.0))
    }
}

/// What a transaction stored last.
pub(super) enum Mark {
    /// An event.
    Event(EventMark),
    /// A token, and when it was revoked.
    Token(Vec<u8>, Option<i64>),
    /// A job that is delayed no more.
    Promoted(uuid::Uuid),
}

/// It is back.
pub(super) struct Back {
    pub(super) held: Held,
    /// Whether the transaction in doubt was committed, where it left something to tell by.
    pub(super) committed: Option<bool>,
}

impl Mark {
    /// What tells of this commit; `None` where nobody has to hear of it.
    pub(super) fn of(commit: &Commit) -> Option<Self> {
        let Commit { changes: _, promoted, tokens, is_foreign: _, has_settings: _ } = commit;
        if let Some(event) = EventMark::of(commit) {
            return Some(Self::Event(event));
        }
        if let Some(token) = tokens.last() {
            let id = token.id.as_bytes().to_vec();
            return Some(Self::Token(id, token.revoked_at.map(millis)));
        }
        promoted.last().map(|promoted| Self::Promoted(uuid(promoted.job.as_bytes())))
    }

    /// It is there.
    async fn is_stored(&self, session: &Session) -> Result<bool, Failure> {
        let row = match self {
            Self::Event(EventMark(no, job, seq)) => session.one(EVENT, &[no, job, seq]).await?,
            Self::Token(id, revoked_at) => session.one(TOKEN, &[id, revoked_at]).await?,
            Self::Promoted(job) => session.one(PROMOTED, &[job]).await?,
        };
        get(&row, 0)
    }
}

/// Tries until the database is back. An error is one that no try mends.
pub(super) async fn until_back(base: Base, lost: Lost) -> Result<Back, Failure> {
    loop {
        match timeout(TRY_WITHIN, once(&base, &lost)).await {
            Ok(Ok(back)) => return Ok(back),
            Ok(Err(failure)) if failure.reach() == Reach::Broken => return Err(failure),
            Ok(Err(failure)) => tracing::debug!(error = %failure, "the database is still away"),
            Err(_) => tracing::debug!("the database does not answer"),
        }
        sleep(TRY_EVERY).await;
    }
}

async fn once(base: &Base, lost: &Lost) -> Result<Back, Failure> {
    let shown = base.ways.session.to_string();
    let away = |error: OpenError| Failure::NoConnection(error.to_string());
    let session = Session::connect(&base.ways.session).await.map_err(away)?;
    open::still(session.client(), &shown).await.map_err(away)?;
    // The server may take the lost connection for a good one, for as long as nothing is sent on it.
    session.end(&lost.backend).await?;
    if !open::take(session.client(), &base.home, PATIENCE).await? {
        return Err(if session.end(&lost.backend).await? {
            Failure::NoConnection("its session of before has not ended yet".to_owned())
        } else {
            // What that one did cannot be known from here.
            Failure::Taken
        });
    }
    session.batch(BEGIN).await?;
    let found: i64 = get(&session.one(LAST_EVENT, &[]).await?, 0)?;
    if found < lost.last_event {
        return Err(Failure::Behind { found, known: lost.last_event });
    }
    if let Some(EventMark(no, job, seq)) = &lost.last_own
        && get(&session.one(REPLACED, &[no, job, seq]).await?, 0)?
    {
        return Err(Failure::Replaced(*no));
    }
    let committed = match &lost.mark {
        Some(mark) => Some(mark.is_stored(&session).await?),
        None => None,
    };
    // Something to flush, so that what is told of is as durable as it.
    session.one(TOUCH, &[&found]).await?;
    session.batch("COMMIT").await?;
    Ok(Back { held: Held::of(session, base).await.map_err(away)?, committed })
}

/// That the database is still as it must be: asked now and then by who has nothing else to ask.
pub(super) async fn look(session: &Session) -> Result<(), Failure> {
    let row = session.one(LOOK, &[]).await?;
    if get(&row, 0)? {
        return Err(Failure::NoConnection("it takes no writes: it is a standby by now".to_owned()));
    }
    if get::<i32>(&row, 1)? != open::KNOWN {
        return Err(Failure::NoConnection("its schema is that of another version".to_owned()));
    }
    Ok(())
}

const LOOK: &str = "
SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean,
    (SELECT max(version) FROM longhaul_schema)";

const LAST_EVENT: &str = "SELECT last_value FROM event_numbers";

/// As it was: whoever holds the lock of the schema draws the numbers.
const TOUCH: &str = "SELECT setval('event_numbers', $1)";

/// By the keys. A removal is told by what is kept of it.
const EVENT: &str = "
SELECT EXISTS (
        SELECT FROM job_events JOIN jobs ON jobs.accept_no = job_events.job
        WHERE job_events.no = $1
          AND jobs.id = $2
          AND job_events.seq = $3)
    OR EXISTS (
        SELECT FROM removed_jobs
        WHERE no = $1
          AND id = $2
          AND seq = $3)";

/// By the keys. One of a job that was removed since may be there no more.
const REPLACED: &str = "
SELECT EXISTS (
        SELECT FROM job_events JOIN jobs ON jobs.accept_no = job_events.job
        WHERE job_events.no = $1
          AND (jobs.id <> $2 OR job_events.seq <> $3))
    OR EXISTS (
        SELECT FROM removed_jobs
        WHERE no = $1
          AND (id <> $2 OR seq <> $3))";

/// By the unique index of `id`.
const TOKEN: &str = "
SELECT EXISTS (
    SELECT FROM tokens
    WHERE id = $1
      AND revoked_at IS NOT DISTINCT FROM $2)";

/// By the unique index of `id`.
const PROMOTED: &str = "
SELECT EXISTS (
    SELECT FROM jobs
    WHERE id = $1
      AND delayed_until IS NULL)";
