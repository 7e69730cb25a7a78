//! `jobStatus`: the whole current status of one job, from a snapshot to its end (P7).
//!
//! # Invariants
//!
//! - `seq` never falls, and rises between committed changes: what is not newer than the row at
//!   hand is dropped.
//! - A committed change is told at once and with the row of its own seq. Place and progress are
//!   told at most once an interval, the latest of them, and never lost at its end.
//! - The last message is the terminal one.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::{ID, SimpleObject};
use chrono::TimeDelta;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::Source;
use crate::api::access::Access;
use crate::api::error::{ApiError, Result};
use crate::api::refusal;
use crate::api::shared::Moment;
use crate::api::types::enums;
use crate::api::types::enums::{EndReason, JobState};
use crate::api::types::estimate::Estimate;
use crate::api::types::int;
use crate::api::types::job::Job;
use crate::api::types::scalar::DateTime;
use crate::api::types::wait::{Progress, Wait};
use crate::api::wait::stopping;
use crate::auth::Caller;
use crate::domain;
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::event::JobChange;
use crate::domain::id::JobId;
use crate::events::{Heard, News, Watch};
use crate::scheduler::Handle;

/// The whole current status of one job, all of it from one moment: who misses one is right after the next. Select `job { id state … }` where a normalised cache should update its lists.
#[derive(SimpleObject)]
pub(crate) struct JobStatus {
    /// The job's id.
    id: ID,
    /// The job's seq. Never falls. Two events of one seq differ only in wait, estimate and progress; the later is the newer.
    seq: i32,
    /// What happened last.
    change: enums::JobChange,
    /// When.
    at: DateTime,
    /// Where the job is.
    state: JobState,
    /// The last event of this stream.
    terminal: bool,
    /// As in Job.
    wait: Option<Wait>,
    /// As in Job.
    estimate: Option<Estimate>,
    /// As in Job.
    progress: Option<Progress>,
    /// As in Job.
    reason: Option<EndReason>,
    /// As in Job.
    reason_text: Option<String>,
    /// How many events were left out before this one, because newer ones made them void.
    coalesced: i32,
    /// The job as of this seq, not as of the moment of reading.
    job: Job,
}

/// What an estimate moves by that is worth a message, as a part of the time that is left.
const FINE: i32 = 16;
/// An estimate is looked at again no sooner than this, though nothing happened.
const SOON: Duration = Duration::from_secs(1);
/// And no later.
const LATE: Duration = Duration::from_secs(60);

/// A message, and what tells it from others.
type Told = (JobStatus, Moment);

/// Where a stream is.
enum Phase {
    /// Nothing was told yet.
    Begin,
    /// Changes are told as they come.
    Live,
    /// The terminal state was told.
    Done,
}

/// The follower of one job.
pub(super) struct StatusStream {
    handle: Handle,
    caller: Caller,
    clock: Arc<dyn Clock>,
    interval: Duration,
    watch: Watch,
    line: Option<watch::Receiver<u64>>,
    phase: Phase,
    row: Arc<domain::job::Job>,
    progress: Option<Arc<domain::job::Progress>>,
    /// The wait that the latest message told.
    told_wait: Option<domain::wait::Wait>,
    /// The estimate that it told, and when to look whether that still holds.
    told_estimate: Option<domain::estimate::Estimate>,
    look: Option<Instant>,
    /// The move that is untold is that of an estimate.
    is_look: bool,
    /// A volatile change that was not told yet.
    untold: Option<JobChange>,
    /// When the next volatile change may be told.
    due: Instant,
    coalesced: i64,
}

impl StatusStream {
    pub(super) async fn open(
        access: &Access,
        clock: Arc<dyn Clock>,
        id: JobId,
        interval: Duration,
    ) -> Result<Self> {
        // Watch first, read second: what is committed in between is heard, and told apart by seq.
        let handle = access.handle().clone();
        let watch = handle.bus().watch(id);
        let row = access.must(id).await?;
        let line = handle.line_changes(&row.queue);
        Ok(Self {
            progress: handle.progress(&row),
            caller: access.caller().clone(),
            handle,
            clock,
            interval,
            watch,
            line,
            phase: Phase::Begin,
            row,
            told_wait: None,
            told_estimate: None,
            look: None,
            is_look: false,
            untold: None,
            due: Instant::now(),
            coalesced: 0,
        })
    }

