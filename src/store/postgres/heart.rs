//! What keeps this worker's lease, tells others that there is news, and hears of theirs.
//!
//! # Invariants
//!
//! - A lease is told from the moment *before* the database was asked: by the database's clock it never
//!   ends earlier. What was answered late is told late, with the same end.
//! - Whoever is told of news reads it from the tables: a word that is lost costs at most the pause to the
//!   next look ([`beat`]), which comes whether or not there was one.
//!
//! # Concurrency
//!
//! A thread of its own with a runtime of its own and a connection of its own: whatever keeps the server,
//! or the writer, busy does not keep a lease from being renewed. A word of news is sent outside of the
//! transaction that made it, at most every [`WORD_EVERY`]: PostgreSQL lets one commit with words pass at
//! a time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use futures::StreamExt;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_postgres::{AsyncMessage, Client};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::address::Address;
use super::follow::Follow;
use super::progress;
use super::session::Parameters;
use super::uploads;
use crate::domain::clock::{from_unix_millis, since_boot};
use crate::domain::id::WorkerId;
use crate::store::fleet::{GrowthSink, Lease, LeaseSink, ProgressSink, TimeSink};

/// From one word of news to the next.
const WORD_EVERY: Duration = Duration::from_millis(20);
/// Until the database must have answered.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// An answer tells the time if it took no longer.
const SURE_WITHIN: Duration = Duration::from_secs(1);
/// From one try to connect to the next.
const AGAIN: Duration = Duration::from_millis(500);

const SETTINGS: &str = "
    SET statement_timeout = '5s';
    SET lock_timeout = '5s';
    SET tcp_keepalives_idle = 5;
    SET tcp_keepalives_interval = 2;
    SET tcp_keepalives_count = 3";

/// The thread. Dropping it ends it.
pub(super) struct Heart {
    end: CancellationToken,
    steady: Arc<Steady>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the thread works with.
pub(super) struct Options {
    pub(super) address: Address,
    pub(super) worker: WorkerId,
    pub(super) lease: Duration,
    pub(super) on_lease: LeaseSink,
    pub(super) on_growth: GrowthSink,
    pub(super) on_progress: ProgressSink,
    pub(super) on_time: TimeSink,
    pub(super) follow: Arc<Follow>,
    /// The last event that this process committed.
    pub(super) committed: watch::Receiver<i64>,
}

/// Since when the lease was renewed without a break, in milliseconds since the boot.
#[derive(Debug, Default)]
struct Steady {
    since: AtomicU64,
    last: AtomicU64,
}

/// The pause between two renewals: a twelfth of the lease.
fn beat(lease: Duration) -> Duration {
    lease / 12
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Steady {
    /// Renewed at this moment.
    fn renewed(&self, at: Duration, lease: Duration) {
        let at = millis(at);
        let last = self.last.swap(at, Ordering::AcqRel);
        // A quarter of the lease is three renewals that failed.
        if last == 0 || at.saturating_sub(last) > millis(lease / 4) {
            self.since.store(at, Ordering::Release);
        }
    }

    fn lasts(&self, lease: Duration) -> bool {
        let (now, last) = (millis(since_boot()), self.last.load(Ordering::Acquire));
        last != 0
            && now.saturating_sub(last) <= millis(lease / 4)
            && now.saturating_sub(self.since.load(Ordering::Acquire)) >= millis(lease)
    }
}

impl Heart {
    /// Starts the thread.
    pub(super) fn start(options: Options) -> std::io::Result<Self> {
        let end = CancellationToken::new();
        let steady = Arc::<Steady>::default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (ended, counted) = (end.clone(), Arc::clone(&steady));
        let thread = thread::Builder::new().name("store-lease".to_owned()).spawn(move || {
            let work = async move { Beating { options, steady: counted }.run().await };
            runtime.block_on(ended.run_until_cancelled(work));
        })?;
        Ok(Self { end, steady, thread: Mutex::new(Some(thread)) })
    }

    /// The lease was renewed without a break for as long as it lasts.
    pub(super) fn is_steady(&self, lease: Duration) -> bool {
        self.steady.lasts(lease)
    }

    /// Ends it: nothing is renewed any more. Blocks for a moment.
    pub(super) fn stop(&self) {
        self.end.cancel();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that renews the lease ended by a panic");
        }
    }
}

impl Drop for Heart {
    fn drop(&mut self) {
        self.stop();
    }
}

struct Beating {
    options: Options,
    steady: Arc<Steady>,
}

impl Beating {
    async fn run(mut self) {
        loop {
            if let Err(error) = self.while_connected().await {
                tracing::warn!(error, "the lease of this worker cannot be renewed for now");
            }
            sleep(AGAIN).await;
        }
    }

