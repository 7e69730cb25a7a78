//! Bad input on the real server: each gets its stable code and a message, and nothing is stored
//! (P12, P14, P15).

use std::fmt::Write as _;

use reqwest::header::{CONTENT_TYPE, HOST, ORIGIN};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::support::graphql::{Api, code_of};
use crate::support::server::Server;

const CONFIG: &str = r#"
[worker]
slots = 2
[queues.default]
[queues.tiny]
slots = 0
max_waiting = 1
[kinds.sleep]
command = ["sleep", "{seconds}"]
[kinds.tiny]
command = ["true"]
queue = "tiny"
[kinds.sum]
command = ["true"]
args = { type = "object", required = ["a"], additionalProperties = false, properties = { a = { type = "integer", minimum = 1 }, b = { type = "array", items = { type = "string" } }, c = { type = "string" } } }
"#;

const START: &str = "mutation($i: StartJobInput!) { startJob(input: $i) { job { id } } }";
const UNKNOWN: &str = "019ab3c0-5a50-7c3e-8f00-3b6f2c1d9e77";

/// A request that must be refused.
struct Case {
    name: &'static str,
    request: RequestBuilder,
    code: &'static str,
    /// What the error must also say: a text that stands somewhere in it.
    says: &'static str,
}

/// The table; `refuse` makes a case of a GraphQL request.
struct Table<'a> {
    api: &'a Api,
    cases: Vec<Case>,
}

impl Table<'_> {
    fn raw(
        &mut self,
        name: &'static str,
        request: RequestBuilder,
        code: &'static str,
    ) -> &mut Case {
        self.cases.push(Case { name, request, code, says: "" });
        self.cases.last_mut().unwrap()
    }

    fn refuse(
        &mut self,
        name: &'static str,
        (query, variables): (&str, Value),
        (code, says): (&'static str, &'static str),
    ) {
        let body = json!({ "query": query, "variables": variables });
        let request = self.api.http.post(self.api.graphql()).json(&body);
        self.raw(name, request, code).says = says;
    }

    fn start(&mut self, name: &'static str, input: &Value, expected: (&'static str, &'static str)) {
        self.refuse(name, (START, json!({ "i": input })), expected);
    }
}

/// Jobs that the cases speak of.
struct Jobs {
    running: String,
    ended: String,
}

async fn prepare(api: &Api) -> Jobs {
    api.start("tiny", json!({})).await;
    let keyed = json!({ "kind": "sum", "args": { "a": 1 }, "idempotencyKey": "taken" });
    let ended = api.start_with(keyed).await;
    api.watch(&ended).await.end().await;
    let running = api.start("sleep", json!({ "seconds": "600" })).await;
    let mut watch = api.watch(&running).await;
    while watch.next_status().await.expect("it runs on")["state"] != "RUNNING" {}
    Jobs { running, ended }
}

