//! Servers that answer nonsense, are older or newer, and readers and terminals that take little.

use std::process::{Command, Stdio};

use console::measure_text_width;
use serde_json::{Value, json};

use super::commands::{log, status, with_job};
use super::pty::Pty;
use super::scripted::{Reply, Scripted, Step};
use super::{against, job, longhaul, stderr, stdout, succeeded};

#[test]
fn an_answer_of_another_shape_is_told_and_never_taken_for_nothing() {
    for (arguments, operation, answer) in [
        (&["kinds"][..], "Kinds", json!({"kinds": 7})),
        (&["workers"], "Workers", json!({"workers": [{"name": []}]})),
        (&["queue"], "Queues", json!({"queues": {"name": "default"}})),
        (&["list"], "Jobs", json!({"jobs": {"nodes": "none"}})),
        (&["status", "j1"], "Job", json!({"job": "j1"})),
        (&["status", "0"], "JobIds", json!({})),
        (&["logs", "j1"], "JobLogPage", json!({"job": {"log": []}})),
        (&["start", "demo"], "StartJob", json!({"startJob": null})),
        (&["pause"], "PauseQueue", json!({"pauseQueue": {"queue": 1}})),
    ] {
        let output = against(&Scripted::start().data(operation, answer), arguments);
        assert_eq!((output.status.code(), stdout(&output)), (Some(70), ""), "{arguments:?}");
        let words = stderr(&output);
        let told = format!("longhaul: the answer to {operation} is not as expected: ");
        assert!(words.starts_with(&told), "{arguments:?}: {words}");
    }
}

#[test]
fn an_older_server_is_told_of_by_what_is_followed_too() {
    let server = with_job(&succeeded())
        .session("JobStatus", vec![Step::Error("GRAPHQL_VALIDATION_FAILED")])
        .session("JobLog", vec![Step::Hang])
        .data("Version", json!({"server": {"version": "0.0.9"}}));
    let output = against(&server, &["run", "demo"]);
    assert_eq!(output.status.code(), Some(69), "{}", stderr(&output));
    let told = "it is version 0.0.9, and this is version";
    assert!(stderr(&output).contains(told), "{}", stderr(&output));
    // Somebody's own document does not make the server another one.
    let server = Scripted::start().session("S", vec![Step::Error("GRAPHQL_VALIDATION_FAILED")]);
    let text = "subscription S { no }";
    assert_eq!(against(&server, &["query", text, "--operation", "S"]).status.code(), Some(2));
}

#[test]
fn the_words_of_a_newer_server_are_shown() {
    let new = json!({"state": "FROZEN", "terminal": true, "reason": "TOO_COLD",
        "reasonText": "it is too cold", "newField": {"a": 1}});
    let server = with_job(&job(&new))
        .session("JobStatus", vec![status("FROZEN", &json!({"terminal": true}))])
        .session("JobLog", vec![log("c", &[("NEW_STREAM", "from somewhere")], true)]);
    let output = against(&server, &["run", "demo"]);
    assert_eq!(output.status.code(), Some(1), "no success: {}", stderr(&output));
    // State and log come by two sockets, in no order.
    let mut words: Vec<_> = stderr(&output).lines().collect();
    words.sort_unstable();
    assert_eq!(words, ["from somewhere", "frozen", "job j1"]);
    let page = json!({"nodes": [job(&new)], "pageInfo": {"hasNextPage": false, "endCursor": null}});
    let server = Scripted::start().data("Jobs", json!({"jobs": page}));
    let output = against(&server, &["list"]);
    assert!(stdout(&output).ends_with("it is too cold\n"), "{}", stdout(&output));
    assert!(stdout(&output).contains("j1  FROZEN"), "{}", stdout(&output));
}

/// Runs it for a program that has gone away.
fn unread(server: &Scripted, arguments: &[&str]) -> (Option<i32>, String) {
    unread_as(server, &[arguments, &["--json"]].concat())
}

/// Runs it for a reader that has gone away.
fn unread_as(server: &Scripted, arguments: &[&str]) -> (Option<i32>, String) {
    let (reader, writer) = rustix::pipe::pipe().unwrap();
    drop(reader);
    let output = Command::new(longhaul(&[]).get_program())
        .args(arguments)
        .args(["--server", server.url()])
        .stdout(Stdio::from(writer))
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    (output.status.code(), stderr(&output).to_owned())
}

#[test]
fn a_reader_of_json_that_goes_away_is_no_failure() {
    let page =
        json!({"nodes": [succeeded()], "pageInfo": {"hasNextPage": false, "endCursor": null}});
    let silent = (Some(0), String::new());
    let server = Scripted::start().data("Jobs", json!({"jobs": page}));
    assert_eq!(unread(&server, &["list"]), silent);
    // What stands for a command ends as that would; what only tells of one ends with its code.
    let failed =
        job(&json!({"state": "FAILED", "terminal": true, "reason": "EXIT_CODE", "exitCode": 7}));
    let server =
        with_job(&failed).session("JobStatus", vec![status("RUNNING", &json!({})), Step::Hang]);
    let server = server.session("JobLog", vec![Step::Hang]);
    assert_eq!(unread(&server, &["run", "demo"]), (Some(141), String::new()));
    let server = Scripted::start().data("Job", json!({"job": failed.clone()}));
    let server = server.data("Job", json!({"job": failed}));
    let server = server.session("JobStatus", vec![status("FAILED", &json!({}))]);
    assert_eq!(unread(&server, &["wait", "j1"]), (Some(7), String::new()));
    let server = Scripted::start()
        .data("Job", json!({"job": succeeded()}))
        .session("JobStatus", vec![status("RUNNING", &json!({})), Step::Hang]);
    assert_eq!(unread(&server, &["status", "--watch", "j1"]), silent);
    let server = Scripted::start().reply("CancelJob", Reply::Error("NOT_FOUND", "no", json!({})));
    assert_eq!(unread(&server, &["cancel", "j1"]).0, Some(1));
}

