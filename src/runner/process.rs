//! The product's runner: a supervisor process (`longhaul shim`) for each attempt, followed by its
//! folder.
//!
//! # Concurrency
//!
//! `spawn` may be called from anywhere but is meant for one caller at a time: the order of its
//! calls is the order of starts (P2). Each attempt is followed by a task of its own, all of which
//! [`ProcessRunner::drained`] waits for.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use rustix::process::{getpid, set_child_subreaper};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, Span};

use super::folder::Folder;
use super::follow::{Follow, apart, follow_left};
use super::inherited::{heed_children, raise_open_files};
use super::launch::{LaunchError, launch};
use super::log::{Follower, LogFiles};
use super::progress::{Pattern, ProgressFile, Watcher};
use super::recovery::{Case, Found, ShimEnd, boot_id};
use super::work::Tidier;
use super::{AttemptSpec, Control, Order, Recovered, Report, Runner};
use crate::domain::attempt::{Attempt, AttemptEnd};
use crate::domain::clock::Clock;
use crate::domain::limits::Limits;
use crate::domain::state::EndReason;
use crate::shim::protocol::PROGRESS;

/// What a runner needs to know.
#[derive(Clone)]
pub struct Options {
    /// The data folder; attempts live in `attempts` below it.
    pub data: PathBuf,
    /// The binary that is executed as `longhaul shim <folder>`: usually this one, as
    /// `/proc/self/exe`.
    pub shim_program: PathBuf,
    /// Where relative programs and working folders begin: the configuration file's folder.
    pub base_dir: PathBuf,
    /// The bounds of logs, results, progress and `work/`.
    pub limits: Limits,
    /// Stamps progress.
    pub clock: Arc<dyn Clock>,
}

/// Runs attempts as processes.
pub struct ProcessRunner(Arc<Inner>);

struct Inner {
    options: Options,
    attempts: PathBuf,
    boot_id: String,
    tasks: TaskTracker,
    /// How many files a command may have open.
    open_files: Option<u64>,
    tidier: Tidier,
}

impl ProcessRunner {
    /// A runner. Makes this process the one that inherits what its shims leave behind, and lets it
    /// open as many files as it may, for the whole of its life. Paths are taken relative to the present working folder.
    pub fn new(mut options: Options) -> io::Result<Arc<Self>> {
        set_child_subreaper(Some(getpid()))?;
        heed_children()?;
        let open_files = raise_open_files();
        options.data = std::path::absolute(&options.data)?;
        options.base_dir = std::path::absolute(&options.base_dir)?;
        let attempts = options.data.join("attempts");
        let tidier = Tidier::new(&attempts, options.limits.work_bytes)?;
        let (boot_id, tasks) = (boot_id()?, TaskTracker::new());
        Ok(Arc::new(Self(Arc::new(Inner {
            options,
            attempts,
            boot_id,
            tasks,
            open_files,
            tidier,
        }))))
    }

    /// The logs of the attempts that it runs or ran.
    pub fn logs(&self) -> LogFiles {
        let line_bytes = self.0.options.limits.log_line_bytes;
        LogFiles::new(self.0.attempts.clone()).with_line_bytes(line_bytes)
    }

    /// The boot of the machine: what a claim records, so that recovery can tell a crash of the
    /// server from a restart of the machine.
    pub fn boot_id(&self) -> &str {
        &self.0.boot_id
    }

    /// Waits until every attempt that was started or recovered is gone and reported. Orders none of
    /// them to stop.
    pub async fn drained(&self) {
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }
}

impl Inner {
    /// What a new attempt is settled by.
    fn case(&self, spec: &AttemptSpec) -> Case {
        Case {
            folder: Folder::of(&self.attempts, spec.job, spec.number),
            key: spec.key.clone(),
            policy: spec.policy.clone(),
            may_exist: false,
            same_boot: true,
            result_bytes: self.options.limits.result_bytes,
            shim: ShimEnd::Unknown,
            tidier: self.tidier.clone(),
        }
    }

