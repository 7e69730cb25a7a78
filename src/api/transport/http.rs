//! One operation a request: POST with JSON, GET for what changes nothing. The answer comes whole, or
//! as a stream of events where the client takes one.
//!
//! Only `application/json` is read: every type that a page can send without a preflight (forms,
//! plain text, multipart) is refused, and a mutation never comes by GET (P15). A GET of which no
//! browser says whence it comes must show that it is none that an image or a link could send.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::parser::types::OperationType;
use async_graphql::{Executor, Request as GraphQlRequest, Variables};
use axum::body::Body;
use axum::extract::{Query, Request, State};
use axum::http::header::{
    ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH,
    CONTENT_TYPE, EXPECT, HeaderValue, LOCATION, ORIGIN, VARY,
};
use axum::http::{HeaderMap, HeaderName, Response, StatusCode};
use futures::StreamExt;
use serde_json::{Map, Value};
use tokio::time::timeout;

use super::Entrance;
use super::accept::Accept;
use super::answer::{Media, graphql, problem};
use super::credentials::{caller, refuse};
use super::door::refusal;
use super::{pages, sse};
use crate::api::context::Resume;
use crate::api::error::{ApiError, Code};
use crate::auth::{Caller, Keeper};

/// A header that no page can add without a preflight; any value but an empty one will do.
static REQUIRE_PREFLIGHT: HeaderName = HeaderName::from_static("graphql-require-preflight");
static SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// How much of a body that is too large is read and dropped before it is refused.
const LINGER: usize = 8 * 1024 * 1024;

/// The only coding of a body.
const IDENTITY: &str = "identity";

type Answer = Response<Body>;
/// An answer that came before its time.
type Refused = Box<Answer>;

/// `POST /graphql`.
pub(super) async fn post<E: Executor>(
    State(entrance): State<Entrance<E>>,
    request: Request,
) -> Answer {
    let limits = entrance.door.limits();
    let asks_first = request.headers().contains_key(EXPECT);
    let answered = async {
        let judged = match judge_head(&entrance.keeper, &request) {
            // Others must have sent their body to hear of it: see `read`.
            Err(refused) if asks_first => return Err(refused),
            judged => judged,
        };
        let reading = timeout(limits.read_timeout, read(request, limits.request_body));
        let body = reading.await.unwrap_or_else(|_| Err(too_slow(limits.read_timeout)));
        let ((accepts, caller), body) = (judged?, body?);
        let request = from_json(&body).map_err(bad_request)?;
        Ok::<_, Refused>((accepts, request, caller))
    };
    match answered.await {
        Ok((accepts, request, caller)) => {
            execute(&entrance, &caller, accepts, request, false).await
        }
        Err(refused) => *refused,
    }
}

/// `GET /graphql?query=…`. A person who opens the path without a query is sent to GraphiQL.
pub(super) async fn get<E: Executor>(entrance: Entrance<E>, request: Request) -> Answer {
    if pages::wants_page(request.headers()) && !has_query(&request) {
        return to_graphiql();
    }
    let answered = Accepts::of(request.headers()).and_then(|accepts| {
        check_was_asked_for(request.headers())?;
        let caller = caller(&entrance.keeper, request.extensions())?;
        Ok((accepts, from_query(&request).map_err(bad_request)?, caller))
    });
    match answered {
        Ok((accepts, request, caller)) => execute(&entrance, &caller, accepts, request, true).await,
        Err(refused) => *refused,
    }
}

fn has_query(request: &Request) -> bool {
    let parameters = request.uri().query().unwrap_or_default().split('&');
    parameters.into_iter().any(|parameter| parameter.split('=').next() == Some("query"))
}

