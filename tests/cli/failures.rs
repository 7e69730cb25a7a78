//! How a failure of our own is told, and the exit code it has.

use std::process::Output;

use serde_json::json;

use super::scripted::{Reply, Scripted, Step};
use super::{against, job, longhaul, stderr, stdout};

#[track_caller]
fn assert_failed(output: &Output, code: i32, words: &str) {
    assert_eq!((output.status.code(), stdout(output), stderr(output)), (Some(code), "", words));
}

#[test]
fn a_wrong_command_line_is_told_in_our_own_words() {
    let output = longhaul(&["frobnicate"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).starts_with("longhaul: unrecognized subcommand 'frobnicate'"));
    let output = longhaul(&["wait", "j", "--timeout", "soon"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("expected a duration like `500ms`, `30s`, `5m` or `2h`"));
    let output = longhaul(&["logs", "j", "--lines", "0"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("'--lines <N>': 0 is not in 1..=5000"), "{}", stderr(&output));
    let output = longhaul(&["list", "--server", "127.0.0.1:8080"]).output().unwrap();
    assert_failed(
        &output,
        2,
        "longhaul: `127.0.0.1:8080` is no address of a server: expected one like `http://127.0.0.1:8080`\n",
    );
}

#[test]
fn help_and_version_are_data() {
    let help = longhaul(&["--help"]).output().unwrap();
    assert_eq!((help.status.code(), stderr(&help)), (Some(0), ""));
    insta::assert_snapshot!(stdout(&help));
    let version = longhaul(&["version"]).output().unwrap();
    assert_eq!(stdout(&version), concat!("longhaul ", env!("CARGO_PKG_VERSION"), "\n"));
    let version = longhaul(&["version", "--json"]).output().unwrap();
    assert_eq!(
        serde_json::from_slice::<serde_json::Value>(&version.stdout).unwrap(),
        json!({"version": env!("CARGO_PKG_VERSION")})
    );
}

#[test]
fn a_server_that_does_not_answer_is_unreachable() {
    // A port that was free a moment ago.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let output = longhaul(&["list", "--server", &url]).output().unwrap();
    assert_eq!((output.status.code(), stdout(&output)), (Some(69), ""));
    let words = stderr(&output);
    assert!(words.starts_with(&format!("longhaul: no server answers at {url}\n  caused by: ")));
    assert!(words.contains("Connection refused"), "{words}");
    assert!(words.ends_with("\n\nhint: start one with `longhaul serve`, or name one with `--server URL` or LONGHAUL_URL\n"));

    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().to_str().unwrap();
    let output = longhaul(&["list", "--data", data]).output().unwrap();
    assert_failed(
        &output,
        69,
        &format!(
            "longhaul: no server runs on the data folder `{data}`\n\nhint: start one with `longhaul serve`, or name one with `--server URL` or LONGHAUL_URL\n"
        ),
    );
}

#[test]
fn the_lock_file_of_the_data_folder_leads_to_its_server() {
    let server = Scripted::start().data("Kinds", json!({"kinds": []}));
    let dir = tempfile::tempdir().unwrap();
    let lock = json!({"pid": std::process::id(), "url": server.url()});
    std::fs::write(dir.path().join("lock"), lock.to_string()).unwrap();
    let output = longhaul(&["kinds", "--json", "--data", dir.path().to_str().unwrap()])
        .env("LONGHAUL_URL", "http://127.0.0.1:9")
        .output()
        .unwrap();
    assert_eq!((output.status.code(), stdout(&output)), (Some(0), "[]\n"), "{}", stderr(&output));
}

#[test]
fn what_is_no_longhaul_server_is_told_so() {
    let server = Scripted::start().reply("Kinds", Reply::Page);
    let output = against(&server, &["kinds"]);
    let url = server.url();
    assert_failed(
        &output,
        69,
        &format!(
            "longhaul: what answers at {url}/ is no Longhaul server: HTTP 200 OK\n\nhint: name the server with `--server URL` or LONGHAUL_URL\n"
        ),
    );
}

#[test]
fn an_error_of_the_server_is_told_with_its_hint() {
    let refused = |code, message, extensions| {
        let server = Scripted::start().reply("StartJob", Reply::Error(code, message, extensions));
        against(&server, &["start", "demo"])
    };
    let full = refused("QUEUE_FULL", "queue `default` is full", json!({"retryAfterMs": 4000}));
    assert_failed(&full, 75, "longhaul: queue `default` is full\n\nhint: try again in 4 s\n");
    let problems = json!({"problems": [{"pointer": "/path", "keyword": "type", "message": "expected a string"}]});
    let args = refused("INVALID_ARGS", "the arguments do not fit", problems);
    assert_failed(&args, 2, "longhaul: the arguments do not fit\n  path: expected a string\n");
    let forbidden = refused("FORBIDDEN", "not yours", json!({}));
    assert_failed(&forbidden, 77, "longhaul: not yours\n");
    let internal = refused("INTERNAL", "internal error 4711", json!({}));
    assert_failed(
        &internal,
        70,
        "longhaul: internal error 4711\n\nhint: the server's log says more under that reference\n",
    );
}

#[test]
fn arguments_that_cannot_be_read_start_nothing() {
    let kinds = json!([{"name": "demo"}, {"name": "checksum"}]);
    let schema =
        json!({"properties": {"seconds": {"type": "number"}}, "additionalProperties": false});
    let kind = json!({"kind": {"argsSchema": schema}, "kinds": kinds});
    let server = Scripted::start().data("Kind", kind);
    let output = against(&server, &["start", "demo", "seconds=soon", "secnds=1"]);
    assert_failed(
        &output,
        2,
        "longhaul: the arguments do not fit `demo`\n  seconds: `soon` is not valid: expected a number\n  secnds: there is no such argument: did you mean `seconds`?\n\nhint: `longhaul kinds` shows what each kind takes\n",
    );
    let server = Scripted::start().data("Kind", json!({"kind": null, "kinds": kinds}));
    let output = against(&server, &["start", "dmeo", "seconds=1"]);
    assert_failed(&output, 2, "longhaul: there is no kind `dmeo`: did you mean `demo`?\n");
    let output = against(&server, &["start", "demo", "--input", "[1]"]);
    assert_failed(&output, 2, "longhaul: `--input` is not valid: expected a JSON object\n");
    assert_eq!(server.asked("StartJob"), [json!(null); 0]);
}

#[test]
fn an_unknown_job_is_told_before_anything_is_waited_for() {
    let server = Scripted::start().data("Job", json!({"job": null}));
    let output = against(&server, &["wait", "j1"]);
    assert_failed(
        &output,
        1,
        "longhaul: there is no job `j1`\n\nhint: `longhaul list` shows the jobs\n",
    );
    let server = Scripted::start()
        .data("Job", json!({"job": job(&json!({}))}))
        .session("JobStatus", vec![Step::Error("NOT_FOUND")]);
    let output = against(&server, &["wait", "j1"]);
    assert_failed(&output, 1, "longhaul: no such job\n");
}

#[test]
fn a_wrong_configuration_stops_serve() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("longhaul.toml");
    std::fs::write(&file, "[server]\nlisen = 1\n").unwrap();
    let file = file.to_str().unwrap();
    let output = longhaul(&["serve", "--config", file]).output().unwrap();
    assert_failed(
        &output,
        78,
        &format!(
            "longhaul: {file}:2:1: unknown key `lisen` in [server]: did you mean `listen`?\n    lisen = 1\n    ^^^^^\n"
        ),
    );
}
