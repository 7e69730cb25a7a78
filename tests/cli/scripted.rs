//! A server that says what a test wrote down, over real sockets: HTTP answers by operation, and
//! `graphql-transport-ws` sessions that can break off in the middle as a real one does only when
//! it is killed.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Json, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::sync::{Notify, oneshot};

/// Far beyond what any command takes.
const DEADLINE: Duration = Duration::from_secs(60);

/// An answer over HTTP.
pub(crate) enum Reply {
    /// `data`.
    Data(Value),
    /// An error with this code, message and further extensions.
    Error(&'static str, &'static str, Value),
    /// The connection breaks in the middle of the answer.
    Lost,
    /// What something that stands before the server says with this status: no GraphQL.
    Gateway(u16),
    /// No GraphQL at all.
    Page,
    /// Nothing until the client goes away.
    Hang,
}

/// What a session does after `subscribe`.
pub(crate) enum Step {
    /// An event with this `data`.
    Next(Value),
    /// Asks for a `pong` and waits for it.
    Ping,
    /// An `error` with this code.
    Error(&'static str),
    /// The regular end.
    Complete,
    /// Nothing more until the client goes away.
    Hang,
    /// Opens this gate, by which sessions follow each other.
    Open(&'static str),
    /// Waits until this gate is open.
    Pass(&'static str),
}

#[derive(Default)]
struct Script {
    replies: HashMap<String, VecDeque<Reply>>,
    sessions: HashMap<String, VecDeque<Vec<Step>>>,
    /// Everything that was asked, in order: the payloads of requests and of `subscribe`.
    asked: Vec<Value>,
    /// What `/readyz` answers.
    readiness: Option<(u16, &'static str)>,
    /// Those that are open.
    gates: HashSet<&'static str>,
}

/// The script, who waits for a question, and who for a gate.
type Shared = Arc<(Mutex<Script>, Condvar, Notify)>;

/// A running scripted server.
pub(crate) struct Scripted {
    url: String,
    script: Shared,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Scripted {
    /// A server without a script.
    pub(crate) fn start() -> Self {
        let script = Shared::default();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel();
        let router = Router::new()
            .route("/graphql", post(answer).get(upgrade))
            .route("/readyz", get(readyz))
            .with_state(Arc::clone(&script));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    served = axum::serve(listener, router) => served.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        Self { url, script, stop: Some(stop), thread: Some(thread) }
    }

    /// Answers this operation once more.
    pub(crate) fn reply(self, operation: &str, reply: Reply) -> Self {
        self.with(|script| {
            script.replies.entry(operation.to_owned()).or_default().push_back(reply);
        });
        self
    }

    /// Answers this operation once more, with `data`.
    pub(crate) fn data(self, operation: &str, data: Value) -> Self {
        self.reply(operation, Reply::Data(data))
    }

    /// Plays one more session of this subscription; the connection breaks after its last step.
    pub(crate) fn session(self, operation: &str, steps: Vec<Step>) -> Self {
        self.with(|script| {
            script.sessions.entry(operation.to_owned()).or_default().push_back(steps);
        });
        self
    }

    /// Answers `/readyz` like this.
    pub(crate) fn readiness(self, status: u16, text: &'static str) -> Self {
        self.with(|script| script.readiness = Some((status, text)));
        self
    }

    /// Opens a gate.
    pub(crate) fn open(&self, gate: &'static str) {
        open(&self.script, gate);
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The variables of each request for this operation, in order.
    pub(crate) fn asked(&self, operation: &str) -> Vec<Value> {
        self.with(|script| {
            let of = |asked: &&Value| asked["operationName"] == operation;
            script.asked.iter().filter(of).map(|asked| asked["variables"].clone()).collect()
        })
    }

    /// Returns when this operation was asked for.
    pub(crate) fn wait_for(&self, operation: &str) {
        let (script, heard, _) = &*self.script;
        let unheard =
            |script: &mut Script| !script.asked.iter().any(|a| a["operationName"] == operation);
        let script = script.lock().unwrap();
        let (script, late) = heard.wait_timeout_while(script, DEADLINE, unheard).unwrap();
        assert!(!late.timed_out(), "{operation} was not asked for, only {:?}", script.asked);
    }

    fn with<T>(&self, work: impl FnOnce(&mut Script) -> T) -> T {
        work(&mut self.script.0.lock().unwrap())
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.stop.take().map(|stop| stop.send(()));
        self.thread.take().map(JoinHandle::join);
    }
}

/// Notes what was asked.
fn note(script: &Shared, asked: Value) -> MutexGuard<'_, Script> {
    let (script, heard, _) = &**script;
    let mut script = script.lock().unwrap();
    script.asked.push(asked);
    heard.notify_all();
    script
}

fn open(script: &Shared, gate: &'static str) {
    let (script, _, opened) = &**script;
    script.lock().unwrap().gates.insert(gate);
    opened.notify_waiters();
}

async fn pass(script: &Shared, gate: &'static str) {
    let (script, _, opened) = &**script;
    loop {
        let opened = opened.notified();
        if script.lock().unwrap().gates.contains(gate) {
            return;
        }
        opened.await;
    }
}

async fn answer(State(script): State<Shared>, Json(request): Json<Value>) -> Response {
    let operation = request["operationName"].as_str().unwrap_or_default().to_owned();
    let reply = {
        let mut script = note(&script, request);
        script.replies.get_mut(&operation).and_then(VecDeque::pop_front)
    };
    match reply {
        Some(Reply::Data(data)) => Json(json!({"data": data})).into_response(),
        Some(Reply::Error(code, message, mut extensions)) => {
            extensions["code"] = json!(code);
            let error = json!({"message": message, "extensions": extensions});
            Json(json!({"data": null, "errors": [error]})).into_response()
        }
        Some(Reply::Lost) => {
            let parts = [Ok("{\"da"), Err(std::io::Error::other("cut"))];
            Body::from_stream(futures::stream::iter(parts)).into_response()
        }
        Some(Reply::Gateway(status)) => {
            let page = r#"{"message":"upstream"}"#;
            (StatusCode::from_u16(status).unwrap(), page).into_response()
        }
        Some(Reply::Page) => "<html>".into_response(),
        Some(Reply::Hang) => std::future::pending().await,
        None => {
            let message = format!("the script has no answer to {operation}");
            Json(json!({"errors": [{"message": message}]})).into_response()
        }
    }
}

async fn readyz(State(script): State<Shared>) -> Response {
    let answer = script.0.lock().unwrap().readiness;
    let (status, text) = answer.unwrap_or((404, ""));
    (StatusCode::from_u16(status).unwrap(), text).into_response()
}

async fn upgrade(State(script): State<Shared>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.protocols(["graphql-transport-ws"]).on_upgrade(|socket| async {
        // The client may go away at any point: then the session is over.
        let _ = play(socket, script).await;
    })
}

async fn play(mut socket: WebSocket, script: Shared) -> Option<()> {
    expect(&mut socket, "connection_init").await?;
    send(&mut socket, &json!({"type": "connection_ack"})).await?;
    let subscribe = expect(&mut socket, "subscribe").await?;
    let (id, payload) = (subscribe["id"].clone(), subscribe["payload"].clone());
    let operation = payload["operationName"].as_str()?.to_owned();
    let steps = {
        let mut script = note(&script, payload);
        script.sessions.get_mut(&operation).and_then(VecDeque::pop_front)
    };
    for step in steps.unwrap_or_default() {
        match step {
            Step::Next(data) => {
                let next = json!({"id": id, "type": "next", "payload": {"data": data}});
                send(&mut socket, &next).await?;
            }
            Step::Ping => {
                send(&mut socket, &json!({"type": "ping"})).await?;
                let pong = expect(&mut socket, "pong").await?;
                drop(note(&script, json!({"operationName": "pong", "variables": pong})));
            }
            Step::Error(code) => {
                let error = json!({"message": "no such job", "extensions": {"code": code}});
                let message = json!({"id": id, "type": "error", "payload": [error]});
                send(&mut socket, &message).await?;
            }
            Step::Complete => send(&mut socket, &json!({"id": id, "type": "complete"})).await?,
            Step::Hang => while socket.recv().await?.is_ok() {},
            Step::Open(gate) => open(&script, gate),
            Step::Pass(gate) => pass(&script, gate).await,
        }
    }
    Some(())
}

async fn send(socket: &mut WebSocket, message: &Value) -> Option<()> {
    socket.send(Message::text(message.to_string())).await.ok()
}

async fn expect(socket: &mut WebSocket, kind: &str) -> Option<Value> {
    let message: Value = serde_json::from_str(socket.recv().await?.ok()?.to_text().ok()?).ok()?;
    assert_eq!(message["type"], kind, "{message}");
    Some(message)
}
