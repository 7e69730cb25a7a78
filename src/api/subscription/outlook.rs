//! The estimate that a status tells: whether one is asked for, what was told of it, and when to look again
//! although nothing happened, because what runs longer than thought moves it.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::time::{Instant, sleep_until, timeout};

use crate::domain::clock::Timestamp;
use crate::domain::estimate::Estimate;
use crate::domain::event::JobChange;
use crate::domain::job::Job;
use crate::scheduler::Handle;

/// So long a message waits for its estimate at most: a place is told within 250 ms of its move, of which the interval
/// takes 200.
pub(super) const PATIENCE: Duration = Duration::from_millis(25);
/// The same of the first message: what it is to show at once is worth a moment.
pub(super) const AT_FIRST: Duration = Duration::from_millis(250);
/// An estimate that moved by less than this part of the time that is left is the same for a person.
const FINE: i32 = 16;
/// It is looked at again no sooner than this, though nothing happened.
const SOON: Duration = Duration::from_secs(1);
/// And no later.
const LATE: Duration = Duration::from_secs(60);

/// Of one follower.
#[derive(Debug)]
pub(super) struct Outlook {
    /// Somebody selected it: making one costs a pass over the queue.
    is_wanted: bool,
    told: Option<Estimate>,
    /// Came since, and was not told.
    kept: Option<Estimate>,
    /// When to look whether it still holds.
    look: Option<Instant>,
    /// What is told next goes without it, since it was not known in time.
    is_late: bool,
}

/// An estimate to come. Dropped before that, it costs no second pass: one that has begun goes on.
pub(super) type Asked = BoxFuture<'static, Option<Estimate>>;

/// A change that is told with an estimate which is still to come.
pub(super) struct Asking {
    pub(super) change: JobChange,
    /// It was told without it, or there is nothing to be told but the estimate.
    pub(super) is_told: bool,
    until: Instant,
    estimate: Asked,
}

impl Asking {
    pub(super) fn new(change: JobChange, is_told: bool, estimate: Asked) -> Self {
        Self { change, is_told, until: Instant::now() + PATIENCE, estimate }
    }

    pub(super) fn into_estimate(self) -> Asked {
        self.estimate
    }

    /// Until when it waits; `None`: for ever.
    pub(super) fn patience(&self) -> Option<Instant> {
        (!self.is_told).then_some(self.until)
    }

    /// Waits for the estimate; for ever, where none was asked for.
    pub(super) async fn answer(asking: &mut Option<Self>) -> Option<Estimate> {
        match asking {
            Some(asking) => asking.estimate.as_mut().await,
            None => std::future::pending().await,
        }
    }
}

impl Outlook {
    pub(super) fn new(is_wanted: bool) -> Self {
        Self { is_wanted, told: None, kept: None, look: None, is_late: false }
    }

    /// As of now, for a message that goes without it if it takes longer than this; `None` also where nobody asked for
    /// it. It is looked at again soon then.
    pub(super) async fn within(
        &mut self,
        patience: Duration,
        handle: &Handle,
        job: &Arc<Job>,
    ) -> Option<Estimate> {
        let estimate = self.ask(handle, job)?;
        let estimate = timeout(patience, estimate).await;
        self.is_late = estimate.is_err();
        estimate.ok().flatten()
    }

    /// As of now, which may take as long as a pass over a line does; `None`: nobody asked for it.
    pub(super) fn ask(&self, handle: &Handle, job: &Arc<Job>) -> Option<Asked> {
        let (handle, job) = (handle.clone(), Arc::clone(job));
        self.is_wanted.then(|| async move { handle.estimate(&job).await }.boxed())
    }

    /// One that came when nothing could be told.
    pub(super) fn keep(&mut self, estimate: Option<Estimate>) {
        self.kept = estimate;
    }

    /// As it is known, where a new one takes too long: the latest that came.
    pub(super) fn known(&self) -> Option<Estimate> {
        self.kept.or(self.told)
    }

    /// Waits for the moment to look again; for ever where there is none.
    pub(super) async fn look(&self) {
        match self.look {
            Some(at) => sleep_until(at).await,
            None => std::future::pending().await,
        }
    }

    /// It is about to be looked at.
    pub(super) fn looks(&mut self) {
        self.look = None;
    }

    /// Something near it happened: it is looked at again after so long.
    pub(super) fn look_in(&mut self, time: Duration) {
        if self.is_wanted {
            let at = Instant::now() + time;
            self.look = Some(self.look.map_or(at, |known| known.min(at)));
        }
    }

