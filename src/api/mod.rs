//! What clients talk to: the GraphQL schema, its transports, and beside it a few plain routes and
//! the pages for a browser.
//!
//! A request passes the guard (which names and pages may ask), then the gate (is it within its
//! limits and good as a whole), then a resolver, which reads through [`store::Reader`] and writes
//! only through [`scheduler::Handle`]. No resolver runs before all of that (P15).
//!
//! [`store::Reader`]: crate::store::Reader
//! [`scheduler::Handle`]: crate::scheduler::Handle

mod access;
mod budget;
mod context;
mod cursor;
mod deadline;
mod error;
#[cfg(test)]
mod error_docs;
mod filter;
mod input;
mod meter;
mod metrics;
mod mutation;
mod query;
mod raw_log;
mod refusal;
mod rules;
pub mod schema;
mod shared;
mod subscription;
mod tokens;
mod transport;
mod types;
mod wait;
mod workers;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use axum::routing::get;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::auth::Keeper;
use crate::domain::clock::{Clock, Timestamp};
use crate::scheduler::Handle;
use crate::store::Health;
pub use meter::Meter;
pub use metrics::{Exposition, Format};
use schema::Ingredients;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub use transport::fuzzing;
pub use transport::listen::serve;
pub use transport::pages::Pages;
use transport::{callers::Callers, guard::Guard, pages};

/// What the API is built from.
pub struct Options {
    /// The scheduler.
    pub handle: Handle,
    /// Tells the time that answers show.
    pub clock: Arc<dyn Clock>,
    /// The version of the binary.
    pub version: String,
    /// When the process began.
    pub started_at: Timestamp,
    /// The store's name: `sqlite` or `postgres`.
    pub store: &'static str,
    /// Other machines may reach it: it answers to every IP address and not only to the loopback's.
    pub for_other_machines: bool,
    /// Names of this server beside localhost, with or without a port.
    pub allowed_hosts: Vec<String>,
    /// Pages of other origins that may ask, like `http://localhost:5173`.
    pub allowed_origins: Vec<String>,
    /// Who may ask.
    pub keeper: Arc<Keeper>,
    /// What clients do is counted here.
    pub meter: Arc<Meter>,
    /// Writes what `/metrics` shows.
    pub exposition: Exposition,
    /// Clients may ask for the schema.
    pub introspection: bool,
    /// What a browser is shown.
    pub pages: Pages,
    /// Cancelled when the server stops: every socket is closed then, with code 1001.
    pub closing: CancellationToken,
    /// Each open socket is a task of it: whoever ends the process waits for them.
    pub sockets: TaskTracker,
}

impl Options {
    /// Which names and pages may ask.
    fn guard(&self) -> Arc<Guard> {
        let guard = Guard::new(&self.allowed_hosts, &self.allowed_origins);
        Arc::new(guard.by_any_address(self.for_other_machines).kept_by(Arc::clone(&self.keeper)))
    }
}

/// The routes of a process that only works: no API and no page.
pub fn bare_router(options: Options) -> Router {
    let guard = options.guard();
    let callers = Arc::new(Callers::new(options.handle.limits()));
    let metrics = metrics::routes(options.exposition, Arc::clone(&options.keeper));
    let routes = transport::guarded(metrics, &guard, &callers, &options.keeper)
        .merge(probes(options.handle))
        .fallback(nothing_here);
    transport::watched(routes, options.meter)
}

/// Probes come from machines, by any name, and learn nothing but a state.
fn probes(handle: Handle) -> Router {
    Router::new().route("/healthz", get(healthz)).route("/readyz", get(readyz)).with_state(handle)
}

/// All routes.
pub fn router(options: Options) -> Router {
    let handle = options.handle.clone();
    let guard = options.guard();
    let callers = Arc::new(Callers::new(handle.limits()));
    let door = schema::door(Ingredients {
        handle: options.handle,
        keeper: Arc::clone(&options.keeper),
        clock: options.clock,
        version: options.version,
        started_at: options.started_at,
        store: options.store,
        closing: options.closing.clone(),
        introspection: options.introspection,
        meter: Arc::clone(&options.meter),
    });
    let guarded =
        transport::routes(door, options.closing, options.sockets, Arc::clone(&options.keeper))
            .merge(raw_log::routes(handle.clone(), Arc::clone(&options.keeper)))
            .merge(metrics::routes(options.exposition, Arc::clone(&options.keeper)));
    let routes = transport::guarded(guarded, &guard, &callers, &options.keeper)
        .merge(probes(handle))
        .merge(pages::routes(options.pages, &guard));
    transport::watched(routes, options.meter)
}

type Plain = (StatusCode, [(HeaderName, HeaderValue); 1], String);

fn plain(status: StatusCode, text: impl Into<String>) -> Plain {
    let content_type = HeaderValue::from_static("text/plain; charset=utf-8");
    (status, [(CONTENT_TYPE, content_type)], text.into() + "\n")
}

/// The process answers: that is all.
async fn healthz() -> Plain {
    plain(StatusCode::OK, "alive")
}

async fn nothing_here() -> Plain {
    let text = "nothing is here: this process runs jobs and serves no API, only /healthz, /readyz and /metrics";
    plain(StatusCode::NOT_FOUND, text)
}

async fn readyz(State(handle): State<Handle>) -> Plain {
    match ready(&handle) {
        Ok(()) => plain(StatusCode::OK, "ready"),
        Err(why) => plain(StatusCode::SERVICE_UNAVAILABLE, why),
    }
}

/// Ready: the store writes (P13) and new jobs are taken. The error says why not.
pub fn ready(handle: &Handle) -> Result<(), &'static str> {
    match *handle.reader().health().borrow() {
        Health::Refusing(_) => Err("the store refuses writes for now"),
        Health::Broken(_) => Err("the store cannot tell what is durable"),
        Health::Serving if !handle.is_accepting() => Err("the server is stopping"),
        Health::Serving => Ok(()),
    }
}
