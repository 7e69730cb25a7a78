//! What runs on one server, watched on others: how much later they tell it, and a follower that goes from
//! server to server.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_postgres::Client;

use super::fleet::{Fleet, runs, until};
use super::fleet_logs::{front, worker};
use super::{report, size};
use crate::support::deadline::within;
use crate::support::graphql::{Api, Heard, Socket};
use crate::support::postgres::client;

const FEED: &str = "subscription($after: Cursor) { jobFeed(after: $after, minIntervalMs: 50) {
    cursor reset events { jobId change coalesced } } }";
const TIMELINE: &str = "query($id: ID!, $after: Cursor) { job(id: $id) {
    events(after: $after) { nodes { seq change } pageInfo { endCursor } } } }";

/// The first status in this state, and when it came.
async fn told(socket: &mut Socket, state: &str) -> (Instant, Value) {
    let status = until(socket, state, |status| status["state"] == state).await;
    (Instant::now(), status["seq"].clone())
}

/// How much later it is told on the first one, where both tell the same.
async fn added((there, here): &mut (Socket, Socket), state: &str) -> Duration {
    let (there, here) = tokio::join!(told(there, state), told(here, state));
    assert_eq!(there.1, here.1, "one seq on each server: {state}");
    there.0.saturating_duration_since(here.0)
}

fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() * percent).div_ceil(100).max(1) - 1]
}

/// P7: a subscription on one server follows a job on another. `LONGHAUL_LIVE` says how many changes are timed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_told_on_another_server_as_on_its_own() {
    let count = size("LONGHAUL_LIVE", 20).div_ceil(2);
    let fleet = Fleet::new().await;
    let b = worker(&fleet, "b").await;
    let a = front(&fleet, "a").await;
    // One slot, and all but the first are watched from before they run: each change is told live.
    let mut next = fleet.start(&b.api, "gate-0").await;
    let mut watched = (runs(&a.api, &next, 1).await, runs(&b.api, &next, 1).await);
    let mut times = Vec::new();
    for number in 0..count {
        next = fleet.start(&b.api, &format!("gate-{}", number + 1)).await;
        let mut waiting = (a.api.watch(&next).await, b.api.watch(&next).await);
        for on in [&mut waiting.0, &mut waiting.1] {
            until(on, "it waits", |status| status["state"] == "QUEUED").await;
        }
        fleet.open(&format!("gate-{number}"));
        times.push(added(&mut watched, "SUCCEEDED").await);
        times.push(added(&mut waiting, "RUNNING").await);
        watched = waiting;
    }
    times.sort();
    report(&format!(
        "{} changes on another server, later than on their own: p50 {:.1?}, p99 {:.1?}, most {:.1?}",
        times.len(),
        percentile(&times, 50),
        percentile(&times, 99),
        percentile(&times, 100),
    ));
    fleet.open(&format!("gate-{count}"));
    added(&mut watched, "SUCCEEDED").await;
}

/// What a feed told, from one cursor to the next: the last change of each job, and how many.
struct Message {
    after: i64,
    up_to: i64,
    changes: BTreeMap<String, (String, u64)>,
}

/// The number of an event, which is what a cursor of the feed says to every server.
fn number(cursor: &Value) -> i64 {
    i64::from_str_radix(cursor.as_str().unwrap().trim_start_matches('e'), 16).unwrap()
}

/// Goes on after a cursor on this server, for one message.
async fn follow(api: &Api, after: &Value) -> (Value, Message) {
    let mut socket = api.socket().await;
    socket.subscribe("feed", FEED, json!({ "after": after })).await;
    let mut first = true;
    loop {
        let next = within("what a feed tells", after, socket.next()).await;
        let Heard::Next(_, mut data) = next else { panic!("a feed has no end: {next:?}") };
        let feed = data["jobFeed"].take();
        assert_eq!(feed["reset"], false, "{feed}");
        let events = feed["events"].as_array().unwrap();
        if std::mem::take(&mut first) {
            assert_eq!((&feed["cursor"], events.len()), (after, 0), "it stands where it was");
            continue;
        }
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let changes = events.iter().map(|event| {
            let count = 1 + event["coalesced"].as_u64().unwrap();
            (text(&event["jobId"]), (text(&event["change"]), count))
        });
        let (after, up_to) = (number(after), number(&feed["cursor"]));
        let message = Message { after, up_to, changes: changes.collect() };
        return (feed["cursor"].clone(), message);
    }
}

