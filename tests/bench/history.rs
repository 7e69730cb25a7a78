//! S15 and S16: what a million ended jobs cost those who come after. `LONGHAUL_ENDED` is another number
//! of them.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use longhaul::domain::attempt::{AttemptEnd, Policy};
use longhaul::domain::clock::{Clock, SystemClock};
use longhaul::domain::id::{AttemptKey, JobId, WorkerId};
use longhaul::domain::job::NewJob;
use longhaul::domain::kind::QueueSpec;
use longhaul::domain::label::Labels;
use longhaul::domain::names::KindName;
use longhaul::domain::state::EndReason;
use longhaul::domain::worker::WorkerName;
use longhaul::store::sqlite::{Options, SqliteStore};
use longhaul::store::{AcceptLimits, ClaimRequest, Finish, Guarded, Plan, Planner, Store};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::filled::add_ended;
use super::row::{Bound, Measured, Outcome, Row, median, spread};

/// Each side is measured so often, in turns.
const PAIRS: usize = 7;
/// Claims and pages of one measurement.
const EACH: usize = 100;
/// The smaller side.
pub(crate) const FEW: u32 = 1_000;
const WIDE: AcceptLimits = AcceptLimits { max_waiting: 10_000_000, waiting_args_bytes: 1 << 40 };

const CONFIG: &str =
    "[kinds.work]\ncommand = [\"true\"]\n[limits]\nrequests_per_second = 1_000_000\n";

pub(crate) fn rows() -> Vec<Row> {
    let flat = Bound::AtMost { good: 1.3, goal: 1.05 };
    vec![
        Row {
            name: "S15",
            what: "a claim with 1,000,000 ended jobs ÷ with 1,000",
            unit: "",
            bound: flat,
            run: || Box::pin(claim().map(Outcome::Measured)),
        },
        Row {
            name: "S15",
            what: "the first page of `jobs` with 1,000,000 ended jobs ÷ with 1,000",
            unit: "",
            bound: flat,
            run: || Box::pin(first_page().map(Outcome::Measured)),
        },
        Row {
            name: "S15",
            what: "a claim with 100,000 waiting jobs ÷ with 100",
            unit: "",
            bound: flat,
            run: || Box::pin(claim_in_line().map(Outcome::Measured)),
        },
        Row {
            name: "S16",
            what: "start to ready with 1,000,000 ended jobs − with none",
            unit: " ms",
            bound: Bound::AtMost { good: 50.0, goal: 10.0 },
            run: || Box::pin(start().map(Outcome::Measured)),
        },
    ]
}

/// How many jobs ended on the larger side.
pub(crate) fn many() -> u32 {
    std::env::var("LONGHAUL_ENDED").map_or(1_000_000, |text| text.parse().unwrap())
}

/// A data folder with so many ended jobs, the last one a minute ago, over thirty days at most.
fn folder(ended: u32) -> TempDir {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    drop(open(&data));
    if ended > 0 {
        let until = SystemClock.now().timestamp_millis() - 60_000;
        add_ended(&data.join("longhaul.db"), ended, until, 2_500);
    }
    fs::write(folder.path().join("longhaul.toml"), CONFIG).unwrap();
    folder
}

fn open(data: &Path) -> SqliteStore {
    SqliteStore::open(Options::new(data.join("longhaul.db"), Arc::new(|_| {}))).unwrap()
}

fn kept(folder: &TempDir) -> Arc<dyn Store> {
    Arc::new(open(&folder.path().join("data")))
}

struct True;

impl Planner for True {
    fn plan(&self, _: &KindName, _: &Value) -> Result<Plan, String> {
        Ok(Plan { argv: vec!["true".to_owned()], policy: Policy::default() })
    }

    fn attempt_key(&self) -> AttemptKey {
        AttemptKey::new(rand::random())
    }
}

/// A store and what claims from it.
pub(crate) struct Claims {
    store: Arc<dyn Store>,
    request: ClaimRequest,
}

impl Claims {
    pub(crate) async fn of(store: Arc<dyn Store>) -> Self {
        let queue: longhaul::domain::names::QueueName = "default".parse().unwrap();
        let spec = QueueSpec { name: queue.clone(), slots: 4, max_waiting: 1 };
        store.declare_queues(vec![spec]).await.unwrap();
        let request = ClaimRequest {
            queues: vec![(queue, 1)],
            kinds: Arc::new(["work".parse().unwrap()]),
            planner: Arc::new(True),
            worker: WorkerName { id: WorkerId::from_bytes([7; 16]), name: "here".into() },
            boot_id: "boot".into(),
            due: Vec::new(),
            now: SystemClock.now(),
        };
        Self { store, request }
    }

    /// One more waits.
    pub(crate) async fn wait(&self) {
        let now = SystemClock.now();
        let job = NewJob {
            id: JobId::new(now, rand::random()),
            kind: "work".parse().unwrap(),
            queue: "default".parse().unwrap(),
            args: json!({"path": "/some/file"}),
            labels: Labels::default(),
            created_at: now,
            not_before: None,
            timeout: None,
            max_attempts: 1,
            idempotency: None,
            retry_of: None,
            started_by: None,
        };
        self.store.start(job, WIDE).await.unwrap();
    }

