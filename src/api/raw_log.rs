//! `GET /jobs/{id}/log`: the kept bytes of an attempt's log, as they were printed, with `Range`.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, HeaderValue, RANGE};
use axum::http::{Extensions, HeaderMap, Response, StatusCode};
use axum::routing::get;
use futures::stream::{self, StreamExt};
use serde::Deserialize;

use crate::api::access::Access;
use crate::api::context::job_id;
use crate::api::error::{ApiError, Code, Result};
use crate::api::refusal;
use crate::api::transport::{answer, caller, problem};
use crate::auth::{Keeper, NotKnown};
use crate::domain::log::LogStream;
use crate::scheduler::Handle;
use crate::scheduler::raw_log::RawLog;

/// Which part of a job's log.
#[derive(Debug, Deserialize)]
struct Part {
    /// Its number; the latest where none is given.
    attempt: Option<u32>,
    /// `STDOUT`, `STDERR` or `SYSTEM`, in any case; all where none is given.
    stream: Option<String>,
}

/// What of a body of known length is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slice {
    Whole,
    /// From here up to there, exclusive; never empty.
    Bytes(u64, u64),
    /// Nothing of that is there.
    Unsatisfiable,
}

/// What the route needs.
#[derive(Clone)]
struct Parts {
    handle: Handle,
    keeper: Arc<Keeper>,
}

pub(super) fn routes(handle: Handle, keeper: Arc<Keeper>) -> Router {
    Router::new().route("/jobs/{id}/log", get(raw_log)).with_state(Parts { handle, keeper })
}

async fn raw_log(
    State(Parts { handle, keeper }): State<Parts>,
    id: std::result::Result<Path<String>, axum::extract::rejection::PathRejection>,
    part: std::result::Result<Query<Part>, axum::extract::rejection::QueryRejection>,
    extensions: Extensions,
    headers: HeaderMap,
) -> Response<Body> {
    let caller = match caller(&keeper, &extensions) {
        Ok(caller) => caller,
        Err(refused) => return *refused,
    };
    let access = Access::new(&handle, caller.clone());
    let opened = async {
        let Path(id) = id.map_err(|_| {
            ApiError::invalid_input("id", "the id in the path is no UTF-8: expected a UUID")
        })?;
        let Query(part) = part.map_err(|_| {
            ApiError::invalid_input("attempt", "`attempt` must be a whole number from 1 on")
        })?;
        open(&access, &id, part).await
    };
    match opened.await {
        Ok(log) => {
            let range = headers.get(RANGE).and_then(|value| value.to_str().ok());
            let slice = slice(range, log.length());
            respond(log, slice, keeper.lapse(caller))
        }
        Err(error) => problem(status_of(error.code()), error),
    }
}

fn status_of(code: Code) -> StatusCode {
    if code == Code::InvalidInput {
        StatusCode::BAD_REQUEST
    } else if code == Code::NotFound {
        StatusCode::NOT_FOUND
    } else if code == Code::Unavailable {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::INTERNAL_SERVER_ERROR
    }
}

async fn open(access: &Access, id: &str, part: Part) -> Result<RawLog> {
    let job = job_id(id)?;
    let stream = part.stream.as_deref().map(stream_named).transpose()?;
    let row = access.must(job).await?;
    let attempt = part.attempt.unwrap_or(row.attempt);
    if attempt > row.attempt || part.attempt == Some(0) {
        return Err(ApiError::not_found(
            "attempt of this job has the number",
            &attempt.to_string(),
        ));
    }
    access.handle().raw_log(row, attempt, stream).await.map_err(refusal::log)
}

fn stream_named(name: &str) -> Result<LogStream> {
    name.to_ascii_uppercase()
        .parse()
        .map_err(|_| ApiError::invalid_input("stream", "`stream` must be stdout, stderr or system"))
}

fn respond(
    log: RawLog,
    slice: Slice,
    lapse: impl Future<Output = NotKnown> + Send + 'static,
) -> Response<Body> {
    let size = log.length();
    let (status, from, to) = match slice {
        Slice::Whole => (StatusCode::OK, 0, size),
        Slice::Bytes(from, to) => (StatusCode::PARTIAL_CONTENT, from, to),
        Slice::Unsatisfiable => (StatusCode::RANGE_NOT_SATISFIABLE, 0, 0),
    };
    // Piece by piece: a log is larger than what a request may hold. Should one be missing, the
    // transfer breaks off and does not look whole; so it does where its caller may read no more.
    let pieces = stream::try_unfold(log.read(from..to), |pieces| async move {
        Ok::<_, std::io::Error>(
            pieces.next().await?.map(|(piece, rest)| (Bytes::from(piece), rest)),
        )
    });
    let mut response =
        answer("text/plain; charset=utf-8", status, Body::from_stream(pieces.take_until(lapse)));
    let headers = response.headers_mut();
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(to - from));
    let range = match slice {
        Slice::Whole => return response,
        Slice::Bytes(from, to) => format!("bytes {from}-{}/{size}", to - 1),
        Slice::Unsatisfiable => format!("bytes */{size}"),
    };
    let range = HeaderValue::from_str(&range).expect("digits are a header value");
    headers.insert(CONTENT_RANGE, range);
    response
}

/// Reads `Range`. Several ranges, other units and what cannot be read mean the whole, as RFC 9110
/// allows.
fn slice(range: Option<&str>, size: u64) -> Slice {
    let Some((first, last)) = range.and_then(|r| r.strip_prefix("bytes=")?.split_once('-')) else {
        return Slice::Whole;
    };
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let (from, to) = match (first.trim().is_empty(), number(first), number(last)) {
        (true, _, Some(count)) => (size.saturating_sub(count), size),
        (false, Some(from), None) if last.trim().is_empty() => (from, size),
        (false, Some(from), Some(last)) if from <= last => (from, size.min(last.saturating_add(1))),
        _ => return Slice::Whole,
    };
    if from < to { Slice::Bytes(from, to) } else { Slice::Unsatisfiable }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_rfc_says() {
        for (range, expected) in [
            (None, Slice::Whole),
            (Some("bytes=0-"), Slice::Bytes(0, 10)),
            (Some("bytes=2-4"), Slice::Bytes(2, 5)),
            (Some("bytes=2-99"), Slice::Bytes(2, 10)),
            (Some("bytes=-3"), Slice::Bytes(7, 10)),
            (Some("bytes=-30"), Slice::Bytes(0, 10)),
            (Some("bytes=9-9"), Slice::Bytes(9, 10)),
            (Some("bytes=10-"), Slice::Unsatisfiable),
            (Some("bytes=-0"), Slice::Unsatisfiable),
            (Some("bytes=4-2"), Slice::Whole),
            (Some("bytes=0-1,3-4"), Slice::Whole),
            (Some("lines=0-1"), Slice::Whole),
            (Some("bytes=x"), Slice::Whole),
        ] {
            assert_eq!(slice(range, 10), expected, "{range:?}");
        }
        assert_eq!(slice(Some("bytes=0-"), 0), Slice::Unsatisfiable);
    }
}
