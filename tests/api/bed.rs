//! A whole server without processes: the store, the scheduler and the API are the product's, and
//! only the runner is the test's.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use longhaul::api;
use longhaul::auth::Keeper;
use longhaul::domain::attempt::{AttemptEnd, Policy};
use longhaul::domain::clock::{Clock, SystemClock, Timestamp};
use longhaul::domain::event::Commit;
use longhaul::domain::id::JobId;
use longhaul::domain::job::Progress;
use longhaul::domain::kind::{Catalog, Kind, QueueSpec};
use longhaul::domain::label::Labels;
use longhaul::domain::limits::Limits;
use longhaul::domain::retention::Retention;
use longhaul::runner::Report;
use longhaul::runner::log::LogFiles;
use longhaul::scheduler::{Board, Options, Scheduler};
use longhaul::store::Reader as _;
use longhaul::store::sqlite::{self, SqliteStore};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::support::deadline::within;
use crate::support::gated::{Gated, Seen, exit};
use crate::support::kinds::{self, kind, queue};

/// A server on a port of its own.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) closing: CancellationToken,
    pub(super) scheduler: Scheduler,
    pub(super) store: Arc<SqliteStore>,
    _data: TempDir,
    runner: Gated,
    seen: Mutex<mpsc::Receiver<Seen>>,
    client: reqwest::Client,
}

/// An attempt that was spawned and runs until it is told to end.
pub(super) struct Running {
    pub(super) job: JobId,
    runner: Gated,
}

impl Running {
    pub(super) async fn progress(&self, percent: f64, at: Timestamp) {
        let progress = Progress {
            percent: Some(percent),
            current: None,
            total: None,
            message: None,
            updated_at: at,
        };
        self.runner.report(self.job, Report::Progress(progress)).await;
    }

    /// Ends like this.
    pub(super) async fn end_as(self, end: AttemptEnd) {
        self.runner.end(self.job, end).await;
    }

