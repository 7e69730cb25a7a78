//! What is kept: small logs without a folder.

use std::fs;

use serde_json::{Value, json};

use super::script;
use crate::support::appears::changes_until;
use crate::support::graphql::Heard;
use crate::support::server::Server;

const CONFIG: &str = r#"
[worker]
slots = 2
[kinds.sh]
command = ["/bin/sh", "-c", "{script}"]
"#;

const LOG: &str = "query($id: ID!) { job(id: $id) { state log(first: 5) {
    complete droppedBytes nodes { number stream text attempt } pageInfo { endCursor hasNextPage } } } }";

async fn ended(server: &Server, text: &str) -> String {
    let id = server.api.start("sh", script(text)).await;
    let end = server.api.watch(&id).await.end().await;
    assert_eq!(end["state"], "SUCCEEDED");
    id
}

/// Waits until the folder of a job has gone.
async fn moved(server: &Server, job: &str) {
    let folder = server.attempts_of(job);
    let attempts = folder.parent().unwrap().to_owned();
    let wait = move || changes_until(&attempts, "the folder goes", || !folder.exists());
    tokio::task::spawn_blocking(wait).await.unwrap();
}

async fn log(server: &Server, id: &str) -> Value {
    server.api.ask(LOG, json!({ "id": id })).await["job"].take()
}

/// The raw log, or a part of it.
async fn raw(server: &Server, id: &str, range: Option<&str>) -> String {
    let url = format!("http://{}/jobs/{id}/log", server.api.address());
    let request = server.api.http.get(url);
    let request = range.into_iter().fold(request, |request, range| request.header("Range", range));
    request.send().await.unwrap().text().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_log_needs_no_folder_and_a_large_one_or_work_keeps_it() {
    let server = Server::start(CONFIG).await;
    let lines = "i=0; while [ $i -lt 12 ]; do echo line $i; i=$((i+1)); done; printf end";
    let small = ended(&server, lines).await;
    let before = (log(&server, &small).await, raw(&server, &small, None).await);
    let large = ended(&server, "head -c 70000 /dev/zero | tr '\\0' '\\n'").await;
    let with_work = ended(&server, "echo kept > file").await;
    let silent = ended(&server, ":").await;
    for id in [&small, &silent] {
        moved(&server, id).await;
    }
    assert_eq!(before, (log(&server, &small).await, raw(&server, &small, None).await));
    assert_eq!(raw(&server, &small, Some("bytes=-3")).await, "end");
    // A reader that was half way goes on, and sees each line once.
    let tail = "subscription($id: ID!, $after: Cursor) { jobLog(id: $id, after: $after) {
        lines { text } complete } }";
    let after = &before.0["log"]["pageInfo"]["endCursor"];
    let mut socket = server.api.socket().await;
    socket.subscribe("tail", tail, json!({ "id": small, "after": after })).await;
    let mut texts = Vec::new();
    loop {
        let Heard::Next(_, mut data) = socket.next().await else { panic!("the log goes on") };
        let chunk = data["jobLog"].take();
        let lines = chunk["lines"].as_array().unwrap();
        texts.extend(lines.iter().map(|line| line["text"].as_str().unwrap().to_owned()));
        if chunk["complete"] == true {
            break;
        }
    }
    let rest = ["line 5", "line 6", "line 7", "line 8", "line 9", "line 10", "line 11", "end"];
    assert_eq!(texts, rest);
    let nothing = log(&server, &silent).await;
    assert_eq!((&nothing["log"]["nodes"], &nothing["log"]["complete"]), (&json!([]), &json!(true)));
    assert!(server.attempts_of(&large).join("1/log.head").exists());
    let file = server.attempts_of(&with_work).join("1/work/file");
    assert_eq!(fs::read_to_string(file).unwrap(), "kept\n");
}
