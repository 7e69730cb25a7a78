//! Wall time as a parameter, so that a test can hold it.
//!
//! Durations (timeouts, graces, budgets) are measured by the monotonic clock of whoever waits;
//! this clock only stamps what is stored and judges wall deadlines such as `notBefore`.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use rustix::time::{ClockId, clock_gettime};

/// An instant in UTC, kept to the millisecond everywhere: in the store, in the API, in files.
pub type Timestamp = DateTime<Utc>;

/// Tells the wall time.
pub trait Clock: Send + Sync {
    /// The present instant, cut to whole milliseconds. May fall when the machine's clock is set.
    fn now(&self) -> Timestamp;

    /// Is told what the clock showed that the servers of one database share, at an instant of
    /// [`since_boot`]. A clock that nobody shares does not care.
    fn tell(&self, _at: Duration, _now: Timestamp) {}
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
        let now = Utc::now();
        to_millis(now)
    }
}

/// The clock of a database that several servers share, as it was last told, carried on by the time since
/// the boot, which nobody sets: so what one of them stores is an instant to all of them, also while a
/// machine's own clock is wrong. The machine's until it is told anything.
#[derive(Debug, Default)]
pub struct SharedClock {
    /// When the machine's boot was, in milliseconds since 1970; 0: nothing was told.
    boot: AtomicI64,
}

impl Clock for SharedClock {
    fn now(&self) -> Timestamp {
        match self.boot.load(Ordering::Relaxed) {
            0 => SystemClock.now(),
            boot => from_unix_millis(boot.saturating_add(whole_millis(since_boot()))),
        }
    }

    fn tell(&self, at: Duration, now: Timestamp) {
        let boot = now.timestamp_millis().saturating_sub(whole_millis(at));
        self.boot.store(boot, Ordering::Relaxed);
    }
}

fn whole_millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// A clock that stands still until it is told otherwise.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<Mutex<Timestamp>>);

impl ManualClock {
    /// A clock that shows `start`.
    pub fn at(start: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(to_millis(start))))
    }

    /// Sets the clock `by` forward, or back where it is negative.
    pub fn advance(&self, by: TimeDelta) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now += by;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long the machine has run, its sleep included: the same for all of its processes, and never set.
pub fn since_boot() -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    // Neither is negative.
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or_default())
}

/// An argument's instant that must lie ahead; else, what is wrong with it.
pub fn ahead(argument: &str, at: Timestamp, now: Timestamp) -> Result<Timestamp, String> {
    if at > now {
        return Ok(at);
    }
    let (at, now) = (at.to_rfc3339(), now.to_rfc3339());
    Err(format!("`{argument}` is {at}, which is past: expected an instant after now, {now}"))
}

/// The instant with everything below a millisecond cut off.
pub fn to_millis(at: Timestamp) -> Timestamp {
    at.duration_trunc(TimeDelta::milliseconds(1)).unwrap_or(at)
}

/// The instant of a stored count of milliseconds since 1970; counts that chrono cannot show
/// (years past 262,000) become its nearest end.
pub fn from_unix_millis(millis: i64) -> Timestamp {
    DateTime::from_timestamp_millis(millis).unwrap_or(if millis < 0 {
        DateTime::<Utc>::MIN_UTC
    } else {
        DateTime::<Utc>::MAX_UTC
    })
}
