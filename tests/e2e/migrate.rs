//! From SQLite to PostgreSQL: the server before and the server after give the same answers.
//!
//! `LONGHAUL_MIGRATED=100000` adds so many jobs that ended.

use std::fs;
use std::process::Output;
use std::time::Instant;

use longhaul::domain::clock::{Clock as _, SystemClock};
use serde_json::{Value, json};

use super::{report, script, size};
use crate::support::filled::add_ended;
use crate::support::postgres::cluster;
use crate::support::server::Server;

const CONFIG: &str = r#"
[queues.default]
slots = 2
[queues.still]
[kinds.sh]
command = ["/bin/sh", "-c", "{script}"]
[kinds.waits]
command = ["/bin/sh", "-c", "{script}"]
queue = "still"
[kinds.again]
command = ["/bin/sh", "-c", "{script}"]
retries = 2
retry_backoff = "2h"
"#;

/// All of a job that does not move with the clock.
const JOB: &str = "fragment all on Job {
    id seq kind { name } queue { name paused pausedAt pausedNote slots maxWaiting } labels { key value }
    state terminal createdAt notBefore startedAt endedAt cancelRequestedAt cancelNote canceledBy reason
    reasonText exitCode signal attempt maxAttempts timeoutMs idempotencyKey startedBy retryOf { id }
    usage { cpuMs peakMemoryBytes logBytes } worker { id name } args result wait { reason eligibleAt position } }";

fn run(server: &Server, arguments: &[&str]) -> Output {
    // A server that should not have started must not keep the test from failing.
    let mut command = std::process::Command::new("timeout");
    command.args(["200", env!("CARGO_BIN_EXE_longhaul")]).args(arguments);
    let path = std::env::var_os("PATH").unwrap();
    command.env_clear().env("HOME", "/nonexistent").env("PATH", path);
    command.arg("--data").arg(server.folder().join("data"));
    command.arg("--config").arg(server.folder().join("longhaul.toml")).output().unwrap()
}

/// Jobs in every state that is at rest.
async fn fill(server: &Server) -> Vec<String> {
    let api = &server.api;
    let mut ids = Vec::new();
    for text in [
        "echo one; echo '{\"answer\": 42}' > \"$LONGHAUL_RESULT\"",
        "yes large | head -n 40000",
        "echo kept > file",
        "echo bad >&2; exit 3",
        "kill -SEGV $$",
    ] {
        let input = json!({ "kind": "sh", "args": script(text), "idempotencyKey": text,
            "labels": [{ "key": "text", "value": "ü" }] });
        let id = api.start_with(input).await;
        api.watch(&id).await.end().await;
        ids.push(id);
    }
    let before = api.feed_cursor().await;
    let long = api.start("sh", script("sleep 600")).await;
    api.cancel(&long, "FORCE").await.unwrap();
    api.ended_since(&before, 1).await;
    ids.push(long);
    api.ask(
        "mutation { pauseQueue(name: \"still\", note: \"moving\") { queue { name } } }",
        json!({}),
    )
    .await;
    for _ in 0..3 {
        ids.push(api.start("waits", script("true")).await);
    }
    let later =
        json!({ "kind": "waits", "args": script("true"), "notBefore": "2199-01-01T00:00:00Z" });
    ids.push(api.start_with(later).await);
    let retried = api.start("again", script("exit 1")).await;
    let mut watch = api.watch(&retried).await;
    while watch.next_status().await.unwrap()["change"] != "RETRYING" {}
    ids.push(retried);
    ids
}

/// Pages of a list, with their cursors: each begins at the cursor of the one before.
async fn pages(server: &Server, order: &str, filter: &Value) -> Vec<Value> {
    let query = format!(
        "query($after: Cursor, $order: JobOrder, $filter: JobFilter) {{
            jobs(first: 4, after: $after, orderBy: $order, filter: $filter) {{ totalCount feedCursor
            edges {{ cursor node {{ ...all }} }} pageInfo {{ hasNextPage endCursor }} }} }} {JOB}"
    );
    let (mut pages, mut after) = (Vec::new(), Value::Null);
    for _ in 0..4 {
        let variables = json!({ "after": after, "order": order, "filter": filter });
        let mut page = server.api.ask(&query, variables).await["jobs"].take();
        after = page["pageInfo"]["endCursor"].take();
        let ends = page["pageInfo"]["hasNextPage"] == false;
        pages.push(page);
        if ends {
            break;
        }
    }
    pages
}

