//! What a browser gets for each path, before files that the test made.

use std::io::Write;
use std::sync::{Arc, LazyLock};

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use flate2::Compression;
use flate2::write::GzEncoder;
use tower::ServiceExt;

use super::{File, Pages, routes};
use crate::api::transport::guard::Guard;

/// What a browser sends when a person opens an address.
const ADDRESS_BAR: &[(&str, &str)] = &[
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("accept-encoding", "gzip, deflate"),
    ("sec-fetch-site", "none"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-dest", "document"),
];
const SCRIPT: &[(&str, &str)] = &[("accept", "*/*"), ("accept-encoding", "gzip")];

const HTML: &str = "text/html; charset=utf-8";

static FILES: LazyLock<&'static [File]> = LazyLock::new(|| {
    let file = |path, media, content: &str| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(content.as_bytes()).unwrap();
        File { path, media, tag: "4f2a", gzip: encoder.finish().unwrap().leak() }
    };
    vec![
        file("/index.html", HTML, "the dashboard"),
        file("/graphiql.html", HTML, "the playground"),
        file("/assets/main-1.js", "text/javascript; charset=utf-8", "a script"),
        file("/icon.svg", "image/svg+xml", "<svg/>"),
    ]
    .leak()
});

/// What came: status, headers, and the body without its encoding.
struct Got {
    status: StatusCode,
    headers: axum::http::HeaderMap,
    body: String,
}