fn starts(table: &mut Table<'_>) {
    let invalid = |says| ("INVALID_ARGS", says);
    let sum = |args: Value| json!({ "kind": "sum", "args": args });
    table.start("unknown kind", &json!({ "kind": "summ" }), ("UNKNOWN_KIND", "sum"));
    let several = json!({ "a": 0, "b": ["x", 2], "d": 1 });
    table.start("args: a number", &sum(several.clone()), invalid(r#""/a""#));
    table.start("args: an element", &sum(several.clone()), invalid(r#""/b/1""#));
    table.start("args: one too many", &sum(several), invalid("'d' was unexpected"));
    table.start("args: none", &sum(json!({})), invalid("a"));
    table.start("args: no object", &sum(json!([1])), invalid("object"));
    let large = sum(json!({ "a": 1, "c": "x".repeat(100_000) }));
    table.start("args: 100 KB", &large, invalid("65536"));
    // Often enough that an answer which overtakes its request's body shows as a broken pipe.
    let huge = sum(json!({ "a": 1, "c": "x".repeat(1 << 20) }));
    for _ in 0..20 {
        table.start("args: 1 MB", &huge, ("REQUEST_TOO_LARGE", "262144"));
    }
    table.start("full queue", &json!({ "kind": "tiny" }), ("QUEUE_FULL", "retryAfterMs"));
    let reused = json!({ "kind": "sum", "args": { "a": 2 }, "idempotencyKey": "taken" });
    table.start("key reuse", &reused, ("IDEMPOTENCY_CONFLICT", "jobId"));
    let long = json!({ "kind": "sum", "args": { "a": 1 }, "idempotencyKey": "k".repeat(256) });
    table.start("a long key", &long, ("INVALID_INPUT", "255"));
    let negative = json!({ "kind": "sum", "args": { "a": 1 }, "timeoutMs": -1 });
    table.start("a negative timeout", &negative, ("INVALID_INPUT", "timeoutMs"));
    let dashed = json!({ "kind": "sleep", "args": { "seconds": "--help" } });
    table.start("an option as a value", &dashed, invalid("/seconds"));
}

fn actions(table: &mut Table<'_>, jobs: &Jobs) {
    let cancel = "mutation($id: ID!) { cancelJob(id: $id) { changed } }";
    let retry = "mutation($id: ID!) { retryJob(id: $id) { created } }";
    let id = |id: &str| json!({ "id": id });
    table.refuse("cancel: no id", (cancel, id("42")), ("INVALID_INPUT", "42"));
    table.refuse("cancel: unknown", (cancel, id(UNKNOWN)), ("NOT_FOUND", UNKNOWN));
    table.refuse("cancel: ended", (cancel, id(&jobs.ended)), ("INVALID_STATE", "SUCCEEDED"));
    table.refuse("retry: no id", (retry, id("")), ("INVALID_INPUT", "id"));
    table.refuse("retry: unknown", (retry, id(UNKNOWN)), ("NOT_FOUND", UNKNOWN));
    table.refuse("retry: running", (retry, id(&jobs.running)), ("INVALID_STATE", "RUNNING"));
    let pause = "mutation { pauseQueue(name: \"nowhere\") { changed } }";
    table.refuse("pause: unknown", (pause, json!({})), ("NOT_FOUND", "nowhere"));
    let slots = "mutation { setQueueSlots(slots: -1) { changed } }";
    table.refuse("slots: negative", (slots, json!({})), ("INVALID_INPUT", "slots"));
    let job = "query($id: ID!) { job(id: $id) { id } }";
    table.refuse("job: no id", (job, id("zzz")), ("INVALID_INPUT", "zzz"));
    for (name, arguments, says) in [
        ("page: negative first", "first: -1", "first"),
        ("page: negative last", "last: -5", "last"),
        ("page: too large", "first: 101", "100"),
        ("page: both ways", "first: 1, last: 1", "last"),
        ("page: foreign cursor", "first: 1, after: \"aGVsbG8\"", "after"),
    ] {
        let query = format!("{{ jobs({arguments}) {{ nodes {{ id }} }} }}");
        table.refuse(name, (&query, json!({})), ("INVALID_INPUT", says));
    }
}

fn documents(table: &mut Table<'_>) {
    let none = || json!({});
    let large = |says| ("QUERY_TOO_LARGE", says);
    let (open, close) = ("[".repeat(10_000), "]".repeat(10_000));
    let brackets = format!("{{ job(id: {open}{close}) {{ id }} }}");
    table.refuse("10,000 brackets", (&brackets, none()), large("max"));
    let deep = format!("{}{}", "{ a ".repeat(10_000), "}".repeat(10_000));
    table.refuse("10,000 braces", (&deep, none()), large("max"));
    table.refuse("fragment bomb", (&fragment_bomb(), none()), large("max"));
    let cycle = "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }";
    table.refuse("fragment cycle", (cycle, none()), ("GRAPHQL_VALIDATION_FAILED", "a"));
    table.refuse("20,000 aliases", (&aliases(20_000), none()), ("REQUEST_TOO_LARGE", "max"));
    table.refuse("5,000 aliases", (&aliases(5_000), none()), large("max"));
    let twice = "mutation { a: startJob(input: { kind: \"sum\", args: { a: 1 } }) { created }
                            b: startJob(input: { kind: \"sum\", args: { a: 1 } }) { created } }";
    table.refuse("two actions", (twice, none()), large("max"));
    let validation = |says| ("GRAPHQL_VALIDATION_FAILED", says);
    table.refuse("missing variable", (START, none()), validation("i"));
    let after = "mutation($i: StartJobInput!, $more: Int!) {
        startJob(input: $i) { created job { log(first: $more) { complete } } } }";
    let one = json!({ "i": { "kind": "sum", "args": { "a": 1 } } });
    table.refuse("a later variable is missing", (after, one), validation("more"));
    table.refuse("unknown field", ("{ jobz { id } }", none()), validation("jobz"));
    table.refuse("no GraphQL", ("{ jobs(", none()), ("GRAPHQL_PARSE_FAILED", ""));
}

fn aliases(count: u32) -> String {
    let mut text = "{ ".to_owned();
    for n in 0..count {
        write!(text, "a{n}:__typename ").unwrap();
    }
    text + "}"
}

/// 30 fragments, each with the one before it twice: 2^30 fields.
fn fragment_bomb() -> String {
    let mut text = "{ ...f30 } fragment f0 on Query { __typename }".to_owned();
    for n in 1..=30 {
        let below = n - 1;
        write!(text, " fragment f{n} on Query {{ ...f{below} ...f{below} }}").unwrap();
    }
    text
}

fn doors(table: &mut Table<'_>) {
    let start = "mutation { startJob(input: { kind: \"sum\", args: { a: 1 } }) { created } }";
    let (http, url) = (table.api.http.clone(), table.api.graphql());
    let body = json!({ "query": start }).to_string();
    let post = || http.post(&url).body(body.clone());
    let json = || post().header(CONTENT_TYPE, "application/json");
    let by_get = http.get(reqwest::Url::parse_with_params(&url, [("query", start)]).unwrap());
    let by_get = || by_get.try_clone().unwrap();
    let unasked = table.raw("GET by no known page", by_get(), "INVALID_INPUT");
    unasked.says = "GraphQL-Require-Preflight";
    let by_get = by_get().header(CONTENT_TYPE, "application/json");
    table.raw("mutation by GET", by_get, "INVALID_INPUT").says = "a mutation must be sent by POST";
    let plain = post().header(CONTENT_TYPE, "text/plain");
    table.raw("text/plain", plain, "INVALID_INPUT").says = "application/json";
    let form = post().header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    table.raw("a form", form, "INVALID_INPUT").says = "application/json";
    table.raw("no type", post(), "INVALID_INPUT").says = "application/json";
    let origin = json().header(ORIGIN, "http://evil.example");
    table.raw("foreign Origin", origin, "FORBIDDEN").says = "allowed_origins";
    let host = json().header(HOST, "evil.example");
    table.raw("foreign Host", host, "FORBIDDEN").says = "allowed_hosts";
    let page = json().header("sec-fetch-site", "cross-site");
    table.raw("another page", page, "FORBIDDEN").says = "cross-site";
    let broken = http.post(&url).header(CONTENT_TYPE, "application/json").body("{\"query\":");
    table.raw("half a body", broken, "INVALID_INPUT");
}

/// Sends the case; what is wrong with its answer.
async fn fault(case: Case) -> Option<String> {
    let Case { name, request, code, says } = case;
    let response = request.send().await.unwrap();
    let status = response.status();
    let text = response.text().await.unwrap();
    let Ok(answer) = serde_json::from_str::<Value>(&text) else {
        return Some(format!("{name}: {status} without a GraphQL body: {text:.300}"));
    };
    let is_said = text.contains(says) || answer.to_string().contains(says);
    let message = answer["errors"][0]["message"].as_str().unwrap_or_default();
    let has_code = code_of(&answer).as_deref() == Some(code);
    let is_ours = !status.is_server_error() && status != StatusCode::NOT_FOUND;
    (!has_code || message.is_empty() || !is_said || !is_ours)
        .then(|| format!("{name}: {status}, expected {code} with `{says}`: {text:.500}"))
}

async fn job_count(api: &Api) -> i64 {
    let data = api.ask("{ jobs(first: 0) { totalCount } }", json!({})).await;
    data["jobs"]["totalCount"].as_i64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_gets_its_code_and_stores_nothing() {
    let mut server = Server::start(CONFIG).await;
    let api = server.api.clone();
    let jobs = prepare(&api).await;
    let mut table = Table { api: &api, cases: Vec::new() };
    starts(&mut table);
    actions(&mut table, &jobs);
    documents(&mut table);
    doors(&mut table);
    let mut faults = Vec::new();
    let (before, cases) = (job_count(&api).await, table.cases);
    super::report(&format!("  {} cases of bad input", cases.len()));
    for case in cases {
        let name = case.name;
        faults.extend(fault(case).await);
        let now = job_count(&api).await;
        if now != before {
            faults.push(format!("{name}: {before} jobs before, {now} after"));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
    api.cancel(&jobs.running, "FORCE").await.unwrap();
    assert!(server.stop().await.success());
}
