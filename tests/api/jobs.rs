//! Jobs and queues, from the mutation to what can be read of them.

use serde_json::{Value, json};

use super::bed::serve;

#[tokio::test]
async fn a_job_is_started_runs_and_shows_all_of_itself() {
    let server = serve().await;
    let start = r#"mutation($args: JSON) { startJob(input: {kind: "copy", args: $args, timeoutMs: 60000}) {
        created job { id state seq attempt terminal timeoutMs wait { reason reasonText } queue { name declared slots paused }
            kind { name declared maxAttempts argsSchema queue { id } } } } }"#;
    let args = json!({"to": "/b", "from": "/a"});
    let data = server.data(start, json!({ "args": args })).await;
    let job = &data["startJob"]["job"];
    assert_eq!(data["startJob"]["created"], true);
    assert_eq!(
        (&job["state"], &job["seq"], &job["attempt"]),
        (&json!("QUEUED"), &json!(1), &json!(0))
    );
    assert_eq!(
        job["queue"],
        json!({"name": "default", "declared": true, "slots": 1, "paused": false})
    );
    assert_eq!(job["kind"]["argsSchema"]["required"], json!(["from", "to"]));
    let running = server.spawned().await;
    assert_eq!(job["id"], running.job.to_string());

    let id = job["id"].clone();
    let mut stream = server
        .subscribe(
            "subscription($id: ID!) { jobStatus(id: $id) { terminal } }",
            json!({ "id": id }),
        )
        .await;
    running.end().await;
    while stream.value().await["terminal"] == false {}
    let read = "query($id: ID!) { job(id: $id) { state reason reasonText exitCode signal args result
        terminal attempt createdAt startedAt endedAt wait { reason } progress { percent } log { complete nodes { text } } } }";
    let job = &server.data(read, json!({ "id": id })).await["job"];
    assert_eq!(
        (&job["state"], &job["reason"], &job["exitCode"]),
        (&json!("SUCCEEDED"), &json!("OK"), &json!(0))
    );
    assert_eq!(
        (&job["wait"], &job["progress"], &job["signal"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    // The order of keys and whole numbers of 64 bit are kept, in and out.
    assert_eq!(job["args"].to_string(), r#"{"to":"/b","from":"/a"}"#);
    assert_eq!(job["result"].to_string(), r#"{"z":1,"a":18446744073709551615}"#);
    assert_eq!(job["log"], json!({"complete": true, "nodes": []}));
    for instant in ["createdAt", "startedAt", "endedAt"] {
        let text = job[instant].as_str().unwrap();
        assert!(text.len() == 24 && text.ends_with('Z'), "three digits of milliseconds: {text}");
    }
}

#[tokio::test]
async fn a_key_makes_one_job() {
    // P14
    let server = serve().await;
    let start = r#"mutation($kind: String!) { startJob(input: {kind: $kind, idempotencyKey: "k"}) { created job { id idempotencyKey } } }"#;
    let first = server.data(start, json!({"kind": "work"})).await;
    let again = server.data(start, json!({"kind": "work"})).await;
    assert_eq!(first["startJob"]["job"], again["startJob"]["job"]);
    assert_eq!(
        (&first["startJob"]["created"], &again["startJob"]["created"]),
        (&json!(true), &json!(false))
    );
    let other = server.answer(start, json!({"kind": "narrow"})).await;
    let extensions = &other["errors"][0]["extensions"];
    assert_eq!(extensions["code"], "IDEMPOTENCY_CONFLICT");
    assert_eq!(extensions["jobId"], first["startJob"]["job"]["id"]);
}

#[tokio::test]
async fn a_cancel_is_acknowledged_and_ends_as_one() {
    // P10
    let server = serve().await;
    let (running, waiting) = (server.start("work").await, server.start("work").await);
    let _attempt = server.spawned().await;
    let cancel = r#"mutation($id: ID!) { cancelJob(id: $id, note: "enough") { changed job { state cancelNote } } }"#;
    let data = server.data(cancel, json!({ "id": waiting })).await;
    assert_eq!(
        data["cancelJob"],
        json!({"changed": true, "job": {"state": "CANCELED", "cancelNote": "enough"}})
    );
    let again = server.data(cancel, json!({ "id": waiting })).await;
    assert_eq!(again["cancelJob"]["changed"], false);
    let data = server.data(cancel, json!({ "id": running })).await;
    assert_eq!(data["cancelJob"]["job"]["state"], "CANCELING");
    let retry =
        "mutation($id: ID!) { retryJob(id: $id) { created job { id retryOf { id state } } } }";
    let data = server.data(retry, json!({ "id": waiting })).await;
    assert_eq!(data["retryJob"]["job"]["retryOf"], json!({"id": waiting, "state": "CANCELED"}));
}

#[tokio::test]
async fn a_queue_is_paused_resumed_and_resized() {
    let server = serve().await;
    let queue =
        "queue { name slots paused pausedNote maxWaiting stats { running waiting notBefore } }";
    let pause = format!(r#"mutation {{ pauseQueue(note: "lunch") {{ changed {queue} }} }}"#);
    let data = server.data(&pause, json!({})).await;
    assert_eq!(data["pauseQueue"]["queue"]["pausedNote"], "lunch");
    assert_eq!(server.data(&pause, json!({})).await["pauseQueue"]["changed"], false);
    let id = server.start("work").await;
    let wait = "query($id: ID!) { job(id: $id) { wait { reason position } } }";
    let data = server.data(wait, json!({ "id": id })).await;
    assert_eq!(data["job"]["wait"], json!({"reason": "QUEUE_PAUSED", "position": 1}));
    let slots = format!("mutation {{ setQueueSlots(slots: 3) {{ changed {queue} }} }}");
    let data = server.data(&slots, json!({})).await;
    let expected = json!({"name": "default", "slots": 3, "paused": true, "pausedNote": "lunch", "maxWaiting": 100_000,
        "stats": {"running": 0, "waiting": 1, "notBefore": 0}});
    assert_eq!(data["setQueueSlots"]["queue"], expected);
    server.data(&format!("mutation {{ resumeQueue {{ changed {queue} }} }}"), json!({})).await;
    assert_eq!(server.spawned().await.job.to_string(), id);
}

#[tokio::test]
async fn pages_go_both_ways_and_count_only_when_asked() {
    let server = serve().await;
    server.data("mutation { pauseQueue { changed } }", json!({})).await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(server.start("work").await);
    }
    server.start("narrow").await;
    let page = r#"query($first: Int, $after: Cursor, $last: Int, $before: Cursor, $orderBy: JobOrder) {
        jobs(filter: {kinds: ["work"], states: [QUEUED]}, first: $first, after: $after, last: $last, before: $before, orderBy: $orderBy) {
            nodes { id } totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"#;
    let ids_of = |data: &Value| -> Vec<String> {
        let nodes = data["jobs"]["nodes"].as_array().unwrap().iter();
        nodes.map(|node| node["id"].as_str().unwrap().to_owned()).collect()
    };
    let first = server.data(page, json!({"first": 2, "orderBy": "OLDEST"})).await;
    assert_eq!(ids_of(&first), ids[..2]);
    assert_eq!(first["jobs"]["totalCount"], 5);
    let after = &first["jobs"]["pageInfo"]["endCursor"];
    let second = server.data(page, json!({"first": 10, "after": after, "orderBy": "OLDEST"})).await;
    assert_eq!(ids_of(&second), ids[2..]);
    assert_eq!(second["jobs"]["pageInfo"]["hasNextPage"], false);
    let last = server.data(page, json!({"last": 2, "orderBy": null})).await;
    assert_eq!(ids_of(&last), [ids[1].clone(), ids[0].clone()], "newest first, from its end");
    let none = server.data(page, json!({"first": 0})).await;
    assert_eq!((ids_of(&none), &none["jobs"]["totalCount"]), (Vec::new(), &json!(5)));
    let nothing = server.data("{ jobs(filter: {states: []}) { nodes { id } } }", json!({})).await;
    assert_eq!(nothing["jobs"]["nodes"], json!([]), "an empty list matches nothing");
}

#[tokio::test]
async fn the_server_and_what_it_declares_can_be_read() {
    let server = serve().await;
    let data = server
        .data("{ server { version accepting store schemaHash now limits { pageSize argsBytes } } kinds { id name } queues { id } kind(name: \"nothing\") { id } queue(name: \"nothing\") { id } }", json!({}))
        .await;
    assert_eq!(data["server"]["version"], "0.0.0-test");
    assert_eq!(data["server"]["accepting"], true);
    assert_eq!(data["server"]["limits"], json!({"pageSize": 100, "argsBytes": 65536}));
    assert_eq!(data["server"]["schemaHash"].as_str().unwrap().len(), 64);
    assert_eq!(data["kinds"][1], json!({"id": "kind:copy", "name": "copy"}));
    assert_eq!(
        data["queues"],
        json!([{"id": "queue:default"}, {"id": "queue:narrow"}, {"id": "queue:wide"}])
    );
    assert_eq!((&data["kind"], &data["queue"]), (&Value::Null, &Value::Null));
}