    /// Ends well, with a result.
    pub(super) async fn end(self) {
        let result = Some(r#"{"z": 1, "a": 18446744073709551615}"#.to_owned());
        self.runner.end(self.job, AttemptEnd { result, ..exit(0) }).await;
    }
}

/// The default, but a failure is followed by the next attempt at once.
fn no_pause() -> Policy {
    Policy { retry_backoff: Duration::ZERO, ..Policy::default() }
}

/// `work`, `again` and `copy` wait in `default` for one slot; `narrow` and `wide` in queues without one,
/// of which the first holds two.
fn catalog() -> Catalog {
    let of = |name: &str| Kind { queue: name.parse().unwrap(), ..kind(name, &["true"]) };
    let narrow = QueueSpec { max_waiting: 2, ..queue("narrow", 0) };
    kinds::catalog(
        vec![
            Kind { retries: 1, ..kind("retried", &["true"]) },
            kind("work", &["true"]),
            Kind { retries: 1, policy: no_pause(), ..kind("again", &["true"]) },
            kind("copy", &["cp", "{from}", "{to}"]),
            of("narrow"),
            of("wide"),
        ],
        vec![queue("default", 1), narrow, queue("wide", 0)],
    )
}

pub(super) async fn serve() -> Server {
    serve_in(tempfile::tempdir().unwrap()).await
}

/// A server on a folder that may hold a database.
pub(super) async fn serve_in(data: TempDir) -> Server {
    serve_as(data, true).await
}

/// The same, which tells its schema or not.
pub(super) async fn serve_as(data: TempDir, introspection: bool) -> Server {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let catalog = catalog();
    let board = Board::new(&catalog);
    let file = data.path().join("longhaul.db");
    let keeper = Arc::new(Keeper::new(Arc::clone(&clock)));
    let (to_board, to_keeper) = (board.sink(), Arc::clone(&keeper));
    let sink = Arc::new(move |commit: &Commit| {
        to_keeper.learn(&commit.tokens);
        to_board(commit);
    });
    let store = Arc::new(SqliteStore::open(sqlite::Options::new(file, sink)).unwrap());
    keeper.learn(&store.tokens_and_shares().await.unwrap());
    let (runner, seen) = Gated::new();
    let scheduler = Scheduler::start(Options {
        board,
        store: Arc::clone(&store) as _,
        runner: Arc::new(runner.clone()),
        clock: Arc::clone(&clock),
        catalog: Arc::new(catalog),
        limits: Limits::default(),
        retention: Retention::default(),
        logs: LogFiles::new(data.path().join("attempts")),
        objects: None,
        boot_id: "a boot".to_owned(),
        lease: std::time::Duration::from_secs(60),
        works: true,
        labels: Labels::default(),
        slots: 4,
        worker_name: "here".to_owned(),
        version: "0.0.0-test".to_owned(),
    });
    let scheduler = scheduler.await.unwrap();
    // The second is the listener's own: what a test closes may still be asked.
    let (closing, never) = (CancellationToken::new(), CancellationToken::new());
    let meter = Arc::<api::Meter>::default();
    let routes = api::router(api::Options {
        handle: scheduler.handle(),
        keeper,
        meter: Arc::clone(&meter),
        exposition: Arc::new(|_| "numbers\n".to_owned()),
        started_at: clock.now(),
        clock,
        version: "0.0.0-test".to_owned(),
        store: "sqlite",
        for_other_machines: false,
        allowed_hosts: Vec::new(),
        allowed_origins: Vec::new(),
        introspection,
        pages: api::Pages::none(),
        closing: closing.clone(),
        sockets: TaskTracker::new(),
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, limits) = (listener.local_addr().unwrap(), Limits::default());
    #[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
    tokio::spawn(async move { api::serve(listener, routes, &limits, &meter, never).await });
    let seen = Mutex::new(seen);
    let client = reqwest::Client::new();
    Server { address, closing, scheduler, store, _data: data, runner, seen, client }
}

impl Server {
    /// The whole answer to an operation.
    pub(super) async fn answer(&self, query: &str, variables: Value) -> Value {
        let request = self.client.post(format!("http://{}/graphql", self.address));
        let body = json!({ "query": query, "variables": variables });
        within(query, &self.address, async {
            let answer = request.json(&body).send().await.unwrap();
            answer.json().await.unwrap()
        })
        .await
    }

    /// The data of an operation that must not fail.
    pub(super) async fn data(&self, query: &str, variables: Value) -> Value {
        let mut answer = self.answer(query, variables).await;
        assert!(answer.get("errors").is_none(), "{query}: {answer}");
        answer["data"].take()
    }

    pub(super) async fn get(&self, path: &str) -> reqwest::Response {
        let request = self.client.get(format!("http://{}{path}", self.address));
        within(path, &self.address, request.send()).await.unwrap()
    }

    /// Starts a job of a kind without arguments.
    pub(super) async fn start(&self, kind: &str) -> String {
        let query = "mutation($kind: String!) { startJob(input: {kind: $kind}) { job { id } } }";
        let data = self.data(query, json!({ "kind": kind })).await;
        data["startJob"]["job"]["id"].as_str().unwrap().to_owned()
    }

    /// Cancels a job.
    pub(super) async fn cancel(&self, id: &str) {
        let query = "mutation($id: ID!) { cancelJob(id: $id) { changed } }";
        self.data(query, json!({ "id": id })).await;
    }

    /// Waits until a job has ended.
    pub(super) async fn ended(&self, id: &str) {
        let query = "subscription($id: ID!) { jobStatus(id: $id) { terminal } }";
        let mut stream = self.subscribe(query, json!({ "id": id })).await;
        while stream.value().await["terminal"] == false {}
    }

    /// The next attempt that is spawned; its process is reported.
    pub(super) async fn spawned(&self) -> Running {
        let mut seen = self.seen.lock().await;
        loop {
            let next = within("an attempt", &self.address, seen.recv()).await;
            if let Seen::Spawned(job, _) = next.unwrap() {
                self.runner.begin(job).await;
                return Running { job, runner: self.runner.clone() };
            }
        }
    }
}
