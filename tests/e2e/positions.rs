//! The place in line as every subscriber sees it, and what telling it costs.
//! `LONGHAUL_WAITING` is how many wait, `LONGHAUL_WATCHERS` how many of them are watched.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use longhaul::domain::clock::Timestamp;
use nix::time::ClockId;
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::{report, script, size};
use crate::support::deadline::within;
use crate::support::graphql::Heard;
use crate::support::server::Server;

const CONFIG: &str = r#"
[worker]
slots = 1
[kinds.sh]
command = ["/bin/sh", "-c", "{script}"]
"#;

const PLACE: &str =
    "subscription($id: ID!) { jobStatus(id: $id) { state terminal wait { position } } }";

#[expect(
    clippy::disallowed_methods,
    reason = "what the server stamps is compared with what came here"
)]
fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// When each of these jobs left its line, in milliseconds of the epoch.
async fn claims(server: &Server, ids: &[String]) -> Vec<i64> {
    let query = "query($id: ID!) { job(id: $id) { startedAt } }";
    let mut claims = Vec::new();
    for id in ids {
        let job = server.api.ask(query, json!({ "id": id })).await;
        let at: Timestamp = job["job"]["startedAt"].as_str().unwrap().parse().unwrap();
        claims.push(at.timestamp_millis());
    }
    claims
}

/// Ends the job that reads from here.
async fn release(gate: PathBuf) {
    let seen = gate.display().to_string();
    let write = tokio::task::spawn_blocking(|| fs::write(gate, "\n"));
    within("a job that reads", &seen, write).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_in_line_sees_the_place_fall_one_by_one() {
    let server = Server::start(CONFIG).await;
    let folder = tempfile::tempdir().unwrap();
    // Each job ends when somebody writes to it.
    let gate = folder.path().join("gate");
    assert!(Command::new("mkfifo").arg(&gate).status().unwrap().success());
    // Held back until all are watched, so that nothing moves before.
    server.api.ask("mutation { pauseQueue { changed } }", json!({})).await;
    let mut ids = Vec::new();
    for _ in 0..6 {
        ids.push(server.api.start("sh", script(&format!("read _ < {}", gate.display()))).await);
    }
    let mut socket = server.api.socket().await;
    for id in &ids {
        socket.subscribe(id, PLACE, json!({ "id": id })).await;
    }
    let mut places: HashMap<String, Vec<(i64, i64)>> = HashMap::new();
    let mut running = HashSet::new();
    let (mut open, mut released, mut is_resumed) = (ids.len(), 0, false);
    while open > 0 {
        // Moved once everybody was told where they stand.
        if places.len() == ids.len() && !is_resumed {
            server.api.ask("mutation { resumeQueue { changed } }", json!({})).await;
            is_resumed = true;
        }
        let is_at = |(ahead, id): (i64, &String)| {
            places.get(id).and_then(|seen| seen.last()).is_some_and(|&(place, _)| place == ahead)
        };
        // And once it runs: the one before it may still hold the pipe, and would take its line.
        while ids.get(released).is_some_and(|id| running.contains(id))
            && (1..).zip(&ids[released + 1..]).all(is_at)
        {
            release(gate.clone()).await;
            released += 1;
        }
        match within("a message", &(&places, released), socket.next()).await {
            Heard::Next(id, data) => {
                if data["jobStatus"]["state"] == "RUNNING" {
                    running.insert(id.clone());
                }
                let Some(place) = data["jobStatus"]["wait"]["position"].as_i64() else { continue };
                let seen = places.entry(id).or_default();
                if seen.last().is_none_or(|&(last, _)| last != place) {
                    seen.push((place, now()));
                }
            }
            Heard::Complete(_) => open -= 1,
            Heard::Error(id, errors) => panic!("{id}: {errors}"),
        }
    }
    let claims = claims(&server, &ids).await;
    let mut delays = Vec::new();
    for (index, id) in ids.iter().enumerate() {
        let seen = &places[id];
        let expected: Vec<i64> = (1..=i64::try_from(index + 1).unwrap()).rev().collect();
        assert_eq!(
            seen.iter().map(|&(place, _)| place).collect::<Vec<_>>(),
            expected,
            "one by one"
        );
        // Each place but the first came with the claim of one who was ahead.
        delays.extend(seen[1..].iter().zip(&claims).map(|(&(_, at), claim)| at - claim));
    }
    delays.sort_unstable();
    report(&format!("  from the dequeue to the push of a place, in ms: {delays:?}"));
}

fn cpu(server: &Server) -> f64 {
    let pid = Pid::from_raw(i32::try_from(server.pid()).unwrap());
    let time = ClockId::pid_cpu_clock_id(pid).unwrap().now().unwrap();
    std::time::Duration::from(time).as_secs_f64()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_move_of_a_long_line_is_told_to_all_who_watch() {
    let waiting = usize::try_from(size("LONGHAUL_WAITING", 300)).unwrap();
    let watchers = usize::try_from(size("LONGHAUL_WATCHERS", 50)).unwrap();
    let server = Server::start(CONFIG).await;
    // A run to tell by, then one that holds the slot.
    let quick = server.api.start("sh", script("true")).await;
    server.api.watch(&quick).await.end().await;
    let holder = server.api.start("sh", script("sleep 3600")).await;
    let mut ids = Vec::new();
    while ids.len() < waiting {
        let some = (0..50.min(waiting - ids.len())).map(|_| server.api.start("sh", script("true")));
        ids.extend(futures::future::join_all(some).await);
    }
    let began = Instant::now();
    let drain = "{ queue(name: \"default\") { stats { waiting drainEstimateMs } } }";
    let stats = server.api.ask(drain, json!({})).await["queue"]["stats"].take();
    let pass = began.elapsed();
    assert!(stats["drainEstimateMs"].is_number() && stats["waiting"] == waiting, "{stats}");
    let mut sockets = Vec::new();
    for some in ids[waiting - watchers..].chunks(100) {
        let mut socket = server.api.socket().await;
        for id in some {
            socket.subscribe(id, PLACE, json!({ "id": id })).await;
        }
        for _ in some {
            assert!(matches!(socket.next().await, Heard::Next(..)));
        }
        sockets.push((socket, some.len()));
    }
    let (before, began) = (cpu(&server), Instant::now());
    server.api.cancel(&ids[0], "GRACEFUL").await.unwrap();
    for (socket, count) in &mut sockets {
        let mut moved: HashMap<String, Value> = HashMap::new();
        while moved.len() < *count {
            if let Heard::Next(id, mut data) = socket.next().await {
                moved.insert(id, data["jobStatus"]["wait"]["position"].take());
            }
        }
    }
    report(&format!(
        "  {waiting} wait, {watchers} are watched: a whole pass answered in {pass:.1?}; one move told to all in {:.1?}, {:.1} ms of CPU",
        began.elapsed(),
        (cpu(&server) - before) * 1000.0
    ));
    server.api.cancel(&holder, "FORCE").await.unwrap();
}
