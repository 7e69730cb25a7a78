//! Tokens over every transport: who is let in, and who is put out again.

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::ws::{PROTOCOL, connect, hear, next_text, say, subscribe};
use super::{Server, serve_with};
use crate::auth::Secret;
use crate::domain::clock::Timestamp;
use crate::domain::limits::Limits;
use crate::domain::token::{Scope, Token, TokenId};

/// A token that the server knows from now on.
fn known(server: &Server, number: u8, expires_at: Option<Timestamp>) -> (String, Token) {
    let id = TokenId::new([number; 8]);
    let (secret, hash) = Secret::new(id, [number; 32]);
    let token = Token {
        id,
        name: "ci".parse().unwrap(),
        scopes: vec![Scope::Read],
        hash,
        created_at: Timestamp::UNIX_EPOCH,
        created_by: None,
        parent: None,
        expires_at,
        revoked_at: None,
        last_used_at: None,
    };
    server.keeper.learn(std::slice::from_ref(&token));
    (secret.reveal(), token)
}

fn revoke(server: &Server, token: &Token) {
    let revoked = Token { revoked_at: Some(Timestamp::UNIX_EPOCH), ..token.clone() };
    server.keeper.learn(&[revoked]);
}

async fn server() -> Server {
    serve_with(Limits::default()).await
}

