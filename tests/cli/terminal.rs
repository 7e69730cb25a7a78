//! What others wrote, on a terminal and through a pipe.

use serde_json::json;

use super::pty::Pty;
use super::scripted::{Reply, Scripted};
use super::{against, stderr, stdout};

const TEXT: &str = "\u{1b}[31mred\u{1b}[0m\t\u{1b}[2J\u{1b}]0;title\u{7} \u{9b}2J\u{7f}";

/// A server with a log of this text, on both outputs.
fn with_log() -> Scripted {
    let line = |stream: &str| json!({"stream": stream, "text": TEXT, "cut": false});
    let page = json!({"job": {"log": {
        "nodes": [line("STDOUT"), line("STDERR"), line("SYSTEM")], "droppedBytes": 0,
        "pageInfo": {"hasNextPage": false, "endCursor": null},
    }}});
    Scripted::start().data("JobLogPage", page)
}

/// What a terminal is sent by a command.
fn on_a_terminal(server: &Scripted, arguments: &[&str]) -> String {
    Pty::new(80).run(server, arguments).1
}

#[test]
fn a_job_cannot_move_the_terminal_of_who_reads_its_log() {
    let rest = r"\x1b[2J\x1b]0;title\x07 \x9b2J\x7f";
    let line = format!("\u{1b}[31mred\u{1b}[0m\t{rest}\r\n");
    let own = format!("[longhaul] \\x1b[31mred\\x1b[0m\t{rest}\r\n");
    let shown = on_a_terminal(&with_log(), &["logs", "j1"]);
    assert_eq!(shown, format!("{line}{line}{own}"));
}

#[test]
fn a_failures_words_cannot_either() {
    let refused =
        || Scripted::start().reply("Job", Reply::Error("NEW", "a\u{1b}[2J\u{9b}", json!({})));
    assert_eq!(on_a_terminal(&refused(), &["status", "j"]), "longhaul: a\\x1b[2J\\x9b\r\n");
    let output = against(&refused(), &["status", "j"]);
    assert_eq!(stderr(&output), "longhaul: a\u{1b}[2J\u{9b}\n");
}

#[test]
fn a_pipe_gets_what_the_job_printed() {
    let output = against(&with_log(), &["logs", "j1"]);
    assert_eq!(stdout(&output), format!("{TEXT}\n"));
    assert_eq!(stderr(&output), format!("{TEXT}\n[longhaul] {TEXT}\n"));
}

#[test]
fn json_escapes_every_control_character() {
    let output = against(&with_log(), &["logs", "j1", "--json"]);
    let line = stdout(&output).lines().next().unwrap();
    assert!(line.contains(r"\u0007 \u009b2J\u007f"), "{line}");
    assert_eq!(serde_json::from_str::<serde_json::Value>(line).unwrap()["text"], TEXT);
}
