//! Several servers on one database: real processes, each with a data folder of its own, and one
//! PostgreSQL. One line, one set of limits, and whoever dies leaves its jobs to the others.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::deadline::within;
use crate::support::graphql::{Api, Socket};
use crate::support::pgbouncer::Pooler;
use crate::support::postgres::{client, cluster};
use crate::support::server::{Server, processes_with};

/// A database and a folder of gates.
pub(super) struct Fleet {
    pub(super) url: String,
    /// How servers are told of it.
    database: String,
    pub(super) folder: TempDir,
}

impl Fleet {
    pub(super) async fn new() -> Self {
        let url = cluster().schema().await;
        let database = format!("database = \"{url}\"\n");
        Self { url, database, folder: tempfile::tempdir().unwrap() }
    }

    /// One behind a pooler, with the way past it.
    pub(super) async fn behind(pooler: &Pooler) -> Self {
        let fleet = Self::new().await;
        let database = format!(
            "database = \"{}\"\ndatabase_direct = \"{}\"\n",
            pooler.address("postgres"),
            fleet.url
        );
        Self { database, ..fleet }
    }

    /// A worker of this name with so many slots; `default` has two, over all workers.
    pub(super) fn config(&self, name: &str, slots: u32) -> String {
        format!(
            "[server]\n{}drain_timeout = \"1s\"\n[worker]\nname = \"{name}\"\n\
             slots = {slots}\nlease = \"4s\"\n[queues.default]\nslots = 2\n[kinds.gate]\n\
             command = [\"sh\", \"-c\", \"until [ -e \\\"$1\\\" ]; do sleep 0.02; done\", \"sh\", \"{{gate}}\"]\n\
             grace = \"0s\"\n[kinds.gate.args]\ntype = \"object\"\nproperties.gate = {{ type = \"string\" }}\n",
            self.database
        )
    }

    pub(super) async fn server(&self, name: &str, slots: u32) -> Server {
        Server::start(&self.config(name, slots)).await
    }

    fn gate(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts a job that ends once its gate is opened.
    pub(super) async fn start(&self, api: &Api, gate: &str) -> String {
        api.start("gate", json!({ "gate": self.gate(gate) })).await
    }

    pub(super) fn open(&self, gate: &str) {
        fs::write(self.gate(gate), "").unwrap();
    }

    /// The keys of a job's attempts.
    pub(super) async fn keys(&self, id: &str) -> std::collections::HashSet<String> {
        let sql = "SELECT key FROM attempts JOIN jobs ON jobs.accept_no = attempts.job
                   WHERE jobs.id::text = $1";
        let rows = client(&self.url).await.query(sql, &[&id]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }
}

/// The first status of a watched job that is as it should be.
pub(super) async fn until(socket: &mut Socket, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    loop {
        let next = within(what, &"", socket.next_status());
        let status = next.await.unwrap_or_else(|| panic!("it ended: {what}"));
        if is(&status) {
            return status;
        }
    }
}

/// Watches a job until an attempt of this number runs.
pub(super) async fn runs(api: &Api, id: &str, attempt: u64) -> Socket {
    let mut socket = api.watch(id).await;
    until(&mut socket, "RUNNING", |status| {
        status["state"] == "RUNNING" && status["job"]["attempt"] == attempt
    })
    .await;
    socket
}

pub(super) async fn job(api: &Api, id: &str) -> Value {
    let query = "query($id: ID!) { job(id: $id) { state attempt reason reasonText
        worker { name live } wait { reason reasonText position } } }";
    api.ask(query, json!({ "id": id })).await["job"].take()
}

/// Follows why a job waits.
pub(super) async fn waits(api: &Api, id: &str) -> Socket {
    let query = "subscription($id: ID!) { jobStatus(id: $id, minIntervalMs: 50) {
        state terminal wait { reason reasonText position } } }";
    let mut socket = api.socket().await;
    socket.subscribe(id, query, json!({ "id": id })).await;
    socket
}

pub(super) fn reason(status: &Value) -> &Value {
    &status["wait"]["reason"]
}

/// Fails unless the job is the first that waits for a slot of its queue.
pub(super) async fn is_next(api: &Api, id: &str) {
    let job = job(api, id).await;
    let wait = (&job["wait"]["reason"], &job["wait"]["position"]);
    assert_eq!(wait, (&json!("QUEUE_SLOTS_BUSY"), &json!(1)), "{job}");
}

