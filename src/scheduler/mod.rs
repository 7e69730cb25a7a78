//! The only writer of job state: accepts, dispatches, records, recovers, drains.
//!
//! ```text
//! Handle ── start, cancel, pause ──▶ store ── commit ──▶ Board: lines, bus, wake
//!                                      ▲                            │
//!              follow (one task per    │ claim                      ▼
//!              open attempt) ◀── spawn ─┴── Dispatcher (slot first, then claim)
//! ```
//!
//! # Concurrency
//!
//! One dispatcher task claims and spawns; one task per open attempt records what its runner
//! reports; one task settles and prunes what ended; one looks after other workers, one after an object store; everybody else goes through [`Handle`]. Lock order: the table of live attempts, the
//! lines and the slots are each locked alone, never one inside another.

mod admission;
mod attempt;
mod carrying;
mod copies;
mod core;
mod dispatch;
mod estimates;
mod fleet;
mod foresight;
pub mod handle;
mod keep;
mod lines;
mod live;
mod logs;
pub mod meter;
mod orders;
mod others;
mod ranked;
pub mod raw_log;
mod recent;
mod recovery;
mod remembered;
mod removal;
mod shutdown;
mod slots;
mod tell;
mod tokens;
mod unstarted;
mod upload;
mod waiters;
mod waiting;
mod workers;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use self::carrying::Porter;
pub use self::core::Board;
use self::core::{Barrier, Core, Gate, Parts, Phase};
use self::dispatch::Dispatcher;
use self::fleet::Fleet;
use self::keep::Keeper;
use self::live::Live;
use self::recent::Recent;
use self::slots::Slots;
pub use handle::Handle;
pub use logs::LogError;
pub use recent::Lately;
pub use recovery::Found;
pub use workers::{DrainError, Standing};

use crate::domain::clock::Clock;
use crate::domain::id::WorkerId;
use crate::domain::job::Job;
use crate::domain::kind::Catalog;
use crate::domain::label::Labels;
use crate::domain::limits::Limits;
use crate::domain::names::{KindName, QueueName};
use crate::domain::retention::Retention;
use crate::domain::worker::Worker;
use crate::objects::Objects;
use crate::runner::Runner;
use crate::runner::log::LogFiles;
use crate::store::{JoinError, Picture, QueueRow, Store};

/// How many barriers may wait for the dispatcher.
const BARRIERS_BOUND: usize = 64;

/// What a scheduler is made of.
pub struct Options {
    /// Made first; its sink was given to the store.
    pub board: Board,
    /// Where jobs are kept.
    pub store: Arc<dyn Store>,
    /// What runs them.
    pub runner: Arc<dyn Runner>,
    /// The wall time.
    pub clock: Arc<dyn Clock>,
    /// What is declared.
    pub catalog: Arc<Catalog>,
    /// What is refused beyond.
    pub limits: Limits,
    /// How long what ended is kept.
    pub retention: Retention,
    /// What they printed.
    pub logs: LogFiles,
    /// Where what is beyond the store's room for them goes; `None`: it stays in folders.
    pub objects: Option<Arc<Objects>>,
    /// The boot of this machine.
    pub boot_id: String,
    /// How many attempts this worker may run at once.
    pub slots: u32,
    /// What the configuration calls this worker.
    pub worker_name: String,
    /// Of the binary.
    pub version: String,
    /// For how long it counts as living after it was heard of, where others share the store.
    pub lease: Duration,
    /// It takes jobs; else others do, and it only tells of them.
    pub works: bool,
    /// What kinds may ask of who runs them.
    pub labels: Labels,
}

/// Runs a part without which nothing is scheduled rightly.
fn spawn_vital(
    core: &Arc<Core>,
    part: &'static str,
    work: impl Future<Output = ()> + Send + 'static,
) {
    let vital = Arc::clone(core);
    core.tasks.spawn(async move { vital.guarded(part, work).await });
}

/// Runs all parts.
fn spawn_all(core: &Arc<Core>, barriers: mpsc::Receiver<Barrier>) {
    let dispatcher = Dispatcher::new(Arc::clone(core), barriers);
    spawn_vital(core, "the dispatcher", dispatcher.run());
    let keeper = Keeper::new(Arc::clone(core));
    spawn_vital(core, "what keeps ended jobs", keeper.run());
    spawn_vital(core, "what remembers jobs", remembered::remember(Arc::clone(core)));
    if let Some(carrying) = &core.carrying {
        let porter = Porter::new(Arc::clone(core), Arc::clone(carrying));
        spawn_vital(core, "what looks after the object store", porter.run());
    }
    if core.store.fleet().is_some() {
        spawn_vital(core, "what looks after other workers", Arc::clone(core).keep_company());
    }
}

