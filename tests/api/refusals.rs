//! Bad input, and what it gets: a stable code, what would be valid, and nothing stored.

use serde_json::{Value, json};

use super::bed::{Server, serve, serve_as};

/// A UUID that names no job.
const NOBODY: &str = "019ab3c0-5a50-7c3e-8f00-3b6f2c1d9e77";

const START: &str = "mutation($input: StartJobInput!) { startJob(input: $input) { job { id } } }";

async fn stored(server: &Server) -> i64 {
    server.data("{ jobs { totalCount } }", json!({})).await["jobs"]["totalCount"].as_i64().unwrap()
}

/// Expects the code, and returns the error.
async fn refused(server: &Server, query: &str, variables: Value, code: &str) -> Value {
    let before = stored(server).await;
    let mut answer = server.answer(query, variables).await;
    let error = answer["errors"][0].take();
    assert_eq!(error["extensions"]["code"], code, "{query}: {error}");
    assert!(error["message"].as_str().is_some_and(|m| m.len() > 10), "{error}");
    assert_eq!(stored(server).await, before, "{query} stored something");
    error
}

#[tokio::test]
async fn a_start_that_does_not_fit_says_what_would() {
    let server = serve().await;
    let input = |kind: &str, args: Value| json!({"input": {"kind": kind, "args": args}});
    let error = refused(&server, START, input("nothing", json!({})), "UNKNOWN_KIND").await;
    assert_eq!(
        error["extensions"]["kinds"],
        json!(["again", "copy", "narrow", "retried", "wide", "work"])
    );
    let args = json!({"from": 1, "more": true});
    let error = refused(&server, START, input("copy", args), "INVALID_ARGS").await;
    let problems = error["extensions"]["problems"].as_array().unwrap();
    let mut pointers: Vec<_> = problems.iter().map(|p| p["pointer"].as_str().unwrap()).collect();
    pointers.sort_unstable();
    assert_eq!(pointers, ["", "", "/from"], "every problem by its pointer: {error}");
    refused(&server, START, input("work", json!([1])), "INVALID_ARGS").await;
    let large = json!({"from": "x".repeat(64 * 1024), "to": "y"});
    refused(&server, START, input("copy", large), "INVALID_ARGS").await;
    let past = json!({"input": {"kind": "work", "notBefore": "2020-01-01T00:00:00.000Z"}});
    let error = refused(&server, START, past, "INVALID_INPUT").await;
    assert_eq!(error["extensions"]["argument"], "notBefore");
    let key = json!({"input": {"kind": "work", "idempotencyKey": "k".repeat(256)}});
    refused(&server, START, key, "INVALID_INPUT").await;
    let negative = json!({"input": {"kind": "work", "timeoutMs": -1}});
    refused(&server, START, negative, "INVALID_INPUT").await;
}

#[tokio::test]
async fn a_full_queue_says_when_to_come_back() {
    // P12: two may wait in this queue.
    let server = serve().await;
    server.start("narrow").await;
    server.start("narrow").await;
    let error = refused(&server, START, json!({"input": {"kind": "narrow"}}), "QUEUE_FULL").await;
    let extensions = &error["extensions"];
    assert_eq!(extensions["queue"], "narrow");
    assert_eq!((&extensions["waiting"], &extensions["limit"]), (&json!(2), &json!(2)));
    assert!(extensions["retryAfterMs"].as_i64().is_some_and(|ms| ms > 0));
}

#[tokio::test]
async fn ids_states_and_names_are_checked() {
    let server = serve().await;
    let id = server.start("work").await;
    let attempt = server.spawned().await;
    let cancel = "mutation($id: ID!) { cancelJob(id: $id) { changed } }";
    let retry = "mutation($id: ID!) { retryJob(id: $id) { created } }";
    for action in [cancel, retry] {
        let error = refused(&server, action, json!({"id": "42"}), "INVALID_INPUT").await;
        assert_eq!(error["extensions"]["argument"], "id");
        refused(&server, action, json!({ "id": NOBODY }), "NOT_FOUND").await;
    }
    let error = refused(&server, retry, json!({ "id": id }), "INVALID_STATE").await;
    assert_eq!(error["extensions"]["state"], "RUNNING");
    let mut stream = server
        .subscribe(
            "subscription($id: ID!) { jobStatus(id: $id) { terminal } }",
            json!({ "id": id }),
        )
        .await;
    attempt.end().await;
    while stream.value().await["terminal"] == false {}
    let error = refused(&server, cancel, json!({ "id": id }), "INVALID_STATE").await;
    assert_eq!(error["extensions"]["state"], "SUCCEEDED");
    let note = json!({"id": id, "note": "x".repeat(1025)});
    let with_note =
        "mutation($id: ID!, $note: String) { cancelJob(id: $id, note: $note) { changed } }";
    refused(&server, with_note, note, "INVALID_INPUT").await;
    refused(
        &server,
        "mutation { pauseQueue(name: \"nothing\") { changed } }",
        json!({}),
        "NOT_FOUND",
    )
    .await;
    refused(
        &server,
        "mutation { pauseQueue(name: \"a b\") { changed } }",
        json!({}),
        "INVALID_INPUT",
    )
    .await;
    refused(
        &server,
        "mutation { setQueueSlots(slots: -1) { changed } }",
        json!({}),
        "INVALID_INPUT",
    )
    .await;
}

