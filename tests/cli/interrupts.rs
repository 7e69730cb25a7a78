//! Ctrl-C: what is said, the exit code, and that the job goes on.

use std::io::{BufRead, BufReader, Read};
use std::process::{ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::commands::{log, status, with_job};
use super::scripted::{Reply, Scripted, Step};
use super::{longhaul, succeeded};

/// So long a person at a terminal has for a second Ctrl-C.
const AGAIN: Duration = Duration::from_secs(2);

/// Runs a command, interrupts it once `ready` returns, and returns what it said from then on; it
/// must end with 130 and have canceled nothing.
fn interrupted(
    server: &Scripted,
    arguments: &[&str],
    ready: impl FnOnce(&mut BufReader<ChildStderr>),
) -> String {
    let mut child = Command::new(longhaul(&[]).get_program())
        .args(arguments)
        .args(["--server", server.url()])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut words = BufReader::new(child.stderr.take().unwrap());
    ready(&mut words);
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let signalled = Instant::now();
    let mut rest = String::new();
    words.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest}");
    assert!(signalled.elapsed() < AGAIN, "nobody sits there to press it again: {rest}");
    assert_eq!(server.asked("CancelJob"), [Value::Null; 0]);
    rest
}

#[test]
fn an_interrupted_run_leaves_its_job_alone() {
    let server = with_job(&succeeded())
        .session("JobStatus", vec![status("RUNNING", &json!({})), Step::Hang])
        .session("JobLog", vec![Step::Hang]);
    let rest = interrupted(&server, &["run", "demo"], |words| {
        let mut line = String::new();
        while line.trim() != "running" {
            line.clear();
            assert_ne!(words.read_line(&mut line).unwrap(), 0, "it ended before the signal");
        }
    });
    let told = "longhaul: detached: the job goes on; stop it with `longhaul cancel j1`, watch it with `longhaul logs -f j1`\n";
    assert_eq!(rest, told);
}

#[test]
fn a_run_that_was_not_answered_yet_says_what_may_have_become_of_it() {
    let server = Scripted::start().reply("StartJob", Reply::Hang);
    let rest = interrupted(&server, &["run", "demo"], |_| server.wait_for("StartJob"));
    assert_eq!(
        rest,
        "longhaul: interrupted before the server answered: the job may have been accepted; see `longhaul list`\n"
    );
}

#[test]
fn a_run_whose_job_has_ended_can_still_be_interrupted() {
    let server = Scripted::start()
        .data("StartJob", json!({"startJob": {"created": true, "job": succeeded()}}))
        .reply("Job", Reply::Hang)
        .session("JobStatus", vec![status("SUCCEEDED", &json!({}))])
        .session("JobLog", vec![log("c", &[], true)]);
    let rest = interrupted(&server, &["run", "demo"], |_| server.wait_for("Job"));
    let told = "longhaul: interrupted: the job has ended; see `longhaul status j1`\n";
    assert!(rest.ends_with(told), "{rest}");
}

#[test]
fn who_only_watched_is_told_that_the_job_goes_on() {
    let page = json!({"job": {"log": {"nodes": [], "droppedBytes": 0,
        "pageInfo": {"hasNextPage": false, "endCursor": null}}}});
    let server = Scripted::start()
        .data("JobLogPage", page)
        .data("Job", json!({"job": super::job(&json!({}))}))
        .session("JobLog", vec![Step::Hang])
        .session("JobStatus", vec![Step::Hang]);
    let logs = interrupted(&server, &["logs", "-f", "j1"], |_| server.wait_for("JobLog"));
    assert_eq!(logs, "longhaul: interrupted: the job goes on\n");
    let wait = interrupted(&server, &["wait", "j1"], |_| server.wait_for("JobStatus"));
    assert_eq!(wait, "longhaul: interrupted: the jobs go on\n");
}