/// The gates of the queues that are declared.
fn gates(rows: Vec<QueueRow>, catalog: &Catalog) -> HashMap<QueueName, Gate> {
    let declared = rows.into_iter().filter(|row| catalog.queues.contains_key(&row.name));
    let gate = |row: QueueRow| {
        let gate = Gate {
            slots: Slots::new(row.slots),
            paused: AtomicBool::new(row.paused.is_some()),
            is_coming: AtomicBool::new(false),
            turn: tokio::sync::Mutex::default(),
            pass: tokio::sync::Mutex::default(),
        };
        (row.name, gate)
    };
    declared.map(gate).collect()
}

/// A scheduler that runs. Dropping it stops nothing: use [`Scheduler::stop`].
pub struct Scheduler {
    core: Arc<Core>,
    found: Found,
}

impl Scheduler {
    /// Brings in the declared queues and what waits, finds what an earlier server left open, and
    /// begins to claim.
    pub async fn start(options: Options) -> Result<Self, JoinError> {
        let now = options.clock.now();
        let worker = Worker {
            id: WorkerId::new(now, rand::random()),
            name: options.worker_name.into(),
            version: options.version,
            slots: if options.works { options.slots } else { 0 },
            labels: options.labels,
            started_at: now,
            last_seen_at: now,
        };
        let live = Live::default();
        let takes = options.catalog.runnable_with(&worker.labels).filter(|_| options.works);
        let takes: Arc<[KindName]> = takes.cloned().collect();
        let length = options.store.fleet().map(|_| options.lease);
        let fleet = Fleet::new(length, options.works, Arc::clone(&takes), &options.catalog);
        // Nobody else is known yet.
        options.board.lines().set_takers(&takes, &HashSet::new());
        let told = (&fleet, &live, &options.board);
        fleet::join(options.store.as_ref(), &worker, told, &options.clock).await?;
        let specs = options.catalog.queues.values().cloned().collect();
        let rows = options.store.declare_queues(specs).await?;
        let gates = gates(rows, &options.catalog);
        let queues = options.store.queues().await?;
        let Picture { waiting, open, last } = options.store.picture().await?;
        options.board.meter.load(&waiting, &open);
        options.board.foresight().load_waiting(&waiting);
        options.board.lines().load(waiting);
        // Before anything can end: what ends from now on is heard.
        let foresight = options.board.clone();
        let ran = |job: &Job| foresight.foresight().load_run(job);
        let recent = Recent::load(options.store.as_ref(), &options.catalog, now, ran).await?;
        *options.board.recent() = recent;
        let (sender, barriers) = mpsc::channel(BARRIERS_BOUND);
        let parts = Parts {
            board: options.board,
            store: options.store,
            runner: options.runner,
            clock: options.clock,
            catalog: options.catalog,
            limits: options.limits,
            retention: options.retention,
            logs: options.logs,
            objects: options.objects,
            boot_id: options.boot_id.into(),
            worker: Arc::new(worker),
            fleet,
            live,
        };
        let core = Arc::new(Core::new(parts, gates, queues, sender));
        let left = core.store.own_attempts().await?;
        core.follow_others(&open, &left, last);
        let found = recovery::recover(&core, left).await?;
        spawn_all(&core, barriers);
        Ok(Self { core, found })
    }

    /// Returns when a part without which nothing is scheduled rightly has panicked, with its name:
    /// the process must end then, and the next one recover.
    pub async fn failure(&self) -> &'static str {
        let mut failed = self.core.failed.subscribe();
        match failed.wait_for(Option::is_some).await.as_deref() {
            Ok(&Some(part)) => part,
            // The core holds the sender, and we the core.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }

    /// The door to it.
    pub fn handle(&self) -> Handle {
        Handle { core: Arc::clone(&self.core), caller: None }
    }

    /// What recovery found.
    pub fn found(&self) -> &Found {
        &self.found
    }

    /// Ends claims; starts are still accepted. Returns once nothing more can start.
    pub async fn drain(&self) {
        self.core.drain().await;
    }

    /// Ends claims and waits until nothing runs: what still runs when `budget` less its grace is
    /// over is stopped, and given back as SHUTDOWN. Starts are accepted all the while.
    pub async fn stop(&self, budget: Duration) {
        let begun = Instant::now();
        self.core.drain().await;
        self.core.stop_by(begun, budget).await;
        Keeper::settle_last(&self.core).await;
        self.core.say_farewell().await;
    }

    /// Accepts nothing more.
    pub fn close(&self) {
        self.core.enter_phase(Phase::Closed);
    }

    /// Hurries a [`Scheduler::stop`] that waits: what runs is killed now.
    pub async fn stop_now(&self) {
        self.core.stop_now().await;
    }
}
