//! The one door to the schema: the gate before it, bounds on its time and on the size of its
//! answer, a code on every error behind it. HTTP and WebSocket hold the same door, and nothing holds the schema but the door.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_graphql::parser::types::OperationType;
use async_graphql::{Executor, Request, Response, ServerError, Value};
use futures::future::{self, BoxFuture, FutureExt};
use futures::ready;
use futures::stream::{self, BoxStream, Stream, StreamExt};
use tokio::time::timeout;
use tracing::{Instrument, Span};

use super::callers::UnderWay;
use super::credentials::unauthenticated;
use super::gate::{Admitted, Gate};
use super::log_id;
use crate::api::budget::Budget;
use crate::api::deadline::Deadline;
use crate::api::error::{ApiError, Code, MAX_MESSAGE, OUTCOME_UNKNOWN};
use crate::api::meter::Meter;
use crate::api::shared::{Asked, Follower, Questions};
use crate::auth::{Caller, NotKnown};
use crate::domain::limits::Limits;
use crate::domain::text::shortened;

/// So many characters of an operation's name stand in a log.
const MOST_OF_NAME: usize = 80;
/// So many faults of one document are told.
const MOST_ERRORS: usize = 20;

/// A schema behind the gate.
#[derive(Clone)]
pub(crate) struct Door<E> {
    schema: E,
    gate: Arc<Gate>,
    welcome: Welcome,
    questions: Questions,
    meter: Arc<Meter>,
}

/// Puts into a request what its resolvers reach for its caller, who must be let in still: much may have
/// happened since its head was read.
pub(crate) type Welcome = Arc<dyn Fn(Request, &Caller) -> Result<Request, NotKnown> + Send + Sync>;

/// What an operation tells as it runs, whatever it is.
#[derive(Debug)]
pub(super) enum Told {
    /// A result; the only one of a query or a mutation.
    Next(Response),
    /// A result as it is written: others are told it too.
    Shared(Arc<str>),
    /// The same, and the operation ended with it: the last word.
    Last(Arc<str>),
    /// It was refused, or broke off: the last word.
    Error(Vec<ServerError>),
    /// It ended: the last word.
    Complete,
}

impl Told {
    /// Nothing more comes.
    pub(super) fn is_last(&self) -> bool {
        match self {
            Self::Next(_) | Self::Shared(_) => false,
            Self::Last(_) | Self::Error(_) | Self::Complete => true,
        }
    }
}

/// The answer to an operation that was admitted.
pub(super) struct Ran {
    /// The answer.
    pub(super) response: Response,
    /// It is known that resolvers ran, though the answer does not show it: it broke off.
    pub(super) broke_off: bool,
}

impl<E: Executor> Door<E> {
    pub(crate) fn new(schema: E, gate: Gate, welcome: Welcome, meter: Arc<Meter>) -> Self {
        let shared = schema.clone();
        let questions = Questions::new(move |request| shared.execute_stream(request, None));
        Self { schema, gate: Arc::new(gate), welcome, questions, meter }
    }

    /// Where what passes is counted.
    pub(super) fn meter(&self) -> &Meter {
        &self.meter
    }

    /// The limits that it holds.
    pub(crate) fn limits(&self) -> &Limits {
        self.gate.limits()
    }

    /// Judges a request of this caller; the error is the whole answer.
    pub(super) fn admit(
        &self,
        request: Request,
        caller: &Caller,
    ) -> Result<Admitted, Box<Response>> {
        let admitted = self.gate.admit(request).and_then(|mut admitted| {
            admitted.needs.check(caller).map_err(ApiError::into_server_error)?;
            admitted.request = (self.welcome)(admitted.request, caller)
                .map_err(|why| unauthenticated(&why).into_server_error())?;
            Ok(admitted)
        });
        admitted.inspect(|admitted| self.meter.admitted(admitted.operation)).map_err(|error| {
            let errors = vec![error];
            self.meter.told_all(&errors);
            Response::from_errors(errors).into()
        })
    }

    /// Executes a query or a mutation that was admitted.
    pub(super) async fn run(&self, admitted: Admitted) -> Ran {
        let span = span(&admitted);
        let ran = self.answer(admitted).instrument(span).await;
        self.meter.told_all(&ran.response.errors);
        ran
    }

