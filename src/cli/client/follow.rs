//! A subscription that outlives its connection: a server may start again while somebody watches.
//!
//! # Concurrency
//!
//! [`Follow::next`] may be dropped at any await and called again: what it waits for is kept in
//! the value itself, not in the future.

use std::fmt;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
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
    /// The next connection on its way.
    opening: Option<Kept<'c, Result<Subscription, StreamError>>>,
    /// What is to be told of a refusal, once it is known.
    refusal: Option<Kept<'c, ClientError>>,
    outage: Option<Outage>,
    quiet: bool,
    once: bool,
}

/// What goes on although nobody stays for it.
struct Kept<'c, T>(LocalBoxFuture<'c, T>);

impl<T> fmt::Debug for Kept<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept")
    }
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
        Self {
            client,
            operation,
            variables,
            connection: None,
            opening: None,
            refusal: None,
            outage: None,
            quiet: false,
            once: false,
        }
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

    /// The server is away, and is waited for: [`Follow::next`] ends that, one way or the other.
    pub(in crate::cli) fn is_away(&self) -> bool {
        self.outage.is_some() && self.connection.is_none()
    }

    /// The `data` of the next event; `None` after the last one. After an outage events may come
    /// again that came before it.
    pub(in crate::cli) async fn next(&mut self) -> Result<Option<Value>, ClientError> {
        loop {
            if let Some(refusal) = &mut self.refusal {
                let error = (&mut refusal.0).await;
                self.refusal = None;
                return Err(error);
            }
            let (error, refused) = match self.step().await {
                Ok(event) => {
                    self.recovered();
                    return Ok(event);
                }
                Err(StreamError::Refused(errors))
                    if !errors.iter().all(GraphqlError::is_passing) =>
                {
                    self.refuse(errors);
                    continue;
                }
                Err(StreamError::Forbidden(text)) => {
                    let url = self.url();
                    return Err(ClientError::Forbidden { url, text });
                }
                Err(StreamError::Refused(errors)) => {
                    (errors.first().map(|e| e.message.clone()).unwrap_or_default(), Some(errors))
                }
                Err(StreamError::Lost(error)) => (error, None),
            };
            // A server that said why is there.
            self.lost(error).map_err(|gone| refused.map_or(gone, ClientError::Refused))?;
        }
    }

    /// One event of the connection, which is made first where there is none.
    async fn step(&mut self) -> Result<Option<Value>, StreamError> {
        if self.connection.is_none() {
            let not_before = self.outage.as_ref().map(|outage| outage.next_try);
            let (client, operation, variables) = (self.client, self.operation, &self.variables);
            let opening = self.opening.get_or_insert_with(|| {
                Kept(open(client, operation, variables.clone(), not_before).boxed_local())
            });
            let opened = (&mut opening.0).await;
            self.opening = None;
            self.connection = Some(opened?);
        }
        let connection = self.connection.as_mut().expect("it was just made");
        connection.next().await
    }

    /// Finds out what a refusal means.
    fn refuse(&mut self, errors: Vec<GraphqlError>) {
        self.connection = None;
        let client = self.client;
        let refusal = match client.endpoint.url() {
            Ok(url) if !self.once => client.refused(errors, url.into()).boxed_local(),
            // What is sent once is somebody's own document.
            Ok(_) | Err(_) => std::future::ready(ClientError::Refused(errors)).boxed_local(),
        };
        self.refusal = Some(Kept(refusal));
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
        ClientError::Unreachable { url: self.url(), source: error.into() }
    }

    fn url(&self) -> String {
        self.client.endpoint.url().map_or_else(|error| error.to_string(), |url| url.to_string())
    }
}

/// A connection, made no earlier than it may be.
async fn open(
    client: &Client,
    operation: Operation,
    variables: Map<String, Value>,
    not_before: Option<Instant>,
) -> Result<Subscription, StreamError> {
    if let Some(at) = not_before {
        sleep_until(at).await;
    }
    // While it starts again a server has no address.
    let url = client.endpoint.url().map_err(|error| StreamError::Lost(error.to_string()))?;
    Subscription::open(&url, client.credentials.as_ref(), operation, &variables).await
}

#[cfg(test)]
mod tests {
    use super::super::super::operations::JOB_STATUS;
    use super::super::Endpoint;
    use super::*;

