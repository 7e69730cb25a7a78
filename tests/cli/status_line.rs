//! The status line of `run`: on a real terminal, without colours, on a narrow one, and where none can be
//! written over.

use console::{measure_text_width, strip_ansi_codes};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::commands::{log, status, with_job};
use super::pty::Pty;
use super::scripted::{Scripted, Step};
use super::{against, job, stderr, succeeded};

const ERASE: &str = "\r\u{1b}[2K";

/// A job that waits, runs, prints and ends.
fn server() -> Scripted {
    let wait = json!({"wait": {
        "reason": "SLOTS_BUSY", "reasonText": "2 slots are taken", "position": 3,
    }});
    let running = json!({"progress": {"percent": 37.0, "message": "downloading"}});
    let ended = job(&json!({
        "state": "FAILED", "terminal": true, "reason": "EXIT_CODE", "exitCode": 7,
        "reasonText": "it ended with exit code 7", "startedAt": "2026-11-25T04:44:34.120Z",
        "endedAt": "2026-11-25T04:45:05.120Z",
    }));
    with_job(&ended)
        .session(
            "JobStatus",
            vec![
                status("QUEUED", &wait),
                status("RUNNING", &running),
                status("FAILED", &json!({})),
            ],
        )
        .session("JobLog", vec![log("c", &[("STDOUT", "one"), ("STDERR", "two")], true)])
}

/// What stood on the line, one after the other, with the spinner still, and what was printed above.
fn parts(shown: &str) -> (Vec<String>, Vec<String>) {
    let (mut line, mut printed) = (Vec::new(), Vec::new());
    for part in shown.split(ERASE) {
        for text in part.split_inclusive("\r\n") {
            let (list, text) = match text.strip_suffix("\r\n") {
                Some(text) => (&mut printed, text),
                None => (&mut line, text),
            };
            let text = text.replace(|c| ('⠀'..='⣿').contains(&c), "⠋");
            // A slow machine moves the clock.
            let text = text.replace("00:01", "00:00").replace("00:02", "00:00");
            if !text.is_empty() && list.last() != Some(&text) {
                list.push(text);
            }
        }
    }
    (line, printed)
}

#[test]
fn a_line_is_written_anew_and_the_log_stands_above_it() {
    let (code, shown) = Pty::new(80).run(&server(), &["run", "demo"]);
    assert_eq!(code, Some(7));
    assert!(shown.contains("\u{1b}[32m▶"), "with colours: {shown:?}");
    let (mut line, mut printed) =
        parts(&strip_ansi_codes(&shown.replace(ERASE, "\u{0}")).replace('\u{0}', ERASE));
    line.dedup();
    assert_eq!(
        line,
        ["⠋ queued #3 · 2 slots are taken", "▶ running 37% ▇▇▇▇░░░░░░ 00:00 downloading"]
    );
    assert_eq!(printed.pop().unwrap(), "✗ failed in 00:31: it ended with exit code 7");
    assert_eq!(printed, ["job j1", "one", "two"]);
}

#[test]
fn how_soon_a_job_starts_is_told_where_somebody_knows() {
    let estimate = json!({"startAt": "2999-01-01T00:00:00Z", "startAtLatest": null});
    let wait = json!({
        "wait": {"reason": "SLOTS_BUSY", "reasonText": "2 slots are taken", "position": 3},
        "estimate": estimate,
    });
    let server = || {
        with_job(&succeeded())
            .session("JobStatus", vec![status("QUEUED", &wait), status("SUCCEEDED", &json!({}))])
            .session("JobLog", vec![log("c", &[], true)])
    };
    let (_, shown) = Pty::new(80).with("NO_COLOR", "1").run(&server(), &["run", "demo"]);
    let (line, _) = parts(&shown);
    let soon = line[0].strip_prefix("⠋ queued #3 · ~").expect("an estimate");
    assert!(soon.ends_with(" h · 2 slots are taken"), "{line:?}");
    let plain = against(&server(), &["run", "demo"]);
    let words = stderr(&plain);
    assert!(words.contains("queued, position 3 (2 slots are taken), starts in ~"), "{words}");
}

#[test]
fn wait_keeps_a_line_of_the_job_that_it_waits_for() {
    let wait = json!({"wait": {
        "reason": "SLOTS_BUSY", "reasonText": "2 slots are taken", "position": 1,
    }});
    let session = || vec![status("QUEUED", &wait), status("SUCCEEDED", &json!({}))];
    let server = Scripted::start()
        .data("Job", json!({"job": job(&json!({}))}))
        .data("Job", json!({"job": job(&json!({}))}))
        .data("Job", json!({"job": succeeded()}))
        .data("Job", json!({"job": succeeded()}))
        .session("JobStatus", session())
        .session("JobStatus", session());
    let (code, shown) = Pty::new(80).with("NO_COLOR", "1").run(&server, &["wait", "j1", "j2"]);
    let (line, printed) = parts(&shown);
    assert_eq!(code, Some(0));
    let both = ["[1/2] ⠋ queued #1 · 2 slots are taken", "[2/2] ⠋ queued #1 · 2 slots are taken"];
    assert_eq!(line, both);
    assert_eq!(printed, ["j1  SUCCEEDED"], "twice, told once by this list");
}

#[test]
fn without_colours_there_is_no_sequence_but_the_one_that_erases() {
    let (code, shown) = Pty::new(80).with("NO_COLOR", "1").run(&server(), &["run", "demo"]);
    assert_eq!(code, Some(7));
    let (line, printed) = parts(&shown);
    assert!(!(line.concat() + &printed.concat()).contains('\u{1b}'), "{shown:?}");
    assert_eq!(line.first().map(String::as_str), Some("⠋ queued #3 · 2 slots are taken"));
}

#[test]
fn on_a_narrow_terminal_the_line_never_wraps() {
    let (_, shown) = Pty::new(20).run(&server(), &["run", "demo"]);
    let (line, _) = parts(&shown);
    assert!(!line.is_empty());
    for text in line {
        assert!(measure_text_width(&text) < 20, "{text:?}");
    }
}

#[test]
fn a_terminal_that_cannot_write_over_a_line_gets_plain_ones() {
    let (_, shown) = Pty::new(80).with("TERM", "dumb").run(&server(), &["run", "demo"]);
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
    assert!(shown.contains("queued, position 3 (2 slots are taken)\r\n"), "{shown:?}");
}

#[test]
fn a_second_interrupt_cancels_the_job() {
    let server = with_job(&succeeded())
        .session("JobStatus", vec![status("RUNNING", &json!({})), Step::Hang])
        .session("JobLog", vec![Step::Hang])
        .data("CancelJob", json!({"cancelJob": {"changed": true, "job": job(&json!({}))}}));
    let terminal = Pty::new(80).with("NO_COLOR", "1");
    let mut child = terminal.spawn(&server, &["run", "demo"]);
    let pid = Pid::from_child(&child);
    server.wait_for("JobStatus");
    server.wait_for("JobLog");
    kill_process(pid, Signal::INT).unwrap();
    let words = terminal.until("Ctrl-C within 2 s cancels it");
    kill_process(pid, Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(server.asked("CancelJob")[0]["id"], "j1");
    assert!(words.contains("longhaul: detached: the job goes on"), "{words}");
    let rest = terminal.shown();
    assert!(rest.contains("longhaul: the job is asked to stop"), "{rest}");
}
