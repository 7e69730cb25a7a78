//! A client of `graphql-transport-ws`, one subscription a socket.

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::bed::Server;
use crate::support::deadline::within;

/// One subscription.
pub(super) struct Subscription {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Everything that was heard, for the message of a deadline.
    heard: Vec<String>,
}

/// What is heard next.
#[derive(Debug, PartialEq)]
pub(super) enum Heard {
    Data(Value),
    Error(String),
    Complete,
    Closed(u16),
}

impl Server {
    pub(super) async fn subscribe(&self, query: &str, variables: Value) -> Subscription {
        let address = format!("ws://{}/graphql", self.address);
        let mut request = address.into_client_request().unwrap();
        let protocol = "graphql-transport-ws".parse().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", protocol);
        let (socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
        let mut subscription = Subscription { socket, heard: Vec::new() };
        subscription.say(&json!({"type": "connection_init"})).await;
        assert_eq!(subscription.message().await.unwrap()["type"], "connection_ack");
        let payload = json!({"query": query, "variables": variables});
        subscription.say(&json!({"type": "subscribe", "id": "1", "payload": payload})).await;
        subscription
    }
}

impl Subscription {
    async fn say(&mut self, message: &Value) {
        self.socket.send(Message::text(message.to_string())).await.unwrap();
    }

    async fn message(&mut self) -> Result<Value, u16> {
        match within("a message", &self.heard, self.socket.next()).await.unwrap().unwrap() {
            Message::Text(text) => {
                self.heard.push(text.to_string());
                Ok(serde_json::from_str(&text).unwrap())
            }
            Message::Close(frame) => Err(frame.map_or(0, |frame| frame.code.into())),
            other @ (Message::Binary(_)
            | Message::Ping(_)
            | Message::Pong(_)
            | Message::Frame(_)) => panic!("{other:?}"),
        }
    }

    pub(super) async fn next(&mut self) -> Heard {
        let mut message = match self.message().await {
            Ok(message) => message,
            Err(code) => return Heard::Closed(code),
        };
        if message["type"] == "complete" {
            return Heard::Complete;
        }
        if message["type"] == "error" {
            let code = message["payload"][0]["extensions"]["code"].as_str();
            return Heard::Error(code.expect("every error has a code").to_owned());
        }
        assert!(message["payload"]["errors"].is_null(), "{message}");
        Heard::Data(message["payload"]["data"].take())
    }

    /// The next value of the one field.
    pub(super) async fn value(&mut self) -> Value {
        match self.next().await {
            Heard::Data(Value::Object(fields)) => fields.into_iter().next().unwrap().1,
            other @ (Heard::Data(_) | Heard::Error(_) | Heard::Complete | Heard::Closed(_)) => {
                panic!("{other:?} after {:?}", self.heard)
            }
        }
    }
}
