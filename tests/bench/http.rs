//! Clients that ask by plain HTTP and take as little of the processor as they can: what they take is
//! taken from the servers. One connection a client, one request at a time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// The mutation of both servers.
pub(crate) const START: &str =
    "mutation($kind: String!) { startJob(input: { kind: $kind }) { job { id } } }";

/// A request of GraphQL, as it is sent.
pub(crate) fn request(path: &str, query: &str, variables: &Value) -> Arc<[u8]> {
    let body = json!({ "query": query, "variables": variables }).to_string();
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    [head.into_bytes(), body.into_bytes()].concat().into()
}

/// Starts a job of this kind.
pub(crate) fn start(kind: &str) -> Arc<[u8]> {
    request("/graphql", START, &json!({ "kind": kind }))
}

/// One connection.
pub(crate) struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    pub(crate) async fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, buffer: Vec::with_capacity(4096) }
    }

    /// The body of the answer; `None`: the server is gone.
    pub(crate) async fn try_ask(&mut self, request: &[u8]) -> Option<&[u8]> {
        self.stream.write_all(request).await.ok()?;
        self.buffer.clear();
        loop {
            if self.stream.read_buf(&mut self.buffer).await.ok()? == 0 {
                return None;
            }
            let Some(head) = find(&self.buffer, b"\r\n\r\n").map(|at| at + 4) else { continue };
            if self.buffer.len() >= head + length(&self.buffer[..head]) {
                return Some(&self.buffer[head..]);
            }
        }
    }

    /// Asks what must succeed; how long it took.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> Duration {
        let begun = Instant::now();
        let body = self.try_ask(request).await.expect("the server answers");
        let took = begun.elapsed();
        assert!(find(body, b"\"errors\"").is_none(), "{}", String::from_utf8_lossy(body));
        took
    }

    /// The id of the job that was started; `None`: the server is gone.
    pub(crate) async fn start(&mut self, request: &[u8]) -> Option<String> {
        let body: Value = serde_json::from_slice(self.try_ask(request).await?).ok()?;
        let id = body["data"]["startJob"]["job"]["id"].as_str();
        Some(id.unwrap_or_else(|| panic!("{body}")).to_owned())
    }
}

/// So many clients that ask the same at once, each as soon as it was answered.
pub(crate) struct Clients(Vec<Client>);

impl Clients {
    pub(crate) async fn open(address: &str, count: usize) -> Self {
        let mut all = Vec::new();
        for _ in 0..count {
            all.push(Client::open(address).await);
        }
        Self(all)
    }

    /// Asks for so long; answers per second.
    pub(crate) async fn rate(&mut self, request: &Arc<[u8]>, time: Duration) -> f64 {
        let (begun, mut asking) = (Instant::now(), JoinSet::new());
        for mut client in self.0.drain(..) {
            let request = Arc::clone(request);
            asking.spawn(async move {
                let mut count = 0_u32;
                while begun.elapsed() < time {
                    client.ask(&request).await;
                    count += 1;
                }
                (client, count)
            });
        }
        let mut answers = 0;
        while let Some(asked) = asking.join_next().await {
            let (client, count) = asked.unwrap();
            answers += count;
            self.0.push(client);
        }
        f64::from(answers) / begun.elapsed().as_secs_f64()
    }

    /// Asks so many times a second, whether or not it was answered; how long each took, from when it
    /// was due, in milliseconds.
    pub(crate) async fn paced(
        &mut self,
        request: &Arc<[u8]>,
        per_second: f64,
        time: Duration,
    ) -> Vec<f64> {
        let (mut asking, mut due) = (JoinSet::new(), Vec::new());
        for mut client in self.0.drain(..) {
            let (tell, mut told) = mpsc::channel::<Instant>(4096);
            due.push(tell);
            let request = Arc::clone(request);
            asking.spawn(async move {
                let mut took = Vec::new();
                while let Some(due) = told.recv().await {
                    client.ask(&request).await;
                    took.push(due.elapsed().as_secs_f64() * 1_000.0);
                }
                (client, took)
            });
        }
        // A thread of its own: the timer of the runtime is too coarse.
        let pacing = tokio::task::spawn_blocking(move || pace(per_second, time, &due));
        pacing.await.unwrap();
        let mut all = Vec::new();
        while let Some(asked) = asking.join_next().await {
            let (client, took) = asked.unwrap();
            all.extend(took);
            self.0.push(client);
        }
        all
    }

    /// Starts jobs until the server is gone; the ids of those that were acknowledged.
    pub(crate) async fn start_until_gone(self, request: &Arc<[u8]>) -> Vec<String> {
        let mut asking = JoinSet::new();
        for mut client in self.0 {
            let request = Arc::clone(request);
            asking.spawn(async move {
                let mut ids = Vec::new();
                while let Some(id) = client.start(&request).await {
                    ids.push(id);
                }
                ids
            });
        }
        asking.join_all().await.concat()
    }
}

/// Tells one after the other when the next request is due.
fn pace(per_second: f64, time: Duration, to: &[mpsc::Sender<Instant>]) {
    let begun = Instant::now();
    for (number, tell) in to.iter().cycle().enumerate() {
        let after = f64::from(u32::try_from(number).unwrap()) / per_second;
        let due = begun + Duration::from_secs_f64(after);
        if due - begun > time {
            return;
        }
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        tell.blocking_send(due).unwrap();
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn length(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let value = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    value.expect("an answer says its length").trim().parse().unwrap()
}
