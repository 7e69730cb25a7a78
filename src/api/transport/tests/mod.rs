//! The transports over a real socket, before a schema that counts what reaches it.

mod http;
mod ws;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_graphql::{Context, Object, Schema, Subscription};
use futures::stream::{self, Stream, StreamExt};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::door::Door;
use super::gate::{Gate, Shape};
use super::guard::Guard;
use crate::domain::limits::Limits;

struct Query;
struct Mutation;
struct Streams;

/// How many resolvers ran.
#[derive(Clone, Default)]
struct Reached(Arc<AtomicUsize>);

impl Reached {
    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

fn reached(ctx: &Context<'_>) -> i32 {
    let before = ctx.data_unchecked::<Reached>().0.fetch_add(1, Ordering::SeqCst);
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
}

#[Object]
impl Mutation {
    async fn act(&self, ctx: &Context<'_>, n: Option<i32>) -> i32 {
        reached(ctx) + n.unwrap_or_default()
    }
}

#[Subscription]
impl Streams {
    async fn ticks(&self, ctx: &Context<'_>) -> impl Stream<Item = i32> {
        stream::once(futures::future::ready(reached(ctx))).chain(stream::pending())
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
}

/// A server with room for one socket of two streams.
async fn serve() -> Server {
    serve_within(Limits::default()).await
}

/// The same with other limits.
async fn serve_within(limits: Limits) -> Server {
    let reached = Reached::default();
    let closing = CancellationToken::new();
    let ended = Ended::default();
    let limits = Limits { subscriptions_per_socket: 2, sockets: 1, ..limits };
    let schema = Schema::build(Query, Mutation, Streams).data(reached.clone()).data(ended.clone());
    let schema = schema.finish();
    let gate = Gate::new(Shape::new(&schema.sdl(), &[], []), limits);
    let guard = Guard::new(&[], &["http://localhost:5173".to_owned()]);
    let routes = super::guarded(super::routes(Door::new(schema, gate), closing.clone()), guard);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serving = axum::serve(listener, routes);
    #[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
    tokio::spawn(async move { serving.await });
    Server { address, flood_ended: ended.0, reached, closing }
}