#[test]
fn who_stops_reading_did_not_ask_for_less() {
    let queue = |name: &str| json!({"name": name, "slots": 1, "paused": true});
    let server = Scripted::start()
        .data("Queues", json!({"queues": [queue("a"), queue("b")]}))
        .data("PauseQueue", json!({"pauseQueue": {"queue": queue("a")}}))
        .data("PauseQueue", json!({"pauseQueue": {"queue": queue("b")}}));
    assert_eq!(unread_as(&server, &["pause", "--all"]), (Some(0), String::new()));
    assert_eq!(server.asked("PauseQueue").len(), 2);
    let canceled = json!({"cancelJob": {"changed": true, "job": job(&json!({}))}});
    let server = Scripted::start().data("CancelJob", canceled.clone()).data("CancelJob", canceled);
    assert_eq!(unread_as(&server, &["cancel", "j1", "j2"]), (Some(0), String::new()));
    assert_eq!(server.asked("CancelJob").len(), 2);
}

#[test]
fn no_table_is_wider_than_a_terminal_of_20_columns() {
    let narrow = |server: Scripted, arguments: &[&str], tables: &str| {
        let (code, shown) = Pty::new(20).run(&server, arguments);
        assert_eq!(code, Some(0), "{shown}");
        let table = shown.split("\r\n").skip_while(|line| !line.starts_with(tables));
        let lines: Vec<_> = table.filter(|line| !line.is_empty()).take(2).collect();
        assert_eq!(lines.len(), 2, "{shown:?}");
        for line in lines {
            assert!(measure_text_width(line) <= 20, "{line:?}");
        }
    };
    let long = "a description that is far longer than the terminal is wide";
    let kind = json!({"name": "demo", "description": long, "argsSchema": {}, "queue": {"name": "default"}, "workerLabels": []});
    narrow(Scripted::start().data("Kinds", json!({"kinds": [kind]})), &["kinds"], "KIND");
    let worker = json!({"id": "worker:1", "name": "a-host-of-a-long-name", "version": "0.1.0", "live": true, "draining": false,
        "slots": 4, "busy": 0, "lastSeenAt": "2026-11-25T04:44:34.120Z", "labels": [], "running": []});
    narrow(Scripted::start().data("Workers", json!({"workers": [worker]})), &["workers"], "WORKER");
    let queue = json!({"name": "default", "slots": 0, "paused": false,
        "stats": {"waiting": 1, "running": 0, "notBefore": 0}});
    let server = Scripted::start()
        .data("Queues", json!({"queues": [queue]}))
        .data("QueuedJobs", json!({"jobs": {"nodes": [job(&json!({}))]}}));
    narrow(server, &["queue"], "#");
    let page =
        json!({"nodes": [job(&json!({}))], "pageInfo": {"hasNextPage": false, "endCursor": null}});
    narrow(Scripted::start().data("Jobs", json!({"jobs": page})), &["list"], "ID");
}

#[test]
fn lines_of_a_log_can_be_dated_and_begin_at_a_time() {
    let line =
        |at: &str, text: &str| json!({"at": at, "stream": "STDOUT", "text": text, "cut": false});
    let log = || {
        let nodes: Vec<Value> = vec![
            line("2026-11-25T04:44:34.120Z", "old"),
            line("2026-11-25T04:44:35.120Z", "new"),
            line("never", "undated"),
        ];
        let page = json!({"nodes": nodes, "droppedBytes": 0,
            "pageInfo": {"hasNextPage": false, "endCursor": null}});
        Scripted::start().data("JobLogPage", json!({"job": {"log": page}}))
    };
    let printed = |arguments: &[&str]| {
        let output = against(&log(), arguments);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        stdout(&output).to_owned()
    };
    let since = ["logs", "j1", "--since", "2026-11-25T04:44:35Z"];
    assert_eq!(printed(&since), "new\nundated\n");
    assert_eq!(
        printed(&["logs", "j1", "--timestamps"]),
        "2026-11-25T04:44:34.120Z old\n2026-11-25T04:44:35.120Z new\nnever undated\n"
    );
    let both = printed(&[&since[..], &["--timestamps"]].concat());
    assert_eq!(both, "2026-11-25T04:44:35.120Z new\nnever undated\n");
    // All of it is older than a minute.
    assert_eq!(printed(&["logs", "j1", "--since", "1m"]).lines().last(), Some("undated"));
    let wrong = against(&log(), &["logs", "j1", "--since", "noon"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(stderr(&wrong).contains("expected an instant like"), "{}", stderr(&wrong));
}
