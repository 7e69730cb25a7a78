//! Sockets: who may open one, and what it may do.

use std::time::{Duration, Instant};

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::{Server, serve, serve_impatiently, serve_with};
use crate::domain::limits::Limits;

pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;
pub(super) type Headers<'a> = &'a [(&'static str, &'static str)];

pub(super) const PROTOCOL: (&str, &str) = ("sec-websocket-protocol", "graphql-transport-ws");

/// A socket, or the status and the code of the refusal.
pub(super) async fn connect(
    server: &Server,
    headers: Headers<'_>,
) -> Result<Socket, (u16, String)> {
    let mut request = format!("ws://{}/graphql", server.address).into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    match tokio_tungstenite::connect_async(request).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(response)) => {
            let body = response.body().clone().unwrap_or_default();
            let body: Value = serde_json::from_slice(&body).unwrap_or_default();
            let code = body["errors"][0]["extensions"]["code"].as_str().unwrap_or_default();
            Err((response.status().as_u16(), code.to_owned()))
        }
        Err(error) => panic!("{error}"),
    }
}

pub(super) async fn say(socket: &mut Socket, message: &Value) {
    socket.send(Message::text(message.to_string())).await.unwrap();
}

/// The next message, or the code of the close.
pub(super) async fn hear(socket: &mut Socket) -> Value {
    let message = timeout(Duration::from_secs(10), socket.next()).await.expect("an answer");
    match message.unwrap().unwrap() {
        Message::Text(text) => serde_json::from_str(&text).unwrap(),
        Message::Close(Some(frame)) => json!({ "close": u16::from(frame.code) }),
        other @ (Message::Close(None)
        | Message::Binary(_)
        | Message::Ping(_)
        | Message::Pong(_)
        | Message::Frame(_)) => panic!("{other:?}"),
    }
}

/// The next message that is text.
pub(super) async fn next_text(socket: &mut Socket) -> Value {
    loop {
        let message = timeout(Duration::from_secs(10), socket.next()).await.expect("an answer");
        if let Message::Text(text) = message.unwrap().unwrap() {
            return serde_json::from_str(&text).unwrap();
        }
    }
}

pub(super) fn subscribe(id: &str, query: &str) -> Value {
    json!({"type": "subscribe", "id": id, "payload": {"query": query}})
}

pub(super) async fn open(server: &Server) -> Socket {
    let mut socket = connect(server, &[PROTOCOL]).await.unwrap();
    say(&mut socket, &json!({"type": "connection_init"})).await;
    assert_eq!(hear(&mut socket).await["type"], "connection_ack");
    socket
}

/// Expects that `query` is refused with `code` and ends.
async fn refused(socket: &mut Socket, query: &str, code: &str) {
    say(socket, &subscribe("x", query)).await;
    let refused = hear(socket).await;
    assert_eq!((&refused["type"], &refused["id"]), (&json!("error"), &json!("x")), "{refused}");
    assert_eq!(refused["payload"][0]["extensions"]["code"], code, "{refused}");
    // Nothing more comes for it.
    say(socket, &json!({"type": "ping", "payload": {"after": code}})).await;
    assert_eq!(hear(socket).await, json!({"type": "pong", "payload": {"after": code}}));
}

#[tokio::test]
async fn a_foreign_page_opens_no_socket() {
    // P15
    let server = serve().await;
    for (headers, answer) in [
        (vec![PROTOCOL, ("origin", "http://evil.example")], (403, "FORBIDDEN")),
        (vec![PROTOCOL, ("host", "evil.example")], (403, "FORBIDDEN")),
        (vec![PROTOCOL, ("sec-fetch-site", "cross-site")], (403, "FORBIDDEN")),
    ] {
        let refused = connect(&server, &headers).await.err();
        assert_eq!(refused, Some((answer.0, answer.1.to_owned())), "{headers:?}");
    }
    let _open = connect(&server, &[PROTOCOL]).await.unwrap();
    // P12
    let second = connect(&server, &[PROTOCOL]).await.err();
    assert_eq!(second, Some((503, "RATE_LIMITED".to_owned())), "one socket is the limit here");
}

