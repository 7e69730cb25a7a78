//! Commands that are unkind, through the whole product: each ends truthfully (P9), a cancel is
//! kept (P10), and at the moment of the end no process of it is left (P8).

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

use futures::future::join_all;
use serde_json::{Value, json};

use super::{report, script};
use crate::support::deadline::within;
use crate::support::executable;
use crate::support::graphql::{Heard, Socket};
use crate::support::server::{Server, processes_with};

const CONFIG: &str = r#"
[worker]
slots = 8
[queues.default]
[queues.held]
[kinds.sh]
command = ["/bin/sh", "-c", "{script}"]
grace = "1s"
[kinds.patient]
command = ["/bin/sh", "-c", "{script}"]
grace = "10m"
[kinds.once]
command = ["/bin/sh", "-c", "{script}"]
max_lost = 0
[kinds.missing]
command = ["/nonexistent/program"]
[kinds.plain]
command = ["./plain"]
[kinds.deleted]
command = ["./deleted"]
queue = "held"
"#;

/// What is done while it runs.
enum Act {
    Nothing,
    /// Once it printed `ready`.
    Cancel(&'static str),
}

/// A command and how it must end.
struct Case {
    name: &'static str,
    kind: &'static str,
    script: &'static str,
    timeout_ms: Option<u64>,
    act: Act,
    /// State, reason, exit code, signal, attempt.
    end: (&'static str, &'static str, Option<i32>, Option<&'static str>, u32),
}

impl Case {
    fn new(name: &'static str, script: &'static str, code: i32) -> Self {
        let (state, reason) = if code == 0 { ("SUCCEEDED", "OK") } else { ("FAILED", "EXIT_CODE") };
        let end = (state, reason, Some(code), None, 1);
        Self { name, kind: "sh", script, timeout_ms: None, act: Act::Nothing, end }
    }

    fn fails(mut self, reason: &'static str, signal: Option<&'static str>) -> Self {
        self.end = ("FAILED", reason, self.end.2.filter(|_| signal.is_none()), signal, 1);
        self
    }

