//! Answers of HTTP: GraphQL's own, and the same shape for what is refused before GraphQL.

use async_graphql::{Response as GraphQlResponse, ServerError};
use axum::body::Body;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{Response, StatusCode};

use super::accept::Accept;
use super::door::has_no_data;
use crate::api::error::{ApiError, Code, retry_after_ms};

/// The two media types that a client may accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Media {
    /// `application/json`: what is refused as GraphQL answers 200, as old clients expect.
    Json,
    /// `application/graphql-response+json`: the status tells.
    GraphQlResponse,
}

impl Media {
    /// The one to answer in, or `None` where none of ours is wanted. Without a wish: JSON.
    pub(super) fn accepted(accept: Option<&Accept>) -> Option<Self> {
        let Some(accept) = accept else { return Some(Self::Json) };
        let json = accept.application("json");
        let modern = accept.application("graphql-response+json");
        match (json, modern) {
            (None, None) => None,
            (Some(json), Some(modern)) => {
                let is_first = modern.range < json.range;
                let is_wanted_more = modern.weight > json.weight;
                let is_wanted = is_wanted_more || (modern.weight == json.weight && is_first);
                Some(if is_wanted { Self::GraphQlResponse } else { Self::Json })
            }
            (Some(_), None) => Some(Self::Json),
            (None, Some(_)) => Some(Self::GraphQlResponse),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Json => "application/json; charset=utf-8",
            Self::GraphQlResponse => "application/graphql-response+json; charset=utf-8",
        }
    }
}

/// The answer to an operation. An error of the request itself, which executed nothing, has no
/// `data` at all; one that `broke_off` after it began has null there, and is none of the client's.
pub(super) fn graphql(media: Media, response: &GraphQlResponse, broke_off: bool) -> Response<Body> {
    let nothing_ran = !broke_off && has_no_data(response);
    let status = match media {
        Media::GraphQlResponse if nothing_ran => StatusCode::BAD_REQUEST,
        Media::GraphQlResponse | Media::Json => StatusCode::OK,
    };
    let body = if nothing_ran {
        serde_json::to_vec(&serde_json::json!({ "errors": response.errors }))
    } else {
        serde_json::to_vec(response)
    };
    let mut answer = answer(media.name(), status, body.expect("a response is JSON"));
    say_when(&mut answer, &response.errors);
    answer
}

/// Travels with a [`problem`], so that it is counted where all answers pass.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refused(pub(super) Code);

/// What is refused by HTTP itself, with a body like GraphQL's.
pub(crate) fn problem(status: StatusCode, error: ApiError) -> Response<Body> {
    let refused = Refused(error.code());
    let errors = [error.into_server_error()];
    let body = serde_json::json!({ "errors": errors });
    let body = serde_json::to_vec(&body).expect("an error is JSON");
    let mut answer = answer(Media::Json.name(), status, body);
    answer.extensions_mut().insert(refused);
    say_when(&mut answer, &errors);
    answer
}

/// Says by `Retry-After` when the same request may work, for who reads headers: in whole seconds, so
/// never too early.
fn say_when(answer: &mut Response<Body>, errors: &[ServerError]) {
    if let Some(millis) = errors.iter().filter_map(retry_after_ms).max() {
        let seconds = millis.div_ceil(1_000).max(1);
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
}

/// An answer that is made of data: it is what it says, and nobody keeps it.
pub(crate) fn answer(
    content_type: &'static str,
    status: StatusCode,
    body: impl Into<Body>,
) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;
    use axum::http::header::ACCEPT;

    use super::*;

    #[test]
    fn the_media_type_is_the_one_that_the_client_prefers() {
        use Media::{GraphQlResponse, Json};
        for (accept, media) in [
            (None, Some(Json)),
            (Some("*/*"), Some(Json)),
            (Some("application/json"), Some(Json)),
            (Some("application/graphql-response+json"), Some(GraphQlResponse)),
            (
                Some("application/graphql-response+json, application/json;q=0.9"),
                Some(GraphQlResponse),
            ),
            (Some("application/graphql-response+json;q=0.1, application/json"), Some(Json)),
            (Some("application/json, application/graphql-response+json"), Some(Json)),
            (Some("*/*;q=0.1, application/graphql-response+json"), Some(GraphQlResponse)),
            (Some("application/json;q=0, */*"), Some(GraphQlResponse)),
            (Some("application/json;q=0, text/html"), None),
            (Some("text/html"), None),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(accept) = accept {
                headers.insert(ACCEPT, HeaderValue::from_static(accept));
            }
            let found = Media::accepted(Accept::of(&headers).as_ref());
            assert_eq!(found, media, "{accept:?}");
        }
    }

    #[test]
    fn what_may_work_later_says_when() {
        let error = |millis: Option<u64>| {
            let error = ApiError::new(Code::Unavailable, "not now");
            millis.map_or(error.clone(), |millis| error.retry_after_ms(millis))
        };
        for (millis, seconds) in
            [(None, None), (Some(0), Some("1")), (Some(1_000), Some("1")), (Some(1_001), Some("2"))]
        {
            let refused = problem(StatusCode::SERVICE_UNAVAILABLE, error(millis));
            let found = refused.headers().get(RETRY_AFTER).map(|value| value.to_str().unwrap());
            assert_eq!(found, seconds, "{millis:?}");
        }
        // The last of several, whatever the status is.
        let errors = [Some(500), Some(4_200), None].map(|millis| error(millis).into_server_error());
        let response = GraphQlResponse::from_errors(errors.to_vec());
        let answered = graphql(Media::Json, &response, false);
        assert_eq!(answered.status(), 200);
        assert_eq!(answered.headers()[RETRY_AFTER], "5");
    }
}
