//! Limits of the configuration on the real server: each as the file says, at it and above it (P12).

use std::process::Command;

use serde_json::{Value, json};

use super::script;
use crate::support::appears::appears;
use crate::support::graphql::{Api, code_of};
use crate::support::server::Server;

const CONFIG: &str = r#"
[worker]
slots = 2
[queues.default]
[queues.still]
slots = 0
max_waiting = 30
[kinds.sh]
command = ["/bin/sh", "-c", "{script}"]
[kinds.still]
command = ["true", "{x}"]
queue = "still"
[limits]
request_body = 4_000
query_depth = 6
query_cost = 30
query_aliases = 3
query_root_fields = 4
mutation_root_fields = 2
query_tokens = 150
query_nesting = 12
page_size = 3
log_page_lines = 4
log_page_bytes = 2_048
args_bytes = 400
result_bytes = 10
waiting_args_bytes = 1_024
idempotency_key_bytes = 4
note_bytes = 3
log_line_bytes = 80
log_head_bytes = 65_536
log_tail_bytes = 2_097_152
work_bytes = 20_000
subscriptions_per_socket = 1
sockets = 1
"#;

/// What a request is refused with: its code, and the most that the error names.
async fn refused(api: &Api, query: &str, variables: Value) -> Option<(String, Value)> {
    let answer = api.try_ask(query, variables).await.unwrap();
    let code = code_of(&answer)?;
    Some((code, answer["errors"][0]["extensions"]["max"].clone()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_is_as_large_as_the_file_says() {
    let mut server = Server::start(CONFIG).await;
    let server_times = |n: usize| format!("{{ {} }}", "server { version } ".repeat(n));
    let act = |n: usize| format!("mutation {{ {} }}", "resumeQueue { changed } ".repeat(n));
    let alias = |n: usize| format!("{{ server {{ {} }} }}", "a: version ".repeat(n));
    let nest = |n: usize| format!("{{ a(b: {}1{}) }}", "[".repeat(n - 2), "]".repeat(n - 2));
    let deep = |n: usize| {
        let (open, close) = ("retryOf { ".repeat(n - 3), "}".repeat(n - 3));
        format!("{{ jobs(first: 1) {{ nodes {{ {open} id {close} }} }} }}")
    };
    // Six tokens stand around the fields.
    let tokens = |n: usize| format!("{{ server {{ {} }} }}", "version ".repeat(n - 5));
    let body = |n: usize| format!("{:n$}", "{ server { version } }");
    for (limit, most, query) in [
        ("rootFields", 4, &server_times as &dyn Fn(usize) -> String),
        ("rootFields", 2, &act),
        ("aliases", 3, &alias),
        ("nesting", 12, &nest),
        ("depth", 6, &deep),
        ("tokens", 150, &tokens),
    ] {
        let too_large = Some(("QUERY_TOO_LARGE".to_owned(), json!(most)));
        let below = refused(&server.api, &query(most - 1), json!({})).await;
        let at = refused(&server.api, &query(most), json!({})).await;
        let above = refused(&server.api, &query(most + 1), json!({})).await;
        assert_ne!(below, too_large, "{limit}");
        assert_ne!(at, too_large, "{limit}");
        assert_eq!(above, too_large, "{limit}");
    }
    let row = "kind { name } queue { name } wait { reason } progress { percent }";
    let cost = |rows: u32| {
        format!("{{ jobs(first: {rows}) {{ nodes {{ {row} retryOf {{ {row} }} }} }} }}")
    };
    // One for the list itself, and ten a row.
    assert_eq!(refused(&server.api, &cost(2), json!({})).await, None, "cost");
    let too_dear = Some(("QUERY_TOO_LARGE".to_owned(), json!(30)));
    assert_eq!(refused(&server.api, &cost(3), json!({})).await, too_dear, "cost");
    let overhead = json!({ "query": "", "variables": {} }).to_string().len();
    for (bytes, is_refused) in [(3_999, false), (4_000, false), (4_001, true)] {
        let code = refused(&server.api, &body(bytes - overhead), json!({})).await;
        assert_eq!(code.is_some_and(|(c, _)| c == "REQUEST_TOO_LARGE"), is_refused, "{bytes}");
    }
    for (first, code) in [(2, None), (3, None), (4, Some("INVALID_INPUT"))] {
        let query = format!("{{ jobs(first: {first}) {{ nodes {{ id }} }} }}");
        let found = refused(&server.api, &query, json!({})).await.map(|(code, _)| code);
        assert_eq!(found.as_deref(), code, "a page of {first} jobs");
    }
    assert_eq!(refused(&server.api, "{ jobs { nodes { id } } }", json!({})).await, None);
    assert!(server.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_as_large_as_the_file_says() {
    let mut server = Server::start(CONFIG).await;
    let api = &server.api;
    for (result, state) in [("\"89012345\"", "SUCCEEDED"), ("\"890123456\"", "FAILED")] {
        let text = format!("printf '{result}' > \"$LONGHAUL_RESULT\"");
        let id = api.start("sh", script(&text)).await;
        let end = api.watch(&id).await.end().await;
        assert_eq!(end["state"], state, "a result of {} bytes: {end}", result.len());
    }
    let start = "mutation($i: StartJobInput!) { startJob(input: $i) { created } }";
    let still = |x: usize| json!({"kind": "still", "args": {"x": "x".repeat(x)}});
    let pause = |note: &str| json!({"note": note});
    let pause_query =
        "mutation($note: String) { pauseQueue(name: \"still\", note: $note) { changed } }";
    let keyed =
        |key: &str| json!({"i": {"kind": "still", "args": {"x": "y"}, "idempotencyKey": key}});
    // `{"x":""}` is eight bytes.
    for (query, variables, code) in [
        (start, json!({"i": still(392)}), None),
        (start, json!({"i": still(393)}), Some("INVALID_ARGS")),
        (start, keyed("four"), None),
        (start, keyed("fives"), Some("INVALID_INPUT")),
        (pause_query, pause("yes"), None),
        (pause_query, pause("yeah"), Some("INVALID_INPUT")),
        // 400 + 9 + 400 wait; 215 more is all that may.
        (start, json!({"i": still(392)}), None),
        (start, json!({"i": still(208)}), Some("QUEUE_FULL")),
        (start, json!({"i": still(207)}), None),
    ] {
        let found = refused(api, query, variables.clone()).await.map(|(code, _)| code);
        assert_eq!(found.as_deref(), code, "{query} {variables}");
    }
    let mut first = api.socket().await;
    let second = api.http.get(api.graphql()).header("upgrade", "websocket");
    let second = second.header("connection", "upgrade").header("sec-websocket-version", "13");
    let second = second.header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let second = second.header("sec-websocket-protocol", "graphql-transport-ws").send().await;
    assert_eq!(second.unwrap().status(), 503, "one socket may be open");
    for id in ["1", "2"] {
        first.subscribe(id, "subscription { jobFeed { cursor } }", json!({})).await;
    }
    assert!(format!("{:?}", first.next().await).contains("Next(\"1\""), "the first is served");
    assert!(format!("{:?}", first.next().await).contains("RATE_LIMITED"), "the second is not");
    drop(first);
    assert!(server.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_kept_and_read_as_the_file_says() {
    let mut server = Server::start(CONFIG).await;
    let api = &server.api;
    let run = async |text: &str| {
        let id = api.start("sh", script(text)).await;
        let end = api.watch(&id).await.end().await;
        assert_eq!(end["state"], "SUCCEEDED", "{end}");
        id
    };
    let id = run("seq 9; printf '%081d\\n%080d\\n' 0 0").await;
    let log = "query($id: ID!, $n: Int) { job(id: $id) { log(last: $n) { droppedBytes nodes { text cut } } } }";
    for (lines, code) in [(3, None), (4, None), (5, Some("INVALID_INPUT"))] {
        let found = refused(api, log, json!({"id": id, "n": lines})).await.map(|(code, _)| code);
        assert_eq!(found.as_deref(), code, "{lines} lines");
    }
    let lines = api.ask(log, json!({"id": id, "n": 2})).await["job"]["log"]["nodes"].take();
    assert_eq!([&lines[0]["cut"], &lines[1]["cut"]], [&json!(true), &json!(false)], "{lines}");

    // The command line asks for no more than this server gives.
    for (arguments, expected) in [(vec!["logs", &id], 11), (vec!["list", "--limit", "50"], 2)] {
        let output = Command::new(env!("CARGO_BIN_EXE_longhaul"))
            .args(&arguments)
            .args(["--server", &format!("http://{}", api.address())])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{arguments:?}: {:?}", output.stderr);
        assert_eq!(text.lines().count(), expected, "{arguments:?}: {text}");
    }

    let id = run("yes 'a line' | head -c 4000000").await;
    let dropped =
        api.ask(log, json!({"id": id, "n": 1})).await["job"]["log"]["droppedBytes"].take();
    assert!(dropped.as_u64().unwrap() > 1_500_000, "{dropped} of 4,000,000 are left out");

    let kept = run("head -c 10000 /dev/zero > file").await;
    let large = server.attempts_of(&run("head -c 30000 /dev/zero > file").await).join("1");
    // After the end, and one after the other.
    appears(&large, "work.removed");
    assert!(server.attempts_of(&kept).join("1/work").exists() && !large.join("work").exists());
    assert!(server.stop().await.success());
}