    /// It is told now.
    pub(super) fn tell(&mut self, estimate: Option<Estimate>, now: Timestamp) {
        (self.told, self.kept) = (estimate, None);
        self.rest(now);
        if std::mem::take(&mut self.is_late) {
            self.look_in(PATIENCE);
        }
    }

    /// It was looked at, and is as it was told.
    pub(super) fn rest(&mut self, now: Timestamp) {
        self.look = self.told.map(|told| {
            let (next, _) = told.start.unwrap_or(told.end);
            let left = ((next - now) / FINE).to_std().unwrap_or_default();
            Instant::now() + left.clamp(SOON, LATE)
        });
    }

    /// It is worth a message.
    pub(super) fn has_moved(&self, estimate: Option<Estimate>, now: Timestamp) -> bool {
        let (Some(estimate), Some(told)) = (estimate, self.told) else {
            return estimate.is_some() != self.told.is_some();
        };
        let instants = |estimate: Estimate| {
            let (start, latest) = estimate.start.unwrap_or(estimate.end);
            [start, latest, estimate.end.0, estimate.end.1]
        };
        let mut pairs = instants(estimate).into_iter().zip(instants(told));
        estimate.start.is_some() != told.start.is_some()
            || pairs
                .any(|(is, was)| (is - was).abs() > TimeDelta::seconds(1).max((is - now) / FINE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::from_unix_millis;

    fn at(seconds: i64) -> Timestamp {
        from_unix_millis(seconds * 1000)
    }

    fn waits(start: i64) -> Estimate {
        let instants = |second| (at(second), at(second + 10));
        Estimate { start: Some(instants(start)), end: instants(start + 5), runs: 3 }
    }

    fn runs(end: i64) -> Estimate {
        Estimate { start: None, end: (at(end), at(end)), runs: 3 }
    }

    #[tokio::test(start_paused = true)]
    async fn what_moved_by_little_is_the_same() {
        let mut outlook = Outlook::new(true);
        outlook.tell(Some(waits(160)), at(0));
        // A sixteenth of the 160 s that are left.
        assert!(!outlook.has_moved(Some(waits(170)), at(0)));
        assert!(outlook.has_moved(Some(waits(171)), at(0)));
        assert!(outlook.has_moved(Some(waits(148)), at(0)));
        // A second is little, however near it is.
        outlook.tell(Some(waits(2)), at(0));
        assert!(!outlook.has_moved(Some(waits(1)), at(0)));
        assert!(outlook.has_moved(Some(waits(4)), at(0)));
        assert!(outlook.has_moved(Some(runs(2)), at(0)), "it started");
        assert!(outlook.has_moved(None, at(0)), "it is not known any more");
    }

    #[tokio::test(start_paused = true)]
    async fn the_nearer_it_is_the_sooner_it_is_looked_at() {
        let mut outlook = Outlook::new(true);
        for (left, seconds) in [(1, 1), (160, 10), (100_000, 60), (-5, 1)] {
            outlook.tell(Some(runs(left)), at(0));
            let began = Instant::now();
            outlook.look().await;
            assert_eq!(began.elapsed(), Duration::from_secs(seconds), "{left} s are left");
        }
        outlook.look_in(Duration::from_millis(200));
        outlook.look_in(Duration::from_millis(300));
        let began = Instant::now();
        outlook.look().await;
        assert_eq!(began.elapsed(), Duration::ZERO, "what is due already comes first");
        outlook.looks();
        outlook.look_in(Duration::from_millis(300));
        outlook.look_in(Duration::from_millis(200));
        let began = Instant::now();
        outlook.look().await;
        assert_eq!(began.elapsed(), Duration::from_millis(200));
    }

    #[tokio::test(start_paused = true)]
    async fn what_came_too_late_is_what_the_next_message_knows() {
        let mut outlook = Outlook::new(true);
        outlook.tell(Some(waits(160)), at(0));
        outlook.keep(Some(waits(100)));
        assert_eq!(outlook.known(), Some(waits(100)));
        outlook.tell(Some(waits(90)), at(0));
        assert_eq!(outlook.known(), Some(waits(90)));
    }

    #[tokio::test(start_paused = true)]
    async fn who_did_not_ask_never_looks() {
        let mut outlook = Outlook::new(false);
        outlook.look_in(Duration::ZERO);
        let hour = Duration::from_secs(3600);
        assert!(tokio::time::timeout(hour, outlook.look()).await.is_err());
    }
}