    /// Starts a shim and the task that follows it. Blocks.
    fn start(
        &self,
        spec: &AttemptSpec,
        reports: mpsc::Sender<Report>,
    ) -> Result<Box<dyn Control>, LaunchError> {
        let options = &self.options;
        let folder = Folder::of(&self.attempts, spec.job, spec.number);
        let follower = Follower::new(folder.path().to_owned(), options.limits.log_line_bytes);
        let file = ProgressFile::new(folder.file(PROGRESS), options.limits.progress_bytes);
        let pattern = spec.kind.progress_pattern.as_deref();
        let pattern = pattern.and_then(|pattern| Pattern::new(pattern, follower));
        let follow = Follow {
            reads_log: pattern.is_some(),
            timeout: spec.timeout,
            watcher: Arc::new(Mutex::new(Watcher::new(file, pattern))),
            case: self.case(spec),
            reports,
            clock: Arc::clone(&options.clock),
        };
        let launched = launch(options, spec, &folder, self.open_files)?;
        let lifeline = Arc::clone(&launched.lifeline);
        self.tasks.spawn(follow.run(launched).in_current_span());
        Ok(Box::new(lifeline))
    }

    /// Finds out behind the caller's back what became of an attempt: that may take long.
    fn settle_behind(&self, case: Case, reports: mpsc::Sender<Report>) -> Box<dyn Control> {
        self.tasks.spawn(follow_left(case, reports).in_current_span());
        Box::new(CutOff)
    }
}

/// The line to an attempt of which there is no lifeline: one of an earlier server, whose shim takes
/// its end for an order to stop, or one whose start failed half way.
struct CutOff;

impl Control for CutOff {
    fn order(&self, order: Order) {
        tracing::debug!(?order, "an attempt without a lifeline stops by itself");
    }
}

#[async_trait]
impl Runner for ProcessRunner {
    async fn spawn(
        &self,
        spec: AttemptSpec,
        reports: mpsc::Sender<Report>,
    ) -> Result<Box<dyn Control>, AttemptEnd> {
        let case = self.0.case(&spec);
        let inner = Arc::clone(&self.0);
        let reporter = reports.clone();
        // On a tracked thread: a caller that goes away leaves an attempt that is followed.
        let span = Span::current();
        let start = move || span.in_scope(|| inner.start(&spec, reports));
        let started = self.0.tasks.spawn_blocking(start).await;
        match started {
            Ok(Ok(control)) => Ok(control),
            Ok(Err(LaunchError::Command(text))) => {
                Err(AttemptEnd::unrecorded(EndReason::SpawnFailed, text, false))
            }
            Ok(Err(LaunchError::Server { what, error })) => {
                let folder = case.folder.path().display();
                tracing::error!(%error, %folder, "no supervisor can be started: {what}");
                let text = format!("no supervisor could be started: {what}");
                Err(AttemptEnd::unrecorded(EndReason::NotStarted, text, false))
            }
            Ok(Err(LaunchError::Spawn(error))) => {
                tracing::error!(%error, "the process of a supervisor cannot be started");
                Ok(self.0.settle_behind(case, reporter))
            }
            Err(error) => {
                tracing::error!(%error, "the start of an attempt failed");
                Ok(self.0.settle_behind(case, reporter))
            }
        }
    }

    async fn recover(&self, attempt: Attempt, reports: mpsc::Sender<Report>) -> Recovered {
        /// How long what is left is killed before its attempt is taken for alive.
        const PATIENCE: Duration = Duration::from_secs(1);
        /// How long one attempt may keep the server from listening, whatever holds its look up.
        const BOUND: Duration = Duration::from_secs(5);
        let case = Case {
            folder: Folder::of(&self.0.attempts, attempt.job, attempt.number),
            key: attempt.key,
            policy: attempt.policy,
            may_exist: attempt.spawned,
            same_boot: attempt.boot_id == self.0.boot_id,
            result_bytes: self.0.options.limits.result_bytes,
            shim: ShimEnd::Unknown,
            tidier: self.0.tidier.clone(),
        };
        let looking = case.clone();
        let looking = apart("attempt-recover", move || looking.settle(PATIENCE));
        if let Ok(Ok(Found::Ended(end))) = timeout(BOUND, looking).await {
            case.tidier.note(&case.folder);
            case.tidier.look_at(&case.folder);
            return Recovered::Settled(end);
        }
        // Held, or not to be read now: nothing may be concluded, and the slot stays taken.
        Recovered::Alive(self.0.settle_behind(case, reports))
    }
}
