//! `jobStatus`: the whole current status of one job, from a snapshot to its end (P7).
//!
//! # Invariants
//!
//! - `seq` never falls, and rises between committed changes: what is not newer than the row at
//!   hand is dropped.
//! - A committed change is told at once and with the row of its own seq. Place and progress are
//!   told at most once an interval, the latest of them, and never lost at its end.
//! - Nothing waits for an estimate that takes long: what is due goes with the one that was told before.
//! - The last message is the terminal one.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::{ID, SimpleObject};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::Source;
use super::outlook::{AT_FIRST, Asking, Outlook, PATIENCE};
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
use crate::domain;
use crate::domain::clock::Timestamp;
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
    /// The job as of this seq, with the wait, the estimate and the progress of this message, not as of the moment of reading.
    job: Job,
}

/// A message: the row, and what tells it from other messages of the job.
pub(crate) type Told = (Arc<domain::job::Job>, Moment);

impl JobStatus {
    /// Whatever it shows follows from the two.
    pub(crate) fn new((row, moment): Told) -> Self {
        let moment = Arc::new(moment);
        Self {
            id: ID(row.id.to_string()),
            seq: int(moment.seq.0),
            change: moment.change.into(),
            at: DateTime(moment.at),
            state: row.state.into(),
            terminal: row.state.is_terminal(),
            wait: moment.wait.as_ref().map(Wait::from),
            estimate: moment.estimate.map(Estimate::from),
            progress: moment.progress.as_deref().map(Progress::from),
            reason: row.reason.map(Into::into),
            reason_text: row.reason_text.clone(),
            coalesced: int(moment.coalesced),
            job: Job::of(row, moment),
        }
    }
}

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
pub(crate) struct StatusStream {
    access: Access,
    interval: Duration,
    watch: Watch,
    line: Option<watch::Receiver<u64>>,
    phase: Phase,
    row: Arc<domain::job::Job>,
    progress: Option<Arc<domain::job::Progress>>,
    /// The wait that the latest message told.
    told_wait: Option<domain::wait::Wait>,
    outlook: Outlook,
    /// What is untold is the outlook of a look at it, not a move in the line.
    is_look: bool,
    /// A volatile change that was not told yet.
    untold: Option<JobChange>,
    asking: Option<Asking>,
    /// When the next volatile change may be told.
    due: Instant,
    coalesced: i64,
}

impl StatusStream {
    pub(super) async fn open(
        access: &Access,
        id: JobId,
        interval: Duration,
        wants_estimate: bool,
    ) -> Result<Self> {
        // Watch first, read second: what is committed in between is heard, and told apart by seq.
        let handle = access.handle();
        let watch = handle.bus().watch(id);
        let row = access.must(id).await?;
        let line = handle.line_changes(&row.queue);
        Ok(Self {
            progress: handle.progress(&row),
            access: access.clone(),
            interval,
            watch,
            line,
            phase: Phase::Begin,
            row,
            told_wait: None,
            outlook: Outlook::new(wants_estimate),
            is_look: false,
            untold: None,
            asking: None,
            due: Instant::now(),
            coalesced: 0,
        })
    }

    /// The one that it follows.
    pub(crate) fn job(&self) -> JobId {
        self.row.id
    }

