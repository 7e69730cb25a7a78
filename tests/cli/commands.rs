//! What the commands print, where, and how they end.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::scripted::{Reply, Scripted, Step};
use super::{against, job, longhaul, stderr, stdout, succeeded};

pub(super) fn status(state: &str, more: &Value) -> Step {
    let mut status = json!({
        "id": "j1", "seq": 1, "change": "UPDATED", "at": "", "state": state, "coalesced": 0,
        "terminal": matches!(state, "SUCCEEDED" | "FAILED" | "CANCELED"), "job": {"attempt": 1},
    });
    status.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Step::Next(json!({"jobStatus": status}))
}

pub(super) fn log(cursor: &str, lines: &[(&str, &str)], complete: bool) -> Step {
    let line = |(stream, text): &(&str, &str)| {
        json!({"cursor": "", "number": 1, "at": "", "stream": stream, "attempt": 1,
               "text": text, "cut": false})
    };
    let lines: Vec<_> = lines.iter().map(line).collect();
    Step::Next(json!({"jobLog": {
        "lines": lines, "cursor": cursor, "droppedBytes": 0, "complete": complete,
    }}))
}

/// A server on which `run` finds a job that ends like this.
pub(super) fn with_job(ended: &Value) -> Scripted {
    Scripted::start()
        .data("StartJob", json!({"startJob": {"created": true, "job": job(&json!({}))}}))
        .data("Job", json!({"job": ended}))
}

#[test]
fn run_prints_the_log_and_survives_a_server_that_starts_again() {
    // P7: the state comes again by snapshot, the log goes on where it stopped.
    let wait = json!({"wait": {
        "reason": "SLOTS_BUSY", "reasonText": "2 slots are taken", "position": 3,
    }});
    let server = with_job(&succeeded())
        .session("JobStatus", vec![status("QUEUED", &wait), Step::Ping])
        .session("JobStatus", vec![status("RUNNING", &json!({})), status("SUCCEEDED", &json!({}))])
        .session("JobLog", vec![log("c1", &[("STDOUT", "one"), ("STDERR", "two")], false)])
        .session("JobLog", vec![log("c2", &[("STDOUT", "three"), ("SYSTEM", "cut")], true)]);
    let output = against(&server, &["run", "demo"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stdout(&output), "one\nthree\n");
    let words = stderr(&output);
    for line in [
        "job j1",
        "queued, position 3 (2 slots are taken)",
        "two",
        "connected again",
        "running",
        "[longhaul] cut",
        "succeeded",
    ] {
        assert!(words.lines().any(|l| l == line), "no `{line}` in:\n{words}");
    }
    assert_eq!(words.matches("connection lost").count(), 1, "said once:\n{words}");
    assert_eq!(server.asked("pong").len(), 1);
    let resumed: Vec<_> = server.asked("JobLog").iter().map(|v| v["after"].clone()).collect();
    assert_eq!(resumed, [Value::Null, json!("c1")]);
}

#[test]
fn run_ends_as_its_job() {
    // P9
    let ended = |changes: Value| {
        let job = job(&changes);
        let server = with_job(&job)
            .session("JobStatus", vec![status(job["state"].as_str().unwrap(), &json!({}))])
            .session("JobLog", vec![log("c", &[], true), Step::Complete]);
        against(&server, &["run", "demo"]).status.code()
    };
    let failed = |reason: &str, more: Value| {
        let mut changes = json!({"state": "FAILED", "terminal": true, "reason": reason});
        changes.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        ended(changes)
    };
    assert_eq!(failed("EXIT_CODE", json!({"exitCode": 7})), Some(7));
    assert_eq!(failed("SIGNAL", json!({"signal": "SIGKILL"})), Some(137));
    assert_eq!(failed("TIMEOUT", json!({"signal": "SIGTERM"})), Some(124));
    assert_eq!(failed("LOST", json!({})), Some(1));
    let canceled = json!({"state": "CANCELED", "terminal": true, "reason": "CANCEL_REQUESTED"});
    assert_eq!(ended(canceled), Some(130));
}

#[test]
fn run_tells_a_program_everything_as_a_stream() {
    let server = with_job(&succeeded())
        .session("JobStatus", vec![status("SUCCEEDED", &json!({}))])
        .session("JobLog", vec![log("c", &[("STDERR", "x")], true)]);
    let output = against(&server, &["run", "demo", "--json"]);
    let records: Vec<Value> =
        stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut types: Vec<_> = records.iter().map(|r| r["type"].as_str().unwrap()).collect();
    assert_eq!((types.first(), types.last()), (Some(&"started"), Some(&"ended")));
    types.sort_unstable();
    assert_eq!(types, ["ended", "log", "started", "status"]);
    assert_eq!(stderr(&output), "");
}

#[test]
fn start_reads_values_by_the_kinds_schema_and_repeats_a_lost_reply_with_its_key() {
    // P14
    let schema = json!({"properties": {"seconds": {"type": "number"}, "name": {"type": "string"}}});
    let server = Scripted::start()
        .data("Kind", json!({"kind": {"argsSchema": schema}, "kinds": []}))
        .reply("StartJob", Reply::Lost)
        .data("StartJob", json!({"startJob": {"created": false, "job": job(&json!({}))}}));
    let arguments = [
        "start",
        "demo",
        "seconds=3",
        "name=7",
        "--timeout",
        "2m",
        "--not-before",
        "2030-01-01T00:00:00+01:00",
    ];
    let output = against(&server, &arguments);
    assert_eq!((output.status.code(), stdout(&output)), (Some(0), "j1\n"));
    let lost = format!("connection lost (no server answers at {}/), trying again", server.url());
    assert!(stderr(&output).starts_with(&lost), "{}", stderr(&output));
    let asked = server.asked("StartJob");
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0], asked[1], "the very same request");
    let input = &asked[0]["input"];
    assert_eq!(input["args"], json!({"seconds": 3, "name": "7"}));
    assert_eq!(input["timeoutMs"], 120_000);
    assert_eq!(input["notBefore"], "2029-12-31T23:00:00.000Z");
    assert_eq!(input["idempotencyKey"].as_str().unwrap().len(), 32);
}

