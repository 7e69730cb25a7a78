//! The other workers of the store: what they run, whether they live, and this one's place among them.
//!
//! # Concurrency
//!
//! What others run is kept up to date by the commits, like the lines; one task asks now and then who lives,
//! and gives back the jobs of who does not. The lock of [`Others`] is taken before those of slots and of
//! the table of live attempts, never after.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::core::{Core, Gate, Phase};
use super::live::Live;
use super::slots::{Slot, Slots};
use crate::domain::attempt::{Attempt, CancelMode};
use crate::domain::event::Commit;
use crate::domain::id::{EventNo, Fence, JobId, WorkerId};
use crate::domain::job::Job;
use crate::domain::names::{KindName, QueueName};
use crate::domain::state::JobState;
use crate::domain::worker::Worker;
use crate::events::{Bus, News};
use crate::runner;
use crate::store::fleet::{Joining, Lease, Member, Said};
use crate::store::{JoinError, QueueRow, Store, StoreError};

/// Who lives is asked at least so often in a lease.
const LOOKS: u32 = 12;

/// This worker among the others; on a store that nobody shares it is alone.
#[derive(Debug, Default)]
pub(super) struct Fleet {
    /// How long its lease is; `None`: it is alone.
    length: Option<Duration>,
    /// It takes jobs.
    works: bool,
    /// When the lease was renewed last, in milliseconds since the boot.
    renewed: AtomicU64,
    is_draining: AtomicBool,
    members: Mutex<Arc<[Member]>>,
    /// Others live beside it.
    has_company: watch::Sender<bool>,
    /// Queues or workers may have changed elsewhere.
    pub(super) news: Notify,
}

impl Fleet {
    /// This worker, not among the others yet.
    pub(super) fn new(length: Option<Duration>, works: bool) -> Arc<Self> {
        Arc::new(Self { length, works, ..Self::default() })
    }

    /// It takes jobs, but for a drain.
    pub(super) fn works(&self) -> bool {
        self.works
    }

