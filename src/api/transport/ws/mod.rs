//! Sockets: the `graphql-transport-ws` protocol on the path of `/graphql`.
//!
//! - `message`, `close`: what is said on a socket, and why one is closed.
//! - `session`: the rules, without a network.
//! - `operations`: what runs for one socket; `outgoing`: what it was told and has not taken; `times`: what
//!   must happen by when.
//!
//! The library's own session is not used: it leaves sockets that never begin, answers faults with
//! codes that clients do not know, and takes ten times the memory.
//!
//! # Concurrency
//!
//! One task a socket, spawned by the upgrade; operations are polled in it. It ends when the client
//! goes, breaks the protocol, does not read or does not answer, or when `closing` is cancelled.

mod close;
#[cfg(any(test, feature = "fuzzing"))]
pub(super) mod fuzzing;
mod message;
mod operations;
mod outgoing;
mod session;
#[cfg(test)]
mod tests;
mod times;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Executor, Request as GraphQlRequest};
use axum::body::Body;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequestParts, Request};
use axum::http::Response;
use axum::http::header::{SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use axum::response::IntoResponse;
use futures::future::{self, BoxFuture, FutureExt};
use futures::stream::{SplitStream, StreamExt};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::callers::Account;
use super::credentials::{self, Shown};
use super::door::{Door, Told};
use super::{Entrance, Place};
use crate::api::error::Code;
use crate::auth::{Caller, Keeper, NotKnown};
use close::Close;
use message::FromServer;
use operations::Operations;
use outgoing::Outgoing;
use session::{Act, Session};
use times::{Due, Times};

/// The only subprotocol.
const PROTOCOL: &str = "graphql-transport-ws";
/// Of each read, kept for as long as the socket; the library's own choice is 128 KiB. It grows to the
/// longest message that came.
const READ_BUFFER: usize = 256;
/// What fits is sent in one piece. Nothing is kept of it but what a flush needs.
const WRITE_BUFFER: usize = 4 * 1024;
/// How long a client has to hear why its socket ends.
const FAREWELL: Duration = Duration::from_secs(1);
/// How long a stopping server waits for what an operation may still have to tell.
const LAST_WORD: Duration = Duration::from_millis(50);
/// So many operations that are there no more may wait to be cleared away.
const DROPPED: usize = 16;

pub(super) fn is_upgrade(request: &Request) -> bool {
    let upgrade = request.headers().get(UPGRADE).and_then(|value| value.to_str().ok());
    upgrade.is_some_and(|value| value.eq_ignore_ascii_case("websocket"))
}

/// Turns a request into a socket, or says why not.
pub(super) async fn upgrade<E: Executor>(
    entrance: Entrance<E>,
    request: Request,
) -> Response<Body> {
    let (mut parts, _) = request.into_parts();
    let offered = parts.headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    let offered = offered.filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(','));
    let offered: Vec<_> = offered.map(|name| name.trim().to_owned()).collect();
    let is_offered = offered.iter().any(|name| name == PROTOCOL);
    // A client that hears of no subprotocol gives up before it hears why: so it gets one of its own.
    let answered = if is_offered { Some(PROTOCOL.to_owned()) } else { offered.into_iter().next() };
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade,
        Err(rejection) => return rejection.into_response(),
    };
    let place = match entrance.place(&entrance.door.meter().sockets) {
        Ok(place) => place,
        Err(refused) => return *refused,
    };
    let shown = credentials::of_headers(&parts.headers).map(Shown::new);
    // Its operations count for whoever opened it.
    let account = parts.extensions.remove::<Arc<Account>>().expect("who asks is counted");
    let max = entrance.door.limits().websocket_message;
    let token = entrance.open.token();
    let upgrade = upgrade
        .protocols(answered)
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_message_size(max)
        .max_frame_size(max);
    upgrade.on_upgrade(move |socket| {
        let known = Known { keeper: entrance.keeper, shown, account, caller: None };
        let connection = Box::new(Connection::new(socket, entrance.door, known, place));
        // Of a refused upgrade a page would learn nothing.
        let refusal = (!is_offered).then(Close::subprotocol);
        // A task of its own: the one that made the socket holds more than a socket needs.
        entrance.open.spawn(connection.serve(entrance.closing, refusal));
        // Whoever ends the process waited for it until here.
        drop(token);
        std::future::ready(())
    })
}

