//! Who may ask at all: the check of `Host`, `Origin` and `Sec-Fetch-Site` before every route that
//! shows or changes anything (P15).
//!
//! A browser sends a page's request to any address, ours too; it cannot forge these headers.
//! `Host` must be a name of this machine (a foreign name that resolves to 127.0.0.1 is DNS
//! rebinding; an IP address is no name, and no DNS can point it elsewhere); a foreign `Origin` must
//! be in `server.allowed_origins`, and only then gets the CORS headers without which its page could
//! read nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::Request;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, HOST, HeaderName, HeaderValue, ORIGIN,
    VARY,
};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

use super::answer::problem;
use crate::api::error::{ApiError, Code};
use crate::auth::Keeper;

/// The name of this machine that no DNS can point elsewhere.
const LOCALHOST: &str = "localhost";

static SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
static SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
static SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
static SEC_PURPOSE: HeaderName = HeaderName::from_static("sec-purpose");

/// So many refused origins are told to the log, each once: whoever asks cannot flood it.
const MOST_TOLD: usize = 20;

/// Which names and pages may be used, beyond this machine's own.
#[derive(Default)]
pub(crate) struct Guard {
    hosts: Vec<String>,
    origins: Vec<String>,
    any_address: bool,
    keeper: Option<Arc<Keeper>>,
    told: Mutex<BTreeSet<String>>,
}

/// What the guard found in order.
#[derive(Debug, PartialEq, Eq)]
enum Passed {
    /// Not from a page, or from our own.
    Own,
    /// From a page that is allowed: it must be told so.
    AllowedOrigin(HeaderValue),
}

impl Guard {
    /// `hosts` are names with or without a port, `origins` like `http://localhost:5173`.
    pub(crate) fn new(hosts: &[String], origins: &[String]) -> Self {
        let lower = |text: &String| text.trim_end_matches('/').to_ascii_lowercase();
        Self {
            hosts: hosts.iter().map(lower).collect(),
            origins: origins.iter().map(lower).collect(),
            any_address: false,
            keeper: None,
            told: Mutex::default(),
        }
    }

    /// Also answers to every IP address and not only to those of the loopback: for a server that
    /// other machines may reach, which does not know by which of its addresses they do.
    #[must_use]
    pub(crate) fn by_any_address(self, any_address: bool) -> Self {
        Self { any_address, ..self }
    }

    /// Answers to every name while everybody must show a token: a page that came by another name than
    /// ours has none, and a server in a network does not know by which names it is reached.
    #[must_use]
    pub(crate) fn kept_by(self, keeper: Arc<Keeper>) -> Self {
        Self { keeper: Some(keeper), ..self }
    }

    /// Lets a request through to `next`, or answers 403.
    pub(super) async fn pass(&self, request: Request, next: Next) -> Response {
        let origin = match self.check(request.headers(), request.uri().authority()) {
            Ok(Passed::Own) => return next.run(request).await,
            Ok(Passed::AllowedOrigin(origin)) => origin,
            Err(error) => return problem(StatusCode::FORBIDDEN, error),
        };
        let mut response =
            if request.method() == Method::OPTIONS { preflight() } else { next.run(request).await };
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        // What a page may read of a raw log beside its bytes and its length, and of a refusal.
        let exposed = HeaderValue::from_static("accept-ranges, content-range, retry-after");
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        headers.append(VARY, HeaderValue::from_static("Origin"));
        response
    }

    /// As [`pass`](Self::pass), for what is the same for everybody and shows no data: a link from
    /// anywhere may open it.
    pub(super) async fn pass_to_page(&self, request: Request, next: Next) -> Response {
        let (headers, target) = (request.headers(), request.uri().authority());
        if opens_a_page(request.method(), headers) {
            return match self.check_host(headers, target) {
                Ok(_) => next.run(request).await,
                Err(error) => problem(StatusCode::FORBIDDEN, error),
            };
        }
        self.pass(request, next).await
    }

