//! The pages for a browser, out of the binary: the dashboard at `/` and every path of it, GraphiQL
//! at `/graphiql`, and what both load.
//!
//! `build.rs` compresses the files of `web/dist` once, and they are sent as they lie in the binary.
//! A binary that was built without them says so at `/`; everything else of the API works.
//!
//! Gzip is the only encoding: browsers take brotli over TLS only, and we speak plain HTTP.

mod embedded;
#[cfg(test)]
mod tests;

use std::io::Read;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    ACCEPT, ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH, REFERRER_POLICY, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, Method, Response, StatusCode};
use axum::middleware;
use flate2::read::GzDecoder;

use super::answer::problem;
use super::guard::Guard;
use crate::api::error::ApiError;
use embedded::File;
pub use embedded::Pages;

/// The page of every path that no other route and no file has: its own router knows the path.
const DASHBOARD: &str = "/index.html";
const GRAPHIQL: &str = "/graphiql.html";
/// Below it, a name changes whenever the content does.
const HASHED: &str = "/assets/";

/// Scripts, styles and connections of this server only. Nothing inline, nothing evaluated; `'self'`
/// covers the WebSocket of the same host and port.
const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; \
     frame-ancestors 'none'";
/// As [`POLICY`], and GraphiQL's editor may set styles inline.
const GRAPHIQL_POLICY: &str = "default-src 'self'; script-src 'self'; \
     style-src 'self' 'unsafe-inline'; connect-src 'self'; \
     img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; \
     frame-ancestors 'none'";

/// What `/` says where the binary has no pages.
const NO_PAGES: &str = "Longhaul: one GraphQL API in front of long-running work.\n\n\
     The dashboard and GraphiQL are not in this binary: they need Node 20.19 or later when it is built.\n\
     With Node installed, `make run` (or `make build`) builds them in.\n\n\
     POST /graphql                 queries and mutations, as application/json\n\
     WebSocket /graphql            subscriptions, subprotocol graphql-transport-ws\n\
     GET /jobs/<id>/log            what a job printed\n\
     GET /healthz, GET /readyz     is it alive, is it ready\n\
     GET /metrics                  what it counts, for Prometheus\n";

static SAME_ORIGIN_ONLY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

type Answer = Response<Body>;

/// Answers whatever no other route has, behind the guard for pages.
pub(crate) fn routes(pages: Pages, guard: &Arc<Guard>) -> Router {
    let guard = Arc::clone(guard);
    Router::new()
        .fallback(serve)
        .with_state(pages)
        .layer(middleware::from_fn_with_state(guard, super::stand_page_guard))
}

async fn serve(State(pages): State<Pages>, request: Request) -> Answer {
    let (path, headers) = (request.uri().path(), request.headers());
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let message = "pages are only read: use GET; GraphQL is at `/graphql`";
        let error = ApiError::invalid_input("method", message);
        let mut response = problem(StatusCode::METHOD_NOT_ALLOWED, error);
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    if pages.is_empty() && (path == "/" || wants_page(headers)) {
        return no_pages(path);
    }
    match file_at(pages, path, headers) {
        Some(file) => respond(file, headers),
        None => {
            problem(StatusCode::NOT_FOUND, ApiError::not_found("page or file has the path", path))
        }
    }
}

fn file_at(pages: Pages, path: &str, headers: &HeaderMap) -> Option<&'static File> {
    match path {
        "/" => pages.file(DASHBOARD),
        "/graphiql" | "/graphiql/" => pages.file(GRAPHIQL),
        _ => pages.file(path).or_else(|| {
            // A file of an older build must fail as a file: the page in its place would be run.
            let is_file = path.starts_with(HASHED) || !wants_page(headers);
            if is_file { None } else { pages.file(DASHBOARD) }
        }),
    }
}

/// Whether this comes from an address bar or a link: scripts and `curl` do not ask for HTML.
pub(super) fn wants_page(headers: &HeaderMap) -> bool {
    members(headers, &ACCEPT).any(|range| {
        range.split(';').next().is_some_and(|media| media.trim().eq_ignore_ascii_case("text/html"))
    })
}

fn respond(file: &'static File, headers: &HeaderMap) -> Answer {
    // Weak: compressed or not, it is the same content.
    let tag = format!("W/\"{}\"", file.tag);
    let is_known = members(headers, &IF_NONE_MATCH).any(|known| known == "*" || known == tag);
    let mut response = if is_known {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else if takes_gzip(headers) {
        let mut response = Response::new(Body::from(file.gzip));
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        response
    } else {
        let mut content = Vec::new();
        let read = GzDecoder::new(file.gzip).read_to_end(&mut content);
        read.expect("build.rs wrote whole files");
        Response::new(Body::from(content))
    };
    let headers = response.headers_mut();
    let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
    set(CONTENT_TYPE, file.media);
    set(VARY, "accept-encoding");
    let is_hashed = file.path.starts_with(HASHED);
    set(CACHE_CONTROL, if is_hashed { "public, max-age=31536000, immutable" } else { "no-cache" });
    set(CONTENT_SECURITY_POLICY, if file.path == GRAPHIQL { GRAPHIQL_POLICY } else { POLICY });
    secure(headers);
    let tag = HeaderValue::from_str(&tag).expect("hexadecimal digits are a header value");
    headers.insert(ETAG, tag);
    response
}

fn no_pages(path: &str) -> Answer {
    let mut response = Response::new(Body::from(NO_PAGES));
    if path != "/" {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    secure(headers);
    response
}

/// What every page and file says: not to be guessed at, not to be told to others, not to be loaded
/// by the pages of others.
fn secure(headers: &mut HeaderMap) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(&SAME_ORIGIN_ONLY, HeaderValue::from_static("same-origin"));
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    members(headers, &ACCEPT_ENCODING).any(|member| {
        let mut parts = member.split(';').map(str::trim);
        let is_gzip = parts.next().is_some_and(|coding| coding.eq_ignore_ascii_case("gzip"));
        let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok());
        is_gzip && weight.is_none_or(|weight| weight > 0.0)
    })
}

/// The members of a header that is a list.
fn members<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}