#[test]
fn the_first_reply_may_be_the_lost_one() {
    // P14, also where something stands before the server that has lost it.
    for lost in [Reply::Lost, Reply::Gateway(502), Reply::Gateway(504)] {
        let server = Scripted::start()
            .reply("StartJob", lost)
            .data("StartJob", json!({"startJob": {"created": false, "job": job(&json!({}))}}));
        let output = against(&server, &["start", "demo"]);
        assert_eq!((output.status.code(), stdout(&output)), (Some(0), "j1\n"));
        let asked = server.asked("StartJob");
        assert_eq!((asked.len(), &asked[0]), (2, &asked[1]), "the very same request");
    }
}

#[test]
fn list_asks_for_what_was_asked_and_reads_all_pages() {
    let page = |more: bool, id: &str| {
        let nodes = [job(&json!({"id": id, "state": "FAILED", "terminal": true,
                                 "reason": "EXIT_CODE", "reasonText": "exit code 3"}))];
        json!({"jobs": {"nodes": nodes, "pageInfo": {"hasNextPage": more, "endCursor": "e"}}})
    };
    let server = Scripted::start().data("Jobs", page(true, "j1")).data("Jobs", page(false, "j2"));
    let output =
        against(&server, &["list", "--state", "failed", "--kind", "demo", "--limit", "150"]);
    assert_eq!(
        stdout(&output),
        "ID  STATE   KIND  QUEUE    CREATED                   DETAIL\n\
         j1  FAILED  demo  default  2026-11-25T04:44:34.120Z  exit code 3\n\
         j2  FAILED  demo  default  2026-11-25T04:44:34.120Z  exit code 3\n"
    );
    let filter = json!({"states": ["FAILED"], "kinds": ["demo"]});
    assert_eq!(
        server.asked("Jobs"),
        [
            json!({"filter": filter, "first": 100, "after": null, "whole": false}),
            // A page may be short although more follows: what is missing is asked for again.
            json!({"filter": filter, "first": 100, "after": "e", "whole": false}),
        ]
    );
}

#[test]
fn a_list_for_a_program_has_what_is_large_too() {
    let page = json!({"jobs": {"nodes": [job(&json!({"args": {"n": 1}}))],
                               "pageInfo": {"hasNextPage": false, "endCursor": null}}});
    let server = Scripted::start().data("Jobs", page);
    let output = against(&server, &["list", "--json"]);
    let jobs: Value = serde_json::from_str(stdout(&output)).unwrap();
    assert_eq!(jobs[0]["args"], json!({"n": 1}));
    assert_eq!(server.asked("Jobs")[0]["whole"], true);
}

#[test]
fn wait_ends_as_the_first_job_that_failed() {
    let failed = job(&json!({"id": "j2", "state": "FAILED", "terminal": true,
                             "reason": "EXIT_CODE", "reasonText": "exit code 3", "exitCode": 3}));
    let server = Scripted::start()
        .data("Job", json!({"job": job(&json!({}))}))
        .data("Job", json!({"job": job(&json!({}))}))
        .data("Job", json!({"job": succeeded()}))
        .data("Job", json!({"job": failed}))
        .session("JobStatus", vec![status("SUCCEEDED", &json!({}))])
        .session("JobStatus", vec![status("FAILED", &json!({}))]);
    let output = against(&server, &["wait", "j1", "j2"]);
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(stdout(&output), "j1  SUCCEEDED\nj2  FAILED  exit code 3\n");
}

