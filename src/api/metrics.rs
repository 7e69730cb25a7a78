//! `GET /metrics`: what the server counts, for a scraper. It tells how busy the server is with which
//! kinds, so it is for whoever sees all jobs; it names no job and no caller.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::ACCEPT;
use axum::http::{Extensions, HeaderMap, Response, StatusCode};
use axum::routing::get;

use crate::api::access::forbidden;
use crate::api::transport::{answer, caller, problem};
use crate::auth::Keeper;

/// How the numbers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// As Prometheus always read them.
    Text,
    /// By the standard that came of it.
    OpenMetrics,
}

impl Format {
    fn of(headers: &HeaderMap) -> Self {
        let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let mut accepted = accepted.flat_map(|value| value.split(','));
        let is_named = accepted.any(|range| {
            let media = range.split(';').next().unwrap_or_default();
            media.trim().eq_ignore_ascii_case("application/openmetrics-text")
        });
        if is_named { Self::OpenMetrics } else { Self::Text }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Writes all numbers as they are now.
pub type Exposition = Arc<dyn Fn(Format) -> String + Send + Sync>;

#[derive(Clone)]
struct Parts {
    exposition: Exposition,
    keeper: Arc<Keeper>,
}

pub(super) fn routes(exposition: Exposition, keeper: Arc<Keeper>) -> Router {
    Router::new().route("/metrics", get(metrics)).with_state(Parts { exposition, keeper })
}

async fn metrics(
    State(Parts { exposition, keeper }): State<Parts>,
    extensions: Extensions,
    headers: HeaderMap,
) -> Response<Body> {
    match caller(&keeper, &extensions) {
        Ok(caller) if caller.sees_all() => {
            let format = Format::of(&headers);
            answer(format.name(), StatusCode::OK, exposition(format))
        }
        Ok(_) => problem(StatusCode::FORBIDDEN, forbidden("read")),
        Err(refused) => *refused,
    }
}
