//! Logs over several servers on one database: what a job prints on one server is followed on any other, from
//! any place, over the death of the server that runs it.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::fleet::{Fleet, job, runs, signal, until};
use super::report;
use crate::support::graphql::{Api, Heard, Socket};
use crate::support::server::Server;

const FOLLOW: &str = "subscription($id: ID!, $after: Cursor) { jobLog(id: $id, after: $after) {
    lines { attempt number text stream cursor } complete } }";
const PAGE: &str = "query($id: ID!, $last: Int) { job(id: $id) { log(last: $last) {
    nodes { attempt number text stream cursor } complete pageInfo { hasNextPage } } } }";

/// A pipe that a job prints.
pub(super) struct Pipe(pub(super) PathBuf, Option<File>);

impl Pipe {
    pub(super) fn new(fleet: &Fleet) -> Self {
        let path = fleet.folder.path().join("pipe");
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        // Both ends, so that it waits for no reader and outlives one.
        let pipe = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        Self(path, Some(pipe))
    }

    pub(super) fn print(&self, line: &str) {
        writeln!(self.1.as_ref().unwrap(), "{line}").unwrap();
    }

    /// Nothing more comes.
    pub(super) fn end(&mut self) {
        self.1 = None;
    }
}

/// Starts a job that prints what comes through the pipe.
pub(super) async fn start(api: &Api, pipe: &Pipe) -> String {
    api.start("say", json!({ "file": pipe.0 })).await
}

pub(super) fn config(fleet: &Fleet, name: &str) -> String {
    fleet.config(name, 1)
        + "[kinds.say]\ncommand = [\"cat\", \"{file}\"]\ngrace = \"0s\"\n[kinds.say.args]\n\
           type = \"object\"\nproperties.file = { type = \"string\" }\n\
           [kinds.sh]\ncommand = [\"sh\", \"-c\", \"{script}\"]\n[kinds.sh.args]\n\
           type = \"object\"\nproperties.script = { type = \"string\" }\n"
}

pub(super) async fn worker(fleet: &Fleet, name: &str) -> Server {
    Server::start(&config(fleet, name)).await
}

/// A server that runs nothing.
pub(super) async fn front(fleet: &Fleet, name: &str) -> Server {
    let mut command = Command::new("sh");
    let binary = env!("CARGO_BIN_EXE_longhaul");
    command.args(["-c", "exec \"$0\" \"$@\" --no-worker", binary]);
    Server::start_by(command, &config(fleet, name)).await
}

/// A follower of one log.
pub(super) struct Follower {
    socket: Socket,
    pub(super) lines: Vec<Value>,
    complete: bool,
}

impl Follower {
    pub(super) async fn new(api: &Api, id: &str, after: Value) -> Self {
        let mut socket = api.socket().await;
        socket.subscribe("log", FOLLOW, json!({ "id": id, "after": after })).await;
        Self { socket, lines: Vec::new(), complete: false }
    }

    /// Reads until it has so many lines.
    pub(super) async fn has(&mut self, count: usize) -> &[Value] {
        while self.lines.len() < count {
            assert!(self.hear().await, "the log ended after {:?}", self.lines.last());
        }
        &self.lines
    }

    /// The next message; `false` after the last one.
    pub(super) async fn hear(&mut self) -> bool {
        match self.socket.next().await {
            Heard::Next(_, mut data) => {
                assert!(!self.complete, "nothing comes after the last message");
                let chunk = data["jobLog"].take();
                self.lines.extend(chunk["lines"].as_array().unwrap().iter().cloned());
                self.complete = chunk["complete"] == true;
                true
            }
            Heard::Complete(_) => false,
            Heard::Error(_, errors) => panic!("{errors}"),
        }
    }

    /// All of it, to its end.
    pub(super) async fn into_lines(mut self) -> Vec<Value> {
        while self.hear().await {}
        assert!(self.complete, "the last message says so");
        self.lines
    }
}

/// The whole log as a page.
pub(super) async fn page(api: &Api, id: &str) -> Value {
    api.ask(PAGE, json!({ "id": id, "last": 5_000 })).await["job"]["log"].take()
}

pub(super) async fn raw(api: &Api, id: &str) -> (u16, String) {
    let url = format!("http://{}/jobs/{id}/log", api.address());
    let answer = api.http.get(url).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

fn texts(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["text"].as_str().unwrap()).collect()
}

