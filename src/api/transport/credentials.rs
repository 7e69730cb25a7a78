//! What a request shows of its caller: a token in a header, or in the beginning of a session, since a
//! page cannot set a header on a WebSocket. Never in the address, which is logged and handed on.

use std::fmt;

use axum::body::Body;
use axum::http::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use axum::http::{Response, StatusCode};
use serde_json::{Map, Value};

use super::answer::problem;
use crate::api::error::{ApiError, Code};
use crate::auth::{Caller, Keeper, NotKnown};

/// The scheme, in any case (RFC 9110, section 11.1).
const BEARER: &str = "bearer";

/// A token as it was shown, kept out of every log.
pub(super) struct Shown(String);

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shown(…)")
    }
}

impl Shown {
    pub(super) fn new(token: &str) -> Self {
        Self(token.to_owned())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The token of `Authorization: Bearer …`. Another scheme is for somebody else, a proxy in front of us.
pub(super) fn of_headers(headers: &HeaderMap) -> Option<&str> {
    headers.get_all(AUTHORIZATION).iter().find_map(|value| bearer(value.to_str().ok()?))
}

/// The token in the payload of `connection_init`: as `token`, or as the header would have it.
pub(super) fn of_payload(payload: Option<&Map<String, Value>>) -> Option<&str> {
    let text = |name: &str| payload?.get(name)?.as_str();
    // An empty one is none: a page may have no token and say so.
    text("token").filter(|token| !token.is_empty()).or_else(|| {
        let header = text("authorization").or_else(|| text("Authorization"))?;
        bearer(header)
    })
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case(BEARER).then(|| token.trim())
}

/// Who sends a request, or the answer that it gets.
pub(crate) fn caller(keeper: &Keeper, headers: &HeaderMap) -> Result<Caller, Box<Response<Body>>> {
    keeper.judge(of_headers(headers)).map_err(|why| refuse(&why).into())
}

/// The answer to whoever is nobody, or nobody any more.
pub(super) fn refuse(why: &NotKnown) -> Response<Body> {
    let mut response = problem(StatusCode::UNAUTHORIZED, unauthenticated(why));
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

/// The same as an error of GraphQL.
pub(super) fn unauthenticated(why: &NotKnown) -> ApiError {
    ApiError::new(Code::Unauthenticated, why.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_token_is_found_where_it_may_stand() {
        let header = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.append(AUTHORIZATION, HeaderValue::from_static(value));
            of_headers(&headers).map(str::to_owned)
        };
        assert_eq!(header("Bearer lh_x").as_deref(), Some("lh_x"));
        assert_eq!(header("bearer  lh_x ").as_deref(), Some("lh_x"));
        assert_eq!(header("Basic bGhfeA=="), None, "a proxy's own");
        assert_eq!(header("lh_x"), None);
        let payload = |value: Value| {
            let payload = value.as_object().cloned();
            of_payload(payload.as_ref()).map(str::to_owned)
        };
        assert_eq!(payload(json!({"token": "lh_x"})).as_deref(), Some("lh_x"));
        assert_eq!(payload(json!({"authorization": "Bearer lh_x"})).as_deref(), Some("lh_x"));
        assert_eq!(payload(json!({"Authorization": "Bearer lh_x"})).as_deref(), Some("lh_x"));
        let both = json!({"token": "", "authorization": "Bearer lh_x"});
        assert_eq!(payload(both).as_deref(), Some("lh_x"));
        assert_eq!(payload(json!({"token": 7, "other": "lh_x"})), None);
        assert_eq!(payload(Value::Null), None);
    }
}
