//! The client of a server that may die at any word.

use std::fmt::Debug;
use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::support::deadline::within;

/// The server went away before it answered: what was asked may be done or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gone;

/// How a server is asked.
#[derive(Debug, Clone)]
pub(super) struct Api {
    client: reqwest::Client,
    url: String,
    may_lose_its_database: bool,
}

impl Api {
    pub(super) fn new(url: String) -> Self {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(30)).build().unwrap();
        Self { client, url, may_lose_its_database: false }
    }

    /// Where the server says that its database is away, this counts as being gone.
    pub(super) fn on_a_database(self) -> Self {
        Self { may_lose_its_database: true, ..self }
    }

    /// The answer's data. An error of GraphQL fails the test, but for one that says that the database is
    /// away, which a server alone never says.
    pub(super) async fn ask(&self, query: &str, variables: Value) -> Result<Value, Gone> {
        let body = json!({"query": query, "variables": variables});
        let request = self.client.post(format!("{}/graphql", self.url)).json(&body);
        let response = request.send().await.map_err(|error| gone(&error))?;
        let mut answer: Value = response.json().await.map_err(|error| gone(&error))?;
        if self.may_lose_its_database && answer["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
        {
            return Err(Gone);
        }
        assert!(answer["errors"].is_null(), "{query} {variables}: {answer}");
        Ok(answer["data"].take())
    }

    /// Starts a job; its id is an acknowledgement.
    pub(super) async fn start(&self, kind: &str, key: &str) -> Result<String, Gone> {
        let query = "mutation ($input: StartJobInput!) { startJob(input: $input) { job { id } } }";
        let input = json!({"input": {"kind": kind, "idempotencyKey": key}});
        let data = self.ask(query, input).await?;
        Ok(data["startJob"]["job"]["id"].as_str().unwrap().to_owned())
    }

    pub(super) async fn cancel(&self, id: &str, mode: &str) -> Result<(), Gone> {
        let query = "mutation ($id: ID!, $mode: CancelMode!) { cancelJob(id: $id, mode: $mode) { changed } }";
        self.ask(query, json!({"id": id, "mode": mode})).await.map(drop)
    }

    pub(super) async fn pause(&self) -> Result<(), Gone> {
        self.ask("mutation { pauseQueue { queue { paused } } }", json!({})).await.map(drop)
    }

    pub(super) async fn resume(&self) -> Result<(), Gone> {
        self.ask("mutation { resumeQueue { queue { paused } } }", json!({})).await.map(drop)
    }

    /// Asks as a page of elsewhere does: it is refused, which stands in the server's log.
    pub(super) async fn ask_from(&self, origin: &str) {
        let request = self.client.post(format!("{}/graphql", self.url)).header("Origin", origin);
        let answer = request.json(&json!({"query": "{ __typename }"})).send().await.unwrap();
        assert_eq!(answer.status(), 403, "from {origin}");
    }

    /// A number of `/metrics`, by its whole name.
    pub(super) async fn metric(&self, name: &str) -> u64 {
        let response = self.client.get(format!("{}/metrics", self.url)).send().await.unwrap();
        let text = response.text().await.unwrap();
        let mut lines = text.lines().filter_map(|line| line.strip_prefix(name));
        lines.find_map(|rest| rest.strip_prefix(' ')?.parse().ok()).unwrap_or_else(|| {
            panic!("no {name}: {text}");
        })
    }

    /// Tells when anything has changed.
    pub(super) async fn feed(&self) -> Result<Feed, Gone> {
        let address = format!("{}/graphql", self.url.replacen("http", "ws", 1));
        let mut request = address.into_client_request().unwrap();
        let protocol = HeaderValue::from_static("graphql-transport-ws");
        request.headers_mut().insert("Sec-WebSocket-Protocol", protocol);
        let (socket, _) = connect_async(request).await.map_err(|_| Gone)?;
        let mut feed = Feed(socket);
        feed.send(&json!({"type": "connection_init"})).await?;
        let query = "subscription { jobFeed(minIntervalMs: 50) { events { change } } }";
        let payload = json!({"query": query});
        feed.send(&json!({"id": "1", "type": "subscribe", "payload": payload})).await?;
        feed.next().await?;
        Ok(feed)
    }
}

fn gone(error: &reqwest::Error) -> Gone {
    assert!(!error.is_timeout(), "a server that lives does not answer: {error}");
    Gone
}

/// The changes of all jobs, as a reason to look again.
pub(super) struct Feed(WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>);

impl Feed {
    async fn send(&mut self, message: &Value) -> Result<(), Gone> {
        self.0.send(Message::text(message.to_string())).await.map_err(|_| Gone)
    }

    /// Waits for a message of the feed.
    pub(super) async fn next(&mut self) -> Result<(), Gone> {
        loop {
            let Some(Ok(message)) = self.0.next().await else { return Err(Gone) };
            let Message::Text(text) = message else { continue };
            let message: Value = serde_json::from_str(&text).unwrap();
            match message["type"].as_str().unwrap() {
                "next" if message["payload"]["errors"].is_null() => return Ok(()),
                "ping" => self.send(&json!({"type": "pong"})).await?,
                "connection_ack" | "pong" => {}
                "complete" => return Err(Gone),
                _ => panic!("the feed broke: {message}"),
            }
        }
    }

    /// Waits until `so`, looked at after every change; fails with what `seen` shows when no change
    /// comes any more.
    pub(super) async fn until(
        &mut self,
        so: impl Fn() -> bool,
        seen: &(dyn Debug + Sync),
    ) -> Result<(), Gone> {
        while !so() {
            within("a change", seen, self.next()).await?;
        }
        Ok(())
    }
}
