//! What one caller may ask, over each transport: below, at and above the limits (P12).

use futures::future::join_all;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};

use super::ws::{connect, hear, open, say, subscribe};
use super::{Server, serve_with};
use crate::domain::limits::Limits;

fn post(server: &Server, query: &str) -> RequestBuilder {
    let url = format!("http://{}/graphql", server.address);
    Client::new().post(url).json(&json!({ "query": query }))
}

/// Expects a refusal by the limits of a caller.
async fn refused(response: Response) {
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["retry-after"], "1");
    let body: Value = response.json().await.unwrap();
    let extensions = &body["errors"][0]["extensions"];
    assert_eq!(extensions["code"], "RATE_LIMITED", "{body}");
    assert!(extensions["retryAfterMs"].as_u64().is_some_and(|millis| millis > 0), "{body}");
    assert!(body.get("data").is_none(), "{body}");
}

#[tokio::test]
async fn one_caller_asks_so_often_by_whatever_way() {
    // A socket and its operations count like requests.
    let server = serve_with(Limits { requests_per_second: 4, ..Limits::default() }).await;
    let mut socket = open(&server).await;
    for id in ["1", "2"] {
        say(&mut socket, &subscribe(id, "{ hello }")).await;
        assert_eq!(hear(&mut socket).await["type"], "next");
        assert_eq!(hear(&mut socket).await["type"], "complete");
    }
    assert_eq!(post(&server, "{ hello }").send().await.unwrap().status(), 200);
    say(&mut socket, &subscribe("3", "{ hello }")).await;
    let told = hear(&mut socket).await;
    assert_eq!((&told["type"], &told["id"]), (&json!("error"), &json!("3")), "{told}");
    let extensions = &told["payload"][0]["extensions"];
    assert_eq!(extensions["code"], "RATE_LIMITED", "{told}");
    assert_eq!(extensions["retryAfterMs"], 250, "{told}");
    refused(post(&server, "{ hello }").send().await.unwrap()).await;
    let page = post(&server, "{ hello }").header("origin", "http://localhost:5173");
    let page = page.send().await.unwrap();
    let exposed = page.headers()["access-control-expose-headers"].to_str().unwrap();
    assert!(exposed.contains("retry-after"), "{exposed}");
    refused(page).await;
    assert_eq!(connect(&server, &[]).await.err(), Some((429, "RATE_LIMITED".to_owned())));
    // What is refused has used up nothing of its id.
    say(&mut socket, &json!({"type": "complete", "id": "3"})).await;
    say(&mut socket, &json!({"type": "ping"})).await;
    assert_eq!(hear(&mut socket).await, json!({"type": "pong"}));
    assert_eq!(server.reached.count(), 3);
}

#[tokio::test]
async fn one_caller_has_so_much_under_way_by_whatever_way() {
    let server = serve_with(Limits { requests_at_once: 2, ..Limits::default() }).await;
    let mut socket = open(&server).await;
    // What is followed is not under way.
    say(&mut socket, &subscribe("s", "subscription { ticks }")).await;
    assert_eq!(hear(&mut socket).await["type"], "next");
    say(&mut socket, &subscribe("1", "{ hang }")).await;
    server.reached.until(2).await;
    let hangs = post(&server, "{ hang }").send();
    let hangs = async { tokio::time::timeout(super::PATIENCE, hangs).await };
    let beside = async {
        server.reached.until(3).await;
        refused(post(&server, "{ hello }").send().await.unwrap()).await;
        // One that its client ends makes room at once.
        say(&mut socket, &json!({"type": "complete", "id": "1"})).await;
        say(&mut socket, &json!({"type": "ping"})).await;
        assert_eq!(hear(&mut socket).await, json!({"type": "pong"}));
        assert_eq!(post(&server, "{ hello }").send().await.unwrap().status(), 200);
    };
    tokio::select! {
        answer = hangs => panic!("it hangs: {answer:?}"),
        () = beside => {}
    }
}

#[tokio::test]
async fn an_honest_script_meets_no_limit() {
    let server = serve_with(Limits::default()).await;
    let client = Client::new();
    let url = format!("http://{}/graphql", server.address);
    let ask = || client.post(&url).json(&json!({"query": "{ hello }"})).send();
    for _ in 0..10 {
        for answer in join_all((0..100).map(|_| ask())).await {
            assert_eq!(answer.unwrap().status(), 200);
        }
    }
}
