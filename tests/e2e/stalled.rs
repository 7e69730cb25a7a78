//! Clients that stop reading what they asked for, beside others that read: the others are served as
//! if they were alone, the server holds little for those that stalled, and lets them go (P12).
//! `LONGHAUL_STALLED` is how many stall.
//!
//! Whoever stalls for longer than `slow_reader` is told so by code 1013. That can only come to a client
//! which goes on reading within a second: behind a window that stays closed nothing more is sent, a
//! close frame neither, so the connection is cut, and the client sees the cut when it reads again.

use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{report, script, size};
use crate::support::deadline::within;
use crate::support::graphql::{Api, Heard, Socket};
use crate::support::server::Server;

const CONFIG: &str = r#"
[worker]
slots = 2
[kinds.sh]
command = ["/bin/sh", "-c", "{script}"]
[limits]
slow_reader = "2s"
"#;

/// More than every buffer on the way holds.
const FLOOD: &str = "seq -f 'line %.0f is as long as those that a build or a server prints: some eighty bytes' 100000";
const LINES: usize = 100_000;
/// A message has no more text, or those who stall would hold more.
const MESSAGE: usize = 8 * 1024;
/// A clock that can be read: it lasts well beyond `slow_reader` and the second of the farewell.
const TICKS: usize = 50;
const TICKING: &str = "for i in $(seq 50); do echo $i; sleep 0.1; done";
/// Beside what the server had before.
const MOST: u64 = 64 * 1024 * 1024;

const LOG: &str = "subscription($id: ID!, $tail: Int) {
    jobLog(id: $id, tail: $tail) { lines { number text } } }";

/// Subscribes to a log and reads only its first message.
async fn stall(api: &Api, id: &str) -> Socket {
    let mut socket = api.narrow_socket().await;
    socket.subscribe(id, LOG, json!({ "id": id })).await;
    let first = socket.next().await;
    assert!(matches!(first, Heard::Next(..)), "{first:?}");
    socket
}

/// Reads a log to its end, or so much of its end; how many lines that are, none of them left out.
async fn read(mut socket: Socket, id: String, tail: Option<usize>) -> usize {
    socket.subscribe(&id, LOG, json!({ "id": id, "tail": tail })).await;
    let (mut first, mut last) = (None, 0);
    loop {
        let lines = match socket.next().await {
            Heard::Next(_, mut data) => data["jobLog"]["lines"].take(),
            Heard::Complete(_) => return first.map_or(0, |first| last + 1 - first),
            Heard::Error(id, errors) => panic!("{id}: {errors}"),
        };
        let lines = lines.as_array().unwrap();
        let text: usize = lines.iter().map(|line| line["text"].as_str().unwrap().len()).sum();
        assert!(text <= MESSAGE, "P12: {text} bytes in one message");
        for line in lines {
            let number = usize::try_from(line["number"].as_u64().unwrap()).unwrap();
            assert!(first.is_none() || number == last + 1, "line {number} follows {last}");
            (first, last) = (first.or(Some(number)), number);
        }
    }
}

/// Asks for something small again and again until it is told to end; the longest that took.
async fn ask_meanwhile(api: Api, over: watch::Receiver<bool>) -> Duration {
    let mut longest = Duration::ZERO;
    while !*over.borrow() {
        let began = Instant::now();
        api.ask("{ jobs(first: 5) { nodes { id state } } }", json!({})).await;
        longest = longest.max(began.elapsed());
    }
    longest
}

/// Reads what lies on the way, to the end of the socket: `true` where it was told why.
async fn was_told(mut socket: Socket) -> bool {
    loop {
        match socket.try_next().await {
            Ok(Heard::Next(..)) => {}
            Ok(other) => panic!("it stalled in the middle of a log: {other:?}"),
            Err(why) if why.contains("Close(Some") => {
                assert!(why.contains("Again") && why.contains("too slow"), "{why}");
                return true;
            }
            Err(_) => return false,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stops_reading_is_let_go_and_harms_nobody() {
    let count = usize::try_from(size("LONGHAUL_STALLED", 50)).unwrap();
    let mut server = Server::start(CONFIG).await;
    let api = server.api.clone();
    let flood = api.start("sh", script(FLOOD)).await;
    assert_eq!(api.watch(&flood).await.end().await["state"], "SUCCEEDED");
    assert_eq!(read(api.socket().await, flood.clone(), Some(5_000)).await, 5_000);

    let before = server.resident();
    let stalls = join_all((0..count).map(|_| stall(&api, &flood)));
    let stalled = within("the first message of each", &count, stalls).await;
    let (over, is_over) = watch::channel(false);
    let mut asking = JoinSet::new();
    asking.spawn(ask_meanwhile(api.clone(), is_over));
    let ticking = api.start("sh", script(TICKING)).await;
    let served =
        join_all((0..5).map(|_| async { read(api.socket().await, ticking.clone(), None).await }));
    let also = read(api.socket().await, flood.clone(), None);
    let (ticks, again) = futures::join!(served, also);
    over.send_replace(true);
    let longest = asking.join_next().await.unwrap().unwrap();
    assert_eq!((ticks, again), (vec![TICKS; 5], LINES), "the others read everything");

    let most = server.resident_at_most().saturating_sub(before);
    report(&format!("  {count} stalled; the others' slowest answer took {longest:?}"));
    report(&format!(
        "  the server's memory: {} KiB before, {} KiB more at most",
        before >> 10,
        most >> 10
    ));
    assert!(most <= MOST, "P12: {count} stalled clients took {most} bytes");
    let told = join_all(stalled.into_iter().map(was_told)).await;
    let told = told.into_iter().filter(|told| *told).count();
    report(&format!("  {told} read that they were too slow, {} were cut", count - told));
    assert!(server.stop().await.success());
}