    async fn answer(&self, admitted: Admitted) -> Ran {
        let budget = Arc::new(Budget::new(self.limits()));
        let deadline = Deadline::after(self.limits().request_timeout);
        let operation = admitted.operation;
        let request = admitted.into_request().data(Arc::clone(&budget)).data(deadline.clone());
        let executed = AssertUnwindSafe(self.schema.execute(request)).catch_unwind();
        // A write that is under way when the time is up goes on: no request owns a transaction.
        let answer = tokio::select! {
            // What is done is done, also where nobody asked until the time was up.
            biased;
            answer = executed => Ok(answer),
            () = deadline.passed() => Err(()),
        };
        let error = match (answer, budget.exceeded()) {
            (Ok(Ok(response)), None) => {
                let mut response = finish(response);
                if operation == OperationType::Mutation {
                    mark_done(&mut response);
                }
                return Ran { response, broke_off: false };
            }
            (Ok(Ok(_)), Some(error)) => error,
            (Ok(Err(_)), _) => fault(),
            (Err(()), _) => too_slow(),
        };
        let error = match operation {
            OperationType::Mutation => error.outcome_unknown(),
            OperationType::Query | OperationType::Subscription => error,
        };
        Ran { response: refuse(error), broke_off: true }
    }

    /// Judges and runs an operation whose results are told one by one; the last is its end. A stream
    /// is not under way any more once it began.
    pub(super) fn begin(
        &self,
        request: Request,
        caller: &Caller,
        under_way: UnderWay,
    ) -> BoxStream<'static, Told> {
        match self.admit(request, caller) {
            Ok(admitted) if admitted.operation == OperationType::Subscription => {
                self.operate(admitted)
            }
            Ok(admitted) => self.operate(admitted).inspect(move |_| _ = &under_way).boxed(),
            Err(refused) => refusal(refused.errors),
        }
    }

    /// Runs an operation that was admitted; the last that it tells is its end.
    pub(super) fn operate(&self, admitted: Admitted) -> BoxStream<'static, Told> {
        if admitted.operation == OperationType::Subscription {
            return self.follow(admitted);
        }
        let door = self.clone();
        let answer = async move {
            let response = door.run(admitted).await.response;
            if has_no_data(&response) {
                vec![Told::Error(response.errors)]
            } else {
                vec![Told::Next(response), Told::Complete]
            }
        };
        stream::once(answer).flat_map(stream::iter).boxed()
    }

    /// Runs a subscription that was admitted.
    fn follow(&self, admitted: Admitted) -> BoxStream<'static, Told> {
        match self.questions.join(&admitted.request, &admitted.document) {
            Some(Ok(asked)) => {
                let open = open(asked, self.limits().request_timeout);
                Following::Opening(open.boxed()).inspect(self.counting()).boxed()
            }
            Some(Err(refused)) => refusal(finish(*refused).errors).inspect(self.counting()).boxed(),
            None => self.execute(admitted.into_request()),
        }
    }

    /// Executes a subscription. After an error of ours nothing more comes.
    fn execute(&self, request: Request) -> BoxStream<'static, Told> {
        let budget = Arc::new(Budget::new(self.limits()));
        let request = request.data(Arc::clone(&budget));
        let events = AssertUnwindSafe(self.schema.execute_stream(request, None)).catch_unwind();
        let most = self.limits().request_timeout;
        let messages = stream::unfold(Some((events, budget)), move |following| async move {
            let (mut events, budget) = following?;
            let event = tokio::select! {
                biased;
                event = events.next() => event,
                () = budget.overdue(most) => return Some((broken(too_slow()), None)),
            };
            match (event, budget.exceeded()) {
                (None, _) => Some((Told::Complete, None)),
                (Some(Ok(response)), None) if is_of_source(&response) => {
                    Some((Told::Error(finish(response).errors), None))
                }
                (Some(Ok(response)), None) => {
                    Some((Told::Next(finish(response)), Some((events, budget))))
                }
                (Some(Ok(_)), Some(error)) => Some((broken(error), None)),
                (Some(Err(_)), _) => Some((broken(fault()), None)),
            }
        });
        messages.inspect(self.counting()).boxed()
    }

    /// Counts the errors of what is told.
    fn counting(&self) -> impl Fn(&Told) + Send + use<E> {
        let meter = Arc::clone(&self.meter);
        move |told| match told {
            Told::Error(errors) => meter.told_all(errors),
            Told::Next(response) => meter.told_all(&response.errors),
            // Written once for many, and never with an error: that ends it.
            Told::Shared(_) | Told::Last(_) | Told::Complete => {}
        }
    }

    /// The refusal of an operation past so many that one socket may have at a time.
    pub(super) fn too_many(&self) -> Vec<ServerError> {
        let most = self.limits().subscriptions_per_socket;
        let message = format!(
            "one socket may have {most} operations at a time: end one, or open another socket"
        );
        let error = ApiError::new(Code::RateLimited, message).retry_after_ms(1_000);
        self.meter.told(error.code());
        vec![error.into_server_error()]
    }
}

