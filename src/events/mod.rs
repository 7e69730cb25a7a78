//! Who is told what: the tokio broadcast channel of all committed changes, and one more for each
//! job that somebody watches.
//!
//! A change is published after its commit, in commit order (P6). One channel that everybody
//! filters would wake every watcher for every event, so a watched job has its own. A subscriber
//! that lags is told so and reads the row again: a status is latest-wins, and nothing waits for
//! the slowest.
//!
//! # Concurrency
//!
//! `watch` and the removal of a channel that nobody listens to happen under the same lock, so that
//! no subscriber can hold a channel which is not in the map.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast;

use crate::domain::event::{Change, Commit};
use crate::domain::id::JobId;
use crate::domain::job::Progress;

/// How many messages a feed may be behind before it lags.
pub const FEED_BOUND: usize = 4096;
/// How many messages the watcher of one job may be behind before it lags.
pub const WATCH_BOUND: usize = 32;

/// What a watcher of one job hears.
#[derive(Debug, Clone)]
pub enum News {
    /// A committed change.
    Change(Arc<Change>),
    /// Volatile: its command reported progress.
    Progress(Arc<Progress>),
    /// Volatile: it printed something.
    LogGrew,
}

/// The channels. Cheap to clone; all clones are one bus.
#[derive(Clone)]
pub struct Bus {
    feed: broadcast::Sender<Arc<Change>>,
    watched: Arc<Mutex<HashMap<JobId, broadcast::Sender<News>>>>,
}

/// A watcher of one job. Dropping the last one of a job removes its channel.
pub struct Watch {
    job: JobId,
    receiver: Option<broadcast::Receiver<News>>,
    bus: Bus,
}

/// What a watcher hears next.
#[derive(Debug, Clone)]
pub enum Heard {
    /// This.
    News(News),
    /// So many messages were missed: read the row again.
    Lagged(u64),
    /// Nothing will ever come: the server ends.
    Closed,
}

impl Default for Bus {
    fn default() -> Self {
        Self { feed: broadcast::Sender::new(FEED_BOUND), watched: Arc::default() }
    }
}

impl Bus {
    /// Tells everybody what a transaction made true. Call it in commit order, after the commit.
    pub fn publish(&self, commit: &Commit) {
        for change in &commit.changes {
            let change = Arc::new(change.clone());
            // Whoever follows one job is told each state with its own row, and the last one always.
            if change.event.seq == change.job.seq {
                self.tell(change.event.job, || News::Change(Arc::clone(&change)));
            }
            // Nobody listening is no error.
            let _ = self.feed.send(change);
        }
    }

    /// Tells the watchers of a job something volatile.
    pub fn tell(&self, job: JobId, news: impl FnOnce() -> News) {
        if let Some(sender) = self.lock().get(&job) {
            let _ = sender.send(news());
        }
    }

    /// Listens to one job. Subscribe first and read the row second: what happened in between is
    /// heard, and is told from the row by its seq.
    pub fn watch(&self, job: JobId) -> Watch {
        let mut watched = self.lock();
        let sender = watched.entry(job).or_insert_with(|| broadcast::Sender::new(WATCH_BOUND));
        Watch { job, receiver: Some(sender.subscribe()), bus: self.clone() }
    }

    /// Listens to all committed changes.
    pub fn feed(&self) -> broadcast::Receiver<Arc<Change>> {
        self.feed.subscribe()
    }

    /// How many jobs are watched: a gauge.
    pub fn watched_jobs(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<JobId, broadcast::Sender<News>>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    /// What comes next. Safe to drop and call again.
    pub async fn next(&mut self) -> Heard {
        let Some(receiver) = &mut self.receiver else { return Heard::Closed };
        match receiver.recv().await {
            Ok(news) => Heard::News(news),
            Err(broadcast::error::RecvError::Lagged(missed)) => Heard::Lagged(missed),
            Err(broadcast::error::RecvError::Closed) => Heard::Closed,
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut watched = self.bus.lock();
        // Our own receiver goes first, under the lock, so that the count is the others'.
        self.receiver = None;
        if watched.get(&self.job).is_some_and(|sender| sender.receiver_count() == 0) {
            watched.remove(&self.job);
        }
    }
}
