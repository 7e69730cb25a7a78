//! Long logs over several servers on one database: what is beyond the database's room for them is in a folder
//! that all servers see, and any server serves all of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::fleet::{Fleet, job, runs, signal, until};
use super::fleet_logs::{Follower, Pipe, config, page, raw};
use super::script;
use crate::support::appears::changes_until;
use crate::support::deadline::within;
use crate::support::graphql::Api;
use crate::support::server::Server;

/// A thousand bytes each: more than eight megabytes in all, and the store has room for those only.
pub(super) const LINES: usize = 9_500;

/// Servers that share a database and a folder.
struct Shared {
    fleet: Fleet,
    folder: PathBuf,
    /// What else their configuration says.
    more: &'static str,
}

impl Shared {
    async fn new(more: &'static str) -> Self {
        let fleet = Fleet::new().await;
        let folder = fleet.folder.path().join("objects");
        fs::create_dir(&folder).unwrap();
        Self { fleet, folder, more }
    }

    fn config(&self, name: &str) -> String {
        let url = format!("[object_store]\nurl = \"file://{}\"\n", self.folder.display());
        config(&self.fleet, name) + &url + self.more
    }

    async fn worker(&self, name: &str) -> Server {
        Server::start(&self.config(name)).await
    }

    /// A server that runs nothing.
    async fn front(&self, name: &str) -> Server {
        let mut command = Command::new("sh");
        let binary = env!("CARGO_BIN_EXE_longhaul");
        command.args(["-c", "exec \"$0\" \"$@\" --no-worker", binary]);
        Server::start_by(command, &self.config(name)).await
    }

    /// Where the objects of this database are.
    fn place(&self) -> PathBuf {
        let entries = fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().path());
        let all: Vec<PathBuf> = entries.collect();
        assert_eq!(all.len(), 1, "{all:?}");
        all.into_iter().next().unwrap()
    }

    /// Where those of a job are, whether or not there are any.
    fn of_job(&self, id: &str) -> PathBuf {
        self.place().join(&id[id.len() - 1..]).join(id)
    }

    /// The files of a job, by their folders' names.
    fn files(&self, id: &str) -> Vec<(String, PathBuf)> {
        let mut files = Vec::new();
        for claim in fs::read_dir(self.of_job(id)).into_iter().flatten() {
            let claim = claim.unwrap();
            let name = claim.file_name().into_string().unwrap();
            let inside = fs::read_dir(claim.path()).unwrap();
            files.extend(inside.map(|file| (name.clone(), file.unwrap().path())));
        }
        files
    }

    /// Nothing can be written there, nor read.
    fn takes_away(&self) {
        fs::rename(&self.folder, self.folder.with_extension("away")).unwrap();
        fs::write(&self.folder, "").unwrap();
    }

    fn gives_back(&self) {
        fs::remove_file(&self.folder).unwrap();
        fs::rename(self.folder.with_extension("away"), &self.folder).unwrap();
    }
}

/// So many lines of a thousand bytes.
pub(super) fn many(lines: usize) -> String {
    format!("seq -f %01000.0f 1 {lines}")
}

/// The same, and then what comes through the pipe.
async fn start(api: &Api, lines: usize, pipe: &Pipe) -> String {
    api.start("sh", script(&format!("{}; cat {}", many(lines), pipe.0.display()))).await
}

/// Waits until a follower has this line.
async fn heard(follower: &mut Follower, line: usize) {
    let is_there = |lines: &[Value]| {
        lines.last().is_some_and(|last| last["text"].as_str().unwrap().parse() == Ok(line))
    };
    while !is_there(&follower.lines) {
        assert!(follower.hear().await, "the log ended after {:?}", follower.lines.last());
    }
}

/// The end of a log, and how much of it is not kept.
async fn end(api: &Api, id: &str) -> Value {
    let query = "query($id: ID!) { job(id: $id) { log(last: 100) { droppedBytes complete
        nodes { attempt number text stream cursor } } } }";
    api.ask(query, json!({ "id": id })).await["job"]["log"].take()
}

pub(super) async fn metric(server: &Server, name: &str) -> u64 {
    let text = server.api.http.get(format!("http://{}/metrics", server.api.address()));
    let text = text.send().await.unwrap().text().await.unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name}: {text}")).parse().unwrap()
}

/// Asks for a whole log until it is there.
pub(super) async fn whole(api: &Api, id: &str) -> String {
    let asked = async {
        loop {
            let (status, text) = raw(api, id).await;
            if status == 200 {
                return text;
            }
            assert!(status == 503, "{status} {text}");
        }
    };
    within("the whole log", &id, asked).await
}

