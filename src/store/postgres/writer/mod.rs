//! The one thread that writes, and the door to it.
//!
//! Whatever waits when the last commit ends goes into the next transaction, without a timer, and with it
//! whatever comes until that has the lock. The thread has a runtime of its own: what keeps the server's busy
//! keeps no connection from being served.
//!
//! # Invariants
//!
//! - A caller is answered after COMMIT, and after [`CommitSink`] was handed what it made true.
//! - A failing statement rolls the batch back; it is then replayed one by one, so that the bad
//!   write fails alone.
//! - Every transaction that writes holds one lock of the schema through its COMMIT and draws its numbers
//!   under it: they become visible in their order, and no cursor passes over one that commits late.
//! - What others committed is counted before anything of its own is written, and told before that is (follow.rs).
//! - A connection that is lost before a COMMIT is made again, and nothing was stored; one that is lost at
//!   a COMMIT leaves its writes in doubt, and nothing is written before it is known what became of them. Where
//!   nobody can know, nothing is written any more (P13).
//!
//! # Concurrency
//!
//! The thread owns the connection and the tally. At most [`MAX_PENDING`] writes wait; further
//! callers wait for room. A write that was handed over is done even if its caller goes away.

mod outage;
mod transaction;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc as std_mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

use crate::store::meter::Meter;
use crate::store::postgres::away::{self, Doubt, EventMark};
use crate::store::postgres::failure::{Failure, Reach};
use crate::store::postgres::held::{Base, Held};
use crate::store::postgres::open::OpenError;
use crate::store::postgres::pending::{Pending, Waiting};
use crate::store::postgres::write::Operation;
use crate::store::{CommitSink, Health, StoreError, health};
use outage::Away;
use transaction::{Rollback, Room};

/// The most writes that share a transaction.
const MAX_BATCH: usize = 256;
/// The most writes that are handed over and not yet answered.
const MAX_PENDING: usize = 4 * MAX_BATCH;
/// How often who has nothing to write looks whether it could.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Takes the lock of the schema, which every transaction that writes holds.
pub(super) const LOCK: &str =
    "SELECT pg_advisory_xact_lock(1279804484, hashtext(current_schema()))";
/// A transaction with it.
pub(super) const BEGIN: &str =
    "BEGIN; SELECT pg_advisory_xact_lock(1279804484, hashtext(current_schema()))";

