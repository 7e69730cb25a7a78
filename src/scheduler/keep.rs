//! What becomes of jobs that ended: small logs go into the store, and what is past its time goes.
//!
//! # Invariants
//!
//! - Nothing that has not ended is touched: the store judges that again, in the transaction.
//! - Small steps: whoever waits for the store waits for [`STEP`] at most, and between two steps the
//!   store is others' for twice as long as the step took.
//! - Everything to do stands in the store, so that a crash at any moment costs nothing but time.
//!
//! # Concurrency
//!
//! One task, which begins once the server serves and ends with its claims. Folders are looked at and
//! removed on other threads.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::core::Core;
use super::removal::Removal;
use crate::domain::clock::{Timestamp, since_boot};
use crate::domain::id::{AcceptNo, JobId};
use crate::runner::kept::Look;
use crate::store::StoreError;
use crate::store::keep::{Ended, Kept, Prune, Settled};

/// How long an end is left alone: those that come together are settled together.
const SETTLE_AFTER: Duration = Duration::from_secs(1);
/// How long to wait where the store, or a process that is left, is in the way.
const AGAIN_AFTER: Duration = Duration::from_secs(5);
/// How long what ended is settled at the end of a server.
const LAST: Duration = Duration::from_secs(1);
/// What is past its time is looked for at least so often, whatever the clock was set to.
const LOOK_EVERY: TimeDelta = TimeDelta::hours(1);
/// Where others keep the same, what there is is counted anew, a walk over an index, as soon as that takes no more than
/// one part of so many of the time: what ended since may be too much until then.
const COUNT_SHARE: u32 = 100;
/// The same however long it took, waiting included.
const COUNT_EVERY: Duration = Duration::from_secs(30);
/// The same where something that is past its time was passed over: its key is young.
const LOOK_AGAIN: TimeDelta = TimeDelta::minutes(1);
/// Where so many were, no end hastens the next look.
const PASSED_OVER: usize = 1_000;
/// A key stands for its job at least so long (P14).
const KEY_AGE: TimeDelta = TimeDelta::hours(24);
/// How long the removal of jobs may take in one transaction.
const STEP: Duration = Duration::from_millis(5);
/// So many jobs are looked at together.
const PAGE: u32 = 64;
/// So many pages are settled, and then pruned, before it is the other's turn: jobs may end as fast as
/// they are settled.
const TURN: usize = 8;
/// So many bytes of logs go into the store in one transaction.
const SETTLED_BYTES: u64 = 256 * 1024;

/// What a turn left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rest {
    /// Nothing that is to be done now.
    Nothing,
    /// Something that others use.
    InUse,
    /// More of the same.
    Work,
}

/// The task and what only it knows.
pub(super) struct Keeper {
    core: Arc<Core>,
    folders: Removal,
    /// Counts the jobs that ended since the start.
    ends: watch::Receiver<u64>,
    /// How many of them are in `kept`.
    counted: u64,
    kept: Kept,
    /// The wall clock, and the time since the boot, at the start: a clock that is set forward while the server runs
    /// makes nothing old. A machine that slept has.
    began: (Timestamp, Duration),
    /// When the next job is past its time; `None`: there is none.
    due: Option<Timestamp>,
    /// Where the look through what ended goes on, whether it goes by counts, and how many were passed over.
    looked: (Option<(Timestamp, AcceptNo)>, bool, usize),
    /// Where others keep the same: until when it is not counted anew, and how many ends were counted last.
    counted_anew: (Instant, Option<u64>),
    /// Until when nothing is pruned: too much was passed over.
    not_before: Timestamp,
}

impl Keeper {
    pub(super) fn new(core: Arc<Core>) -> Self {
        let folders = Removal::new(&core);
        let ends = core.board.ends.subscribe();
        let now = core.clock.now();
        Self {
            core,
            folders,
            ends,
            counted: 0,
            kept: Kept::default(),
            began: (now, since_boot()),
            due: None,
            looked: (None, false, 0),
            counted_anew: (Instant::now(), None),
            not_before: now,
        }
    }