/// Status, code, and what the client is asked for.
async fn post(server: &Server, headers: &[(&str, &str)]) -> (u16, String, Option<String>) {
    let mut request = reqwest::Client::new().post(format!("http://{}/graphql", server.address));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.json(&json!({"query": "{ hello }"})).send().await.unwrap();
    let asked = response.headers().get("www-authenticate").map(|v| v.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    let code = body["errors"][0]["extensions"]["code"].as_str().unwrap_or_default().to_owned();
    (status, code, asked)
}

#[tokio::test]
async fn a_request_without_a_good_token_reaches_no_resolver() {
    // P15
    let server = server().await;
    assert_eq!(post(&server, &[]).await.0, 200, "nobody is asked yet");
    let before = server.reached.count();
    let (secret, token) = known(&server, 1, None);
    let (expired, _) = known(&server, 2, Some(Timestamp::UNIX_EPOCH));
    let refused = (401, "UNAUTHENTICATED".to_owned(), Some("Bearer".to_owned()));
    let wrong = secret.replace("0101", "0102");
    for value in [
        String::new(),
        secret.clone(),
        format!("Basic {secret}"),
        format!("Bearer {wrong}"),
        format!("Bearer {expired}"),
        "Bearer".to_owned(),
    ] {
        assert_eq!(post(&server, &[("authorization", &value)]).await, refused, "{value}");
    }
    assert_eq!(post(&server, &[]).await, refused);
    assert_eq!(server.reached.count(), before);
    let bearer = format!("Bearer {secret}");
    assert_eq!(post(&server, &[("authorization", &bearer)]).await.0, 200);
    // A name that is none of ours may be one by which a network knows us: who comes by it needs a token.
    let elsewhere = [("authorization", bearer.as_str()), ("host", "jobs.example")];
    assert_eq!(post(&server, &elsewhere).await.0, 200);
    revoke(&server, &token);
    assert_eq!(post(&server, &[("authorization", &bearer)]).await, refused);
}

#[tokio::test]
async fn a_name_that_is_not_ours_is_refused_where_no_token_is_asked_for() {
    // P15: DNS rebinding.
    let server = server().await;
    assert_eq!(post(&server, &[("host", "jobs.example")]).await.0, 403);
}

#[tokio::test]
async fn a_socket_begins_with_a_token_or_is_closed() {
    let secret = known(&server().await, 1, None).0;
    let bearer: &'static str = format!("Bearer {secret}").leak();
    let header = [PROTOCOL, ("authorization", bearer)];
    let with = |payload: Value| json!({"type": "connection_init", "payload": payload});
    for (headers, init, answer) in [
        (&header[..1], json!({"type": "connection_init"}), json!({"close": 4403})),
        (&header[..1], with(json!({"token": "lh_x"})), json!({"close": 4403})),
        // What stands in the beginning counts more: a page knows nothing of a header.
        (&header[..], with(json!({"token": "lh_x"})), json!({"close": 4403})),
        (&header[..1], with(json!({"token": secret})), json!({"type": "connection_ack"})),
        (&header[..1], with(json!({"authorization": bearer})), json!({"type": "connection_ack"})),
        (&header[..], json!({"type": "connection_init"}), json!({"type": "connection_ack"})),
    ] {
        let server = server().await;
        known(&server, 1, None);
        let mut socket = connect(&server, headers).await.unwrap();
        say(&mut socket, &init).await;
        assert_eq!(hear(&mut socket).await, answer, "{init}");
    }
}

#[tokio::test]
async fn a_socket_ends_with_its_token() {
    for expires in [true, false] {
        let server = server().await;
        #[expect(clippy::disallowed_methods, reason = "the server of these tests reads the clock")]
        let soon = Utc::now() + TimeDelta::seconds(3);
        let (secret, token) = known(&server, 1, expires.then_some(soon));
        let mut socket = connect(&server, &[PROTOCOL]).await.unwrap();
        say(&mut socket, &json!({"type": "connection_init", "payload": {"token": secret}})).await;
        assert_eq!(hear(&mut socket).await["type"], "connection_ack");
        say(&mut socket, &subscribe("1", "subscription { ticks }")).await;
        assert_eq!(next_text(&mut socket).await["type"], "next");
        if !expires {
            revoke(&server, &token);
        }
        assert_eq!(hear(&mut socket).await, json!({"close": 4403}));
    }
}

#[tokio::test]
async fn whoever_was_let_in_before_there_were_tokens_is_put_out() {
    let server = server().await;
    let mut socket = connect(&server, &[PROTOCOL]).await.unwrap();
    say(&mut socket, &json!({"type": "connection_init"})).await;
    assert_eq!(hear(&mut socket).await["type"], "connection_ack");
    known(&server, 1, None);
    assert_eq!(hear(&mut socket).await, json!({"close": 4403}));
}

#[tokio::test]
async fn a_stream_ends_with_its_token_and_says_why() {
    let server = server().await;
    let (secret, token) = known(&server, 1, None);
    let url = format!("http://{}/graphql", server.address);
    let request = reqwest::Client::new().post(url).header("accept", "text/event-stream");
    let request = request.bearer_auth(secret).json(&json!({"query": "subscription { ticks }"}));
    let mut response = request.send().await.unwrap();
    let first = response.chunk().await.unwrap().unwrap();
    assert!(first.starts_with(b"event: next"), "{first:?}");
    revoke(&server, &token);
    let mut rest = Vec::new();
    while let Some(piece) = response.chunk().await.unwrap() {
        rest.extend(piece);
    }
    let rest = String::from_utf8(rest).unwrap();
    assert!(rest.contains(r#""code":"UNAUTHENTICATED""#), "{rest}");
    assert!(rest.ends_with("event: complete\ndata: \n\n"), "{rest}");
}

#[tokio::test]
async fn each_token_may_ask_so_much_and_whoever_has_none_by_address() {
    // P12
    let server = serve_with(Limits { requests_per_second: 2, ..Limits::default() }).await;
    let (first, second) = (known(&server, 1, None).0, known(&server, 2, None).0);
    let ask = async |token: &str| post(&server, &[("authorization", token)]).await.0;
    let (first, second) = (format!("Bearer {first}"), format!("Bearer {second}"));
    assert_eq!([ask(&first).await, ask(&first).await, ask(&first).await], [200, 200, 429]);
    assert_eq!(ask(&second).await, 200);
    // Who guesses gets no account for each guess.
    let guess = |n: u8| second.replace("0202", &format!("{n:02}00"));
    let guesses = [ask(&guess(5)).await, ask(&guess(6)).await, ask(&guess(7)).await];
    assert_eq!(guesses, [401, 401, 429]);
}

#[tokio::test]
async fn a_request_whose_caller_ended_while_its_body_came_reaches_no_resolver() {
    // P15
    for make_first in [true, false] {
        let server = server().await;
        let (secret, token) = if make_first {
            (String::new(), None)
        } else {
            let (secret, token) = known(&server, 1, None);
            (format!("Authorization: Bearer {secret}\r\n"), Some(token))
        };
        let mut socket = TcpStream::connect(&server.address).await.unwrap();
        let body = r#"{"query": "mutation { act }"}"#;
        let head = format!(
            "POST /graphql HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{secret}Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        // It is let in: its body is asked for.
        let mut go_on = [0; 25];
        socket.read_exact(&mut go_on).await.unwrap();
        assert!(go_on.starts_with(b"HTTP/1.1 100 Continue"));
        match token {
            Some(token) => revoke(&server, &token),
            None => drop(known(&server, 1, None)),
        }
        socket.write_all(body.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
        assert!(answer.contains(r#""code":"UNAUTHENTICATED""#), "{answer}");
        assert_eq!(server.reached.count(), 0);
    }
}

#[tokio::test]
async fn a_query_that_lasts_ends_with_its_caller() {
    let server = server().await;
    let (secret, token) = known(&server, 1, None);
    let url = format!("http://{}/graphql", server.address);
    let request = reqwest::Client::new().post(url).bearer_auth(secret);
    let asking = request.json(&json!({"query": "{ hang }"})).send();
    let ending = async {
        server.reached.until(1).await;
        revoke(&server, &token);
    };
    let (answer, ()) = tokio::join!(asking, ending);
    assert_eq!(answer.unwrap().status(), 401);
}
