//! Sockets: the `graphql-transport-ws` protocol on the path of `/graphql`.
//!
//! The library's session speaks the protocol for now. Around it stands what it lacks: only the one
//! subprotocol, bounds on messages, sockets, streams and patience, the protocol's close codes, and
//! a close by name when the server stops, so that a client can tell an end from a fault (P7).
//!
//! # Concurrency
//!
//! One task a socket, spawned by the upgrade; it ends when the client goes, when it is too slow,
//! or when `closing` is cancelled.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_graphql::http::{WebSocket as Session, WebSocketProtocols, WsMessage};
use async_graphql::{Data, Executor};
use axum::body::Body;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequestParts, Request};
use axum::http::header::{SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use futures::stream::{self, SplitSink};
use futures::{SinkExt, StreamExt, future};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::Entrance;
use super::answer::problem;
use super::door::{Door, SocketQuota};
use crate::api::error::{ApiError, Code};
use crate::domain::limits::Limits;

/// The only subprotocol.
const PROTOCOL: &str = "graphql-transport-ws";
/// A close frame carries so many bytes of reason at most.
const MAX_REASON: usize = 123;

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
    let mut offered = offered.filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(','));
    if !offered.any(|name| name.trim() == PROTOCOL) {
        let message = format!("the only subprotocol is `{PROTOCOL}`: offer it");
        let error = ApiError::invalid_input("sec-websocket-protocol", message);
        return problem(StatusCode::BAD_REQUEST, error);
    }
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade,
        Err(rejection) => return rejection.into_response(),
    };
    let Ok(permit) = Arc::clone(&entrance.sockets).try_acquire_owned() else {
        let error = ApiError::new(Code::RateLimited, "as many sockets are open as may be");
        return problem(StatusCode::SERVICE_UNAVAILABLE, error.retry_after_ms(1_000));
    };
    let max = entrance.door.limits().websocket_message;
    upgrade
        .protocols([PROTOCOL])
        .max_message_size(max)
        .max_frame_size(max)
        .on_upgrade(move |socket| serve(socket, entrance.door, entrance.closing, permit))
}

async fn serve<E: Executor>(
    socket: WebSocket,
    door: Door<E>,
    closing: CancellationToken,
    _permit: OwnedSemaphorePermit,
) {
    let (mut sink, incoming) = socket.split();
    let Limits { init_timeout, slow_reader, websocket_message: max, .. } = *door.limits();
    let unreadable = AtomicBool::new(false);
    let mut incoming = incoming
        .take_while(|message| {
            unreadable.store(message.is_err(), Ordering::Relaxed);
            future::ready(message.is_ok())
        })
        .filter_map(|message| {
            let text = message.ok().filter(|m| matches!(m, Message::Text(_) | Message::Binary(_)));
            future::ready(text.map(Message::into_data))
        })
        .boxed();
    let first = match timeout(init_timeout, incoming.next()).await {
        Ok(Some(first)) => first,
        Ok(None) => return end(&mut sink, &unreadable, max).await,
        Err(_) => return close(&mut sink, 4408, "Connection initialisation timeout").await,
    };
    let mut data = Data::default();
    data.insert(SocketQuota(Arc::new(Semaphore::new(door.limits().subscriptions_per_socket))));
    let incoming = stream::once(future::ready(first)).chain(incoming);
    let session = Session::new(door, incoming, WebSocketProtocols::GraphQLWS).connection_data(data);
    let mut session = std::pin::pin!(session);
    loop {
        let message = tokio::select! {
            biased;
            () = closing.cancelled() => return close(&mut sink, 1001, "the server stops").await,
            message = session.next() => message,
        };
        let sent = match message {
            None => return end(&mut sink, &unreadable, max).await,
            Some(WsMessage::Close(code, reason)) => {
                return close(&mut sink, protocol_code(code), &reason).await;
            }
            Some(WsMessage::Text(text)) => {
                timeout(slow_reader, sink.send(Message::Text(text.into()))).await
            }
        };
        match sent {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return,
            Err(_) => return close(&mut sink, 1013, "too slow").await,
        }
    }
}

/// Nothing more comes: the client went, or what it sent is no message or too long a one.
async fn end(sink: &mut SplitSink<WebSocket, Message>, unreadable: &AtomicBool, max: usize) {
    if unreadable.load(Ordering::Relaxed) {
        let reason = format!("a message is text of at most {max} bytes");
        close(sink, 4400, &reason).await;
    }
}

/// The protocol's code for what the library says with a general one.
fn protocol_code(code: u16) -> u16 {
    match code {
        1002 => 4400,
        1011 => 4401,
        code => code,
    }
}

async fn close(sink: &mut SplitSink<WebSocket, Message>, code: u16, reason: &str) {
    let mut end = reason.len().min(MAX_REASON);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    let frame = CloseFrame { code, reason: reason[..end].into() };
    // Whether the client still hears it does not matter: the socket is dropped after it.
    let _ = timeout(Duration::from_secs(1), sink.send(Message::Close(Some(frame)))).await;
}