fn to_graphiql() -> Answer {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let headers = response.headers_mut();
    headers.insert(LOCATION, HeaderValue::from_static("/graphiql"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Who asks by a program gets another answer at the same address.
    headers.insert(VARY, HeaderValue::from_static("accept"));
    response
}

/// Any other method.
pub(super) async fn other_method() -> Answer {
    not_allowed("use POST, or GET for queries", "GET, POST")
}

/// What a client takes for an answer.
struct Accepts {
    /// An answer as a whole; `None`: only a stream of events.
    media: Option<Media>,
    /// A stream of events.
    events: bool,
    /// Where an earlier stream was cut.
    resume: Option<Resume>,
}

impl Accepts {
    fn of(headers: &HeaderMap) -> Result<Self, Refused> {
        let accept = Accept::of(headers);
        let media = Media::accepted(accept.as_ref());
        let events = accept.is_some_and(|accept| accept.names(sse::MEDIA));
        if media.is_none() && !events {
            let message = "the answer is `application/json` or `application/graphql-response+json`, or a stream of `text/event-stream`: accept one of them";
            let error = ApiError::invalid_input("accept", message);
            return Err(problem(StatusCode::NOT_ACCEPTABLE, error).into());
        }
        Ok(Self { media, events, resume: sse::resume(headers) })
    }
}

async fn execute<E: Executor>(
    entrance: &Entrance<E>,
    caller: &Caller,
    accepts: Accepts,
    mut request: GraphQlRequest,
    by_get: bool,
) -> Answer {
    let door = &entrance.door;
    // A body may come long after its head; the door asks once more, but knows no status.
    if let Err(why) = entrance.keeper.check(caller) {
        return refuse(&why);
    }
    if let Some(resume) = accepts.resume {
        request = request.data(resume);
    }
    let admitted = match (door.admit(request, caller), accepts.media) {
        (Ok(admitted), _) => admitted,
        (Err(refused), Some(media)) => return graphql(media, &refused, false),
        (Err(refused), None) => return sse::stream(entrance, caller, refusal(refused.errors)),
    };
    match (admitted.operation, accepts.media) {
        (OperationType::Mutation, _) if by_get => {
            not_allowed("a mutation must be sent by POST", "POST")
        }
        (OperationType::Subscription, _) if !accepts.events => {
            let message = "a subscription needs a stream: accept `text/event-stream`, or open a WebSocket on this path with the subprotocol `graphql-transport-ws`";
            *bad_request(ApiError::invalid_input("query", message))
        }
        (OperationType::Query | OperationType::Mutation, Some(media)) => {
            let asks = admitted.operation == OperationType::Query;
            let lapse = Arc::clone(&entrance.keeper).lapse(caller.clone());
            tokio::select! {
                biased;
                ran = door.run(admitted) => graphql(media, &ran.response, ran.broke_off),
                // What a mutation did is told, whatever became of its caller.
                why = lapse, if asks => refuse(&why),
            }
        }
        (_, _) => sse::stream(entrance, caller, door.operate(admitted)),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Refuses a GET that a page of elsewhere may have sent by an image or a link. Where a browser says
/// whose page asks, the guard has judged it; but it leaves `Origin` out of a GET, and
/// `Sec-Fetch-Site` where it is old or the server is reached by plain HTTP under a name. Then only
/// what takes a preflight tells, which the guard answers for allowed pages alone (P15).
fn check_was_asked_for(headers: &HeaderMap) -> Result<(), Refused> {
    let is_judged = headers.contains_key(ORIGIN) || headers.contains_key(&SEC_FETCH_SITE);
    let is_marked = headers.get(&REQUIRE_PREFLIGHT).is_some_and(|value| !value.is_empty());
    if is_judged || is_marked || check_content_type(headers).is_ok() {
        return Ok(());
    }
    let message = "a GET must show that no page sent it unasked: add the header `Content-Type: application/json` or `GraphQL-Require-Preflight: 1`, or use POST";
    Err(bad_request(ApiError::invalid_input("content-type", message)))
}

/// What the head of a POST says and who sends it, or why its body is not read.
fn judge_head(keeper: &Keeper, request: &Request) -> Result<(Accepts, Caller), Refused> {
    let headers = request.headers();
    let accepts = Accepts::of(headers)?;
    let caller = caller(keeper, request.extensions())?;
    check_content_type(headers)?;
    check_is_plain(headers)?;
    Ok((accepts, caller))
}

/// A body is taken as it is: what a few compressed bytes become has no bound.
fn check_is_plain(headers: &HeaderMap) -> Result<(), Refused> {
    let is_plain = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(IDENTITY.as_bytes());
    if headers.get_all(CONTENT_ENCODING).iter().all(is_plain) {
        return Ok(());
    }
    let message = "the body must not be compressed: send it without `Content-Encoding`";
    let error = ApiError::invalid_input("content-encoding", message);
    let mut response = problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, error);
    response.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static(IDENTITY));
    Err(response.into())
}

fn check_content_type(headers: &HeaderMap) -> Result<(), Refused> {
    let mut parts = text(headers, &CONTENT_TYPE).unwrap_or_default().split(';').map(str::trim);
    let is_json = parts.next().is_some_and(|ty| ty.eq_ignore_ascii_case("application/json"));
    let is_utf8 = parts.all(|part| match part.split_once('=') {
        Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
            matches!(value.trim_matches('"').to_ascii_lowercase().as_str(), "utf-8" | "utf8")
        }
        _ => true,
    });
    if is_json && is_utf8 {
        return Ok(());
    }
    let message = "a POST must be `Content-Type: application/json`, in UTF-8";
    let error = ApiError::invalid_input("content-type", message);
    Err(problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, error).into())
}

