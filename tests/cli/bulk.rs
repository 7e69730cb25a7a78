//! Many at once: what a filter finds, how many that are, and every queue.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::support::deadline::within;
use crate::support::server::Server;

use super::codes::{ask, words};
use super::pty::Pty;
use super::scripted::{Reply, Scripted, Step};
use super::whole::{ONE, TWO, ids};
use super::{against, job, longhaul, stderr, stdout};

/// A server on which a filter finds two jobs.
fn two() -> Scripted {
    let canceled =
        |id: &str| json!({"cancelJob": {"changed": true, "job": job(&json!({"id": id}))}});
    Scripted::start()
        .data("JobIds", ids(&[TWO, ONE]))
        .data("CancelJob", canceled(ONE))
        .data("CancelJob", canceled(TWO))
}

const CANCEL: [&str; 5] = ["cancel", "--filter", "queue=q", "--filter", "label=team=film"];

#[test]
fn what_a_filter_finds_is_canceled_by_its_number() {
    for (more, told) in [
        (&[][..], "longhaul: this cancels 2 jobs: 2 queued\n"),
        (&["--confirm", "3"], "longhaul: it is not 3: it is 2 jobs: 2 queued\n"),
    ] {
        let server = two();
        let output = against(&server, &[&CANCEL[..], more].concat());
        assert_eq!((output.status.code(), stdout(&output)), (Some(2), ""), "{}", stderr(&output));
        let hint = "hint: nothing was canceled; `--confirm 2` cancels these, `--yes` however many there are\n";
        assert_eq!(stderr(&output), format!("{told}\n{hint}"));
        assert_eq!(server.asked("CancelJob"), Vec::<Value>::new());
    }
    for more in [&["--confirm", "2"][..], &["--yes"]] {
        let server = two();
        let output = against(&server, &[&CANCEL[..], more].concat());
        let told: BTreeSet<_> = stdout(&output).lines().map(str::to_owned).collect();
        assert_eq!(told, BTreeSet::from([format!("{ONE}  QUEUED"), format!("{TWO}  QUEUED")]));
        let asked = server.asked("CancelJob").into_iter().map(|of| of["id"].to_string());
        assert_eq!(asked.collect::<BTreeSet<_>>().len(), 2, "each once");
        let filter = json!({
            "states": ["QUEUED", "RUNNING", "CANCELING"], "queues": ["q"],
            "labels": [{"key": "team", "value": "film"}],
        });
        assert_eq!(server.asked("JobIds")[0]["filter"], filter);
    }
    let none = Scripted::start().data("JobIds", ids(&[])).data("JobIds", ids(&[]));
    let output = against(&none, &["cancel", "--all"]);
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), "no jobs\n"));
    assert_eq!(stdout(&against(&none, &["cancel", "--all", "--json"])), "[]\n");
}

#[test]
fn who_waits_for_what_a_filter_finds_is_told_that_it_is_nothing() {
    for (form, shown) in [(&[][..], ""), (&["--json"], "[]\n")] {
        let none = Scripted::start().data("JobIds", ids(&[]));
        let output = against(&none, &[&["wait", "--kind", "film", "--any"], form].concat());
        assert_eq!((output.status.code(), stdout(&output)), (Some(0), shown));
        assert_eq!(stderr(&output), "no jobs\n");
    }
}

#[test]
fn no_more_jobs_are_followed_at_once_than_there_are_connections_for() {
    let many: Vec<_> =
        (0..501).map(|n| format!("019ab3c0-5a50-7c3e-8f00-3b6f2c1d{n:04}")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    for how in [["wait", "--any"], ["status", "--watch"]] {
        let server = Scripted::start();
        let output = against(&server, &[&how[..], &many].concat());
        assert_eq!((output.status.code(), stdout(&output)), (Some(2), ""), "{}", stderr(&output));
        let told = "longhaul: 501 jobs are too many to follow at once: at most 500\n";
        assert!(stderr(&output).starts_with(told), "{}", stderr(&output));
        assert_eq!(server.asked("Job"), Vec::<Value>::new());
    }
}

#[test]
fn a_smaller_page_is_asked_for_where_the_server_allows_no_larger_one() {
    let refused = Reply::Error("INVALID_INPUT", "too many", json!({"argument": "first", "max": 7}));
    let server = Scripted::start().reply("JobIds", refused).data("JobIds", ids(&[]));
    assert_eq!(against(&server, &["cancel", "--all"]).status.code(), Some(0));
    let first: Vec<_> = server.asked("JobIds").iter().map(|v| v["first"].clone()).collect();
    assert_eq!(first, [100, 7]);
}

#[test]
fn who_sits_at_a_terminal_is_asked_for_the_number() {
    for (answer, code) in [("2\r", 0), ("y\r", 1), ("\u{4}", 1)] {
        let server = two();
        let terminal = Pty::new(80);
        let mut child = terminal.spawn(&server, &["cancel", "--all"]);
        let asked = terminal.until("type the number of jobs to go on:");
        assert!(asked.contains("this cancels 2 jobs: 2 queued"), "{asked}");
        assert_eq!(server.asked("CancelJob").len(), 0);
        terminal.typed(answer);
        assert_eq!(child.wait().unwrap().code(), Some(code), "{answer:?}");
        let rest = terminal.shown();
        assert_eq!(rest.contains("longhaul: nothing was canceled"), code == 1, "{rest}");
        assert_eq!(server.asked("CancelJob").len(), if code == 0 { 2 } else { 0 });
    }
}

#[test]
fn every_queue_can_be_paused_and_resumed() {
    let queue = |name: &str, paused: bool| json!({"name": name, "slots": 1, "paused": paused});
    let server = || {
        Scripted::start()
            .data("Queues", json!({"queues": [queue("a", false), queue("b", false)]}))
            .reply("PauseQueue", Reply::Error("FORBIDDEN", "no", json!({})))
            .data("PauseQueue", json!({"pauseQueue": {"queue": queue("b", true)}}))
            .data("ResumeQueue", json!({"resumeQueue": {"queue": queue("a", false)}}))
            .data("ResumeQueue", json!({"resumeQueue": {"queue": queue("b", false)}}))
    };
    let asked = server();
    let output = against(&asked, &["pause", "--all", "--note", "why"]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(77), "b  paused\n"));
    assert_eq!(stderr(&output), "longhaul: no\n  queue: a\n");
    let note = |name| json!({"name": name, "note": "why"});
    assert_eq!(asked.asked("PauseQueue"), [note("a"), note("b")]);
    let output = against(&server(), &["resume", "--all", "--json"]);
    let rows: Value = serde_json::from_str(stdout(&output)).unwrap();
    assert_eq!(rows, json!([queue("a", false), queue("b", false)]));
    assert_eq!(longhaul(&["pause", "a", "--all"]).output().unwrap().status.code(), Some(2));
}

