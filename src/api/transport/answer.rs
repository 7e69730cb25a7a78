//! Answers of HTTP: GraphQL's own, and the same shape for what is refused before GraphQL.

use async_graphql::Response as GraphQlResponse;
use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use axum::http::{Response, StatusCode};

use super::door::has_no_data;
use crate::api::error::ApiError;

/// The two media types that a client may accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Media {
    /// `application/json`: what is refused as GraphQL answers 200, as old clients expect.
    Json,
    /// `application/graphql-response+json`: the status tells.
    GraphQlResponse,
}

impl Media {
    /// The one to answer in, or `None` where none of ours is accepted. Without a wish: JSON.
    pub(super) fn accepted(accept: Option<&str>) -> Option<Self> {
        let Some(accept) = accept else { return Some(Self::Json) };
        let mut best: Option<(u16, Self)> = None;
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let media = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
                "application/graphql-response+json" => Self::GraphQlResponse,
                "application/json" | "application/*" | "*/*" => Self::Json,
                _ => continue,
            };
            let weight =
                parts.find_map(|p| p.strip_prefix("q=")?.parse::<f32>().ok()).unwrap_or(1.0);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "clamped to 0..=1000 before"
            )]
            let weight = (weight.clamp(0.0, 1.0) * 1_000.0) as u16;
            if weight > 0 && best.is_none_or(|(found, _)| weight > found) {
                best = Some((weight, media));
            }
        }
        best.map(|(_, media)| media)
    }

    fn header(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Json => "application/json; charset=utf-8",
            Self::GraphQlResponse => "application/graphql-response+json; charset=utf-8",
        })
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
    answer(status, media, body.expect("a response is JSON"))
}

/// What is refused by HTTP itself, with a body like GraphQL's.
pub(crate) fn problem(status: StatusCode, error: ApiError) -> Response<Body> {
    let body = serde_json::json!({ "errors": [error.into_server_error()] });
    answer(status, Media::Json, serde_json::to_vec(&body).expect("an error is JSON"))
}

fn answer(status: StatusCode, media: Media, body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, media.header());
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
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
            (Some("application/json;q=0, text/html"), None),
            (Some("text/html"), None),
        ] {
            assert_eq!(Media::accepted(accept), media, "{accept:?}");
        }
    }
}