#[tokio::test]
async fn a_field_that_fails_is_null_and_names_its_path() {
    let server = serve().await;
    let id = server.start("work").await;
    let query = "query($id: ID!) { bad: job(id: \"42\") { id } none: job(id: \"019ab3c0-5a50-7c3e-8f00-3b6f2c1d9e77\") { id }
        good: job(id: $id) { id log(first: 5001) { complete } } }";
    let answer = server.answer(query, json!({ "id": id })).await;
    let expected = json!({"bad": null, "none": null, "good": {"id": id, "log": null}});
    assert_eq!(answer["data"], expected);
    let mut paths: Vec<_> =
        answer["errors"].as_array().unwrap().iter().map(|e| e["path"].to_string()).collect();
    paths.sort_unstable();
    assert_eq!(paths, [r#"["bad"]"#, r#"["good","log"]"#]);
}

#[tokio::test]
async fn pages_and_cursors_are_checked() {
    let server = serve().await;
    let id = server.start("work").await;
    let feed = server.data("{ jobs { feedCursor } }", json!({})).await;
    let feed = feed["jobs"]["feedCursor"].as_str().unwrap();
    for (arguments, argument) in [
        ("first: -1", "first"),
        ("first: 101", "first"),
        ("last: 101", "last"),
        ("first: 1, last: 1", "last"),
        ("after: \"x\"", "after"),
        (&format!("after: \"{feed}\""), "after"),
        (&format!("last: 1, before: \"{feed}\""), "before"),
    ] {
        let query = format!("{{ jobs({arguments}) {{ nodes {{ id }} }} }}");
        let error = refused(&server, &query, json!({}), "INVALID_INPUT").await;
        assert_eq!(error["extensions"]["argument"], argument, "{arguments}");
    }
    for arguments in ["first: 0", "first: 5001", "last: -1", "attempt: 0", "after: \"l00\""] {
        let query =
            format!("query($id: ID!) {{ job(id: $id) {{ log({arguments}) {{ complete }} }} }}");
        refused(&server, &query, json!({ "id": id }), "INVALID_INPUT").await;
    }
}

#[tokio::test]
async fn what_the_gate_refuses_has_stored_nothing() {
    let server = serve().await;
    let start = r#"startJob(input: {kind: "work"}) { job { id } }"#;
    let bomb: String = (0..60)
        .map(|n| format!("fragment f{n} on Job {{ ...f{} ...f{} }} ", n + 1, n + 1))
        .fold(String::new(), |all, one| all + &one);
    let bomb = format!(
        r#"mutation {{ startJob(input: {{kind: "work"}}) {{ job {{ ...f0 }} }} }} {bomb} fragment f60 on Job {{ id }}"#
    );
    let aliases = format!("{{ {} }}", "a: server { now } ".repeat(20_000));
    for (query, code) in [
        (format!("mutation {{ {start} b: {start} }}"), "QUERY_TOO_LARGE"),
        (
            format!("mutation($n: ID!) {{ {start} cancelJob(id: $n) {{ changed }} }}"),
            "QUERY_TOO_LARGE",
        ),
        (
            format!(
                "mutation($n: Int!) {{ {} }}",
                start.replace("{ id }", "{ id log(first: $n) { complete } }")
            ),
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (
            format!(
                "mutation {{ {} }}",
                start.replace("{ id }", "{ id log(first: 99999999999) { complete } }")
            ),
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (bomb, "QUERY_TOO_LARGE"),
    ] {
        refused(&server, &query, json!({}), code).await;
    }
    // Past the limit of the body, too.
    let answer = server.answer(&aliases, json!({})).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "REQUEST_TOO_LARGE");
    let args = json!({"input": {"kind": "copy", "args": {"from": "x".repeat(1 << 20)}}});
    let answer = server.answer(START, args).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "REQUEST_TOO_LARGE");
    assert_eq!(stored(&server).await, 0);
}

#[tokio::test]
async fn whoever_may_not_ask_for_the_schema_is_told_no_name_of_it() {
    for (introspection, tells) in [(true, true), (false, false)] {
        let server = serve_as(tempfile::tempdir().unwrap(), introspection).await;
        let misspelt = server.answer("{ job(id: \"x\") { stat } }", json!({})).await;
        assert_eq!(misspelt["errors"][0]["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED");
        let message = misspelt["errors"][0]["message"].as_str().unwrap();
        assert_eq!(message.contains("state"), tells, "{message}");
    }
}
