//! What runs an attempt: the contract between the scheduler and whatever starts work.
//!
//! The product's runner starts a supervisor process (`longhaul shim`) for each attempt and follows
//! its folder. A Rust program that embeds the library may register another one, and the
//! scheduler's tests use one whose attempts end when the test says so.
//!
//! # Contract
//!
//! 1. `spawn` is called by one spawner at a time, in claim order, and returns as soon as the
//!    supervisor exists; it never waits for the command.
//! 2. Reports of an attempt come in this order: `Started` at most once, any number of `Progress`
//!    and `LogGrew`, `Ended` exactly once, `Gone` exactly once.
//! 3. `Gone` means that no process of the attempt is left: only then is its slot free (P3, P8).
//! 4. No order blocks its caller, and an order that comes too late is no error.

mod copy;
mod folder;
mod follow;
mod guard;
mod inherited;
mod keeper;
pub mod kept;
mod launch;
pub mod log;
mod orphans;
mod outcome;
pub mod process;
mod procfs;
mod progress;
mod recovery;
mod work;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::domain::attempt::{Attempt, AttemptEnd, Policy};
use crate::domain::id::{AttemptKey, Fence, JobId};
use crate::domain::job::Progress;
use crate::domain::kind::Kind;

pub use process::ProcessRunner;
pub use recovery::boot_id;

/// How many reports of one attempt may wait to be read. `Progress` and `LogGrew` are dropped when
/// it is full; the others wait.
pub const REPORTS_BOUND: usize = 16;

/// What to run.
#[derive(Debug, Clone)]
pub struct AttemptSpec {
    /// Whose attempt.
    pub job: JobId,
    /// Its number.
    pub number: u32,
    /// Its claim.
    pub fence: Fence,
    /// Marks its processes.
    pub key: AttemptKey,
    /// The kind as now declared.
    pub kind: Arc<Kind>,
    /// The command line.
    pub argv: Vec<String>,
    /// The job's arguments.
    pub args: Arc<Value>,
    /// How long it may run; `None`: for ever.
    pub timeout: Option<Duration>,
    /// What its end means.
    pub policy: Policy,
    /// What its worker may run it by; `None`: nobody else would take its job.
    pub lease: Option<Lease>,
}

/// The lease of a worker: others may have its jobs some time after its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// When it was renewed, of [`since_boot`](crate::domain::clock::since_boot).
    pub begun: Duration,
    /// How long it lasts from then on.
    pub length: Duration,
}

/// What an attempt says of itself.
#[derive(Debug, Clone)]
pub enum Report {
    /// Its process exists.
    Started,
    /// It reported progress.
    Progress(Progress),
    /// It printed something.
    LogGrew,
    /// It ended like this, durably known to its supervisor where one was left.
    Ended(AttemptEnd),
    /// None of its processes is left.
    Gone,
}

/// What an attempt can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Stop, because somebody asked: TERM, grace, KILL.
    Cancel,
    /// Stop at once, because somebody asked: KILL.
    CancelNow,
    /// Stop, because the server stops: TERM, grace, KILL.
    Shutdown,
    /// Stop at once, because the server stops.
    ShutdownNow,
}

/// The line to a running attempt.
pub trait Control: Send + Sync {
    /// Passes an order on.
    fn order(&self, order: Order);

    /// The lease was renewed. Without that the supervisor ends the attempt before others may begin it.
    fn renew(&self, _lease: Lease) {}
}

/// What was found of an attempt that an earlier server left open.
pub enum Recovered {
    /// Nothing of it is left: this is how it ended.
    Settled(AttemptEnd),
    /// Processes of it may be left, and it holds its slot: `Ended` and `Gone` will be reported.
    Alive(Box<dyn Control>),
}

/// Starts attempts and finds them again.
#[async_trait]
pub trait Runner: Send + Sync + 'static {
    /// Brings the supervisor of an attempt into being, and does not wait for anything else. An error
    /// is how the attempt ended: nothing of it is left then, and no report follows.
    async fn spawn(
        &self,
        spec: AttemptSpec,
        reports: mpsc::Sender<Report>,
    ) -> Result<Box<dyn Control>, AttemptEnd>;

    /// Looks for an attempt that an earlier server left open: takes its recorded end, or bars it
    /// from ever starting, or waits for what is left of it.
    async fn recover(&self, attempt: Attempt, reports: mpsc::Sender<Report>) -> Recovered;
}
