//! Server-sent events: an operation as a stream of text, for whoever has no WebSocket. `curl -N` can
//! watch a job.
//!
//! Source: the protocol of `graphql-sse`, distinct connections mode: an event `next` for each result,
//! an event `complete` at the end. What is refused, or breaks off, is a `next` with `errors` alone
//! before it. A stream that ends without `complete` was cut (P7): the client asks again, and gives the
//! last `id` that it heard as `Last-Event-ID`.

use std::convert::Infallible;
use std::sync::Arc;

use async_graphql::{Executor, Response as GraphQlResponse, Value};
use axum::body::Body;
use axum::http::header::{HeaderMap, HeaderName, HeaderValue};
use axum::http::{Response, StatusCode};
use futures::future::{BoxFuture, FutureExt};
use futures::stream::{self, BoxStream, Stream, StreamExt};
use serde_json::json;
use tokio::time::timeout;

use super::Entrance;
use super::answer::answer;
use super::credentials::unauthenticated;
use super::door::Told;
use crate::api::context::Resume;
use crate::auth::Caller;

/// What a client must name to get a stream.
pub(super) const MEDIA: &str = "text/event-stream";
static LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Proxies of the nginx kind keep an answer back until it is whole, unless they are told.
static ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
/// A browser passes over an event without data, so there is a line of none.
const COMPLETE: &str = "event: complete\ndata: \n\n";
/// A comment, for whoever gives up on what is silent.
const STILL_HERE: &str = ":\n\n";
/// The field of a message that says where to resume.
const CURSOR: &str = "cursor";
/// More than a position of ours has.
const MAX_CURSOR: usize = 128;

/// Where the client was cut off, if it says so.
pub(super) fn resume(headers: &HeaderMap) -> Option<Resume> {
    let id = headers.get(&LAST_EVENT_ID)?.to_str().ok()?;
    (!id.is_empty()).then(|| Resume(id.to_owned()))
}

/// Sends what an operation tells its caller, as it tells it. Takes the place of a socket.
pub(super) fn stream<E: Executor>(
    entrance: &Entrance<E>,
    caller: &Caller,
    told: BoxStream<'static, Told>,
) -> Response<Body> {
    let permit = match entrance.place(&entrance.door.meter().streams) {
        Ok(permit) => permit,
        Err(refused) => return *refused,
    };
    let lapse = Arc::clone(&entrance.keeper).lapse(caller.clone());
    let lapse = lapse.map(|why| Told::Error(vec![unauthenticated(&why).into_server_error()]));
    let told = unless(lapse.boxed(), told);
    let told = told.take_until(entrance.closing.clone().cancelled_owned()).boxed();
    let ping = entrance.door.limits().ping;
    // The permit is held until the stream is dropped.
    let pieces = stream::unfold((told, permit), move |(mut told, permit)| async move {
        let piece = match timeout(ping, told.next()).await {
            Ok(told) => text(&told?),
            Err(_) => STILL_HERE.to_owned(),
        };
        Some((Ok::<_, Infallible>(piece), (told, permit)))
    });
    let mut response = answer(MEDIA, StatusCode::OK, Body::from_stream(pieces));
    response.headers_mut().insert(&ACCEL_BUFFERING, HeaderValue::from_static("no"));
    response
}

/// What is told, until there is a last word from elsewhere.
fn unless(
    word: BoxFuture<'static, Told>,
    told: BoxStream<'static, Told>,
) -> impl Stream<Item = Told> + Send {
    stream::unfold(Some((word, told)), |following| async move {
        let (mut word, mut told) = following?;
        tokio::select! {
            biased;
            word = &mut word => Some((word, None)),
            next = told.next() => Some((next?, Some((word, told)))),
        }
    })
}

/// As it is sent. JSON as it is written here has no line break, so that each event is one of `data`.
fn text(told: &Told) -> String {
    match told {
        Told::Next(response) => {
            let id = cursor(response).map(|cursor| format!("id: {cursor}\n")).unwrap_or_default();
            let data = serde_json::to_string(response).expect("a response is JSON");
            format!("event: next\n{id}data: {data}\n\n")
        }
        // Nothing that has a position is shared.
        Told::Shared(data) => format!("event: next\ndata: {data}\n\n"),
        Told::Last(data) => format!("event: next\ndata: {data}\n\n{COMPLETE}"),
        Told::Error(errors) => {
            let data = json!({ "errors": errors });
            format!("event: next\ndata: {data}\n\n{COMPLETE}")
        }
        Told::Complete => COMPLETE.to_owned(),
    }
}

/// The position that a message has, where the client selected it. A client may give that name to any
/// field, so it counts only where it looks like one.
fn cursor(response: &GraphQlResponse) -> Option<&str> {
    let Value::Object(fields) = &response.data else { return None };
    let Some(Value::Object(message)) = fields.values().next() else { return None };
    let Some(Value::String(cursor)) = message.get(CURSOR) else { return None };
    let is_one = cursor.len() <= MAX_CURSOR && cursor.bytes().all(|b| b.is_ascii_alphanumeric());
    is_one.then_some(cursor.as_str())
}
