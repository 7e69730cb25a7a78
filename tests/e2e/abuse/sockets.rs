//! Sockets whose clients break the protocol, flood it, or do nothing.

use futures::future::try_join_all;
use futures::{FutureExt, SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Duration, interval};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::{measure, server, settle};
use crate::e2e::script;
use crate::support::server::Server;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;
type Harm = Result<(), String>;

async fn connect(server: &Server) -> Socket {
    let url = format!("ws://{}/graphql", server.api.address());
    let mut request = url.into_client_request().unwrap();
    let protocol = "graphql-transport-ws".parse().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", protocol);
    connect_async(request).await.unwrap().0
}

async fn open(server: &Server) -> Socket {
    let mut socket = connect(server).await;
    say(&mut socket, &json!({ "type": "connection_init" })).await;
    assert_eq!(hear(&mut socket).await.unwrap()["type"], "connection_ack");
    socket
}

async fn say(socket: &mut Socket, message: &Value) {
    socket.send(Message::text(message.to_string())).await.unwrap();
}

/// The next message, or the code of the close.
async fn hear(socket: &mut Socket) -> Result<Value, u16> {
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
            Some(Ok(Message::Close(Some(frame)))) => return Err(frame.code.into()),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return Err(0),
        }
    }
}

/// Expects that the socket is closed with this code, whatever is told before.
async fn closes(socket: &mut Socket, code: u16) -> Harm {
    loop {
        if let Err(found) = hear(socket).await {
            return (found == code).then_some(()).ok_or(format!("closed by {found}, not {code}"));
        }
    }
}

/// Sockets that are open, and never begin.
async fn never_begin(server: &Server) -> Harm {
    let silent = (0..200).map(async |_| closes(&mut connect(server).await, 4408).await);
    try_join_all(silent).await.map(drop)
}

/// 10,000 pings of GraphQL, and as many of the protocol below, each of which is answered.
async fn ping(server: &Server, is_ours: bool) -> Harm {
    let (mut write, mut read) = open(server).await.split();
    let send = async {
        for number in 0..10_000_u32 {
            let ours = json!({ "type": "ping", "payload": { "n": number } }).to_string();
            let below = Message::Ping(number.to_be_bytes().to_vec().into());
            write.send(if is_ours { Message::text(ours) } else { below }).await.unwrap();
        }
    };
    let hear = async {
        let mut last = None;
        while last != Some(9_999) {
            last = match read.next().await {
                Some(Ok(Message::Text(text))) => {
                    let pong: Value = serde_json::from_str(&text).unwrap();
                    pong["payload"]["n"].as_u64()
                }
                Some(Ok(Message::Pong(number))) => {
                    Some(u32::from_be_bytes(number[..].try_into().unwrap()).into())
                }
                other => return Err(format!("after {last:?}: {other:?}")),
            };
        }
        Ok(())
    };
    futures::future::join(send, hear).await.1
}

/// A log of 30 MB that its client asks for twenty times and does not take. It hears nothing of its end,
/// so it sends until that fails.
async fn never_read(server: &Server, job: &str) -> Harm {
    let mut socket = open(server).await;
    let query = "subscription($id: ID!) { jobLog(id: $id) { lines { text } } }";
    for id in 0..20 {
        let payload = json!({ "query": query, "variables": { "id": job } });
        let id = id.to_string();
        say(&mut socket, &json!({ "type": "subscribe", "id": id, "payload": payload })).await;
    }
    let mut pauses = interval(Duration::from_millis(20));
    while socket.send(Message::Ping(Vec::new().into())).await.is_ok() {
        pauses.tick().await;
    }
    Ok(())
}

/// 1,000 operations that are no good, on one socket.
async fn refuse(server: &Server) -> Harm {
    let mut socket = open(server).await;
    for number in 0..1_000 {
        let payload = json!({ "query": "query a { server { version } }", "operationName": "b" });
        let id = number.to_string();
        say(&mut socket, &json!({ "type": "subscribe", "id": id, "payload": payload })).await;
        let told = hear(&mut socket).await.map_err(|code| format!("closed by {code}"))?;
        let code = &told["payload"][0]["extensions"]["code"];
        if (&told["type"], code) != (&json!("error"), &json!("GRAPHQL_VALIDATION_FAILED")) {
            return Err(told.to_string());
        }
    }
    Ok(())
}

/// A frame of a client by its first byte (its end and what it is); its mask changes nothing.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u64::try_from(payload.len()).unwrap().to_be_bytes();
    [&[first, 0xff][..], &length, &[0; 4], payload].concat()
}

/// Bytes that no client of the protocol would send.
fn malformed() -> Vec<(&'static str, Vec<u8>)> {
    let (text, more, end, compressed) = (0x81, 0x01, 0x80, 0xc1);
    let pieces = (0..20_000).flat_map(|_| frame(0x00, b""));
    let pieces: Vec<u8> = frame(more, b"").into_iter().chain(pieces).collect();
    let deep = format!(r#"{{"type":"ping","payload":{{"a":{}"#, "[".repeat(200_000));
    vec![
        ("invalid UTF-8", frame(text, &[0xff, 0xfe])),
        ("a compressed frame", frame(compressed, b"abc")),
        ("JSON 200,000 deep", frame(text, deep.as_bytes())),
        (
            "a frame of 2^63 bytes",
            [&[text, 0xff][..], &(1_u64 << 63).to_be_bytes(), &[0; 4]].concat(),
        ),
        ("a message past the limit", frame(text, &[b' '; 262_145])),
        ("20,000 pieces of nothing", [pieces, frame(end, b"")].concat()),
        ("a frame without a mask", vec![text, 2, b'{', b'}']),
        ("a frame of no known sort", frame(0x83, b"")),
        ("a ping of 1,000 bytes", frame(0x89, &[0; 1_000])),
        ("an id of 200 KB", {
            let id = "7".repeat(200_000);
            frame(text, json!({ "type": "complete", "id": id }).to_string().as_bytes())
        }),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_that_do_harm_end_by_their_code() {
    let server = server(3).await;
    let noise = script("yes 'a line of a log that is long' | head -c 33000000");
    let job = server.api.start("sh", noise).await;
    let end = server.api.watch(&job).await.end().await;
    assert_eq!(end["state"], "SUCCEEDED", "{end}");
    let mut faults = Vec::new();
    for (what, bytes) in malformed() {
        let harm = async {
            let mut socket = open(&server).await;
            // Not all of it may be taken.
            let _ = socket.get_mut().write_all(&bytes).await;
            closes(&mut socket, 4400).await
        };
        faults.extend(measure(&server, what, harm.boxed()).await);
    }
    for (what, harm) in [
        ("200 sockets that never begin", never_begin(&server).boxed()),
        ("10,000 pings", ping(&server, true).boxed()),
        ("10,000 pings below", ping(&server, false).boxed()),
        ("1,000 operations of no name", refuse(&server).boxed()),
        ("20 logs of 30 MB that nobody takes", never_read(&server, &job).boxed()),
    ] {
        faults.extend(measure(&server, what, harm).await);
    }
    settle(server, faults, 1).await;
}
