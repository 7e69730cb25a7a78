//! How requests come in and answers go out: HTTP, server-sent events and WebSocket on one path, behind one door, and
//! the pages for a browser beside it.
//!
//! Nothing else of the API knows how a request came.

mod accept;
mod answer;
pub(crate) mod callers;
mod counted;
mod credentials;
pub(crate) mod door;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub(crate) mod gate;
pub(crate) mod guard;
mod http;
pub(crate) mod listen;
pub(crate) mod pages;
mod sse;
#[cfg(test)]
mod tests;
mod ws;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use async_graphql::Executor;
use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tower_http::compression::{CompressionLayer, CompressionLevel};
use tracing::{Instrument, Span};

use crate::api::error::{ApiError, Code};
use crate::api::meter::Meter;
use crate::auth::Keeper;
use crate::domain::meter::{Level, One};
use answer::Refused;
pub(crate) use answer::{answer, problem};
use callers::{Asker, Callers};
use credentials::Judged;
pub(crate) use credentials::caller;
use door::Door;
use guard::Guard;

/// An answer of so many bytes fits into one packet, or nearly so: making it smaller gains nothing.
const COMPRESSED_FROM: u16 = 1_024;

/// So many characters of a path stand in a log.
const MOST_OF_PATH: usize = 80;

/// What the two transports share.
#[derive(Clone)]
struct Entrance<E> {
    door: Door<E>,
    /// One permit for each socket that may still be opened.
    sockets: Arc<Semaphore>,
    /// The sockets that are open.
    open: TaskTracker,
    closing: CancellationToken,
    keeper: Arc<Keeper>,
}

/// A place of a socket or a stream, until it is dropped.
struct Place {
    _permit: OwnedSemaphorePermit,
    _one: One,
}

impl<E: Executor> Entrance<E> {
    /// A place for one more socket, or for a stream, which takes one too; counted as one of `these`.
    fn place(&self, these: &Arc<Level>) -> Result<Place, Box<Response>> {
        let permit = Arc::clone(&self.sockets).try_acquire_owned();
        permit.map(|permit| Place { _permit: permit, _one: these.one() }).map_err(|_| {
            let message = "as many sockets and streams are open as may be";
            let error = ApiError::new(Code::RateLimited, message).retry_after_ms(1_000);
            problem(StatusCode::SERVICE_UNAVAILABLE, error).into()
        })
    }
}

/// The routes of GraphQL: `/graphql` for HTTP and WebSocket. `closing` ends every socket; each of
/// them is a task of `open`.
pub(crate) fn routes<E: Executor>(
    door: Door<E>,
    closing: CancellationToken,
    open: TaskTracker,
    keeper: Arc<Keeper>,
) -> Router {
    let sockets = door.limits().sockets.min(Semaphore::MAX_PERMITS);
    let entrance =
        Entrance { door, sockets: Arc::new(Semaphore::new(sockets)), open, closing, keeper };
    Router::new()
        .route("/graphql", get(by_get::<E>).post(http::post::<E>).fallback(http::other_method))
        .with_state(entrance)
        .layer(compression())
}

/// Gzip for answers that are worth it, where the client takes it. Events of a stream are small, and
/// would wait in the compressor for one another.
fn compression() -> CompressionLayer<impl Predicate> {
    let worth_it = SizeAbove::new(COMPRESSED_FROM).and(NotForContentType::const_new(sse::MEDIA));
    CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(worth_it)
}

/// Puts the guard before every route of `router`, and behind it the limits of one caller: who is
/// refused by those is told so in a way that an allowed page may read.
pub(crate) fn guarded(
    router: Router,
    guard: &Arc<Guard>,
    callers: &Arc<Callers>,
    keeper: &Arc<Keeper>,
) -> Router {
    let counting = (Arc::clone(callers), Arc::clone(keeper));
    router
        .layer(middleware::from_fn_with_state(counting, count))
        .layer(middleware::from_fn_with_state(Arc::clone(guard), stand_guard))
}

/// Puts the outermost layer around all routes: each request has a span, and what is refused by HTTP
/// is counted.
pub(crate) fn watched(router: Router, meter: Arc<Meter>) -> Router {
    router.layer(middleware::from_fn_with_state(meter, watch))
}

async fn watch(State(meter): State<Arc<Meter>>, request: Request, next: Next) -> Response {
    let span = span(&request);
    let answer = next.run(request).instrument(span).await;
    if let Some(Refused(code)) = answer.extensions().get() {
        meter.told(*code);
    }
    answer
}

/// What is logged of a request bears this, where all of it is logged: making it would cost a query a
/// tenth of its time.
fn span(request: &Request) -> Span {
    let path = || request.uri().path().chars().take(MOST_OF_PATH).collect::<String>();
    let method = request.method();
    tracing::debug_span!("request", request.id = log_id(), %method, path = path())
}

/// Joins the lines of a log that belong together; means nothing else.
fn log_id() -> String {
    hex::encode(rand::random::<[u8; 8]>())
}

async fn stand_guard(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    guard.pass(request, next).await
}

/// Counts a request for its caller until it is answered: for the token that it shows, where that is a
/// good one, else for the address that it comes from.
async fn count(
    State((callers, keeper)): State<(Arc<Callers>, Arc<Keeper>)>,
    mut request: Request,
    next: Next,
) -> Response {
    let judged = Judged::by(&keeper, request.headers());
    let client = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let address = client.map_or(Ipv4Addr::UNSPECIFIED.into(), |ConnectInfo(client)| client.ip());
    let account = callers.account(judged.token().map_or_else(|| Asker::at(address), Asker::Token));
    match account.admit() {
        Ok(under_way) => {
            request.extensions_mut().insert(account);
            request.extensions_mut().insert(judged);
            under_way.until_taken(next.run(request).await)
        }
        Err(error) => problem(StatusCode::TOO_MANY_REQUESTS, error),
    }
}

async fn stand_page_guard(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    guard.pass_to_page(request, next).await
}

async fn by_get<E: Executor>(State(entrance): State<Entrance<E>>, request: Request) -> Response {
    if ws::is_upgrade(&request) {
        ws::upgrade(entrance, request).await
    } else {
        http::get(entrance, request).await
    }
}
