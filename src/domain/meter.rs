//! What is counted while it happens: numbers that any thread changes without waiting for another, and
//! that somebody reads now and then.
//!
//! # Concurrency
//!
//! Each number is an atomic by itself. Whoever reads several may find one newer than the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// How often something happened. Only grows.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// It happened so often more.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// How often by now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How many there are at this moment.
#[derive(Debug, Default)]
pub struct Level(AtomicI64);

impl Level {
    /// So many more, or fewer where it is negative.
    pub fn add(&self, more: i64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// One more for as long as the guard lives.
    pub fn one(self: &Arc<Self>) -> One {
        self.add(1);
        One(Arc::clone(self))
    }

    /// How many now.
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One of a [`Level`] until it is dropped.
#[derive(Debug)]
#[must_use]
pub struct One(Arc<Level>);

impl Drop for One {
    fn drop(&mut self) {
        self.0.add(-1);
    }
}

/// How long things took, by how many took no longer than each of some bounds.
#[derive(Debug)]
pub struct Spread {
    bounds: &'static [Duration],
    /// One for each bound, and one for what took longer than the last.
    counts: Box<[AtomicU64]>,
    micros: AtomicU64,
}

/// A [`Spread`] as it was at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Spreading {
    /// All of them together.
    pub seconds: f64,
    /// How many there were.
    pub count: u64,
    /// A bound in seconds, and how many took no longer but longer than the bound before; the last one is
    /// without end.
    pub buckets: Vec<(f64, u64)>,
}

impl Spread {
    /// Nothing yet; the bounds rise.
    pub fn new(bounds: &'static [Duration]) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, counts, micros: AtomicU64::new(0) }
    }

    /// Something took so long.
    pub fn add(&self, took: Duration) {
        let bucket = self.bounds.partition_point(|bound| *bound < took);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// All of it now.
    pub fn get(&self) -> Spreading {
        let bounds = self.bounds.iter().map(Duration::as_secs_f64).chain([f64::INFINITY]);
        let counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed));
        let buckets: Vec<_> = bounds.zip(counts).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        let seconds = Duration::from_micros(self.micros.load(Ordering::Relaxed)).as_secs_f64();
        Spreading { seconds, count, buckets }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_knows_how_many_took_no_longer() {
        const BOUNDS: &[Duration] = &[Duration::from_millis(5), Duration::from_secs(1)];
        let spread = Spread::new(BOUNDS);
        for millis in [0, 5, 6, 1_000, 1_001, 7_000] {
            spread.add(Duration::from_millis(millis));
        }
        let Spreading { seconds, count, buckets } = spread.get();
        assert_eq!(buckets, [(0.005, 2), (1.0, 2), (f64::INFINITY, 2)]);
        assert_eq!((seconds, count), (9.012, 6));
    }

    #[test]
    fn a_level_falls_by_whoever_leaves() {
        let level = Arc::new(Level::default());
        let (one, two) = (level.one(), level.one());
        level.add(5);
        drop(one);
        assert_eq!(level.get(), 6);
        drop(two);
        assert_eq!(level.get(), 5);
    }
}
