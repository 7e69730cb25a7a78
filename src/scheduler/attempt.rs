//! From spawn to record: one task per open attempt that writes down what its runner reports and
//! gives the slots back when the end is stored *and* no process is left.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::{Instrument, Span};

use super::core::{Board, Core};
use super::slots::Slot;
use super::tell::Teller;
use super::upload::Uploader;
use crate::domain::attempt::AttemptEnd;
use crate::domain::id::{Fence, JobId};
use crate::domain::job::Job;
use crate::domain::names::QueueName;
use crate::domain::state::EndReason;
use crate::events::News;
use crate::runner::Report;
use crate::store::{Claim, Finish, Guarded, StoreError};

/// The first pause before a start or an end is written again to a store that refused it; doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest such pause.
const LAST_PAUSE: Duration = Duration::from_secs(5);

/// The slots of one attempt: the worker's and its queue's (none where the queue is no longer
/// declared). Dropping it gives both back and wakes whoever waits for them.
pub(super) struct Held {
    slots: Option<(Slot, Option<Slot>)>,
    queue: QueueName,
    board: Board,
}

impl Held {
    pub(super) fn new(
        board: &Board,
        worker: Slot,
        of_queue: Option<Slot>,
        queue: QueueName,
    ) -> Self {
        Self { slots: Some((worker, of_queue)), queue, board: board.clone() }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.slots.take());
        self.board.slots_moved(&self.queue);
    }
}

/// Whatever is logged of an attempt bears this: its job's names, and its own.
pub(super) fn span(job: &Job, fence: Fence) -> Span {
    let of_job =
        tracing::info_span!("job", job.id = %job.id, job.kind = %job.kind, queue.name = %job.queue);
    tracing::info_span!(parent: &of_job, "attempt", attempt = job.attempt, fence = %fence)
}

/// Follows an attempt to its end, in a task of its own.
pub(super) fn follow(
    core: &Arc<Core>,
    job: &Job,
    fence: Fence,
    reports: mpsc::Receiver<Report>,
    held: Held,
) {
    let mut follower = Follower::new(core, job, fence);
    let work = async move { follower.run(reports).await };
    task(core, held, work.instrument(span(job, fence)));
}

/// Records the end of an attempt of an earlier server, as soon as the store can.
pub(super) fn end_left(core: &Arc<Core>, job: &Job, fence: Fence, end: AttemptEnd, held: Held) {
    let mut follower = Follower::new(core, job, fence);
    let work = async move { follower.record(end).await };
    task(core, held, work.instrument(span(job, fence)));
}

/// Records the end of a claim that never became a process.
pub(super) fn end_unspawned(core: &Arc<Core>, claim: &Claim, end: AttemptEnd, held: Held) {
    let mut follower = Follower::new(core, &claim.job, claim.fence);
    let work = async move {
        follower.record(end).await;
        follower.core.live.leave(follower.job, follower.fence);
    };
    task(core, held, work.instrument(span(&claim.job, claim.fence)));
}

/// Keeps the slots for as long as `work` lasts. Where it panics, nobody knows what still runs: they
/// are never given back.
fn task(core: &Arc<Core>, held: Held, work: impl Future<Output = ()> + Send + 'static) {
    let guard = Arc::clone(core);
    core.tasks.spawn(async move {
        if guard.guarded("what follows an attempt", work).await {
            drop(held);
        } else {
            std::mem::forget(held);
        }
    });
}

/// When to record a start again that the store refused.
#[derive(Default)]
struct Start {
    next: Option<(Instant, Duration)>,
}

impl Start {
    fn attempted(&mut self, recorded: bool) {
        let pause = self.next.map_or(FIRST_PAUSE, |(_, pause)| (pause * 2).min(LAST_PAUSE));
        self.next = (!recorded).then(|| (Instant::now() + pause, pause));
    }

    /// The next try is due; never where there is none.
    async fn due(&self) {
        match self.next {
            Some((at, _)) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
        }
    }
}

struct Follower {
    core: Arc<Core>,
    job: JobId,
    number: u32,
    fence: Fence,
    uploader: Option<Uploader>,
    teller: Option<Teller>,
}

impl Follower {
    fn new(core: &Arc<Core>, job: &Job, fence: Fence) -> Self {
        let (core, number) = (Arc::clone(core), job.attempt);
        Self { core, job: job.id, number, fence, uploader: None, teller: None }
    }

