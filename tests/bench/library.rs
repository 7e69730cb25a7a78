//! The other side: the library's own services, before a schema that says the same as ours and has
//! nothing behind it: no store, no scheduler, one channel a job.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_graphql::{Context, Enum, ID, InputObject, Object, Schema, SimpleObject, Subscription};
use async_graphql_axum::{GraphQLRequest, GraphQLResponse, GraphQLSubscription};
use axum::extract::State;
use axum::routing::{self, get_service};
use axum::serve::ListenerExt;
use axum::{Json, Router};
use futures::stream::{self, Stream, StreamExt};
use serde_json::Value;
use tokio::sync::broadcast;

/// Makes the benchmark be this server.
pub(crate) const ARGUMENT: &str = "--library";

#[derive(Enum, Clone, Copy, PartialEq, Eq)]
enum Change {
    Snapshot,
    Progress,
}

#[derive(Enum, Clone, Copy, PartialEq, Eq)]
enum JobState {
    Running,
}

#[derive(SimpleObject, Clone)]
struct Progress {
    percent: Option<f64>,
    message: Option<String>,
}

#[derive(SimpleObject, Clone)]
struct Job {
    id: ID,
    attempt: i32,
}

#[derive(SimpleObject, Clone)]
struct JobStatus {
    change: Change,
    seq: i32,
    state: JobState,
    terminal: bool,
    progress: Option<Progress>,
    job: Job,
}

#[derive(InputObject)]
struct StartJobInput {
    kind: String,
    idempotency_key: Option<String>,
    not_before: Option<String>,
}

#[derive(SimpleObject)]
struct Started {
    created: bool,
    job: Job,
}

/// Who watches what.
#[derive(Clone, Default)]
struct Watched(Arc<Mutex<HashMap<String, broadcast::Sender<u32>>>>);

impl Watched {
    fn of(&self, id: &str) -> broadcast::Sender<u32> {
        let mut watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        watched.entry(id.to_owned()).or_insert_with(|| broadcast::Sender::new(32)).clone()
    }
}

fn status(id: &ID, change: Change, number: u32) -> JobStatus {
    let progress = Progress { percent: Some(f64::from(number % 100)), message: None };
    JobStatus {
        change,
        seq: 3,
        state: JobState::Running,
        terminal: false,
        progress: Some(progress),
        job: Job { id: id.clone(), attempt: 1 },
    }
}

struct Query;

#[Object]
impl Query {
    async fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }
}

struct Mutation;

#[Object]
impl Mutation {
    /// What a start costs where nothing stands behind it.
    async fn start_job(&self, input: StartJobInput) -> Started {
        let job = Job { id: ID(input.kind), attempt: 0 };
        Started { job, created: true }
    }

    /// Tells the watchers of a job one change.
    async fn tell(&self, ctx: &Context<'_>, id: ID, number: u32) -> bool {
        ctx.data_unchecked::<Watched>().of(&id).send(number).is_ok()
    }
}

struct Streams;

#[Subscription]
impl Streams {
    async fn job_status(
        &self,
        ctx: &Context<'_>,
        id: ID,
        #[graphql(name = "minIntervalMs")] _interval: Option<i32>,
    ) -> impl Stream<Item = JobStatus> + use<> {
        let live = ctx.data_unchecked::<Watched>().of(&id).subscribe();
        let first = status(&id, Change::Snapshot, 0);
        let live = stream::unfold((live, id), |(mut live, id)| async move {
            loop {
                match live.recv().await {
                    Ok(number) => break Some((status(&id, Change::Progress, number), (live, id))),
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => break None,
                }
            }
        });
        stream::iter([first]).chain(live)
    }
}

type Library = Schema<Query, Mutation, Streams>;

async fn post(State(schema): State<Library>, request: GraphQLRequest) -> GraphQLResponse {
    schema.execute(request.into_inner()).await.into()
}

/// Serves until it is killed.
#[expect(clippy::print_stderr, reason = "who started it waits for the address")]
pub(crate) async fn serve() {
    let schema = Schema::build(Query, Mutation, Streams).data(Watched::default()).finish();
    let service = get_service(GraphQLSubscription::new(schema.clone())).post(post);
    let app = Router::new()
        .route("/graphql", service)
        .route("/plain", routing::post(async |Json(body): Json<Value>| Json(body)))
        .with_state(schema);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    eprintln!("listening on http://{}", listener.local_addr().unwrap());
    let listener = listener.tap_io(|tcp| tcp.set_nodelay(true).unwrap());
    axum::serve(listener, app).await.unwrap();
}
