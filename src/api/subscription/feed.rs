//! `jobFeed`: every committed change of the jobs that match, resumable by the number of an event.
//!
//! # Invariants
//!
//! - Every event after the position given is taken exactly once, whether it is read from the store
//!   or heard live: `position` only rises, and what is not above it is skipped.
//! - At most [`MAX_EVENTS`] changes are held. While they are, nothing more is taken; what the
//!   channel loses meanwhile is read from the store again.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use async_graphql::{ID, SimpleObject};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::{Instant, sleep_until};

use super::Source;
use crate::api::cursor;
use crate::api::error::Result;
use crate::api::refusal;
use crate::api::types::enums::JobChange;
use crate::api::types::job::Job;
use crate::api::types::scalar::Cursor;
use crate::api::wait::stopping;
use crate::domain;
use crate::domain::event::{Change, Event};
use crate::domain::id::{EventNo, JobId};
use crate::scheduler::Handle;
use crate::store::EventsPage;
use crate::store::filter::JobFilter;

/// The most events of one message.
const MAX_EVENTS: usize = 500;

/// What happened to the jobs that match, since the message before.
#[derive(SimpleObject)]
pub(crate) struct JobFeed {
    /// Resume here.
    cursor: Cursor,
    /// The position given is not one of this server's past, or so old that jobs which went since are not known any more: load the list again; this feed goes on from `cursor`.
    reset: bool,
    /// In the order of commit, at most one a job, at most 500. Empty in the first message, which only says that the feed stands.
    events: Vec<JobFeedEvent>,
}

/// A change of one job.
#[derive(SimpleObject)]
pub(crate) struct JobFeedEvent {
    /// Which job.
    job_id: ID,
    /// What happened last.
    change: JobChange,
    /// false: it matched before and no longer does: take its row away.
    matches: bool,
    /// The job as of this change, or as of a later one where the feed is catching up; null after REMOVED.
    job: Option<Job>,
    /// How many changes of this job were folded into this one.
    coalesced: i32,
}

/// The follower of all jobs.
pub(super) struct Feed {
    handle: Handle,
    filter: JobFilter,
    interval: Duration,
    live: broadcast::Receiver<Arc<Change>>,
    /// The last event that was taken.
    position: EventNo,
    /// There are events after `position` that only the store still has.
    behind: bool,
    held: Held,
    /// When the next message may be sent; `None` before the first.
    due: Option<Instant>,
    reset: bool,
}

/// Changes that were not told yet, one a job, in the order of commit.
#[derive(Default)]
struct Held {
    events: BTreeMap<EventNo, JobFeedEvent>,
    of_job: HashMap<JobId, EventNo>,
}

impl Feed {
    pub(super) async fn open(
        handle: Handle,
        filter: JobFilter,
        after: Option<Cursor>,
        interval: Duration,
    ) -> Result<Self> {
        let after = after.map(|cursor| cursor::event("after", &cursor)).transpose()?;
        // Listen first, read second: whatever is committed from here on is heard.
        let live = handle.bus().feed();
        let known = handle.reader().events_after(EventNo::default(), 0).await;
        let EventsPage { last, whole_from, .. } = known.map_err(refusal::store)?;
        let reset = after.is_some_and(|after| after > last || after < whole_from);
        let position = after.filter(|_| !reset).unwrap_or(last);
        Ok(Self {
            handle,
            filter,
            interval,
            live,
            position,
            behind: position < last,
            held: Held::default(),
            due: None,
            reset,
        })
    }

    fn take(&mut self, event: &Event, job: &Arc<domain::job::Job>) {
        if event.no <= self.position {
            return;
        }
        self.position = event.no;
        let (before, after) = self.filter.matches_change(event, job);
        self.held.fold(event, job, before, after);
    }

    /// Reads on from the store, as far as there is room.
    async fn catch_up(&mut self) -> Result<()> {
        let room = u32::try_from(MAX_EVENTS - self.held.len()).unwrap_or(u32::MAX);
        let reader = self.handle.reader();
        let page = reader.events_after(self.position, room).await.map_err(refusal::store)?;
        // It fell behind so far that removals are missing.
        self.reset |= self.position < page.whole_from;
        let done = page.events.is_empty();
        for (event, job) in &page.events {
            self.take(event, job);
        }
        self.behind = !done && self.position < page.last;
        Ok(())
    }

    fn message(&mut self) -> JobFeed {
        self.due = Some(Instant::now() + self.interval);
        JobFeed {
            cursor: cursor::of_event(self.position),
            reset: std::mem::take(&mut self.reset),
            events: self.held.drain(),
        }
    }
}

impl Source for Feed {
    type Message = JobFeed;

    async fn next(&mut self) -> Result<Option<JobFeed>> {
        let Some(due) = self.due else { return Ok(Some(self.message())) };
        loop {
            let room = self.held.len() < MAX_EVENTS;
            if self.behind && room && (self.held.is_empty() || Instant::now() < due) {
                self.catch_up().await?;
                continue;
            }
            tokio::select! {
                biased;
                () = sleep_until(due), if !self.held.is_empty() => return Ok(Some(self.message())),
                change = self.live.recv(), if room && !self.behind => match change {
                    Ok(change) => self.take(&change.event, &change.job),
                    Err(RecvError::Lagged(_)) => self.behind = true,
                    Err(RecvError::Closed) => return Err(stopping()),
                },
            }
        }
    }
}

impl Held {
    fn len(&self) -> usize {
        self.events.len()
    }

    fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Holds a change, in place of an older one of the same job.
    fn fold(&mut self, event: &Event, job: &Arc<domain::job::Job>, before: bool, after: bool) {
        let older = self.of_job.get(&job.id).and_then(|no| self.events.remove(no));
        if older.is_none() && !before && !after {
            return;
        }
        self.of_job.insert(job.id, event.no);
        self.events.insert(
            event.no,
            JobFeedEvent {
                job_id: ID(job.id.to_string()),
                change: event.change.into(),
                matches: after,
                job: (event.change != domain::event::JobChange::Removed)
                    .then(|| Job::new(Arc::clone(job))),
                coalesced: older.map_or(0, |older| older.coalesced.saturating_add(1)),
            },
        );
    }

    fn drain(&mut self) -> Vec<JobFeedEvent> {
        self.of_job.clear();
        std::mem::take(&mut self.events).into_values().collect()
    }
}
