//! The numbers of a queue, asked for and followed.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::bed::serve;
use super::socket::Heard;

const STATS: &str =
    "subscription($name: String, $every: Int) { queueStats(name: $name, intervalMs: $every) {
    name paused stats { running waiting notBefore endedLastHour } } }";

#[tokio::test]
async fn a_queue_tells_its_numbers() {
    let server = serve().await;
    let query = "{ queue { stats { at running waiting notBefore oldestWaitMs waitP50Ms waitP95Ms runP50Ms runP95Ms
        endedLastHour failedLastHour } } kind(name: \"work\") { typicalRunMs } }";
    let data = server.data(query, json!({})).await;
    let stats = &data["queue"]["stats"];
    for number in ["oldestWaitMs", "waitP50Ms", "waitP95Ms", "runP50Ms", "runP95Ms"] {
        assert_eq!(stats[number], Value::Null, "nothing ended, nothing waits: {stats}");
    }
    assert_eq!((&stats["endedLastHour"], &stats["failedLastHour"]), (&json!(0), &json!(0)));
    assert_eq!(data["kind"]["typicalRunMs"], Value::Null);
    let id = server.start("work").await;
    let running = server.spawned().await;
    server.start("work").await;
    running.end().await;
    server.ended(&id).await;
    let _second = server.spawned().await;
    server.start("work").await;
    let data = server.data(query, json!({})).await;
    let stats = &data["queue"]["stats"];
    assert_eq!((&stats["running"], &stats["waiting"]), (&json!(1), &json!(1)));
    assert_eq!((&stats["endedLastHour"], &stats["failedLastHour"]), (&json!(1), &json!(0)));
    for number in ["oldestWaitMs", "waitP50Ms", "waitP95Ms", "runP50Ms", "runP95Ms"] {
        assert!(stats[number].as_i64().is_some_and(|ms| (0..60_000).contains(&ms)), "{stats}");
    }
    assert_eq!(data["kind"]["typicalRunMs"], stats["runP50Ms"]);
}

#[tokio::test]
async fn a_queue_is_told_when_it_changes() {
    let server = serve().await;
    let mut stream = server.subscribe(STATS, json!({"name": "narrow", "every": 250})).await;
    let first = stream.value().await;
    assert_eq!((&first["name"], &first["stats"]["waiting"]), (&json!("narrow"), &json!(0)));
    // Another queue's change is none of this one.
    server.start("wide").await;
    let id = server.start("narrow").await;
    server.start("narrow").await;
    let mut told = stream.value().await;
    while told["stats"]["waiting"] != 2 {
        told = stream.value().await;
    }
    server.cancel(&id).await;
    while told["stats"]["endedLastHour"] != 1 {
        told = stream.value().await;
    }
    assert_eq!(told["stats"]["waiting"], 1);
    server.data("mutation { pauseQueue(name: \"narrow\") { changed } }", json!({})).await;
    while told["paused"] != true {
        told = stream.value().await;
    }
}

#[tokio::test]
async fn all_queues_are_told_one_a_message() {
    let server = serve().await;
    let mut stream = server.subscribe(STATS, json!({"name": null, "every": 250})).await;
    let mut names = HashSet::new();
    for _ in 0..3 {
        names.insert(stream.value().await["name"].as_str().unwrap().to_owned());
    }
    assert_eq!(names.len(), 3, "each once: {names:?}");
    server.start("wide").await;
    let next = stream.value().await;
    assert_eq!((&next["name"], &next["stats"]["waiting"]), (&json!("wide"), &json!(1)));
}

#[tokio::test]
async fn a_stream_of_no_queue_is_an_error() {
    let server = serve().await;
    for (name, every, code) in [
        ("nothing", 250, "NOT_FOUND"),
        ("default", 249, "INVALID_INPUT"),
        ("default", -1, "INVALID_INPUT"),
    ] {
        let mut stream = server.subscribe(STATS, json!({"name": name, "every": every})).await;
        assert_eq!(stream.next().await, Heard::Error(code.to_owned()), "{name} {every}");
    }
}
