//! A kill that is asked of one server for what runs on another one.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::fleet::{Fleet, runs, until};
use crate::support::graphql::Socket;
use crate::support::server::{Server, processes_with};

/// A server that runs nothing, and one that does: its kind `deaf` ignores TERM for longer than a test takes.
async fn two(fleet: &Fleet) -> (Server, Server) {
    let deaf = "[kinds.deaf]\ncommand = [\"sh\", \"-c\", \"trap '' TERM; while :; do sleep 0.02; done\"]\n\
                grace = \"30s\"\n";
    let mut command = Command::new("sh");
    let binary = env!("CARGO_BIN_EXE_longhaul");
    command.args(["-c", "exec \"$0\" \"$@\" --no-worker", binary]);
    let front = Server::start_by(command, &(fleet.config("front", 2) + deaf)).await;
    (front, Server::start(&(fleet.config("back", 2) + deaf)).await)
}

/// How long it took until the job was CANCELED.
async fn end(watched: &mut Socket, since: Instant) -> Duration {
    let end = watched.end().await;
    assert_eq!((&end["state"], &end["job"]["signal"]), (&json!("CANCELED"), &json!("SIGKILL")));
    since.elapsed()
}

/// P8, P10: as the first wish, and after one that gave it time; nothing of it is left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_reaches_the_server_that_runs_the_job() {
    let fleet = Fleet::new().await;
    let (front, back) = two(&fleet).await;
    let first = front.api.start("deaf", json!({})).await;
    let second = front.api.start("deaf", json!({})).await;
    let mut watched = [runs(&front.api, &first, 1).await, runs(&front.api, &second, 1).await];
    let mut keys = fleet.keys(&first).await;
    keys.extend(fleet.keys(&second).await);
    assert!(!processes_with(&keys).is_empty(), "they run");

    let killed = Instant::now();
    front.api.cancel(&first, "FORCE").await.unwrap();
    let took = end(&mut watched[0], killed).await;
    assert!(took < Duration::from_secs(10), "{took:?} of a grace of 30 s");

    let mut there = back.api.watch(&second).await;
    front.api.cancel(&second, "GRACEFUL").await.unwrap();
    until(&mut there, "it hears the first wish", |s| s["state"] == "CANCELING").await;
    let killed = Instant::now();
    front.api.cancel(&second, "FORCE").await.unwrap();
    let took = end(&mut watched[1], killed).await;
    assert!(took < Duration::from_secs(10), "{took:?} of a grace of 30 s");
    assert_eq!(processes_with(&keys), Vec::<String>::new(), "P8");

    let query = "query($id: ID!) { job(id: $id) { events { nodes { change text } } } }";
    let data = front.api.ask(query, json!({ "id": second })).await;
    let events = data["job"]["events"]["nodes"].as_array().unwrap();
    let told: Vec<&Value> =
        events.iter().filter(|e| e["change"] == "CANCELING").map(|e| &e["text"]).collect();
    assert_eq!(told, ["asked to stop", "asked to stop at once"]);
}