    /// How long a claim takes, in the middle of many, in microseconds; as many wait afterwards.
    pub(crate) async fn measure(&self) -> f64 {
        let mut times = Vec::new();
        for _ in 0..EACH {
            self.wait().await;
            let begun = Instant::now();
            let claims = self.store.claim(self.request.clone()).await.unwrap();
            times.push(begun.elapsed().as_secs_f64() * 1e6);
            let claim = &claims[0];
            let finish = Finish {
                job: claim.job.id,
                fence: claim.fence,
                end: AttemptEnd::unrecorded(EndReason::SpawnFailed, "it is no real one", false),
                at: SystemClock.now(),
                chance: 0.5,
            };
            let Guarded::Done(_) = self.store.finish(finish).await.unwrap() else { panic!() };
        }
        median(times)
    }
}

/// What a claim takes on the one, and on the other, in turns.
pub(crate) async fn compared(ours: &Claims, other: &Claims) -> Measured {
    let (mut mine, mut others, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        mine.push(ours.measure().await);
        others.push(other.measure().await);
        ratios.push(mine[mine.len() - 1] / others[others.len() - 1]);
    }
    Measured { figure: median(ratios), ours: spread(&mine, " µs"), other: spread(&others, " µs") }
}

async fn claim() -> Measured {
    let (many, few) = (folder(many()), folder(FEW));
    let ours = Claims::of(kept(&many)).await;
    let other = Claims::of(kept(&few)).await;
    compared(&ours, &other).await
}

async fn claim_in_line() -> Measured {
    let (many, few) = (folder(0), folder(0));
    compared_in_line(kept(&many), kept(&few)).await
}

/// The same where 100,000 wait on the one, and 100 on the other.
pub(crate) async fn compared_in_line(ours: Arc<dyn Store>, other: Arc<dyn Store>) -> Measured {
    let (ours, other) = (Claims::of(ours).await, Claims::of(other).await);
    for _ in 0..1_000 {
        futures::future::join_all((0..100).map(|_| ours.wait())).await;
    }
    for _ in 0..100 {
        other.wait().await;
    }
    compared(&ours, &other).await
}

/// The server on a folder that stays.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    /// Starts it; how long it took until it was ready.
    fn start(folder: &Path) -> (Self, Duration) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_longhaul"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--config"]);
        command.arg(folder.join("longhaul.toml")).arg("--data").arg(folder.join("data"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let begun = Instant::now();
        let mut child = command.spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = said.find_map(|line| {
            let line = line.unwrap();
            line.split_once("listening on http://").map(|(_, address)| address.trim().to_owned())
        });
        let took = begun.elapsed();
        std::thread::spawn(move || said.for_each(drop));
        (Self { child, address: line.expect("it listens") }, took)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The first page, as the dashboard asks for it, in microseconds.
async fn page(server: &Server, http: &reqwest::Client) -> f64 {
    let query = "{ jobs(first: 50) { nodes { id state kind { name } createdAt endedAt } pageInfo { hasNextPage } } }";
    let mut times = Vec::new();
    for _ in 0..EACH {
        let begun = Instant::now();
        let request = http.post(format!("http://{}/graphql", server.address));
        let answer = request.json(&json!({ "query": query })).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        times.push(begun.elapsed().as_secs_f64() * 1e6);
        assert_eq!(answer["data"]["jobs"]["nodes"].as_array().unwrap().len(), 50, "{answer}");
    }
    median(times)
}

async fn first_page() -> Measured {
    let folders = [folder(many()), folder(FEW)];
    let [(ours, _), (other, _)] = folders.each_ref().map(|folder| Server::start(folder.path()));
    let http = reqwest::Client::new();
    let (mut mine, mut others, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        mine.push(page(&ours, &http).await);
        others.push(page(&other, &http).await);
        ratios.push(mine[mine.len() - 1] / others[others.len() - 1]);
    }
    Measured { figure: median(ratios), ours: spread(&mine, " µs"), other: spread(&others, " µs") }
}

async fn start() -> Measured {
    let folders: [TempDir; 2] = [folder(many()), folder(0)];
    let paths: [PathBuf; 2] = folders.each_ref().map(|folder| folder.path().to_owned());
    let measured = tokio::task::spawn_blocking(move || {
        let millis = |path: &PathBuf| Server::start(path).1.as_secs_f64() * 1e3;
        let (mut mine, mut others, mut differences) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..PAIRS {
            mine.push(millis(&paths[0]));
            others.push(millis(&paths[1]));
            differences.push(mine[mine.len() - 1] - others[others.len() - 1]);
        }
        let (ours, other) = (spread(&mine, " ms"), spread(&others, " ms"));
        Measured { figure: median(differences), ours, other }
    });
    measured.await.unwrap()
}