/// The door to the thread. Dropping it waits until all that was handed over is done.
pub(super) struct Writer {
    /// `None` only while it is dropped.
    sender: Option<mpsc::Sender<Box<dyn Pending>>>,
    room: Arc<Semaphore>,
    health: watch::Receiver<Health>,
    longest: Arc<AtomicU64>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the thread, which opens the database; returns once it is ready, with the name of the schema.
    pub(super) fn spawn(
        base: Base,
        on_commit: CommitSink,
        meter: Arc<Meter>,
    ) -> Result<(Self, String), OpenError> {
        let (sender, receiver) = mpsc::channel(MAX_PENDING);
        let (health, health_seen) = watch::channel(Health::Serving);
        let longest = Arc::<AtomicU64>::default();
        let (opened, ready) = std_mpsc::sync_channel(1);
        let of_thread = |error: std::io::Error| OpenError::Thread(error.to_string());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(of_thread)?;
        let counted = Arc::clone(&longest);
        let work = async move || match Held::take(&base).await {
            Ok((held, schema)) => {
                drop(opened.send(Ok(schema)));
                let (held, away, last_event, longest) = (Some(held), None, 0, counted);
                Desk {
                    base,
                    held,
                    away,
                    last_event,
                    last_own: None,
                    on_commit,
                    meter,
                    health,
                    owes_look: false,
                    longest,
                    receiver,
                }
                .run()
                .await;
            }
            Err(error) => drop(opened.send(Err(error))),
        };
        let thread = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || runtime.block_on(work()))
            .map_err(of_thread)?;
        let gone = |_| OpenError::Thread("it ended by a panic".to_owned());
        let schema = ready.recv().map_err(gone).flatten()?;
        let writer = Self {
            sender: Some(sender),
            room: Arc::new(Semaphore::new(MAX_PENDING)),
            health: health_seen,
            longest,
            thread: Mutex::new(Some(thread)),
        };
        Ok((writer, schema))
    }

    /// Does `operation` in the next transaction and answers once that is durable.
    pub(super) async fn write<O: Operation>(&self, operation: O) -> Result<O::Answer, O::Refusal> {
        let gone = || StoreError::Unavailable("the store is closed".to_owned());
        let Ok(room) = Arc::clone(&self.room).acquire_owned().await else {
            return Err(gone().into());
        };
        let (reply, answer) = oneshot::channel();
        let pending = Box::new(Waiting::new(operation, reply, room));
        // There is room in the channel for every permit.
        let sent = self.sender.as_ref().is_some_and(|sender| sender.try_send(pending).is_ok());
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

/// What the thread owns.
struct Desk {
    base: Base,
    /// `None`: it is away, or the store is broken.
    held: Option<Held>,
    away: Option<Away>,
    /// The last event that was acknowledged, as far as one was since the start.
    last_event: i64,
    /// The last one of our own.
    last_own: Option<EventMark>,
    on_commit: CommitSink,
    meter: Arc<Meter>,
    health: watch::Sender<Health>,
    /// Settings of others were seen to be changed.
    owes_look: bool,
    /// Of all transactions, in microseconds.
    longest: Arc<AtomicU64>,
    receiver: mpsc::Receiver<Box<dyn Pending>>,
}

impl Desk {
    async fn run(mut self) {
        while let Some(batch) = self.next_batch().await {
            self.write(batch, Room::ForMore).await;
        }
        if let Some(held) = self.held.take() {
            held.session.close().await;
        }
    }

    /// All that waits, at least one; `None` once nobody can hand over anything.
    async fn next_batch(&mut self) -> Option<Vec<Box<dyn Pending>>> {
        let mut batch = Vec::new();
        let mut look_at = Instant::now() + LOOK_EVERY;
        let follow = Arc::clone(&self.base.follow);
        loop {
            if std::mem::take(&mut self.owes_look) {
                self.look().await;
            }
            let next = self.receiver.recv_many(&mut batch, MAX_BATCH);
            match (&mut self.away, &self.held) {
                (Some(away), _) => tokio::select! {
                    back = &mut away.coming => {
                        let put_off = self.come_back(back);
                        if !put_off.is_empty() {
                            return Some(put_off);
                        }
                    }
                    count = next, if away.is_told => return (count > 0).then_some(batch),
                    () = sleep_until(away.tell_at), if !away.is_told => self.tell_away(),
                },
                // Whoever has something to write takes in what others did anyway.
                (None, Some(held)) => tokio::select! {
                    biased;
                    () = held.session.gone() => {
                        self.go_away(&Failure::NoConnection("it was lost".to_owned()), None);
                    }
                    () = sleep_until(look_at) => {
                        look_at = Instant::now() + LOOK_EVERY;
                        if let Err(failure) = away::look(&held.session).await {
                            self.go_away(&failure, None);
                        }
                    }
                    count = next => return (count > 0).then_some(batch),
                    () = follow.more.notified() => self.look().await,
                },
                (None, None) => {
                    let count = next.await;
                    return (count > 0).then_some(batch);
                }
            }
        }
    }

    async fn write(&mut self, mut batch: Vec<Box<dyn Pending>>, room: Room) {
        if let Health::Broken(why) = self.health.borrow().clone() {
            // These were never attempted: nothing of them is stored.
            return self.fail_all(batch, || StoreError::Unavailable(why.clone()));
        }
        let Err(Rollback { failure, began, in_doubt }) = self.transact(&mut batch, room).await
        else {
            return batch.into_iter().for_each(Pending::answer);
        };
        if let Some((commit, last_event)) = in_doubt {
            return self.go_away(&failure, Some(Doubt { batch, commit, last_event }));
        }
        let reach = failure.reach();
        let is_open = self.held.as_ref().is_some_and(|held| !held.session.is_closed());
        if reach != Reach::Broken && began && is_open && batch.len() > 1 {
            for write in batch {
                Box::pin(self.write(vec![write], Room::ForNone)).await;
            }
            return;
        }
        match reach {
            Reach::Alone => tracing::error!(error = %failure, "a write was rolled back"),
            Reach::ForNow => self.go_away(&failure, None),
            Reach::Broken => self.become_broken(&failure),
        }
        // A connection that was lost while nobody used it is often made again at once.
        match &mut self.away {
            Some(away) if !began && !away.is_told => away.put_off.extend(batch),
            _ => self.fail_all(batch, || failure.of_write()),
        }
    }

    /// Takes in what others did, outside of a transaction.
    async fn look(&mut self) {
        let Some(Held { session, tally }) = &mut self.held else { return };
        let (follow, sink) = (&self.base.follow, &self.on_commit);
        if !follow.is_on() {
            return;
        }
        let looked = match follow.catch_up(session, tally, sink).await {
            Ok(()) => follow.look_at_settings(session, sink).await,
            Err(failure) => Err(failure),
        };
        match looked {
            Ok(()) => {}
            Err(failure) if failure.reach() == Reach::Alone => {
                tracing::warn!(error = %failure, "what other servers do is not known for now");
            }
            Err(failure) => self.go_away(&failure, None),
        }
    }

    fn fail_all(&self, batch: Vec<Box<dyn Pending>>, error: impl Fn() -> StoreError) {
        self.meter.failures.add(batch.len() as u64);
        for write in batch {
            write.fail(error());
        }
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
