//! One subscription on one WebSocket, by the `graphql-transport-ws` protocol.
//!
//! # Concurrency
//!
//! [`Subscription::next`] may be dropped at any await and called again; no message is lost.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::AUTHORIZATION;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::super::operations::Operation;
use super::{Answer, CONNECT_TIMEOUT, Credentials, GraphqlError};

const SUBPROTOCOL: &str = "graphql-transport-ws";
/// No token, or one that is worth nothing or nothing more.
const FORBIDDEN: u16 = 4403;
/// The id of the one operation on the socket.
const ID: &str = "1";
/// After so long without a word the server is asked whether it is there, and given as long again.
const SILENCE: Duration = Duration::from_secs(20);

/// A running subscription.
#[derive(Debug)]
pub(super) struct Subscription {
    socket: WebSocketStream<TcpStream>,
    opened: Instant,
    heard: Instant,
    asked: bool,
}

/// Why no further event comes.
#[derive(Debug)]
pub(super) enum StreamError {
    /// The connection is gone, or was never made; another one may do.
    Lost(String),
    /// The server refused the operation, or ended it with an error.
    Refused(Vec<GraphqlError>),
    /// The server refused the connection; what it said.
    Forbidden(String),
}

/// A message of the server.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum FromServer {
    ConnectionAck,
    Ping,
    Pong,
    Next { payload: Answer },
    Error { payload: Vec<GraphqlError> },
    Complete,
}

fn lost(error: impl std::fmt::Display) -> StreamError {
    StreamError::Lost(error.to_string())
}

impl Subscription {
    /// Connects to the server whose address is `url` and subscribes.
    pub(super) async fn open(
        url: &Url,
        credentials: Option<&Credentials>,
        operation: Operation,
        variables: &Map<String, Value>,
    ) -> Result<Self, StreamError> {
        let opening = timeout(CONNECT_TIMEOUT, Self::handshake(url, credentials));
        let mut subscription =
            opening.await.map_err(|_| lost("the server does not answer in time"))??;
        let payload = json!({
            "query": operation.text,
            "operationName": Some(operation.name).filter(|name| !name.is_empty()),
            "variables": variables,
        });
        subscription.send(&json!({"id": ID, "type": "subscribe", "payload": payload})).await?;
        Ok(subscription)
    }

    async fn handshake(url: &Url, credentials: Option<&Credentials>) -> Result<Self, StreamError> {
        let mut address = url.join("graphql").map_err(lost)?;
        address.set_scheme("ws").expect("http becomes ws");
        let mut request = address.as_str().into_client_request().map_err(lost)?;
        request
            .headers_mut()
            .insert("Sec-WebSocket-Protocol", HeaderValue::from_static(SUBPROTOCOL));
        if let Some(credentials) = credentials {
            request.headers_mut().insert(AUTHORIZATION, credentials.header());
        }
        let stream = reach(&addresses(url).await.map_err(lost)?).await.map_err(lost)?;
        let (socket, _) = client_async(request, stream).await.map_err(refused)?;
        let now = Instant::now();
        let mut subscription = Self { socket, opened: now, heard: now, asked: false };
        subscription.send(&json!({"type": "connection_init"})).await?;
        loop {
            match subscription.message().await? {
                FromServer::ConnectionAck => return Ok(subscription),
                FromServer::Ping => subscription.send(&json!({"type": "pong"})).await?,
                FromServer::Pong
                | FromServer::Next { .. }
                | FromServer::Error { .. }
                | FromServer::Complete => return Err(lost("the server breaks the protocol")),
            }
        }
    }

    /// How long ago it was opened.
    pub(super) fn age(&self) -> Duration {
        self.opened.elapsed()
    }

    /// The `data` of the next event; `None` after the last one.
    pub(super) async fn next(&mut self) -> Result<Option<Value>, StreamError> {
        loop {
            match self.message().await? {
                FromServer::Next { payload } if payload.errors.is_empty() => {
                    return Ok(Some(payload.data.unwrap_or_default()));
                }
                FromServer::Next { payload } => return Err(StreamError::Refused(payload.errors)),
                FromServer::Error { payload } => return Err(StreamError::Refused(payload)),
                FromServer::Complete => return Ok(None),
                FromServer::Ping => self.send(&json!({"type": "pong"})).await?,
                FromServer::ConnectionAck | FromServer::Pong => {}
            }
        }
    }