impl Got {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

async fn ask(pages: Pages, method: &str, path: &str, headers: &[(&str, &str)]) -> Got {
    let mut request = Request::builder().method(method).uri(path);
    if headers.iter().all(|(name, _)| *name != "host") {
        request = request.header("host", "localhost:8080");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let guard = Arc::new(Guard::new(&[], &[]));
    let request = request.body(Body::empty()).unwrap();
    let response = routes(pages, &guard).oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let body = if parts.headers.contains_key("content-encoding") {
        std::io::read_to_string(flate2::read::GzDecoder::new(&body[..])).unwrap()
    } else {
        String::from_utf8(body.to_vec()).unwrap()
    };
    Got { status: parts.status, headers: parts.headers, body }
}

async fn get(path: &str, headers: &[(&str, &str)]) -> Got {
    ask(Pages::of(&FILES), "GET", path, headers).await
}

#[tokio::test]
async fn every_path_of_the_dashboard_opens_it() {
    for path in ["/", "/start", "/jobs/019ab3c0", "/jobs?state=FAILED", "/kinds/a.b", "/nothing"] {
        let got = get(path, ADDRESS_BAR).await;
        assert_eq!((got.status, got.body.as_str()), (StatusCode::OK, "the dashboard"), "{path}");
        assert_eq!(got.header("content-type"), HTML);
        assert_eq!(got.header("cache-control"), "no-cache");
    }
    for path in ["/graphiql", "/graphiql/", "/graphiql?query=x"] {
        assert_eq!(get(path, ADDRESS_BAR).await.body, "the playground", "{path}");
    }
}

#[tokio::test]
async fn files_are_kept_for_ever_and_never_replaced_by_a_page() {
    let got = get("/assets/main-1.js", SCRIPT).await;
    assert_eq!((got.status, got.body.as_str()), (StatusCode::OK, "a script"));
    assert_eq!(got.header("content-type"), "text/javascript; charset=utf-8");
    assert_eq!(got.header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(get("/icon.svg", SCRIPT).await.header("cache-control"), "no-cache");
    // A script of an older build must not be answered with a page, a typo of `curl` neither.
    for (path, headers) in
        [("/assets/main-0.js", ADDRESS_BAR), ("/assets/main-0.js", SCRIPT), ("/graphqll", SCRIPT)]
    {
        let got = get(path, headers).await;
        assert_eq!(got.status, StatusCode::NOT_FOUND, "{path}");
        assert!(got.body.contains("NOT_FOUND") && got.body.contains(path), "{}", got.body);
    }
    let posted = ask(Pages::of(&FILES), "POST", "/start", ADDRESS_BAR).await;
    assert_eq!(posted.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(posted.header("allow"), "GET, HEAD");
}

#[tokio::test]
async fn every_client_gets_a_content_that_it_can_read() {
    for (accepted, encoding) in [
        ("gzip, deflate", "gzip"),
        ("br;q=1, GZIP;q=0.5", "gzip"),
        ("gzip;q=0", ""),
        ("br", ""),
        ("", ""),
    ] {
        let got = get("/", &[("accept-encoding", accepted)]).await;
        assert_eq!(got.header("content-encoding"), encoding, "{accepted}");
        assert_eq!(got.body, "the dashboard", "{accepted}");
        assert_eq!(got.header("vary"), "accept-encoding");
    }
}

#[tokio::test]
async fn what_a_browser_still_has_is_not_sent_again() {
    let tag = get("/", ADDRESS_BAR).await.header("etag").to_owned();
    for known in [tag.as_str(), "*", &format!("\"x\", {tag}")] {
        let got = get("/", &[("if-none-match", known)]).await;
        assert_eq!((got.status, got.body.as_str()), (StatusCode::NOT_MODIFIED, ""), "{known}");
        assert_eq!(got.header("etag"), tag);
    }
    assert_eq!(get("/", &[("if-none-match", "W/\"x\"")]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_page_may_load_nothing_from_elsewhere_and_run_nothing_inline() {
    for path in ["/", "/jobs/1", "/assets/main-1.js", "/graphiql"] {
        let got = get(path, ADDRESS_BAR).await;
        let policy = got.header("content-security-policy");
        for rule in [
            "default-src 'self'",
            "script-src 'self'",
            "connect-src 'self'",
            "object-src 'none'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.split("; ").any(|found| found == rule), "{path}: {rule} in {policy}");
        }
        assert_eq!(policy.contains("'unsafe-inline'"), path == "/graphiql", "{path}: {policy}");
        assert_eq!(got.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(got.header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(got.header("cross-origin-resource-policy"), "same-origin", "{path}");
    }
}

#[tokio::test]
async fn the_guard_stands_before_pages_too() {
    // P15: a page by a foreign name could reach the API by that name.
    let with = |name, value| {
        let kept = ADDRESS_BAR.iter().filter(move |(other, _)| *other != name);
        [(name, value)].into_iter().chain(kept.copied()).collect::<Vec<_>>()
    };
    let rebound = get("/", &with("host", "evil.example")).await;
    assert_eq!(rebound.status, StatusCode::FORBIDDEN);
    assert!(rebound.body.contains("`server.allowed_hosts`"), "{}", rebound.body);
    // A link in a mail or a chat opens the page of a job, a foreign page loads nothing.
    let link = with("sec-fetch-site", "cross-site");
    assert_eq!(get("/jobs/1", &link).await.status, StatusCode::OK);
    for other in [("sec-fetch-dest", "iframe"), ("sec-fetch-mode", "no-cors")] {
        let mut headers: Vec<_> = link.iter().copied().filter(|(n, _)| *n != other.0).collect();
        headers.push(other);
        assert_eq!(get("/jobs/1", &headers).await.status, StatusCode::FORBIDDEN, "{other:?}");
    }
}

#[tokio::test]
async fn a_binary_without_pages_says_how_to_get_them() {
    let none = |path, headers| ask(Pages::none(), "GET", path, headers);
    for (path, headers, status) in [
        ("/", ADDRESS_BAR, 200),
        ("/", SCRIPT, 200),
        ("/graphiql", ADDRESS_BAR, 404),
        ("/jobs/1", ADDRESS_BAR, 404),
    ] {
        let got = none(path, headers).await;
        assert_eq!(got.status, status, "{path}");
        assert_eq!(got.header("content-type"), "text/plain; charset=utf-8");
        assert!(got.body.contains("`make run`") && got.body.contains("Node 20.19"), "{}", got.body);
    }
    assert!(none("/assets/x.js", SCRIPT).await.body.contains("NOT_FOUND"));
}
