//! What `/metrics` shows after a load that is known, on the real server.

use serde_json::{Value, json};

use super::script;
use crate::support::deadline::within;
use crate::support::graphql::{Api, Heard};
use crate::support::metrics::Page;
use crate::support::server::Server;

const CONFIG: &str = r#"
[worker]
slots = 3
[queues.default]
[queues.one]
slots = 1
[queues.still]
slots = 0
[kinds.sh]
command = ["/bin/sh", "-c", "{script}"]
[kinds.again]
command = ["/bin/sh", "-c", "test $LONGHAUL_ATTEMPT -gt 1"]
retries = 1
retry_backoff = "1ms"
[kinds.hold]
command = ["sleep", "600"]
queue = "one"
[kinds.still]
command = ["true"]
queue = "still"
"#;

async fn scrape(api: &Api) -> Page {
    let response = api.http.get(format!("http://{}/metrics", api.address())).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let media = response.headers()["content-type"].to_str().unwrap();
    assert_eq!(media, "text/plain; version=0.0.4; charset=utf-8");
    Page::read(&response.text().await.unwrap())
}

/// Jobs of every fate; what is left of them runs and waits.
async fn load(api: &Api) {
    let cursor = api.feed_cursor().await;
    for _ in 0..3 {
        api.start("sh", script("printf 1234567890")).await;
    }
    for _ in 0..2 {
        api.start("sh", script("exit 3")).await;
    }
    api.start("again", json!({})).await;
    let canceled = api.start("still", json!({})).await;
    api.cancel(&canceled, "GRACEFUL").await.unwrap();
    for _ in 0..4 {
        api.start("still", json!({})).await;
    }
    within("the ends", &"", api.ended_since(&cursor, 7)).await;
    let held = api.start("hold", json!({})).await;
    let mut watch = api.watch(&held).await;
    while watch.next_status().await.expect("it runs")["state"] != "RUNNING" {}
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_those_of_a_known_load() {
    let server = Server::start(CONFIG).await;
    let api = &server.api;
    let before = scrape(api).await;
    load(api).await;
    let page = scrape(api).await;
    for (series, number) in [
        ("jobs_accepted_total{kind=\"sh\"}", "5"),
        ("jobs_accepted_total{kind=\"still\"}", "5"),
        ("jobs_accepted_total{kind=\"\"}", "0"),
        ("jobs_started_total{kind=\"sh\"}", "5"),
        ("jobs_started_total{kind=\"again\"}", "2"),
        ("jobs_retried_total{kind=\"again\"}", "1"),
        ("jobs_finished_total{kind=\"sh\",outcome=\"SUCCEEDED\"}", "3"),
        ("jobs_finished_total{kind=\"sh\",outcome=\"FAILED\"}", "2"),
        ("jobs_finished_total{kind=\"sh\",outcome=\"CANCELED\"}", "0"),
        ("jobs_finished_total{kind=\"still\",outcome=\"CANCELED\"}", "1"),
        ("jobs_finished_total{kind=\"again\",outcome=\"SUCCEEDED\"}", "1"),
        ("jobs_queued{kind=\"still\"}", "4"),
        ("jobs_queued{kind=\"sh\"}", "0"),
        ("jobs_queued{kind=\"again\"}", "0"),
        ("jobs_queued{kind=\"hold\"}", "0"),
        // The second attempt of a job is no first start.
        ("job_queue_wait_seconds_count{queue=\"default\"}", "6"),
        ("job_queue_wait_seconds_count{queue=\"one\"}", "1"),
        ("job_queue_wait_seconds_count{queue=\"still\"}", "0"),
        ("job_run_seconds_count{kind=\"sh\"}", "5"),
        ("job_run_seconds_count{kind=\"again\"}", "1"),
        ("job_run_seconds_bucket{kind=\"sh\",le=\"+Inf\"}", "5"),
        ("job_run_seconds_count{kind=\"still\"}", "0"),
        ("job_log_bytes_total", "30"),
        ("job_slots", "3"),
        ("queue_slots{queue=\"one\"}", "1"),
        ("queue_slots_busy{queue=\"one\"}", "1"),
        ("queue_slots{queue=\"still\"}", "0"),
        ("queue_slots_busy{queue=\"still\"}", "0"),
        ("queue_paused{queue=\"one\"}", "0"),
        ("ready", "1"),
        ("graphql_requests_total{operation=\"mutation\"}", "13"),
        ("graphql_requests_total{operation=\"subscription\"}", "2"),
        ("store_write_failures_total", "0"),
    ] {
        assert_eq!(page.of(&format!("longhaul_{series}")), number, "{series}");
    }
    let grew = |series: &str| page.number(series) - before.number(series);
    let (commits, writes) =
        (grew("longhaul_store_commit_seconds_count"), grew("longhaul_store_writes_total"));
    // Each acceptance, cancel, start and end at least is a write, and no commit is without one.
    assert!(writes >= 27.0 && (1.0..=writes).contains(&commits), "{commits} {writes}");
    assert!(grew("longhaul_store_commit_seconds_sum") > 0.0);
    assert!(grew("longhaul_job_queue_wait_seconds_sum{queue=\"default\"}") > 0.0);
    assert!(page.number("longhaul_job_slots_busy") >= 1.0);
    assert_eq!(before.types, page.types);
    the_documentation_names(&page);
}

/// The page has what the documentation says, and nothing else.
fn the_documentation_names(page: &Page) {
    let documented = include_str!("../../docs/metrics.md");
    let rows = documented.lines().filter_map(|line| line.strip_prefix("| `longhaul_"));
    let documented: Vec<_> = rows
        .map(|row| {
            let mut cells = row.split(" | ");
            let name = cells.next().unwrap().trim_end_matches('`').to_owned();
            (format!("longhaul_{name}"), cells.next().unwrap().to_owned())
        })
        .collect();
    let mut sorted = documented.clone();
    sorted.sort();
    let shown: Vec<_> = page.types.iter().map(|(n, t)| (n.clone(), t.clone())).collect();
    assert_eq!(sorted, shown);
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_and_whoever_is_connected_are_counted() {
    let server = Server::start(CONFIG).await;
    let api = &server.api;
    let url = |path: &str| format!("http://{}{path}", api.address());
    let ask = async |query: &str| api.try_ask(query, json!({})).await.unwrap();
    // By the gate, by a resolver, by a field below the root, by HTTP, by the guard, by a plain route.
    ask("{ nothing }").await;
    ask("{ server { version ").await;
    ask("mutation { startJob(input: {kind: \"nothing\"}) { job { id } } }").await;
    ask("mutation { cancelJob(id: \"019ab3c0-5a50-7c3e-8f00-3b6f2c1d9e77\") { changed } }").await;
    let plain = api.http.post(api.graphql()).header("content-type", "text/plain").body("{}");
    assert_eq!(plain.send().await.unwrap().status(), 415);
    let foreign = api.http.get(url("/metrics")).header("origin", "http://elsewhere.example");
    assert_eq!(foreign.send().await.unwrap().status(), 403);
    let log = api.http.get(url("/jobs/019ab3c0-5a50-7c3e-8f00-3b6f2c1d9e77/log")).send().await;
    assert_eq!(log.unwrap().status(), 404);
    let (mut first, _second) = (api.socket().await, api.socket().await);
    first.subscribe("1", "subscription { jobStatus(id: \"x\") { seq } }", json!({})).await;
    assert!(matches!(first.next().await, Heard::Error(..)));
    let feed = json!({"query": "subscription { jobFeed { reset } }"});
    let feed = api.http.post(api.graphql()).header("accept", "text/event-stream").json(&feed);
    let _feed = feed.send().await.unwrap();
    let page = scrape(api).await;
    for (series, number) in [
        ("errors_total{code=\"GRAPHQL_VALIDATION_FAILED\"}", "1"),
        ("errors_total{code=\"GRAPHQL_PARSE_FAILED\"}", "1"),
        ("errors_total{code=\"UNKNOWN_KIND\"}", "1"),
        ("errors_total{code=\"NOT_FOUND\"}", "2"),
        ("errors_total{code=\"INVALID_INPUT\"}", "2"),
        ("errors_total{code=\"FORBIDDEN\"}", "1"),
        ("errors_total{code=\"INTERNAL\"}", "0"),
        ("graphql_requests_total{operation=\"query\"}", "1"),
        ("graphql_requests_total{operation=\"mutation\"}", "2"),
        ("graphql_requests_total{operation=\"subscription\"}", "2"),
        ("ws_connections", "2"),
        ("sse_connections", "1"),
    ] {
        assert_eq!(page.of(&format!("longhaul_{series}")), number, "{series}");
    }
    // Two sockets, a stream, and whoever scrapes.
    assert!(page.number("longhaul_connections") >= 4.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_earlier_server_left_waiting_is_queued() {
    let mut server = Server::start(CONFIG).await;
    server.api.start("still", json!({})).await;
    server.stop().await;
    server.start_again().await;
    let api = &server.api;
    let page = scrape(api).await;
    assert_eq!(page.of("longhaul_jobs_queued{kind=\"still\"}"), "1");
    assert_eq!(page.of("longhaul_jobs_accepted_total{kind=\"still\"}"), "0", "by this one");
    // The same by the other standard.
    let media = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5";
    let request = api.http.get(format!("http://{}/metrics", api.address()));
    let response = request.header("accept", media).send().await.unwrap();
    let media = response.headers()["content-type"].to_str().unwrap().to_owned();
    assert_eq!(media, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let text = response.text().await.unwrap();
    assert!(text.ends_with("\n# EOF\n"), "{text}");
    assert!(text.contains("\n# UNIT longhaul_job_run_seconds seconds\n"), "{text}");
    assert!(text.contains("\nlonghaul_jobs_queued{kind=\"still\"} 1\n"), "{text}");
    let queued = api.ask("{ queue(name: \"still\") { stats { waiting } } }", json!({})).await;
    assert_eq!(queued["queue"]["stats"]["waiting"], Value::from(1));
}