    fn check(&self, headers: &HeaderMap, target: Option<&Authority>) -> Result<Passed, ApiError> {
        let host = self.check_host(headers, target)?;
        let origin = one(headers, &ORIGIN)?;
        if let Some(origin) = origin
            && !is_own_origin(origin, host)
        {
            if self.origins.contains(&origin.to_ascii_lowercase()) {
                let value = headers.get(ORIGIN).cloned();
                return Ok(value.map_or(Passed::Own, Passed::AllowedOrigin));
            }
            let refusal = format!(
                "a page of `{}` may not use this server: add that origin to `server.allowed_origins` to let it",
                short(origin)
            );
            self.tell(origin, &refusal);
            return Err(forbidden(&refusal));
        }
        match one(headers, &SEC_FETCH_SITE)? {
            // What a page asks for in advance (`speculationrules`) Chromium sends as if nobody had.
            Some("none") if headers.contains_key(&SEC_PURPOSE) => Err(forbidden(
                "the browser fetches this in advance and does not say for whose page",
            )),
            None | Some("none" | "same-origin") => Ok(Passed::Own),
            Some(site) => Err(forbidden(&format!(
                "the browser says that a `{}` page asks: only pages of this server and those in `server.allowed_origins` may",
                short(site)
            ))),
        }
    }

    /// A browser keeps the refusal from the page and its author, who then looks here.
    fn tell(&self, origin: &str, refusal: &str) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() < MOST_TOLD && told.insert(short(origin)) {
            tracing::warn!("{refusal}");
        }
    }

    fn check_host<'a>(
        &self,
        headers: &'a HeaderMap,
        target: Option<&Authority>,
    ) -> Result<&'a str, ApiError> {
        let host = one(headers, &HOST)?.ok_or_else(|| forbidden("the request has no `Host`"))?;
        for name in [Some(host), target.map(Authority::as_str)].into_iter().flatten() {
            if !self.is_own_host(name) {
                return Err(forbidden(&format!(
                    "the host `{}` is not one of this server: use localhost{}, or add it to `server.allowed_hosts`",
                    short(name),
                    if self.any_address { " or an IP address" } else { "" },
                )));
            }
        }
        Ok(host)
    }

    fn is_own_host(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let name = without_port(&host);
        name == LOCALHOST
            || self.keeper.as_ref().is_some_and(|keeper| keeper.is_required())
            || ip(name).is_some_and(|ip| self.any_address || ip.to_canonical().is_loopback())
            || self.hosts.iter().any(|own| *own == host || own == name)
    }
}

/// Whether the browser shows the answer as a page of its own, in no frame and to no script.
fn opens_a_page(method: &Method, headers: &HeaderMap) -> bool {
    let is = |name, expected| matches!(one(headers, name), Ok(Some(value)) if value == expected);
    method == Method::GET && is(&SEC_FETCH_MODE, "navigate") && is(&SEC_FETCH_DEST, "document")
}

/// The only value of a header; two are an attempt to show each reader another one.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, ApiError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    match value.to_str() {
        Ok(text) if values.next().is_none() => Ok(Some(text)),
        _ => Err(forbidden(&format!("the header `{name}` must stand once, in plain ASCII"))),
    }
}

/// A page of the very host that was asked for; TLS may end in front of us.
fn is_own_origin(origin: &str, host: &str) -> bool {
    let page = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    page.is_some_and(|page| page.eq_ignore_ascii_case(host))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

/// The address that a host is, in its one notation: `[::1]` or `127.0.0.1`.
fn ip(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(v6) => v6.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => host.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    }
}

fn short(text: &str) -> String {
    text.chars().take(100).collect()
}

fn forbidden(message: &str) -> ApiError {
    ApiError::new(Code::Forbidden, message)
}

