//! `checkJob`: what `startJob` would say, as data, with nothing stored.

use serde_json::{Value, json};

use super::bed::{Server, serve};

const CHECK: &str = "query($input: StartJobInput!) { checkJob(input: $input) {
    ok code message position problems { pointer keyword message } } }";
const START: &str = "mutation($input: StartJobInput!) { startJob(input: $input) { job { id } } }";

async fn check(server: &Server, input: &Value) -> Value {
    server.data(CHECK, json!({ "input": input })).await["checkJob"].take()
}

#[tokio::test]
async fn a_check_tells_the_place_that_a_start_gets() {
    let server = serve().await;
    let input = json!({"kind": "narrow", "idempotencyKey": "k"});
    let good = |position: Value| json!({"ok": true, "code": null, "message": null, "position": position, "problems": []});
    assert_eq!(check(&server, &input).await, good(json!(1)));
    assert_eq!(check(&server, &input).await, good(json!(1)), "the first one stored nothing");
    server.start("narrow").await;
    assert_eq!(check(&server, &input).await, good(json!(2)));
    let started = server.data(START, json!({ "input": input })).await;
    let id = &started["startJob"]["job"]["id"];
    let wait = "query($id: ID!) { job(id: $id) { wait { position } } }";
    let placed = server.data(wait, json!({ "id": id })).await;
    assert_eq!(placed["job"]["wait"]["position"], 2);
    // The same key again: the job that it made, although the queue is full now.
    assert_eq!(check(&server, &input).await, good(json!(2)));
    let later = json!({"kind": "wide", "notBefore": "2999-01-01T00:00:00Z"});
    assert_eq!(check(&server, &later).await, good(Value::Null), "not in line before its time");
}

#[tokio::test]
async fn a_check_fails_as_the_start_does() {
    let server = serve().await;
    let keyed = json!({"kind": "narrow", "idempotencyKey": "k"});
    server.data(START, json!({ "input": keyed })).await;
    server.start("narrow").await;
    for (input, code, problems) in [
        (json!({"kind": "nothing"}), "UNKNOWN_KIND", 0),
        (json!({"kind": "copy", "args": {"from": 1, "more": true}}), "INVALID_ARGS", 3),
        (json!({"kind": "copy", "args": {"from": "-a", "to": "b"}}), "INVALID_ARGS", 1),
        (json!({"kind": "narrow"}), "QUEUE_FULL", 0),
        (json!({"kind": "wide", "idempotencyKey": "k"}), "IDEMPOTENCY_CONFLICT", 0),
        (json!({"kind": "wide", "timeoutMs": 0}), "INVALID_INPUT", 0),
        (json!({"kind": "wide", "labels": [{"key": "", "value": ""}]}), "INVALID_INPUT", 0),
        (json!({"kind": "wide", "notBefore": "2020-01-01T00:00:00Z"}), "INVALID_INPUT", 0),
    ] {
        let found = check(&server, &input).await;
        assert_eq!((&found["ok"], &found["code"]), (&json!(false), &json!(code)), "{input}");
        assert_eq!(found["problems"].as_array().unwrap().len(), problems, "{found}");
        assert_eq!(found["position"], Value::Null);
        let failed = server.answer(START, json!({ "input": input })).await;
        let error = &failed["errors"][0];
        assert_eq!(error["extensions"]["code"], code);
        // The past moves on between the two.
        if code != "INVALID_INPUT" {
            assert_eq!(found["message"], error["message"]);
        }
        if problems > 0 {
            assert_eq!(found["problems"], error["extensions"]["problems"]);
        }
    }
    server.scheduler.close();
    let found = check(&server, &json!({"kind": "wide"})).await;
    assert_eq!((&found["ok"], &found["code"]), (&json!(false), &json!("NOT_ACCEPTING")));
}

#[tokio::test]
async fn a_job_is_found_by_its_key() {
    let server = serve().await;
    let input = json!({"kind": "narrow", "idempotencyKey": "mine"});
    let started = server.data(START, json!({ "input": input })).await;
    let by_key = "query($key: String!) { jobByIdempotencyKey(key: $key) { id } }";
    let found = server.data(by_key, json!({"key": "mine"})).await;
    assert_eq!(found["jobByIdempotencyKey"], started["startJob"]["job"]);
    for key in ["", "Mine", &"k".repeat(300)] {
        let none = server.data(by_key, json!({ "key": key })).await;
        assert_eq!(none["jobByIdempotencyKey"], Value::Null, "{key}");
    }
}