    /// Settles what ended on the way out, for a moment: the next server of this folder would, but a worker of a fleet may
    /// have none, and what nobody settles is kept for ever.
    pub(super) async fn settle_last(core: &Arc<Core>) {
        if core.store.fleet().is_none() {
            return;
        }
        let mut keeper = Self::new(Arc::clone(core));
        let work = async {
            while keeper.settle().await? == Rest::Work {}
            Ok::<(), StoreError>(())
        };
        match timeout(LAST, work).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::debug!(%error, "the next server of this folder settles what ended");
            }
            Err(_) => tracing::debug!("the next server of this folder settles some of what ended"),
        }
    }

    /// Works until the server drains.
    pub(super) async fn run(mut self) {
        let stopping = self.core.stopping.clone();
        stopping.run_until_cancelled(self.work()).await;
    }

    async fn work(&mut self) {
        // A walk over all that ended: whoever waits for the server comes first.
        sleep(SETTLE_AFTER).await;
        while let Err(error) = self.begin().await {
            tracing::debug!(%error, "what is kept cannot be counted yet");
            sleep(AGAIN_AFTER).await;
        }
        loop {
            let again = match self.round().await {
                Ok(Rest::Work) => continue,
                Ok(Rest::InUse) => Some(AGAIN_AFTER),
                Ok(Rest::Nothing) => None,
                Err(error) => {
                    tracing::warn!(%error, "jobs that ended stay as they are for now");
                    Some(AGAIN_AFTER)
                }
            };
            if again.is_none() {
                self.core.board.kept.send_replace(self.counted);
            }
            let due = self.due.map(|due| (due - self.now()).to_std().unwrap_or_default());
            let due = due.map(|due| due.max(AGAIN_AFTER));
            let quiet = again.is_none().then(|| self.folders.due()).flatten();
            let next = again.into_iter().chain(due).chain(quiet).min();
            let until_next = async {
                match next {
                    Some(next) => sleep(next).await,
                    // No timer where there is nothing: an idle server does not wake.
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = self.ends.changed() => sleep(SETTLE_AFTER).await,
                () = until_next => {}
            }
        }
    }

    /// Counts what there is, and goes on with what an earlier server left.
    async fn begin(&mut self) -> Result<(), StoreError> {
        self.kept = self.core.store.kept().await?;
        // What ends while it is counted may be left out: then a little more is kept.
        self.counted = *self.ends.borrow_and_update();
        self.folders.remove().await
    }

    /// Settles and prunes some of what there is.
    async fn round(&mut self) -> Result<Rest, StoreError> {
        let ends = *self.ends.borrow_and_update();
        if ends > self.counted {
            self.folders.job_ended();
        }
        self.kept.jobs += ends - self.counted;
        self.counted = ends;
        self.folders.doom_of_removed().await?;
        self.folders.remove_if_quiet().await?;
        let settled = self.settle().await?;
        let pruned = self.prune().await?;
        let held = if self.folders.are_held() { Rest::InUse } else { Rest::Nothing };
        Ok(settled.max(pruned).max(held))
    }

    /// Puts small logs into the store and measures the others.
    async fn settle(&mut self) -> Result<Rest, StoreError> {
        let (mut after, mut left) = (AcceptNo::default(), Rest::Nothing);
        for _ in 0..TURN {
            let begun = Instant::now();
            let page = self.core.store.unsettled(after, PAGE).await?;
            if page.is_empty() {
                return Ok(left);
            }
            let folders = self.folders.folders();
            let looked = tokio::task::spawn_blocking(move || {
                let (mut found, mut bytes) = (Vec::new(), 0);
                for job in page {
                    let look = folders.look(job.job);
                    if let Look::Kept { log_bytes, logs: Some(_) } = &look {
                        bytes += log_bytes;
                    }
                    found.push((job, look));
                    if bytes >= SETTLED_BYTES {
                        break;
                    }
                }
                found
            });
            let looked = looked.await.map_err(|_| StoreError::Internal {
                message: "a look at folders ended by a panic".to_owned(),
                source: None,
            })?;
            after = looked.last().map_or(after, |(job, _)| job.accepted);
            let mut settled = Vec::new();
            for (job, look) in looked {
                match look {
                    Look::Busy => left = Rest::InUse,
                    Look::Kept { log_bytes, logs } => {
                        self.kept.log_bytes += log_bytes;
                        settled.push(Settled { job: job.job, log_bytes, logs });
                    }
                }
            }
            self.carry(&settled).await?;
            if !settled.is_empty() {
                let gone = settled.iter().filter(|job| job.logs.is_some()).count();
                self.core.store.settle(settled).await?;
                self.folders.doom(gone).await?;
            }
            rest(begun).await;
        }
        Ok(Rest::Work)
    }

    /// Has what stays in folders brought to the object store, as far as it is not there. Before they are
    /// settled: a crash in between costs a look.
    async fn carry(&self, settled: &[Settled]) -> Result<(), StoreError> {
        let (Some(carrying), Some(fleet)) = (&self.core.carrying, self.core.store.fleet()) else {
            return Ok(());
        };
        let stay = settled.iter().filter(|job| job.logs.is_none());
        let stay: Vec<JobId> = stay.map(|job| job.job).collect();
        if !stay.is_empty() {
            fleet.may_lack(stay).await?;
            carrying.work.notify_one();
        }
        Ok(())
    }

    /// Prunes what is past its time, the job that ended first first.
    async fn prune(&mut self) -> Result<Rest, StoreError> {
        if self.now() < self.not_before {
            return Ok(Rest::Nothing);
        }
        // A turn goes on where the one before it stopped: what that passed over stays for now.
        let (mut after, mut by_counts, mut passed_over) = std::mem::take(&mut self.looked);
        by_counts = by_counts || after.is_none() && self.counts().await?;
        self.due = (self.kept.jobs > 0).then(|| self.now() + LOOK_EVERY);
        if let (until, Some(counted)) = self.counted_anew
            && counted != self.counted
            && self.core.fleet.is_first(self.core.me.id)
        {
            let left = until.saturating_duration_since(Instant::now());
            let count = self.now() + TimeDelta::from_std(left).unwrap_or_default();
            self.due = self.due.map(|due| due.min(count));
        }
        let mut turn = 0;
        let left = loop {
            let page = self.core.store.ended(after, PAGE).await?;
            let Some(last) = page.last() else { break Rest::Nothing };
            after = Some((last.ended_at, last.accepted));
            let (going, stays) = self.past(&page, by_counts);
            let stay = page.iter().position(|job| stays == Some(*job)).unwrap_or(page.len());
            passed_over += stay - going.len();
            if !going.is_empty() {
                self.prune_these(going).await?;
                turn += 1;
            }
            if let Some(stays) = stays {
                let past = stays.ended_at + self.age();
                self.due = Some(self.due.map_or(past, |due| due.min(past)));
                break Rest::Nothing;
            }
            if turn == TURN {
                self.looked = (after, by_counts, passed_over);
                break Rest::Work;
            }
        };
        // Their keys are young, or they are in use: that passes.
        if passed_over > 0 && left == Rest::Nothing {
            let again = self.now() + LOOK_AGAIN;
            self.due = Some(again);
            if passed_over > PASSED_OVER {
                self.not_before = again;
            }
        }
        Ok(left)
    }

    /// Whether what was counted is all there is. Others who keep the same settle and remove unheard: one of all goes by
    /// counts, soon after it has counted anew, so that what one removes is not removed by each.
    async fn counts(&mut self) -> Result<bool, StoreError> {
        if self.core.store.fleet().is_none() {
            return Ok(true);
        }
        let begun = Instant::now();
        if begun < self.counted_anew.0 || !self.core.fleet.is_first(self.core.me.id) {
            return Ok(false);
        }
        self.kept = self.core.store.kept().await?;
        let pause = (begun.elapsed() * COUNT_SHARE).min(COUNT_EVERY);
        self.counted_anew = (Instant::now() + pause, Some(self.counted));
        Ok(true)
    }

    /// Those of a page that are to go now, by what is counted too, and the first one that may stay.
    fn past(&self, page: &[Ended], by_counts: bool) -> (Vec<Ended>, Option<Ended>) {
        let limits = &self.core.retention;
        let now = self.now();
        let (too_old, keys_before) = (now - self.age(), now - KEY_AGE);
        let mut left = self.kept;
        let mut going = Vec::new();
        for &job in page {
            let is_too_much = left.jobs > limits.jobs || left.log_bytes > limits.log_bytes;
            let is_past = job.ended_at <= too_old || by_counts && is_too_much;
            if !is_past {
                return (going, Some(job));
            }
            let is_keyed = job.keyed_since.is_some_and(|since| since >= keys_before);
            if let Some(bytes) = job.log_bytes.filter(|_| !is_keyed) {
                left.jobs = left.jobs.saturating_sub(1);
                left.log_bytes = left.log_bytes.saturating_sub(bytes);
                going.push(job);
            }
        }
        (going, None)
    }

    async fn prune_these(&mut self, mut going: Vec<Ended>) -> Result<(), StoreError> {
        while !going.is_empty() {
            let begun = Instant::now();
            let now = self.now();
            let pruned = self.core.store.prune(Prune {
                jobs: going.iter().map(|job| job.job).collect(),
                keys_before: now - KEY_AGE,
                at: now,
                within: STEP,
            });
            let pruned = pruned.await?;
            let bytes = going.drain(..pruned.looked_at).filter_map(|job| job.log_bytes);
            self.kept.log_bytes = self.kept.log_bytes.saturating_sub(bytes.sum());
            self.kept.jobs = self.kept.jobs.saturating_sub(pruned.removed as u64);
            self.folders.doom_of_removed().await?;
            if let Some(carrying) = self.core.carrying.as_ref().filter(|_| pruned.removed > 0) {
                carrying.work.notify_one();
            }
            if pruned.removed < pruned.looked_at {
                // Somebody else was faster, or the keys are younger than we thought.
                self.kept = self.core.store.kept().await?;
            }
            rest(begun).await;
        }
        Ok(())
    }

    /// Now, by the wall clock, but never later than the monotonic one says.
    fn now(&self) -> Timestamp {
        let (wall, boot) = self.began;
        let passed = TimeDelta::from_std(since_boot().saturating_sub(boot));
        let passed = passed.unwrap_or(TimeDelta::MAX);
        self.core.clock.now().min(wall.checked_add_signed(passed).unwrap_or(wall))
    }

    fn age(&self) -> TimeDelta {
        // What is older than a century is never pruned by its age.
        TimeDelta::from_std(self.core.retention.age)
            .unwrap_or_default()
            .min(TimeDelta::days(36_500))
    }
}

/// Leaves the store and the processor to others for twice as long as a step took.
async fn rest(begun: Instant) {
    sleep(begun.elapsed() * 2).await;
}
