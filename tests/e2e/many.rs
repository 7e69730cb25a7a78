//! Many jobs from many clients, with a pause, a restart and retries in the middle: none is lost or
//! doubled (P1, P14), none overtakes (P2), never more run than may (P3). `LONGHAUL_JOBS` is how
//! many.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::history::{Eligible, History};
use super::{report, size};
use crate::support::deadline::within;
use crate::support::graphql::{Api, Heard, code_of};
use crate::support::server::{Server, processes_with};

const CLIENTS: u64 = 50;
const SLOTS: usize = 4;
/// Every so many jobs one is of the kind that fails first.
const FLAKY: u64 = 10;

const CONFIG: &str = r#"
[server]
drain_timeout = "2s"
[worker]
slots = 4
[kinds.true]
command = ["true"]
[kinds.flaky]
command = ["/bin/sh", "-c", "[ $LONGHAUL_ATTEMPT -ge 3 ]"]
retries = 2
retry_backoff = "2s"
[kinds.long]
command = ["/bin/sh", "-c", "[ $LONGHAUL_ATTEMPT -ge 2 ] || exec sleep 600"]
"#;

/// What all clients share.
struct Work {
    jobs: u64,
    next: AtomicU64,
    /// Grows when a server that was gone is back.
    server: watch::Receiver<u32>,
    acknowledged: watch::Sender<u64>,
}

/// Starts jobs until none is left; the ids that were acknowledged.
async fn client(api: Api, work: Arc<Work>) -> Vec<String> {
    let query = "mutation($i: StartJobInput!) { startJob(input: $i) { job { id } } }";
    let mut server = work.server.clone();
    let mut ids = Vec::new();
    loop {
        let number = work.next.fetch_add(1, Ordering::Relaxed);
        if number >= work.jobs {
            return ids;
        }
        let kind = if number.is_multiple_of(FLAKY) { "flaky" } else { "true" };
        let input = json!({ "kind": kind, "idempotencyKey": format!("key {number}") });
        loop {
            let generation = *server.borrow_and_update();
            let answer = api.try_ask(query, json!({ "i": input })).await;
            match answer {
                Ok(answer) if answer["errors"].is_null() => {
                    let id = answer["data"]["startJob"]["job"]["id"].as_str().unwrap();
                    ids.push(id.to_owned());
                    work.acknowledged.send_modify(|count| *count += 1);
                    break;
                }
                Ok(answer) => assert_eq!(code_of(&answer).as_deref(), Some("NOT_ACCEPTING")),
                // Cut off: nobody knows whether it was accepted, so it is sent again (P14).
                Err(_) => {}
            }
            let back = server.wait_for(|now| *now > generation);
            within("the server's return", &number, back).await.unwrap();
        }
    }
}

/// Follows the retries, over restarts of the server, until all jobs ended; when each was to go on.
async fn follow_retries(api: Api, mut server: watch::Receiver<u32>) -> Eligible {
    let query = "subscription($after: Cursor) { jobFeed(after: $after, minIntervalMs: 50,
        filter: { kinds: [\"flaky\"] }) { cursor events { job { id attempt
        wait { reason eligibleAt } } } } }";
    let mut seen = Eligible::new();
    let mut cursor = Value::Null;
    loop {
        let generation = *server.borrow_and_update();
        let mut socket = api.socket().await;
        socket.subscribe("retries", query, json!({ "after": cursor })).await;
        while let Ok(heard) = socket.try_next().await {
            let Heard::Next(_, data) = heard else { break };
            cursor = data["jobFeed"]["cursor"].clone();
            for event in data["jobFeed"]["events"].as_array().unwrap() {
                seen.extend(eligible(&event["job"]));
            }
        }
        // The sender is gone when there is nothing more to follow.
        if server.wait_for(|now| *now > generation).await.is_err() {
            return seen;
        }
    }
}