#[test]
fn wait_gives_up_in_time() {
    let server = Scripted::start()
        .data("Job", json!({"job": job(&json!({}))}))
        .session("JobStatus", vec![status("RUNNING", &json!({})), Step::Hang]);
    let output = against(&server, &["wait", "j1", "--timeout", "100ms"]);
    assert_eq!(output.status.code(), Some(124));
    assert_eq!(stderr(&output), "longhaul: gave up after 100ms; the jobs go on\n");
}

#[test]
fn logs_prints_page_after_page_and_follows() {
    let line = |text: &str, stream: &str| json!({"stream": stream, "text": text, "cut": false});
    let page = |text: &str, more: bool| {
        json!({"job": {"log": {
            "nodes": [line(text, "STDOUT"), line("err", "STDERR")], "droppedBytes": 9,
            "pageInfo": {"hasNextPage": more, "endCursor": "e"},
        }}})
    };
    let server =
        Scripted::start().data("JobLogPage", page("1", true)).data("JobLogPage", page("2", false));
    let output = against(&server, &["logs", "j1"]);
    assert_eq!(stdout(&output), "1\n2\n");
    assert_eq!(
        stderr(&output),
        "err\nerr\n9 bytes of the log are left out: it grew past its limit\n"
    );
    assert_eq!(server.asked("JobLogPage")[1]["after"], "e");

    let server = Scripted::start()
        .data("JobLogPage", page("", false))
        .session("JobLog", vec![log("c1", &[("STDOUT", "a")], false)])
        .session("JobLog", vec![log("c2", &[("STDOUT", "b")], true)]);
    let output = against(&server, &["logs", "-f", "-n", "5", "j1"]);
    assert_eq!((stdout(&output), output.status.code()), ("a\nb\n", Some(0)));
    assert_eq!(
        server.asked("JobLog"),
        [json!({"id": "j1", "tail": 5}), json!({"id": "j1", "after": "c1"}),]
    );
}

#[test]
fn cancel_goes_on_after_a_job_that_it_cannot_stop() {
    let server = Scripted::start()
        .reply("CancelJob", Reply::Error("INVALID_STATE", "it is SUCCEEDED already", json!({})))
        .data("CancelJob", json!({"cancelJob": {"changed": true, "job": job(&json!({"id": "j2", "state": "CANCELING"}))}}));
    let output = against(&server, &["cancel", "j1", "j2", "--force", "--note", "no need"]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(1), "j2  CANCELING\n"));
    assert_eq!(stderr(&output), "longhaul: it is SUCCEEDED already\n  job: j1\n");
    assert_eq!(
        server.asked("CancelJob")[1],
        json!({"id": "j2", "mode": "FORCE", "note": "no need"})
    );
}

#[test]
fn cancel_tells_a_program_of_each_id_in_one_shape() {
    let refused = || Reply::Error("NOT_FOUND", "no such job", json!({}));
    let canceled = || json!({"cancelJob": {"changed": true, "job": job(&json!({}))}});
    let told = |server: &Scripted, ids: &[&str], code: i32| {
        let output = against(server, &[&["cancel", "--json"], ids].concat());
        assert_eq!(output.status.code(), Some(code), "{}", stderr(&output));
        serde_json::from_str::<Value>(stdout(&output)).unwrap()
    };
    let done = json!({"id": "j1", "changed": true, "job": job(&json!({}))});
    let failed = json!({"id": "nope", "error": {"code": "NOT_FOUND", "message": "no such job"}});
    let server = Scripted::start().data("CancelJob", canceled()).reply("CancelJob", refused());
    assert_eq!(told(&server, &["j1", "nope"], 1), json!([done, failed]));
    let server = Scripted::start().data("CancelJob", canceled()).reply("CancelJob", refused());
    assert_eq!(told(&server, &["j1"], 0), json!([done]));
    assert_eq!(told(&server, &["nope"], 1), json!([failed]));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let server = Scripted::start().data(
        "Kinds",
        json!({"kinds": [{"name": "demo", "argsSchema": {}, "queue": {"name": "default"}, "workerLabels": []}]}),
    );
    let (reader, writer) = rustix::pipe::pipe().unwrap();
    drop(reader);
    let output = Command::new(longhaul(&[]).get_program())
        .args(["kinds", "--server", server.url()])
        .stdout(Stdio::from(writer))
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""));
}

#[test]
fn demo_works_reports_and_returns() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| dir.path().join(name);
    let output = longhaul(&["demo", "--seconds=0.05"])
        .env("LONGHAUL_PROGRESS", file("progress"))
        .env("LONGHAUL_RESULT", file("result"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let progress = std::fs::read_to_string(file("progress")).unwrap();
    let percents: Vec<_> =
        progress.lines().map(|line| json(line)["percent"].as_f64().unwrap()).collect();
    assert_eq!((percents.first(), percents.last()), (Some(&0.0), Some(&100.0)));
    let result = json(&std::fs::read_to_string(file("result")).unwrap());
    assert!(result["hashes"].as_u64().unwrap() > 0);
    assert!(stdout(&output).lines().last().unwrap().starts_with("100 %"));
}