async fn worker_ids(api: &Api) -> Vec<(String, String)> {
    let data = api.ask("{ workers { id name live } }", json!({})).await;
    let workers = data["workers"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    workers.filter(|w| w["live"] == true).map(|w| (text(&w["name"]), text(&w["id"]))).collect()
}

pub(super) fn signal(server: &Server, signal: Signal) {
    let pid = Pid::from_raw(server.pid().cast_signed()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// P2, P3, P7: two workers with a slot each, and a queue with two: they run one each, the third waits for
/// the queue, and whoever watches hears it all on either server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_have_one_line_and_one_limit() {
    let fleet = Fleet::new().await;
    let (a, b) = (fleet.server("a", 2).await, fleet.server("b", 2).await);
    let mut ids = Vec::new();
    for number in 0..6 {
        let api = if number % 2 == 0 { &a.api } else { &b.api };
        ids.push(fleet.start(api, &format!("gate-{number}")).await);
    }
    // Two run, whoever has them, and both servers know which.
    for id in &ids[..2] {
        let _ = (runs(&a.api, id, 1).await, runs(&b.api, id, 1).await);
    }
    for server in [&a, &b] {
        is_next(&server.api, &ids[2]).await;
        let data = server.api.ask("{ workers { name live busy running { id } } }", json!({})).await;
        let workers = data["workers"].as_array().unwrap();
        let busy: u64 = workers.iter().map(|w| w["busy"].as_u64().unwrap()).sum();
        assert!(busy == 2 && workers.iter().all(|w| w["live"] == true), "{data}");
    }
    let mut sockets = Vec::new();
    for id in &ids {
        sockets.push((a.api.watch(id).await, b.api.watch(id).await));
    }
    (0..6).for_each(|number| fleet.open(&format!("gate-{number}")));
    for (on_a, on_b) in &mut sockets {
        assert_eq!(on_a.end().await["state"], "SUCCEEDED");
        assert_eq!(on_b.end().await["state"], "SUCCEEDED");
    }
    let database = client(&fleet.url).await;
    let claims = "SELECT job FROM attempts ORDER BY fence";
    let claims: Vec<i64> =
        database.query(claims, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    assert!(claims.is_sorted() && claims.len() == 6, "P2: {claims:?}");
    let steps =
        "SELECT CASE WHEN change = 'ENDED' THEN -1 WHEN change = 'UPDATED' THEN 1 ELSE 0 END
                 FROM job_events ORDER BY no";
    let mut open = 0;
    for row in database.query(steps, &[]).await.unwrap() {
        open += row.get::<_, i32>(0);
        assert!(open <= 2, "P3");
    }
}

/// P11: whoever is killed leaves its jobs to the others when its lease and five seconds are over, in their
/// old place, and none of its processes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_workers_jobs_are_taken_over() {
    let fleet = Fleet::new().await;
    let a = fleet.server("a", 1).await;
    let id = fleet.start(&a.api, "gate").await;
    drop(runs(&a.api, &id, 1).await);
    let b = fleet.server("b", 1).await;
    let mut watched = b.api.watch(&id).await;
    drop(a);
    let killed = std::time::Instant::now();
    until(&mut watched, "taken over", |s| s["state"] == "RUNNING" && s["job"]["attempt"] == 2)
        .await;
    let took = killed.elapsed();
    // Its lease began before it was killed.
    assert!(took > Duration::from_secs(4), "{took:?}");
    let row = job(&b.api, &id).await;
    assert_eq!(row["worker"], json!({"name": "b", "live": true}));
    fleet.open("gate");
    assert_eq!(watched.end().await["state"], "SUCCEEDED");
    let query =
        "query($id: ID!) { job(id: $id) { attempts { reason reasonText worker { name live } } } }";
    let data = b.api.ask(query, json!({ "id": id })).await;
    let first = &data["job"]["attempts"][0];
    assert_eq!(first["reason"], "LOST");
    assert_eq!(first["reasonText"], "its worker `a` was not heard of for 9s");
    assert_eq!(first["worker"], json!({"name": "a", "live": false}));
}

/// P11: the same worker, started again on its data folder, has its jobs back at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_starts_again_takes_its_own_jobs_back_at_once() {
    let fleet = Fleet::new().await;
    let (mut a, b) = (fleet.server("a", 1).await, fleet.server("b", 1).await);
    // Two long ones, one on each.
    let ids = [fleet.start(&a.api, "gate").await, fleet.start(&a.api, "gate").await];
    for id in &ids {
        drop(runs(&a.api, id, 1).await);
    }
    let mut of_a = None;
    for id in &ids {
        if job(&b.api, id).await["worker"]["name"] == "a" {
            of_a = Some(id);
        }
    }
    let id = of_a.expect("one runs on each");
    let mut watched = b.api.watch(id).await;
    a.kill();
    a.start_again().await;
    until(&mut watched, "run again", |s| s["state"] == "RUNNING" && s["job"]["attempt"] == 2).await;
    assert_eq!(job(&b.api, id).await["worker"]["name"], "a");
    fleet.open("gate");
    assert_eq!(watched.end().await["state"], "SUCCEEDED");
}

/// P4, P11: a worker that is frozen past its lease has its attempt stopped by its shim, before another
/// one begins it; when it goes on, what it says of the old claim is refused, and it works again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_worker_is_fenced_and_comes_back() {
    let fleet = Fleet::new().await;
    let a = fleet.server("a", 1).await;
    let id = fleet.start(&a.api, "gate").await;
    drop(runs(&a.api, &id, 1).await);
    let keys = fleet.keys(&id).await;
    assert!(!processes_with(&keys).is_empty(), "it runs");
    let b = fleet.server("b", 1).await;
    let mut watched = b.api.watch(&id).await;
    signal(&a, Signal::STOP);
    until(&mut watched, "taken over", |s| s["job"]["attempt"] == 2).await;
    assert_eq!(processes_with(&keys), Vec::<String>::new(), "P4: the first one is gone before");
    until(&mut watched, "RUNNING", |s| s["state"] == "RUNNING").await;
    signal(&a, Signal::CONT);
    // The other one is full, so this runs where it was frozen.
    let second = fleet.start(&a.api, "gate").await;
    let mut other = runs(&a.api, &second, 1).await;
    assert_eq!(job(&a.api, &second).await["worker"]["name"], "a");
    assert_eq!(job(&b.api, &id).await["attempt"], 2, "P4: it still runs elsewhere");
    fleet.open("gate");
    assert_eq!(watched.end().await["state"], "SUCCEEDED");
    assert_eq!(other.end().await["state"], "SUCCEEDED");
    let metrics = a.api.http.get(format!("http://{}/metrics", a.api.address()));
    let metrics = metrics.send().await.unwrap().text().await.unwrap();
    // Its end; and what its shim said in the log, where it knew of the other one, who could have read it.
    let refused =
        metrics.lines().find_map(|line| line.strip_prefix("longhaul_stale_reports_total "));
    assert!(matches!(refused, Some("1" | "2")), "{metrics}");
}