/// All events of a schema.
async fn events(database: &Client) -> Vec<(i64, String, String)> {
    let sql = "SELECT no, jobs.id::text, change FROM job_events
               JOIN jobs ON jobs.accept_no = job_events.job ORDER BY no";
    let rows = database.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

/// P6, P7: whoever loses its server after each message and goes on at another one is told each event once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_goes_on_from_server_to_server() {
    const JOBS: usize = 30;
    let fleet = Fleet::new().await;
    let b = worker(&fleet, "b").await;
    let (a, c) = (front(&fleet, "a").await, front(&fleet, "c").await);
    let mut cursor = a.api.feed_cursor().await;
    let start = async {
        for number in 0..JOBS {
            let server = [&a, &b, &c][number % 3];
            server.api.start("sh", json!({ "script": "true" })).await;
        }
    };
    let listen = async {
        let (mut messages, mut ended) = (Vec::new(), 0);
        for server in [&a, &c, &b].into_iter().cycle() {
            let message;
            (cursor, message) = follow(&server.api, &cursor).await;
            ended += message.changes.values().filter(|(change, _)| change == "ENDED").count();
            messages.push(message);
            if ended == JOBS {
                break;
            }
        }
        messages
    };
    let ((), messages) = tokio::join!(start, listen);
    let events = events(&client(&fleet.url).await).await;
    let mut told = 0;
    for message in &messages {
        let mut expected = BTreeMap::<String, (String, u64)>::new();
        for (_, job, change) in
            events.iter().filter(|(no, ..)| *no > message.after && *no <= message.up_to)
        {
            let entry = expected.entry(job.clone()).or_default();
            *entry = (change.clone(), entry.1 + 1);
            told += 1;
        }
        assert_eq!(message.changes, expected, "{} to {}", message.after, message.up_to);
    }
    assert_eq!(told, events.len(), "nothing is left out");
    report(&format!("{told} events in {} messages, each on another server", messages.len()));
}

/// P7: a socket that is lost in the middle of a job's life, and another server that goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_status_goes_on_at_a_third_server() {
    let fleet = Fleet::new().await;
    let b = worker(&fleet, "b").await;
    let a = front(&fleet, "a").await;
    let id = fleet.start(&b.api, "gate").await;
    let timeline = async |api: &Api, after: &Value| {
        let query = json!({ "id": id, "after": after });
        let mut data = api.ask(TIMELINE, query).await;
        let page = data["job"]["events"].take();
        (page["nodes"].as_array().unwrap().clone(), page["pageInfo"]["endCursor"].clone())
    };
    let mut socket = a.api.watch(&id).await;
    let status = until(&mut socket, "RUNNING", |status| status["state"] == "RUNNING").await;
    let seq = status["seq"].as_u64().unwrap();
    let (mut past, cursor) = timeline(&a.api, &Value::Null).await;
    drop(socket);
    drop(a);
    let c = front(&fleet, "c").await;
    let mut socket = c.api.watch(&id).await;
    let snapshot = socket.next_status().await.unwrap();
    assert_eq!(snapshot["change"], "SNAPSHOT");
    assert_eq!(snapshot["seq"], json!(seq), "it stands where it was");
    fleet.open("gate");
    let end = socket.end().await;
    assert_eq!((&end["state"], &end["seq"]), (&json!("SUCCEEDED"), &json!(seq + 1)));
    past.extend(timeline(&c.api, &cursor).await.0);
    let events = events(&client(&fleet.url).await).await;
    let changes: Vec<_> = past.iter().map(|event| event["change"].clone()).collect();
    assert_eq!(changes, events.into_iter().map(|(.., change)| json!(change)).collect::<Vec<_>>());
    let seqs: Vec<_> = past.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (1..=seq + 1).collect::<Vec<_>>(), "each once");
}