    async fn live(&mut self) -> Result<Told> {
        loop {
            let queued = self.row.state == domain::state::JobState::Queued;
            tokio::select! {
                biased;
                () = sleep_until(self.due), if self.untold.is_some() => {
                    if let Some(message) = self.tell_volatile().await {
                        return Ok(message);
                    }
                }
                heard = self.watch.next() => {
                    if let Some(message) = self.hear(heard).await? {
                        return Ok(message);
                    }
                }
                // One move that is not told yet is enough to know of: else each move of a long line
                // would wake everybody who waits in it.
                () = changed(&mut self.line), if queued && self.untold.is_none() => {
                    self.note(JobChange::Position);
                }
                () = until(self.look), if self.untold.is_none() => {
                    self.look = None;
                    self.is_look = true;
                    self.note(JobChange::Position);
                }
            }
        }
    }

    async fn hear(&mut self, heard: Heard) -> Result<Option<Told>> {
        match heard {
            Heard::News(News::Change(change)) => {
                Ok(self.commit(&change.job, change.event.change, change.event.at).await)
            }
            Heard::News(News::Progress(progress)) => {
                // What is heard late may be of an attempt that has ended.
                if self.row.open.is_some() {
                    self.progress = Some(progress);
                    self.note(JobChange::Progress);
                }
                Ok(None)
            }
            Heard::News(News::LogGrew) => Ok(None),
            Heard::Lagged(_) => {
                // A status is latest-wins: the row says all that the lost messages said.
                let row = read(&self.handle, self.row.id).await?;
                let change =
                    if row.state.is_terminal() { JobChange::Ended } else { JobChange::Updated };
                let told = self.commit(&row, change, self.clock.now()).await;
                if told.is_none() {
                    self.progress = self.handle.progress(&self.row);
                    self.note(JobChange::Progress);
                }
                Ok(told)
            }
            Heard::Closed => Err(stopping()),
        }
    }

    /// A committed change: told at once, unless it is older than what is known.
    async fn commit(
        &mut self,
        row: &Arc<domain::job::Job>,
        change: JobChange,
        at: Timestamp,
    ) -> Option<Told> {
        let ahead = row.seq.0 - self.row.seq.0;
        if ahead <= 0 {
            return None;
        }
        self.coalesced += ahead - 1 + i64::from(self.untold.take().is_some());
        self.row = Arc::clone(row);
        self.progress = self.handle.progress(row);
        let estimate = self.estimate().await;
        Some(self.message(change, at, estimate))
    }

    async fn estimate(&self) -> Option<domain::estimate::Estimate> {
        self.handle.estimate(&self.row).await
    }

    /// Remembers that something volatile moved. The latest wins.
    fn note(&mut self, change: JobChange) {
        // A move of the place that is not told yet may turn out to be none.
        let void = matches!(self.untold, Some(JobChange::Progress));
        self.coalesced += i64::from(void && change == JobChange::Progress);
        if !void {
            self.untold = Some(change);
        }
    }

    async fn tell_volatile(&mut self) -> Option<Told> {
        let change = self.untold.take()?;
        let is_look = std::mem::take(&mut self.is_look);
        let is_same = change == JobChange::Position && self.has_the_same_wait();
        if is_same && !is_look {
            // An estimate that moves by itself does not keep a place waiting that falls a moment later.
            let soon = Instant::now() + self.interval;
            self.look = Some(self.look.map_or(soon, |at| at.min(soon)));
            return None;
        }
        let estimate = self.estimate().await;
        if is_same && !self.has_moved(estimate) {
            self.look = next_look(self.told_estimate, self.clock.now());
            return None;
        }
        let at = match &self.progress {
            Some(progress) if change == JobChange::Progress => progress.updated_at,
            _ => self.clock.now(),
        };
        Some(self.message(change, at, estimate))
    }