/// What is asked of one server holds on the other: cancels, pauses, slots, drains.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_reach_the_other_server() {
    let fleet = Fleet::new().await;
    let (a, b) = (fleet.server("a", 1).await, fleet.server("b", 1).await);
    let ids = [fleet.start(&a.api, "gate").await, fleet.start(&a.api, "gate").await];
    for id in &ids {
        drop(runs(&b.api, id, 1).await);
    }
    // One of the two runs elsewhere, whichever server is asked.
    for id in &ids {
        let mut watched = a.api.watch(id).await;
        a.api.cancel(id, "GRACEFUL").await.unwrap();
        assert_eq!(watched.end().await["state"], "CANCELED", "P10");
    }
    let workers = worker_ids(&b.api).await;
    let id_of_a = &workers.iter().find(|(name, _)| name == "a").unwrap().1;
    let drain = "mutation($id: ID!) { drainWorker(id: $id) { changed worker { name draining } } }";
    let drained = b.api.ask(drain, json!({ "id": id_of_a })).await;
    let expected = json!({"changed": true, "worker": {"name": "a", "draining": true}});
    assert_eq!(drained["drainWorker"], expected);
    let first = fleet.start(&a.api, "gate").await;
    let second = fleet.start(&a.api, "gate").await;
    drop(runs(&a.api, &first, 1).await);
    assert_eq!(job(&a.api, &first).await["worker"]["name"], "b");
    let mut waiting = waits(&a.api, &second).await;
    until(&mut waiting, "it knows that it drains", |s| reason(s) == "SLOTS_BUSY").await;
    let resume = "mutation($id: ID!) { resumeWorker(id: $id) { changed } }";
    b.api.ask(resume, json!({ "id": id_of_a })).await;
    let mut watched = runs(&b.api, &second, 1).await;
    assert_eq!(job(&b.api, &second).await["worker"]["name"], "a");
    fleet.open("gate");
    assert_eq!(watched.end().await["state"], "SUCCEEDED");
}

/// A server that runs nothing says so, and follows who does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_a_worker_leaves_the_work_to_others() {
    let fleet = Fleet::new().await;
    let mut command = Command::new("sh");
    let binary = env!("CARGO_BIN_EXE_longhaul");
    command.args(["-c", "exec \"$0\" \"$@\" --no-worker", binary]);
    let front = Server::start_by(command, &fleet.config("front", 2)).await;
    let id = fleet.start(&front.api, "gate").await;
    let row = job(&front.api, &id).await;
    assert_eq!(row["wait"]["reason"], "NO_WORKER", "{row}");
    let mut watched = front.api.watch(&id).await;
    let back = fleet.server("back", 1).await;
    until(&mut watched, "RUNNING", |s| s["state"] == "RUNNING").await;
    let data = back.api.ask("{ workers { name slots busy kinds { name } } }", json!({})).await;
    let kinds = json!([{"name": "gate"}]);
    assert_eq!(
        data["workers"],
        json!([{"name": "back", "slots": 1, "busy": 1, "kinds": kinds},
            {"name": "front", "slots": 0, "busy": 0, "kinds": []}])
    );
    fleet.open("gate");
    assert_eq!(watched.end().await["state"], "SUCCEEDED");
}
