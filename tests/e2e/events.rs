//! Streams of events on the whole product: a job watched to its end, and what was cut resumed by
//! `Last-Event-ID`.

use serde_json::{Value, json};

use super::script;
use crate::support::deadline::within;
use crate::support::server::Server;

const CONFIG: &str = r#"
[kinds.sh]
command = ["/bin/sh", "-c", "{script}"]
"#;

/// An event: its kind, its position, what it tells.
type Event = (String, Option<String>, Value);

fn parse(text: &str) -> Event {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
    let data = field("data: ").filter(|data| !data.is_empty());
    let data = data.map_or(Value::Null, |data| serde_json::from_str(data).unwrap());
    (field("event: ").unwrap().to_owned(), field("id: ").map(str::to_owned), data)
}

/// Reads events up to the first that is enough, or to the end of the stream.
async fn events(
    server: &Server,
    query: &str,
    variables: Value,
    last: Option<&str>,
    enough: impl Fn(&Event) -> bool,
) -> Vec<Event> {
    let body = json!({ "query": query, "variables": variables });
    let mut request = server.api.http.post(server.api.graphql()).json(&body);
    request = request.header("accept", "text/event-stream");
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    let mut response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    let (mut text, mut events) = (String::new(), Vec::new());
    while let Some(piece) = within("an event", &text.clone(), response.chunk()).await.unwrap() {
        text += std::str::from_utf8(&piece).unwrap();
        while let Some((event, rest)) = text.split_once("\n\n") {
            let (event, rest) = (event.to_owned(), rest.to_owned());
            text = rest;
            if event.starts_with(':') {
                continue;
            }
            events.push(parse(&event));
            if enough(&events[events.len() - 1]) {
                return events;
            }
        }
    }
    events
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_watched_to_its_end() {
    // P7
    let mut server = Server::start(CONFIG).await;
    let id = server.api.start("sh", script("exit 3")).await;
    let query = "subscription($id: ID!) { jobStatus(id: $id) { change state terminal } }";
    let all = events(&server, query, json!({ "id": id }), None, |_| false).await;
    let (first, last) =
        (&all[0].2["data"]["jobStatus"], &all[all.len() - 2].2["data"]["jobStatus"]);
    assert_eq!(first["change"], "SNAPSHOT", "{all:?}");
    assert_eq!((&last["state"], &last["terminal"]), (&json!("FAILED"), &json!(true)), "{all:?}");
    assert_eq!(all[all.len() - 1].0, "complete");
    assert!(server.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_and_a_feed_go_on_where_they_were_cut() {
    let mut server = Server::start(CONFIG).await;
    let feed = "subscription { jobFeed(minIntervalMs: 50) { cursor events { jobId } } }";
    let begin = events(&server, feed, json!({}), None, |_| true).await;
    let stands = begin[0].1.as_deref().expect("a message that has a cursor has an id");
    let id = server.api.start("sh", script("seq 1 10")).await;
    assert_eq!(server.api.watch(&id).await.end().await["state"], "SUCCEEDED");
    let has_events = |event: &Event| event.2["data"]["jobFeed"]["events"] != json!([]);
    let missed = events(&server, feed, json!({}), Some(stands), has_events).await;
    let told = &missed[missed.len() - 1].2["data"]["jobFeed"]["events"];
    assert_eq!(*told, json!([{ "jobId": id }]));

    // The header is later than what the query says: a browser repeats the same query.
    let log = "subscription($id: ID!) { jobLog(id: $id, tail: 1) { cursor lines { text } } }";
    let page = "query($id: ID!) { job(id: $id) { log(first: 4) { pageInfo { endCursor } } } }";
    let page = server.api.ask(page, json!({ "id": id })).await;
    let fourth = page["job"]["log"]["pageInfo"]["endCursor"].as_str().unwrap();
    let rest = events(&server, log, json!({ "id": id }), Some(fourth), |_| false).await;
    let lines =
        rest.iter().filter_map(|event| event.2["data"]["jobLog"]["lines"].as_array().cloned());
    let lines: Vec<_> = lines.flatten().map(|line| line["text"].clone()).collect();
    assert_eq!(lines, ["5", "6", "7", "8", "9", "10"].map(Value::from));
    assert_eq!(rest[rest.len() - 1].0, "complete");

    // What is no position is told, with what was to be one.
    let refused = events(&server, log, json!({ "id": id }), Some("7"), |_| false).await;
    let error = &refused[0].2["errors"][0]["extensions"];
    assert_eq!((&error["code"], &error["argument"]), (&json!("INVALID_INPUT"), &json!("after")));
    assert!(server.stop().await.success());
}
