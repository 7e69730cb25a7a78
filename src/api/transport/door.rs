//! The one door to the schema: the gate before it, bounds on its time and on the size of its
//! answer, a code on every error behind it. HTTP and WebSocket hold the same door, and nothing holds the schema but the door.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use async_graphql::parser::types::OperationType;
use async_graphql::{Data, Executor, Request, Response, ServerError};
use futures::future::{self, FutureExt};
use futures::stream::{self, BoxStream, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::gate::{Admitted, Gate};
use crate::api::budget::Budget;
use crate::api::deadline::Deadline;
use crate::api::error::{ApiError, Code, OUTCOME_UNKNOWN};
use crate::domain::limits::Limits;

/// How many operations one socket may still begin. Lies in the data of its session.
pub(super) struct SocketQuota(pub(super) Arc<Semaphore>);

/// A schema behind the gate.
#[derive(Clone)]
pub(crate) struct Door<E> {
    schema: E,
    gate: Arc<Gate>,
}

/// The answer to an operation that was admitted.
pub(super) struct Ran {
    /// The answer.
    pub(super) response: Response,
    /// It is known that resolvers ran, though the answer does not show it: it broke off.
    pub(super) broke_off: bool,
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
    pub(super) async fn run(&self, admitted: Admitted) -> Ran {
        let budget = Arc::new(Budget::new(self.limits()));
        let deadline = Deadline::after(self.limits().request_timeout);
        let request = admitted.request.data(Arc::clone(&budget)).data(deadline.clone());
        let executed = AssertUnwindSafe(self.schema.execute(request)).catch_unwind();
        // A write that is under way when the time is up goes on: no request owns a transaction.
        let answer = tokio::select! {
            answer = executed => Ok(answer),
            () = deadline.passed() => Err(()),
        };
        let error = match (answer, budget.exceeded()) {
            (Ok(Ok(response)), None) => {
                let mut response = finish(response);
                if admitted.operation == OperationType::Mutation {
                    mark_done(&mut response);
                }
                return Ran { response, broke_off: false };
            }
            (Ok(Ok(_)), Some(error)) => error,
            (Ok(Err(_)), _) => fault(),
            (Err(()), _) => too_slow(),
        };
        let error = match admitted.operation {
            OperationType::Mutation => error.outcome_unknown(),
            OperationType::Query | OperationType::Subscription => error,
        };
        Ran { response: refuse(error), broke_off: true }
    }

    /// Executes a subscription that was admitted. After an error of ours nothing more comes.
    fn follow(
        &self,
        request: Request,
        session: Option<Arc<Data>>,
        permit: Option<OwnedSemaphorePermit>,
    ) -> BoxStream<'static, Response> {
        let budget = Arc::new(Budget::new(self.limits()));
        let request = request.data(Arc::clone(&budget));
        let events = AssertUnwindSafe(self.schema.execute_stream(request, session)).catch_unwind();
        let most = self.limits().request_timeout;
        // The permit is held until the stream is dropped.
        let begin = Some((events, budget, permit));
        let messages = stream::unfold(begin, move |following| async move {
            let (mut events, budget, permit) = following?;
            let event = tokio::select! {
                biased;
                event = events.next() => event?,
                () = budget.overdue(most) => return Some((refuse(too_slow()), None)),
            };
            match (event, budget.exceeded()) {
                (Ok(response), None) => Some((finish(response), Some((events, budget, permit)))),
                (Ok(_), Some(error)) => Some((refuse(error), None)),
                (Err(_), _) => Some((refuse(fault()), None)),
            }
        });
        messages.boxed()
    }
}

impl<E: Executor> Executor for Door<E> {
    async fn execute(&self, request: Request) -> Response {
        match self.admit(request) {
            Ok(admitted) => self.run(admitted).await.response,
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
        let permit = match session.as_deref().and_then(quota) {
            None => None,
            Some(quota) => match Arc::clone(&quota.0).try_acquire_owned() {
                Ok(permit) => Some(permit),
                Err(_) => return one(refuse(too_many(self.limits()))),
            },
        };
        if admitted.operation == OperationType::Subscription {
            return self.follow(admitted.request, session, permit);
        }
        let door = self.clone();
        stream::once(async move {
            let _permit = permit;
            door.run(admitted).await.response
        })
        .boxed()
    }
}

fn quota(data: &Data) -> Option<&SocketQuota> {
    data.get(&std::any::TypeId::of::<SocketQuota>())?.downcast_ref()
}

fn too_many(limits: &Limits) -> ApiError {
    let most = limits.subscriptions_per_socket;
    let message =
        format!("one socket may have {most} operations at a time: end one, or open another socket");
    ApiError::new(Code::RateLimited, message).retry_after_ms(1_000)
}

fn one(response: Response) -> BoxStream<'static, Response> {
    stream::once(future::ready(response)).boxed()
}

fn refuse(error: ApiError) -> Response {
    Response::from_errors(vec![error.into_server_error()])
}

/// A panic in a resolver: its own message is in the log already.
fn fault() -> ApiError {
    ApiError::internal_text("a resolver panicked")
}

fn too_slow() -> ApiError {
    ApiError::new(Code::DeadlineExceeded, "it took longer than a request may: ask for less at once")
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

/// Marks errors that took a part of the answer of a mutation: they lie below its one field, which
/// was done before anything of its answer was resolved.
fn mark_done(response: &mut Response) {
    for error in response.errors.iter_mut().filter(|error| error.path.len() > 1) {
        error.extensions.get_or_insert_default().set(OUTCOME_UNKNOWN, true);
    }
}

fn has_code(error: &ServerError) -> bool {
    error.extensions.as_ref().is_some_and(|extensions| extensions.get("code").is_some())
}