    /// The terminal state was told.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.phase, Phase::Done)
    }

    async fn live(&mut self) -> Result<Told> {
        loop {
            let queued = self.row.state == domain::state::JobState::Queued;
            let patience = self.asking.as_ref().and_then(Asking::patience);
            tokio::select! {
                biased;
                () = sleep_until(self.due), if self.untold.is_some() && patience.is_none() => {
                    if let Some(message) = self.tell_volatile() {
                        return Ok(message);
                    }
                }
                estimate = Asking::answer(&mut self.asking) => {
                    if let Some(message) = self.tell_with(estimate) {
                        return Ok(message);
                    }
                }
                () = sleep_until(patience.unwrap_or(self.due)), if patience.is_some() => {
                    if let Some(message) = self.tell_without() {
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
                () = self.outlook.look(), if self.untold.is_none() && self.asking.is_none() => {
                    self.outlook.looks();
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
                let row = read(self.handle(), self.row.id).await?;
                let change =
                    if row.state.is_terminal() { JobChange::Ended } else { JobChange::Updated };
                let told = self.commit(&row, change, self.handle().now()).await;
                if told.is_none() {
                    self.progress = self.handle().progress(&self.row);
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
        let is_void =
            [self.untold.take().is_some(), self.asking.take().is_some_and(|a| !a.is_told)];
        self.coalesced += ahead - 1 + is_void.map(i64::from).iter().sum::<i64>();
        self.is_look = false;
        self.row = Arc::clone(row);
        self.progress = self.handle().progress(row);
        // A pass over a line may take a while, for which a committed change never waits.
        let is_in_line = row.state == domain::state::JobState::Queued && row.open.is_none();
        let handle = self.access.handle();
        let estimate =
            if is_in_line { None } else { self.outlook.within(PATIENCE, handle, row).await };
        let told = self.message(change, at, estimate);
        if is_in_line {
            self.outlook.look_in(self.interval);
        }
        Some(told)
    }

    fn handle(&self) -> &Handle {
        self.access.handle()
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

    /// What is untold is due: it is told at once where it needs no estimate.
    fn tell_volatile(&mut self) -> Option<Told> {
        let change = self.untold.take()?;
        let is_look = std::mem::take(&mut self.is_look);
        let is_same = change == JobChange::Position && self.has_the_same_wait();
        if is_same && !is_look {
            // What the move did to the estimate does not keep a place waiting that falls a moment later.
            self.outlook.look_in(self.interval);
            return None;
        }
        // One that is still to come is of the same row: it is waited for, not asked for anew.
        let asked = self.asking.take().map(Asking::into_estimate);
        let Some(estimate) = asked.or_else(|| self.outlook.ask(self.handle(), &self.row)) else {
            return Some(self.volatile(change, None));
        };
        self.asking = Some(Asking::new(change, is_same, estimate));
        None
    }

    /// The estimate came.
    fn tell_with(&mut self, estimate: Option<domain::estimate::Estimate>) -> Option<Told> {
        let Asking { change, is_told, .. } = self.asking.take()?;
        let now = self.handle().now();
        if is_told && !self.outlook.has_moved(estimate, now) {
            self.outlook.rest(now);
            return None;
        }
        if is_told && Instant::now() < self.due {
            // A message went without it a moment ago; the next one knows it.
            self.outlook.keep(estimate);
            self.is_look |= self.untold.is_none();
            self.note(JobChange::Position);
            return None;
        }
        Some(self.volatile(change, estimate))
    }

    /// The estimate did not come in time.
    fn tell_without(&mut self) -> Option<Told> {
        let asking = self.asking.as_mut()?;
        asking.is_told = true;
        let change = asking.change;
        Some(self.volatile(change, self.outlook.known()))
    }

    fn volatile(
        &mut self,
        change: JobChange,
        estimate: Option<domain::estimate::Estimate>,
    ) -> Told {
        let at = match &self.progress {
            Some(progress) if change == JobChange::Progress => progress.updated_at,
            _ => self.handle().now(),
        };
        self.message(change, at, estimate)
    }

    fn has_the_same_wait(&self) -> bool {
        match (self.handle().wait(&self.row), &self.told_wait) {
            (Some(now), Some(told)) => now.is_as_good_as(told),
            (now, told) => now.is_none() && told.is_none(),
        }
    }

    fn message(
        &mut self,
        change: JobChange,
        at: Timestamp,
        estimate: Option<domain::estimate::Estimate>,
    ) -> Told {
        let row = &self.row;
        let wait = self.access.wait(row);
        self.outlook.tell(estimate, self.handle().now());
        self.due = Instant::now() + self.interval;
        self.phase = if row.state.is_terminal() { Phase::Done } else { Phase::Live };
        self.told_wait.clone_from(&wait);
        let moment = Moment {
            seq: row.seq,
            change,
            at,
            wait,
            estimate,
            progress: self.progress.clone(),
            coalesced: std::mem::take(&mut self.coalesced),
        };
        (Arc::clone(row), moment)
    }
}

impl Source for StatusStream {
    type Message = Told;

    async fn next(&mut self) -> Result<Option<Told>> {
        match self.phase {
            Phase::Begin => {
                let handle = self.access.handle();
                let estimate = self.outlook.within(AT_FIRST, handle, &self.row).await;
                Ok(Some(self.message(JobChange::Snapshot, self.handle().now(), estimate)))
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
