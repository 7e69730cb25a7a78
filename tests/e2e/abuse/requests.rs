//! Requests that are bad as a whole: one request each, of which nothing is executed, or what is good
//! of it.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use futures::FutureExt;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::{measure, server, settle};
use crate::support::server::Server;

const JOB: &str = "query($id: ID!) { job(id: $id) { id } }";
const START: &str = "mutation($i: StartJobInput!) { startJob(input: $i) { created } }";
const VERSION: &str = "{ server { version } }";

/// A body, and what it gets: the status, and the code or an empty text for data.
struct Row {
    what: &'static str,
    body: Vec<u8>,
    headers: &'static [(&'static str, &'static str)],
    answer: (u16, &'static str),
}

fn raw(what: &'static str, body: impl Into<Vec<u8>>, answer: (u16, &'static str)) -> Row {
    Row { what, body: body.into(), headers: &[], answer }
}

fn of(what: &'static str, query: &str, variables: &Value, code: &'static str) -> Row {
    raw(what, json!({ "query": query, "variables": variables }).to_string(), (200, code))
}

const UNFIT: &str = "GRAPHQL_VALIDATION_FAILED";
const TOO_LARGE: &str = "QUERY_TOO_LARGE";

/// What is no request at all.
fn bodies() -> Vec<Row> {
    let invalid = (400, "INVALID_INPUT");
    let deep = |n: usize| format!(r#"{{"query":"{VERSION}","variables":{{"a":{}"#, "[".repeat(n));
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    bomb.write_all(&vec![b' '; 64 << 20]).unwrap();
    let bomb = bomb.finish().unwrap();
    let utf8 = [br#"{"query":"{ server { version } } # "#.as_slice(), &[0xff, 0xfe, 0xc0], b"\"}"];
    vec![
        raw("a query that is a number", r#"{"query":1}"#, invalid),
        raw("an operation name that is a list", r#"{"query":"{a}","operationName":[]}"#, invalid),
        raw("variables that are a text", r#"{"query":"{a}","variables":"{}"}"#, invalid),
        raw("invalid UTF-8", utf8.concat(), invalid),
        raw("half of a pair of surrogates", r#"{"query":"\ud800"}"#, invalid),
        raw("a number past every double", r#"{"query":"{a}","variables":{"a":1e999}}"#, invalid),
        raw("JSON 200,000 deep", deep(200_000), invalid),
        raw("1 MB of JSON", deep(1_000_000), (413, "REQUEST_TOO_LARGE")),
        Row {
            headers: &[("content-encoding", "gzip")],
            ..raw("64 MiB of spaces, compressed", bomb, (415, "INVALID_INPUT"))
        },
    ]
}

/// What does not fit the schema.
fn values() -> Vec<Row> {
    let id = |value: Value| json!({ "id": value });
    let args = |args: Value| json!({ "i": { "kind": "sum", "args": args } });
    let nested = |n: usize| (0..n).fold(json!(1), |below, _| json!([below]));
    let logs = "query($n: Int) { job(id: \"x\") { log(first: $n) { complete } } }";
    vec![
        of("an object for an id", JOB, &id(json!({ "a": 1 })), UNFIT),
        of("a list for an id", JOB, &id(json!(["a"])), UNFIT),
        of("null for an id", JOB, &id(json!(null)), UNFIT),
        of("no id", JOB, &json!({}), UNFIT),
        of("null in the text", "{ job(id: null) { id } }", &json!({}), UNFIT),
        of("an id of 200 KB", JOB, &id(json!("7".repeat(200_000))), "INVALID_INPUT"),
        of("an id that is a fraction", JOB, &id(json!(1.5)), UNFIT),
        of("a number past 32 bit", logs, &json!({ "n": 2_147_483_648_u64 }), UNFIT),
        of("a number past 64 bit", logs, &json!({ "n": 1e300 }), UNFIT),
        of("a text for a number", logs, &json!({ "n": "1" }), UNFIT),
        of("args 100 deep", START, &args(nested(100)), "INVALID_ARGS"),
        of(
            "args that are a text of 60 KB",
            START,
            &args(json!({ "a": "x".repeat(60_000) })),
            "INVALID_ARGS",
        ),
        of(
            "a kind with a name of 200 KB",
            START,
            &json!({ "i": { "kind": "k".repeat(200_000) } }),
            "UNKNOWN_KIND",
        ),
        of(
            "10,000 variables that nobody declared",
            VERSION,
            &(0..10_000)
                .map(|n| (format!("v{n}"), json!(n)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            "",
        ),
    ]
}

/// What is GraphQL, and no good.
fn documents() -> Vec<Row> {
    let none = json!({});
    let times = |n: usize, text: &str| format!("{{ {} }}", text.repeat(n));
    let named = |name: &str| {
        let query = "query a { server { version } } query b { server { version } }";
        json!({ "query": query, "operationName": name }).to_string()
    };
    let circle = |n: usize| {
        let spreads =
            (0..n).map(|at| format!("fragment f{at} on Query {{ ...f{} }} ", (at + 1) % n));
        spreads.fold("{ ...f0 } ".to_owned(), |all, one| all + &one)
    };
    vec![
        of("a fragment of itself", "{ ...a } fragment a on Query { ...a }", &none, UNFIT),
        of("a circle of 60 fragments", &circle(60), &none, UNFIT),
        of("1,000 aliases", &times(1_000, "a: __typename "), &none, TOO_LARGE),
        of("1,000 aliases of one name", &times(1_000, "a: server { version } "), &none, TOO_LARGE),
        of(
            "1,000 directives",
            &format!("{{ server {{ version {} }} }}", "@a ".repeat(1_000)),
            &none,
            TOO_LARGE,
        ),
        of(
            "900 unknown directives",
            &format!("{{ server {{ version {} }} }}", "@a ".repeat(900)),
            &none,
            UNFIT,
        ),
        of(
            "5,000 fields of one name",
            &format!("{{ server {{ {} }} }}", "version ".repeat(5_000)),
            &none,
            TOO_LARGE,
        ),
        of("a field with a name of 200 KB", &times(1, &"n".repeat(200_000)), &none, UNFIT),
        of("200 KB of spaces", &format!("{VERSION}{}", " ".repeat(200_000)), &none, ""),
        of("200 KB of comment", &format!("{VERSION} #{}", "x".repeat(200_000)), &none, ""),
        of("a text without its end", "{ job(id: \"", &none, "GRAPHQL_PARSE_FAILED"),
        raw("an unknown operation", named("c"), (200, UNFIT)),
        raw("an operation with a name of 200 KB", named(&"c".repeat(200_000)), (200, UNFIT)),
        raw("no operation of two", named(""), (200, UNFIT)),
        of(
            "introspection five deep",
            "{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }",
            &none,
            TOO_LARGE,
        ),
    ]
}

/// Sends a row, and says what is wrong with the answer.
async fn send(request: RequestBuilder, row: &Row) -> Result<(), String> {
    let mut request = request.header("content-type", "application/json").body(row.body.clone());
    for (name, value) in row.headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.map_err(|error| format!("{error:?}"))?;
    let status = response.status().as_u16();
    let text = response.text().await.map_err(|error| format!("{error:?}"))?;
    let answer: Value =
        serde_json::from_str(&text).map_err(|_| format!("{status}: {text:.300}"))?;
    let code = answer["errors"][0]["extensions"]["code"].as_str().unwrap_or_default();
    if (status, code) != row.answer {
        return Err(format!("{status} {code}, expected {:?}: {text:.300}", row.answer));
    }
    // What came in large does not go out again.
    let is_short = text.len() < 4_096;
    is_short.then_some(()).ok_or_else(|| format!("{} bytes of answer: {text:.300}", text.len()))
}

async fn play(server: &Server, rows: Vec<Row>) -> Vec<String> {
    let mut faults = Vec::new();
    for row in rows {
        let request = server.api.http.post(server.api.graphql());
        faults.extend(measure(server, row.what, send(request, &row).boxed()).await);
    }
    faults
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_get_their_answer_and_cost_little() {
    let server = server(10).await;
    let rows = bodies().into_iter().chain(values()).chain(documents()).collect();
    let faults = play(&server, rows).await;
    settle(server, faults, 0).await;
}