const CONFIG: &str = r#"
[queues.default]
slots = 2
[kinds.deaf]
command = ["sh", "-c", "trap '' TERM; echo up; while :; do sleep 60; done"]
grace = "1h"
[kinds.obedient]
command = ["sh", "-c", "echo up; exec sleep 3600"]
grace = "1h"
"#;

/// A job of this kind whose command has begun.
async fn begun(server: &Server, kind: &str) -> String {
    let started = ask(server, &["start", kind]).await;
    let id = stdout(&started).trim().to_owned();
    let mut follow = tokio::process::Command::new(longhaul(&[]).get_program())
        .args(["logs", "-f", &id, "--server", &format!("http://{}", server.api.address())])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(follow.stdout.take().unwrap()).lines();
    let first = within("the first line", &kind, lines.next_line()).await.unwrap();
    assert_eq!(first.as_deref(), Some("up"));
    id
}

#[tokio::test]
async fn a_grace_is_shorter_than_that_of_the_kind() {
    // P10
    let server = Server::start(CONFIG).await;
    let (deaf, obedient) = (begun(&server, "deaf").await, begun(&server, "obedient").await);
    let canceled = ask(&server, &["cancel", &deaf, &obedient, "--grace", "500ms"]).await;
    assert_eq!(canceled.status.code(), Some(0), "{}", words(&canceled));
    assert_eq!(stdout(&canceled), format!("{deaf}  CANCELED\n{obedient}  CANCELED\n"));
    for (id, signal) in [(deaf, "SIGKILL"), (obedient, "SIGTERM")] {
        let shown = ask(&server, &["status", &id]).await;
        assert!(stdout(&shown).contains(signal), "{signal}: {}", stdout(&shown));
    }
    // Without a wait a program is told of it, too.
    let canceled = ask(&server, &["cancel", "--all", "--yes", "--json", "--grace", "1s"]).await;
    assert_eq!(stdout(&canceled), "[]\n");
}

#[test]
fn a_server_that_has_no_room_for_as_many_at_once_is_asked_again() {
    let refused = || Reply::Error("RATE_LIMITED", "too many requests at once", json!({}));
    let canceled = json!({"cancelJob": {"changed": true, "job": job(&json!({}))}});
    let server = Scripted::start()
        .data("JobIds", ids(&[TWO, ONE]))
        .reply("CancelJob", refused())
        .data("CancelJob", canceled.clone())
        .data("CancelJob", canceled);
    let output = against(&server, &["cancel", "--all", "--yes"]);
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""));
    assert_eq!(server.asked("CancelJob").len(), 3);
    // Who named them hears of it at once.
    let server = Scripted::start().reply("CancelJob", refused());
    assert_eq!(against(&server, &["cancel", "j1"]).status.code(), Some(75));
}

#[tokio::test]
async fn what_waits_is_canceled_before_it_can_start() {
    let server = Server::start(&CONFIG.replace("slots = 2", "slots = 1")).await;
    let first = begun(&server, "obedient").await;
    for _ in 0..60 {
        ask(&server, &["start", "obedient"]).await;
    }
    let canceled = ask(&server, &["cancel", "--all", "--yes", "--grace", "1h", "--json"]).await;
    assert_eq!(canceled.status.code(), Some(0), "{}", words(&canceled));
    let rows: Vec<Value> = serde_json::from_str(stdout(&canceled)).unwrap();
    assert_eq!(rows.len(), 61);
    let begun = rows.iter().filter(|row| row["job"]["attempt"] != 0);
    let begun: Vec<_> = begun.map(|row| row["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(begun, [first], "nothing but what ran before");
}

#[test]
fn who_interrupts_it_leaves_the_jobs_the_grace_of_their_kind() {
    let canceling = json!({"changed": true, "job": job(&json!({"state": "CANCELING"}))});
    let server = Scripted::start()
        .data("CancelJob", json!({"cancelJob": canceling}))
        .session("JobStatus", vec![Step::Hang]);
    let child = Command::new(longhaul(&[]).get_program())
        .args(["cancel", "j1", "--grace", "1h", "--server", server.url()])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    server.wait_for("JobStatus");
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    let told =
        "longhaul: interrupted: the jobs are asked to stop, and have the grace of their kinds\n";
    assert_eq!((output.status.code(), stderr(&output)), (Some(130), told));
    assert_eq!(server.asked("CancelJob").len(), 1);
}
