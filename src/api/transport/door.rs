//! The one door to the schema: the gate before it, a bound on its time, a code on every error
//! behind it. HTTP and WebSocket hold the same door, and nothing holds the schema but the door.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use async_graphql::parser::types::OperationType;
use async_graphql::{Data, Executor, Request, Response, ServerError};
use futures::future::{self, FutureExt};
use futures::stream::{self, BoxStream, StreamExt};
use tokio::sync::Semaphore;

use super::gate::{Admitted, Gate};
use crate::api::deadline::Deadline;
use crate::api::error::{ApiError, Code};
use crate::domain::limits::Limits;

/// How many streams one socket may still open. Lies in the data of its session.
pub(super) struct SocketQuota(pub(super) Arc<Semaphore>);

/// A schema behind the gate.
#[derive(Clone)]
pub(crate) struct Door<E> {
    schema: E,
    gate: Arc<Gate>,
}

impl<E: Executor> Door<E> {
    pub(crate) fn new(schema: E, gate: Gate) -> Self {
        Self { schema, gate: Arc::new(gate) }
    }

    /// The limits that it holds.
    pub(crate) fn limits(&self) -> &Limits {
        self.gate.limits()
    }

    /// Judges a request; the error is the whole answer.
    pub(super) fn admit(&self, request: Request) -> Result<Admitted, Box<Response>> {
        self.gate.admit(request).map_err(|error| Response::from_errors(vec![error]).into())
    }

    /// Executes a query or a mutation that was admitted.
    pub(super) async fn run(&self, admitted: Admitted) -> Response {
        let deadline = Deadline::after(self.limits().request_timeout);
        let request = admitted.request.data(deadline.clone());
        let answer = AssertUnwindSafe(self.schema.execute(request)).catch_unwind();
        tokio::select! {
            answer = answer => match answer {
                Ok(response) => finish(response),
                Err(_) => fault(),
            },
            // A write that is under way goes on: no request owns a transaction.
            () = deadline.passed() => refuse(ApiError::new(
                Code::DeadlineExceeded,
                "it took longer than a request may; whether it was done is unknown, so repeat it with the same idempotency key or look",
            )),
        }
    }
}

impl<E: Executor> Executor for Door<E> {
    async fn execute(&self, request: Request) -> Response {
        match self.admit(request) {
            Ok(admitted) => self.run(admitted).await,
            Err(refused) => *refused,
        }
    }

    fn execute_stream(
        &self,
        request: Request,
        session: Option<Arc<Data>>,
    ) -> BoxStream<'static, Response> {
        let admitted = match self.admit(request) {
            Ok(admitted) => admitted,
            Err(refused) => return one(*refused),
        };
        if admitted.operation != OperationType::Subscription {
            let door = self.clone();
            return stream::once(async move { door.run(admitted).await }).boxed();
        }
        let permit = match session.as_deref().and_then(quota) {
            None => None,
            Some(quota) => match Arc::clone(&quota.0).try_acquire_owned() {
                Ok(permit) => Some(permit),
                Err(_) => return one(refuse(too_many_streams(self.limits()))),
            },
        };
        let events = self.schema.execute_stream(admitted.request, session).map(finish);
        let guarded = AssertUnwindSafe(events).catch_unwind();
        guarded
            .map(move |event| {
                // Held until the stream is dropped.
                let _permit = &permit;
                event.unwrap_or_else(|_| fault())
            })
            .boxed()
    }
}

fn quota(data: &Data) -> Option<&SocketQuota> {
    data.get(&std::any::TypeId::of::<SocketQuota>())?.downcast_ref()
}

fn too_many_streams(limits: &Limits) -> ApiError {
    let most = limits.subscriptions_per_socket;
    let message = format!(
        "one socket may have {most} subscriptions at a time: end one, or open another socket"
    );
    ApiError::new(Code::RateLimited, message).retry_after_ms(1_000)
}

fn one(response: Response) -> BoxStream<'static, Response> {
    stream::once(future::ready(response)).boxed()
}

fn refuse(error: ApiError) -> Response {
    Response::from_errors(vec![error.into_server_error()])
}

/// The answer after a panic in a resolver: its own message is in the log already.
fn fault() -> Response {
    refuse(ApiError::internal_text("a resolver panicked"))
}

/// Gives every error a code. Those without one are the library's own: a document that does not fit
/// the schema, or an argument that cannot be read.
fn finish(mut response: Response) -> Response {
    for error in &mut response.errors {
        if !has_code(error) {
            let extensions = error.extensions.get_or_insert_default();
            extensions.set("code", Code::GraphqlValidationFailed.as_str());
        }
    }
    response
}

fn has_code(error: &ServerError) -> bool {
    error.extensions.as_ref().is_some_and(|extensions| extensions.get("code").is_some())
}
