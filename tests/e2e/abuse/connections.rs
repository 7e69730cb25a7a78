//! Connections that never come to a request, or not to the end of one.

use futures::FutureExt;
use futures::future::{join_all, try_join_all};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Duration, interval};

use super::{measure, server, settle};

const HEAD: &str =
    "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";

/// What is sent, and the beginning of what comes before the server closes.
struct Row {
    what: &'static str,
    /// So many connections do it at once.
    times: usize,
    first: Vec<u8>,
    /// Sent again and again.
    trickle: &'static [u8],
    answer: &'static str,
}

fn row(what: &'static str, times: usize, first: impl Into<Vec<u8>>, answer: &'static str) -> Row {
    Row { what, times, first: first.into(), trickle: b"", answer }
}

fn rows() -> Vec<Row> {
    let body = |length: usize| format!("{HEAD}content-length: {length}\r\n\r\n");
    let chunked = |chunk: &str| format!("{HEAD}transfer-encoding: chunked\r\n\r\n{chunk}");
    let many = (0..10_000).fold(HEAD.to_owned(), |head, n| head + &format!("x{n}: y\r\n"));
    vec![
        row("200 connections that say nothing", 200, "", ""),
        row("200 with half a head", 200, HEAD, ""),
        Row { trickle: b"x: y\r\n", ..row("200 heads that trickle", 200, HEAD, "") },
        row("200 with half a body", 200, body(1_000) + "{", "HTTP/1.1 408 "),
        Row {
            trickle: b" ",
            ..row("200 bodies that trickle", 200, body(200_000), "HTTP/1.1 408 ")
        },
        Row {
            trickle: b"1\r\n \r\n",
            ..row("200 bodies in chunks of a byte", 200, chunked(""), "HTTP/1.1 408 ")
        },
        row("a chunk of 2^64 bytes", 1, chunked("FFFFFFFFFFFFFFFF\r\n"), "HTTP/1.1 4"),
        row(
            "two lengths",
            1,
            format!("{HEAD}content-length: 1\r\ncontent-length: 2\r\n\r\n{{}}"),
            "HTTP/1.1 400 ",
        ),
        row("10,000 headers", 1, many + "\r\n", "HTTP/1.1 431 "),
        row(
            "a header of 1 MB",
            1,
            format!("{HEAD}x: {}\r\n\r\n", "y".repeat(1 << 20)),
            "HTTP/1.1 431 ",
        ),
        row(
            "the beginning of TLS",
            1,
            [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, b'\r', b'\n'],
            "HTTP/1.1 400 ",
        ),
        row("1 MB of one line", 1, "x".repeat(1 << 20), "HTTP/1.1 4"),
    ]
}

/// One connection: all that comes until the server closes it.
async fn connection(address: &str, row: &Row) -> Result<(), String> {
    let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
    let (mut read, mut write) = stream.into_split();
    let send = async {
        let mut pauses = interval(Duration::from_millis(50));
        if write.write_all(&row.first).await.is_ok() {
            while !row.trickle.is_empty() && write.write_all(row.trickle).await.is_ok() {
                pauses.tick().await;
            }
        }
        std::future::pending::<()>().await;
    };
    let mut heard = Vec::new();
    let hear = async {
        // Whoever still sends to a closed connection may be reset.
        let _ = read.read_to_end(&mut heard).await;
    };
    tokio::select! {
        () = send => {}
        () = hear => {}
    }
    let heard = String::from_utf8_lossy(&heard);
    let is_right = heard.starts_with(row.answer) && heard.is_empty() == row.answer.is_empty();
    is_right.then_some(()).ok_or_else(|| format!("expected `{}`: {heard:.300}", row.answer))
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_lead_nowhere_end_and_hold_nobody_up() {
    let (quick, patient) = (server(1).await, server(4).await);
    let mut faults = Vec::new();
    for row in rows() {
        // To those who are answered it listens before its patience is over.
        let server = if row.answer.is_empty() { &quick } else { &patient };
        let harm = async {
            let all = (0..row.times).map(|_| connection(server.api.address(), &row));
            try_join_all(all).await.map(drop)
        };
        faults.extend(measure(server, row.what, harm.boxed()).await);
    }
    // Those who leave in the middle leave nothing behind.
    let leave = async {
        let leaving = (0..500).map(async |_| {
            let mut stream = TcpStream::connect(patient.api.address()).await.unwrap();
            let _ = stream.write_all(format!("{HEAD}content-length: 9\r\n\r\n{{").as_bytes()).await;
        });
        join_all(leaving).await;
        Ok(())
    };
    faults.extend(measure(&patient, "500 that leave in the middle of a body", leave.boxed()).await);
    settle(quick, faults, 0).await;
    settle(patient, Vec::new(), 0).await;
}