/// A body of at most `max` bytes.
///
/// What is too large is read to its end and dropped as it comes: were it answered at once, the
/// connection would close under a client that still sends, which then sees a broken pipe and not
/// the answer. That has a bound too, and is not done for a client that asks before it sends.
async fn read(request: Request, max: usize) -> Result<Vec<u8>, Refused> {
    let most = max.saturating_add(LINGER);
    let announced = text(request.headers(), &CONTENT_LENGTH).and_then(|n| n.parse::<u64>().ok());
    let announced = announced.map_or(0, |n| usize::try_from(n).unwrap_or(usize::MAX));
    let asks_first = request.headers().contains_key(EXPECT);
    if announced > most || (announced > max && asks_first) {
        return Err(too_large(max));
    }
    let mut pieces = request.into_body().into_data_stream();
    let (mut body, mut length) = (Vec::new(), 0_usize);
    while let Some(piece) = pieces.next().await {
        let Ok(piece) = piece else {
            return Err(bad_request(ApiError::invalid_input("body", "the body broke off")));
        };
        length = length.saturating_add(piece.len());
        if length > most {
            break;
        }
        if length > max {
            body = Vec::new();
        } else {
            body.extend_from_slice(&piece);
        }
    }
    if length > max { Err(too_large(max)) } else { Ok(body) }
}

#[expect(clippy::unnecessary_box_returns, reason = "it is always one of the refusals")]
fn too_large(max: usize) -> Refused {
    let message = format!("the body may have at most {max} bytes");
    let error = ApiError::new(Code::RequestTooLarge, message).with("max", max);
    let mut response = problem(StatusCode::PAYLOAD_TOO_LARGE, error);
    // Maybe not all of it was read, so no other request can follow here.
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response.into()
}

#[expect(clippy::unnecessary_box_returns, reason = "it is always one of the refusals")]
fn too_slow(most: Duration) -> Refused {
    let message = format!("the body was not sent within {most:?}: send it without a pause");
    let error = ApiError::new(Code::DeadlineExceeded, message);
    let mut response = problem(StatusCode::REQUEST_TIMEOUT, error);
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response.into()
}

pub(super) fn from_json(body: &[u8]) -> Result<GraphQlRequest, ApiError> {
    let value: Value = serde_json::from_slice(body).map_err(|error| {
        ApiError::invalid_input("body", format!("the body is no JSON: {error}"))
    })?;
    let Value::Object(mut fields) = value else {
        let message = "the body must be one JSON object with `query`; batches are not taken";
        return Err(ApiError::invalid_input("body", message));
    };
    shape(&mut fields)
}

pub(super) fn from_query(request: &Request) -> Result<GraphQlRequest, ApiError> {
    let Query(parameters) = Query::<HashMap<String, String>>::try_from_uri(request.uri())
        .map_err(|_| ApiError::invalid_input("query", "the URL's parameters cannot be read"))?;
    let mut fields = Map::new();
    for (name, value) in parameters {
        let value = match name.as_str() {
            "query" | "operationName" => Value::String(value),
            "variables" | "extensions" => serde_json::from_str(&value).map_err(|error| {
                ApiError::invalid_input(&name, format!("`{name}` is no JSON: {error}"))
            })?,
            _ => continue,
        };
        fields.insert(name, value);
    }
    shape(&mut fields)
}

/// A request from its four fields, each of which must have the right type.
pub(super) fn shape(fields: &mut Map<String, Value>) -> Result<GraphQlRequest, ApiError> {
    let wrong = |name: &str, what: &str| {
        Err(ApiError::invalid_input(name, format!("`{name}` must be {what}")))
    };
    let mut request = match fields.remove("query") {
        Some(Value::String(query)) => GraphQlRequest::new(query),
        _ => return wrong("query", "a string, the document"),
    };
    request.operation_name = match fields.remove("operationName") {
        None | Some(Value::Null) => None,
        Some(Value::String(name)) => Some(name),
        Some(_) => return wrong("operationName", "a string or null"),
    };
    request.variables = match fields.remove("variables") {
        None | Some(Value::Null) => Variables::default(),
        Some(value @ Value::Object(_)) => Variables::from_json(value),
        Some(_) => return wrong("variables", "an object or null"),
    };
    match fields.remove("extensions") {
        None | Some(Value::Null | Value::Object(_)) => Ok(request),
        Some(_) => wrong("extensions", "an object or null"),
    }
}

#[expect(clippy::unnecessary_box_returns, reason = "it is always one of the refusals")]
fn bad_request(error: ApiError) -> Refused {
    problem(StatusCode::BAD_REQUEST, error).into()
}

fn not_allowed(message: &str, allow: &'static str) -> Answer {
    let error = ApiError::invalid_input("method", message);
    let mut response = problem(StatusCode::METHOD_NOT_ALLOWED, error);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    response
}
