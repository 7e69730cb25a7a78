//! Past runs, and what is known of each.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

/// So many runs of each kind are kept, the latest ones, and as many of all kinds together.
pub const KEPT: usize = 512;
/// Accepted at about the same time of the day: at most two hours apart, in quarters of an hour.
const SAME_HOURS: u32 = 8;
/// The quarters of a day.
const DAY: u32 = 96;

/// What is known of a job before it runs and may tell how long it will. Names are hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Traits {
    /// Its kind.
    pub kind: u64,
    /// Who started it.
    pub caller: u64,
    /// Its arguments.
    pub args: u64,
    /// How large they are, roughly.
    pub size: u64,
    /// The quarter of an hour of the day in which it was accepted.
    pub quarter: u32,
}

impl Traits {
    /// What stands for a name.
    pub fn key(name: &(impl Hash + ?Sized)) -> u64 {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        hasher.finish()
    }

    /// The quarter of its day that an instant lies in; it has so many seconds since 1970.
    pub fn quarter(seconds: i64) -> u32 {
        u32::try_from(seconds.div_euclid(900).rem_euclid(i64::from(DAY))).unwrap_or(0)
    }

    pub(super) fn is_of_the_same_hours(&self, other: &Self) -> bool {
        let apart = self.quarter.abs_diff(other.quarter);
        apart.min(DAY.saturating_sub(apart)) <= SAME_HOURS
    }
}

/// One run that came to an end of its own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    pub(super) traits: Traits,
    pub(super) seconds: f64,
    /// Its place among all runs.
    pub(super) number: u64,
}

/// The latest runs.
#[derive(Debug, Clone, Default)]
pub struct History {
    kinds: HashMap<u64, VecDeque<Run>>,
    all: VecDeque<Run>,
    count: u64,
}

impl History {
    /// Takes in a run, in the order of their ends.
    pub fn add(&mut self, traits: Traits, seconds: f64) {
        // A clock that was set back: it says nothing of the run.
        if !(seconds.is_finite() && seconds >= 0.0) {
            return;
        }
        self.count += 1;
        let run = Run { traits, seconds, number: self.count };
        for runs in [self.kinds.entry(traits.kind).or_default(), &mut self.all] {
            runs.push_back(run);
            if runs.len() > KEPT {
                runs.pop_front();
            }
        }
    }

    /// How many runs of a kind are known.
    pub fn runs_of(&self, kind: u64) -> usize {
        self.kinds.get(&kind).map_or(0, VecDeque::len)
    }

    /// Nothing is known of anything.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Those of a kind, oldest first; of any kind where it has none. `true`: they are its own.
    pub(super) fn of(&self, kind: u64) -> (&VecDeque<Run>, bool) {
        self.kinds.get(&kind).map_or((&self.all, false), |runs| (runs, true))
    }

    /// The runs of a kind that lasted longer than so many seconds, or else those of any kind.
    pub(super) fn longer(&self, kind: u64, seconds: f64) -> Vec<f64> {
        let of = |runs: &VecDeque<Run>| -> Vec<f64> {
            runs.iter().map(|run| run.seconds).filter(|&run| run > seconds).collect()
        };
        let own = self.kinds.get(&kind).map(of).unwrap_or_default();
        if own.is_empty() { of(&self.all) } else { own }
    }
}
