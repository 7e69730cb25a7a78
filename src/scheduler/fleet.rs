//! The other workers of the store: what they run, whether they live, and this one's place among them.
//!
//! # Concurrency
//!
//! What others run is kept up to date by the commits, like the lines; one task asks now and then who lives,
//! and gives back the jobs of who does not.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::{Notify, watch};

use super::core::{Board, Core, Gate, Phase};
use super::live::Live;
use super::others::Others;
use crate::domain::attempt::Attempt;
use crate::domain::clock::{Clock, Timestamp, since_boot};
use crate::domain::id::{EventNo, WorkerId};
use crate::domain::job::Job;
use crate::domain::kind::{Catalog, Kind};
use crate::domain::names::{KindName, QueueName};
use crate::domain::worker::Worker;
use crate::events::{Bus, News};
use crate::runner;
use crate::store::fleet::{Declared, Joining, Lease, Member, Said};
use crate::store::{self, JoinError, QueueRow, Store, StoreError};

/// Who lives is asked at least so often in a lease.
const LOOKS: u32 = 12;

/// This worker among the others; on a store that nobody shares it is alone.
#[derive(Debug, Default)]
pub(super) struct Fleet {
    /// How long its lease is; `None`: it is alone.
    length: Option<Duration>,
    /// It takes jobs.
    works: bool,
    /// The kinds that it takes jobs of: it has the labels that they ask for.
    takes: Arc<[KindName]>,
    /// What stands for the declarations of its kinds.
    declared: Declared,
    /// When the lease was renewed last, in milliseconds since the boot.
    renewed: AtomicU64,
    is_draining: AtomicBool,
    members: Mutex<Arc<[Member]>>,
    /// Held while they are read and taken in: an older answer must not come after a newer one.
    meeting: tokio::sync::Mutex<()>,
    /// Others live beside it.
    has_company: watch::Sender<bool>,
    /// Queues or workers may have changed elsewhere.
    pub(super) news: Notify,
}

impl Fleet {
    /// This worker, not among the others yet.
    pub(super) fn new(
        length: Option<Duration>,
        works: bool,
        takes: Arc<[KindName]>,
        catalog: &Catalog,
    ) -> Arc<Self> {
        let text = |kind: &Arc<Kind>| hex::encode(&Sha256::digest(kind.declaration())[..16]);
        let declared = catalog.kinds.iter().map(|(name, kind)| (name.clone(), text(kind)));
        Arc::new(Self { length, works, takes, declared: declared.collect(), ..Self::default() })
    }

    /// The other live workers that declare a kind of this one, but differently, by name.
    pub(super) fn differing(&self, me: WorkerId, kind: &KindName) -> Vec<Arc<str>> {
        let Some(own) = self.declared.get(kind) else { return Vec::new() };
        let members = self.members();
        let others = members.iter().filter(|member| member.is_live && member.worker.id != me);
        let differs = |m: &&Member| m.declared.get(kind).is_some_and(|theirs| theirs != own);
        others.filter(differs).map(|member| Arc::clone(&member.worker.name)).collect()
    }

