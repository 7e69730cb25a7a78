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

/// The way out.
pub(super) struct Outgoing {
    sink: SplitSink<WebSocket, Message>,
    queue: VecDeque<Message>,
    /// Since when something waits to be taken.
    since: Option<Instant>,
}

impl Outgoing {
    pub(super) fn new(sink: SplitSink<WebSocket, Message>) -> Self {
        Self { sink, queue: VecDeque::new(), since: None }
    }

    /// There is room for answers to what the client sends.
    pub(super) fn has_room(&self) -> bool {
        self.queue.len() < ENOUGH
    }

    /// Since when the client has not taken everything.
    pub(super) fn waits_since(&self) -> Option<Instant> {
        self.since
    }

    /// Puts a message behind the others.
    pub(super) fn push(&mut self, message: Message) {
        self.since.get_or_insert_with(Instant::now);
        self.queue.push_back(message);
    }

    /// Forgets what was not begun yet.
    pub(super) fn clear(&mut self) {
        self.queue.clear();
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
                sink.as_mut().start_send(message)?;
                // The clock runs for one message, not for all that came while it was taken.
                self.since = Some(Instant::now());
            }
        }
        ready!(sink.poll_flush(cx))?;
        self.since = None;
        Poll::Ready(Ok(()))
    }
}
