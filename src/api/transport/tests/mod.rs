//! The transports over a real socket, before a schema that counts what reaches it.

mod callers;
mod compression;
mod connections;
mod http;
mod slow;
mod sse;
mod tokens;
mod ws;

use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Context, Object, Schema, Subscription};
use futures::stream::{self, Stream, StreamExt};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::callers::Callers;
use super::door::Door;
use super::gate::{Gate, Shape};
use super::guard::Guard;
use super::listen::serve as serve_routes;
use crate::api::budget::Budget;
use crate::api::error::{ApiError, Code, Result};
use crate::api::meter::Meter;
use crate::auth::Keeper;
use crate::domain::clock::SystemClock;
use crate::domain::limits::Limits;

/// Far above what anything takes.
const PATIENCE: Duration = Duration::from_secs(20);

struct Query;
struct Mutation;
struct Streams;

/// How many resolvers ran.
#[derive(Clone, Default)]
struct Reached(Arc<watch::Sender<usize>>);

impl Reached {
    fn count(&self) -> usize {
        *self.0.borrow()
    }

    /// Waits until so many ran.
    async fn until(&self, count: usize) {
        let mut seen = self.0.subscribe();
        let reached = seen.wait_for(|seen| *seen >= count);
        timeout(PATIENCE, reached).await.expect("they run").unwrap();
    }
}

fn reached(ctx: &Context<'_>) -> i32 {
    let mut before = 0;
    ctx.data_unchecked::<Reached>()
        .0
        .send_modify(|count| before = std::mem::replace(count, *count + 1));
    i32::try_from(before).unwrap()
}

#[Object]
impl Query {
    async fn hello(&self, ctx: &Context<'_>) -> i32 {
        reached(ctx)
    }

    async fn bug(&self, ctx: &Context<'_>) -> i32 {
        let number = reached(ctx);
        assert!(number < 0, "a resolver that panics");
        number
    }

    #[expect(clippy::unused_async, reason = "a resolver is async")]
    async fn broken(&self) -> Result<i32> {
        Err(ApiError::new(Code::Unavailable, "not now"))
    }

    async fn hang(&self, ctx: &Context<'_>) -> i32 {
        reached(ctx);
        futures::future::pending().await
    }

    #[expect(clippy::unused_async, reason = "a resolver is async")]
    async fn large(&self, ctx: &Context<'_>, bytes: usize) -> Result<String> {
        let text = "x".repeat(bytes);
        ctx.data_unchecked::<Arc<Budget>>().draw_text(&text)?;
        Ok(text)
    }
}

#[Object]
impl Mutation {
    async fn act(&self, ctx: &Context<'_>, n: Option<i32>) -> i32 {
        reached(ctx) + n.unwrap_or_default()
    }

    async fn query(&self, ctx: &Context<'_>) -> Query {
        reached(ctx);
        Query
    }
}

#[Subscription]
impl Streams {
    async fn ticks(&self, ctx: &Context<'_>) -> impl Stream<Item = i32> {
        stream::once(futures::future::ready(reached(ctx))).chain(stream::pending())
    }

    async fn queries(&self, ctx: &Context<'_>, count: usize) -> impl Stream<Item = Query> + use<> {
        let budget = Arc::clone(ctx.data_unchecked::<Arc<Budget>>());
        stream::iter(0..count).map(move |_| {
            budget.begin_message();
            Query
        })
    }

    /// Something, and then nothing for ever; its end is noted.
    async fn watched(&self, ctx: &Context<'_>) -> impl Stream<Item = i32> {
        let ended = ctx.data_unchecked::<Ended>().0.clone().drop_guard();
        stream::once(futures::future::ready(1))
            .chain(stream::pending())
            .inspect(move |_| _ = &ended)
    }

    /// More than any client takes; its end is noted.
    async fn flood(&self, ctx: &Context<'_>) -> impl Stream<Item = String> {
        let ended = ctx.data_unchecked::<Ended>().0.clone().drop_guard();
        stream::repeat("x".repeat(64 * 1024)).inspect(move |_| _ = &ended)
    }
}

/// Cancelled when a flood ends.
#[derive(Clone, Default)]
struct Ended(CancellationToken);

struct Server {
    address: String,
    flood_ended: CancellationToken,
    reached: Reached,
    closing: CancellationToken,
    keeper: Arc<Keeper>,
}

/// A server with room for one socket of two operations.
async fn serve() -> Server {
    serve_with(Limits::default()).await
}

/// One where a request may take a moment only: for requests that would never end.
async fn serve_impatiently() -> Server {
    serve_with(Limits { request_timeout: Duration::from_millis(100), ..Limits::default() }).await
}

/// The same with other limits.
async fn serve_with(limits: Limits) -> Server {
    let reached = Reached::default();
    let closing = CancellationToken::new();
    let ended = Ended::default();
    let limits = Limits { subscriptions_per_socket: 2, sockets: 1, ..limits };
    let schema =
        Schema::build(Query, Mutation, Streams).data(reached.clone()).data(ended.clone()).finish();
    let gate = Gate::new(Shape::new(&schema.sdl(), &[], []), limits.clone());
    let keeper = Arc::new(Keeper::new(Arc::new(SystemClock)));
    let meter = Arc::<Meter>::default();
    let known = Arc::clone(&keeper);
    let welcome = Arc::new(move |request, caller: &_| known.check(caller).map(|()| request));
    let door = Door::new(schema, gate, welcome, Arc::clone(&meter));
    let guard = Guard::new(&[], &["http://localhost:5173".to_owned()]);
    let guard = Arc::new(guard.kept_by(Arc::clone(&keeper)));
    let routes = super::guarded(
        super::routes(door, closing.clone(), TaskTracker::new(), Arc::clone(&keeper)),
        &guard,
        &Arc::new(Callers::timeless(&limits)),
        &keeper,
    );
    let routes = super::watched(routes, Arc::clone(&meter));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    // Its own: what a test closes may still be asked.
    let never = CancellationToken::new();
    #[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
    tokio::spawn(async move { serve_routes(listener, routes, &limits, &meter, never).await });
    Server { address, flood_ended: ended.0, reached, closing, keeper }
}
