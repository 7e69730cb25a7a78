//! `jobStatus` and `jobLog`: from the snapshot to the end (P7).

use std::sync::Arc;

use longhaul::domain::clock::from_unix_millis;
use longhaul::domain::event::{Change, Event, JobChange};
use longhaul::domain::id::{EventNo, Seq};
use longhaul::domain::job::Job;
use longhaul::domain::state::JobState;
use longhaul::events::News;
use serde_json::{Value, json};

use super::bed::serve;
use super::socket::Heard;
use crate::support::gated::exit;

const STATUS: &str = "subscription($id: ID!, $every: Int) { jobStatus(id: $id, minIntervalMs: $every) {
    seq change state terminal coalesced reason wait { reason position } progress { percent } job { seq state } } }";

#[tokio::test]
async fn a_job_is_followed_from_its_snapshot_to_its_end() {
    // P7
    let server = serve().await;
    server.start("work").await;
    let second = server.start("work").await;
    let running = server.spawned().await;
    let mut stream = server.subscribe(STATUS, json!({"id": second, "every": 50})).await;
    let snapshot = stream.value().await;
    assert_eq!((&snapshot["change"], &snapshot["state"]), (&json!("SNAPSHOT"), &json!("QUEUED")));
    assert_eq!(snapshot["wait"]["position"], 1);
    running.end().await;
    let running = server.spawned().await;
    assert_eq!(running.job.to_string(), second);
    running.progress(40.0, from_unix_millis(0)).await;
    let mut seen = vec![snapshot];
    while seen.last().unwrap()["progress"].is_null() {
        seen.push(stream.value().await);
    }
    assert_eq!(seen.last().unwrap()["progress"]["percent"], 40.0);
    running.end().await;
    while seen.last().unwrap()["terminal"] == false {
        seen.push(stream.value().await);
    }
    assert_eq!(stream.next().await, Heard::Complete);
    let last = seen.last().unwrap();
    assert_eq!(
        (&last["state"], &last["change"], &last["reason"]),
        (&json!("SUCCEEDED"), &json!("ENDED"), &json!("OK"))
    );
    let volatile =
        |event: &Value| matches!(event["change"].as_str(), Some("POSITION" | "PROGRESS"));
    for pair in seen.windows(2) {
        let (before, after) = (pair[0]["seq"].as_i64().unwrap(), pair[1]["seq"].as_i64().unwrap());
        assert!(after >= before, "seq never falls: {seen:?}");
        assert!(volatile(&pair[1]) || after > before, "a committed change rises: {seen:?}");
    }
    for event in &seen {
        assert_eq!(
            (&event["job"]["seq"], &event["job"]["state"]),
            (&event["seq"], &event["state"])
        );
    }
}

#[tokio::test]
async fn what_is_older_than_the_snapshot_is_not_told() {
    // P7: a change may be committed between the subscription and the reading of the row, and is
    // heard after the row that has it already.
    let server = serve().await;
    let id = server.start("work").await;
    let running = server.spawned().await;
    let mut stream = server.subscribe(STATUS, json!({ "id": id })).await;
    let mut known = stream.value().await;
    while known["state"] != "RUNNING" {
        known = stream.value().await;
    }
    let handle = server.scheduler.handle();
    let row = handle.reader().job(running.job).await.unwrap().unwrap();
    let event = Event {
        no: EventNo(1),
        job: row.id,
        seq: Seq(1),
        at: row.created_at,
        change: JobChange::Queued,
        state: JobState::Queued,
        before: None,
        attempt: None,
    };
    let old = Job { seq: Seq(1), state: JobState::Queued, ..Job::clone(&row) };
    let old = Arc::new(Change { event, job: Arc::new(old) });
    handle.bus().tell(row.id, || News::Change(old));
    running.end().await;
    let next = stream.value().await;
    assert_eq!(next["change"], "ENDED", "{next} after {known}");
}

#[tokio::test]
async fn a_move_in_the_line_is_pushed() {
    let server = serve().await;
    server.start("work").await;
    let (ahead, behind) = (server.start("work").await, server.start("work").await);
    let _running = server.spawned().await;
    let mut stream = server.subscribe(STATUS, json!({"id": behind, "every": 50})).await;
    assert_eq!(stream.value().await["wait"]["position"], 2);
    server
        .data("mutation($id: ID!) { cancelJob(id: $id) { changed } }", json!({ "id": ahead }))
        .await;
    // Its reason to wait may move by itself; its place only by the cancel.
    let mut moved = stream.value().await;
    while moved["wait"]["position"] != 1 {
        moved = stream.value().await;
    }
    assert_eq!((&moved["change"], &moved["seq"]), (&json!("POSITION"), &json!(1)));
    server.data("mutation { pauseQueue { changed } }", json!({})).await;
    while moved["wait"]["reason"] != "QUEUE_PAUSED" {
        moved = stream.value().await;
    }
    assert_eq!(moved["seq"], 1, "nothing about the job itself was committed");
}

