//! A storm: each of many sockets watches a job, all are dropped in one moment and come back in the
//! next. Each has its snapshot and its job's end (P7), and a socket takes little (P12).
//! `LONGHAUL_SOCKETS` is how many.

use std::time::{Duration, Instant};

use futures::future::join_all;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{report, size};
use crate::support::deadline::within;
use crate::support::graphql::{Api, Socket};
use crate::support::server::Server;

const CONFIG: &str = r#"
[worker]
slots = 8
[kinds.true]
command = ["true"]
[limits]
# All of them are one caller.
requests_per_second = 1_000_000
requests_at_once = 10_000
"#;

/// What one socket may take of the server's memory.
const PER_SOCKET: u64 = 30 * 1024;
/// What is no socket's own: threads that woke, freed memory that is kept.
const BESIDE: u64 = 16 * 1024 * 1024;

/// The line moves all the time while jobs end: nobody looks at it so often.
const STATUS: &str = "subscription($id: ID!) { jobStatus(id: $id, minIntervalMs: 5000) {
    change seq state terminal } }";

/// Opens a socket that watches a job, and reads its snapshot.
async fn watch_job(api: &Api, id: &str) -> (Socket, Value) {
    let mut socket = api.socket().await;
    socket.subscribe(id, STATUS, json!({ "id": id })).await;
    let snapshot = socket.next_status().await.expect("a snapshot comes first");
    assert_eq!(snapshot["change"], "SNAPSHOT", "P7: {snapshot}");
    (socket, snapshot)
}

/// Watches each of the jobs on a socket of its own, all of them at the same time.
async fn watch_all(api: &Api, ids: &[String]) -> Vec<(Socket, Value)> {
    within("all snapshots", &ids.len(), join_all(ids.iter().map(|id| watch_job(api, id)))).await
}

/// Reads to the end of the job.
async fn read_to_the_end((mut socket, snapshot): (Socket, Value)) {
    if snapshot["terminal"] == true {
        assert!(socket.next_status().await.is_none(), "P7: complete follows the end");
        return;
    }
    let end = socket.end().await;
    assert_eq!(end["state"], "SUCCEEDED", "{end}");
    assert!(end["seq"].as_i64() > snapshot["seq"].as_i64(), "P7: {snapshot}, {end}");
}

/// Starts jobs, one after the other, until it is told to end; how long each took.
async fn start_meanwhile(api: Api, over: watch::Receiver<bool>) -> Vec<Duration> {
    let mut took = Vec::new();
    while !*over.borrow() {
        let began = Instant::now();
        api.start("true", json!({})).await;
        took.push(began.elapsed());
    }
    took.sort_unstable();
    took
}

/// Both ends of each socket are files, of this process and of the server.
fn raise_open_files(sockets: usize) {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    let may = limit.maximum.is_none_or(|most| most >= sockets as u64 + 200);
    assert!(may, "{sockets} sockets need a higher hard limit of open files: {limit:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_dropped_in_a_storm_comes_back_to_a_snapshot_and_to_the_end() {
    let count = usize::try_from(size("LONGHAUL_SOCKETS", 100)).unwrap();
    raise_open_files(count);
    let mut server = Server::start(CONFIG).await;
    let api = server.api.clone();
    api.ask("mutation { pauseQueue { changed } }", json!({})).await;
    let starts = join_all((0..count).map(|_| api.start("true", json!({}))));
    let ids = within("all starts", &count, starts).await;

    let before = server.resident();
    let sockets = watch_all(&api, &ids).await;
    let grew = server.resident().saturating_sub(before);
    report(&format!("  {count} idle sockets take {} bytes each", grew / count as u64));
    assert!(grew <= count as u64 * PER_SOCKET + BESIDE, "P12: {count} sockets take {grew} bytes");

    let (over, is_over) = watch::channel(false);
    let mut starting = JoinSet::new();
    starting.spawn(start_meanwhile(api.clone(), is_over));
    drop(sockets);
    // Jobs end while their watchers come back.
    api.ask("mutation { resumeQueue { changed } }", json!({})).await;
    let began = Instant::now();
    let sockets = watch_all(&api, &ids).await;
    let back = began.elapsed();
    over.send_replace(true);
    let starts = starting.join_next().await.unwrap().unwrap();
    let p99 = starts[starts.len() * 99 / 100];
    let ended = sockets.iter().filter(|(_, snapshot)| snapshot["terminal"] == true).count();
    report(&format!(
        "  all {count} are back in {back:?}, {ended} of them after the end; meanwhile {} starts, p99 {p99:?}",
        starts.len()
    ));
    join_all(sockets.into_iter().map(read_to_the_end)).await;
    let now = server.resident();
    report(&format!("  each has seen the end of its job after {:?}", began.elapsed()));
    report(&format!("  the server's memory: {} KiB before, {} KiB after", before >> 10, now >> 10));
    assert!(server.stop().await.success());
}