    async fn run(&mut self, mut reports: mpsc::Receiver<Report>) {
        let mut end = None;
        let mut recorded = false;
        let mut start = Start::default();
        self.uploader = Uploader::begin(&self.core, self.job, self.number, self.fence);
        loop {
            let report = tokio::select! {
                report = reports.recv() => report,
                () = start.due() => {
                    start.attempted(self.started().await);
                    continue;
                }
            };
            let Some(report) = report else { break };
            match report {
                Report::Started => start.attempted(self.started().await),
                Report::Progress(progress) => {
                    let progress = Arc::new(progress);
                    self.core.live.set_progress(self.job, Arc::clone(&progress));
                    self.core.board.bus.tell(self.job, || News::Progress(Arc::clone(&progress)));
                    if self.teller.is_none() {
                        self.teller = Teller::begin(&self.core, self.job, self.fence);
                    }
                    if let Some(teller) = &self.teller {
                        teller.tell(progress);
                    }
                }
                Report::LogGrew => {
                    self.core.board.bus.tell(self.job, || News::LogGrew);
                    if let Some(uploader) = &self.uploader {
                        uploader.grew();
                    }
                }
                // An end is recorded once no process is left (P8), except that of a tree which
                // does not die: its job ends now, and its slot stays taken.
                Report::Ended(unkillable) if unkillable.reason == EndReason::Unkillable => {
                    self.record(unkillable).await;
                    recorded = true;
                }
                Report::Ended(ended) => end = Some(ended),
                Report::Gone => break,
            }
        }
        if !recorded {
            // A runner that broke its contract told us nothing: that is what we know (P9).
            let end = end.unwrap_or_else(|| {
                tracing::error!("the runner reported no end");
                AttemptEnd::unrecorded(EndReason::Lost, "nobody knows how it ended", true)
            });
            self.record(end).await;
        }
        self.core.live.leave(self.job, self.fence);
    }

    /// Records that the process exists; `false`: the store refuses for now.
    async fn started(&self) -> bool {
        let at = self.core.clock.now();
        match self.core.store.started(self.job, self.fence, at).await {
            Ok(Guarded::Done(_)) => {
                tracing::debug!("an attempt began");
                true
            }
            Ok(Guarded::Stale) => {
                self.core.board.meter.stale.add(1);
                tracing::warn!("a start of an old claim was refused; it is stopped");
                self.core.live.revoke(self.job, self.fence);
                true
            }
            // Where it ends before, its end commits the start with it.
            Err(error) => {
                tracing::warn!(%error, "a start was not recorded yet");
                false
            }
        }
    }

    /// Writes the end down, after its pause where nothing was started; tries again for as long as the
    /// store says that it may work later.
    async fn record(&mut self, end: AttemptEnd) {
        if let Some(mut uploader) = self.uploader.take() {
            uploader.finish().await;
        }
        if end.reason == EndReason::NotStarted {
            self.core.rest(self.job).await;
        } else {
            self.core.unstarted.forget(self.job);
        }
        let mut pause = FIRST_PAUSE;
        loop {
            let finish = Finish {
                job: self.job,
                fence: self.fence,
                end: end.clone(),
                at: self.core.clock.now(),
                chance: rand::random(),
            };
            match self.core.store.finish(finish).await {
                Ok(Guarded::Done(job)) => {
                    let (reason, state) = (end.reason, job.state);
                    tracing::debug!(?reason, ?state, exit_code = end.exit_code, "an attempt ended");
                    let bytes = u64::try_from(end.usage.log_bytes).unwrap_or_default();
                    self.core.board.meter.log_bytes.add(bytes);
                    return;
                }
                Ok(Guarded::Stale) => {
                    self.core.board.meter.stale.add(1);
                    tracing::warn!("an end of an old claim was refused");
                    return;
                }
                Err(StoreError::Unavailable(why)) => {
                    tracing::warn!(why, "an end is not recorded yet; trying again");
                }
                // The process ends for this, and recovery reads the end from the folder.
                Err(error @ StoreError::OutcomeUnknown(_)) => {
                    tracing::error!(%error, "an end may not be recorded");
                    return;
                }
                Err(error @ StoreError::Internal { .. }) => {
                    tracing::error!(%error, ?end, "an end could not be recorded; trying again");
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }
}
