//! What a job went through: its events, its attempts, what they used, and what may be done now.

use longhaul::domain::attempt::{AttemptEnd, Usage};
use longhaul::domain::state::EndReason;
use serde_json::{Value, json};

use super::bed::{Server, serve};
use crate::support::gated::{ended, exit};

const EVENTS: &str = "query($id: ID!, $first: Int, $after: Cursor) { job(id: $id) {
    events(first: $first, after: $after) { nodes { seq cursor at change state attempt text detail }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }";

async fn events(server: &Server, variables: Value) -> Value {
    server.data(EVENTS, variables).await["job"]["events"].take()
}

/// A job whose first attempt fails and whose second one is killed.
async fn failed_twice(server: &Server) -> String {
    let id = server.start("again").await;
    let usage = Usage { cpu_ms: 7, peak_memory_bytes: Some(4_096), log_bytes: 3 };
    server.spawned().await.end_as(AttemptEnd { usage, ..exit(3) }).await;
    let usage = Usage { cpu_ms: 5, peak_memory_bytes: None, log_bytes: 1 };
    let killed = AttemptEnd { usage, signal: Some(9), ..ended(EndReason::Signal) };
    server.spawned().await.end_as(killed).await;
    server.ended(&id).await;
    id
}

#[tokio::test]
async fn a_timeline_tells_what_was_committed() {
    let server = serve().await;
    let id = failed_twice(&server).await;
    let page = events(&server, json!({ "id": id })).await;
    let told: Vec<_> = page["nodes"].as_array().unwrap().iter().collect();
    let short: Vec<_> = told
        .iter()
        .map(|event| {
            let word = |key: &str| event[key].as_str().unwrap_or("-");
            format!("{} {} {} {}", event["seq"], word("change"), word("state"), event["attempt"])
        })
        .collect();
    assert_eq!(
        short,
        [
            "1 QUEUED QUEUED null",
            "2 UPDATED QUEUED 1",
            "3 STARTED RUNNING 1",
            "4 RETRYING QUEUED 1",
            "5 UPDATED QUEUED 2",
            "6 STARTED RUNNING 2",
            "7 ENDED FAILED 2"
        ]
    );
    let texts: Vec<_> = told.iter().map(|event| event["text"].as_str().unwrap()).collect();
    assert_eq!(
        texts,
        [
            "accepted",
            "attempt 1 got a slot",
            "attempt 1 began",
            "attempt 1 failed, another one will come: exit code 3",
            "attempt 2 got a slot",
            "attempt 2 began",
            "failed: Signal"
        ]
    );
    assert_eq!(told[0]["detail"], Value::Null);
    let worker = json!(format!("worker:{}", server.scheduler.handle().me().id));
    assert_eq!(told[1]["detail"], json!({ "worker": worker }));
    let first = json!({"reason": "EXIT_CODE", "exitCode": 3, "cpuMs": 7, "peakMemoryBytes": 4096, "logBytes": 3});
    assert_eq!(told[3]["detail"], first);
    let last = json!({"reason": "SIGNAL", "signal": "SIGKILL", "cpuMs": 5, "logBytes": 1});
    assert_eq!(told[6]["detail"], last);
}

#[tokio::test]
async fn a_cancel_and_a_delay_stand_in_the_timeline() {
    let server = serve().await;
    let start = r#"mutation { startJob(input: {kind: "work", notBefore: "2999-01-01T00:00:00Z"}) { job { id } } }"#;
    let data = server.data(start, json!({})).await;
    let id = data["startJob"]["job"]["id"].clone();
    let cancel = "mutation($id: ID!) { cancelJob(id: $id, note: \"no\") { changed } }";
    server.data(cancel, json!({ "id": id })).await;
    let page = events(&server, json!({ "id": id })).await;
    assert_eq!(page["nodes"][0]["detail"], json!({"notBefore": "2999-01-01T00:00:00.000Z"}));
    assert_eq!(page["nodes"][1]["text"], "canceled while it waited");
    let running = server.start("work").await;
    let attempt = server.spawned().await;
    server.data(cancel, json!({ "id": running })).await;
    attempt.end_as(ended(EndReason::CancelRequested)).await;
    server.ended(&running).await;
    let page = events(&server, json!({ "id": running })).await;
    let asked = page["nodes"].as_array().unwrap().iter().find(|e| e["change"] == "CANCELING");
    assert_eq!(asked.unwrap()["detail"], json!({"note": "no"}));
}

