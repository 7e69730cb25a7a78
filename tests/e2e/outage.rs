//! A PostgreSQL that crashes or stands still under the real server: what runs goes on, what ends is recorded
//! when it is back, and meanwhile everybody is told.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::script;
use crate::support::appears::appears;
use crate::support::graphql::{Socket, code_of};
use crate::support::postgres::{Cluster, through};
use crate::support::server::Server;

const CONFIG: &str = "[kinds.sh]\ncommand = [\"/bin/sh\", \"-c\", \"{script}\"]\n";

/// A server on a cluster of its own.
struct Patient {
    cluster: Cluster,
    server: Server,
    gates: PathBuf,
}

impl Patient {
    async fn new() -> Self {
        let cluster = tokio::task::spawn_blocking(Cluster::own).await.unwrap();
        let url = cluster.schema().await;
        Self::on(cluster, &url).await
    }

    async fn on(cluster: Cluster, url: &str) -> Self {
        let server = Server::start(&format!("{CONFIG}[server]\ndatabase = \"{url}\"\n")).await;
        let gates = server.folder().join("gates");
        fs::create_dir(&gates).unwrap();
        Self { cluster, server, gates }
    }

    /// Starts a job that ends well once its gate is opened, and waits until it runs.
    async fn held(&self, gate: &str) -> String {
        let gate = self.gates.join(gate);
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &gate,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap();
        let id = self.server.api.start("sh", script(&format!("read x < {}", gate.display()))).await;
        let mut watch = self.server.api.watch(&id).await;
        while watch.next_status().await.unwrap()["state"] != "RUNNING" {}
        id
    }

    /// Follows a job, from what it is now on.
    async fn follow(&self, id: &str) -> Socket {
        let mut watch = self.server.api.watch(id).await;
        watch.next_status().await.unwrap();
        watch
    }

    /// Lets it end, and waits until its end stands in its folder.
    async fn end(&self, id: &str, gate: &str) {
        let (gate, attempt) = (self.gates.join(gate), self.server.attempts_of(id).join("1"));
        let ended = move || {
            fs::write(gate, "x\n").unwrap();
            appears(&attempt, "exit.json");
        };
        tokio::task::spawn_blocking(ended).await.unwrap();
    }

    async fn ready(&self) -> u16 {
        let url = format!("http://{}/readyz", self.server.api.address());
        self.server.api.http.get(url).send().await.unwrap().status().as_u16()
    }

    /// What a start is answered while the database is away.
    async fn refused(&self) -> Value {
        let query = "mutation($i: StartJobInput!) { startJob(input: $i) { job { id } } }";
        let input = json!({ "i": { "kind": "sh", "args": script("true"), "idempotencyKey": "k" } });
        let answer = self.server.api.try_ask(query, input).await.unwrap();
        assert_eq!(code_of(&answer).as_deref(), Some("UNAVAILABLE"), "{answer}");
        answer["errors"][0]["extensions"].clone()
    }

    async fn jobs(&self) -> Value {
        let query = "{ jobs(first: 9) { nodes { id state attempt reason } } }";
        self.server.api.ask(query, json!({})).await["jobs"]["nodes"].take()
    }
}

/// Each end is the command's own, of its first attempt.
async fn assert_well(patient: &Patient, ids: &[&str]) {
    let jobs = patient.jobs().await;
    assert_eq!(jobs.as_array().unwrap().len(), ids.len(), "what was refused is not stored: {jobs}");
    for job in jobs.as_array().unwrap() {
        let told = (&job["state"], &job["attempt"], &job["reason"]);
        assert_eq!(told, (&json!("SUCCEEDED"), &json!(1), &json!("OK")), "{job}");
    }
}

fn is_there(folder: &Path) -> bool {
    folder.join("exit.json").exists()
}

