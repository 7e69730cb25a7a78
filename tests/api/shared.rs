//! `jobStatus` where many ask the same: each hears what it would hear alone, and no more (P7, P15).

use longhaul::domain::clock::from_unix_millis;
use serde_json::{Value, json};

use super::access::House;
use super::bed::serve;
use super::socket::Heard;

/// Whatever is the same for everybody.
const PLAIN: &str = "subscription($id: ID!, $every: Int) { jobStatus(id: $id, minIntervalMs: $every) {
    __typename id seq change at state terminal coalesced reason reasonText
    wait { reason reasonText position eligibleAt } progress { percent current total message updatedAt }
    estimate { startAt startAtLatest endAt endAtLatest basedOnRuns }
    job { id seq state terminal reason reasonText createdAt notBefore startedAt cancelRequestedAt endedAt
        exitCode signal attempt maxAttempts timeoutMs wait { reason reasonText position eligibleAt }
        progress { percent } estimate { startAt startAtLatest endAt endAtLatest basedOnRuns } } } }";

#[tokio::test]
async fn who_asks_the_same_hears_what_it_would_hear_alone() {
    // P7: for those who ask the same, one message is written, and the library lets go of them.
    let server = serve().await;
    let id = server.start("work").await;
    let running = server.spawned().await;
    let mut streams = Vec::new();
    // The last one asks for more, which is shared with nobody.
    let more = PLAIN.replace("job {", "job { labels { key }");
    for query in [PLAIN, PLAIN, PLAIN, &more] {
        let mut stream = server.subscribe(query, json!({"id": id, "every": 50})).await;
        while stream.value().await["state"] != "RUNNING" {}
        streams.push(stream);
    }
    let mut heard = vec![Vec::new(); streams.len()];
    running.progress(40.0, from_unix_millis(0)).await;
    for (stream, heard) in streams.iter_mut().zip(&mut heard) {
        heard.push(stream.value().await);
        assert_eq!(heard[0]["progress"]["percent"], 40.0);
    }
    running.end().await;
    for (stream, heard) in streams.iter_mut().zip(&mut heard) {
        while heard.last().unwrap()["terminal"] == false {
            heard.push(stream.value().await);
        }
        assert_eq!(stream.next().await, Heard::Complete);
    }
    for event in &mut heard[3] {
        assert_eq!(event["job"].as_object_mut().unwrap().remove("labels"), Some(json!([])));
    }
    assert!(heard.iter().all(|each| *each == heard[3]), "{heard:#?}");
}

#[tokio::test]
async fn the_row_in_a_message_waits_as_the_message_says() {
    // P7: all of it from one moment, of a job that waits as of one that runs.
    let server = serve().await;
    let id = server.start("work").await;
    server.spawned().await.end().await;
    server.ended(&id).await;
    server.start("work").await;
    let holder = server.spawned().await;
    let id = server.start("work").await;
    let more = PLAIN.replace("job {", "job { labels { key }");
    for query in [PLAIN, &more] {
        let mut stream = server.subscribe(query, json!({"id": id, "every": 50})).await;
        let told = stream.value().await;
        let text = told["wait"]["reasonText"].as_str().unwrap_or_else(|| panic!("{told}"));
        let name = holder.job.to_string();
        let end = format!("\u{2026}{}; it is next", &name[name.len() - 8..]);
        assert!(text.ends_with(&end) && told["wait"]["position"] == 1, "{told}");
        let estimate = &told["estimate"];
        assert_eq!((&estimate["basedOnRuns"], estimate["startAt"].is_string()), (&json!(1), true));
        for field in ["wait", "estimate", "progress"] {
            assert_eq!(told["job"][field], told[field], "{field}");
        }
    }
}

#[tokio::test]
async fn an_estimate_is_pushed_once_there_is_one() {
    let server = serve().await;
    server.start("work").await;
    let first = server.spawned().await;
    let ids = [server.start("work").await, server.start("work").await];
    let query = "subscription($id: ID!) { jobStatus(id: $id, minIntervalMs: 50) { state terminal
        estimate { startAt endAt endAtLatest basedOnRuns } } }";
    let mut streams = Vec::new();
    for id in &ids {
        let mut stream = server.subscribe(query, json!({ "id": id })).await;
        assert_eq!(stream.value().await["estimate"], Value::Null, "nothing is known of its kind");
        streams.push(stream);
    }
    first.end().await;
    let second = server.spawned().await;
    // The one of them has a slot now, so it has started; the other waits still.
    for (stream, is_waiting) in streams.iter_mut().zip([false, true]) {
        let mut told = stream.value().await;
        while told["estimate"].is_null() || told["estimate"]["startAt"].is_string() != is_waiting {
            told = stream.value().await;
        }
        assert_eq!(told["estimate"]["basedOnRuns"], 1);
        assert!(told["estimate"]["endAt"].is_string(), "{told}");
    }
    second.end().await;
    let mut told = streams[0].value().await;
    while told["terminal"] == false {
        told = streams[0].value().await;
    }
    assert_eq!(told["estimate"], Value::Null, "it has ended");
}

#[tokio::test]
async fn who_may_not_see_a_holder_is_not_told_of_it() {
    // P15: three ask the same of one job, and two of them see less.
    let house = House::new().await;
    let ann = house.token("ann", &["start:work"]).await;
    let bob = house.token("bob", &["start:work"]).await;
    let start = "mutation { startJob(input: {kind: \"work\"}) { job { id } } }";
    house.ask(&ann, start, &json!({})).await;
    let holder = house.server.spawned().await.job.to_string();
    let waits = house.ask(&bob, start, &json!({})).await;
    let id = &waits["data"]["startJob"]["job"]["id"];
    let shared = house.share(&bob, id.as_str().unwrap()).await;
    for (who, token, sees) in
        [("root", &house.root, true), ("bob", &bob, false), ("a share", &shared, false)]
    {
        let told = house.follow(token, PLAIN, &json!({"id": id, "every": 50})).await;
        let status = &told["data"]["jobStatus"];
        for wait in [&status["wait"], &status["job"]["wait"]] {
            let text = wait["reasonText"].as_str().unwrap_or_else(|| panic!("{who}: {told}"));
            assert!(text.starts_with("1 of 1 slots of queue `default` are busy"), "{who}: {text}");
            assert_eq!(text.contains(&holder[holder.len() - 8..]), sees, "{who}: {text}");
        }
    }
}
