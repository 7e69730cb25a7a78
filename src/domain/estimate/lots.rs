//! Those of the past runs that tell most of how long a job will run.
//!
//! A job runs about as long as those that are most like it: of its kind, of its caller, with the same
//! arguments or as large ones, accepted at about the same time of the day. The closer the likeness, the
//! fewer runs there are; so a degree of likeness counts only where it has [`ENOUGH`].
//!
//! # Invariants
//!
//! - Jobs that are alike in what a degree looks at have one lot between them. So the lots of a line are as
//!   many as its jobs differ in what past runs have in common with them, not as many as it has jobs (P12).

use std::collections::HashMap;

use super::history::{History, Run, Traits};

/// Fewer runs than these say little of how runs differ.
const ENOUGH: usize = 10;
/// Of those that are alike only the latest count: what is run changes with time.
const LATEST: usize = 50;
/// Nobody knows how alike runs must be. So many degrees, the closest ones, each have their say.
const VOICES: usize = 3;

/// What may be alike beside the kind.
#[derive(Debug, Clone, Copy)]
enum Likeness {
    Caller,
    Args,
    Size,
    /// About the same time of the day.
    Hours,
}

/// What has to be alike, from the closest degree on. The last one takes any run of the kind.
const DEGREES: [&[Likeness]; 6] = [
    &[Likeness::Caller, Likeness::Args, Likeness::Hours],
    &[Likeness::Caller, Likeness::Size, Likeness::Hours],
    &[Likeness::Caller, Likeness::Hours],
    &[Likeness::Caller],
    &[Likeness::Hours],
    &[],
];

impl Likeness {
    fn of(self, a: &Traits, b: &Traits) -> bool {
        match self {
            Self::Caller => a.caller == b.caller,
            Self::Args => a.args == b.args,
            Self::Size => a.size == b.size,
            Self::Hours => a.is_of_the_same_hours(b),
        }
    }
}

/// The same for all jobs whose lots of a degree are the same.
fn only(degree: &[Likeness], job: &Traits) -> Traits {
    let mut only = Traits { kind: job.kind, caller: 0, args: 0, size: 0, quarter: 0 };
    for likeness in degree {
        match likeness {
            Likeness::Caller => only.caller = job.caller,
            Likeness::Args => only.args = job.args,
            Likeness::Size => only.size = job.size,
            Likeness::Hours => only.quarter = job.quarter,
        }
    }
    only
}

/// A run as it is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Drawn {
    pub(super) seconds: f64,
    /// Its place among all runs.
    pub(super) number: u64,
}

/// Runs that a job may be like, oldest first.
pub(super) type Lot = Vec<Drawn>;

/// What one job draws from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hand {
    /// The number of its kind: what jobs of one kind get follows each other.
    pub(super) kind: usize,
    /// Its lots, of which `count` count: one at least.
    lots: [u32; VOICES],
    count: u8,
}

/// All that is drawn from.
#[derive(Debug)]
pub(super) struct Lots<'a> {
    history: &'a History,
    made: Vec<Lot>,
    /// Where the lot of such jobs is, by the degree; `None`: it has too few runs.
    known: HashMap<(usize, Traits), Option<u32>>,
    /// Where the lot of a kind is that has too few runs for any degree, or none.
    small: HashMap<u64, u32>,
    kinds: HashMap<u64, usize>,
}

impl<'a> Lots<'a> {
    pub(super) fn new(history: &'a History) -> Self {
        let (known, small, kinds) = (HashMap::new(), HashMap::new(), HashMap::new());
        Self { history, made: Vec::new(), known, small, kinds }
    }

    /// What a job draws from: the runs that are most like it, by the degrees that have enough; all of its
    /// kind where none has; those of any kind where its own has none. The lot is empty only where nothing is
    /// known at all.
    pub(super) fn hand(&mut self, job: &Traits) -> Hand {
        let next = self.kinds.len();
        let kind = *self.kinds.entry(job.kind).or_insert(next);
        let mut hand = Hand { kind, lots: [0; VOICES], count: 0 };
        for degree in 0..DEGREES.len() {
            if usize::from(hand.count) == VOICES {
                break;
            }
            if let Some(lot) = self.of_degree(degree, job) {
                hand.lots[usize::from(hand.count)] = lot;
                hand.count += 1;
            }
        }
        if hand.count == 0 {
            hand = Hand { lots: [self.of_few(job.kind); VOICES], count: 1, ..hand };
        }
        hand
    }

    /// How many kinds have been asked for.
    pub(super) fn kinds(&self) -> usize {
        self.kinds.len()
    }

    /// The lots of a hand.
    pub(super) fn of(&self, hand: Hand) -> impl ExactSizeIterator<Item = &Lot> {
        hand.lots.into_iter().take(usize::from(hand.count)).map(|lot| &self.made[lot as usize])
    }

    /// The one whose turn it is.
    pub(super) fn turn(&self, hand: Hand, number: usize) -> &Lot {
        &self.made[hand.lots[number % usize::from(hand.count)] as usize]
    }

    fn of_degree(&mut self, number: usize, job: &Traits) -> Option<u32> {
        let degree = DEGREES[number];
        let key = (number, only(degree, job));
        if let Some(&known) = self.known.get(&key) {
            return known;
        }
        let (runs, is_own) = self.history.of(job.kind);
        let lot =
            is_own.then(|| latest(runs, |run| degree.iter().all(|what| what.of(&run.traits, job))));
        let lot = lot.filter(|lot| lot.len() >= ENOUGH).map(|lot| self.put(lot));
        self.known.insert(key, lot);
        lot
    }

    fn of_few(&mut self, kind: u64) -> u32 {
        if let Some(&known) = self.small.get(&kind) {
            return known;
        }
        let lot = self.put(latest(self.history.of(kind).0, |_| true));
        self.small.insert(kind, lot);
        lot
    }

    fn put(&mut self, lot: Lot) -> u32 {
        self.made.push(lot);
        u32::try_from(self.made.len() - 1).unwrap_or(0)
    }
}

/// The latest ones that are alike, oldest first.
fn latest<'a>(
    runs: impl IntoIterator<Item = &'a Run, IntoIter: DoubleEndedIterator>,
    alike: impl Fn(&Run) -> bool,
) -> Lot {
    let drawn = |run: &Run| Drawn { seconds: run.seconds, number: run.number };
    let of_these = runs.into_iter().rev().filter(|run| alike(run)).take(LATEST);
    let mut found: Lot = of_these.map(drawn).collect();
    found.reverse();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_without_runs_of_their_own_arguments_share_their_lots() {
        let of = |args| Traits { kind: 1, caller: 2, args, size: 3, quarter: 40 };
        let mut history = History::default();
        for run in 0..60 {
            history.add(of(run), 1.0);
        }
        let mut lots = Lots::new(&history);
        for args in 0..10_000 {
            let hand = lots.hand(&of(args));
            assert_eq!(lots.of(hand).len(), VOICES);
        }
        // By size, by caller and hours, by caller.
        assert_eq!(lots.made.len(), VOICES);
    }
}