#[tokio::test]
async fn a_timeline_is_read_page_by_page() {
    let server = serve().await;
    let id = failed_twice(&server).await;
    let (mut seqs, mut after) = (Vec::new(), Value::Null);
    loop {
        let page = events(&server, json!({"id": id, "first": 3, "after": after})).await;
        let nodes = page["nodes"].as_array().unwrap();
        seqs.extend(nodes.iter().map(|event| event["seq"].as_i64().unwrap()));
        let info = &page["pageInfo"];
        assert_eq!(info["hasPreviousPage"], !after.is_null());
        assert_eq!(info["startCursor"], nodes[0]["cursor"]);
        after = info["endCursor"].clone();
        // The words of an event come with it, whichever page it is on.
        assert!(nodes.iter().all(|e| e["attempt"].is_null() || !e["detail"].is_null()), "{page}");
        if info["hasNextPage"] == false {
            break;
        }
    }
    assert_eq!(seqs, [1, 2, 3, 4, 5, 6, 7]);
    let none = events(&server, json!({"id": id, "first": 0})).await;
    assert_eq!((&none["nodes"], &none["pageInfo"]["hasNextPage"]), (&json!([]), &json!(true)));
    let all = events(&server, json!({"id": id, "first": null})).await;
    assert_eq!(all["nodes"].as_array().unwrap().len(), 7, "null is the default");
    let other = server.start("narrow").await;
    for (variables, argument) in [
        (json!({"id": id, "first": 101}), "first"),
        (json!({"id": id, "first": -1}), "first"),
        (json!({"id": id, "after": "h00"}), "after"),
        (json!({"id": other, "after": after}), "after"),
    ] {
        let answer = server.answer(EVENTS, variables).await;
        let error = &answer["errors"][0]["extensions"];
        assert_eq!(error["code"], "INVALID_INPUT", "{answer}");
        assert_eq!(error["argument"], argument);
    }
}

#[tokio::test]
async fn attempts_show_how_each_ended_and_the_job_what_they_used() {
    let server = serve().await;
    let id = failed_twice(&server).await;
    let query = "query($id: ID!) { job(id: $id) { usage { cpuMs peakMemoryBytes logBytes }
        attempts { number startedAt endedAt reason reasonText exitCode signal supervision
            worker { name live } usage { cpuMs peakMemoryBytes } } } }";
    let job = &server.data(query, json!({ "id": id })).await["job"];
    assert_eq!(job["usage"], json!({"cpuMs": 12, "peakMemoryBytes": 4096, "logBytes": 4}));
    let [first, second] = job["attempts"].as_array().unwrap().as_slice() else { panic!("{job}") };
    assert_eq!((&first["number"], &second["number"]), (&json!(1), &json!(2)));
    assert_eq!((&first["exitCode"], &first["reason"]), (&json!(3), &json!("EXIT_CODE")));
    assert_eq!((&second["exitCode"], &second["signal"]), (&Value::Null, &json!("SIGKILL")));
    assert_eq!(second["worker"], json!({"name": "here", "live": true}));
    assert_eq!(second["usage"], json!({"cpuMs": 5, "peakMemoryBytes": null}));
    assert_eq!(second["supervision"], "SUBREAPER");
    assert!(first["endedAt"].as_str() >= first["startedAt"].as_str());

    let waiting = server.start("narrow").await;
    let job = &server.data(query, json!({ "id": waiting })).await["job"];
    assert_eq!((&job["usage"], &job["attempts"]), (&Value::Null, &json!([])));
    let running = server.start("work").await;
    let attempt = server.spawned().await;
    let mut stream = server
        .subscribe(
            "subscription($id: ID!) { jobStatus(id: $id) { state } }",
            json!({"id": running}),
        )
        .await;
    while stream.value().await["state"] != "RUNNING" {}
    let open = &server.data(query, json!({ "id": running })).await["job"]["attempts"][0];
    assert_eq!((&open["endedAt"], &open["usage"]), (&Value::Null, &Value::Null));
    assert_eq!((&open["reason"], &open["supervision"]), (&Value::Null, &json!("SUBREAPER")));
    attempt.end().await;
}

#[tokio::test]
async fn a_viewer_sees_what_may_be_done_now() {
    let server = serve().await;
    let query =
        "query($id: ID!) { job(id: $id) { startedBy canceledBy viewerCan { cancel retry readLog }
        queue { viewerCanManage pausedBy } kind { viewerCanStart } } }";
    let id = server.start("narrow").await;
    let job = &server.data(query, json!({ "id": id })).await["job"];
    assert_eq!(job["viewerCan"], json!({"cancel": true, "retry": false, "readLog": true}));
    assert_eq!(job["queue"], json!({"viewerCanManage": true, "pausedBy": null}));
    assert_eq!(job["kind"], json!({"viewerCanStart": true}));
    server.cancel(&id).await;
    let job = &server.data(query, json!({ "id": id })).await["job"];
    assert_eq!(job["viewerCan"], json!({"cancel": false, "retry": true, "readLog": true}));
    // There are no tokens, so there is no name of one.
    assert_eq!((&job["startedBy"], &job["canceledBy"]), (&Value::Null, &Value::Null));
    server.scheduler.drain().await;
    let job = &server.data(query, json!({ "id": id })).await["job"];
    assert_eq!(job["viewerCan"]["retry"], false, "nobody may start anything now");
    assert_eq!(job["kind"]["viewerCanStart"], false);
}
