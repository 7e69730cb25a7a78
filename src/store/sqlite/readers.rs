//! The connections that read: a few, each behind `spawn_blocking` for the time of one answer.
//!
//! A read is one transaction, so each answer is one moment; it begins after the call, so it sees
//! every commit that was answered before.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::failure::Failure;
use super::open::{self, OpenError};
use crate::store::StoreError;

/// The connections that read.
pub(super) struct Readers {
    idle: Mutex<Vec<Connection>>,
    /// As many permits as connections.
    room: Arc<Semaphore>,
    answered: AtomicU64,
}

impl Readers {
    /// Opens `count` connections, at least one.
    pub(super) fn open(path: &Path, count: usize) -> Result<Arc<Self>, OpenError> {
        let count = count.max(1);
        let idle = (0..count).map(|_| open::reader(path)).collect::<Result<Vec<_>, _>>()?;
        Ok(Arc::new(Self {
            idle: Mutex::new(idle),
            room: Arc::new(Semaphore::new(count)),
            answered: AtomicU64::new(0),
        }))
    }

    /// Answers `question` from one moment. Others wait while all connections are taken.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        question: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let closed =
            |message: &str| StoreError::Internal { message: message.to_owned(), source: None };
        let Ok(room) = Arc::clone(&self.room).acquire_owned().await else {
            return Err(closed("the store is closed"));
        };
        self.answered.fetch_add(1, Ordering::Relaxed);
        let readers = Arc::clone(self);
        let task = tokio::task::spawn_blocking(move || {
            // Declared in this order: the connection is back before its permit is.
            let _room = room;
            let lent = Lent { conn: readers.take(), readers };
            let conn = lent.conn.as_ref().expect("a permit stands for a connection");
            let tx = conn.unchecked_transaction()?;
            question(&tx)
        });
        match task.await {
            Ok(answer) => answer.map_err(Failure::of_read),
            Err(_) => Err(closed("a read ended by a panic")),
        }
    }

    /// How many questions were answered.
    pub(super) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    fn take(&self) -> Option<Connection> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}

/// A connection that goes back, however its read ends.
struct Lent {
    conn: Option<Connection>,
    readers: Arc<Readers>,
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut idle = self.readers.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.extend(self.conn.take());
    }
}
