//! When the pushes of `jobStatus` come, by a clock that only the test moves: places at most once an interval and
//! no later, states at once.

use std::sync::mpsc;
use std::time::Duration;

use longhaul::domain::attempt::CancelMode;
use longhaul::domain::clock::from_unix_millis;
use serde_json::{Value, json};
use tokio::runtime::Builder;
use tokio::task::yield_now;
use tokio::time::advance;

use super::bed::{Server, serve};
use super::socket::Subscription;
use crate::support::gated::exit;
use crate::support::paused::{stand_still, within_real_time};

const EVERY: Duration = Duration::from_millis(200);
/// So long a place waits for its estimate.
const PATIENCE: Duration = Duration::from_millis(25);
const ALMOST: Duration = Duration::from_millis(199);
const STATUS: &str = "subscription($id: ID!) { jobStatus(id: $id) {
    seq change state coalesced wait { position } estimate { startAt } } }";

/// A server whose one slot is taken, with so many that wait, of whom the last is followed.
async fn last_of(waiting: usize) -> (Server, Vec<String>, Subscription) {
    let server = serve().await;
    server.start("work").await;
    let _running = server.spawned().await;
    let mut ids = Vec::new();
    for _ in 0..waiting {
        ids.push(server.start("work").await);
    }
    let mut stream = server.subscribe(STATUS, json!({"id": ids.last()})).await;
    let snapshot = next(&mut stream).await;
    assert_eq!((&snapshot["change"], place(&snapshot)), (&json!("SNAPSHOT"), waiting));
    (server, ids, stream)
}

async fn next(stream: &mut Subscription) -> Value {
    within_real_time("a message", stream.value()).await
}

fn place(status: &Value) -> usize {
    status["wait"]["position"].as_u64().unwrap().try_into().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_place_is_pushed_once_an_interval_and_no_later() {
    let _still = stand_still();
    let (server, ids, mut stream) = last_of(5).await;
    // Of three moves in an interval the last is told, when it is over.
    for id in &ids[..2] {
        server.cancel(id).await;
    }
    advance(ALMOST).await;
    server.cancel(&ids[2]).await;
    advance(Duration::from_millis(1)).await;
    let moved = next(&mut stream).await;
    assert_eq!((&moved["change"], place(&moved)), (&json!("POSITION"), 2), "{moved}");
    // After a quiet time one is told at once.
    advance(EVERY).await;
    server.cancel(&ids[3]).await;
    let moved = next(&mut stream).await;
    assert_eq!((&moved["change"], place(&moved)), (&json!("POSITION"), 1), "{moved}");
}

#[tokio::test(start_paused = true)]
async fn a_state_never_waits_for_the_interval() {
    // P7
    let _still = stand_still();
    let (server, ids, mut stream) = last_of(2).await;
    advance(EVERY).await;
    server.cancel(&ids[0]).await;
    assert_eq!(place(&next(&mut stream).await), 1);
    // From here on no time passes, though a place was told a moment ago.
    server.cancel(&ids[1]).await;
    let ended = next(&mut stream).await;
    assert_eq!((&ended["change"], &ended["state"]), (&json!("ENDED"), &json!("CANCELED")));
}

/// Keeps every thread that may block, until this is dropped.
fn occupy() -> mpsc::Sender<()> {
    let (sender, receiver) = mpsc::channel();
    tokio::task::spawn_blocking(move || receiver.recv());
    sender
}

#[test]
fn nothing_waits_for_an_estimate_that_takes_long() {
    // P7
    let mut runtime = Builder::new_current_thread();
    // One that keeps the time from passing, and one for all that blocks.
    let runtime = runtime.enable_all().start_paused(true).max_blocking_threads(2).build().unwrap();
    runtime.block_on(async {
        let _still = stand_still();
        let server = serve().await;
        let first = server.start("work").await;
        server.spawned().await.end().await;
        server.ended(&first).await;
        server.start("work").await;
        let running = server.spawned().await;
        let start = async || server.start("work").await;
        let [first, second, id] = [start().await, start().await, start().await];
        let mut stream = server.subscribe(STATUS, json!({ "id": id })).await;
        let snapshot = next(&mut stream).await;
        let told = &snapshot["estimate"];
        assert!(place(&snapshot) == 3 && told["startAt"].is_string(), "{snapshot}");
        // The pass over the line is too old to be told of again, and a new one comes nowhere.
        advance(2 * EVERY).await;
        let busy = occupy();
        let cancel = async |id: &str| {
            let handle = server.scheduler.handle();
            handle.cancel_job(id.parse().unwrap(), CancelMode::Graceful, None).await.unwrap();
        };
        cancel(&first).await;
        advance(PATIENCE).await;
        let moved = next(&mut stream).await;
        assert_eq!((place(&moved), &moved["estimate"]), (2, told), "{moved}");
        // The estimate of the first move is still to come.
        cancel(&second).await;
        advance(EVERY).await;
        for _ in 0..100 {
            // It has begun to wait by then.
            yield_now().await;
        }
        advance(PATIENCE).await;
        let moved = next(&mut stream).await;
        assert_eq!((place(&moved), &moved["estimate"]), (1, told), "{moved}");
        cancel(&id).await;
        let ended = next(&mut stream).await;
        assert_eq!((&ended["change"], &ended["state"]), (&json!("ENDED"), &json!("CANCELED")));
        drop(busy);
        running.end().await;
    });
}

#[tokio::test(start_paused = true)]
async fn progress_is_pushed_once_an_interval_and_its_attempts_end_at_once() {
    let _still = stand_still();
    let server = serve().await;
    let id = server.start("again").await;
    let running = server.spawned().await;
    let mut begins = server.subscribe(STATUS, json!({ "id": id })).await;
    while next(&mut begins).await["state"] != "RUNNING" {}
    let query =
        "subscription($id: ID!) { jobStatus(id: $id) { change coalesced progress { percent } } }";
    let mut stream = server.subscribe(query, json!({ "id": id })).await;
    assert_eq!(next(&mut stream).await["change"], "SNAPSHOT");
    let mut heard = server.scheduler.handle().bus().watch(running.job);
    for percent in [10.0, 20.0, 30.0] {
        running.progress(percent, from_unix_millis(0)).await;
        within_real_time("progress", heard.next()).await;
    }
    // Whoever has something to do has done it when this is answered.
    server.data("{ server { version } }", json!({})).await;
    advance(EVERY).await;
    let said = next(&mut stream).await;
    assert_eq!(said, json!({"change": "PROGRESS", "coalesced": 2, "progress": {"percent": 30.0}}));
    running.end_as(exit(1)).await;
    assert_eq!(next(&mut stream).await["change"], "RETRYING");
}

#[tokio::test(start_paused = true)]
async fn an_estimate_is_pushed_once_there_is_one() {
    let _still = stand_still();
    let server = serve().await;
    server.start("work").await;
    let running = server.spawned().await;
    let (_, last) = (server.start("work").await, server.start("work").await);
    let mut stream = server.subscribe(STATUS, json!({ "id": last })).await;
    let snapshot = next(&mut stream).await;
    assert_eq!(snapshot["estimate"], Value::Null, "no run has ended yet");
    running.end().await;
    let _running = server.spawned().await;
    advance(EVERY).await;
    let moved = next(&mut stream).await;
    assert_eq!(place(&moved), 1, "{moved}");
    assert!(moved["estimate"]["startAt"].is_string(), "{moved}");
}
