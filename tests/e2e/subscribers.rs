//! Subscribers of many jobs: each sees a snapshot, a `seq` that never falls and rises between
//! committed changes, the end, and `complete` (P7). `LONGHAUL_SUBSCRIBERS` is how many.

use std::collections::HashMap;
use std::time::Instant;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{report, script, size};
use crate::support::graphql::{Heard, Socket};
use crate::support::server::Server;

const CONFIG: &str = r#"
[worker]
slots = 4
[kinds.sh]
command = ["/bin/sh", "-c", "{script}"]
"#;

/// As many as one socket may have.
const PER_SOCKET: usize = 100;
/// Reports progress, so that volatile messages come between the committed ones.
const SCRIPT: &str = r#"echo '{"percent": 50}' >> "$LONGHAUL_PROGRESS"; exit 3"#;

/// What one subscription has seen.
#[derive(Default)]
struct Seen {
    messages: usize,
    seq: i64,
    last: Value,
}

impl Seen {
    fn take(&mut self, status: Value) {
        let (seq, change) = (status["seq"].as_i64().unwrap(), status["change"].as_str().unwrap());
        let first = self.messages == 0;
        assert_eq!(first, change == "SNAPSHOT", "the snapshot is the first: {status}");
        assert_ne!(self.last["terminal"], true, "nothing comes after the end: {status}");
        assert!(seq >= self.seq, "seq fell from {}: {status}", self.seq);
        let committed = !matches!(change, "SNAPSHOT" | "POSITION" | "PROGRESS");
        assert!(!committed || seq > self.seq, "seq did not rise from {}: {status}", self.seq);
        (self.messages, self.seq, self.last) = (self.messages + 1, seq, status);
    }
}

/// Reads a socket until each of its subscriptions is complete; the messages that came.
async fn read(mut socket: Socket, mut jobs: HashMap<String, Seen>) -> usize {
    let mut messages = 0;
    while !jobs.is_empty() {
        match socket.next().await {
            Heard::Next(id, mut data) => {
                jobs.get_mut(&id).unwrap().take(data["jobStatus"].take());
                messages += 1;
            }
            Heard::Complete(id) => {
                let last = jobs.remove(&id).unwrap().last;
                assert_eq!(last["terminal"], true, "complete without the end: {last}");
                assert_eq!(
                    (&last["state"], &last["job"]["exitCode"]),
                    (&json!("FAILED"), &json!(3))
                );
            }
            Heard::Error(id, errors) => panic!("{id}: {errors}"),
        }
    }
    messages
}

/// Subscribes to all of the jobs and reads them to their ends.
async fn watch_all(server: &Server, ids: &[String]) -> (JoinSet<usize>, usize) {
    let mut readers = JoinSet::new();
    for some in ids.chunks(PER_SOCKET) {
        let mut socket = server.api.socket().await;
        for id in some {
            socket.watch(id).await;
        }
        let jobs = some.iter().map(|id| (id.clone(), Seen::default())).collect();
        readers.spawn(read(socket, jobs));
    }
    let sockets = readers.len();
    (readers, sockets)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_subscriber_sees_the_whole_life_of_its_job() {
    let count = usize::try_from(size("LONGHAUL_SUBSCRIBERS", 60)).unwrap();
    let began = Instant::now();
    let mut server = Server::start(CONFIG).await;
    // Half of the subscribers are there before the first claim, half come while jobs run.
    server.api.ask("mutation { pauseQueue { changed } }", json!({})).await;
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.push(server.api.start("sh", script(SCRIPT)).await);
    }
    let (first, second) = ids.split_at(count / 2);
    let (mut readers, sockets) = watch_all(&server, first).await;
    server.api.ask("mutation { resumeQueue { changed } }", json!({})).await;
    let (later, more) = watch_all(&server, second).await;
    let mut messages = later.join_all().await.into_iter().sum::<usize>();
    while let Some(read) = readers.join_next().await {
        messages += read.unwrap();
    }
    let sockets = sockets + more;
    report(&format!(
        "  {count} subscribers on {sockets} sockets, {messages} messages, {:?}",
        began.elapsed()
    ));
    let (late, _) = watch_all(&server, &ids).await;
    let told = late.join_all().await.into_iter().sum::<usize>();
    assert_eq!(told, count, "who comes after the end sees the end, once, and complete");
    report(&format!("  {count} subscribers after the end: the end and complete each"));

    let unknown = "019ab3c0-5a50-7c3e-8f00-3b6f2c1d9e77";
    let Heard::Error(id, errors) = server.api.watch(unknown).await.next().await else {
        panic!("an unknown job has no status");
    };
    assert_eq!((id.as_str(), &errors[0]["extensions"]["code"]), (unknown, &json!("NOT_FOUND")));
    assert!(server.stop().await.success());
}
