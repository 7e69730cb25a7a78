//! Every exit code of the contract, by a real run against a real server; and `run` over its restart.

use std::path::Path;
use std::process::{Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr};

use crate::support::deadline::within;
use crate::support::server::Server;

use super::longhaul;

const CONFIG: &str = r#"
[server]
drain_timeout = "200ms"
[queues.narrow]
max_waiting = 1
[kinds.end]
command = ["sh", "-c", "exit {code}"]
success_exit_codes = [0, 3]
[kinds.killed]
command = ["sh", "-c", "kill -KILL $$"]
[kinds.ended]
command = ["sh", "-c", "kill -TERM $$"]
[kinds.slow]
command = ["sleep", "60"]
timeout = "100ms"
[kinds.long]
command = ["sleep", "60"]
queue = "narrow"
[kinds.absent]
command = ["no-such-program-here"]
"#;

/// Runs the command in a thread of its own: it blocks until it ends.
pub(super) async fn ask(server: &Server, arguments: &[&str]) -> Output {
    let url = format!("http://{}", server.api.address());
    let arguments: Vec<String> = arguments.iter().map(|&text| text.to_owned()).collect();
    let run = move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        longhaul(&arguments).env("LONGHAUL_URL", url).output().unwrap()
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

pub(super) fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn each_end_has_its_code() {
    // P9
    let mut server = Server::start(CONFIG).await;
    for (arguments, code) in [
        (&["run", "end", "code=0"][..], 0),
        (&["run", "end", "code=7"], 7),
        (&["run", "end", "code=125"], 125),
        (&["run", "end", "code=3"], 0),
        (&["run", "killed"], 137),
        (&["run", "ended"], 143),
        (&["run", "slow"], 124),
        (&["run", "absent"], 1),
        (&["run", "ned"], 2),
        (&["run", "end", "cod=7"], 2),
        (&["healthcheck"], 0),
        (&["workers"], 0),
        (&["query", "{ server { version } }"], 0),
        (&["query", "{ no }"], 2),
        (&["pause", "narrow"], 0),
    ] {
        let output = ask(&server, arguments).await;
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", words(&output));
        // By this line a script tells our failures from those of a job.
        let is_ours = words(&output).lines().any(|line| line.starts_with("longhaul: "));
        assert_eq!(is_ours, code == 2, "{arguments:?}: {}", words(&output));
    }
    let id = String::from_utf8(ask(&server, &["start", "long"]).await.stdout).unwrap();
    let full = ask(&server, &["start", "long"]).await;
    assert_eq!(full.status.code(), Some(75), "{}", words(&full));
    let queue = ask(&server, &["queue", "narrow"]).await;
    let shown = String::from_utf8(queue.stdout).unwrap();
    assert!(shown.contains("1 waiting, paused\n") && shown.contains(id.trim()), "{shown}");
    let late = ask(&server, &["wait", id.trim(), "--timeout", "10ms"]).await;
    assert_eq!(late.status.code(), Some(124), "{}", words(&late));
    assert!(words(&late).starts_with("longhaul: gave up "), "{}", words(&late));
    // All but its last mark fits no other job: those before it were made earlier.
    let beginning = &id.trim()[..35];
    let canceled = ask(&server, &["cancel", beginning]).await;
    assert_eq!(canceled.status.code(), Some(0), "{}", words(&canceled));
    assert_eq!(ask(&server, &["wait", beginning]).await.status.code(), Some(130));
    let all = ask(&server, &["queue", "--limit", "100"]).await;
    assert_eq!(
        all.status.code(),
        Some(0),
        "a page of the most jobs fits the limits: {}",
        words(&all)
    );
    let doctor = ask(&server, &["doctor"]).await;
    let told = String::from_utf8(doctor.stdout).unwrap();
    assert!(told.contains("ok       readiness: it takes jobs\n"), "{told}");

    let made = ask(&server, &["token", "create", "root", "--scope", "admin"]).await;
    assert_eq!(made.status.code(), Some(0), "{}", words(&made));
    assert_eq!(ask(&server, &["list"]).await.status.code(), Some(77));
    server.stop().await;
    assert_eq!(ask(&server, &["list"]).await.status.code(), Some(69));
    assert_eq!(ask(&server, &["healthcheck"]).await.status.code(), Some(69));
    std::fs::write(server.folder().join("bad.toml"), "no = 1\n").unwrap();
    let file = server.folder().join("bad.toml");
    let arguments = ["doctor", "--config", file.to_str().unwrap()];
    assert_eq!(longhaul(&arguments).output().unwrap().status.code(), Some(78));
}

#[tokio::test]
async fn who_waits_for_a_job_ends_as_it_did() {
    // P9
    let server = Server::start(CONFIG).await;
    for (arguments, code) in [
        (&["start", "end", "code=0"][..], 0),
        (&["start", "end", "code=7"], 7),
        (&["start", "end", "code=3"], 0),
        (&["start", "killed"], 137),
        (&["start", "ended"], 143),
        (&["start", "slow"], 124),
        (&["start", "absent"], 1),
    ] {
        let started = ask(&server, arguments).await;
        let id = String::from_utf8(started.stdout).unwrap();
        let output = ask(&server, &["wait", id.trim()]).await;
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", words(&output));
        assert_eq!(words(&output), "", "it is the job's own end");
    }
}

/// `run`, in its first second: the job that it has started, and the rest of its words.
async fn running(server: &Server, kind: &str) -> (Child, String, Lines<BufReader<ChildStderr>>) {
    let mut run = tokio::process::Command::new(longhaul(&[]).get_program())
        .args(["run", kind, "--server", &format!("http://{}", server.api.address())])
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(run.stderr.take().unwrap()).lines();
    let first = within("the id of the job", &kind, lines.next_line()).await.unwrap().unwrap();
    (run, first.strip_prefix("job ").unwrap().to_owned(), lines)
}

#[tokio::test]
async fn a_run_whose_job_is_canceled_or_that_is_interrupted_ends_with_130() {
    // P9, P10
    let server = Server::start(CONFIG).await;
    let said = "see the end of `run`";
    let (mut run, id, _lines) = running(&server, "long").await;
    let canceled = ask(&server, &["cancel", &id]).await;
    assert_eq!(canceled.status.code(), Some(0), "{}", words(&canceled));
    let ended = within("the end of run", &said, run.wait()).await.unwrap();
    assert_eq!(ended.code(), Some(130));

    let (mut run, id, mut lines) = running(&server, "long").await;
    // Once it has told a state it listens for the signal.
    within("a state", &said, lines.next_line()).await.unwrap().unwrap();
    let pid = Pid::from_raw(run.id().unwrap().cast_signed()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    let ended = within("the end of run", &said, run.wait()).await.unwrap();
    assert_eq!(ended.code(), Some(130));
    let goes_on = ask(&server, &["status", &id]).await;
    let shown = String::from_utf8(goes_on.stdout).unwrap();
    assert!(shown.contains("RUNNING") || shown.contains("QUEUED"), "{shown}");
}

/// A pipe whose reader waits until somebody writes.
fn gate(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

#[tokio::test]
async fn run_over_a_restart_of_the_server_ends_as_its_job() {
    // P7, P9
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gate");
    gate(&path);
    let config = format!(
        "[server]\ndrain_timeout = \"200ms\"\n[kinds.gated]\ngrace = \"100ms\"\ncommand = [\"sh\", \"-c\", \"echo up; read x < {}; exit 7\"]\n",
        path.display()
    );
    let mut server = Server::start(&config).await;
    let mut run = tokio::process::Command::new(longhaul(&[]).get_program())
        .args(["run", "gated", "--server", &format!("http://{}", server.api.address())])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let said = "see the end of `run`";
    let mut lines = BufReader::new(run.stdout.take().unwrap()).lines();
    let first = within("the first attempt", &said, lines.next_line()).await.unwrap();
    assert_eq!(first.as_deref(), Some("up"));
    server.stop().await;
    server.start_again().await;
    let second = within("the second attempt", &said, lines.next_line()).await.unwrap();
    assert_eq!(second.as_deref(), Some("up"));
    let open = tokio::task::spawn_blocking(move || std::fs::write(path, "go\n"));
    within("the gate", &said, open).await.unwrap().unwrap();
    let output = within("the end of run", &said, run.wait_with_output()).await.unwrap();
    assert_eq!(output.status.code(), Some(7), "{}", words(&output));
    assert!(words(&output).contains("connected again"), "{}", words(&output));
}