fn eligible(job: &Value) -> Option<((String, i64), i64)> {
    if job["wait"]["reason"] != "RETRY_BACKOFF" {
        return None;
    }
    let at = job["wait"]["eligibleAt"].as_str()?.parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    let id = job["id"].as_str()?.replace('-', "").to_uppercase();
    Some(((id, job["attempt"].as_i64()?), at.timestamp_millis()))
}

#[tokio::test(flavor = "multi_thread")]
async fn many_jobs_keep_their_order_over_a_pause_a_restart_and_retries() {
    let jobs = size("LONGHAUL_JOBS", 300);
    let began = Instant::now();
    let mut server = Server::start(CONFIG).await;
    let before = server.api.feed_cursor().await;
    let (back, generation) = watch::channel(0);
    let (acknowledged, mut count) = watch::channel(0);
    let work = Work { jobs, next: AtomicU64::new(0), server: generation.clone(), acknowledged };
    let work = Arc::new(work);
    let mut clients = JoinSet::new();
    let mut follower = JoinSet::new();
    follower.spawn(follow_retries(server.api.clone(), generation));
    for _ in 0..CLIENTS {
        clients.spawn(client(server.api.clone(), Arc::clone(&work)));
    }
    let mut reached = async |part: u64| {
        within("enough acknowledged jobs", &part, count.wait_for(|n| *n >= part)).await.unwrap();
    };
    reached(jobs / 4).await;
    server.api.ask("mutation { pauseQueue { changed } }", json!({})).await;
    reached(jobs / 3).await;
    server.api.ask("mutation { resumeQueue { changed } }", json!({})).await;
    reached(jobs / 2).await;
    let long = start_and_wait(&server.api).await;
    assert!(server.stop().await.success(), "a graceful stop");
    server.start_again().await;
    back.send_replace(1);
    let mut ids: Vec<String> = clients.join_all().await.into_iter().flatten().collect();
    let accepted_in = began.elapsed();
    ids.push(long);
    let ended = server.api.ended_since(&before, ids.len()).await;
    let took = began.elapsed();
    let keys = server.attempt_keys();
    assert!(server.stop().await.success());
    drop(back);
    let eligible = within("the end of the feed", &"", follower.join_all()).await.remove(0);
    let unique: HashSet<&String> = ids.iter().collect();
    assert_eq!(unique.len(), ids.len(), "P14: each key its own job");
    assert!(ids.iter().all(|id| ended.contains_key(id)), "P1: each acknowledged job ended");
    let history = History::read(&server.database(), &eligible);
    report(&format!("  {jobs} jobs accepted in {accepted_in:?}, ended in {took:?}: {history:?}"));
    judge(&history, ids.len(), &processes_with(&keys));
}

/// A job that runs when the server stops, so that the stop has something to give back.
async fn start_and_wait(api: &Api) -> String {
    let id = api.start("long", json!({})).await;
    let query = "subscription($id: ID!) { jobStatus(id: $id) { state } }";
    let mut socket = api.socket().await;
    socket.subscribe(&id, query, json!({ "id": id })).await;
    while let Some(status) = socket.next_status().await {
        if status["state"] == "RUNNING" {
            return id;
        }
    }
    panic!("it sleeps, and does not end");
}

fn judge(history: &History, jobs: usize, left: &[String]) {
    assert_eq!(history.jobs, jobs, "each job once, and none that nobody knows of");
    assert_eq!(history.states.keys().collect::<Vec<_>>(), ["SUCCEEDED"], "{history:?}");
    assert!(history.inversions.is_empty(), "P2: {:#?}", history.inversions);
    assert!(history.most_open <= SLOTS, "P3: {history:?}");
    assert_eq!(history.after_the_end, 0, "P5: {history:?}");
    assert!(history.retries > 0 && history.unseen * 4 <= history.retries, "{history:?}");
    assert!(history.given_back >= 1, "the stop met the long job: {history:?}");
    assert!(left.is_empty(), "P8: {left:?}");
}