/// While it runs and later, also after the server that ran it has gone, and on one that never saw it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_log_is_whole_on_every_server() {
    let shared = Shared::new("").await;
    let (b, a) = (shared.worker("b").await, shared.front("a").await);
    let mut pipe = Pipe::new(&shared.fleet);
    let id = start(&a.api, LINES, &pipe).await;
    drop(runs(&a.api, &id, 1).await);
    let mut followed = Follower::new(&a.api, &id, Value::Null).await;
    assert_eq!(followed.has(LINES).await.len(), LINES);
    // What comes little by little is there at once, too.
    pipe.print("9501");
    followed.has(LINES + 1).await;
    let files = shared.files(&id);
    assert!((2..9).contains(&files.len()), "{files:?}");
    for (_, file) in &files {
        assert!(fs::metadata(file).unwrap().len() <= 256 * 1024);
    }
    assert_eq!(raw(&a.api, &id).await, raw(&b.api, &id).await, "while it runs");
    pipe.print("9502");
    pipe.end();
    let lines = followed.into_lines().await;
    assert_eq!(lines.len(), LINES + 2);
    for (at, line) in lines.iter().enumerate() {
        assert_eq!(line["text"].as_str().unwrap().parse(), Ok(at + 1));
    }
    let all = (raw(&b.api, &id).await, page(&b.api, &id).await);
    assert_eq!(all.0.1.len(), LINES * 1_001 + 10);
    drop(b);
    let c = shared.front("c").await;
    for server in [&a, &c] {
        assert_eq!((raw(&server.api, &id).await, page(&server.api, &id).await), all);
    }
    assert!(metric(&c, "longhaul_log_objects_read_total").await >= 2);
}

/// Of a log that is longer than what is kept of it every server has what its own has: the beginning and the
/// end. What the end has lost is removed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_log_without_a_middle_every_server_has_the_same() {
    let shared = Shared::new("[limits]\nlog_head_bytes = 65536\nlog_tail_bytes = 2097152\n").await;
    let (b, a) = (shared.worker("b").await, shared.front("a").await);
    let mut pipe = Pipe::new(&shared.fleet);
    let id = start(&a.api, 6_000, &pipe).await;
    drop(runs(&a.api, &id, 1).await);
    let mut followed = Follower::new(&a.api, &id, Value::Null).await;
    heard(&mut followed, 6_000).await;
    assert_eq!(raw(&a.api, &id).await, raw(&b.api, &id).await, "while it runs");
    // The end goes on, until nothing is kept any more of what was the end, and then little by little.
    for line in 6_001..=9_000 {
        pipe.print(&format!("{line:01000}"));
        if line % 500 == 0 {
            heard(&mut followed, line).await;
        }
    }
    for line in 9_001..9_020 {
        pipe.print(&line.to_string());
        heard(&mut followed, line).await;
    }
    assert_eq!(raw(&a.api, &id).await, raw(&b.api, &id).await, "while it runs");
    assert_eq!(end(&a.api, &id).await, end(&b.api, &id).await, "while it runs");
    pipe.end();
    followed.into_lines().await;
    // Another one prints more than can be carried before it ends.
    let second = a.api.start("sh", script(&many(20_000))).await;
    a.api.watch(&second).await.end().await;
    whole(&a.api, &second).await;
    let c = shared.front("c").await;
    for id in [&id, &second] {
        let own = (raw(&b.api, id).await, end(&b.api, id).await);
        assert!(own.1["droppedBytes"].as_u64().unwrap() > 1_000_000, "{}", own.1);
        for server in [&a, &c] {
            assert_eq!(end(&server.api, id).await, own.1);
            assert!(raw(&server.api, id).await == own.0);
        }
        let kept: u64 =
            shared.files(id).iter().map(|(_, file)| fs::metadata(file).unwrap().len()).sum();
        assert!((1..2 * 1024 * 1024 + 65_536).contains(&kept), "{kept}");
    }
}

/// P4: what a worker that was frozen past its lease still had to carry is refused, and nothing of it stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_long_log_of_an_old_claim_is_refused() {
    let shared = Shared::new("").await;
    let (b, a) = (shared.worker("b").await, shared.front("a").await);
    let mut pipe = Pipe::new(&shared.fleet);
    let id = start(&a.api, 12_000, &pipe).await;
    drop(runs(&a.api, &id, 1).await);
    let mut followed = Follower::new(&a.api, &id, Value::Null).await;
    // It has more than two megabytes to carry still.
    followed.has(LINES).await;
    let mut watched = a.api.watch(&id).await;
    signal(&b, Signal::STOP);
    let d = shared.worker("d").await;
    until(&mut watched, "RUNNING", |s| s["state"] == "RUNNING" && s["job"]["attempt"] == 2).await;
    let before = shared.files(&id);
    signal(&b, Signal::CONT);
    // The other one is full, so this runs where it was frozen.
    let second = b.api.start("sh", script("true")).await;
    b.api.watch(&second).await.end().await;
    assert_eq!(job(&a.api, &second).await["worker"]["name"], "b");
    let count = async || metric(&b, "longhaul_stale_reports_total").await;
    let refused = async { while count().await < 1 {} };
    within("a refusal", &"", refused).await;
    // Not before the second attempt reads it.
    pipe.print("12001");
    heard(&mut followed, 12_001).await;
    pipe.end();
    watched.end().await;
    let of_first = |files: Vec<(String, PathBuf)>| {
        files.into_iter().filter(|(claim, _)| claim.starts_with("1-")).collect::<Vec<_>>()
    };
    assert_eq!(of_first(shared.files(&id)), of_first(before), "nothing was added");
    let own = raw(&d.api, &id).await;
    assert_eq!(own.1.len(), 12_000 * 1_001 + 6);
    assert!(whole(&a.api, &id).await == own.1);
}

