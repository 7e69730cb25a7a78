//! `run` as it is seen: on a terminal, without colours, on a narrow one, through a pipe, and by a program.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

use console::measure_text_width;
use serde_json::json;

use super::commands::{log, status, with_job};
use super::pty::Pty;
use super::scripted::{Scripted, Step};
use super::{against, job, longhaul, stderr, stdout};

const ERASE: &str = "\r\u{1b}[2K";

/// A job that waits, runs, prints and ends, each after the other: what was sent by one socket is shown before
/// more is sent by the other, since a pong is the client's next word.
fn server() -> Scripted {
    let wait = json!({"wait": {
        "reason": "SLOTS_BUSY", "reasonText": "2 of 2 slots of queue default busy; 2 ahead",
        "position": 3,
    }});
    let running = json!({"progress": {"percent": 37.0, "message": "downloading"}});
    let ended = job(&json!({
        "state": "SUCCEEDED", "terminal": true, "reason": "OK", "exitCode": 0,
        "startedAt": "2026-11-25T04:44:34.120Z", "endedAt": "2026-11-25T04:45:05.120Z",
    }));
    let lines = [("STDOUT", "\u{1b}[32mone\u{1b}[0m"), ("STDERR", "two"), ("SYSTEM", "cut")];
    with_job(&ended)
        .session(
            "JobStatus",
            vec![
                status("QUEUED", &wait),
                Step::Ping,
                status("RUNNING", &running),
                Step::Ping,
                Step::Open("runs"),
                Step::Pass("printed"),
                status("SUCCEEDED", &json!({})),
            ],
        )
        .session(
            "JobLog",
            vec![
                Step::Pass("runs"),
                log("c1", &lines, false),
                Step::Ping,
                Step::Open("printed"),
                log("c2", &[], true),
            ],
        )
}

/// What a terminal was sent, a line for each state of the line that is written anew (`~`) and each that stays (`|`).
/// The spinner stands still, and so does the clock: both move by themselves.
fn seen(shown: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for part in shown.split(ERASE) {
        for text in part.split_inclusive("\r\n") {
            let stays = text.ends_with("\r\n");
            let text = text.trim_end_matches("\r\n").replace(|c| ('⠀'..='⣿').contains(&c), "⠋");
            let text = text.replace("00:01", "00:00").replace("00:02", "00:00");
            let line =
                format!("{} {}", if stays { '|' } else { '~' }, text.replace('\u{1b}', "\\e"));
            let again = !stays && lines.iter().rfind(|line| line.starts_with('~')) == Some(&line);
            if !text.is_empty() && !again {
                lines.push(line);
            }
        }
    }
    lines.join("\n")
}

#[test]
fn on_a_terminal() {
    let (code, shown) = Pty::new(80).run(&server(), &["run", "demo"]);
    assert_eq!(code, Some(0));
    insta::assert_snapshot!(seen(&shown));
}

#[test]
fn on_a_terminal_without_colours() {
    let (code, shown) = Pty::new(80).with("NO_COLOR", "1").run(&server(), &["run", "demo"]);
    assert_eq!(code, Some(0));
    insta::assert_snapshot!(seen(&shown));
}

#[test]
fn on_a_terminal_of_20_columns() {
    let (code, shown) = Pty::new(20).with("NO_COLOR", "1").run(&server(), &["run", "demo"]);
    assert_eq!(code, Some(0));
    let seen = seen(&shown);
    for line in seen.lines().filter_map(|line| line.strip_prefix("~ ")) {
        assert!(measure_text_width(line) < 20, "it would wrap: {line:?}");
    }
    insta::assert_snapshot!(seen);
}

#[test]
fn through_a_pipe() {
    let output = against(&server(), &["run", "demo"]);
    assert_eq!(output.status.code(), Some(0));
    let text = format!("{}--- standard error\n{}", stdout(&output), stderr(&output));
    insta::assert_snapshot!(text.replace('\u{1b}', "\\e"));
}

#[test]
fn by_a_program() {
    let output = against(&server(), &["run", "demo", "--json"]);
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""));
    insta::assert_snapshot!(stdout(&output));
}

#[test]
fn a_program_that_goes_away_in_the_middle_ends_it_without_a_word() {
    let server = with_job(&job(&json!({})))
        .session("JobStatus", vec![Step::Pass("gone"), status("RUNNING", &json!({})), Step::Hang])
        .session("JobLog", vec![Step::Hang]);
    let mut run = Command::new(longhaul(&[]).get_program())
        .args(["run", "demo", "--json", "--server", server.url()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut reader = BufReader::new(run.stdout.take().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert!(line.contains(r#""type":"started""#), "{line}");
    drop(reader);
    server.open("gone");
    let mut words = String::new();
    run.stderr.take().unwrap().read_to_string(&mut words).unwrap();
    assert_eq!((run.wait().unwrap().code(), words.as_str()), (Some(141), ""));
}