/// A socket, and what is done on it.
struct Connection<E> {
    door: Door<E>,
    incoming: SplitStream<WebSocket>,
    outgoing: Outgoing,
    session: Session,
    operations: Operations,
    known: Known,
    /// The library reads no more: what came was no message, and what follows cannot be told from it.
    is_deaf: bool,
    _place: Place,
}

/// Who is at the other end.
struct Known {
    keeper: Arc<Keeper>,
    /// A token of the request that became the socket: no page can send one there.
    shown: Option<Shown>,
    /// What is done on the socket counts for whoever opened it.
    account: Arc<Account>,
    /// Since it was judged, and how long it lasts.
    caller: Option<(Caller, BoxFuture<'static, NotKnown>)>,
}

impl Known {
    /// Judges who begins the session; what stands in its beginning counts more.
    fn judge(&mut self, shown: Option<Shown>) -> Result<(), NotKnown> {
        let shown = shown.or(self.shown.take());
        let caller = self.keeper.judge(shown.as_ref().map(Shown::as_str))?;
        let lapse = Arc::clone(&self.keeper).lapse(caller.clone()).boxed();
        self.caller = Some((caller, lapse));
        Ok(())
    }

    /// Returns when whoever was judged is nobody any more.
    async fn lapse(&mut self) -> NotKnown {
        match &mut self.caller {
            Some((_, lapse)) => lapse.await,
            None => std::future::pending().await,
        }
    }
}

/// Why nothing more is done on a socket.
enum End {
    /// It is closed by name.
    Close(Close),
    /// The client closed it, and may wait for the answer.
    Left,
    /// The client is gone.
    Gone,
}

impl<E: Executor> Connection<E> {
    fn new(socket: WebSocket, door: Door<E>, known: Known, place: Place) -> Self {
        let (sink, incoming) = socket.split();
        let outgoing = Outgoing::new(sink);
        let session = Session::new(door.limits().subscriptions_per_socket);
        let operations = Operations::default();
        Self { door, incoming, outgoing, session, operations, known, is_deaf: false, _place: place }
    }

    async fn serve(mut self: Box<Self>, closing: CancellationToken, refusal: Option<Close>) {
        let end = match refusal {
            Some(close) => End::Close(close),
            None => self.converse(closing).await,
        };
        // What runs for it ends first: nobody will hear of it.
        self.operations = Operations::default();
        match end {
            End::Close(close) => self.close(&close).await,
            // The library has made the answer, and sends it when it is asked for what comes next.
            End::Left => drop(timeout(FAREWELL, self.incoming.next()).await),
            End::Gone => {}
        }
    }

    /// Hears and answers until the socket must end.
    async fn converse(&mut self, closing: CancellationToken) -> End {
        let limits = self.door.limits();
        let slow_reader = limits.slow_reader;
        let most = limits.subscriptions_per_socket + DROPPED;
        let mut times = Times::new(limits);
        let mut closing = pin!(closing.cancelled_owned());
        loop {
            let untaken = self.outgoing.waits_since();
            let may_read = self.outgoing.has_room() && self.operations.len() < most;
            let may_ping = untaken.is_none() && times.ping_is_due();
            let act = tokio::select! {
                biased;
                () = &mut closing => return self.stop().await,
                why = self.known.lapse() => Act::Close(Close::forbidden(&why)),
                sent = self.outgoing.flush(), if untaken.is_some() => match sent {
                    Ok(()) => Act::Nothing,
                    Err(_) => return End::Gone,
                },
                due = times.due(untaken) => match due {
                    Due::Taken => {
                        self.outgoing.clear();
                        Act::Close(Close::too_slow(slow_reader))
                    }
                    Due::Begun => self.session.must_have_begun(),
                    Due::Ping => Act::Nothing,
                },
                message = self.incoming.next(), if may_read => match self.hear(message) {
                    Ok(act) => act,
                    Err(end) => return end,
                },
                told = self.operations.next(), if untaken.is_none() => match told {
                    Some((id, told)) => self.session.tell(&id, &told),
                    None => Act::Nothing,
                },
                // Last, so that what came already is no silence.
                () = future::ready(()), if may_ping => self.ping(&mut times),
            };
            if let Act::Close(close) = self.act(act) {
                return End::Close(close);
            }
            // Nearly always it is taken at once: then nothing else need be looked at before.
            if let Some(Err(_)) = self.outgoing.flush().now_or_never() {
                return End::Gone;
            }
        }
    }