    async fn while_connected(&mut self) -> Result<(), String> {
        let told = |error: tokio_postgres::Error| super::failure::told(&error);
        let Address { config, tls } = &self.options.address;
        let connecting = timeout(ANSWER_WITHIN, config.connect(tls.clone()));
        let (client, mut connection) =
            connecting.await.map_err(|_| "no answer".to_owned())?.map_err(told)?;
        let tasks = TaskTracker::new();
        let Options { follow, on_growth, on_progress, .. } = &self.options;
        let (follow, on_growth, on_progress) =
            (Arc::clone(follow), Arc::clone(on_growth), Arc::clone(on_progress));
        tasks.spawn(async move {
            let mut messages = futures::stream::poll_fn(|context| connection.poll_message(context));
            while let Some(Ok(message)) = messages.next().await {
                // Our own words come, too: who is woken by one finds nothing new.
                let AsyncMessage::Notification(word) = message else { continue };
                if word.channel().ends_with(uploads::CHANNEL_END) {
                    if let Ok(job) = word.payload().parse() {
                        on_growth(job);
                    }
                } else if word.channel().ends_with(progress::CHANNEL_END) {
                    if let Ok(said) = serde_json::from_str(word.payload()) {
                        on_progress(said);
                    }
                } else {
                    follow.more.notify_one();
                }
            }
        });
        client.batch_execute(SETTINGS).await.map_err(told)?;
        let channel = client.query_one(CHANNEL, &[]).await.map_err(told)?;
        let channel: String = channel.get(0);
        for end in ["", uploads::CHANNEL_END, progress::CHANNEL_END] {
            client.batch_execute(&format!("LISTEN {channel}{end}")).await.map_err(told)?;
        }
        self.beat_on(&client, &channel).await
    }

    async fn beat_on(&mut self, client: &Client, channel: &str) -> Result<(), String> {
        let told = |error: tokio_postgres::Error| super::failure::told(&error);
        let pause = beat(self.options.lease);
        let (mut next, mut word) = (Instant::now(), Instant::now());
        let mut committed = self.options.committed.clone();
        committed.mark_changed();
        loop {
            let mut is_news = false;
            tokio::select! {
                biased;
                () = sleep_until(next) => {
                    self.renew(client).await?;
                    // Not all at one moment, whoever began together.
                    next = Instant::now() + pause.mul_f64(rand::random_range(0.8..1.0));
                    // The truth, whether or not a word came.
                    self.options.follow.more.notify_one();
                }
                changed = async { sleep_until(word).await; committed.changed().await } => {
                    if changed.is_err() {
                        // The store is closed.
                        return std::future::pending().await;
                    }
                    is_news = true;
                }
            }
            if is_news {
                let last = committed.borrow_and_update().to_string();
                word = Instant::now() + WORD_EVERY;
                let said: Parameters<'_> = &[&channel, &last];
                within(client.execute("SELECT pg_notify($1, $2)", said)).await?.map_err(told)?;
            }
        }
    }

    async fn renew(&self, client: &Client) -> Result<(), String> {
        let told = |error: tokio_postgres::Error| super::failure::told(&error);
        let Options { worker, lease, on_lease, on_time, .. } = &self.options;
        let id = super::row::uuid(worker.as_bytes());
        let at = since_boot();
        if let Some(row) = within(client.query_opt(RENEW, &[&id])).await?.map_err(told)? {
            tell_time(on_time, at, row.get(0));
            self.steady.renewed(at, *lease);
            on_lease(Lease::Renewed(at));
            return Ok(());
        }
        let at = since_boot();
        if within(client.execute(BEGIN_ANEW, &[&id])).await?.map_err(told)? == 0 {
            return Err("another worker has its name by now: it takes nothing more".to_owned());
        }
        tracing::error!(
            "this worker was not heard of for longer than its lease: its jobs were given to others"
        );
        self.steady.renewed(at, *lease);
        on_lease(Lease::Anew);
        on_lease(Lease::Renewed(at));
        Ok(())
    }
}

/// What the database says, in time.
async fn within<T>(asked: impl Future<Output = T>) -> Result<T, String> {
    timeout(ANSWER_WITHIN, asked).await.map_err(|_| "no answer".to_owned())
}

/// Tells what the database's clock showed in an answer that has just come: at half its way, unless that took
/// so long that nobody knows when it was.
pub(super) fn tell_time(on_time: &TimeSink, asked: Duration, shown: i64) {
    let took = since_boot().saturating_sub(asked);
    if took <= SURE_WITHIN {
        on_time(asked + took / 2, from_unix_millis(shown));
    }
}

/// What time it is for all who share the database.
pub(super) const NOW: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";

/// One for each schema.
const CHANNEL: &str = "SELECT 'longhaul_' || current_schema()::regnamespace::oid";

/// By the unique index of `id`.
const RENEW: &str = "
UPDATE workers
SET last_seen_at = greatest(
    last_seen_at,
    (extract(epoch FROM clock_timestamp()) * 1000)::bigint)
WHERE id = $1
  AND gone_at IS NULL
RETURNING (extract(epoch FROM clock_timestamp()) * 1000)::bigint";

/// By the unique index of `id`, and `workers_joined`.
const BEGIN_ANEW: &str = "
UPDATE workers
SET gone_at = NULL,
    last_seen_at = (extract(epoch FROM clock_timestamp()) * 1000)::bigint
WHERE id = $1
  AND NOT EXISTS (
      SELECT FROM workers AS others
      WHERE others.name = workers.name
        AND others.id <> workers.id
        AND others.lease_ms IS NOT NULL
        AND others.gone_at IS NULL)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_break_is_followed_by_a_whole_lease() {
        // P11: nobody is reaped right after an outage.
        let lease = Duration::from_secs(1);
        let steady = Steady::default();
        assert!(!steady.lasts(lease), "it was never renewed");
        let now = since_boot();
        let ago = |millis| now.saturating_sub(Duration::from_millis(millis));
        for millis in [1_200, 1_000, 800, 600, 400, 200, 0] {
            steady.renewed(ago(millis), lease);
        }
        assert!(steady.lasts(lease));
        let steady = Steady::default();
        for millis in [1_200, 1_000, 600, 400, 200, 0] {
            steady.renewed(ago(millis), lease);
        }
        assert!(!steady.lasts(lease), "400 ms without a renewal are a break");
    }
}