#[tokio::test]
async fn a_socket_passes_the_same_gate() {
    let server = serve().await;
    let mut socket = open(&server).await;
    refused(&mut socket, "mutation { act b: act }", "QUERY_TOO_LARGE").await;
    refused(&mut socket, "{ nothing }", "GRAPHQL_VALIDATION_FAILED").await;
    refused(&mut socket, "mutation($n: Int!) { act(n: $n) }", "GRAPHQL_VALIDATION_FAILED").await;
    refused(&mut socket, "subscription { ticks b: ticks }", "QUERY_TOO_LARGE").await;
    refused(&mut socket, &"[".repeat(3_200), "QUERY_TOO_LARGE").await;
    assert_eq!(server.reached.count(), 0);
    say(&mut socket, &subscribe("m", "mutation { act }")).await;
    assert_eq!(hear(&mut socket).await["payload"]["data"]["act"], 0);
}

#[tokio::test]
async fn a_socket_has_so_many_streams_and_an_end_of_its_own() {
    let server = serve().await;
    let mut socket = open(&server).await;
    for id in ["1", "2"] {
        say(&mut socket, &subscribe(id, "subscription { ticks }")).await;
        assert!(hear(&mut socket).await["payload"]["data"]["ticks"].is_number());
    }
    // P12: two streams are the limit here; one that ends makes room.
    refused(&mut socket, "subscription { ticks }", "RATE_LIMITED").await;
    say(&mut socket, &json!({"type": "complete", "id": "1"})).await;
    say(&mut socket, &subscribe("3", "subscription { ticks }")).await;
    assert!(hear(&mut socket).await["payload"]["data"]["ticks"].is_number());
    // P7: the end of the server has a code of its own.
    server.closing.cancel();
    assert_eq!(hear(&mut socket).await, json!({"close": 1001}));
}

#[tokio::test]
async fn queries_count_among_the_operations_of_a_socket() {
    // P12: they hold a thread or a reader no less than a stream does.
    let server = serve().await;
    let mut socket = open(&server).await;
    for id in ["1", "2"] {
        say(&mut socket, &subscribe(id, "{ hang }")).await;
    }
    refused(&mut socket, "{ hello }", "RATE_LIMITED").await;
    refused(&mut socket, "mutation { act }", "RATE_LIMITED").await;
    say(&mut socket, &json!({"type": "complete", "id": "1"})).await;
    // Each makes room again when it is answered.
    for _ in 0..3 {
        say(&mut socket, &subscribe("q", "{ hello }")).await;
        assert!(hear(&mut socket).await["payload"]["data"]["hello"].is_number());
        assert_eq!(hear(&mut socket).await["type"], "complete");
    }
}

#[tokio::test]
async fn each_message_of_a_stream_has_a_budget_and_a_deadline() {
    // P12
    let limits = Limits { args_bytes: 0, result_bytes: 0, log_page_bytes: 0, ..Limits::default() };
    let server = serve_with(Limits { response_bytes: 1_000, ..limits }).await;
    let mut socket = open(&server).await;
    let fits = "subscription { queries(count: 3) { large(bytes: 1000) } }";
    say(&mut socket, &subscribe("1", fits)).await;
    for _ in 0..3 {
        assert!(hear(&mut socket).await["payload"]["data"]["queries"].is_object());
    }
    assert_eq!(hear(&mut socket).await["type"], "complete");
    let too_large = "subscription { queries(count: 3) { large(bytes: 1001) } }";
    refused(&mut socket, too_large, "QUERY_TOO_LARGE").await;

    let server = serve_impatiently().await;
    let mut socket = open(&server).await;
    let hangs = "subscription { queries(count: 3) { hang } }";
    refused(&mut socket, hangs, "DEADLINE_EXCEEDED").await;
    refused(&mut socket, "{ hang }", "DEADLINE_EXCEEDED").await;
}

