//! What all parts of the scheduler share.

use std::collections::{BTreeMap, HashMap};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use futures::FutureExt;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::carrying::Carrying;
use super::copies::Copies;
use super::estimates::Pass;
use super::fleet::Fleet;
use super::foresight::Foresight;
use super::lines::Lines;
use super::live::Live;
use super::meter::Meter;
use super::others::Others;
use super::recent::Recent;
use super::slots::Slots;
use super::unstarted::Unstarted;
use super::workers::Former;
use crate::domain::clock::Clock;
use crate::domain::event::{Commit, JobChange};
use crate::domain::kind::Catalog;
use crate::domain::limits::Limits;
use crate::domain::names::QueueName;
use crate::domain::retention::Retention;
use crate::domain::worker::Worker;
use crate::events::Bus;
use crate::objects::Objects;
use crate::runner::Runner;
use crate::runner::log::{self, LogFiles};
use crate::store::{CommitSink, QueueRow, Store};

/// How far the server is on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Phase {
    /// It accepts and runs.
    Serving = 0,
    /// It accepts, and starts nothing more.
    Draining = 1,
    /// It accepts nothing more.
    Closed = 2,
}

/// What the commits drive: made before the store, which hands its commits to it.
#[derive(Clone)]
pub struct Board {
    pub(super) lines: Arc<Mutex<Lines>>,
    pub(super) bus: Bus,
    pub(super) recent: Arc<Mutex<Recent>>,
    pub(super) meter: Arc<Meter>,
    foresight: Arc<Mutex<Foresight>>,
    /// What other workers run; `None` until it is known what is theirs.
    others: Arc<Mutex<Option<Others>>>,
    /// Wakes whoever asks what was changed elsewhere.
    fleet: Arc<OnceLock<Arc<Fleet>>>,
    /// Wakes the dispatcher.
    pub(super) wake: Arc<Notify>,
    /// Counts the jobs that ended.
    pub(super) ends: watch::Sender<u64>,
    /// How many of those the keeper has looked after.
    pub(super) kept: watch::Sender<u64>,
    /// Counts the jobs that were removed since the start, by whichever server.
    pub(super) removed: Arc<AtomicU64>,
}

impl Board {
    /// A board for what is declared.
    pub fn new(catalog: &Catalog) -> Self {
        Self {
            lines: Arc::new(Mutex::new(Lines::new(catalog))),
            bus: Bus::default(),
            recent: Arc::default(),
            meter: Arc::new(Meter::new(catalog)),
            foresight: Arc::new(Mutex::new(Foresight::new(catalog))),
            others: Arc::default(),
            fleet: Arc::default(),
            wake: Arc::new(Notify::new()),
            ends: watch::Sender::new(0),
            removed: Arc::default(),
            kept: watch::Sender::new(0),
        }
    }

    /// What the store must call with every commit: the lines first, so that whoever hears of a
    /// change finds its place already right.
    pub fn sink(&self) -> CommitSink {
        let board = self.clone();
        Arc::new(move |commit: &Commit| {
            board.lines().apply(commit);
            board.recent().apply(commit);
            board.meter.apply(commit);
            board.foresight().apply(commit);
            if let Some(others) = board.others().as_mut() {
                others.apply(commit);
            }
            if commit.has_settings
                && let Some(fleet) = board.fleet.get()
            {
                fleet.news.notify_one();
            }
            board.bus.publish(commit);
            board.wake.notify_one();
            let count = |change| commit.changes.iter().filter(|c| c.event.change == change).count();
            let (ends, removed) = (count(JobChange::Ended), count(JobChange::Removed));
            board.removed.fetch_add(removed as u64, Ordering::AcqRel);
            // What another server removed may have its folder here.
            if ends > 0 || removed > 0 && board.fleet.get().is_some() {
                board.ends.send_modify(|ended| *ended += ends as u64);
            }
        })
    }

    pub(super) fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn foresight(&self) -> MutexGuard<'_, Foresight> {
        self.foresight.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn others(&self) -> MutexGuard<'_, Option<Others>> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Slots of a queue changed hands: who waits may wait for another reason now.
    pub(super) fn slots_moved(&self, queue: &QueueName) {
        self.lines().touch(queue);
        self.wake.notify_one();
    }
}

/// A queue's slots and whether it starts anything.
pub(super) struct Gate {
    pub(super) slots: Arc<Slots>,
    pub(super) paused: AtomicBool,
    /// A job is on its way into the line, and no claim was made for it yet: one that is made now shares its commit.
    pub(super) is_coming: AtomicBool,
    /// Held while the queue is changed.
    pub(super) turn: tokio::sync::Mutex<()>,
    /// The latest pass over its line; held while one is made.
    pub(super) pass: tokio::sync::Mutex<Option<Arc<Pass>>>,
}

impl Gate {
    pub(super) fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Acquire)
    }
}

/// A question to the dispatcher that it answers between two rounds: once it is answered, nothing
/// that was claimed before is still on its way to its process.
pub(super) type Barrier = oneshot::Sender<()>;

