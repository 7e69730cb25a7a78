//! A runner whose attempts begin at once and end when the test says so.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use longhaul::domain::attempt::{Attempt, AttemptEnd};
use longhaul::domain::id::JobId;
use longhaul::domain::state::EndReason;
use longhaul::runner::{AttemptSpec, Control, Lease, Order, Recovered, Report, Runner};
use tokio::sync::{mpsc, oneshot};

/// What the runner was asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    /// It spawned this job's attempt of this number.
    Spawned(JobId, u32),
    /// It passed this order on to this job's attempt.
    Ordered(JobId, Order),
    /// It told this job's attempt that the lease was renewed.
    Renewed(JobId),
}

/// The runner. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(crate) struct Gated {
    seen: mpsc::Sender<Seen>,
    open: Arc<Mutex<HashMap<JobId, mpsc::Sender<Report>>>>,
    /// How attempts that an earlier server left open are found; without an entry, they never ran.
    pub(crate) found: Arc<Mutex<HashMap<JobId, Found>>>,
    /// The next spawns that fail.
    pub(crate) refuse: Arc<Mutex<Vec<AttemptEnd>>>,
    panics: Arc<AtomicBool>,
    hold: Arc<Mutex<Option<oneshot::Receiver<()>>>>,
}

/// How an attempt is found.
#[derive(Debug, Clone)]
pub(crate) enum Found {
    /// It ended like this.
    Settled(AttemptEnd),
    /// It is still there.
    Alive,
}

struct Line {
    job: JobId,
    seen: mpsc::Sender<Seen>,
}

impl Control for Line {
    fn order(&self, order: Order) {
        self.seen.try_send(Seen::Ordered(self.job, order)).expect("the test reads what it causes");
    }

    fn renew(&self, _lease: Lease) {
        // The last ones come when nobody reads any more.
        let _ = self.seen.try_send(Seen::Renewed(self.job));
    }
}

/// An end that the kernel would report.
pub(crate) fn exit(code: i32) -> AttemptEnd {
    let (reason, text) = match code {
        0 => (EndReason::Ok, "exit code 0".to_owned()),
        _ => (EndReason::ExitCode, format!("exit code {code}")),
    };
    AttemptEnd { exit_code: Some(code), ..AttemptEnd::unrecorded(reason, text, true) }
}

/// An end for which there is no record.
pub(crate) fn ended(reason: EndReason) -> AttemptEnd {
    AttemptEnd::unrecorded(reason, format!("{reason:?}"), reason != EndReason::NotStarted)
}

impl Gated {
    /// A runner, and what it sees.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Seen>) {
        let (seen, receiver) = mpsc::channel(100_000);
        let gated = Self {
            seen,
            open: Arc::default(),
            found: Arc::default(),
            refuse: Arc::default(),
            panics: Arc::default(),
            hold: Arc::default(),
        };
        (gated, receiver)
    }

    /// The next spawn is a fault of the program.
    pub(crate) fn panic_at_spawn(&self) {
        self.panics.store(true, Ordering::Relaxed);
    }

    /// The next spawn is seen at once, and takes until what this returns is dropped.
    pub(crate) fn hold_spawn(&self) -> oneshot::Sender<()> {
        let (release, hold) = oneshot::channel();
        *self.hold.lock().unwrap() = Some(hold);
        release
    }

    /// Reports the process of a job's attempt.
    pub(crate) async fn begin(&self, job: JobId) {
        self.report(job, Report::Started).await;
    }

    /// Ends a job's attempt: recorded, and no process left.
    pub(crate) async fn end(&self, job: JobId, end: AttemptEnd) {
        self.report(job, Report::Ended(end)).await;
        self.gone(job).await;
    }

    /// Says that no process of a job's attempt is left.
    pub(crate) async fn gone(&self, job: JobId) {
        self.report(job, Report::Gone).await;
        self.open.lock().unwrap().remove(&job);
    }

    /// Reports something of a job's attempt.
    pub(crate) async fn report(&self, job: JobId, report: Report) {
        let sender = self.open.lock().unwrap().get(&job).cloned();
        sender.expect("the attempt is open").send(report).await.expect("somebody follows it");
    }

    fn line(&self, job: JobId) -> Box<dyn Control> {
        Box::new(Line { job, seen: self.seen.clone() })
    }
}

#[async_trait]
impl Runner for Gated {
    async fn spawn(
        &self,
        spec: AttemptSpec,
        reports: mpsc::Sender<Report>,
    ) -> Result<Box<dyn Control>, AttemptEnd> {
        assert!(!self.panics.load(Ordering::Relaxed), "told to panic");
        if let Some(end) = self.refuse.lock().unwrap().pop() {
            return Err(end);
        }
        self.open.lock().unwrap().insert(spec.job, reports);
        let hold = self.hold.lock().unwrap().take();
        self.seen.send(Seen::Spawned(spec.job, spec.number)).await.expect("the test reads");
        if let Some(hold) = hold {
            let _ = hold.await;
        }
        Ok(self.line(spec.job))
    }

    async fn recover(&self, attempt: Attempt, reports: mpsc::Sender<Report>) -> Recovered {
        let found = self.found.lock().unwrap().remove(&attempt.job);
        match found {
            None => Recovered::Settled(ended(EndReason::NotStarted)),
            Some(Found::Settled(end)) => Recovered::Settled(end),
            Some(Found::Alive) => {
                self.open.lock().unwrap().insert(attempt.job, reports);
                Recovered::Alive(self.line(attempt.job))
            }
        }
    }
}