#[tokio::test]
async fn what_breaks_the_protocol_closes_by_its_code() {
    for (message, code) in [
        ("{".to_owned(), 4400),
        (json!({"type": "x".repeat(300)}).to_string(), 4400),
        (subscribe("1", "{ hello }").to_string(), 4401),
        (json!({"type": "connection_init", "payload": 1}).to_string(), 4400),
    ] {
        let server = serve().await;
        let mut socket = connect(&server, &[PROTOCOL]).await.unwrap();
        socket.send(Message::text(message.clone())).await.unwrap();
        assert_eq!(hear(&mut socket).await, json!({"close": code}), "{message}");
    }
    for message in [Message::binary(b"{}".to_vec()), Message::text("x".repeat(2_000))] {
        let server = serve_with(Limits { websocket_message: 1_024, ..Limits::default() }).await;
        let mut socket = open(&server).await;
        socket.send(message).await.unwrap();
        assert_eq!(hear(&mut socket).await, json!({"close": 4400}));
    }
    // Most of it is still on its way when the server has enough of it.
    let mut socket = open(&serve().await).await;
    socket.send(Message::text("x".repeat(300 * 1024))).await.unwrap();
    assert_eq!(hear(&mut socket).await, json!({"close": 4400}));
    let other = ("sec-websocket-protocol", "graphql-ws, soap");
    for headers in [&[][..], &[other]] {
        let server = serve().await;
        let mut socket = connect(&server, headers).await.unwrap();
        assert_eq!(hear(&mut socket).await, json!({"close": 4406}), "{headers:?}");
    }
    let server = serve().await;
    let mut socket = open(&server).await;
    say(&mut socket, &json!({"type": "connection_init"})).await;
    assert_eq!(hear(&mut socket).await, json!({"close": 4429}));
    let server = serve().await;
    let mut socket = open(&server).await;
    say(&mut socket, &subscribe("1", "subscription { ticks }")).await;
    assert_eq!(hear(&mut socket).await["type"], "next");
    say(&mut socket, &subscribe("1", "{ hello }")).await;
    assert_eq!(hear(&mut socket).await, json!({"close": 4409}));
}

#[tokio::test]
async fn a_close_is_heard_by_a_client_that_still_sends() {
    let server = serve().await;
    let mut socket = open(&server).await;
    // Far more than it reads at a time and the kernel holds: a reset would meet a client that sends.
    for _ in 0..200 {
        socket.feed(Message::text(format!("{:>60000}", "no message"))).await.unwrap();
    }
    socket.flush().await.unwrap();
    assert_eq!(hear(&mut socket).await, json!({"close": 4400}));
}

