//! The operations of one socket, each polled when something woke it, and each dropped at once when
//! its client ends it.
//!
//! # Concurrency
//!
//! One task holds all of it; the locks are never contended. What is dropped leaves an empty slot that
//! goes when it is next polled, so it is woken; until then it counts.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use futures::stream::{BoxStream, SelectAll, Stream, StreamExt};

use crate::api::transport::door::Told;

/// The running operations of a socket.
#[derive(Default)]
pub(super) struct Operations {
    all: SelectAll<Operation>,
    slots: HashMap<Arc<str>, Arc<Mutex<Slot>>>,
}

/// Where an operation is, for as long as somebody wants it.
struct Slot {
    stream: Option<BoxStream<'static, Told>>,
    waker: Option<Waker>,
}

struct Operation {
    id: Arc<str>,
    slot: Arc<Mutex<Slot>>,
}

impl Operations {
    /// Adds an operation under an id that none has.
    pub(super) fn add(&mut self, id: &str, stream: BoxStream<'static, Told>) {
        let id = Arc::<str>::from(id);
        let slot = Arc::new(Mutex::new(Slot { stream: Some(stream), waker: None }));
        self.slots.insert(Arc::clone(&id), Arc::clone(&slot));
        self.all.push(Operation { id, slot });
    }

    /// Drops an operation with everything that it holds.
    pub(super) fn drop(&mut self, id: &str) {
        let Some(slot) = self.slots.remove(id) else { return };
        let (stream, waker) = {
            let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
            (slot.stream.take(), slot.waker.take())
        };
        // Outside of the lock: what it holds may do anything as it goes.
        drop(stream);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// How many there are, with the empty slots of those that were dropped.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// What any of them tells next; `None`: none told anything, but empty slots went. Waits for ever
    /// where there are none.
    pub(super) async fn next(&mut self) -> Option<(Arc<str>, Told)> {
        poll_fn(|cx| {
            let before = self.all.len();
            match self.all.poll_next_unpin(cx) {
                Poll::Ready(Some((id, told))) => {
                    if told.is_last() {
                        self.slots.remove(&id);
                    }
                    Poll::Ready(Some((id, told)))
                }
                Poll::Ready(None) | Poll::Pending if self.all.len() < before => Poll::Ready(None),
                // An empty set is ready at once, and nothing will wake it: whoever adds asks again.
                Poll::Ready(None) | Poll::Pending => Poll::Pending,
            }
        })
        .await
    }
}

impl Stream for Operation {
    type Item = (Arc<str>, Told);

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(stream) = &mut slot.stream else { return Poll::Ready(None) };
        let polled = stream.poll_next_unpin(cx);
        if polled.is_pending() && !slot.waker.as_ref().is_some_and(|w| w.will_wake(cx.waker())) {
            slot.waker = Some(cx.waker().clone());
        }
        polled.map(|told| told.map(|told| (Arc::clone(&self.id), told)))
    }
}