#[tokio::test]
async fn progress_is_throttled_and_its_last_word_is_sent() {
    let server = serve().await;
    let id = server.start("work").await;
    let running = server.spawned().await;
    let mut stream = server.subscribe(STATUS, json!({"id": id, "every": 300})).await;
    let mut latest = stream.value().await;
    for percent in 1..=10 {
        running.progress(f64::from(percent), from_unix_millis(i64::from(percent))).await;
    }
    let mut told = 0;
    let mut left_out = 0;
    while latest["progress"]["percent"] != 10.0 {
        latest = stream.value().await;
        told += i64::from(latest["change"] == "PROGRESS");
        left_out += latest["coalesced"].as_i64().unwrap();
    }
    assert!(told <= 3, "ten reports within one interval became {told} messages");
    assert!(told + left_out <= 11 && left_out >= 7, "{left_out} of ten were counted as left out");
}

#[tokio::test]
async fn progress_goes_with_the_attempt_that_reported_it() {
    let server = serve().await;
    let id = server.start("retried").await;
    let running = server.spawned().await;
    let mut stream = server.subscribe(STATUS, json!({"id": id, "every": 50})).await;
    running.progress(80.0, from_unix_millis(0)).await;
    let mut latest = stream.value().await;
    while latest["progress"]["percent"] != 80.0 {
        latest = stream.value().await;
    }
    running.end_as(exit(1)).await;
    while latest["change"] != "RETRYING" {
        latest = stream.value().await;
    }
    assert_eq!((&latest["state"], &latest["progress"]), (&json!("QUEUED"), &Value::Null));
    let read = "query($id: ID!) { job(id: $id) { state progress { percent } } }";
    let job = server.data(read, json!({ "id": id })).await;
    assert_eq!(job["job"], json!({"state": "QUEUED", "progress": null}));
}

#[tokio::test]
async fn who_comes_after_the_end_hears_the_end() {
    // P7
    let server = serve().await;
    let id = server.start("narrow").await;
    server.data("mutation($id: ID!) { cancelJob(id: $id) { changed } }", json!({ "id": id })).await;
    let mut stream = server.subscribe(STATUS, json!({ "id": id })).await;
    let only = stream.value().await;
    assert_eq!(
        (&only["change"], &only["state"], &only["terminal"]),
        (&json!("SNAPSHOT"), &json!("CANCELED"), &json!(true))
    );
    assert_eq!(stream.next().await, Heard::Complete);
}

#[tokio::test]
async fn a_stream_of_nothing_is_an_error() {
    let server = serve().await;
    let nobody = "019ab3c0-5a50-7c3e-8f00-3b6f2c1d9e77";
    let log = "subscription($id: ID!) { jobLog(id: $id) { complete } }";
    for (query, variables, code) in [
        (STATUS, json!({ "id": nobody }), "NOT_FOUND"),
        (STATUS, json!({"id": "42"}), "INVALID_INPUT"),
        (STATUS, json!({"id": nobody, "every": 49}), "INVALID_INPUT"),
        (log, json!({ "id": nobody }), "NOT_FOUND"),
        ("subscription { jobFeed(after: \"j0\") { reset } }", json!({}), "INVALID_INPUT"),
    ] {
        let mut stream = server.subscribe(query, variables).await;
        assert_eq!(stream.next().await, Heard::Error(code.to_owned()), "{query}");
    }
}

#[tokio::test]
async fn the_log_of_an_attempt_that_never_was_is_an_error_once_the_job_has_ended() {
    let server = serve().await;
    let id = server.start("work").await;
    let running = server.spawned().await;
    let log =
        "subscription($id: ID!, $attempt: Int) { jobLog(id: $id, attempt: $attempt) { complete } }";
    let mut early = server.subscribe(log, json!({"id": id, "attempt": 2})).await;
    assert_eq!(early.value().await["complete"], false, "it may come yet");
    running.end().await;
    assert_eq!(early.next().await, Heard::Error("NOT_FOUND".to_owned()));
    let mut late = server.subscribe(log, json!({"id": id, "attempt": 2})).await;
    assert_eq!(late.next().await, Heard::Error("NOT_FOUND".to_owned()));
    let mut only = server.subscribe(log, json!({"id": id, "attempt": 1})).await;
    assert_eq!(only.value().await["complete"], true);
}

#[tokio::test]
async fn a_server_that_stops_closes_by_name() {
    // P7
    let server = serve().await;
    let id = server.start("narrow").await;
    let mut stream = server.subscribe(STATUS, json!({ "id": id })).await;
    stream.value().await;
    server.closing.cancel();
    assert_eq!(stream.next().await, Heard::Closed(1001));
}

#[tokio::test]
async fn a_log_is_complete_when_its_job_has_ended() {
    let server = serve().await;
    let id = server.start("work").await;
    let running = server.spawned().await;
    let query = "subscription($id: ID!) { jobLog(id: $id) { lines { text } cursor complete } }";
    let mut stream = server.subscribe(query, json!({ "id": id })).await;
    let begin = stream.value().await;
    assert_eq!((&begin["lines"], &begin["complete"]), (&json!([]), &json!(false)));
    running.end().await;
    let end = stream.value().await;
    assert_eq!((&end["complete"], &end["cursor"]), (&json!(true), &begin["cursor"]));
    assert_eq!(stream.next().await, Heard::Complete);
}