    /// The next message, whatever it is; asks a silent server whether it is there.
    async fn message(&mut self) -> Result<FromServer, StreamError> {
        loop {
            match timeout_at(self.heard + SILENCE, self.socket.next()).await {
                Err(_) if self.asked => return Err(lost("the server fell silent")),
                Err(_) => {
                    self.heard = Instant::now();
                    self.asked = true;
                    self.send(&json!({"type": "ping"})).await?;
                }
                Ok(frame) => {
                    self.heard = Instant::now();
                    self.asked = false;
                    if let Some(message) = read_frame(frame)? {
                        return Ok(message);
                    }
                }
            }
        }
    }

    async fn send(&mut self, message: &Value) -> Result<(), StreamError> {
        self.socket.send(Message::text(message.to_string())).await.map_err(lost)
    }
}

/// The addresses of the server.
async fn addresses(url: &Url) -> io::Result<Vec<SocketAddr>> {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    Ok(lookup_host((host, url.port_or_known_default().unwrap_or(80))).await?.collect())
}

/// A connection to the first address that takes one. Each has its share of the time: one that is cut off says nothing.
async fn reach(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let share = CONNECT_TIMEOUT / u32::try_from(addresses.len() + 1).unwrap_or(u32::MAX);
    let mut last = io::Error::new(io::ErrorKind::NotFound, "its name has no address");
    for (number, address) in addresses.iter().enumerate() {
        let time = if number + 1 < addresses.len() { share } else { CONNECT_TIMEOUT };
        match timeout(time, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::Error::new(io::ErrorKind::TimedOut, "it does not answer in time"),
        }
    }
    Err(last)
}

/// Why there is no socket on a connection.
fn refused(error: WsError) -> StreamError {
    let WsError::Http(answer) = &error else { return lost(error) };
    let body = answer.body().as_deref().unwrap_or_default();
    match serde_json::from_slice::<Answer>(body) {
        // No room for another one, or the like.
        Ok(said) if !said.errors.is_empty() => StreamError::Refused(said.errors),
        // Another try would hear the same.
        _ if matches!(answer.status().as_u16(), 401 | 403) => {
            let text = String::from_utf8_lossy(body);
            StreamError::Forbidden(text.lines().next().unwrap_or("").to_owned())
        }
        Ok(_) | Err(_) => lost(error),
    }
}

/// The message in a frame; `None` for frames that carry none. The library answers pings.
fn read_frame(frame: Option<Result<Message, WsError>>) -> Result<Option<FromServer>, StreamError> {
    match frame {
        None => Err(lost("the connection was closed")),
        Some(Err(error)) => Err(lost(error)),
        Some(Ok(Message::Text(text))) => serde_json::from_str(&text)
            .map(Some)
            .map_err(|error| lost(format!("the server breaks the protocol: {error}"))),
        // Another try would hear the same.
        Some(Ok(Message::Close(Some(frame)))) if u16::from(frame.code) == FORBIDDEN => {
            let message = frame.reason.strip_prefix("Forbidden: ").unwrap_or(&frame.reason);
            Err(StreamError::Refused(vec![GraphqlError::unauthenticated(message)]))
        }
        Some(Ok(Message::Close(Some(frame)))) => {
            Err(lost(format!("the server closed the connection: {} {}", frame.code, frame.reason)))
        }
        Some(Ok(Message::Close(None))) => Err(lost("the server closed the connection")),
        Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Binary(_) | Message::Frame(_))) => {
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[tokio::test]
    async fn an_address_that_says_nothing_leaves_time_for_the_next() {
        // Its backlog is full: the kernel passes over whoever comes.
        let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
        rustix::net::listen(&deaf, 0).unwrap();
        let deaf = (deaf.local_addr().unwrap(), deaf);
        let filler = std::net::TcpStream::connect(deaf.0).unwrap();
        let good = TcpListener::bind("127.0.0.1:0").unwrap();
        let both = [deaf.0, good.local_addr().unwrap()];
        let reached = timeout(2 * CONNECT_TIMEOUT, reach(&both)).await.expect("it takes too long");
        let reached = reached.unwrap();
        assert_eq!(reached.peer_addr().unwrap(), good.local_addr().unwrap());
        assert!(reach(&[deaf.0]).await.is_err(), "it is as deaf as it is to be");
        drop(filler);
    }

    #[tokio::test]
    async fn an_address_may_be_of_either_kind() {
        for (url, address) in
            [("http://[::1]:7/", "[::1]:7"), ("http://127.0.0.1/", "127.0.0.1:80")]
        {
            let found = addresses(&url.parse().unwrap()).await.unwrap();
            assert_eq!(found, [address.parse().unwrap()]);
        }
    }
}
