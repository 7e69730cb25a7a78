//! Streams of events: what they say, when they end, and who may have one.

use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{Server, serve, serve_with};
use crate::domain::limits::Limits;

const EVENTS: (&str, &str) = ("accept", "text/event-stream");

fn post(server: &Server, query: &str) -> RequestBuilder {
    let url = format!("http://{}/graphql", server.address);
    Client::new().post(url).header(EVENTS.0, EVENTS.1).json(&json!({ "query": query }))
}

fn get(server: &Server, query: &str) -> RequestBuilder {
    let url = format!("http://{}/graphql?query={query}", server.address);
    Client::new().get(url).header(EVENTS.0, EVENTS.1)
}

/// Opens a stream.
async fn open(request: RequestBuilder) -> Response {
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.headers()["cache-control"], "no-store");
    response
}

/// The next piece of a stream; `None` at its end.
async fn piece(response: &mut Response) -> Option<String> {
    let piece = timeout(Duration::from_secs(10), response.chunk()).await.expect("a piece");
    piece.unwrap().map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
}

/// All of a stream that ends by itself.
async fn whole(request: RequestBuilder) -> String {
    let mut response = open(request).await;
    let mut all = String::new();
    while let Some(piece) = piece(&mut response).await {
        all += &piece;
    }
    all
}

const COMPLETE: &str = "event: complete\ndata: \n\n";

fn next(data: &Value) -> String {
    format!("event: next\ndata: {}\n\n", json!({ "data": data }))
}

#[tokio::test]
async fn an_operation_is_told_as_events() {
    let server = serve().await;
    let queries = "subscription { queries(count: 2) { hello } }";
    let told = |n: i32| next(&json!({"queries": {"hello": n}}));
    assert_eq!(whole(post(&server, queries)).await, told(0) + &told(1) + COMPLETE);
    // Whatever it is, if nothing but events is taken.
    assert_eq!(whole(post(&server, "{ hello }")).await, next(&json!({"hello": 2})) + COMPLETE);
    let act = post(&server, "mutation { act }");
    assert_eq!(whole(act).await, next(&json!({"act": 3})) + COMPLETE);
    // Where an answer as a whole is taken too, only what needs a stream is one.
    let both = [("accept", "application/json, text/event-stream")];
    let url = format!("http://{}/graphql", server.address);
    let ask = |query: &str| {
        Client::new().post(&url).header(both[0].0, both[0].1).json(&json!({ "query": query }))
    };
    let answer: Value = ask("{ hello }").send().await.unwrap().json().await.unwrap();
    assert_eq!(answer, json!({"data": {"hello": 4}}));
    assert_eq!(whole(ask("subscription { queries(count: 0) { hello } }")).await, COMPLETE);
}

#[tokio::test]
async fn what_is_refused_says_so_and_ends() {
    let server = serve().await;
    for (query, code) in [
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("mutation { act b: act }", "QUERY_TOO_LARGE"),
        ("subscription { ticks b: ticks }", "QUERY_TOO_LARGE"),
    ] {
        let told = whole(post(&server, query)).await;
        let body = told.strip_prefix("event: next\ndata: ").and_then(|t| t.strip_suffix(COMPLETE));
        let body: Value = serde_json::from_str(body.expect(&told)).unwrap();
        assert_eq!(body["errors"][0]["extensions"]["code"], code, "{told}");
        assert_eq!(body.as_object().unwrap().len(), 1, "no data: {told}");
    }
    assert_eq!(server.reached.count(), 0);
}

#[tokio::test]
async fn a_stream_that_is_cut_has_no_complete() {
    // P7
    let server = serve().await;
    let mut stream = open(post(&server, "subscription { ticks }")).await;
    assert_eq!(piece(&mut stream).await, Some(next(&json!({"ticks": 0}))));
    server.closing.cancel();
    assert_eq!(piece(&mut stream).await, None);
}

#[tokio::test]
async fn a_stream_takes_the_place_of_a_socket_and_gives_it_back() {
    // P12: one is the limit here.
    let server = serve().await;
    let mut stream = open(post(&server, "subscription { watched }")).await;
    assert!(piece(&mut stream).await.is_some());
    let refused = post(&server, "subscription { ticks }").send().await.unwrap();
    assert_eq!(refused.status(), 503);
    let refused: Value = refused.json().await.unwrap();
    assert_eq!(refused["errors"][0]["extensions"]["code"], "RATE_LIMITED");
    // The client goes: what ran for it ends.
    drop(stream);
    let dropped = timeout(Duration::from_secs(10), server.flood_ended.cancelled());
    dropped.await.expect("the stream is dropped");
    assert_eq!(server.reached.count(), 0);
}

#[tokio::test]
async fn a_quiet_stream_shows_that_it_lives() {
    let server = serve_with(Limits { ping: Duration::from_millis(20), ..Limits::default() }).await;
    let mut stream = open(post(&server, "subscription { watched }")).await;
    assert_eq!(piece(&mut stream).await, Some(next(&json!({"watched": 1}))));
    assert_eq!(piece(&mut stream).await.as_deref(), Some(":\n\n"));
}

#[tokio::test]
async fn a_stream_passes_the_same_guard() {
    // P15
    let server = serve().await;
    let ticks = "subscription{ticks}";
    let url = format!("http://{}/graphql", server.address);
    let typed = Client::new().post(url).header("content-type", "text/plain");
    let typed = typed.header(EVENTS.0, EVENTS.1).body(json!({ "query": ticks }).to_string());
    let url = format!("http://{}/graphql?query={ticks}", server.address);
    let none = Client::new().get(url).header("accept", "text/event-stream;q=0");
    for (request, status) in [
        // As the EventSource of a page of elsewhere, of a page of our own, and of none asks.
        (get(&server, ticks).header("origin", "http://evil.example"), 403),
        (get(&server, ticks).header("sec-fetch-site", "cross-site"), 403),
        (get(&server, ticks), 400),
        (get(&server, "mutation{act}").header("sec-fetch-site", "same-origin"), 405),
        (typed, 415),
        (none, 406),
    ] {
        let request = request.build().unwrap();
        let shown = format!("{request:?}");
        let refused = Client::new().execute(request).await.unwrap();
        assert_eq!(refused.status(), status, "{shown}");
    }
    assert_eq!(server.reached.count(), 0);
    let mut own = open(get(&server, ticks).header("sec-fetch-site", "same-origin")).await;
    assert_eq!(piece(&mut own).await, Some(next(&json!({"ticks": 0}))));
}