    /// Asks the client whether it is there, unless it has not answered the last time.
    fn ping(&mut self, times: &mut Times) -> Act {
        if let Err(close) = self.session.may_ping(times.pinged()) {
            return Act::Close(close);
        }
        self.outgoing.push(Message::Ping(Vec::new().into()));
        Act::Nothing
    }

    /// Judges what came; the error: nothing more can come.
    fn hear(&mut self, message: Option<Result<Message, axum::Error>>) -> Result<Act, End> {
        self.session.is_there();
        Ok(match message.ok_or(End::Gone)? {
            Ok(Message::Text(text)) => self.session.hear(&text),
            Ok(Message::Binary(_)) => Act::Close(Close::malformed("a message is text")),
            Ok(Message::Ping(_)) => {
                self.outgoing.owe_pong();
                Act::Nothing
            }
            Ok(Message::Pong(_)) => Act::Nothing,
            Ok(Message::Close(_)) => return Err(End::Left),
            Err(_) => {
                self.is_deaf = true;
                let max = self.door.limits().websocket_message;
                let reason = format!("a message is text of at most {max} bytes");
                Act::Close(Close::malformed(&reason))
            }
        })
    }

    /// Begins an operation, unless its caller asks too much.
    fn begin(&mut self, id: &str, request: GraphQlRequest) -> Act {
        // The session begins no operation before its caller is known.
        let Some((caller, _)) = &self.known.caller else { return Act::Nothing };
        match self.known.account.admit() {
            Ok(under_way) => {
                self.operations.add(id, self.door.begin(request, caller, under_way));
                Act::Nothing
            }
            Err(error) => {
                self.door.meter().told(error.code());
                let refused = Told::Error(vec![error.into_server_error()]);
                let act = self.session.tell(id, &refused);
                self.act(act)
            }
        }
    }

    /// Does what can be done here; what ends the socket is handed back.
    fn act(&mut self, act: Act) -> Act {
        match act {
            Act::Nothing => {}
            Act::Say(text) => self.outgoing.push(Message::Text(text.into())),
            Act::SayLast(texts) => {
                for text in texts {
                    self.outgoing.push(Message::Text(text.into()));
                }
            }
            Act::Judge(shown) => {
                let judged = self.known.judge(shown);
                if judged.is_err() {
                    self.door.meter().told(Code::Unauthenticated);
                }
                return match self.session.judged(judged) {
                    Ok(text) => {
                        self.outgoing.push(Message::Text(text.into()));
                        Act::Nothing
                    }
                    Err(close) => Act::Close(close),
                };
            }
            Act::Begin(id, request) => return self.begin(&id, *request),
            Act::Refuse(id) => {
                let refusal = FromServer::Error { id: &id, payload: &self.door.too_many() };
                self.outgoing.push(Message::Text(refusal.text().into()));
            }
            Act::Drop(id) => self.operations.drop(&id),
            close @ Act::Close(_) => return close,
        }
        Act::Nothing
    }

    /// The server stops. What is known already is still told, so that a job that ended is seen to
    /// have ended; whatever else is followed gets no `complete`, and its client comes back.
    async fn stop(&mut self) -> End {
        let telling = async {
            while self.outgoing.flush().await.is_ok() {
                let Ok(told) = timeout(LAST_WORD, self.operations.next()).await else { return };
                if let Some((id, told)) = told {
                    let act = self.session.tell(&id, &told);
                    self.act(act);
                }
            }
        };
        // Whether it was all taken in that time does not matter: the close comes behind it.
        let _ = timeout(FAREWELL, telling).await;
        End::Close(Close::stopping())
    }

    /// Says why, and hears what still comes until the client has answered: a socket that is closed
    /// with something unread is reset, and the reason may be lost on its way.
    async fn close(&mut self, close: &Close) {
        self.outgoing.push(Message::Close(Some(close.frame())));
        let farewell = async {
            if self.outgoing.flush().await.is_ok() {
                while let Some(Ok(_)) = self.incoming.next().await {}
                if self.is_deaf {
                    // Nothing can be heard any more, so the client has all of the time.
                    std::future::pending::<()>().await;
                }
            }
        };
        let _ = timeout(FAREWELL, farewell).await;
    }
}
