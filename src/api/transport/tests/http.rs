//! What HTTP refuses, and what an allowed page gets.

use axum::http::Method;
use serde_json::{Value, json};

use super::{Server, serve, serve_impatiently, serve_with};
use crate::domain::limits::Limits;

type Headers<'a> = &'a [(&'static str, &'static str)];

const JSON: (&str, &str) = ("content-type", "application/json");
const MODERN: (&str, &str) = ("accept", "application/graphql-response+json");
const ACT: &str = r#"{"query":"mutation { act }"}"#;

/// A request and what it gets.
struct Row {
    what: &'static str,
    method: Method,
    path: &'static str,
    headers: Vec<(&'static str, &'static str)>,
    body: String,
    answer: (u16, &'static str),
}

fn post(
    what: &'static str,
    headers: Headers<'_>,
    body: impl Into<String>,
    answer: (u16, &'static str),
) -> Row {
    let headers = headers.to_vec();
    Row { what, method: Method::POST, path: "/graphql", headers, body: body.into(), answer }
}

fn get(
    what: &'static str,
    path: &'static str,
    headers: Headers<'_>,
    answer: (u16, &'static str),
) -> Row {
    Row { method: Method::GET, path, ..post(what, headers, "", answer) }
}

/// What a page can be tricked into sending, and what only an attacker would.
fn from_pages() -> Vec<Row> {
    let typed = |what, ty| post(what, &[("content-type", ty)], ACT, (415, "INVALID_INPUT"));
    let marked = |what, name, value| post(what, &[JSON, (name, value)], ACT, (403, "FORBIDDEN"));
    let unsaid =
        |what, headers| get(what, "/graphql?query={hello}", headers, (400, "INVALID_INPUT"));
    let forbidden = (403, "FORBIDDEN");
    vec![
        typed("a form", "application/x-www-form-urlencoded"),
        typed("plain text", "text/plain"),
        typed("multipart", "multipart/form-data; boundary=x"),
        typed("another charset", "application/json; charset=utf-16"),
        post("no type at all", &[], ACT, (415, "INVALID_INPUT")),
        post(
            "a compressed body",
            &[JSON, ("content-encoding", "gzip")],
            ACT,
            (415, "INVALID_INPUT"),
        ),
        marked("a foreign page", "origin", "http://evil.example"),
        marked("a page without a name", "origin", "null"),
        marked("a rebound name", "host", "evil.example"),
        marked("a page that the browser tells on", "sec-fetch-site", "cross-site"),
        get("a mutation by GET", "/graphql?query=mutation{act}", &[JSON], (405, "INVALID_INPUT")),
        // By plain HTTP, and if it is old, a browser does not say where an image stands.
        unsaid("an image of an unknown page", &[]),
        unsaid("the same with a type", &[("content-type", "text/plain")]),
        unsaid("a mark without a value", &[("graphql-require-preflight", "")]),
        get("an image", "/graphql?query={hello}", &[("sec-fetch-site", "cross-site")], forbidden),
        Row { method: Method::DELETE, ..post("a method", &[JSON], ACT, (405, "INVALID_INPUT")) },
        Row {
            method: Method::OPTIONS,
            ..post("a preflight", &[("origin", "http://evil.example")], "", forbidden)
        },
    ]
}

/// What is malformed or too large.
fn malformed() -> Vec<Row> {
    let invalid = (400, "INVALID_INPUT");
    let large = json!({ "query": format!("# {}\n{{ hello }}", "x".repeat(256 * 1024)) });
    let nested = format!(r#"{{"query":"{{hello}}","variables":{{"a":{}"#, "[".repeat(10_000));
    vec![
        get("no query", "/graphql", &[JSON], invalid),
        get("variables that are no JSON", "/graphql?query={hello}&variables=x", &[JSON], invalid),
        post("too large", &[JSON], large.to_string(), (413, "REQUEST_TOO_LARGE")),
        post("no JSON", &[JSON], "{", invalid),
        post("a batch", &[JSON], format!("[{ACT},{ACT}]"), invalid),
        post("a query that is no string", &[JSON], r#"{"query":1}"#, invalid),
        post("variables in a list", &[JSON], r#"{"query":"{hello}","variables":[1]}"#, invalid),
        post("nested variables", &[JSON], nested, invalid),
        post("no common type", &[JSON, ("accept", "text/html")], ACT, (406, "INVALID_INPUT")),
    ]
}

/// What the gate refuses, as HTTP tells it.
fn no_good_operations() -> Vec<Row> {
    let of = |query: &str| json!({ "query": query }).to_string();
    let (parse, valid) = ("GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED");
    let modern = |what, query: &str, code| post(what, &[JSON, MODERN], of(query), (400, code));
    vec![
        post("a stream", &[JSON], of("subscription { ticks }"), (400, "INVALID_INPUT")),
        post("no GraphQL, to an old client", &[JSON], of("{"), (200, parse)),
        modern("no GraphQL", "{", parse),
        modern("an unknown field", "{ nothing }", valid),
        modern("two mutations", "mutation { act b: act }", "QUERY_TOO_LARGE"),
        modern("brackets", &"[".repeat(3_200), "QUERY_TOO_LARGE"),
        modern("a missing variable", "mutation($n: Int!) { act(n: $n) }", valid),
        modern("a literal past 32 bit", "mutation { act(n: 99999999999) }", valid),
    ]
}

#[tokio::test]
async fn hostile_requests_reach_no_resolver() {
    // P15, P12: each has a status, a code, and no effect.
    let server = serve().await;
    let client = reqwest::Client::new();
    for row in from_pages().into_iter().chain(malformed()).chain(no_good_operations()) {
        let url = format!("http://{}{}", server.address, row.path);
        let mut request = client.request(row.method, url).body(row.body);
        for (name, value) in row.headers {
            request = request.header(name, value);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let body: Value = response.json().await.unwrap();
        let code = body["errors"][0]["extensions"]["code"].as_str().unwrap_or_default();
        assert_eq!((status, code), row.answer, "{}: {body}", row.what);
        assert!(body.get("data").is_none(), "{}: {body}", row.what);
        assert_eq!(server.reached.count(), 0, "{} reached a resolver", row.what);
    }
}

#[tokio::test]
async fn an_allowed_page_is_answered_and_told_so() {
    let server = serve().await;
    let url = format!("http://{}/graphql", server.address);
    let client = reqwest::Client::new();
    let page = |request: reqwest::RequestBuilder| {
        request.header("origin", "http://localhost:5173").header("sec-fetch-site", "same-site")
    };
    let asked = page(client.request(Method::OPTIONS, &url)).send().await.unwrap();
    assert_eq!(asked.status(), 204);
    let request = client.post(&url).header(JSON.0, JSON.1).body(ACT);
    let answer = page(request).send().await.unwrap();
    assert_eq!(answer.headers()["access-control-allow-origin"], "http://localhost:5173");
    assert_eq!(answer.json::<Value>().await.unwrap(), json!({"data": {"act": 0}}));
}

#[tokio::test]
async fn a_get_shows_that_no_page_sent_it_unasked() {
    // P15
    let server = serve().await;
    let url = format!("http://{}/graphql?query={{hello}}", server.address);
    let client = reqwest::Client::new();
    let bare: Value = client.get(&url).send().await.unwrap().json().await.unwrap();
    let message = bare["errors"][0]["message"].as_str().unwrap();
    for way in ["`Content-Type: application/json`", "`GraphQL-Require-Preflight: 1`", "POST"] {
        assert!(message.contains(way), "no {way} in: {message}");
    }
    for header in [
        JSON,
        ("content-type", "application/json; charset=utf-8"),
        ("graphql-require-preflight", "1"),
        ("sec-fetch-site", "none"),
        ("sec-fetch-site", "same-origin"),
        ("origin", "http://localhost:5173"),
    ] {
        let answer = client.get(&url).header(header.0, header.1).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{header:?}");
    }
}

/// What a query or a mutation gets, with the status, from a client that goes by it.
async fn ask(server: &Server, query: &str) -> (u16, Value) {
    let request = reqwest::Client::new().post(format!("http://{}/graphql", server.address));
    let request = request.header(JSON.0, JSON.1).header(MODERN.0, MODERN.1);
    let answer = request.body(json!({ "query": query }).to_string()).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// Expects an answer that broke off: it ran, so it is no error of the request. Returns the error.
async fn broke_off(server: &Server, query: &str, code: &str) -> Value {
    let (status, mut body) = ask(server, query).await;
    assert_eq!((status, body.get("data")), (200, Some(&Value::Null)), "{query}: {body}");
    assert_eq!(body["errors"].as_array().unwrap().len(), 1, "{query}: {body}");
    let error = body["errors"][0].take();
    assert_eq!(error["extensions"]["code"], code, "{query}: {error}");
    error
}

#[tokio::test]
async fn a_resolver_that_panics_answers_with_a_reference() {
    let server = serve().await;
    let error = broke_off(&server, "{ bug }", "INTERNAL").await;
    assert!(error["extensions"]["reference"].is_string(), "{error}");
    assert!(!error.to_string().contains("panics"), "{error}");
}

#[tokio::test]
async fn what_takes_too_long_breaks_off() {
    // P12
    let server = serve_impatiently().await;
    let error = broke_off(&server, "{ hang }", "DEADLINE_EXCEEDED").await;
    assert!(error["extensions"].get("outcomeUnknown").is_none(), "nothing was to be done: {error}");
    let error = broke_off(&server, "mutation { query { hang } }", "DEADLINE_EXCEEDED").await;
    assert_eq!(error["extensions"]["outcomeUnknown"], true);
}

#[tokio::test]
async fn an_answer_holds_so_much_of_what_is_large() {
    // P12: below, at and above the limit.
    let limits = Limits { args_bytes: 0, result_bytes: 0, log_page_bytes: 0, ..Limits::default() };
    let server = serve_with(Limits { response_bytes: 1_000, ..limits }).await;
    for bytes in [499, 500] {
        let (status, body) =
            ask(&server, &format!("{{ a: large(bytes: 500) large(bytes: {bytes}) }}")).await;
        assert_eq!((status, body["data"]["large"].as_str().map(str::len)), (200, Some(bytes)));
    }
    let error =
        broke_off(&server, "{ a: large(bytes: 500) large(bytes: 501) }", "QUERY_TOO_LARGE").await;
    assert_eq!(
        error["extensions"],
        json!({"code": "QUERY_TOO_LARGE", "limit": "responseBytes", "max": 1_000, "found": 1_001})
    );
    // An error below the field of a mutation takes the answer too.
    let (_, body) = ask(&server, "mutation { query { broken } }").await;
    assert_eq!(body["errors"][0]["extensions"]["outcomeUnknown"], true, "{body}");
    let query = "mutation { query { large(bytes: 1001) } }";
    let error = broke_off(&server, query, "QUERY_TOO_LARGE").await;
    assert_eq!(error["extensions"]["outcomeUnknown"], true, "it was done all the same");
}

#[tokio::test]
async fn a_person_who_opens_the_path_is_sent_to_graphiql() {
    let server = serve().await;
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    let client = client.build().unwrap();
    let get = |path: &str, accept: &str| {
        let url = format!("http://{}{path}", server.address);
        client.get(url).header("accept", accept)
    };
    let browser = "text/html,application/xhtml+xml,*/*;q=0.8";
    for (path, accept, status) in [
        ("/graphql", browser, 303),
        ("/graphql?x=1", browser, 303),
        ("/graphql?query={hello}", browser, 400),
        ("/graphql", "*/*", 400),
    ] {
        let answer = get(path, accept).send().await.unwrap();
        assert_eq!(answer.status(), status, "{path} {accept}");
        let location = answer.headers().get("location").map(|value| value.to_str().unwrap());
        assert_eq!(location, (status == 303).then_some("/graphiql"), "{path}");
    }
    // As a browser says that a person typed it.
    let typed = get("/graphql?query={hello}", browser).header("sec-fetch-site", "none");
    assert_eq!(typed.send().await.unwrap().status(), 200);
    assert_eq!(server.reached.count(), 1, "only what has a query is executed");
}
