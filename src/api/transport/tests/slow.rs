//! Clients that are slow to say what they want, and heads without an end (P12).

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{interval, timeout};

use super::{Server, serve_with};
use crate::domain::limits::Limits;

const QUERY: &str = r#"{"query":"{ hello }"}"#;

async fn serve_for(read_timeout: Duration) -> Server {
    serve_with(Limits { read_timeout, ..Limits::default() }).await
}

fn head(length: usize) -> String {
    format!(
        "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    )
}

/// All that comes until the server closes, while `pieces` is sent again and again.
async fn until_closed(server: &Server, first: &str, piece: &str) -> String {
    let stream = TcpStream::connect(&server.address).await.unwrap();
    let (mut read, mut write) = stream.into_split();
    write.write_all(first.as_bytes()).await.unwrap();
    let trickle = async {
        let mut pauses = interval(Duration::from_millis(10));
        while !piece.is_empty() && write.write_all(piece.as_bytes()).await.is_ok() {
            pauses.tick().await;
        }
        std::future::pending::<()>().await;
    };
    let mut heard = Vec::new();
    let hear = async {
        // What is still sent to a closed connection resets it.
        let _ = read.read_to_end(&mut heard).await;
    };
    let ended = async {
        tokio::select! {
            () = hear => {}
            () = trickle => {}
        }
    };
    timeout(Duration::from_secs(20), ended).await.expect("the server closes");
    String::from_utf8(heard).unwrap()
}

#[tokio::test]
async fn a_request_is_sent_within_the_limit() {
    let limit = Duration::from_millis(150);
    let server = serve_for(limit).await;
    let whole = head(QUERY.len()) + QUERY;
    for (what, first, piece, answer) in [
        ("nothing", String::new(), "", ""),
        ("half a line", "POST /gra".to_owned(), "", ""),
        ("a head that trickles", "POST /graphql HTTP/1.1\r\n".to_owned(), "x: y\r\n", ""),
        ("half a body", head(100) + "{", "", "HTTP/1.1 408 "),
        ("a body that trickles", head(1_000_000), " ", "HTTP/1.1 408 "),
        // Between two requests, too.
        ("an idle connection", whole, "", "HTTP/1.1 200 "),
    ] {
        let begun = Instant::now();
        let heard = until_closed(&server, &first, piece).await;
        assert!(heard.starts_with(answer), "{what}: {heard}");
        assert_eq!(heard.is_empty(), answer.is_empty(), "{what}: {heard}");
        assert!(begun.elapsed() >= limit, "{what}: {:?}", begun.elapsed());
        assert!(begun.elapsed() < Limits::default().read_timeout, "{what}");
        if answer.contains("408") {
            assert!(heard.contains(r#""code":"DEADLINE_EXCEEDED""#), "{what}: {heard}");
        }
    }
    assert_eq!(server.reached.count(), 1, "only what was sent in time");
}

#[tokio::test]
async fn who_is_slow_within_the_limit_is_answered() {
    let server = serve_for(Duration::from_secs(3_600)).await;
    let mut stream = TcpStream::connect(&server.address).await.unwrap();
    let mut pauses = interval(Duration::from_millis(5));
    for piece in (head(QUERY.len()) + QUERY).as_bytes().chunks(20) {
        stream.write_all(piece).await.unwrap();
        pauses.tick().await;
    }
    let mut status = [0; 13];
    stream.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 200 ");
}

#[tokio::test]
async fn a_head_is_as_long_as_the_limit_says() {
    // Below, at and above it.
    let server = serve_with(Limits { request_head: 8_192, ..Limits::default() }).await;
    for (bytes, status) in [(8_191, 200), (8_192, 200), (8_193, 431)] {
        let rest = "content-type: application/json\r\nconnection: close\r\n\r\n";
        let start = "GET /graphql?query={hello} HTTP/1.1\r\nhost: localhost\r\nx: ";
        let value = "x".repeat(bytes - start.len() - rest.len() - 2);
        let heard = until_closed(&server, &format!("{start}{value}\r\n{rest}"), "").await;
        assert!(heard.starts_with(&format!("HTTP/1.1 {status} ")), "{bytes}: {heard}");
    }
}