    use futures::{SinkExt as _, StreamExt as _};
    use serde_json::json;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};
    use tokio_tungstenite::WebSocketStream;
    use tokio_tungstenite::tungstenite::Message;
    use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
    use tokio_tungstenite::tungstenite::http::HeaderValue;

    /// Says this to the one who subscribes, and no more.
    async fn serve(listener: &TcpListener, say: Value) -> WebSocketStream<TcpStream> {
        let (stream, _) = listener.accept().await.unwrap();
        #[expect(clippy::result_large_err, reason = "it is the library's")]
        let speak = |_: &Request, mut response: Response| {
            let protocol = HeaderValue::from_static("graphql-transport-ws");
            response.headers_mut().insert("Sec-WebSocket-Protocol", protocol);
            Ok(response)
        };
        let mut socket = tokio_tungstenite::accept_hdr_async(stream, speak).await.unwrap();
        for answer in [json!({"type": "connection_ack"}), say] {
            assert!(socket.next().await.unwrap().unwrap().is_text());
            socket.send(Message::text(answer.to_string())).await.unwrap();
        }
        socket
    }

    /// What comes to somebody who never stays for it, as one who has a clock to move.
    async fn come_and_gone(follow: &mut Follow<'_>) -> Result<Option<Value>, ClientError> {
        loop {
            if let Some(event) = follow.next().now_or_never() {
                return event;
            }
            tokio::task::yield_now().await;
        }
    }

    async fn in_time<T>(what: impl Future<Output = T>) -> T {
        let in_time = tokio::time::timeout(Duration::from_secs(30), what);
        in_time.await.expect("it never comes")
    }

    async fn listener() -> (TcpListener, Client) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        (listener, Client::new(Endpoint::parse(&url).unwrap(), None))
    }

    #[tokio::test]
    async fn a_connection_is_made_although_nobody_stays_for_it() {
        let (listener, client) = listener().await;
        let mut follow = client.follow(JOB_STATUS, Map::new());
        let event = json!({"type": "next", "id": "1", "payload": {"data": {"n": 1}}});
        let both = futures::future::join(serve(&listener, event), come_and_gone(&mut follow));
        assert_eq!(in_time(both).await.1.unwrap(), Some(json!({"n": 1})));
    }

    #[tokio::test]
    async fn a_refusal_is_told_although_nobody_stays_for_it() {
        let (listener, client) = listener().await;
        let mut follow = client.follow(JOB_STATUS, Map::new());
        let extensions = json!({"code": "GRAPHQL_VALIDATION_FAILED"});
        let errors = json!([{"message": "no such field", "extensions": extensions}]);
        let refused = json!({"type": "error", "id": "1", "payload": errors});
        let server = async {
            let _socket = serve(&listener, refused).await;
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"}") {
                stream.read_buf(&mut asked).await.unwrap();
            }
            let body = r#"{"data":{"server":{"version":"9.9.9"}}}"#;
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            stream.write_all((head + body).as_bytes()).await.unwrap();
        };
        let both = futures::future::join(server, come_and_gone(&mut follow));
        let error = in_time(both).await.1.unwrap_err().to_string();
        assert!(error.contains("9.9.9"), "{error}");
    }

    #[tokio::test]
    async fn who_is_refused_is_told_so_and_not_that_nobody_is_there() {
        let (listener, client) = listener().await;
        let mut once = client.follow(JOB_STATUS, Map::new()).once();
        let extensions = json!({"code": "RATE_LIMITED"});
        let errors = json!([{"message": "too many", "extensions": extensions}]);
        let refused = json!({"type": "error", "id": "1", "payload": errors});
        let (_socket, told) =
            in_time(futures::future::join(serve(&listener, refused), once.next())).await;
        assert!(
            matches!(told, Err(ClientError::Refused(errors)) if errors[0].message == "too many")
        );
        let mut again = client.follow(JOB_STATUS, Map::new());
        let forbid = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                stream.read_buf(&mut asked).await.unwrap();
            }
            let answer = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 13\r\n\r\nnot this name";
            stream.write_all(answer).await.unwrap();
            stream
        };
        let (_stream, told) = in_time(futures::future::join(forbid, again.next())).await;
        assert!(
            matches!(told, Err(ClientError::Forbidden { text, .. }) if text == "not this name")
        );
    }
}
