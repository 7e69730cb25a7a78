//! So many connections at once, whatever becomes of them (P12).

use futures::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::ws::{hear, open, say, subscribe};
use super::{PATIENCE, Server, serve_with};
use crate::domain::limits::Limits;

async fn serve(connections: usize) -> Server {
    serve_with(Limits { connections, ..Limits::default() }).await
}

/// A client that asks something and waits for the answer.
async fn ask(server: &Server) -> TcpStream {
    let mut stream = TcpStream::connect(&server.address).await.unwrap();
    let body = r#"{"query":"{ hello }"}"#;
    let length = body.len();
    let request = format!(
        "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

async fn is_answered(stream: &mut TcpStream) {
    let mut head = [0; 15];
    let read = timeout(PATIENCE, stream.read_exact(&mut head)).await;
    read.expect("somebody answers").unwrap();
    assert_eq!(&head, b"HTTP/1.1 200 OK");
}

#[tokio::test]
async fn who_comes_beyond_waits_and_is_served_when_one_ends() {
    let server = serve(3).await;
    // One becomes a socket, which is a connection still; with it there is time for others to be served.
    let mut socket = open(&server).await;
    let mut idle = ask(&server).await;
    is_answered(&mut idle).await;
    let silent = TcpStream::connect(&server.address).await.unwrap();
    let waiting = [ask(&server).await, ask(&server).await];
    let mut served = Vec::new();
    let mut seen = 1;
    for (holder, mut next) in [silent, idle].into_iter().zip(waiting) {
        for _ in 0..20 {
            say(&mut socket, &subscribe("1", "{ hello }")).await;
            assert_eq!(hear(&mut socket).await["type"], "next");
            assert_eq!(hear(&mut socket).await["type"], "complete");
            seen += 1;
            assert_eq!(server.reached.count(), seen, "only the socket is served");
        }
        drop(holder);
        is_answered(&mut next).await;
        seen += 1;
        served.push(next);
    }
    // Both keep their connections, so the next one waits for the end of the socket.
    let mut last = ask(&server).await;
    say(&mut socket, &subscribe("1", "{ hello }")).await;
    assert_eq!(hear(&mut socket).await["type"], "next");
    assert!(last.peek(&mut [0]).now_or_never().is_none(), "nobody has left");
    drop(socket);
    is_answered(&mut last).await;
}
