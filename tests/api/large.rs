//! Answers that would be larger than a server can hold: args, results and logs of many jobs.

use serde_json::{Value, json};

use super::bed::{Server, serve};
use super::socket::Heard;

const START: &str =
    "mutation($args: JSON) { startJob(input: {kind: \"copy\", args: $args}) { created } }";

/// Ten jobs, each with arguments of 60 KB.
async fn ten_jobs() -> Server {
    let server = serve().await;
    let args = json!({"from": "x".repeat(60_000), "to": "y"});
    for _ in 0..10 {
        server.data(START, json!({ "args": args })).await;
    }
    server
}

/// `args` so many times.
fn aliases(count: usize) -> String {
    (0..count).map(|n| format!("a{n}: args")).collect::<Vec<_>>().join(" ")
}

fn assert_too_large(error: &Value) {
    let extensions = &error["extensions"];
    assert_eq!(extensions["code"], "QUERY_TOO_LARGE", "{error}");
    assert_eq!(extensions["limit"], "responseBytes");
    assert_eq!(extensions["max"], 16 * 1024 * 1024);
    assert!(extensions["found"].as_i64() > extensions["max"].as_i64(), "{error}");
}

#[tokio::test]
async fn a_small_query_cannot_ask_for_more_than_an_answer_may_hold() {
    // P12: ten times 60 KB are 0.6 MB; under thirty aliases 18 MB.
    let server = ten_jobs().await;
    let page = |count| format!("{{ jobs {{ nodes {{ {} }} }} }}", aliases(count));
    let data = server.data(&page(20), json!({})).await;
    let rows = data["jobs"]["nodes"].as_array().unwrap();
    assert_eq!((rows.len(), rows[9]["a19"]["from"].as_str().map(str::len)), (10, Some(60_000)));
    let answer = server.answer(&page(30), json!({})).await;
    assert_eq!(answer["data"], Value::Null);
    assert_eq!(answer["errors"].as_array().unwrap().len(), 1);
    assert_too_large(&answer["errors"][0]);
}

#[tokio::test]
async fn a_message_of_a_feed_holds_no_more_than_an_answer() {
    // P12
    let server = ten_jobs().await;
    let feed = |count| {
        format!(
            "subscription {{ jobFeed(after: \"e0000000000000000\") {{ events {{ job {{ {} }} }} }} }}",
            aliases(count)
        )
    };
    let mut small = server.subscribe(&feed(20), json!({})).await;
    assert_eq!(small.value().await["events"], json!([]));
    assert_eq!(small.value().await["events"].as_array().map(Vec::len), Some(10));
    let mut large = server.subscribe(&feed(30), json!({})).await;
    assert_eq!(large.value().await["events"], json!([]));
    assert_eq!(large.next().await, Heard::Error("QUERY_TOO_LARGE".to_owned()));
}
