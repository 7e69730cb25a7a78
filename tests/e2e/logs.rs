//! What the server logs where nobody sits at a terminal: a JSON object a line, each of which says what
//! it belongs to.

use std::process::Command;

use serde_json::{Value, json};

use super::script;
use crate::support::server::Server;

const BINARY: &str = env!("CARGO_BIN_EXE_longhaul");

const CONFIG: &str = r#"
[kinds.sh]
command = ["/bin/sh", "-c", "{script}"]
"#;

/// The span of this name that a line stands in.
fn span<'a>(line: &'a Value, name: &str) -> &'a Value {
    let spans = line["spans"].as_array().unwrap_or_else(|| panic!("{line}"));
    spans.iter().find(|span| span["name"] == name).unwrap_or_else(|| panic!("no {name}: {line}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_is_json_and_says_what_it_belongs_to() {
    let mut command = Command::new("env");
    command.args(["LONGHAUL_LOG=longhaul=debug", BINARY]);
    let server = Server::start_by(command, CONFIG).await;
    let begin = "mutation Begin($i: StartJobInput!) { startJob(input: $i) { job { id } } }";
    let input = json!({"kind": "sh", "args": script("exit 3 # hush")});
    let body = json!({"query": begin, "operationName": "Begin", "variables": {"i": input}});
    let answer = server.api.http.post(server.api.graphql()).json(&body).send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    let id = answer["data"]["startJob"]["job"]["id"].as_str().unwrap().to_owned();
    server.api.watch(&id).await.end().await;
    let said = server.last_words().await;
    assert!(!said.contains("hush"), "arguments are in no log: {said}");
    let lines = said.lines().filter(|line| line.starts_with('{'));
    let lines: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &lines {
        let has = |name: &str| line[name].as_str().is_some_and(|text| !text.is_empty());
        assert!(has("timestamp") && has("level") && has("message"), "{line}");
    }
    let find = |message: &str| {
        let line = lines.iter().find(|line| line["message"] == message);
        line.unwrap_or_else(|| panic!("no `{message}`: {said}"))
    };
    let accepted = find("a job was accepted");
    assert_eq!((&accepted["job.id"], &accepted["job.kind"]), (&json!(id), &json!("sh")));
    let request = span(accepted, "request");
    assert_eq!((&request["method"], &request["path"]), (&json!("POST"), &json!("/graphql")));
    assert_eq!(request["request.id"].as_str().map(str::len), Some(16), "{request}");
    let operation = span(accepted, "operation");
    assert_eq!(operation["operation.name"], "Begin");
    assert_eq!(operation["operation.kind"], "mutation");
    assert_eq!(operation["operation.id"].as_str().map(str::len), Some(16), "{operation}");
    for message in ["an attempt began", "an attempt ended"] {
        let line = find(message);
        let job = span(line, "job");
        assert_eq!(
            (&job["job.id"], &job["job.kind"], &job["queue.name"]),
            (&json!(id), &json!("sh"), &json!("default"))
        );
        let attempt = span(line, "attempt");
        assert_eq!(attempt["attempt"], 1, "{attempt}");
        assert!(attempt["fence"].is_string() || attempt["fence"].is_number(), "{attempt}");
    }
    let ended = find("an attempt ended");
    assert_eq!((&ended["state"], &ended["exit_code"]), (&json!("Failed"), &json!(3)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nothing_can_be_logged_by_is_warned_of() {
    let mut command = Command::new("env");
    command.args(["LONGHAUL_LOG=longhaul=debgu", BINARY]);
    let said = Server::start_by(command, CONFIG).await.last_words().await;
    let lines = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let warned = lines.filter(|line| line["level"] == "WARN").collect::<Vec<_>>();
    let told = warned.iter().any(|line| {
        let message = line["message"].as_str().unwrap_or_default();
        message.contains("`longhaul=debgu` of LONGHAUL_LOG") && message.contains("expected error,")
    });
    assert!(told, "{said}");
}