    fn has_the_same_wait(&self) -> bool {
        match (self.handle.wait(&self.row), &self.told_wait) {
            (Some(now), Some(told)) => now.is_as_good_as(told),
            (now, told) => now.is_none() && told.is_none(),
        }
    }

    /// An estimate that moved by a little is the same for a person: by a sixteenth of what is left, or less.
    fn has_moved(&self, now: Option<domain::estimate::Estimate>) -> bool {
        let (Some(now), Some(told)) = (now, self.told_estimate) else {
            return now.is_some() != self.told_estimate.is_some();
        };
        let instants = |estimate: domain::estimate::Estimate| {
            let (start, latest) = estimate.start.unwrap_or(estimate.end);
            [start, latest, estimate.end.0, estimate.end.1]
        };
        let at = self.clock.now();
        let mut pairs = instants(now).into_iter().zip(instants(told));
        now.start.is_some() != told.start.is_some()
            || pairs.any(|(now, told)| {
                let least = TimeDelta::seconds(1).max((now - at) / FINE);
                (now - told).abs() > least
            })
    }

    fn message(
        &mut self,
        change: JobChange,
        at: Timestamp,
        estimate: Option<domain::estimate::Estimate>,
    ) -> Told {
        let row = &self.row;
        let wait = self.handle.wait(row);
        self.due = Instant::now() + self.interval;
        self.phase = if row.state.is_terminal() { Phase::Done } else { Phase::Live };
        self.told_wait.clone_from(&wait);
        let wait = wait.map(|wait| Wait::told(&wait, &self.caller));
        self.told_estimate = estimate;
        self.look = next_look(estimate, self.clock.now());
        let coalesced = std::mem::take(&mut self.coalesced);
        let moment = Moment {
            seq: row.seq,
            change,
            at,
            wait: wait.clone(),
            estimate,
            progress: self.progress.clone(),
            coalesced,
        };
        let status = JobStatus {
            id: ID(row.id.to_string()),
            seq: int(row.seq.0),
            change: change.into(),
            at: DateTime(at),
            state: row.state.into(),
            terminal: row.state.is_terminal(),
            wait,
            estimate: estimate.map(Estimate::from),
            progress: self.progress.as_deref().map(Progress::from),
            reason: row.reason.map(Into::into),
            reason_text: row.reason_text.clone(),
            coalesced: int(coalesced),
            job: Job::new(Arc::clone(row)),
        };
        (status, moment)
    }
}

impl Source for StatusStream {
    type Message = Told;

    async fn next(&mut self) -> Result<Option<Told>> {
        match self.phase {
            Phase::Begin => {
                let estimate = self.estimate().await;
                Ok(Some(self.message(JobChange::Snapshot, self.clock.now(), estimate)))
            }
            Phase::Live => self.live().await.map(Some),
            Phase::Done => Ok(None),
        }
    }
}

async fn read(handle: &Handle, id: JobId) -> Result<Arc<domain::job::Job>> {
    let row = handle.reader().job(id).await.map_err(refusal::store)?;
    row.ok_or_else(|| ApiError::not_found("job has the id", &id.to_string()))
}

/// When to look at an estimate again although nothing happened: what still runs runs longer than thought.
fn next_look(told: Option<domain::estimate::Estimate>, now: Timestamp) -> Option<Instant> {
    let told = told?;
    let (next, _) = told.start.unwrap_or(told.end);
    let left = ((next - now) / FINE).to_std().unwrap_or_default();
    Some(Instant::now() + left.clamp(SOON, LATE))
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Waits for a move in the line; for ever, where there is nobody left to tell of one.
async fn changed(line: &mut Option<watch::Receiver<u64>>) {
    if let Some(receiver) = line {
        if receiver.changed().await.is_ok() {
            return;
        }
        *line = None;
    }
    std::future::pending::<()>().await;
}