#[tokio::test]
async fn a_client_that_answers_no_ping_is_gone() {
    // P12
    let (ping, request_timeout) = (Duration::from_millis(500), Duration::from_secs(3_600));
    let server = serve_with(Limits { ping, request_timeout, ..Limits::default() }).await;
    let mut socket = open(&server).await;
    // One that reads answers, whether it knows of it or not.
    for _ in 0..5 {
        let ping = timeout(Duration::from_secs(10), socket.next()).await.unwrap();
        assert!(matches!(ping, Some(Ok(Message::Ping(_)))), "{ping:?}");
    }
    say(&mut socket, &subscribe("t", "subscription { watched }")).await;
    assert_eq!(next_text(&mut socket).await["type"], "next");
    let begun = Instant::now();
    let dropped = timeout(Duration::from_secs(10), server.flood_ended.cancelled());
    dropped.await.expect("the socket is dropped");
    assert!(begun.elapsed() >= ping);
    // What waits for it says why.
    let close = loop {
        match socket.next().await {
            Some(Ok(Message::Close(close))) => break close.unwrap(),
            Some(Ok(Message::Ping(_))) => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(u16::from(close.code), 1001);
}

#[tokio::test]
async fn a_client_that_leaves_is_answered() {
    let server = serve().await;
    let mut socket = open(&server).await;
    say(&mut socket, &subscribe("t", "subscription { watched }")).await;
    assert_eq!(hear(&mut socket).await["type"], "next");
    let code = CloseCode::Normal;
    socket.close(Some(CloseFrame { code, reason: "enough".into() })).await.unwrap();
    assert_eq!(hear(&mut socket).await, json!({"close": 1000}));
    let dropped = timeout(Duration::from_secs(10), server.flood_ended.cancelled());
    dropped.await.expect("the stream is dropped");
}

#[tokio::test]
async fn a_client_that_pings_and_reads_nothing_is_dropped_within_the_limit() {
    // P12: the answers must not pile up.
    let slow_reader = Duration::from_millis(100);
    for is_ours in [true, false] {
        let server = serve_with(Limits { slow_reader, ..Limits::default() }).await;
        let mut socket = open(&server).await;
        let ours = json!({"type": "ping", "payload": {"x": "y".repeat(60_000)}}).to_string();
        let ping = if is_ours { Message::text(ours) } else { Message::Ping(vec![7; 125].into()) };
        let flood = async { while socket.send(ping.clone()).await.is_ok() {} };
        timeout(Duration::from_secs(10), flood).await.expect("the socket is dropped");
    }
}

#[tokio::test]
async fn what_a_client_ends_is_dropped_at_once() {
    let server = serve().await;
    let mut socket = open(&server).await;
    say(&mut socket, &subscribe("t", "subscription { watched }")).await;
    assert_eq!(hear(&mut socket).await["type"], "next");
    say(&mut socket, &json!({"type": "complete", "id": "t"})).await;
    let dropped = timeout(Duration::from_secs(10), server.flood_ended.cancelled());
    dropped.await.expect("the stream is dropped");
    // The socket goes on, and the id is free.
    say(&mut socket, &subscribe("t", "{ hello }")).await;
    assert_eq!(hear(&mut socket).await["payload"]["data"]["hello"], 0);
    assert_eq!(hear(&mut socket).await, json!({"type": "complete", "id": "t"}));
}

#[tokio::test]
async fn a_message_is_as_long_as_the_limit_says() {
    // P12: below, at and above the limit.
    for (bytes, answer) in [
        (1_023, json!({"type": "pong"})),
        (1_024, json!({"type": "pong"})),
        (1_025, json!({"close": 4400})),
    ] {
        let server = serve_with(Limits { websocket_message: 1_024, ..Limits::default() }).await;
        let mut socket = open(&server).await;
        let ping = json!({"type": "ping"}).to_string();
        socket.send(Message::text(format!("{ping:<bytes$}"))).await.unwrap();
        assert_eq!(hear(&mut socket).await, answer, "{bytes} bytes");
    }
}

#[tokio::test]
async fn a_socket_begins_within_the_limit() {
    // P12
    let init_timeout = Duration::from_millis(50);
    let server = serve_with(Limits { init_timeout, ..Limits::default() }).await;
    let begun = Instant::now();
    let mut silent = connect(&server, &[PROTOCOL]).await.unwrap();
    assert_eq!(hear(&mut silent).await, json!({"close": 4408}));
    assert!(begun.elapsed() >= init_timeout && begun.elapsed() < Limits::default().init_timeout);
    let patient = Limits { init_timeout: Duration::from_secs(3_600), ..Limits::default() };
    open(&serve_with(patient).await).await;
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_dropped_within_the_limit() {
    // P12
    let slow_reader = Duration::from_secs(1);
    let server = serve_with(Limits { slow_reader, ..Limits::default() }).await;
    let mut socket = open(&server).await;
    say(&mut socket, &subscribe("f", "subscription { flood }")).await;
    let begun = Instant::now();
    // A client that reads may take its time for all of it together.
    while begun.elapsed() < slow_reader * 3 / 2 {
        assert_eq!(hear(&mut socket).await["type"], "next");
    }
    let begun = Instant::now();
    let dropped = timeout(Duration::from_secs(60), server.flood_ended.cancelled());
    dropped.await.expect("the flood ends");
    // The server has waited since a little before: its kernel tells late that there is room again.
    assert!(begun.elapsed() >= slow_reader / 2);
    assert!(begun.elapsed() < Limits::default().slow_reader, "{:?}", begun.elapsed());
}
