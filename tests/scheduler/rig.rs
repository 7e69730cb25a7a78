//! A scheduler on a bench: started, stopped and started again on one data folder.

use std::future::Future;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::TimeDelta;
use longhaul::domain::clock::{Clock, ManualClock, from_unix_millis};
use longhaul::domain::event::Commit;
use longhaul::domain::id::JobId;
use longhaul::domain::job::Job;
use longhaul::domain::kind::{Catalog, Kind};
use longhaul::domain::label::Labels;
use longhaul::domain::limits::Limits;
use longhaul::domain::retention::Retention;
use longhaul::domain::state::JobState;
use longhaul::events::Heard;
use longhaul::runner::log::LogFiles;
use longhaul::scheduler::handle::StartRequest;
use longhaul::scheduler::{self, Board, Handle, Scheduler};
use longhaul::store::postgres::{self, PostgresStore};
use longhaul::store::sqlite::{self, SqliteStore};
use longhaul::store::{CommitSink, Store};
use tokio::sync::{Notify, mpsc};

use crate::support::deadline::within;
use crate::support::gated::{Gated, Seen};
use crate::support::kinds::{catalog, kind, queue};

/// A scheduler and everything that a test turns.
pub(crate) struct Rig {
    pub(crate) scheduler: Scheduler,
    pub(crate) handle: Handle,
    pub(crate) runner: Gated,
    pub(crate) clock: ManualClock,
    pub(crate) seen: mpsc::Receiver<Seen>,
    /// What was seen, for the message of a deadline.
    pub(crate) history: Vec<Seen>,
    pub(crate) commits: Arc<Commits>,
}

/// What each commit told, and a way to hold one back.
#[derive(Default)]
pub(crate) struct Commits {
    gate: Mutex<Option<std::sync::mpsc::Receiver<()>>>,
    pub(crate) entered: Notify,
    /// Of each commit the jobs, and whether they had an open attempt then.
    pub(crate) told: Mutex<Vec<Vec<(JobId, bool)>>>,
}

impl Commits {
    /// The next commit is told only once what this returns is dropped; all that is written meanwhile waits.
    pub(crate) fn hold(&self) -> std::sync::mpsc::Sender<()> {
        let (open, gate) = std::sync::mpsc::channel();
        *self.gate.lock().unwrap() = Some(gate);
        open
    }

    fn take(&self, commit: &Commit) {
        if let Some(gate) = self.gate.lock().unwrap().take() {
            self.entered.notify_one();
            let _ = gate.recv();
        }
        let told = commit.changes.iter().map(|told| (told.job.id, told.job.open.is_some()));
        self.told.lock().unwrap().push(told.collect());
    }
}

/// A kind `work` in `default` with these slots, and a queue `aside` that nothing waits in.
pub(crate) fn plain(slots: u32) -> Catalog {
    catalog(vec![kind("work", &["true"])], vec![queue("default", slots), queue("aside", 1)])
}

/// The same with another kind `work`.
pub(crate) fn with(work: Kind, slots: u32) -> Catalog {
    catalog(vec![work], vec![queue("default", slots), queue("aside", 1)])
}

impl Rig {
    /// A scheduler with many worker slots.
    pub(crate) async fn new(folder: &Path, catalog: Catalog) -> Self {
        Self::with(folder, catalog, 64, Gated::new()).await
    }

    /// A scheduler that keeps what ended for so long.
    pub(crate) async fn keeping(folder: &Path, catalog: Catalog, retention: Retention) -> Self {
        Self::made(folder, catalog, (64, retention, Labels::default()), Gated::new()).await
    }

    /// A scheduler whose worker has these labels.
    pub(crate) async fn labeled(folder: &Path, catalog: Catalog, labels: Labels) -> Self {
        Self::made(folder, catalog, (64, Retention::default(), labels), Gated::new()).await
    }

    /// A scheduler with these worker slots and this runner.
    pub(crate) async fn with(
        folder: &Path,
        catalog: Catalog,
        slots: u32,
        gated: (Gated, mpsc::Receiver<Seen>),
    ) -> Self {
        Self::made(folder, catalog, (slots, Retention::default(), Labels::default()), gated).await
    }

    /// A scheduler with many worker slots on this schema of a PostgreSQL, changed like this.
    pub(crate) async fn shared(
        folder: &Path,
        catalog: Catalog,
        url: &str,
        changed: impl FnOnce(scheduler::Options) -> scheduler::Options,
    ) -> Self {
        let open = |sink| {
            let options = postgres::Options::new(url, sink);
            let home = folder.display().to_string();
            Arc::new(PostgresStore::open(postgres::Options { home, ..options }).unwrap()) as _
        };
        let changed = |options| changed(scheduler::Options { slots: 64, ..options });
        Self::on(folder, catalog, Gated::new(), open, changed).await
    }

    async fn made(
        folder: &Path,
        catalog: Catalog,
        (slots, retention, labels): (u32, Retention, Labels),
        gated: (Gated, mpsc::Receiver<Seen>),
    ) -> Self {
        let open = |sink| {
            let options = sqlite::Options::new(folder.join("longhaul.db"), sink);
            Arc::new(SqliteStore::open(options).unwrap()) as _
        };
        let changed = |options| scheduler::Options { slots, retention, labels, ..options };
        Self::on(folder, catalog, gated, open, changed).await
    }

