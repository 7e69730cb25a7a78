//! Labels: what a caller attaches is shown, copied, compared and bounded.

use serde_json::{Value, json};

use super::bed::{Server, serve};

const START: &str = "mutation($input: StartJobInput!) { startJob(input: $input) { created job { id labels { key value } } } }";

async fn start(server: &Server, labels: Value, key: Option<&str>) -> Value {
    let input = json!({"kind": "narrow", "labels": labels, "idempotencyKey": key});
    server.answer(START, json!({ "input": input })).await
}

fn label(key: &str, value: &str) -> Value {
    json!({"key": key, "value": value})
}

#[tokio::test]
async fn labels_are_shown_by_key_and_copied_by_a_retry() {
    let server = serve().await;
    let given = json!([label("team", "blue"), label("env", "")]);
    let started = start(&server, given, None).await;
    let job = &started["data"]["startJob"]["job"];
    let shown = json!([label("env", ""), label("team", "blue")]);
    assert_eq!(job["labels"], shown, "{started}");
    let id = json!({ "id": job["id"] });
    server.data("mutation($id: ID!) { cancelJob(id: $id) { changed } }", id.clone()).await;
    let retry = "mutation($id: ID!) { retryJob(id: $id) { job { labels { key value } } } }";
    assert_eq!(server.data(retry, id).await["retryJob"]["job"]["labels"], shown);
    let none = start(&server, Value::Null, None).await;
    assert_eq!(none["data"]["startJob"]["job"]["labels"], json!([]));
}

#[tokio::test]
async fn labels_belong_to_what_a_key_stands_for() {
    // P14: in whatever order they are given.
    let server = serve().await;
    let (a, b) = (label("a", "1"), label("b", "2"));
    let first = start(&server, json!([a, b]), Some("k")).await;
    let again = start(&server, json!([b, a]), Some("k")).await;
    assert_eq!(again["data"]["startJob"]["created"], false, "{again}");
    assert_eq!(again["data"]["startJob"]["job"], first["data"]["startJob"]["job"]);
    for other in [json!([a]), json!([a, label("b", "3")]), json!(null)] {
        let refused = start(&server, other.clone(), Some("k")).await;
        assert_eq!(refused["errors"][0]["extensions"]["code"], "IDEMPOTENCY_CONFLICT", "{other}");
    }
}

#[tokio::test]
async fn labels_are_bounded() {
    // P12: at each limit and above it.
    let server = serve().await;
    let many = |n: usize| (0..n).map(|n| label(&format!("k{n}"), "")).collect::<Value>();
    let one = |key: usize, value: usize| json!([label(&"k".repeat(key), &"v".repeat(value))]);
    for (labels, says) in [
        (many(20), None),
        (many(21), Some("at most 20")),
        (one(63, 255), None),
        (one(64, 0), Some("1 to 63")),
        (one(0, 1), Some("1 to 63")),
        (one(1, 256), Some("at most 255")),
        // Bytes, not characters.
        (json!([label(&"ü".repeat(32), "")]), Some("64 bytes")),
        (json!([label("a", "1"), label("a", "2")]), Some("`a` stands twice")),
    ] {
        let answer = start(&server, labels.clone(), None).await;
        let error = &answer["errors"][0];
        match says {
            None => {
                assert!(error.is_null(), "{labels}: {answer}");
                let id = json!({ "id": answer["data"]["startJob"]["job"]["id"] });
                let cancel = "mutation($id: ID!) { cancelJob(id: $id) { changed } }";
                server.data(cancel, id).await;
            }
            Some(says) => {
                assert_eq!(error["extensions"]["code"], "INVALID_INPUT", "{labels}: {answer}");
                assert_eq!(error["extensions"]["argument"], "labels");
                assert!(error["message"].as_str().unwrap().contains(says), "{answer}");
            }
        }
    }
}