    /// The kinds that it takes jobs of.
    pub(super) fn takes(&self) -> Arc<[KindName]> {
        Arc::clone(&self.takes)
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

    /// Of the servers that live it is the one that does what one is to do for all, as far as is known.
    pub(super) fn is_first(&self, me: WorkerId) -> bool {
        let members = self.members();
        let first = members.iter().filter(|member| member.is_live).map(|member| member.worker.id);
        first.min().is_none_or(|first| first == me)
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

    /// Its lease holds for long enough to begin anything: the shims of one that is older than half its length
    /// would soon stop by themselves, and the attempts count as lost.
    pub(super) fn may_begin(&self) -> bool {
        self.lease().is_none_or(|lease| since_boot() < lease.begun + lease.length / 2)
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
    (state, live, board): (&Arc<Fleet>, &Live, &Board),
    clock: &Arc<dyn Clock>,
) -> Result<(), JoinError> {
    let (Some(fleet), Some(lease)) = (store.fleet(), state.length) else {
        return Ok(store.see_worker(worker.clone()).await?);
    };
    let (kinds, declared) = (state.takes(), state.declared.clone());
    let (state, live, bus) = (Arc::clone(state), live.clone(), board.bus.clone());
    let (here, told, said) = (live.clone(), bus.clone(), live.clone());
    let wake = Arc::clone(&board.wake);
    let on_growth = Arc::new(move |job| {
        // Whoever runs it has told it already.
        if !here.has(job) {
            bus.tell(job, || News::LogGrew);
        }
    });
    let time = Arc::clone(clock);
    let on_progress = Arc::new(move |word| hear(&told, &said, time.now(), word));
    let on_lease = Arc::new(move |lease| match lease {
        Lease::Renewed(at) => {
            let might = state.may_begin();
            state.renew(at, &live);
            if !might {
                wake.notify_one();
            }
        }
        Lease::Anew => live.lose(),
    });
    let clock = Arc::clone(clock);
    let on_time = Arc::new(move |at, now| clock.tell(at, now));
    let (worker, kinds) = (worker.clone(), kinds.to_vec());
    let joining =
        Joining { worker, kinds, declared, lease, on_lease, on_growth, on_progress, on_time };
    fleet.join(joining).await
}

/// Takes in what a job that another server runs said.
fn hear(bus: &Bus, live: &Live, now: Timestamp, Said { job, fence, progress }: Said) {
    let progress = Arc::new(progress);
    let ago = (now - progress.updated_at).to_std().unwrap_or_default();
    if live.hear(job, fence, &progress, ago) {
        bus.tell(job, || News::Progress(progress));
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
        self.meet(fleet).await?;
        if self.fleet.members().iter().any(|member| !member.is_live) {
            for (worker, jobs) in fleet.reap(self.clock.now()).await? {
                tracing::warn!(worker = %worker.name, jobs, "a worker is gone; its jobs are given back");
            }
        }
        if self.fleet.has_company() {
            // A word may have been lost, or said before this server was there.
            for said in fleet.said().await? {
                hear(&self.board.bus, &self.live, self.clock.now(), said);
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
    pub(super) async fn meet(&self, fleet: &dyn store::Fleet) -> Result<(), StoreError> {
        let _turn = self.fleet.meeting.lock().await;
        let members = fleet.members().await?;
        let mine = members.iter().find(|member| member.worker.id == self.me.id);
        let others = members.iter().any(|member| member.is_live && member.worker.id != self.me.id);
        self.fleet.has_company.send_if_modified(|had| std::mem::replace(had, others) != others);
        let drained = mine.is_some_and(|mine| self.fleet.drain(mine.is_draining));
        let essence = |members: &[Member]| {
            let one = |m: &Member| (m.worker.id, m.kinds.clone(), m.is_live, m.is_draining);
            members.iter().map(one).collect::<Vec<_>>()
        };
        let elsewhere =
            members.iter().filter(|m| m.worker.id != self.me.id && m.is_live && !m.is_draining);
        let elsewhere = elsewhere.flat_map(|m| m.kinds.iter().cloned()).collect();
        let before = std::mem::replace(&mut *self.fleet.lock(), members.into());
        let retaken = self.board.lines().set_takers(&self.fleet.takes, &elsewhere);
        if drained || retaken || essence(&before) != essence(&self.fleet.members()) {
            self.workers_changed();
        }
        Ok(())
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

    /// The live workers that take a kind, by whether they drain. What this one takes is not asked.
    pub(super) fn takers(&self, kind: &KindName, draining: bool) -> Vec<Arc<str>> {
        let members = self.fleet.members();
        let takes = |m: &&Member| {
            m.worker.id != self.me.id
                && m.is_live
                && m.is_draining == draining
                && m.kinds.contains(kind)
        };
        members.iter().filter(takes).map(|m| Arc::clone(&m.worker.name)).collect()
    }

    /// The slots of all workers that live and take something, or this kind, and how many attempts hold one.
    pub(super) fn slots_for(&self, kind: Option<&KindName>) -> (u32, u32) {
        let stands = self.fleet.is_draining()
            || self.phase() != Phase::Serving
            || kind.is_some_and(|kind| !self.fleet.takes.contains(kind));
        let (mut slots, mut busy) = if stands { (0, 0) } else { self.worker.usage() };
        let elsewhere = self.board.others().as_ref().map(Others::busy).unwrap_or_default();
        for member in self.fleet.members().iter() {
            let id = member.worker.id;
            let takes = kind.is_none_or(|kind| member.kinds.contains(kind));
            if id != self.me.id && takes && member.is_live && !member.is_draining {
                slots = slots.saturating_add(member.worker.slots);
                busy = busy.saturating_add(elsewhere.get(&id).copied().unwrap_or_default());
            }
        }
        (slots, busy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_begins_under_an_old_lease() {
        // P11
        let minute = Duration::from_secs(60);
        let of = |length| Fleet::new(length, true, Arc::default(), &Catalog::default());
        let (fleet, live) = (of(Some(minute)), Live::default());
        for (age, may) in [(0, true), (29, true), (31, false), (46, false), (90, false), (1, true)]
        {
            fleet.renew(since_boot().saturating_sub(Duration::from_secs(age)), &live);
            assert_eq!(fleet.may_begin(), may, "{age} s after it was renewed");
        }
        assert!(of(None).may_begin(), "on a store of its own there is none");
    }
}
