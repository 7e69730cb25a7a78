//! The one thread that writes, and the door to it.
//!
//! Whatever waits when the last commit ends goes into the next transaction, without a timer: the
//! batch grows as the disk is slow. One flush covers all of it, then everybody is answered.
//!
//! # Invariants
//!
//! - A caller is answered after COMMIT, and after [`CommitSink`] was handed what it made true.
//! - A failing statement rolls the batch back; it is then replayed one by one, so that the bad
//!   write fails alone.
//! - After an I/O error nothing is written any more (P13): an fsync that failed once may report
//!   success the second time without having written anything.
//!
//! # Concurrency
//!
//! The thread owns its connection and the tally. At most [`MAX_PENDING`] writes wait; further
//! callers wait for room. A write that was handed over is done even if its caller goes away.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};

use super::checkpoint::{self, Checkpointer};
use super::failure::{Failure, Reach};
use super::write::{Operation, Tx};
use crate::store::meter::Meter;
use crate::store::tally::Tally;
use crate::store::{CommitSink, Health, StoreError, health};

/// The most writes that share a transaction.
const MAX_BATCH: usize = 256;
/// The most writes that are handed over and not yet answered.
const MAX_PENDING: usize = 4 * MAX_BATCH;
/// How often a store that refuses asks whether it still must.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// The door to the thread. Dropping it waits until all that was handed over is done.
pub(super) struct Writer {
    /// `None` only while it is dropped.
    sender: Option<Sender<Box<dyn Pending>>>,
    room: Arc<Semaphore>,
    health: watch::Receiver<Health>,
    longest: Arc<AtomicU64>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn spawn(
        path: &Path,
        conn: Connection,
        tally: Tally,
        on_commit: CommitSink,
        meter: Arc<Meter>,
    ) -> io::Result<Self> {
        let (sender, receiver) = channel();
        let (health, health_seen) = watch::channel(Health::Serving);
        let longest = Arc::<AtomicU64>::default();
        let copier = Checkpointer::spawn(path, health.clone())?;
        let desk = Desk {
            copier,
            conn,
            tally,
            on_commit,
            meter,
            health,
            longest: Arc::clone(&longest),
            receiver,
        };
        let thread = thread::Builder::new().name("store-writer".to_owned()).spawn(|| desk.run())?;
        Ok(Self {
            sender: Some(sender),
            room: Arc::new(Semaphore::new(MAX_PENDING)),
            health: health_seen,
            longest,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Does `operation` in the next transaction and answers once that is durable.
    pub(super) async fn write<O: Operation>(&self, operation: O) -> Result<O::Answer, O::Refusal> {
        let gone = || StoreError::Unavailable("the store is closed".to_owned());
        let Ok(room) = Arc::clone(&self.room).acquire_owned().await else {
            return Err(gone().into());
        };
        let (reply, answer) = oneshot::channel();
        let pending = Box::new(Waiting { operation, kept: None, reply, _room: room });
        let sent = self.sender.as_ref().is_some_and(|sender| sender.send(pending).is_ok());
        if !sent {
            return Err(gone().into());
        }
        answer.await.unwrap_or_else(|_| {
            Err(StoreError::OutcomeUnknown("the thread that writes ended".to_owned()).into())
        })
    }

    /// How long the longest transaction took, from its beginning to its flush.
    pub(super) fn longest_commit(&self) -> Duration {
        Duration::from_micros(self.longest.load(Ordering::Relaxed))
    }

    /// Whether it does its work.
    pub(super) fn health(&self) -> watch::Receiver<Health> {
        self.health.clone()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.sender.take());
        let thread = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        // The sink may own the last handle; a thread cannot wait for itself.
        if let Some(thread) = thread.filter(|t| t.thread().id() != thread::current().id())
            && thread.join().is_err()
        {
            tracing::error!("the thread that writes ended by a panic");
        }
    }
}

/// A write that waits, whatever it is.
trait Pending: Send {
    /// Does it in the open transaction and keeps the answer.
    fn apply(&mut self, tx: &mut Tx<'_>) -> Result<(), Failure>;
    /// Gives its caller the kept answer.
    fn answer(self: Box<Self>);
    /// Tells its caller that the store is in the way.
    fn fail(self: Box<Self>, error: StoreError);
}

struct Waiting<O: Operation> {
    operation: O,
    kept: Option<Result<O::Answer, O::Refusal>>,
    reply: oneshot::Sender<Result<O::Answer, O::Refusal>>,
    _room: OwnedSemaphorePermit,
}

impl<O: Operation> Pending for Waiting<O> {
    fn apply(&mut self, tx: &mut Tx<'_>) -> Result<(), Failure> {
        self.kept = Some(self.operation.apply(tx)?);
        Ok(())
    }

    fn answer(self: Box<Self>) {
        if let Some(kept) = self.kept {
            // A caller that went away is told by the events.
            drop(self.reply.send(kept));
        }
    }

    fn fail(self: Box<Self>, error: StoreError) {
        drop(self.reply.send(Err(error.into())));
    }
}

/// What the thread owns.
struct Desk {
    // Dropped before the connection that writes: the one that closes last copies the log.
    copier: Checkpointer,
    conn: Connection,
    tally: Tally,
    on_commit: CommitSink,
    meter: Arc<Meter>,
    health: watch::Sender<Health>,
    /// Of all transactions, in microseconds.
    longest: Arc<AtomicU64>,
    receiver: Receiver<Box<dyn Pending>>,
}

impl Desk {
    fn run(mut self) {
        while let Some(batch) = self.next_batch() {
            let written = self.conn.total_changes();
            self.write(batch, true);
            if self.conn.total_changes() != written {
                self.checkpoint();
            }
        }
    }

    /// All that waits, at least one; `None` once nobody can hand over anything.
    fn next_batch(&mut self) -> Option<Vec<Box<dyn Pending>>> {
        let first = loop {
            if !matches!(*self.health.borrow(), Health::Refusing(_)) {
                break self.receiver.recv().ok()?;
            }
            match self.receiver.recv_timeout(PROBE_EVERY) {
                Ok(first) => break first,
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => self.probe(),
            }
        };
        let mut batch = vec![first];
        batch.extend(self.receiver.try_iter().take(MAX_BATCH - 1));
        Some(batch)
    }

    /// Writes them; where `is_open`, with what comes until their commit begins.
    fn write(&mut self, mut batch: Vec<Box<dyn Pending>>, is_open: bool) {
        if let Health::Broken(why) = self.health.borrow().clone() {
            // These were never attempted: nothing of them is stored.
            return self.fail_all(batch, || StoreError::Unavailable(why.clone()));
        }
        match self.transact(&mut batch, is_open) {
            Ok(()) => batch.into_iter().for_each(Pending::answer),
            Err(Rollback { failure, began }) => {
                let reach = failure.reach();
                if reach != Reach::Broken && began && batch.len() > 1 {
                    return batch.into_iter().for_each(|write| self.write(vec![write], false));
                }
                match reach {
                    Reach::Alone => tracing::error!(error = %failure, "a write was rolled back"),
                    Reach::ForNow => self.become_refusing(&failure),
                    Reach::Broken => self.become_broken(&failure),
                }
                self.fail_all(batch, || failure.of_write());
            }
        }
    }

    /// Does the batch in one transaction, which is either durable and told, or rolled back.
    fn transact(
        &mut self,
        batch: &mut Vec<Box<dyn Pending>>,
        is_open: bool,
    ) -> Result<(), Rollback> {
        let (rows, since) = (self.conn.total_changes(), Instant::now());
        // At once with the lock: a transaction that began as a reader cannot always become one
        // that writes (SQLITE_BUSY in spite of the timeout).
        let begun = self.execute("BEGIN IMMEDIATE");
        begun.map_err(|failure| Rollback { failure, began: false })?;
        let mut tx = Tx::new(&self.conn, &mut self.tally);
        let mut done = batch.iter_mut().try_for_each(|write| write.apply(&mut tx));
        while is_open && done.is_ok() && batch.len() < MAX_BATCH {
            let Ok(mut late) = self.receiver.try_recv() else { break };
            done = late.apply(&mut tx);
            batch.push(late);
        }
        let commit = tx.into_commit();
        let done = done.and_then(|()| self.execute("COMMIT"));
        if let Err(failure) = done {
            return Err(self.roll_back(failure));
        }
        self.tally.commit();
        let took = u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.longest.fetch_max(took, Ordering::Relaxed);
        if self.conn.total_changes() != rows {
            self.meter.commits.add(since.elapsed());
            self.meter.writes.add(batch.len() as u64);
            self.become_serving();
        }
        if !commit.is_empty() {
            (self.on_commit)(&commit);
        }
        Ok(())
    }

    /// Runs a statement that stays prepared: reading BEGIN and COMMIT anew took an eighth of the time for one start.
    fn execute(&self, sql: &str) -> Result<(), Failure> {
        self.conn.prepare_cached(sql)?.execute(())?;
        Ok(())
    }

    fn fail_all(&self, batch: Vec<Box<dyn Pending>>, error: impl Fn() -> StoreError) {
        self.meter.failures.add(batch.len() as u64);
        for write in batch {
            write.fail(error());
        }
    }

    fn roll_back(&mut self, failure: Failure) -> Rollback {
        self.tally.roll_back();
        // A full disk or an I/O error has rolled back already.
        let rolled_back = self.conn.is_autocommit() || self.conn.execute_batch("ROLLBACK").is_ok();
        if !rolled_back {
            self.become_broken(&failure);
        }
        Rollback { failure, began: true }
    }

    fn checkpoint(&mut self) {
        if let Err(failure) = self.copier.after_commit(&self.conn) {
            checkpoint::failed(&failure, &self.health);
        }
    }

    /// Takes as much room as a large write and gives it back.
    fn probe(&mut self) {
        let take = "INSERT OR REPLACE INTO probe (id, room) VALUES (1, zeroblob(65536))";
        let taken = self.conn.execute(take, []).and_then(|_| {
            self.conn.execute("DELETE FROM probe", [])?;
            Ok(())
        });
        match taken.map_err(Failure::from) {
            Ok(()) => self.become_serving(),
            Err(failure) if failure.reach() == Reach::Broken => self.become_broken(&failure),
            Err(_) => {}
        }
    }

    fn become_serving(&self) {
        health::serve(&self.health);
    }

    fn become_refusing(&self, failure: &Failure) {
        health::refuse(&self.health, failure, "there is room again");
    }

    fn become_broken(&self, failure: &Failure) {
        health::stop(&self.health, failure);
    }
}

impl Drop for Desk {
    /// A panic on this thread is a bug after which nothing is certain either.
    fn drop(&mut self) {
        if thread::panicking() {
            let why = "the thread that writes ended by a panic".to_owned();
            self.health.send_replace(Health::Broken(why));
        }
    }
}

/// Nothing of the batch was stored, unless the failure says that nobody knows.
struct Rollback {
    failure: Failure,
    /// The transaction had begun, so that a part of the batch may be what failed.
    began: bool,
}