/// P12: a store that is away keeps no job waiting, and what could not be carried follows. Who asks meanwhile
/// hears who has it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_store_that_is_away_harms_nobody() {
    let shared = Shared::new("").await;
    let b = shared.worker("b").await;
    let (a, c) = (shared.front("a").await, shared.front("c").await);
    shared.takes_away();
    let id = a.api.start("sh", script(&many(LINES))).await;
    assert_eq!(a.api.watch(&id).await.end().await["state"], "SUCCEEDED");
    let (status, text) = raw(&a.api, &id).await;
    let told = "what the job printed from here on is with the worker `b`, which ran it";
    assert!(status == 503 && text.contains(told), "{status} {text}");
    assert!(metric(&b, "longhaul_log_objects_errors_total{operation=\"write\"}").await > 0);
    shared.gives_back();
    assert!(whole(&a.api, &id).await == raw(&b.api, &id).await.1);
    // Who has read none of it needs the store.
    shared.takes_away();
    let (status, text) = raw(&c.api, &id).await;
    let told = "a part of what the job printed is in the object store, which does not answer";
    assert!(status == 503 && text.contains(told), "{status} {text}");
    assert!(!text.contains("objects/"), "{text}");
    shared.gives_back();
    // P9: nor is anything taken for what it is not.
    let (_, file) = shared.files(&id).remove(0);
    let mut bytes = fs::read(&file).unwrap();
    bytes[100] ^= 1;
    fs::write(&file, &bytes).unwrap();
    let (status, text) = raw(&c.api, &id).await;
    assert!(status == 503 && text.contains("where it is damaged"), "{status} {text}");
    bytes[100] ^= 1;
    fs::write(&file, bytes).unwrap();
    assert!(whole(&c.api, &id).await == raw(&b.api, &id).await.1);
}

/// P12: what a worker had not carried when it was killed is carried when it is back, although nobody says so
/// and the jobs have ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_worker_had_not_carried_follows() {
    let shared = Shared::new("").await;
    let (mut b, a) = (shared.worker("b").await, shared.front("a").await);
    shared.takes_away();
    let mut ids = Vec::new();
    for _ in 0..2 {
        let id = a.api.start("sh", script(&many(LINES))).await;
        assert_eq!(a.api.watch(&id).await.end().await["state"], "SUCCEEDED");
        ids.push(id);
    }
    for id in &ids {
        let (status, text) = raw(&a.api, id).await;
        assert!(status == 503 && text.contains("is with the worker `b`"), "{status} {text}");
    }
    b.kill();
    shared.gives_back();
    b.start_again().await;
    for id in &ids {
        assert_eq!(whole(&a.api, id).await.len(), LINES * 1_001);
    }
}

fn goes(folder: &Path, path: &Path) {
    changes_until(folder, &format!("{} goes", path.display()), || !path.exists());
}

/// Objects go with their jobs, and what a crash left of a job that is not known goes, too; what is of a job
/// that is kept, or of nobody we know, stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_go_with_their_jobs() {
    let shared = Shared::new("[retention]\njobs = 1\n").await;
    let (b, a) = (shared.worker("b").await, shared.front("a").await);
    let id = a.api.start("sh", script(&many(LINES))).await;
    a.api.watch(&id).await.end().await;
    whole(&a.api, &id).await;
    let files = shared.files(&id).len();
    // Somebody wrote an object and died before anybody heard of it.
    let place = shared.place();
    let orphan = "0192f0c1-2b3c-7def-8123-456789abcdef";
    let of_orphan = place.join("f").join(orphan);
    let foreign = place.join("f").join("notes");
    for folder in [of_orphan.join("1-1"), foreign.join("1-1")] {
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("0-1-x"), "x").unwrap();
    }
    drop(a);
    let _c = shared.front("c").await;
    let (folder, path) = (place.join("f"), of_orphan);
    tokio::task::spawn_blocking(move || goes(&folder, &path)).await.unwrap();
    assert!(foreign.join("1-1").join("0-1-x").exists());
    assert_eq!(shared.files(&id).len(), files, "those of a job that is kept stay");
    // The job is past its time.
    let shard = place.join(&id[id.len() - 1..]);
    let (folder, path) = if shard == place.join("f") {
        (shard.clone(), shared.of_job(&id))
    } else {
        (place.clone(), shard)
    };
    let gone = tokio::task::spawn_blocking(move || goes(&folder, &path));
    for _ in 0..2 {
        let id = b.api.start("sh", script("true")).await;
        b.api.watch(&id).await.end().await;
    }
    gone.await.unwrap();
    assert!(!shared.of_job(&id).exists());
}
