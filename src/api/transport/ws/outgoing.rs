//! What is on its way to the client of one socket: the little that was made and not yet taken.
//!
//! Nothing is made for a client that has not taken what was made before, beside answers to what it
//! sends; so the sources wait, and what they coalesce stays coalesced.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::Error;
use axum::extract::ws::{Message, WebSocket};
use futures::Sink;
use futures::stream::SplitSink;
use tokio::time::Instant;

/// Nothing more is read from a client that leaves so many answers untaken.
const ENOUGH: usize = 16;
/// The same in bytes.
const ENOUGH_BYTES: usize = 512 * 1024;

/// The way out.
pub(super) struct Outgoing {
    sink: SplitSink<WebSocket, Message>,
    queue: VecDeque<Message>,
    /// The bytes in the queue.
    bytes: usize,
    /// Answers to pings that the library made and has not been told to send.
    pongs: usize,
    /// Since when something waits to be taken.
    since: Option<Instant>,
}

impl Outgoing {
    pub(super) fn new(sink: SplitSink<WebSocket, Message>) -> Self {
        Self { sink, queue: VecDeque::new(), bytes: 0, pongs: 0, since: None }
    }

    /// There is room for answers to what the client sends.
    pub(super) fn has_room(&self) -> bool {
        self.queue.len() + self.pongs < ENOUGH && self.bytes < ENOUGH_BYTES
    }

    /// Since when the client has not taken everything.
    pub(super) fn waits_since(&self) -> Option<Instant> {
        self.since
    }

    /// Puts a message behind the others.
    pub(super) fn push(&mut self, message: Message) {
        self.since.get_or_insert_with(Instant::now);
        self.bytes += length(&message);
        self.queue.push_back(message);
    }

    /// The library heard a ping and made the answer: it goes out with the next flush, and counts until
    /// then.
    pub(super) fn owe_pong(&mut self) {
        self.since.get_or_insert_with(Instant::now);
        self.pongs += 1;
    }

    /// Forgets what was not begun yet.
    pub(super) fn clear(&mut self) {
        self.queue.clear();
        self.bytes = 0;
    }

    /// Waits until everything was taken. May be dropped and called again; nothing is lost.
    pub(super) async fn flush(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.poll_flush(cx)).await
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let mut sink = Pin::new(&mut self.sink);
        while !self.queue.is_empty() {
            ready!(sink.as_mut().poll_ready(cx))?;
            if let Some(message) = self.queue.pop_front() {
                self.bytes -= length(&message);
                sink.as_mut().start_send(message)?;
            }
        }
        ready!(sink.poll_flush(cx))?;
        (self.pongs, self.since) = (0, None);
        Poll::Ready(Ok(()))
    }
}

fn length(message: &Message) -> usize {
    match message {
        Message::Text(text) => text.len(),
        Message::Binary(bytes) | Message::Ping(bytes) | Message::Pong(bytes) => bytes.len(),
        Message::Close(_) => 0,
    }
}
