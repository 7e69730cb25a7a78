//! What other servers commit, read by the thread that writes: before each transaction of its own, so that
//! the sink is handed everything in the order of commit, and whenever somebody says that there is more.
//!
//! # Invariants
//!
//! - Numbers of events become visible in their order (writer.rs), so what is read after a number lacks
//!   nothing before its own last one.
//! - The tally counts each event once: those up to `counted` are in it already.
//! - Nothing is told before [`Follow::begin`], and from there on each event once.

use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::failure::Failure;
use super::row::{self, EVENT_COLUMN_COUNT, EVENT_COLUMNS, JOB_COLUMN_COUNT, JOB_COLUMNS, get};
use super::session::Session;
use crate::domain::event::{Change, Commit};
use crate::domain::id::EventNo;
use crate::domain::state::JobState;
use crate::store::CommitSink;
use crate::store::tally::Tally;

/// So many events are read together.
const PAGE: i64 = 500;

/// How far this process knows what others did. Shared by who writes and who begins.
#[derive(Debug, Default)]
pub(super) struct Follow {
    known: Mutex<Known>,
    /// Wakes the thread that writes: there may be more.
    pub(super) more: Notify,
}

#[derive(Debug, Default)]
struct Known {
    /// The last event that the sink was handed; `None`: it is told nothing of others yet.
    told: Option<i64>,
    /// The last event that is in the tally.
    counted: i64,
    /// The last event that was read: a number alone may be that of a transaction that was rolled back.
    read: i64,
    /// The last change of settings that was told.
    settings: i64,
}

impl Follow {
    /// Tells of all events of others after this one, from now on.
    pub(super) fn begin(&self, after: EventNo) {
        self.lock().told = Some(after.0);
        self.more.notify_one();
    }

    /// It began.
    pub(super) fn is_on(&self) -> bool {
        self.lock().told.is_some()
    }

    /// The tally was counted at this event.
    pub(super) fn counted(&self, event: i64) {
        self.lock().counted = event;
    }

    /// The last event of others that was read: it was durable then.
    pub(super) fn last_read(&self) -> i64 {
        self.lock().read
    }

    /// Somebody else committed something before this event.
    pub(super) fn lacks(&self, event: i64) -> bool {
        let known = self.lock();
        known.counted.min(known.told.unwrap_or(i64::MAX)) < event
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what is there, page by page. Nobody else writes to what this changes.
    pub(super) async fn catch_up(
        &self,
        session: &Session,
        tally: &mut Tally,
        sink: &CommitSink,
    ) -> Result<(), Failure> {
        loop {
            let (told, counted) = {
                let known = self.lock();
                (known.told.unwrap_or(i64::MAX), known.counted)
            };
            let rows = session.rows(&AFTER, &[&told.min(counted), &PAGE]).await?;
            let mut commit = Commit { is_foreign: true, ..Commit::default() };
            let (mut last, mut moves) = (None, Vec::new());
            for row in &rows {
                let job = row::job_from(row, EVENT_COLUMN_COUNT)?;
                let event = row::event(row, job.id)?;
                last = Some(event.no.0);
                if event.no.0 > counted {
                    let jobs = waits(event.state) - event.before.map_or(0, waits);
                    let bytes: i64 = get(row, EVENT_COLUMN_COUNT + JOB_COLUMN_COUNT)?;
                    moves.push((job.queue.clone(), jobs, jobs * bytes));
                }
                if event.no.0 > told {
                    commit.changes.push(Change { event, job: Arc::new(job) });
                }
            }
            // From here on nothing fails: whatever is counted is counted once.
            let Some(last) = last else { return Ok(()) };
            for (queue, jobs, bytes) in moves {
                tally.learn(&queue, jobs, bytes);
            }
            self.took(last);
            self.lock().read = last;
            if !commit.is_empty() {
                sink(&commit);
            }
            if rows.len() < usize::try_from(PAGE).unwrap_or(usize::MAX) {
                return Ok(());
            }
        }
    }

    /// All up to this event is known: it was read, or is our own, of which the tally may know long since.
    pub(super) fn took(&self, event: i64) {
        let mut known = self.lock();
        known.counted = known.counted.max(event);
        if let Some(told) = &mut known.told {
            *told = (*told).max(event);
        }
    }

    /// Tells of changed queues, tokens and workers, where there are any.
    pub(super) async fn look_at_settings(
        &self,
        session: &Session,
        sink: &CommitSink,
    ) -> Result<(), Failure> {
        let row = session.one("SELECT no FROM settings", &[]).await?;
        let no: i64 = get(&row, 0)?;
        if self.lock().settings == no {
            return Ok(());
        }
        let tokens = session.rows(&TOKENS, &[]).await?;
        let tokens = tokens.iter().map(row::token).collect::<Result<_, _>>()?;
        self.lock().settings = no;
        sink(&Commit { tokens, is_foreign: true, has_settings: true, ..Commit::default() });
        Ok(())
    }
}

fn waits(state: JobState) -> i64 {
    i64::from(state == JobState::Queued)
}

/// Events with their jobs as they are now: by the key of `job_events`, then by that of `jobs`; removals by
/// their key.
static AFTER: LazyLock<String> = LazyLock::new(|| {
    format!(
        "(SELECT {EVENT_COLUMNS}, {JOB_COLUMNS}, jobs.args_bytes
          FROM (
              SELECT *
              FROM job_events
              WHERE no > $1
              ORDER BY no
              LIMIT $2
          ) AS job_events JOIN jobs ON jobs.accept_no = job_events.job)
         UNION ALL
         (SELECT no, seq, removed_at, 'REMOVED', state, state, NULL::bigint, {JOB_COLUMNS}, 0::bigint
          FROM (
              SELECT *
              FROM removed_jobs
              WHERE no > $1
              ORDER BY no
              LIMIT $2
          ) AS jobs)
         ORDER BY 1
         LIMIT $2"
    )
});

/// All of them: there are as many as are kept.
static TOKENS: LazyLock<String> =
    LazyLock::new(|| format!("SELECT {} FROM tokens ORDER BY no", row::TOKEN_COLUMNS));