    async fn on(
        folder: &Path,
        catalog: Catalog,
        (runner, seen): (Gated, mpsc::Receiver<Seen>),
        open: impl FnOnce(CommitSink) -> Arc<dyn Store>,
        changed: impl FnOnce(scheduler::Options) -> scheduler::Options,
    ) -> Self {
        let clock = ManualClock::at(from_unix_millis(1_800_000_000_000));
        let board = Board::new(&catalog);
        let commits = Arc::<Commits>::default();
        let (to_board, record) = (board.sink(), Arc::clone(&commits));
        let sink = Arc::new(move |commit: &Commit| {
            record.take(commit);
            to_board(commit);
        });
        let options = scheduler::Options {
            board,
            store: open(sink),
            runner: Arc::new(runner.clone()),
            clock: Arc::new(clock.clone()),
            catalog: Arc::new(catalog),
            retention: Retention::default(),
            logs: LogFiles::new(folder.join("attempts")),
            objects: None,
            limits: Limits::default(),
            boot_id: "boot".to_owned(),
            lease: Duration::from_secs(60),
            works: true,
            labels: Labels::default(),
            slots: 1,
            worker_name: "here".to_owned(),
            version: "0.0.0-test".to_owned(),
        };
        let scheduler = Scheduler::start(changed(options)).await.unwrap();
        let handle = scheduler.handle();
        Self { scheduler, handle, runner, clock, seen, history: Vec::new(), commits }
    }

    /// Starts a job of the kind `work`.
    pub(crate) async fn start(&self) -> JobId {
        self.start_kind("work").await
    }

    /// Starts a job of a kind.
    pub(crate) async fn start_kind(&self, kind: &str) -> JobId {
        let request = StartRequest { kind: kind.to_owned(), ..StartRequest::default() };
        self.handle.start_job(request).await.unwrap().job.id
    }

    /// Starts so many jobs, one after the other.
    pub(crate) async fn start_many(&self, count: usize) -> Vec<JobId> {
        let mut jobs = Vec::new();
        for _ in 0..count {
            jobs.push(self.start().await);
        }
        jobs
    }

    /// Starts a job that may not run for a time.
    pub(crate) async fn start_in(&self, delay: TimeDelta) -> JobId {
        let request = StartRequest {
            kind: "work".to_owned(),
            not_before: Some(self.clock.now() + delay),
            ..StartRequest::default()
        };
        self.handle.start_job(request).await.unwrap().job.id
    }

    /// What the runner sees next.
    pub(crate) async fn next(&mut self) -> Seen {
        let seen = within("a spawn or an order", &self.history, self.seen.recv()).await;
        let seen = seen.expect("the runner lives");
        self.history.push(seen.clone());
        seen
    }

    /// The job that is spawned next; nothing else may come before.
    pub(crate) async fn spawned(&mut self) -> JobId {
        match self.next().await {
            Seen::Spawned(job, _) => job,
            other @ (Seen::Ordered(..) | Seen::Renewed(_)) => {
                panic!("expected a spawn, saw {other:?}")
            }
        }
    }

    /// Lets the dispatcher do everything that it has to do: each change of a queue is answered
    /// between two of its rounds.
    pub(crate) async fn settle(&self) {
        for _ in 0..3 {
            self.handle.resume_queue("aside".parse().unwrap()).await.unwrap();
        }
    }

    /// Nothing more is spawned or ordered by itself.
    pub(crate) async fn is_quiet(&mut self) {
        self.settle().await;
        assert_eq!(self.seen.try_recv().ok(), None, "after {:?}", self.history);
    }

    /// The row as it is.
    pub(crate) async fn job(&self, id: JobId) -> Arc<Job> {
        self.handle.reader().job(id).await.unwrap().expect("the job exists")
    }

    /// Waits until a job is in a state; for QUEUED, without an open attempt.
    pub(crate) async fn reaches(&self, id: JobId, state: JobState) -> Arc<Job> {
        let mut watch = self.handle.bus().watch(id);
        let arrives = async {
            loop {
                let job = self.job(id).await;
                let back = job.open.is_none() || state != JobState::Queued;
                if job.state == state && back {
                    return job;
                }
                assert!(!job.state.is_terminal(), "wanted {state:?}, ended as {job:?}");
                assert!(!matches!(watch.next().await, Heard::Closed), "the bus ended");
            }
        };
        within(&format!("{state:?}"), &self.history, arrives).await
    }

    /// Ends an attempt and waits until that is recorded.
    pub(crate) async fn ends(&self, id: JobId, code: i32, state: JobState) -> Arc<Job> {
        self.runner.end(id, crate::support::gated::exit(code)).await;
        self.reaches(id, state).await
    }
}

/// One life of a server: when the future ends, everything that it started is dropped where it
/// stands, as a crash would.
pub(crate) fn life<T>(life: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let value = runtime.block_on(life);
    drop(runtime);
    value
}
