//! The API as a client sees it: requests over HTTP, subscriptions over a WebSocket.

use std::collections::HashMap;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::deadline::within;

/// All that a test asks of a job's status.
const STATUS: &str = "subscription($id: ID!) { jobStatus(id: $id, minIntervalMs: 50) {
    change seq state terminal reason reasonText job { exitCode signal attempt } } }";

/// A client of one server. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Api {
    /// For what no method here covers.
    pub(crate) http: reqwest::Client,
    url: String,
}

impl Api {
    pub(super) fn new(url: String) -> Self {
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(60))
            // Some servers end a connection that is idle for a second: none is used again at that moment.
            .pool_idle_timeout(Duration::from_millis(500))
            .build()
            .unwrap();
        Self { http, url }
    }

    /// Host and port.
    pub(crate) fn address(&self) -> &str {
        self.url.strip_prefix("http://").unwrap()
    }

    /// Where GraphQL is.
    pub(crate) fn graphql(&self) -> String {
        format!("{}/graphql", self.url)
    }

    /// Sends a request; the whole answer.
    pub(crate) async fn try_ask(
        &self,
        query: &str,
        variables: Value,
    ) -> Result<Value, reqwest::Error> {
        let body = json!({ "query": query, "variables": variables });
        self.http.post(self.graphql()).json(&body).send().await?.json().await
    }

    /// Sends a request that must succeed; its `data`.
    pub(crate) async fn ask(&self, query: &str, variables: Value) -> Value {
        let mut answer = self.try_ask(query, variables).await.unwrap();
        assert!(answer["errors"].is_null(), "{query}: {answer}");
        answer["data"].take()
    }

    /// Starts a job; its id.
    pub(crate) async fn start(&self, kind: &str, args: Value) -> String {
        self.start_with(json!({ "kind": kind, "args": args })).await
    }

    /// Starts a job from a whole input; its id.
    pub(crate) async fn start_with(&self, input: Value) -> String {
        let query = "mutation($i: StartJobInput!) { startJob(input: $i) { job { id } } }";
        let data = self.ask(query, json!({ "i": input })).await;
        data["startJob"]["job"]["id"].as_str().unwrap().to_owned()
    }

    /// Asks to cancel a job: the job after it, or the code of the refusal.
    pub(crate) async fn cancel(&self, id: &str, mode: &str) -> Result<Value, String> {
        let query = "mutation($id: ID!, $mode: CancelMode) {
            cancelJob(id: $id, mode: $mode) { job { id state attempt } } }";
        let mut answer = self.try_ask(query, json!({ "id": id, "mode": mode })).await.unwrap();
        match code_of(&answer) {
            Some(code) => Err(code),
            None => Ok(answer["data"]["cancelJob"]["job"].take()),
        }
    }

    /// Where the feed of all jobs stands now.
    pub(crate) async fn feed_cursor(&self) -> Value {
        self.ask("{ jobs(first: 0) { feedCursor } }", json!({})).await["jobs"]["feedCursor"].take()
    }

    /// Opens a WebSocket.
    pub(crate) async fn socket(&self) -> Socket {
        self.socket_by(TcpSocket::new_v4().unwrap()).await
    }

    /// Opens a WebSocket whose client holds little of what it has not read.
    pub(crate) async fn narrow_socket(&self) -> Socket {
        let tcp = TcpSocket::new_v4().unwrap();
        tcp.set_recv_buffer_size(4 * 1024).unwrap();
        self.socket_by(tcp).await
    }

    async fn socket_by(&self, tcp: TcpSocket) -> Socket {
        let mut request = format!("ws://{}/graphql", self.address()).into_client_request().unwrap();
        let protocol = "graphql-transport-ws".parse().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", protocol);
        // A storm has thousands of clients in one process.
        let config = WebSocketConfig::default().read_buffer_size(4 * 1024);
        let tcp = tcp.connect(self.address().parse().unwrap()).await.unwrap();
        let (stream, _) = client_async_with_config(request, tcp, Some(config)).await.unwrap();
        let mut socket = Socket { stream };
        socket.send(&json!({ "type": "connection_init" })).await;
        assert_eq!(socket.try_receive().await.unwrap()["type"], "connection_ack");
        socket
    }

    /// Watches one job on a socket of its own.
    pub(crate) async fn watch(&self, id: &str) -> Socket {
        let mut socket = self.socket().await;
        socket.watch(id).await;
        socket
    }

    /// The last status of each of `count` jobs that ended after the cursor, by id.
    pub(crate) async fn ended_since(&self, cursor: &Value, count: usize) -> HashMap<String, Value> {
        let query = "subscription($after: Cursor) { jobFeed(after: $after, minIntervalMs: 50,
            filter: { states: [SUCCEEDED, FAILED, CANCELED] }) { reset events { jobId
            job { state reason reasonText exitCode signal attempt } } } }";
        let mut socket = self.socket().await;
        socket.subscribe("feed", query, json!({ "after": cursor })).await;
        let mut ended = HashMap::new();
        while ended.len() < count {
            let Heard::Next(_, data) = socket.next().await else { panic!("a feed has no end") };
            assert_eq!(data["jobFeed"]["reset"], false, "{data}");
            for event in data["jobFeed"]["events"].as_array().unwrap() {
                let id = event["jobId"].as_str().unwrap().to_owned();
                ended.insert(id, event["job"].clone());
            }
        }
        ended
    }
}

