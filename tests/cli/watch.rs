//! `status --watch`: a line for each change, on a terminal and through a pipe.

use serde_json::{Value, json};

use super::commands::status;
use super::pty::Pty;
use super::scripted::{Scripted, Step};
use super::{against, job, stderr, stdout};

const LINES: [&str; 4] = [
    "j1  queued, position 3 (2 slots are taken)",
    "j1  running",
    "j1  running, 50 %: half [2J",
    "j1  succeeded",
];

/// A job that waits, runs and ends, on a server that starts again while it waits.
fn one_job() -> Scripted {
    let wait = json!({"wait": {
        "reason": "SLOTS_BUSY", "reasonText": "2 slots are taken", "position": 3,
    }});
    let half = json!({"progress": {"percent": 50.0, "message": "half\u{1b}[2J"}});
    Scripted::start()
        .data("Job", json!({"job": job(&json!({}))}))
        .session("JobStatus", vec![status("QUEUED", &wait)])
        .session(
            "JobStatus",
            vec![
                // The same once more: nothing has changed.
                status("QUEUED", &wait),
                status("RUNNING", &json!({})),
                status("RUNNING", &half),
                status("SUCCEEDED", &json!({})),
                Step::Complete,
            ],
        )
}

#[test]
fn each_change_of_a_job_is_a_line() {
    // P7
    let output = against(&one_job(), &["status", "--watch", "j1"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stdout(&output).lines().collect::<Vec<_>>(), LINES);
    assert!(stderr(&output).ends_with("connected again\n"), "{}", stderr(&output));
}

#[test]
fn a_terminal_is_shown_the_same_lines() {
    let (code, shown) = Pty::new(80).run(&one_job(), &["status", "--watch", "j1"]);
    assert_eq!(code, Some(0));
    let lines: Vec<_> = shown.split("\r\n").filter(|line| line.starts_with("j1")).collect();
    assert_eq!(lines, LINES);
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
}

#[test]
fn a_program_gets_every_event_as_it_came() {
    let output = against(&one_job(), &["status", "--watch", "j1", "--json"]);
    let events: Vec<Value> =
        stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let states: Vec<_> = events.iter().map(|event| event["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["QUEUED", "QUEUED", "RUNNING", "RUNNING", "SUCCEEDED"]);
}

/// Two jobs of which one ends, on a server that starts again in between.
fn every_job() -> Scripted {
    let page = json!({"feedCursor": "c0", "nodes": [job(&json!({}))],
        "pageInfo": {"hasNextPage": false, "endCursor": null}});
    let feed = |cursor: &str, events: Value| {
        Step::Next(json!({"jobFeed": {"cursor": cursor, "reset": false, "events": events}}))
    };
    let running = job(&json!({"id": "j2", "state": "RUNNING", "progress": {"percent": 5.0}}));
    let failed = job(&json!({"id": "j2", "state": "FAILED", "terminal": true,
        "reason": "EXIT_CODE", "reasonText": "exit code 3"}));
    let event = |job: &Value| json!({"change": "UPDATED", "jobId": "j2", "job": job});
    let removed = json!({"change": "REMOVED", "jobId": "j0", "job": null});
    Scripted::start()
        .data("Jobs", json!({"jobs": page}))
        .session("JobFeed", vec![feed("c1", json!([event(&running), removed]))])
        .session("JobFeed", vec![feed("c2", json!([event(&failed)])), Step::Complete])
}

#[test]
fn without_ids_it_goes_on_with_every_job_from_where_it_stopped() {
    let server = every_job();
    let output = against(&server, &["status", "--watch"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(
        stdout(&output).lines().skip(1).collect::<Vec<_>>(),
        [
            "j1  QUEUED  demo  default  2026-11-25T04:44:34.120Z",
            "j2  RUNNING  demo  5 %",
            "j2  FAILED  demo  exit code 3",
        ]
    );
    assert_eq!(
        server.asked("Jobs")[0]["filter"]["states"],
        json!(["QUEUED", "RUNNING", "CANCELING"])
    );
    // From where the list stood: what changed in between is told.
    assert_eq!(server.asked("JobFeed"), [json!({"after": "c0"}), json!({"after": "c1"})]);
    let output = against(&every_job(), &["status", "--watch", "--json"]);
    assert_eq!(stdout(&output).lines().count(), 3, "events alone: {}", stdout(&output));
}

#[test]
fn what_was_missed_is_said_and_what_has_not_ended_is_listed_anew() {
    let page = |id: &str, feed: &str| {
        json!({"jobs": {"feedCursor": feed, "nodes": [job(&json!({ "id": id }))],
            "pageInfo": {"hasNextPage": false, "endCursor": null}}})
    };
    let reset = json!({"jobFeed": {"cursor": "c8", "reset": true, "events": []}});
    let server = || {
        Scripted::start()
            .data("Jobs", page("j1", "c0"))
            .data("Jobs", page("j2", "c9"))
            .session("JobFeed", vec![Step::Next(reset.clone()), Step::Complete])
    };
    let output = against(&server(), &["status", "--watch"]);
    let lines: Vec<_> = stdout(&output).lines().map(|line| line.get(..2).unwrap()).collect();
    assert_eq!((output.status.code(), lines), (Some(0), vec!["ID", "j1", "ID", "j2"]));
    assert!(stderr(&output).contains("longhaul: changes were missed"), "{}", stderr(&output));
    let output = against(&server(), &["status", "--watch", "--json"]);
    assert_eq!(stdout(&output), "{\"reset\":true}\n");
}