/// The text of each line and its number belong together.
fn assert_counts(lines: &[Value], from: usize) {
    for (at, line) in lines.iter().enumerate() {
        assert_eq!(
            (&line["text"], &line["number"]),
            (&json!((from + at).to_string()), &json!(from + at))
        );
    }
}

/// A log is followed on another server line by line, on a third one from where the second one was, and is the
/// same there, with its places, as where it is printed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_is_followed_on_any_server() {
    const LINES: usize = 100;
    let fleet = Fleet::new().await;
    let b = worker(&fleet, "b").await;
    let (a, c) = (front(&fleet, "a").await, front(&fleet, "c").await);
    let mut pipe = Pipe::new(&fleet);
    let id = start(&a.api, &pipe).await;
    drop(runs(&a.api, &id, 1).await);
    let mut here = Follower::new(&b.api, &id, Value::Null).await;
    let mut there = Follower::new(&a.api, &id, Value::Null).await;
    let mut heard = (Vec::new(), Vec::new());
    let follow = async {
        for count in 1..=LINES {
            there.has(count).await;
            heard.0.push(Instant::now());
        }
    };
    let print = async {
        for number in 1..=LINES {
            pipe.print(&number.to_string());
            here.has(number).await;
            heard.1.push(Instant::now());
        }
    };
    tokio::join!(follow, print);
    assert_counts(&there.lines, 1);
    assert_eq!(there.lines, here.lines);
    let later = heard.0.iter().zip(&heard.1).map(|(there, here)| there.duration_since(*here));
    let mut later: Vec<Duration> = later.collect();
    later.sort();
    report(&format!(
        "a line of another server came later than there by p50 {:?}, p99 {:?}",
        later[LINES / 2],
        later[LINES * 99 / 100]
    ));
    assert_eq!(raw(&a.api, &id).await, raw(&b.api, &id).await, "while it runs");
    // A third one goes on from the middle.
    let middle = there.lines[LINES / 2 - 1]["cursor"].clone();
    let mut third = Follower::new(&c.api, &id, middle).await;
    assert_counts(third.has(LINES / 2).await, LINES / 2 + 1);
    pipe.print("101");
    third.has(LINES / 2 + 1).await;
    // The end comes with what was printed last.
    pipe.print("102");
    pipe.end();
    let third = third.into_lines().await;
    assert_counts(&third, LINES / 2 + 1);
    assert_eq!(third.len(), LINES / 2 + 2);
    let all = there.into_lines().await;
    assert_counts(&all, 1);
    assert_eq!(all, here.into_lines().await);
    let of_b = page(&b.api, &id).await;
    assert_eq!(of_b["nodes"].as_array().unwrap(), &all);
    for other in [&a, &c] {
        assert_eq!(page(&other.api, &id).await, of_b);
        assert_eq!(raw(&other.api, &id).await, raw(&b.api, &id).await);
    }
}

/// P11: what a killed server had uploaded is served still, and what the next attempt prints elsewhere follows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_of_a_killed_server_goes_on_with_the_next_attempt() {
    let fleet = Fleet::new().await;
    let b = worker(&fleet, "b").await;
    let a = front(&fleet, "a").await;
    let mut pipe = Pipe::new(&fleet);
    let id = start(&a.api, &pipe).await;
    drop(runs(&a.api, &id, 1).await);
    let mut followed = Follower::new(&a.api, &id, Value::Null).await;
    pipe.print("1");
    pipe.print("2");
    followed.has(2).await;
    drop(b);
    let d = worker(&fleet, "d").await;
    drop(runs(&d.api, &id, 2).await);
    pipe.print("again");
    assert_eq!(texts(followed.has(3).await), ["1", "2", "again"]);
    pipe.end();
    let followed = followed.into_lines().await;
    let places: Vec<_> = followed.iter().map(|line| (&line["attempt"], &line["number"])).collect();
    assert_eq!(json!(places), json!([[1, 1], [1, 2], [2, 1]]));
    // On the server that has only the second attempt's folder, too, and later.
    let on_d = Follower::new(&d.api, &id, followed[0]["cursor"].clone()).await;
    assert_eq!(on_d.into_lines().await, followed[1..]);
    assert_eq!(page(&d.api, &id).await["nodes"].as_array().unwrap(), &followed);
}

