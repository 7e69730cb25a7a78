//! Many clients, each a socket, that read whatever comes and count it.
//!
//! It is the same for both sides, and looks at a message as little as it can: what it takes of the
//! processor is taken from the servers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::stream::{self, SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

/// One socket.
pub(crate) type Stream = WebSocketStream<TcpStream>;

/// So many sockets are opened at a time.
const AT_A_TIME: usize = 64;
/// Nothing that is measured takes so long.
const DEADLINE: Duration = Duration::from_secs(60);

/// The same for both servers.
const STATUS: &str = "subscription($id: ID!) { jobStatus(id: $id, minIntervalMs: 50) {
    change seq state terminal progress { percent message } job { id attempt } } }";

/// What all of them heard.
#[derive(Default)]
struct Heard {
    /// Results of subscriptions.
    count: AtomicU64,
    /// Somebody waits for so many.
    until: AtomicU64,
    reached: Notify,
}

/// The clients. Dropped, they are gone at once.
pub(crate) struct Crowd {
    sinks: Vec<SplitSink<Stream, Message>>,
    heard: Arc<Heard>,
    _readers: JoinSet<()>,
}

impl Crowd {
    /// Opens so many sockets, with nothing on them.
    pub(crate) async fn open(address: &str, sockets: usize) -> Self {
        let opening = stream::iter(0..sockets).map(|_| open(address)).buffer_unordered(AT_A_TIME);
        let opened: Vec<Stream> = opening.collect().await;
        let heard = Arc::<Heard>::default();
        let (mut sinks, mut readers) = (Vec::new(), JoinSet::new());
        for socket in opened {
            let (sink, stream) = socket.split();
            sinks.push(sink);
            readers.spawn(read(stream, Arc::clone(&heard)));
        }
        Self { sinks, heard, _readers: readers }
    }

    /// Each socket watches the job that is its own by its number, and has heard how it stands.
    pub(crate) async fn watch(&mut self, job: impl Fn(usize) -> String) {
        self.ask(|number| (STATUS.to_owned(), job(number))).await;
    }

    /// The same of one job, each by a document of its own.
    pub(crate) async fn watch_apart(&mut self, job: &str) {
        let query = |number| STATUS.replacen("subscription", &format!("subscription S{number}"), 1);
        self.ask(|number| (query(number), job.to_owned())).await;
    }

    async fn ask(&mut self, question: impl Fn(usize) -> (String, String)) {
        let before = self.heard();
        for (number, sink) in self.sinks.iter_mut().enumerate() {
            let (query, id) = question(number);
            let payload = json!({ "query": query, "variables": { "id": id } });
            let message = json!({ "type": "subscribe", "id": id, "payload": payload });
            sink.send(Message::text(message.to_string())).await.unwrap();
        }
        self.until(before + self.sinks.len() as u64).await;
    }

    /// How many results came so far.
    pub(crate) fn heard(&self) -> u64 {
        self.heard.count.load(Ordering::SeqCst)
    }

    /// Waits until so many results came.
    pub(crate) async fn until(&self, count: u64) {
        let reached = self.heard.reached.notified();
        self.heard.until.store(count, Ordering::SeqCst);
        if self.heard() < count {
            let waited = tokio::time::timeout(DEADLINE, reached).await;
            assert!(waited.is_ok(), "{} of {count} messages came", self.heard());
        }
    }
}

/// Opens a socket whose session has begun.
pub(crate) async fn open(address: &str) -> Stream {
    let mut request = format!("ws://{address}/graphql").into_client_request().unwrap();
    let protocol = "graphql-transport-ws".parse().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", protocol);
    let config = WebSocketConfig::default().read_buffer_size(4 * 1024);
    let tcp = TcpStream::connect(address).await.unwrap();
    tcp.set_nodelay(true).unwrap();
    let (mut socket, _) = client_async_with_config(request, tcp, Some(config)).await.unwrap();
    socket.send(Message::text(r#"{"type":"connection_init"}"#)).await.unwrap();
    let ack = socket.next().await.unwrap().unwrap();
    assert!(ack.to_text().unwrap().contains("connection_ack"), "{ack:?}");
    socket
}

/// Follows a job to its end.
pub(crate) async fn end_of(socket: &mut Stream, job: &str) {
    let payload = json!({ "query": STATUS, "variables": { "id": job } });
    let message = json!({ "type": "subscribe", "id": job, "payload": payload });
    socket.send(Message::text(message.to_string())).await.unwrap();
    let mut has_ended = false;
    loop {
        let message = socket.next().await.unwrap().unwrap();
        let Message::Text(text) = message else { continue };
        if text.contains(r#""terminal":true"#) {
            has_ended = true;
        } else if text.starts_with(r#"{"type":"complete""#) {
            assert!(has_ended, "{text}");
            return;
        }
    }
}

async fn read(mut stream: SplitStream<Stream>, heard: Arc<Heard>) {
    while let Some(Ok(message)) = stream.next().await {
        let Message::Text(text) = message else { continue };
        if text.starts_with(r#"{"type":"next""#) {
            let count = heard.count.fetch_add(1, Ordering::SeqCst) + 1;
            if count == heard.until.load(Ordering::SeqCst) {
                heard.reached.notify_waiters();
            }
        } else {
            assert!(!text.starts_with(r#"{"type":"error""#), "{text}");
        }
    }
}