    fn canceled(name: &'static str, script: &'static str, signal: &'static str) -> Self {
        let end = ("CANCELED", "CANCEL_REQUESTED", None, Some(signal), 1);
        Self { act: Act::Cancel("GRACEFUL"), end, ..Self::new(name, script, 0) }
    }
}

fn cases() -> Vec<Case> {
    let daemon = "setsid sleep 600 >/dev/null 2>&1 <&- & exit 0";
    let twice = "(setsid sh -c 'sleep 600 & sleep 600 &' >/dev/null 2>&1 &) ; exit 3";
    vec![
        Case::new("kills its group at its end", "trap 'kill 0' EXIT; exit 4", 4)
            .fails("SIGNAL", Some("SIGTERM")),
        Case::new("leaves a daemon after success", daemon, 0),
        Case::new("forks a daemon twice", twice, 3),
        Case::new("leaves a child that holds the pipe", "sleep 600 & exit 0", 0),
        Case::new("closes its output early", "exec >&- 2>&- <&-; exit 5", 5),
        Case::new("prints no UTF-8", r"printf '\377\376\n\200'; head -c 65536 /dev/urandom", 0),
        Case::new(
            "draws its progress",
            r"i=0; while [ $i -lt 1000 ]; do printf '\r%d%%' $i; i=$((i+1)); done",
            0,
        ),
        Case::new("half a JSON", r#"printf '{"a": [1,' > "$LONGHAUL_RESULT""#, 0)
            .fails("RESULT_INVALID", None),
        Case::new("100 MB of result", r#"head -c 100000000 /dev/zero > "$LONGHAUL_RESULT""#, 0)
            .fails("RESULT_INVALID", None),
        Case {
            timeout_ms: Some(300),
            ..Case::new("runs past its timeout", "exec sleep 600", 0)
                .fails("TIMEOUT", Some("SIGTERM"))
        },
        Case {
            // Once it is.
            timeout_ms: Some(5_000),
            ..Case::new("runs past its timeout, deaf", "trap '' TERM; while :; do sleep 1; done", 0)
                .fails("TIMEOUT", Some("SIGKILL"))
        },
        Case {
            kind: "once",
            end: ("FAILED", "LOST", None, None, 1),
            ..Case::new("kills its shim", "(setsid sleep 600 &); kill -9 $PPID; sleep 600", 0)
        },
        Case {
            end: ("FAILED", "LOST", None, None, 4),
            ..Case::new("kills its shim each time", "kill -9 $PPID; sleep 600", 0)
        },
        Case::canceled("obeys", "echo ready; exec sleep 600", "SIGTERM"),
        Case::canceled("is deaf", "trap '' TERM; echo ready; while :; do sleep 1; done", "SIGKILL"),
        Case {
            kind: "patient",
            act: Act::Cancel("FORCE"),
            ..Case::canceled("is deaf, forced", "trap '' TERM; echo ready; sleep 600", "SIGKILL")
        },
        Case::canceled("another group", "set -m; sleep 600 & echo ready; wait", "SIGTERM"),
        // It is woken to hear its TERM.
        Case::canceled("stops itself", "echo ready; kill -STOP $$", "SIGTERM"),
        Case {
            end: ("CANCELED", "CANCEL_REQUESTED", Some(0), None, 1),
            ..Case::canceled(
                "ends with 0 after TERM",
                "trap 'exit 0' TERM; echo ready; sleep 600 & wait",
                "",
            )
        },
        Case { kind: "missing", ..Case::new("is missing", "", 0).fails("SPAWN_FAILED", None) },
        Case { kind: "plain", ..Case::new("is no program", "", 0).fails("SPAWN_FAILED", None) },
        Case { kind: "deleted", ..Case::new("is deleted", "", 0).fails("SPAWN_FAILED", None) },
    ]
}

/// Starts the case's command, does what is to be done, and compares the end.
async fn play(server: &Server, case: &Case) -> Option<String> {
    let args = if case.script.is_empty() { json!({}) } else { script(case.script) };
    let input = json!({ "kind": case.kind, "args": args, "timeoutMs": case.timeout_ms });
    let id = server.api.start_with(input).await;
    let mut watch = server.api.watch(&id).await;
    if case.kind == "deleted" {
        std::fs::remove_file(server.folder().join("deleted")).unwrap();
        let resume = "mutation { resumeQueue(name: \"held\") { changed } }";
        server.api.ask(resume, json!({})).await;
    }
    if let Act::Cancel(mode) = case.act {
        until_printed(server.api.socket().await, &id, "ready").await;
        server.api.cancel(&id, mode).await.unwrap();
    }
    let end = watch.end().await;
    let left = processes_with(&server.keys_of(&id));
    let (state, reason, exit, signal, attempt) = case.end;
    // What was never started has no exit code.
    let exit = exit.filter(|_| reason != "SPAWN_FAILED");
    let job = json!({ "exitCode": exit, "signal": signal, "attempt": attempt });
    let told = end["reasonText"].as_str().unwrap_or_default();
    report(&format!("  {:<36} {} {}: {told}", case.name, end["state"], end["reason"]));
    let as_said = end["state"] == state && end["reason"] == reason && end["job"] == job;
    let is_gone = left.is_empty();
    (!as_said || !is_gone || told.is_empty())
        .then(|| format!("{}: {end}, expected {state} {reason} {job}; left {left:?}", case.name))
}

/// Waits until the job printed this.
async fn until_printed(mut socket: Socket, id: &str, what: &str) {
    let query = "subscription($id: ID!) { jobLog(id: $id) { lines { text } } }";
    socket.subscribe("log", query, json!({ "id": id })).await;
    loop {
        let Heard::Next(_, data) = socket.next().await else { panic!("{id} ended too early") };
        let lines = data["jobLog"]["lines"].as_array().unwrap();
        if lines.iter().any(|line| line["text"] == what) {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_unkind_command_ends_truthfully_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["plain", "deleted"] {
        executable::write(&folder.path().join(name), "#!/bin/sh\nexit 0\n");
    }
    let plain = PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(folder.path().join("plain"), plain).unwrap();
    let mut server = Server::start_in(folder, CONFIG).await;
    let pause = "mutation { pauseQueue(name: \"held\") { changed } }";
    server.api.ask(pause, json!({})).await;
    let cases = cases();
    let played = join_all(cases.iter().map(|case| play(&server, case)));
    let faults: Vec<String> =
        within("the end of all", &"", played).await.into_iter().flatten().collect();
    assert!(faults.is_empty(), "{faults:#?}");
    memory_is_bounded(&server);
    let keys = server.attempt_keys();
    assert!(server.stop().await.success());
    assert_eq!(processes_with(&keys), Vec::<String>::new(), "P8");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_exit_code_and_every_signal_arrives_as_the_kernel_said_it() {
    let mut server = Server::start(CONFIG).await;
    let before = server.api.feed_cursor().await;
    let mut expected = BTreeMap::new();
    // What stops, continues or is ignored by default ends nothing; 32 and 33 are the C library's.
    let deadly = (1..=64).filter(|n| !matches!(n, 17..=23 | 28 | 32 | 33));
    let signals = deadly.map(|n| (format!("ulimit -c 0; kill -{n} $$; exit 99"), None, Some(n)));
    let codes = (0..=255).map(|code| (format!("exit {code}"), Some(code), None));
    for (text, code, signal) in codes.chain(signals) {
        expected.insert(server.api.start("sh", script(&text)).await, (code, signal));
    }
    let ended = server.api.ended_since(&before, expected.len()).await;
    for (id, (code, signal)) in &expected {
        let job = &ended[id];
        let reason = match code {
            Some(0) => "OK",
            Some(_) => "EXIT_CODE",
            None => "SIGNAL",
        };
        assert_eq!((&job["exitCode"], &job["reason"]), (&json!(code), &json!(reason)), "{job}");
        assert_eq!(job["state"], if *code == Some(0) { "SUCCEEDED" } else { "FAILED" });
        let name = &job["signal"];
        assert_eq!(name.is_null(), signal.is_none(), "{job}");
        if let Some(signal) = signal {
            assert!(is_named(name, *signal), "signal {signal} is shown as {name}");
        }
    }
    report(&format!("  {} exit codes and signals, each as the kernel said it", expected.len()));
    let keys = server.attempt_keys();
    assert!(server.stop().await.success());
    assert_eq!(processes_with(&keys), Vec::<String>::new(), "P8");
}

/// The names that a person looks for, and something that is not another one's for the rest.
fn is_named(name: &Value, signal: i32) -> bool {
    let known = [(1, "SIGHUP"), (2, "SIGINT"), (6, "SIGABRT"), (9, "SIGKILL"), (11, "SIGSEGV")];
    let known = known.into_iter().chain([(13, "SIGPIPE"), (15, "SIGTERM")]);
    match known.into_iter().find(|(number, _)| *number == signal) {
        Some((_, expected)) => name == expected,
        None => name.as_str().is_some_and(|name| !name.is_empty()),
    }
}

/// P12: what commands do to the server's memory has a bound.
pub(super) fn memory_is_bounded(server: &Server) {
    let (start, now) = (server.resident_at_start >> 10, server.resident() >> 10);
    report(&format!("  the server's memory: {start} KiB at its start, {now} KiB now"));
    assert!(now <= start + 64 * 1024, "it grew from {start} KiB to {now} KiB");
}
