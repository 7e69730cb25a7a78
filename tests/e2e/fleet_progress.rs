//! Progress over several servers on one database: what a job says on one is told on every other.

use std::fs;

use serde_json::{Value, json};

use super::fleet::{Fleet, runs};
use super::fleet_logs::{front, worker};
use crate::support::graphql::{Api, Heard, Socket};

const STATUS: &str = "subscription($id: ID!) { jobStatus(id: $id, minIntervalMs: 50) {
    change terminal progress { percent message } job { progress { percent message } } } }";

async fn watch(api: &Api, id: &str) -> Socket {
    let mut socket = api.socket().await;
    socket.subscribe("status", STATUS, json!({ "id": id })).await;
    socket
}

/// Until the job is told to be so far.
async fn is_at(socket: &mut Socket, percent: u32, message: &str) -> Value {
    let expected = json!({ "percent": f64::from(percent), "message": message });
    loop {
        let Heard::Next(_, data) = socket.next().await else { panic!("it goes on: {percent}") };
        let status = &data["jobStatus"];
        if status["progress"] == expected {
            assert_eq!(status["job"]["progress"], expected, "{status}");
            return status["change"].clone();
        }
    }
}

/// P7: who watches a job on another server hears how far it is, also who came later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn progress_is_told_on_every_server() {
    let fleet = Fleet::new().await;
    let b = worker(&fleet, "b").await;
    let a = front(&fleet, "a").await;
    let gate = |name: &str| fleet.folder.path().join(name);
    let wait = |name: &str| format!("until [ -e {} ]; do sleep 0.02; done;", gate(name).display());
    let say = |percent: u32, message: &str| {
        format!(
            "echo '{{\"percent\": {percent}, \"message\": \"{message}\"}}' >> $LONGHAUL_PROGRESS;"
        )
    };
    let script =
        [wait("first"), say(40, "slow"), wait("second"), say(80, "fast"), wait("third")].concat();
    let id = a.api.start("sh", json!({ "script": script })).await;
    drop(runs(&a.api, &id, 1).await);
    let mut there = watch(&a.api, &id).await;
    fs::write(gate("first"), "").unwrap();
    assert_eq!(is_at(&mut there, 40, "slow").await, "PROGRESS");
    let c = front(&fleet, "c").await;
    let mut later = watch(&c.api, &id).await;
    is_at(&mut later, 40, "slow").await;
    fs::write(gate("second"), "").unwrap();
    is_at(&mut there, 80, "fast").await;
    is_at(&mut later, 80, "fast").await;
    let query = "query($id: ID!) { job(id: $id) { progress { percent } } }";
    for server in [&a, &b, &c] {
        let data = server.api.ask(query, json!({ "id": id })).await;
        assert_eq!(data["job"]["progress"], json!({ "percent": 80.0 }));
    }
    fs::write(gate("third"), "").unwrap();
    a.api.watch(&id).await.end().await;
    let data = a.api.ask(query, json!({ "id": id })).await;
    assert_eq!(data["job"]["progress"], Value::Null, "it runs no more");
}
