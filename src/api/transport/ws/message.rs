//! The messages of `graphql-transport-ws`, read and written.
//!
//! Source: the specification of the protocol in the repository of `graphql-ws`, `PROTOCOL.md`.

use async_graphql::{Request, Response, ServerError};
use serde::Serialize;
use serde_json::{Map, Value};

use super::close::Close;
use crate::api::transport::credentials::{self, Shown};
use crate::api::transport::http;

/// The longest id of an operation, in bytes: each is kept as long as its operation.
const MAX_ID: usize = 1024;

/// What a client says.
#[derive(Debug)]
pub(super) enum FromClient {
    /// It begins its session, and shows a token or none.
    Init(Option<Shown>),
    /// It asks whether the server is there.
    Ping(Option<Map<String, Value>>),
    /// It is there.
    Pong,
    /// It begins an operation.
    Subscribe(String, Box<Request>),
    /// It wants no more of an operation.
    Complete(String),
}

impl FromClient {
    /// Reads a message; the error closes the socket.
    pub(super) fn read(text: &str) -> Result<Self, Close> {
        let Ok(Value::Object(mut fields)) = serde_json::from_str(text) else {
            return Err(Close::malformed("a message is one JSON object"));
        };
        let Some(Value::String(name)) = fields.remove("type") else {
            return Err(Close::malformed("a message needs a `type`, a string"));
        };
        match name.as_str() {
            "connection_init" => payload(&mut fields).map(|payload| {
                Self::Init(credentials::of_payload(payload.as_ref()).map(Shown::new))
            }),
            "ping" => payload(&mut fields).map(Self::Ping),
            "pong" => payload(&mut fields).map(|_| Self::Pong),
            "complete" => id(&mut fields).map(Self::Complete),
            "subscribe" => {
                let id = id(&mut fields)?;
                let Some(Value::Object(mut payload)) = fields.remove("payload") else {
                    return Err(Close::malformed("`payload` must be an object with `query`"));
                };
                let request = http::shape(&mut payload);
                let request = request.map_err(|error| Close::malformed(error.message()))?;
                Ok(Self::Subscribe(id, request.into()))
            }
            other => {
                let known = "connection_init, ping, pong, subscribe or complete";
                Err(Close::malformed(&format!("`type` must be {known}, not {other:?}")))
            }
        }
    }
}

fn id(fields: &mut Map<String, Value>) -> Result<String, Close> {
    match fields.remove("id") {
        Some(Value::String(id)) if (1..=MAX_ID).contains(&id.len()) => Ok(id),
        _ => Err(Close::malformed(&format!("`id` must be a string of 1 to {MAX_ID} bytes"))),
    }
}

fn payload(fields: &mut Map<String, Value>) -> Result<Option<Map<String, Value>>, Close> {
    match fields.remove("payload") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(payload)) => Ok(Some(payload)),
        Some(_) => Err(Close::malformed("`payload` must be an object, or absent")),
    }
}

/// What the server says.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum FromServer<'a> {
    /// The session began.
    ConnectionAck,
    /// The server is there; with what the client's ping brought.
    Pong {
        /// As it came.
        #[serde(skip_serializing_if = "Option::is_none")]
        payload: Option<Map<String, Value>>,
    },
    /// One result of an operation.
    Next {
        /// Which one.
        id: &'a str,
        /// The result.
        payload: &'a Response,
    },
    /// An operation ended before its time; nothing more comes of it.
    Error {
        /// Which one.
        id: &'a str,
        /// Why.
        payload: &'a [ServerError],
    },
    /// An operation ended.
    Complete {
        /// Which one.
        id: &'a str,
    },
}

/// A result that is written already, as [`FromServer::Next`] would be.
pub(super) fn next(id: &str, payload: &str) -> String {
    let id = serde_json::to_string(id).expect("a string is JSON");
    format!(r#"{{"type":"next","id":{id},"payload":{payload}}}"#)
}

impl FromServer<'_> {
    /// As it is sent.
    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).expect("keys are strings, and no value refuses")
    }
}