/// The answer to a browser that asks whether its page may ask.
fn preflight() -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
    set(ACCESS_CONTROL_ALLOW_METHODS, "GET, POST");
    set(
        ACCESS_CONTROL_ALLOW_HEADERS,
        "content-type, authorization, range, graphql-require-preflight",
    );
    set(ACCESS_CONTROL_MAX_AGE, "600");
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pairs: &[(&'static str, &'static str)]) -> Result<Passed, String> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        let guard = Guard::new(
            &["jobs.lan".to_owned(), "box:9000".to_owned()],
            &["http://localhost:5173/".to_owned()],
        );
        guard.check(&headers, None).map_err(|error| error.into_server_error().message)
    }

    #[test]
    fn only_names_of_this_machine_are_answered() {
        // P15: DNS rebinding comes with a foreign name.
        for host in [
            "localhost",
            "LOCALHOST:8080",
            "127.0.0.1:1",
            "[::1]:8080",
            "[::1]",
            "127.0.0.2:8080",
            "[::ffff:127.0.0.1]:80",
            "jobs.lan:80",
            "box:9000",
        ] {
            assert_eq!(check(&[("host", host)]), Ok(Passed::Own), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil",
            "box",
            "box:1",
            "",
            "localhost:80:80",
            "10.0.0.7:8080",
            "[fe80::7]",
            "::1",
            "0x7f.1",
        ] {
            assert!(check(&[("host", host)]).is_err(), "{host}");
        }
        assert!(check(&[]).is_err());
        assert!(check(&[("host", "localhost"), ("host", "evil.example")]).is_err());
    }

    #[test]
    fn a_server_for_other_machines_answers_to_every_address_and_no_other_name() {
        // P15: no DNS can point an address elsewhere.
        let guard = Guard::new(&["jobs.lan".to_owned()], &[]).by_any_address(true);
        for host in ["10.0.0.7:8080", "[fd00::7]:80", "192.168.1.2", "localhost", "jobs.lan"] {
            assert!(guard.is_own_host(host), "{host}");
        }
        for host in ["box.lan", "10.0.0.7.evil.example", "10.0.0", "[10.0.0.7]", "fd00::7"] {
            assert!(!guard.is_own_host(host), "{host}");
        }
    }

    #[test]
    fn the_refusal_names_the_host_that_is_not_ours() {
        // A target with a host of its own goes before the header.
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("localhost"));
        let target = Authority::from_static("evil.example:80");
        let error = Guard::default().check(&headers, Some(&target)).unwrap_err();
        let message = error.into_server_error().message;
        assert!(message.starts_with("the host `evil.example:80` is not"), "{message}");
    }

    #[test]
    fn only_own_and_allowed_pages_are_answered() {
        // P15
        let with = |origin| check(&[("host", "localhost:8080"), ("origin", origin)]);
        assert_eq!(with("http://localhost:8080"), Ok(Passed::Own));
        assert!(matches!(with("http://localhost:5173"), Ok(Passed::AllowedOrigin(_))));
        for origin in [
            "http://localhost:3000",
            "http://127.0.0.1:8080",
            "null",
            "http://evil.example",
            "localhost:8080",
        ] {
            let refused = with(origin).unwrap_err();
            assert!(refused.contains("`server.allowed_origins`"), "{origin}: {refused}");
        }
    }

    #[test]
    fn refused_pages_cannot_flood_the_log() {
        // P12
        let guard = Guard::new(&[], &[]);
        for number in 0..MOST_TOLD * 2 {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_static("localhost"));
            let origin = format!("http://page{number}.example");
            headers.insert(ORIGIN, HeaderValue::from_str(&origin).unwrap());
            assert!(guard.check(&headers, None).is_err());
        }
        assert_eq!(guard.told.lock().unwrap().len(), MOST_TOLD);
    }

    #[test]
    fn the_browser_itself_tells_on_a_foreign_page() {
        // P15: a GET by an image or a link carries no `Origin`.
        let with = |site| check(&[("host", "localhost"), ("sec-fetch-site", site)]);
        assert!(with("none").is_ok() && with("same-origin").is_ok());
        assert!(with("cross-site").is_err() && with("same-site").is_err());
        let allowed = [
            ("host", "localhost"),
            ("origin", "http://localhost:5173"),
            ("sec-fetch-site", "cross-site"),
        ];
        assert!(check(&allowed).is_ok());
    }

    #[test]
    fn nothing_is_fetched_in_advance_for_a_page_that_the_browser_does_not_name() {
        // P15: seen of Chromium 156.
        let with = |site| {
            let purpose = ("sec-purpose", "prefetch");
            check(&[("host", "localhost"), ("sec-fetch-site", site), purpose])
        };
        assert!(with("none").is_err() && with("cross-site").is_err());
        assert!(with("same-origin").is_ok());
    }
}