    /// It takes nothing more for now.
    pub(super) fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Acquire)
    }

    /// Has it take nothing more, or go on; `true`: that is new.
    pub(super) fn drain(&self, drain: bool) -> bool {
        self.is_draining.swap(drain, Ordering::AcqRel) != drain
    }

    /// What an attempt that begins now is held by; `None`: nothing ends it but the server's end.
    pub(super) fn lease(&self) -> Option<runner::Lease> {
        let begun = Duration::from_millis(self.renewed.load(Ordering::Acquire));
        self.length.map(|length| runner::Lease { begun, length })
    }

    /// Others live beside it, as far as is known.
    pub(super) fn has_company(&self) -> bool {
        *self.has_company.borrow()
    }

    /// Returns once others live beside it.
    pub(super) async fn company(&self) {
        // It holds the sender itself.
        let _ = self.has_company.subscribe().wait_for(|company| *company).await;
    }

    /// The longest that what others do may be unknown where words of it are lost.
    pub(super) fn look_interval(&self) -> Option<Duration> {
        self.length.map(|length| length / LOOKS)
    }

    /// All that are not known to be gone, as they were last seen.
    pub(super) fn members(&self) -> Arc<[Member]> {
        Arc::clone(&self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Arc<[Member]>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn renew(&self, at: Duration, live: &Live) {
        self.renewed.store(u64::try_from(at.as_millis()).unwrap_or(u64::MAX), Ordering::Release);
        if let Some(lease) = self.lease() {
            live.renew(lease);
        }
    }
}

/// Brings this worker into the store.
pub(super) async fn join(
    store: &dyn Store,
    worker: &Worker,
    kinds: Vec<KindName>,
    (state, live, bus): (&Arc<Fleet>, &Live, &Bus),
) -> Result<(), JoinError> {
    let (Some(fleet), Some(lease)) = (store.fleet(), state.length) else {
        return Ok(store.see_worker(worker.clone()).await?);
    };
    let (state, live, bus, here) = (Arc::clone(state), live.clone(), bus.clone(), live.clone());
    let (told, said) = (bus.clone(), live.clone());
    let on_growth = Arc::new(move |job| {
        // Whoever runs it has told it already.
        if !here.has(job) {
            bus.tell(job, || News::LogGrew);
        }
    });
    let on_progress = Arc::new(move |word| hear(&told, &said, word));
    let on_lease = Arc::new(move |lease| match lease {
        Lease::Renewed(at) => state.renew(at, &live),
        Lease::Anew => live.lose(),
    });
    fleet
        .join(Joining { worker: worker.clone(), kinds, lease, on_lease, on_growth, on_progress })
        .await
}

/// Takes in what a job that another server runs said.
fn hear(bus: &Bus, live: &Live, Said { job, fence, progress }: Said) {
    let progress = Arc::new(progress);
    if live.hear(job, fence, &progress) {
        bus.tell(job, || News::Progress(progress));
    }
}

/// What others run. Each open attempt of theirs holds a slot of its queue here, too (P3).
pub(super) struct Others {
    me: WorkerId,
    /// What earlier starts of this worker left: it is followed here.
    own: HashSet<Fence>,
    slots: HashMap<QueueName, Arc<Slots>>,
    open: HashMap<JobId, Open>,
    live: Live,
}

struct Open {
    fence: Fence,
    worker: WorkerId,
    _slot: Option<Slot>,
}

impl Others {
    /// Nobody runs anything yet.
    pub(super) fn new(core: &Core, own: HashSet<Fence>) -> Self {
        let slots = core.gates.iter().map(|(name, gate)| (name.clone(), Arc::clone(&gate.slots)));
        Self {
            me: core.me.id,
            own,
            slots: slots.collect(),
            open: HashMap::new(),
            live: core.live.clone(),
        }
    }

    /// Brings it up to date with a commit. A wish of elsewhere to stop what runs here is passed on.
    pub(super) fn apply(&mut self, commit: &Commit) {
        for change in &commit.changes {
            let job = &change.job;
            let is_mine = !self.follow(job);
            if let Some(fence) = job.open
                && is_mine
                && commit.is_foreign
                && job.state == JobState::Canceling
            {
                self.live.cancel(job.id, fence, CancelMode::Graceful);
            }
        }
    }

    /// Takes in where a job is; `true`: it is open elsewhere.
    pub(super) fn follow(&mut self, job: &Job) -> bool {
        let worker = job.worker.as_ref().map(|worker| worker.id).filter(|id| *id != self.me);
        let open = job.open.filter(|fence| !self.own.contains(fence));
        let (Some(worker), Some(fence)) = (worker, open) else {
            self.open.remove(&job.id);
            self.live.forget(job.id);
            return false;
        };
        if self.open.get(&job.id).is_none_or(|open| open.fence != fence) {
            self.open.remove(&job.id);
            let slot = self.slots.get(&job.queue).map(Slots::take_owed);
            self.open.insert(job.id, Open { fence, worker, _slot: slot });
        }
        true
    }

    /// The job is open elsewhere.
    pub(super) fn has(&self, job: &Job) -> bool {
        self.open.contains_key(&job.id)
    }

    /// How many attempts of each of the others are open.
    pub(super) fn busy(&self) -> HashMap<WorkerId, u32> {
        let mut busy = HashMap::new();
        for open in self.open.values() {
            *busy.entry(open.worker).or_default() += 1;
        }
        busy
    }
}

impl Core {
    /// Takes in what others run, and follows what they commit after this event.
    pub(super) fn follow_others(
        &self,
        open: &[(Arc<Job>, Attempt)],
        left: &[(Arc<Job>, Attempt)],
        last: EventNo,
    ) {
        let Some(fleet) = self.store.fleet() else { return };
        let mut others = Others::new(self, left.iter().map(|(_, open)| open.fence).collect());
        for (job, attempt) in open {
            if others.follow(job) {
                self.board.foresight().load_running(job, attempt.fence, self.clock.now());
            }
        }
        *self.board.others() = Some(others);
        fleet.follow(last);
    }

    /// Asks who lives and what was changed elsewhere, and gives back what the dead left, until the server
    /// drains.
    pub(super) async fn keep_company(self: Arc<Self>) {
        let (Some(_), Some(length)) = (self.store.fleet(), self.fleet.length) else { return };
        let pause = length / LOOKS;
        let stopping = self.stopping.clone();
        let work = async {
            loop {
                if let Err(error) = self.look_around().await {
                    tracing::warn!(%error, "what other workers do is not known for now");
                }
                let pause = pause.mul_f64(rand::random_range(0.8..1.0));
                tokio::select! {
                    () = self.fleet.news.notified() => {}
                    () = tokio::time::sleep(pause) => {}
                }
            }
        };
        stopping.run_until_cancelled(work).await;
    }

    async fn look_around(&self) -> Result<(), StoreError> {
        let Some(fleet) = self.store.fleet() else { return Ok(()) };
        let members = fleet.members().await?;
        if members.iter().any(|member| !member.is_live) {
            for (worker, jobs) in fleet.reap(self.clock.now()).await? {
                tracing::warn!(worker = %worker.name, jobs, "a worker is gone; its jobs are given back");
            }
        }
        self.meet(members);
        if self.fleet.has_company() {
            // A word may have been lost, or said before this server was there.
            for said in fleet.said().await? {
                hear(&self.board.bus, &self.live, said);
            }
        }
        for row in self.store.queues().await? {
            let known = self.queues().get(&row.name).cloned();
            if known.as_ref() == Some(&row) {
                continue;
            }
            match self.gates.get(&row.name) {
                Some(gate) => self.take_over(gate, &row.name).await?,
                None => drop(self.queues().insert(row.name.clone(), row)),
            }
        }
        Ok(())
    }

    /// Takes in who there is.
    pub(super) fn meet(&self, members: Vec<Member>) {
        let mine = members.iter().find(|member| member.worker.id == self.me.id);
        let others = members.iter().any(|member| member.is_live && member.worker.id != self.me.id);
        self.fleet.has_company.send_if_modified(|had| std::mem::replace(had, others) != others);
        let drained = mine.is_some_and(|mine| self.fleet.drain(mine.is_draining));
        let essence = |members: &[Member]| {
            let one = |m: &Member| (m.worker.id, m.kinds.clone(), m.is_live, m.is_draining);
            members.iter().map(one).collect::<Vec<_>>()
        };
        let before = std::mem::replace(&mut *self.fleet.lock(), members.into());
        if drained || essence(&before) != essence(&self.fleet.members()) {
            self.board.lines().touch_all();
            self.board.wake.notify_one();
        }
    }

    /// Puts in force what was changed of a queue elsewhere. Read again in turn: a change of our own may
    /// have come between.
    async fn take_over(&self, gate: &Gate, name: &QueueName) -> Result<(), StoreError> {
        let _turn = gate.turn.lock().await;
        let row = self.store.queues().await?.into_iter().find(|row| row.name == *name);
        if let Some(row) = row {
            self.put_in_force(gate, &row).await;
        }
        Ok(())
    }

    /// What is in force of a queue is what was committed last. The caller holds its turn.
    pub(super) async fn put_in_force(&self, gate: &Gate, row: &QueueRow) {
        gate.paused.store(row.paused.is_some(), Ordering::Release);
        gate.slots.set(row.slots);
        self.queues().insert(row.name.clone(), row.clone());
        self.board.foresight().queue(&row.name).forget_told();
        *gate.pass.lock().await = None;
        self.board.slots_moved(&row.name);
    }

    /// Who takes jobs of a kind, of the workers that live and do not drain. `None`: this worker is alone,
    /// and its own configuration says it.
    pub(super) fn takers(&self, kind: &KindName) -> Option<Vec<Arc<str>>> {
        self.fleet.length?;
        let members = self.fleet.members();
        let takes = |m: &&Member| m.is_live && m.kinds.contains(kind);
        Some(members.iter().filter(takes).map(|m| Arc::clone(&m.worker.name)).collect())
    }

    /// The slots of all workers that live and take something, and how many attempts hold one.
    pub(super) fn slots_of_all(&self) -> (u32, u32) {
        let stands = self.fleet.is_draining() || self.phase() != Phase::Serving;
        let (mut slots, mut busy) = if stands { (0, 0) } else { self.worker.usage() };
        let elsewhere = self.board.others().as_ref().map(Others::busy).unwrap_or_default();
        for member in self.fleet.members().iter() {
            let id = member.worker.id;
            if id != self.me.id && member.is_live && !member.is_draining {
                slots = slots.saturating_add(member.worker.slots);
                busy = busy.saturating_add(elsewhere.get(&id).copied().unwrap_or_default());
            }
        }
        (slots, busy)
    }
}