/// The code of the first error of an answer.
pub(crate) fn code_of(answer: &Value) -> Option<String> {
    let code = answer["errors"].get(0)?["extensions"]["code"].as_str();
    Some(code.unwrap_or_else(|| panic!("an error without a code: {answer}")).to_owned())
}

/// A WebSocket that speaks `graphql-transport-ws`.
pub(crate) struct Socket {
    stream: WebSocketStream<TcpStream>,
}

/// What came for one subscription.
#[derive(Debug)]
pub(crate) enum Heard {
    /// An event's `data`.
    Next(String, Value),
    /// It was refused: the errors.
    Error(String, Value),
    /// Nothing more comes.
    Complete(String),
}

impl Socket {
    /// Subscribes under `id`.
    pub(crate) async fn subscribe(&mut self, id: &str, query: &str, variables: Value) {
        let payload = json!({ "query": query, "variables": variables });
        self.send(&json!({ "type": "subscribe", "id": id, "payload": payload })).await;
    }

    /// Subscribes to a job's status under the job's id.
    pub(crate) async fn watch(&mut self, job: &str) {
        self.subscribe(job, STATUS, json!({ "id": job })).await;
    }

    /// What comes next for any subscription.
    pub(crate) async fn next(&mut self) -> Heard {
        self.try_next().await.expect("the socket stays open")
    }

    /// What comes next for any subscription, or why the socket ended.
    pub(crate) async fn try_next(&mut self) -> Result<Heard, String> {
        let mut message = self.try_receive().await?;
        let id = message["id"].as_str().unwrap_or_default().to_owned();
        Ok(match message["type"].as_str() {
            Some("next") if !message["payload"]["errors"].is_null() => panic!("{message}"),
            Some("next") => Heard::Next(id, message["payload"]["data"].take()),
            Some("error") => Heard::Error(id, message["payload"].take()),
            Some("complete") => Heard::Complete(id),
            _ => panic!("not expected: {message}"),
        })
    }

    /// The next status where one job is watched; `None` after the last one.
    pub(crate) async fn next_status(&mut self) -> Option<Value> {
        match self.next().await {
            Heard::Next(_, mut data) => Some(data["jobStatus"].take()),
            Heard::Complete(_) => None,
            Heard::Error(id, errors) => panic!("{id}: {errors}"),
        }
    }

    /// The terminal status where one job is watched.
    pub(crate) async fn end(&mut self) -> Value {
        let mut last = Value::Null;
        while let Some(status) = self.next_status().await {
            last = status;
        }
        assert_eq!(last["terminal"], true, "P7: complete follows the end: {last}");
        last
    }

    async fn send(&mut self, message: &Value) {
        self.stream.send(Message::text(message.to_string())).await.unwrap();
    }

    /// The next message; pings of the protocol are answered.
    async fn try_receive(&mut self) -> Result<Value, String> {
        // Of the message, and not of each ping before it.
        within("a message of the socket", &"nothing but pings", self.message()).await
    }

    async fn message(&mut self) -> Result<Value, String> {
        loop {
            let message =
                self.stream.next().await.ok_or("it ended")?.map_err(|error| error.to_string())?;
            let Message::Text(text) = message else {
                if message.is_close() {
                    return Err(format!("{message:?}"));
                }
                continue;
            };
            let message: Value = serde_json::from_str(&text).unwrap();
            if message["type"] == "ping" {
                self.send(&json!({ "type": "pong" })).await;
                continue;
            }
            return Ok(message);
        }
    }
}
