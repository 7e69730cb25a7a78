//! Talks GraphQL to a server: requests over HTTP, subscriptions over a WebSocket.
//!
//! Starts carry an idempotency key, and every other request here is safe to repeat by itself. So a
//! server that was reached once and is gone, perhaps with a reply on the way, is asked again for a
//! while (P14); one that was never reached is told of at once.

mod credentials;
mod endpoint;
mod error;
mod follow;
mod ws;

use std::cell::Cell;
use std::time::Duration;

use axum::body::Bytes;
use reqwest::header::AUTHORIZATION;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep_until};

use super::operations::{Operation, VERSION};
use super::output::say;

pub(in crate::cli) use credentials::Credentials;
pub(in crate::cli) use endpoint::Endpoint;
pub(in crate::cli) use error::{ClientError, GraphqlError, is_late};
pub(in crate::cli) use follow::Follow;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// The same of somebody's own document: `waitJob` may wait for the hour that `limits.wait_ms` allows at most.
const OWN_TIMEOUT: Duration = Duration::from_secs(3_600 + 60);
/// How long a lost server is waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// The pause before the first new try, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A client of one server.
#[derive(Debug)]
pub(in crate::cli) struct Client {
    http: reqwest::Client,
    endpoint: Endpoint,
    credentials: Option<Credentials>,
    /// The server was there: bytes of a request or of an answer passed.
    reached: Cell<bool>,
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
        let (url, bytes) = self.exchange(operation, variables, REQUEST_TIMEOUT).await?;
        let answer = serde_json::from_slice::<Answer>(&bytes).map_err(|error| {
            ClientError::NotLonghaul { url: url.clone(), found: error.to_string() }
        })?;
        match answer.data(operation) {
            Err(ClientError::Refused(errors)) => Err(self.refused(errors, url).await),
            answer => answer,
        }
    }

    /// Why one of our own documents is refused. It fits our own schema: where it does not fit the server's, that is
    /// another one.
    async fn refused(&self, errors: Vec<GraphqlError>, url: String) -> ClientError {
        if errors.iter().any(|e| e.code() == Some("GRAPHQL_VALIDATION_FAILED")) {
            ClientError::OtherVersion { url, found: self.version().await, errors }
        } else {
            ClientError::Refused(errors)
        }
    }

    /// The version of the server, as far as it says so.
    async fn version(&self) -> Option<String> {
        let (_, bytes) = self.exchange(VERSION, &json!({}), REQUEST_TIMEOUT).await.ok()?;
        let answer: Value = serde_json::from_slice(&bytes).ok()?;
        answer["data"]["server"]["version"].as_str().map(str::to_owned)
    }

    /// The whole answer to somebody's own document, asked for once.
    pub(in crate::cli) async fn answer(
        &self,
        operation: Operation,
        variables: &Value,
    ) -> Result<Whole, ClientError> {
        let (url, bytes) = self.exchange(operation, variables, OWN_TIMEOUT).await?;
        let not = |error: serde_json::Error| ClientError::NotLonghaul {
            url: url.clone(),
            found: error.to_string(),
        };
        let raw: Value = serde_json::from_slice(&bytes).map_err(not)?;
        let Answer { errors, .. } = Answer::deserialize(&raw).map_err(not)?;
        Ok(Whole { raw, errors })
    }

    /// Whether the server is ready, and what it says of that.
    pub(in crate::cli) async fn readiness(&self) -> Result<(bool, String), ClientError> {
        let url = self.endpoint.url()?;
        let address = url.join("readyz").expect("a path joins");
        let asked = async {
            let response = self.http.get(address).timeout(CONNECT_TIMEOUT).send().await?;
            let status = response.status();
            response.text().await.map(|text| (status, text))
        };
        let (status, text) = asked.await.map_err(|error| ClientError::Unreachable {
            url: url.to_string(),
            source: Box::new(error),
        })?;
        match status.as_u16() {
            200 => Ok((true, text)),
            503 => Ok((false, text)),
            _ => {
                let (url, found) = (url.to_string(), format!("HTTP {status}"));
                Err(ClientError::NotLonghaul { url, found })
            }
        }
    }

    /// Where the server is, and the bytes of its answer, which are JSON.
    async fn exchange(
        &self,
        operation: Operation,
        variables: &Value,
        timeout: Duration,
    ) -> Result<(String, Bytes), ClientError> {
        let url = self.endpoint.url()?;
        let address = url.join("graphql").expect("a path joins");
        let url = url.to_string();
        let body = json!({
            "query": operation.text,
            "operationName": Some(operation.name).filter(|name| !name.is_empty()),
            "variables": variables,
        });
        let exchanged = async {
            let mut request = self.http.post(address).json(&body).timeout(timeout);
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
        let answer = serde_json::from_slice::<Answer>(&bytes).ok();
        // Any object reads as one.
        let says = answer.as_ref().is_some_and(|a| a.data.is_some() || !a.errors.is_empty());
        let is_of_ours = says && status.as_u16() == 503;
        if matches!(status.as_u16(), 502..=504) && !is_of_ours {
            // Something stands before the server, and has lost it, perhaps with a reply on the way.
            self.reached.set(self.reached.get() || status.as_u16() != 503);
            let source = format!("what stands before it says HTTP {status}").into();
            return Err(ClientError::Unreachable { url, source });
        }
        if answer.is_some() {
            self.reached.set(true);
            return Ok((url, bytes));
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
        Follow::new(self, operation, variables)
    }
}

/// An answer as it came, its errors read.
#[derive(Debug)]
pub(in crate::cli) struct Whole {
    /// All of it.
    pub(in crate::cli) raw: Value,
    errors: Vec<GraphqlError>,
}

impl Whole {
    /// Its errors, where it has some.
    pub(in crate::cli) fn failure(self) -> Option<ClientError> {
        (!self.errors.is_empty()).then_some(ClientError::Refused(self.errors))
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