/// A subscription whose messages are shared. What opens it is let go once it is open.
enum Following {
    Opening(BoxFuture<'static, Result<BoxStream<'static, Told>, Told>>),
    Open(BoxStream<'static, Told>),
    Refused,
}

impl Stream for Following {
    type Item = Told;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Told>> {
        if let Self::Opening(opening) = &mut *self {
            match ready!(opening.as_mut().poll(cx)) {
                Ok(messages) => *self = Self::Open(messages),
                Err(refused) => {
                    *self = Self::Refused;
                    return Poll::Ready(Some(refused));
                }
            }
        }
        match &mut *self {
            Self::Open(messages) => messages.poll_next_unpin(cx),
            Self::Opening(_) | Self::Refused => Poll::Ready(None),
        }
    }
}

/// Opens a subscription whose messages are shared; the error is all that is told of it.
async fn open(asked: Asked, most: Duration) -> Result<BoxStream<'static, Told>, Told> {
    match timeout(most, AssertUnwindSafe(asked.open()).catch_unwind()).await {
        Ok(Ok(Ok(follower))) => Ok(messages(follower).boxed()),
        Ok(Ok(Err(error))) => Err(failed(error)),
        Ok(Err(_)) => Err(broken(fault())),
        Err(_) => Err(broken(too_slow())),
    }
}

/// What is told from the first message on.
fn messages(follower: Follower) -> impl Stream<Item = Told> + Send {
    stream::unfold(Some(follower), |following| async move {
        let mut follower = following?;
        match AssertUnwindSafe(follower.next()).catch_unwind().await {
            Ok(Some(Ok(text))) if follower.has_ended() => Some((Told::Last(text), None)),
            Ok(Some(Ok(text))) => Some((Told::Shared(text), Some(follower))),
            Ok(Some(Err(error))) => Some((failed(error), None)),
            Ok(None) => Some((Told::Complete, None)),
            Err(_) => Some((broken(fault()), None)),
        }
    })
}

fn failed(error: ServerError) -> Told {
    Told::Error(finish(Response::from_errors(vec![error])).errors)
}

/// The errors are all there is: of the request itself, or of an operation that broke off.
pub(super) fn has_no_data(response: &Response) -> bool {
    response.is_err()
        && response.data == Value::Null
        && response.errors.iter().all(|error| error.path.is_empty())
}

/// The stream itself failed, and not a field of one of its events: the library ends it there, and a
/// client must not take that for the end of what it follows (P7).
fn is_of_source(response: &Response) -> bool {
    !response.errors.is_empty() && response.errors.iter().all(|error| error.path.len() <= 1)
}

fn broken(error: ApiError) -> Told {
    Told::Error(refuse(error).errors)
}

/// What is logged while an operation runs bears this. Of a query only where all is logged, since it
/// costs a tenth of one; of what is followed, of which there may be tens of thousands, nothing does.
fn span(admitted: &Admitted) -> Span {
    let name = admitted.request.operation_name.as_deref();
    let name = || name.map(|name| name.chars().take(MOST_OF_NAME).collect::<String>());
    if admitted.operation == OperationType::Mutation {
        tracing::info_span!(
            "operation",
            operation.id = log_id(),
            operation.kind = "mutation",
            operation.name = name()
        )
    } else {
        tracing::debug_span!(
            "operation",
            operation.id = log_id(),
            operation.kind = "query",
            operation.name = name()
        )
    }
}

/// An operation that tells only why it was refused.
pub(super) fn refusal(errors: Vec<ServerError>) -> BoxStream<'static, Told> {
    stream::once(future::ready(Told::Error(errors))).boxed()
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
    // Of a document that does not fit, the library says so for each place of it.
    if has_no_data(&response) {
        response.errors.truncate(MOST_ERRORS);
    }
    for error in &mut response.errors {
        error.message = shortened(std::mem::take(&mut error.message), MAX_MESSAGE);
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
