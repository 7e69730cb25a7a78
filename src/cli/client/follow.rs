//! A subscription that outlives its connection: a server may start again while somebody watches.
//!
//! # Concurrency
//!
//! [`Follow::next`] may be dropped at any await and called again: what it waits for is kept in
//! the value itself, not in the future.

use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::{Instant, sleep_until};

use super::super::operations::Operation;
use super::super::output::say;
use super::ws::{StreamError, Subscription};
use super::{Client, ClientError, GraphqlError, Pauses, say_lost};

/// A connection that lived so long ends the outage before it.
const STEADY: Duration = Duration::from_secs(10);

/// A subscription that connects again.
#[derive(Debug)]
pub(in crate::cli) struct Follow<'c> {
    client: &'c Client,
    operation: Operation,
    variables: Map<String, Value>,
    connection: Option<Subscription>,
    outage: Option<Outage>,
    quiet: bool,
    once: bool,
}

#[derive(Debug)]
struct Outage {
    pauses: Pauses,
    next_try: Instant,
}

impl<'c> Follow<'c> {
    /// A subscription; nothing is sent before the first [`Follow::next`].
    pub(super) fn new(
        client: &'c Client,
        operation: Operation,
        variables: Map<String, Value>,
    ) -> Self {
        let (connection, outage, quiet, once) = (None, None, false, false);
        Self { client, operation, variables, connection, outage, quiet, once }
    }

    /// The same without words about outages: another one speaks for both.
    #[must_use]
    pub(in crate::cli) fn quiet(mut self) -> Self {
        self.quiet = true;
        self
    }

    /// The same over one connection: what was followed may not be the same after an outage.
    #[must_use]
    pub(in crate::cli) fn once(mut self) -> Self {
        self.once = true;
        self
    }

    /// Changes a variable for the connections to come: where to resume.
    pub(in crate::cli) fn set(&mut self, name: &str, value: Value) {
        self.variables.insert(name.to_owned(), value);
    }

    /// Forgets a variable for the connections to come.
    pub(in crate::cli) fn unset(&mut self, name: &str) {
        self.variables.remove(name);
    }

    /// The `data` of the next event; `None` after the last one. After an outage events may come
    /// again that came before it.
    pub(in crate::cli) async fn next(&mut self) -> Result<Option<Value>, ClientError> {
        loop {
            let error = match self.step().await {
                Ok(event) => {
                    self.recovered();
                    return Ok(event);
                }
                Err(StreamError::Refused(errors))
                    if !errors.iter().all(GraphqlError::is_passing) =>
                {
                    // What is sent once is somebody's own document.
                    return Err(match self.client.endpoint.url() {
                        Ok(url) if !self.once => self.client.refused(errors, url.into()).await,
                        Ok(_) | Err(_) => ClientError::Refused(errors),
                    });
                }
                Err(StreamError::Refused(errors)) => {
                    errors.first().map(|e| e.message.clone()).unwrap_or_default()
                }
                Err(StreamError::Lost(error)) => error,
            };
            self.lost(error)?;
        }
    }

    /// One event of the connection, which is made first where there is none.
    async fn step(&mut self) -> Result<Option<Value>, StreamError> {
        if self.connection.is_none() {
            if let Some(outage) = &self.outage {
                sleep_until(outage.next_try).await;
            }
            // While it starts again a server has no address.
            let Client { endpoint, credentials, .. } = self.client;
            let url = endpoint.url().map_err(|e| StreamError::Lost(e.to_string()))?;
            let opened =
                Subscription::open(&url, credentials.as_ref(), self.operation, &self.variables);
            self.connection = Some(opened.await?);
        }
        let connection = self.connection.as_mut().expect("it was just made");
        connection.next().await
    }

    fn recovered(&mut self) {
        if self.outage.take().is_some() && !self.quiet {
            say("connected again");
        }
    }

    /// Notes that the connection is gone; the error, where that has lasted too long.
    fn lost(&mut self, error: String) -> Result<(), ClientError> {
        if self.connection.take().is_some_and(|connection| connection.age() >= STEADY) {
            self.outage = None;
        }
        if self.once {
            return Err(self.unreachable(error));
        }
        if self.outage.is_none() && !self.quiet {
            say_lost(&error);
        }
        let now = Instant::now();
        let outage =
            self.outage.get_or_insert_with(|| Outage { pauses: Pauses::new(), next_try: now });
        match outage.pauses.next_try() {
            Some(at) => {
                outage.next_try = at;
                Ok(())
            }
            None => Err(self.unreachable(error)),
        }
    }

    fn unreachable(&self, error: String) -> ClientError {
        ClientError::Unreachable {
            url: self.client.endpoint.url().map_or_else(|e| e.to_string(), |url| url.to_string()),
            source: error.into(),
        }
    }
}