/// All that a server answers that does not move with the clock.
async fn answers(server: &Server, ids: &[String]) -> Vec<Value> {
    let api = &server.api;
    let mut told = Vec::new();
    for order in ["NEWEST", "OLDEST", "QUEUE_ORDER", "RECENTLY_ENDED"] {
        told.extend(pages(server, order, &json!({})).await);
    }
    for filter in [
        json!({ "labels": [{ "key": "text", "value": "ü" }] }),
        json!({ "reasons": ["EXIT_CODE"] }),
        json!({ "queues": ["still"], "states": ["QUEUED"] }),
        json!({ "text": "aga" }),
    ] {
        told.extend(pages(server, "NEWEST", &filter).await);
    }
    let query = format!(
        "query($id: ID!) {{ job(id: $id) {{ ...all
            attempts {{ number startedAt endedAt reason reasonText exitCode signal worker {{ id name }}
                usage {{ cpuMs logBytes }} }}
            events {{ nodes {{ cursor seq at change state attempt detail text }} pageInfo {{ hasNextPage endCursor }} }}
            log(last: 40) {{ complete droppedBytes nodes {{ number stream text attempt }}
                pageInfo {{ startCursor endCursor }} }} }} }} {JOB}"
    );
    for id in ids {
        told.push(api.ask(&query, json!({ "id": id })).await);
    }
    for query in [
        "{ jobByIdempotencyKey(key: \"kill -SEGV $$\") { id } }",
        "{ queues { name declared paused pausedAt pausedNote pausedBy slots maxWaiting } }",
    ] {
        told.push(api.ask(query, json!({})).await);
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answers_after_a_move_are_those_of_before() {
    let mut server = Server::start(CONFIG).await;
    let ids = fill(&server).await;
    assert!(server.stop().await.success());
    let many = u32::try_from(size("LONGHAUL_MIGRATED", 300)).unwrap();
    let data = server.folder().join("data");
    add_ended(&data.join("longhaul.db"), many, SystemClock.now().timestamp_millis() - 60_000, 5);
    server.start_again().await;
    let before = answers(&server, &ids).await;
    let feed = server.api.feed_cursor().await;

    // A server holds the folder.
    let url = cluster().schema().await;
    let arguments = ["migrate", "--json", "--database", &url];
    let refused = run(&server, &arguments);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(
        refused.status.code() == Some(75) && said.contains("is held by another server"),
        "{said}"
    );
    assert!(server.stop().await.success());

    let begun = Instant::now();
    let moved = run(&server, &arguments);
    let took = begun.elapsed();
    let said = String::from_utf8_lossy(&moved.stderr);
    assert_eq!(moved.status.code(), Some(0), "{said}");
    assert!(
        said.contains("stays there: serve with this data folder") && !said.contains(&url),
        "{said}"
    );
    let told: Value = serde_json::from_slice(&moved.stdout).unwrap();
    assert_eq!(
        (&told["jobs"], &told["waiting"]),
        (&json!(ids.len() as u64 + u64::from(many)), &json!(5))
    );
    report(&format!(
        "{} jobs, {} events moved in {took:.1?}",
        told["jobs"], told["rows"]["job_events"]
    ));

    // Whoever forgets to name the PostgreSQL does not begin anew beside it.
    let forgot = run(&server, &["serve", "--listen", "127.0.0.1:0"]);
    let said = String::from_utf8_lossy(&forgot.stderr);
    assert!(
        forgot.status.code() == Some(78) && said.contains("were moved to a PostgreSQL"),
        "{said}"
    );
    assert!(!data.join("longhaul.db").exists());

    let config = format!("{CONFIG}[server]\ndatabase = \"{url}\"\n");
    fs::write(server.folder().join("longhaul.toml"), config).unwrap();
    server.start_again().await;
    let after = answers(&server, &ids).await;
    assert_eq!(after.len(), before.len());
    for (after, before) in after.iter().zip(&before) {
        assert_eq!(after, before);
    }
    // A feed of before goes on, and what waits runs.
    server.api.ask("mutation { resumeQueue(name: \"still\") { queue { name } } }", json!({})).await;
    let ended = server.api.ended_since(&feed, 3).await;
    assert!(ended.values().all(|job| job["state"] == "SUCCEEDED"), "{ended:?}");
    assert!(server.stop().await.success());
}
