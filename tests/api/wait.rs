//! `waitJob`: an answer at the end, at the time's end, or at the server's.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::bed::serve;

const WAIT: &str =
    "query($id: ID!, $ms: Int) { waitJob(id: $id, timeoutMs: $ms) { id state terminal seq } }";

#[tokio::test]
async fn a_wait_ends_with_its_job() {
    let server = serve().await;
    server.start("work").await;
    let second = server.start("work").await;
    let wait = server.data(WAIT, json!({"id": second, "ms": 60_000}));
    let run = async {
        server.spawned().await.end().await;
        server.spawned().await.end().await;
    };
    let (waited, ()) = tokio::join!(wait, run);
    let job = &waited["waitJob"];
    assert_eq!((&job["id"], &job["state"]), (&json!(second), &json!("SUCCEEDED")));
    assert_eq!(job["terminal"], true);
    let begin = Instant::now();
    let again = server.data(WAIT, json!({"id": second, "ms": null})).await;
    assert_eq!(again["waitJob"], *job, "one that has ended is told at once");
    assert!(begin.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn a_wait_ends_with_its_time() {
    let server = serve().await;
    let id = server.start("narrow").await;
    for millis in [0, 300] {
        let begin = Instant::now();
        let waited = server.data(WAIT, json!({"id": id, "ms": millis})).await;
        assert!(begin.elapsed() >= Duration::from_millis(millis));
        assert_eq!(waited["waitJob"]["terminal"], false);
    }
    // Whatever changes meanwhile is in the answer.
    let id = server.start("work").await;
    let running = server.spawned().await;
    let wait = server.data(WAIT, json!({"id": id, "ms": 5_000}));
    let cancel =
        server.data("mutation($id: ID!) { cancelJob(id: $id) { changed } }", json!({ "id": id }));
    let (waited, _) = tokio::join!(wait, cancel);
    assert_eq!(waited["waitJob"]["state"], "CANCELING");
    running.end().await;
}

#[tokio::test]
async fn a_wait_is_checked() {
    let server = serve().await;
    let id = server.start("narrow").await;
    let nobody = "019ab3c0-5a50-7c3e-8f00-3b6f2c1d9e77";
    for (id, millis, code) in [
        (id.as_str(), 60_001, "INVALID_INPUT"),
        (&id, -1, "INVALID_INPUT"),
        ("42", 0, "INVALID_INPUT"),
        (nobody, 60_000, "NOT_FOUND"),
    ] {
        let answer = server.answer(WAIT, json!({"id": id, "ms": millis})).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], code, "{answer}");
        assert_eq!(answer["data"], Value::Null);
    }
    let limits = server.data("{ server { limits { waitMs } } }", json!({})).await;
    assert_eq!(limits["server"]["limits"]["waitMs"], 60_000);
}

#[tokio::test]
async fn a_wait_ends_with_the_server() {
    let server = serve().await;
    let id = server.start("narrow").await;
    let wait = server.answer(WAIT, json!({"id": id, "ms": 60_000}));
    let stop = async { server.closing.cancel() };
    let (answer, ()) = tokio::join!(wait, stop);
    let error = &answer["errors"][0]["extensions"];
    assert_eq!(error["code"], "UNAVAILABLE", "{answer}");
    assert!(error["retryAfterMs"].is_number());
}
