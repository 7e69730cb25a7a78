//! Talks GraphQL to a server: requests over HTTP, subscriptions over a WebSocket.
//!
//! Starts carry an idempotency key, and every other request here is safe to repeat by itself. So a
//! server that was reached once and is gone, perhaps with a reply on the way, is asked again for a
//! while (P14); one that was never reached is told of at once.

mod credentials;
mod endpoint;
mod follow;
mod ws;

use std::cell::Cell;
use std::fmt::Write as _;
use std::time::Duration;

use reqwest::header::AUTHORIZATION;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep_until};

use crate::config::ConfigError;

use super::operations::Operation;
use super::output::say;

pub(in crate::cli) use credentials::Credentials;
pub(in crate::cli) use endpoint::Endpoint;
pub(in crate::cli) use follow::Follow;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a lost server is waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// The pause before the first new try, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

impl ClientError {
    /// The most that the server allows where `argument` was more.
    pub(in crate::cli) fn most(&self, argument: &str) -> Option<u32> {
        let Self::Refused(errors) = self else { return None };
        let extensions = &errors.first()?.extensions;
        let is_it = extensions.get("argument")?.as_str() == Some(argument);
        extensions.get("max").filter(|_| is_it)?.as_u64()?.try_into().ok()
    }
}

/// A client of one server.
#[derive(Debug)]
pub(in crate::cli) struct Client {
    http: reqwest::Client,
    endpoint: Endpoint,
    credentials: Option<Credentials>,
    /// The server was there: bytes of a request or of an answer passed.
    reached: Cell<bool>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum ClientError {
    /// Where a server should be, none is known.
    #[error("no server runs on the data folder `{folder}`")]
    NoServer {
        /// The folder.
        folder: String,
    },
    /// Nobody answers there.
    #[error("no server answers at {url}")]
    Unreachable {
        /// Its address.
        url: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Somebody answers, but not with GraphQL.
    #[error("what answers at {url} is no Longhaul server: {found}")]
    NotLonghaul {
        /// Its address.
        url: String,
        /// What came.
        found: String,
    },
    /// The server does not let us in.
    #[error("the server at {url} refuses the request: {text}")]
    Forbidden {
        /// Its address.
        url: String,
        /// What it said.
        text: String,
    },
    /// What was given as an address is none.
    #[error("`{0}` is no address of a server: expected one like `http://127.0.0.1:8080`")]
    BadUrl(String),
    /// What was given as a token is none.
    #[error("{0}")]
    BadToken(String),
    /// The configuration, which says where the server is, is not valid.
    #[error("{0}")]
    Configuration(ConfigError),
    /// The answer is not the one that the schema promises.
    #[error("the answer to {operation} is not as expected: {found}")]
    Unexpected {
        /// The operation.
        operation: &'static str,
        /// What is wrong with the answer.
        found: String,
    },
    /// The server refused, with at least one error.
    #[error("{}", .0.first().map_or("", |error| error.message.as_str()))]
    Refused(Vec<GraphqlError>),
}

/// An error of a GraphQL answer.
#[derive(Debug, Clone, Deserialize)]
pub(in crate::cli) struct GraphqlError {
    /// For a person.
    pub(in crate::cli) message: String,
    /// `code`, and more by code.
    #[serde(default)]
    pub(in crate::cli) extensions: Map<String, Value>,
}

impl GraphqlError {
    /// What a socket is closed with that has no token, or one that is worth nothing.
    fn unauthenticated(message: &str) -> Self {
        let extensions = Map::from_iter([("code".to_owned(), json!("UNAUTHENTICATED"))]);
        Self { message: message.to_owned(), extensions }
    }

    /// Its stable code.
    pub(in crate::cli) fn code(&self) -> Option<&str> {
        self.extensions.get("code")?.as_str()
    }

    /// The message, and a line for each argument that does not fit, by the argument's name.
    pub(in crate::cli) fn told(&self) -> String {
        let mut text = self.message.clone();
        let problems = self.extensions.get("problems").and_then(Value::as_array);
        for problem in problems.into_iter().flatten() {
            let part = |key: &str| problem.get(key).and_then(Value::as_str).unwrap_or_default();
            let name = part("pointer").trim_start_matches('/').replace("~1", "/");
            let message = part("message");
            let colon = if name.is_empty() { "" } else { ": " };
            write!(text, "\n  {name}{colon}{message}").expect("a string can be written");
        }
        text
    }

    /// The same request may work later.
    pub(super) fn is_passing(&self) -> bool {
        matches!(self.code(), Some("NOT_ACCEPTING" | "UNAVAILABLE" | "RATE_LIMITED"))
    }
}

impl Client {
    /// A client of the server at `endpoint`; nothing is sent yet.
    pub(in crate::cli) fn new(endpoint: Endpoint, credentials: Option<Credentials>) -> Self {
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            // The server is on this machine or named by its address; no proxy stands between.
            .no_proxy()
            .build()
            .expect("a client without TLS can be built");
        Self { http, endpoint, credentials, reached: Cell::new(false) }
    }

    /// The `data` of an operation's answer.
    pub(in crate::cli) async fn execute(
        &self,
        operation: Operation,
        variables: &Value,
    ) -> Result<Value, ClientError> {
        let mut pauses: Option<Pauses> = None;
        loop {
            let error =
                match self.send(operation, variables).await {
                    Err(
                        error @ (ClientError::Unreachable { .. } | ClientError::NoServer { .. }),
                    ) if self.reached.get() => error,
                    answer => return answer,
                };
            let pauses = pauses.get_or_insert_with(|| {
                say_lost(&error.to_string());
                Pauses::new()
            });
            match pauses.next_try() {
                Some(at) => sleep_until(at).await,
                None => return Err(error),
            }
        }
    }

    async fn send(&self, operation: Operation, variables: &Value) -> Result<Value, ClientError> {
        let url = self.endpoint.url()?;
        let address = url.join("graphql").expect("a path joins");
        let url = url.to_string();
        let body = json!({
            "query": operation.text, "operationName": operation.name, "variables": variables,
        });
        let exchanged = async {
            let mut request = self.http.post(address).json(&body);
            if let Some(credentials) = &self.credentials {
                request = request.header(AUTHORIZATION, credentials.header());
            }
            let response = request.send().await?;
            let status = response.status();
            response.bytes().await.map(|bytes| (status, bytes))
        };
        let (status, bytes) = exchanged.await.map_err(|error| {
            // Anything but a connection that was never made: the request may have been carried out.
            self.reached.set(self.reached.get() || !error.is_connect());
            ClientError::Unreachable { url: url.clone(), source: Box::new(error) }
        })?;
        if let Ok(answer) = serde_json::from_slice::<Answer>(&bytes) {
            self.reached.set(true);
            return answer.data(operation);
        }
        let text = String::from_utf8_lossy(&bytes).lines().next().unwrap_or("").to_owned();
        Err(match status.as_u16() {
            401 | 403 => ClientError::Forbidden { url, text },
            _ => ClientError::NotLonghaul { url, found: format!("HTTP {status}") },
        })
    }

    /// The field `name` of an operation's answer.
    pub(in crate::cli) async fn field(
        &self,
        operation: Operation,
        variables: &Value,
        name: &str,
    ) -> Result<Value, ClientError> {
        let mut data = self.execute(operation, variables).await?;
        Ok(data.get_mut(name).map(Value::take).unwrap_or_default())
    }

    /// As [`field`](Self::field), for what is not safe to repeat: a lost answer is told at once.
    pub(in crate::cli) async fn once(
        &self,
        operation: Operation,
        variables: &Value,
        name: &str,
    ) -> Result<Value, ClientError> {
        let mut data = self.send(operation, variables).await?;
        Ok(data.get_mut(name).map(Value::take).unwrap_or_default())
    }

    /// A subscription that outlives its connection.
    pub(in crate::cli) fn follow(
        &self,
        operation: Operation,
        variables: Map<String, Value>,
    ) -> Follow<'_> {
        Follow::new(&self.endpoint, self.credentials.as_ref(), operation, variables)
    }
}

/// An answer, as HTTP and the WebSocket carry it.
#[derive(Debug, Deserialize)]
struct Answer {
    #[serde(default)]
    data: Option<Value>,
    #[serde(default)]
    errors: Vec<GraphqlError>,
}

impl Answer {
    fn data(self, operation: Operation) -> Result<Value, ClientError> {
        if !self.errors.is_empty() {
            return Err(ClientError::Refused(self.errors));
        }
        let missing = || ClientError::Unexpected {
            operation: operation.name,
            found: "it has neither data nor errors".to_owned(),
        };
        self.data.ok_or_else(missing)
    }
}

/// Reads what an operation's answer holds.
pub(in crate::cli) fn read<T: for<'de> Deserialize<'de>>(
    operation: Operation,
    value: &Value,
) -> Result<T, ClientError> {
    T::deserialize(value).map_err(|error| ClientError::Unexpected {
        operation: operation.name,
        found: error.to_string(),
    })
}

/// The growing pauses of an outage, up to [`PATIENCE`] in all.
#[derive(Debug)]
pub(super) struct Pauses {
    until: Instant,
    next: Duration,
}

impl Pauses {
    pub(super) fn new() -> Self {
        Self { until: Instant::now() + PATIENCE, next: FIRST_PAUSE }
    }

    /// When to try again; `None`: no more.
    pub(super) fn next_try(&mut self) -> Option<Instant> {
        let at = Instant::now() + self.next;
        self.next = (self.next * 2).min(LONGEST_PAUSE);
        (at < self.until).then_some(at)
    }
}

/// Says that the server is gone and what is done about it.
pub(super) fn say_lost(why: &str) {
    let seconds = PATIENCE.as_secs();
    say(&format!("connection lost ({why}), trying again for {seconds} s"));
}
