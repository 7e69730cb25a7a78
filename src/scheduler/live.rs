//! The attempts that are open in this process: the line to each, and what it last reported; and what those
//! of other servers did.
//!
//! An order may come before there is anybody to obey it: between the commit of a claim and the
//! spawn. It is kept here under the attempt's fence until the dispatcher looks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::attempt::CancelMode;
use crate::domain::id::{Fence, JobId};
use crate::domain::job::Progress;
use crate::runner::{Control, Lease, Order};

/// Of so many jobs of other servers it is known what they said.
const MOST_ELSEWHERE: usize = 10_000;

/// The table. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub(super) struct Live(Arc<Mutex<Table>>);

#[derive(Default)]
struct Table {
    attempts: HashMap<JobId, Entry>,
    /// Cancels of claims that are not spawned yet.
    early: HashMap<Fence, CancelMode>,
    /// What jobs that other servers run last said.
    elsewhere: HashMap<JobId, (Fence, Report)>,
    /// What everybody who comes from now on is told, too.
    stopping: Option<Order>,
    tenure: Tenure,
}

/// The time from one loss of the worker's lease to the next. Whatever was claimed in an earlier one may be
/// others' by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tenure(u64);

/// What an attempt said of itself.
#[derive(Clone)]
pub(super) struct Report {
    pub(super) progress: Arc<Progress>,
    /// When, by a clock that nobody sets.
    pub(super) at: Instant,
}

struct Entry {
    fence: Fence,
    control: Box<dyn Control>,
    said: Option<Report>,
    /// How long its kind lets it take to stop.
    grace: Duration,
    /// It was told to stop because the server does.
    stopped: bool,
    /// Others may have its job by now.
    lost: bool,
}

impl Entry {
    fn lose(&mut self) {
        self.lost = true;
        // Its supervisor's clock may be of another mind than whoever took the job away.
        self.control.order(Order::ShutdownNow);
    }
}

impl Live {
    /// Passes a cancel on to the attempt, or keeps it until there is one. `true`: somebody got it.
    pub(super) fn cancel(&self, job: JobId, fence: Fence, mode: CancelMode) -> bool {
        let mut table = self.lock();
        match table.attempts.get(&job) {
            Some(entry) if entry.fence == fence => {
                entry.control.order(cancel_order(mode));
                true
            }
            _ => {
                let kept = table.early.entry(fence).or_insert(mode);
                *kept = mode.max(*kept);
                false
            }
        }
    }

    /// Takes the cancel that came for a claim before its spawn.
    pub(super) fn take_early(&self, fence: Fence) -> Option<CancelMode> {
        self.lock().early.remove(&fence)
    }

    /// The present one.
    pub(super) fn tenure(&self) -> Tenure {
        self.lock().tenure
    }

    /// Brings in an attempt that was claimed in this tenure, and passes on what it should have heard before.
    pub(super) fn enter(
        &self,
        (job, fence): (JobId, Fence),
        grace: Duration,
        control: Box<dyn Control>,
        tenure: Tenure,
    ) {
        let mut table = self.lock();
        if let Some(mode) = table.early.remove(&fence) {
            control.order(cancel_order(mode));
        }
        if let Some(order) = table.stopping {
            control.order(order);
        }
        let mut entry = Entry { fence, control, said: None, grace, stopped: false, lost: false };
        if tenure != table.tenure {
            entry.lose();
        }
        table.attempts.insert(job, entry);
    }

    /// Tells all attempts that the lease was renewed, but those of before it was lost.
    pub(super) fn renew(&self, lease: Lease) {
        for entry in self.lock().attempts.values().filter(|entry| !entry.lost) {
            entry.control.renew(lease);
        }
    }

    /// The lease was lost: what was claimed before is others' by now. It stops at once, and is never told of another
    /// lease.
    pub(super) fn lose(&self) {
        let mut table = self.lock();
        table.tenure.0 += 1;
        table.attempts.values_mut().for_each(Entry::lose);
    }

    /// Somebody else may have the job of this attempt: it stops at once.
    pub(super) fn revoke(&self, job: JobId, fence: Fence) {
        if let Some(entry) = self.lock().attempts.get(&job).filter(|entry| entry.fence == fence) {
            entry.control.order(Order::ShutdownNow);
        }
    }

    /// Takes an attempt out once its end is recorded.
    pub(super) fn leave(&self, job: JobId, fence: Fence) {
        let mut table = self.lock();
        table.early.remove(&fence);
        if table.attempts.get(&job).is_some_and(|entry| entry.fence == fence) {
            table.attempts.remove(&job);
        }
    }

    /// An attempt of this job is open here.
    pub(super) fn has(&self, job: JobId) -> bool {
        self.lock().attempts.contains_key(&job)
    }

