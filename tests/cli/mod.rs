//! The command line, as the binary that people run.

mod addresses;
mod bad_databases;
mod bulk;
mod codes;
mod commands;
mod completions;
mod config;
mod doctor;
mod estimates;
mod failures;
mod hostile;
mod interrupts;
mod not_started;
mod poolers;
mod postgres;
mod pty;
mod scripted;
mod settings;
mod status_line;
mod terminal;
mod tokens;
mod watch;
mod whole;

use std::process::Output;
use std::time::Duration;

use assert_cmd::Command;
use serde_json::{Value, json};

use scripted::Scripted;

/// None of these commands waits for anything but a scripted server.
const DEADLINE: Duration = Duration::from_secs(60);

/// The binary with nothing around it that could lead it to another server.
fn longhaul(arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("longhaul").unwrap();
    command.args(arguments).env_clear().env("HOME", "/nonexistent").timeout(DEADLINE);
    command
}

/// Runs it against a server.
fn against(server: &Scripted, arguments: &[&str]) -> Output {
    longhaul(arguments).env("LONGHAUL_URL", server.url()).output().unwrap()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// A job as the server tells it, with these fields changed.
fn job(changes: &Value) -> Value {
    let mut job = json!({
        "id": "j1", "kind": {"name": "demo"}, "queue": {"name": "default"}, "state": "QUEUED",
        "terminal": false, "createdAt": "2026-11-25T04:44:34.120Z", "attempt": 1, "maxAttempts": 1,
    });
    job.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    job
}

fn succeeded() -> Value {
    job(&json!({"state": "SUCCEEDED", "terminal": true, "reason": "OK", "exitCode": 0}))
}