/// The shared parts.
pub(super) struct Core {
    pub(super) board: Board,
    pub(super) store: Arc<dyn Store>,
    pub(super) runner: Arc<dyn Runner>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) catalog: Arc<Catalog>,
    pub(super) limits: Limits,
    pub(super) retention: Retention,
    pub(super) logs: LogFiles,
    /// What others run prints, as far as it is read here.
    pub(super) copies: Copies,
    /// What carries long logs to an object store; `None`: there is none.
    pub(super) carrying: Option<Arc<Carrying>>,
    pub(super) boot_id: Arc<str>,
    /// This process.
    pub(super) me: Arc<Worker>,
    pub(super) former: Former,
    pub(super) fleet: Arc<Fleet>,
    pub(super) worker: Arc<Slots>,
    pub(super) gates: HashMap<QueueName, Gate>,
    /// All queues ever declared, as the store has them: whoever lists jobs asks for them by row.
    pub(super) queues: Mutex<BTreeMap<QueueName, QueueRow>>,
    pub(super) live: Live,
    pub(super) unstarted: Unstarted,
    /// Claims have ended: the phase is past serving.
    pub(super) stopping: CancellationToken,
    pub(super) tasks: TaskTracker,
    pub(super) barriers: mpsc::Sender<Barrier>,
    /// What estimates rest on is known as far as it is read before anybody is told one.
    pub(super) remembered: watch::Sender<bool>,
    /// The part that panicked first.
    pub(super) failed: watch::Sender<Option<&'static str>>,
    phase: AtomicU8,
}

/// The parts that a [`Core`] is made of, as far as the composition root gives them.
pub(super) struct Parts {
    pub(super) board: Board,
    pub(super) store: Arc<dyn Store>,
    pub(super) runner: Arc<dyn Runner>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) catalog: Arc<Catalog>,
    pub(super) limits: Limits,
    pub(super) retention: Retention,
    pub(super) logs: LogFiles,
    pub(super) objects: Option<Arc<Objects>>,
    pub(super) boot_id: Arc<str>,
    pub(super) worker: Arc<Worker>,
    pub(super) fleet: Arc<Fleet>,
    pub(super) live: Live,
}

impl Core {
    pub(super) fn new(
        parts: Parts,
        gates: HashMap<QueueName, Gate>,
        queues: Vec<QueueRow>,
        barriers: mpsc::Sender<Barrier>,
    ) -> Self {
        // A board has one scheduler.
        drop(parts.board.fleet.set(Arc::clone(&parts.fleet)));
        Self {
            board: parts.board,
            store: parts.store,
            runner: parts.runner,
            clock: parts.clock,
            catalog: parts.catalog,
            limits: parts.limits,
            retention: parts.retention,
            copies: Copies::new(log::Copies::new(parts.logs.root())),
            carrying: parts.objects.map(|objects| Arc::new(Carrying::new(objects))),
            logs: parts.logs,
            boot_id: parts.boot_id,
            worker: Slots::new(parts.worker.slots),
            me: parts.worker,
            former: Former::default(),
            fleet: parts.fleet,
            gates,
            queues: Mutex::new(queues.into_iter().map(|row| (row.name.clone(), row)).collect()),
            live: parts.live,
            unstarted: Unstarted::default(),
            stopping: CancellationToken::new(),
            tasks: TaskTracker::new(),
            barriers,
            remembered: watch::Sender::new(false),
            failed: watch::Sender::new(None),
            phase: AtomicU8::new(Phase::Serving as u8),
        }
    }

    /// Does the work of a part that must not fail; `false`: it panicked, which is told.
    pub(super) async fn guarded(&self, part: &'static str, work: impl Future<Output = ()>) -> bool {
        let panicked = AssertUnwindSafe(work).catch_unwind().await.is_err();
        if panicked {
            tracing::error!("{part} panicked");
            self.failed.send_if_modified(|failed| failed.replace(part).is_none());
        }
        !panicked
    }

    /// Who takes jobs changed: it is told to who waits, and looked for work.
    pub(super) fn workers_changed(&self) {
        self.board.foresight().forget_told();
        self.board.lines().touch_all();
        self.board.wake.notify_one();
    }

    pub(super) fn queues(&self) -> MutexGuard<'_, BTreeMap<QueueName, QueueRow>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Serving,
            1 => Phase::Draining,
            _ => Phase::Closed,
        }
    }

    /// Moves on; never back.
    pub(super) fn enter_phase(&self, phase: Phase) {
        self.phase.fetch_max(phase as u8, Ordering::AcqRel);
        if self.phase() != Phase::Serving {
            self.stopping.cancel();
        }
        self.board.lines().touch_all();
        self.board.wake.notify_one();
    }

    /// Records when this worker was last seen, as it goes. That it cannot costs nothing but that.
    pub(super) async fn say_farewell(&self) {
        let said = if let Some(fleet) = self.store.fleet() {
            fleet.leave().await
        } else {
            let last_seen_at = self.clock.now();
            self.store.see_worker(Worker { last_seen_at, ..Worker::clone(&self.me) }).await
        };
        if let Err(error) = said {
            tracing::debug!(%error, "when this worker was last seen is not recorded");
        }
    }

    /// Returns once nothing that was claimed before is still on its way to its process. Where the
    /// dispatcher has ended, nothing is.
    pub(super) async fn barrier(&self) {
        let (answer, answered) = oneshot::channel();
        if self.barriers.send(answer).await.is_ok() {
            let _ = answered.await;
        }
    }
}