/// P1, P9, P13: killed without a word, and away for as long as it takes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_crashes_costs_no_running_job() {
    let patient = Patient::new().await;
    let (first, second) = (patient.held("a").await, patient.held("b").await);
    let pid = patient.server.pid();
    let mut watch = patient.follow(&first).await;
    tokio::task::block_in_place(|| patient.cluster.crash());
    let told = patient.refused().await;
    assert!(told["retryAfterMs"].as_u64().unwrap() >= 1_000, "{told}");
    assert_eq!(told["outcomeUnknown"], Value::Null, "{told}");
    assert_eq!(patient.ready().await, 503);
    // It ends while nobody can write that down.
    patient.end(&first, "a").await;
    patient.refused().await;
    tokio::task::block_in_place(|| patient.cluster.start_again());
    let end = watch.end().await;
    assert_eq!((&end["state"], &end["job"]["attempt"]), (&json!("SUCCEEDED"), &json!(1)));
    assert_eq!(patient.ready().await, 200);
    // It ran all the while.
    assert!(!is_there(&patient.server.attempts_of(&second).join("1")));
    let mut watch = patient.server.api.watch(&second).await;
    patient.end(&second, "b").await;
    watch.end().await;
    let third = patient.server.api.start("sh", script("true")).await;
    patient.server.api.watch(&third).await.end().await;
    assert_well(&patient, &[&first, &second, &third]).await;
    assert_eq!(patient.server.pid(), pid, "the server was never started again");
}

/// P13: nothing answers and nothing is refused, as in a network that swallows what is sent, for longer than
/// any lock of a session is waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_stands_still_costs_no_running_job() {
    let mut patient = Patient::new().await;
    let job = patient.held("a").await;
    let mut watch = patient.follow(&job).await;
    patient.cluster.freeze();
    patient.end(&job, "a").await;
    // Within its deadline, although nobody ever answers.
    patient.refused().await;
    assert_eq!(patient.ready().await, 503);
    patient.cluster.thaw();
    let end = watch.end().await;
    assert_eq!((&end["state"], &end["job"]["attempt"]), (&json!("SUCCEEDED"), &json!(1)));
    assert_well(&patient, &[&job]).await;
    assert_eq!(patient.ready().await, 200);
    assert!(patient.server.stop().await.success());
}

/// P1: the standby that the database waited for knows all that was acknowledged, and the server that has both
/// addresses finds it by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_to_a_standby_needs_no_restart() {
    let pair = tokio::task::spawn_blocking(|| {
        let primary = Cluster::own();
        let standby = primary.standby();
        (primary, standby)
    });
    let (primary, standby) = pair.await.unwrap();
    let all = "ALTER SYSTEM SET synchronous_standby_names = '*'";
    primary.admin().await.batch_execute(all).await.unwrap();
    let primary = tokio::task::spawn_blocking(move || {
        primary.crash();
        primary.start_again();
        primary
    });
    let primary = primary.await.unwrap();
    // Its COMMIT waits until the standby follows again.
    let schema = primary.schema().await;
    let both = format!("127.0.0.1:{},127.0.0.1:{}", primary.port(), standby.port());
    let url = through(&both, &schema);
    let mut patient = Patient::on(primary, &url).await;
    let pid = patient.server.pid();
    let mut ids = Vec::new();
    for _ in 0..3 {
        let id = patient.server.api.start("sh", script("true")).await;
        patient.server.api.watch(&id).await.end().await;
        ids.push(id);
    }
    let running = patient.held("a").await;
    let mut watch = patient.follow(&running).await;
    tokio::task::block_in_place(|| patient.cluster.crash());
    patient.refused().await;
    patient.end(&running, "a").await;
    standby.admin().await.execute("SELECT pg_promote()", &[]).await.unwrap();
    assert_eq!(watch.end().await["state"], "SUCCEEDED");
    ids.push(running);
    assert_well(&patient, &ids.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert_eq!(patient.server.pid(), pid, "the server was never started again");
    assert!(patient.server.stop().await.success());
}