    /// Keeps what an attempt reported.
    pub(super) fn set_progress(&self, job: JobId, progress: Arc<Progress>) {
        if let Some(entry) = self.lock().attempts.get_mut(&job) {
            entry.said = Some(Report { progress, at: Instant::now() });
        }
    }

    /// Keeps what an attempt that another server runs said, so long ago; `true`: that is new.
    pub(super) fn hear(
        &self,
        job: JobId,
        fence: Fence,
        progress: &Arc<Progress>,
        ago: Duration,
    ) -> bool {
        let mut table = self.lock();
        let known = table.elsewhere.get(&job);
        let is_old = |(of, known): &(Fence, Report)| {
            *of > fence || *of == fence && known.progress.updated_at >= progress.updated_at
        };
        if table.attempts.contains_key(&job) || known.is_some_and(is_old) {
            return false;
        }
        if table.elsewhere.len() >= MOST_ELSEWHERE {
            // What came after an end; what still runs is heard again.
            table.elsewhere.clear();
        }
        let now = Instant::now();
        let at = now.checked_sub(ago).unwrap_or(now);
        table.elsewhere.insert(job, (fence, Report { progress: Arc::clone(progress), at }));
        true
    }

    /// The job does not run elsewhere any more.
    pub(super) fn forget(&self, job: JobId) {
        self.lock().elsewhere.remove(&job);
    }

    /// What the attempt of this fence last reported, whoever runs it.
    pub(super) fn said(&self, job: JobId, fence: Fence) -> Option<Report> {
        let table = self.lock();
        if let Some(entry) = table.attempts.get(&job) {
            return entry.said.clone().filter(|_| entry.fence == fence);
        }
        let elsewhere = table.elsewhere.get(&job).filter(|(of, _)| *of == fence);
        elsewhere.map(|(_, said)| said.clone())
    }

    /// The same without its time.
    pub(super) fn progress(&self, job: JobId, fence: Fence) -> Option<Arc<Progress>> {
        self.said(job, fence).map(|said| said.progress)
    }

    /// The open attempts that were not told yet to stop with the server, with their graces.
    pub(super) fn unstopped(&self) -> Vec<(JobId, Fence, Duration)> {
        let table = self.lock();
        let unstopped = table.attempts.iter().filter(|(_, entry)| !entry.stopped);
        unstopped.map(|(&job, entry)| (job, entry.fence, entry.grace)).collect()
    }

    /// Tells one attempt to stop because the server does.
    pub(super) fn shut_down(&self, job: JobId, fence: Fence) {
        if let Some(entry) = self.lock().attempts.get_mut(&job).filter(|e| e.fence == fence) {
            entry.stopped = true;
            entry.control.order(Order::Shutdown);
        }
    }

    /// Tells all attempts, and all that may still come, to stop at once.
    pub(super) fn shut_down_now(&self) {
        let mut table = self.lock();
        table.stopping = Some(Order::ShutdownNow);
        for entry in table.attempts.values_mut() {
            entry.stopped = true;
            entry.control.order(Order::ShutdownNow);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn cancel_order(mode: CancelMode) -> Order {
    match mode {
        CancelMode::Graceful => Order::Cancel,
        CancelMode::Force => Order::CancelNow,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use crate::domain::clock::from_unix_millis;

    /// How often it was told that the lease was renewed, and to stop at once.
    #[derive(Default)]
    struct Told(AtomicUsize, AtomicUsize);

    impl Control for Arc<Told> {
        fn order(&self, order: Order) {
            assert_eq!(order, Order::ShutdownNow);
            self.1.fetch_add(1, Ordering::Relaxed);
        }

        fn renew(&self, _: Lease) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn what_was_claimed_before_the_lease_was_lost_stops_and_is_not_told_of_the_next_one() {
        // P11
        let live = Live::default();
        let enter = |fence: i64, tenure| {
            let told = Arc::<Told>::default();
            let id = JobId::new(from_unix_millis(fence), [0; 10]);
            live.enter((id, Fence(fence)), Duration::ZERO, Box::new(Arc::clone(&told)), tenure);
            move || (told.0.swap(0, Ordering::Relaxed), told.1.load(Ordering::Relaxed))
        };
        let lease = Lease { begun: Duration::ZERO, length: Duration::from_secs(1) };
        let before = live.tenure();
        let entered = enter(1, before);
        live.renew(lease);
        assert_eq!(entered(), (1, 0));
        live.lose();
        let late = enter(2, before);
        let new = enter(3, live.tenure());
        live.renew(lease);
        assert_eq!((entered(), late(), new()), ((0, 1), (0, 1), (1, 0)));
    }
}
