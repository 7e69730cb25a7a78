//! `queueStats`: a queue whenever something about it changed, at most once an interval.
//!
//! # Invariants
//!
//! - Each queue is told once at the beginning, and once more after its last change.
//! - A change is marked as seen before its numbers are read: what happens in between is told again.

use std::time::Duration;

use futures::FutureExt;
use futures::future::{self, BoxFuture};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::Source;
use crate::api::error::{ApiError, Result};
use crate::api::types::queue::Queue;
use crate::domain::names::QueueName;
use crate::scheduler::Handle;

/// The follower of one queue, or of all.
pub(super) struct QueueStream {
    interval: Duration,
    lines: Vec<Line>,
}

/// What is followed of one queue.
struct Line {
    name: QueueName,
    /// `None`: nothing about it will ever change.
    changes: Option<watch::Receiver<u64>>,
    /// Something changed that was not told yet.
    is_new: bool,
    /// When it may be told again.
    due: Instant,
}

impl QueueStream {
    pub(super) fn open(handle: &Handle, name: Option<&str>, interval: Duration) -> Result<Self> {
        let rows = match name {
            None => handle.queues(),
            Some(name) => {
                let row = handle.queue(name);
                vec![row.ok_or_else(|| {
                    let name: String = name.chars().take(80).collect();
                    ApiError::not_found("queue has the name", &name)
                })?]
            }
        };
        let line = |name: QueueName| Line {
            changes: handle.line_changes(&name),
            name,
            is_new: true,
            due: Instant::now(),
        };
        Ok(Self { interval, lines: rows.into_iter().map(|row| line(row.name)).collect() })
    }

    /// The queue that waits longest to be told, if it may be.
    fn take_due(&mut self) -> Option<Queue> {
        let now = Instant::now();
        let due = self.lines.iter_mut().filter(|line| line.is_new && line.due <= now);
        let line = due.min_by_key(|line| line.due)?;
        line.is_new = false;
        line.due = now + self.interval;
        if let Some(changes) = &mut line.changes {
            changes.mark_unchanged();
        }
        Some(Queue::named(line.name.clone()))
    }

    /// Waits until something changes, or until what has changed may be told.
    async fn wait(&mut self) {
        let due = self.lines.iter().filter(|line| line.is_new).map(|line| line.due).min();
        let quiet = self.lines.iter_mut().filter(|line| !line.is_new);
        let mut changes: Vec<BoxFuture<'_, ()>> = quiet.map(|l| l.changed().boxed()).collect();
        // One that is always there: nothing may be selected from nothing.
        changes.push(future::pending().boxed());
        tokio::select! {
            _ = future::select_all(changes) => {}
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
        }
    }
}

impl Line {
    async fn changed(&mut self) {
        let Some(changes) = &mut self.changes else { return future::pending().await };
        if changes.changed().await.is_ok() {
            self.is_new = true;
        } else {
            self.changes = None;
        }
    }
}

impl Source for QueueStream {
    type Message = Queue;

    async fn next(&mut self) -> Result<Option<Queue>> {
        loop {
            if let Some(queue) = self.take_due() {
                return Ok(Some(queue));
            }
            self.wait().await;
        }
    }
}
