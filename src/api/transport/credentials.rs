//! What a request shows of its caller: a token in a header, or in the beginning of a session, since a
//! page cannot set a header on a WebSocket. Never in the address, which is logged and handed on.

use std::fmt;

use axum::body::Body;
use axum::http::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use axum::http::{Extensions, Response, StatusCode};
use serde_json::{Map, Value};

use super::answer::problem;
use crate::api::error::{ApiError, Code};
use crate::auth::{Caller, Keeper, NotKnown};
use crate::domain::token::TokenId;

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

/// Who sends a request, as it was judged when the request came. Travels with it.
#[derive(Clone)]
pub(super) struct Judged(Result<Caller, NotKnown>);

impl Judged {
    pub(super) fn by(keeper: &Keeper, headers: &HeaderMap) -> Self {
        Self(keeper.judge(of_headers(headers)))
    }

    /// The token that it showed, where that is a good one.
    pub(super) fn token(&self) -> Option<TokenId> {
        self.0.as_ref().ok()?.token().map(|token| token.id)
    }
}

/// Who sends a request, or the answer that it gets. Whoever was judged must be let in still, and a
/// request that nobody judged goes no further (P15).
pub(crate) fn caller(
    keeper: &Keeper,
    extensions: &Extensions,
) -> Result<Caller, Box<Response<Body>>> {
    let Some(Judged(judged)) = extensions.get() else {
        let error = ApiError::internal_text("nobody judged who asks");
        return Err(problem(StatusCode::INTERNAL_SERVER_ERROR, error).into());
    };
    let known = judged.clone().and_then(|caller| keeper.check(&caller).map(|()| caller));
    known.map_err(|why| refuse(&why).into())
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
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::auth::Wanted;
    use crate::domain::clock::{Clock, SystemClock};
    use crate::domain::token::{Scope, Token};

    #[test]
    fn who_was_judged_must_be_let_in_still() {
        // P15
        let keeper = Keeper::new(Arc::new(SystemClock));
        let anybody = Judged::by(&keeper, &HeaderMap::new());
        let status = |judged: Option<&Judged>| {
            let mut extensions = Extensions::new();
            judged.map(|judged| extensions.insert(judged.clone()));
            caller(&keeper, &extensions).map(drop).map_err(|refused| refused.status().as_u16())
        };
        assert_eq!(status(Some(&anybody)), Ok(()));
        assert_eq!(status(None), Err(500), "nobody was asked");
        let wanted = Wanted {
            name: "ci".parse().unwrap(),
            scopes: vec![Scope::Read],
            parent: None,
            expires_at: None,
        };
        let (token, secret) = wanted.make(SystemClock.now(), None);
        keeper.learn(std::slice::from_ref(&token));
        assert_eq!(status(Some(&anybody)), Err(401), "a token was made meanwhile");
        let bearer = HeaderValue::from_str(&format!("Bearer {}", secret.reveal())).unwrap();
        let headers = HeaderMap::from_iter([(AUTHORIZATION, bearer)]);
        let known = Judged::by(&keeper, &headers);
        assert_eq!((known.token(), status(Some(&known))), (Some(token.id), Ok(())));
        let nobody = Judged::by(&keeper, &HeaderMap::new());
        assert_eq!((nobody.token(), status(Some(&nobody))), (None, Err(401)));
        keeper.learn(&[Token { revoked_at: Some(token.created_at), ..token }]);
        assert_eq!(status(Some(&known)), Err(401), "it was revoked meanwhile");
    }

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