/// P4: what a worker that was frozen past its lease wants to add to the log of before is refused and counted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_of_an_old_claim_is_refused() {
    let fleet = Fleet::new().await;
    let b = worker(&fleet, "b").await;
    let a = front(&fleet, "a").await;
    let mut pipe = Pipe::new(&fleet);
    let id = start(&a.api, &pipe).await;
    drop(runs(&a.api, &id, 1).await);
    let mut followed = Follower::new(&a.api, &id, Value::Null).await;
    pipe.print("1");
    followed.has(1).await;
    let mut watched = a.api.watch(&id).await;
    signal(&b, Signal::STOP);
    // Its shim goes on for a while, and says in the log why it stops.
    pipe.print("too late");
    let d = worker(&fleet, "d").await;
    until(&mut watched, "RUNNING", |s| s["state"] == "RUNNING" && s["job"]["attempt"] == 2).await;
    signal(&b, Signal::CONT);
    // The other one is full, so this runs where it was frozen.
    let second = b.api.start("sh", json!({ "script": "true" })).await;
    b.api.watch(&second).await.end().await;
    assert_eq!(job(&a.api, &second).await["worker"]["name"], "b");
    let metrics = b.api.http.get(format!("http://{}/metrics", b.api.address()));
    let metrics = metrics.send().await.unwrap().text().await.unwrap();
    // Its end; and the rest of its log, where that was sent in the time that an end leaves.
    let refused =
        metrics.lines().find_map(|line| line.strip_prefix("longhaul_stale_reports_total "));
    assert!(matches!(refused, Some("1" | "2")), "{metrics}");
    pipe.print("2");
    pipe.end();
    assert_eq!(texts(&followed.into_lines().await), ["1", "2"]);
    drop(d);
}

/// P12: of a long log the beginning is to be had everywhere, and who asks for more is told where it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rest_of_a_long_log_stays_with_its_worker() {
    let fleet = Fleet::new().await;
    let b = worker(&fleet, "b").await;
    let a = front(&fleet, "a").await;
    // From here on the first one knows of the other.
    let mut pipe = Pipe::new(&fleet);
    let short = start(&a.api, &pipe).await;
    let mut followed = Follower::new(&a.api, &short, Value::Null).await;
    pipe.print("1");
    followed.has(1).await;
    pipe.end();
    followed.into_lines().await;
    let script = "yes 0123456789abcdef0123456789abcdef0123456789abcdef | head -c 9000000";
    let id = a.api.start("sh", json!({ "script": script })).await;
    a.api.watch(&id).await.end().await;
    let from_start =
        "query($id: ID!, $after: Cursor) { job(id: $id) { log(first: 5000, after: $after) {
        nodes { number cursor } complete pageInfo { hasNextPage } } } }";
    let (mut after, mut lines) = (Value::Null, 0);
    let refused = loop {
        let mut answer =
            a.api.try_ask(from_start, json!({ "id": id, "after": after })).await.unwrap();
        if answer["errors"].is_array() {
            break answer["errors"][0].take();
        }
        let page = answer["data"]["job"]["log"].take();
        assert_eq!(
            (&page["complete"], &page["pageInfo"]["hasNextPage"]),
            (&json!(false), &json!(true))
        );
        for line in page["nodes"].as_array().unwrap() {
            lines += 1;
            assert_eq!(line["number"], lines);
            after = line["cursor"].clone();
        }
    };
    assert!((1..9_000_000 / 49).contains(&lines), "{lines}");
    let told =
        "what the job printed from here on is with the worker `b`, which ran it: ask that server";
    assert_eq!(
        (&refused["message"], &refused["extensions"]["code"]),
        (&json!(told), &json!("UNAVAILABLE"))
    );
    // Which has it, from there on.
    let rest = b.api.ask(from_start, json!({ "id": id, "after": after })).await;
    assert_eq!(rest["job"]["log"]["nodes"][0]["number"], lines + 1);
    let (status, text) = raw(&a.api, &id).await;
    assert!(status == 503 && text.contains(told), "{status} {text}");
    let last = a.api.try_ask(PAGE, json!({ "id": id, "last": 10 })).await.unwrap();
    assert_eq!(last["errors"][0]["message"], told);
}
