//! What other servers commit, read by the thread that writes: in each transaction of its own, before it writes
//! anything, so that the sink is handed everything in the order of commit, and whenever somebody says that there
//! is more.
//!
//! # Invariants
//!
//! - Numbers of events become visible in their order (writer.rs), so what is read after a number lacks
//!   nothing before its own last one.
//! - The tally counts each event once: those up to `counted` are in it already.
//! - Nothing is told before [`Follow::begin`], and from there on each event once.

use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio_postgres::Row;

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
    /// Others wrote between the last two transactions.
    is_shared: bool,
}

/// Events of others, as they were read.
pub(super) struct Page {
    after: i64,
    rows: Vec<Row>,
}

impl Page {
    /// Nothing stood behind it.
    fn is_last(&self) -> bool {
        self.rows.len() < usize::try_from(PAGE).unwrap_or(usize::MAX)
    }
}

/// What others did, counted and not told yet.
pub(super) struct News {
    commit: Commit,
    up_to: i64,
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
        let lacks = self.place() < event;
        self.lock().is_shared = lacks;
        lacks
    }

    /// Somebody else wrote before the last transaction, and so may have before the next one.
    pub(super) fn is_shared(&self) -> bool {
        self.lock().is_shared
    }

    /// Whether these settings are others than those that were told.
    pub(super) fn lacks_settings(&self, no: i64) -> bool {
        let known = self.lock();
        known.told.is_some() && known.settings != no
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the next page begins.
    fn place(&self) -> i64 {
        let known = self.lock();
        known.counted.min(known.told.unwrap_or(i64::MAX))
    }

    /// The next page of what is there.
    pub(super) async fn read(&self, session: &Session) -> Result<Page, Failure> {
        let after = self.place();
        Ok(Page { after, rows: session.rows(&AFTER, &[&after, &PAGE]).await? })
    }

    /// Counts what is on a page, from where it is known; what of it is to be told.
    pub(super) fn count(&self, page: &Page, tally: &mut Tally) -> Result<News, Failure> {
        let (told, counted) = {
            let known = self.lock();
            (known.told, known.counted)
        };
        let mut commit = Commit { is_foreign: true, ..Commit::default() };
        let (mut last, mut moves) = (counted, Vec::new());
        for row in &page.rows {
            let job = row::job_from(row, EVENT_COLUMN_COUNT)?;
            let event = row::event(row, job.id)?;
            last = event.no.0;
            if event.no.0 > counted {
                let jobs = waits(event.state) - event.before.map_or(0, waits);
                let bytes: i64 = get(row, EVENT_COLUMN_COUNT + JOB_COLUMN_COUNT)?;
                moves.push((job.queue.clone(), jobs, jobs * bytes));
            }
            if told.is_some_and(|told| event.no.0 > told) {
                commit.changes.push(Change { event, job: Arc::new(job) });
            }
        }
        // From here on nothing fails: whatever is counted is counted once.
        for (queue, jobs, bytes) in moves {
            tally.learn(&queue, jobs, bytes);
        }
        let mut known = self.lock();
        known.counted = known.counted.max(last);
        if !page.rows.is_empty() {
            known.read = last;
        }
        Ok(News { commit, up_to: last })
    }

    /// Hands the sink what was counted. In the order in which it was.
    pub(super) fn tell(&self, news: &News, sink: &CommitSink) {
        self.took(news.up_to);
        if !news.commit.is_empty() {
            sink(&news.commit);
        }
    }

    /// Takes in what is there, page by page. Nobody else writes to what this changes.
    pub(super) async fn catch_up(
        &self,
        session: &Session,
        tally: &mut Tally,
        sink: &CommitSink,
    ) -> Result<(), Failure> {
        loop {
            let page = self.read(session).await?;
            self.tell(&self.count(&page, tally)?, sink);
            if page.is_last() {
                return Ok(());
            }
        }
    }

    /// Takes in what is there before this event, from a page that was read already where it is the next one. Its
    /// last page is yet to be told.
    pub(super) async fn catch_up_to(
        &self,
        event: i64,
        page: Option<Page>,
        session: &Session,
        (tally, sink): (&mut Tally, &CommitSink),
    ) -> Result<News, Failure> {
        let mut next = page.filter(|page| page.after == self.place());
        loop {
            let page = match next.take() {
                Some(page) => page,
                None => self.read(session).await?,
            };
            let mut news = self.count(&page, tally)?;
            if page.is_last() {
                // Numbers of a transaction that was rolled back are nobody's.
                news.up_to = event;
                return Ok(news);
            }
            self.tell(&news, sink);
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
pub(super) static AFTER: LazyLock<String> = LazyLock::new(|| {
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
