//! A queue at one moment, and what comes of it when it is played many times.
//!
//! # Invariants
//!
//! - All plays go down the line side by side: of each job its times are together for a moment, and only what
//!   is told of them is kept. Memory grows by a few bytes with each that waits, whatever its kind and arguments
//!   (P12).

use std::collections::HashMap;

use super::history::{History, Traits};
use super::lots::{Hand, Lots};
use super::play::{Gaps, Play, Start, capped};

/// How often a line is played.
const PLAYS: usize = 128;
/// Of those that are delayed so many are told, the first to come. Each play has them at another place of
/// the line, so that all their times are kept until the end.
const DELAYED: usize = 4_096;

/// What a job said of itself. Times are in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Said {
    /// The part of its work that was done, of 1.
    pub part: f64,
    /// How long it had run then.
    pub elapsed: f64,
}

/// A job that holds a slot. Times are in seconds.
#[derive(Debug, Clone, Copy)]
pub struct Running {
    /// What is known of it.
    pub traits: Traits,
    /// How long it has run.
    pub elapsed: f64,
    /// What it said last.
    pub said: Option<Said>,
    /// It is stopped when it has run so long.
    pub timeout: Option<f64>,
}

/// A job that waits for a slot. Times are in seconds.
#[derive(Debug, Clone, Copy)]
pub struct Waiting {
    /// What is known of it.
    pub traits: Traits,
    /// In so many seconds it comes into line; 0: it is in line.
    pub due: f64,
    /// It is stopped when it has run so long.
    pub timeout: Option<f64>,
}

/// A queue at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// How many of its jobs may run at once.
    pub slots: usize,
    /// What holds a slot; may be more than there are slots.
    pub running: &'a [Running],
    /// What waits, in the order of acceptance. Whoever comes later changes nothing for these.
    pub waiting: &'a [Waiting],
    /// The same one makes the same outlook of the same line.
    pub seed: u64,
}

/// When something comes about, in seconds from now.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Spread {
    /// Before this in half of the plays.
    pub likely: f64,
    /// Before this in nine of ten.
    pub latest: f64,
}

/// What the plays say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outlook {
    /// Of each that runs, when it ends.
    pub ends: Vec<Spread>,
    /// Of each that waits, when it starts and when it ends; empty where there are no slots. `None` for one
    /// that is delayed behind thousands of others that are.
    pub waits: Vec<Option<(Spread, Spread)>>,
    /// When all that are in line have started.
    pub drained: Spread,
    /// What each play left for who comes later.
    gaps: Vec<Gaps>,
}

impl Outlook {
    /// When a job starts and ends that is accepted now.
    pub fn newcomer(&self, job: &Waiting, history: &History) -> (Spread, Spread) {
        let mut lots = Lots::new(history);
        let hand = lots.hand(&job.traits);
        let (count, mut times) = (lots.of(hand).len(), Times::default());
        for (play, gaps) in self.gaps.iter().enumerate() {
            let lot = lots.turn(hand, play);
            // Every run of the lot has its turn: it is the last of the line, and nobody follows it.
            let run = lot.get(play / count % lot.len().max(1)).map_or(0.0, |run| run.seconds);
            let start = gaps.start(job.due);
            times.add(start, start + capped(run, job.timeout));
        }
        times.told()
    }
}

impl Line<'_> {
    /// Plays it.
    pub fn outlook(&self, history: &History) -> Outlook {
        let mut lots = Lots::new(history);
        let running: Vec<_> = self.running.iter().map(|job| lots.hand(&job.traits)).collect();
        let waiting: Vec<_> = self.waiting.iter().map(|job| lots.hand(&job.traits)).collect();
        let delayed = self.delayed();
        let mut plays: Vec<_> =
            (0..PLAYS).map(|number| Play::new(number, self, &delayed, &lots)).collect();
        let ends = self.begin(&mut plays, &running, &lots, history);
        let (waits, drained) = if self.slots == 0 {
            (Vec::new(), Spread::default())
        } else {
            self.go_down(&mut plays, &waiting, &delayed)
        };
        Outlook { ends, waits, drained, gaps: plays.into_iter().filter_map(Play::gaps).collect() }
    }

    /// Draws how long each that runs still does; when they end.
    fn begin(
        &self,
        plays: &mut [Play<'_>],
        hands: &[Hand],
        lots: &Lots<'_>,
        history: &History,
    ) -> Vec<Spread> {
        let beyond = |(job, &hand)| beyond(job, lots, hand, history);
        let beyond: Vec<_> = self.running.iter().zip(hands).map(beyond).collect();
        let mut all = Vec::new();
        for play in plays {
            let of =
                |number: usize| play.left(&self.running[number], hands[number], &beyond[number]);
            let left: Vec<f64> = (0..self.running.len()).map(of).collect();
            play.begin(left.clone());
            all.push(left);
        }
        let end =
            |number: usize| spread(&mut all.iter().map(|left| left[number]).collect::<Vec<_>>());
        (0..self.running.len()).map(end).collect()
    }

    /// Gives everybody who waits a slot, in all plays; when each starts and ends, and when the last one starts that
    /// is in line.
    fn go_down(
        &self,
        plays: &mut [Play<'_>],
        hands: &[Hand],
        delayed: &[usize],
    ) -> (Vec<Option<(Spread, Spread)>>, Spread) {
        let mut waits = vec![None; self.waiting.len()];
        let told = delayed.iter().take(DELAYED);
        let mut late: HashMap<usize, Times> = told.map(|&job| (job, Times::default())).collect();
        let mut add = |Start { job, from, until }: Start| {
            if let Some(times) = late.get_mut(&job) {
                times.add(from, until);
            }
        };
        // Those that are in line are the same ones in the same order in each play, and the others between them.
        let in_line = (0..self.waiting.len()).filter(|&job| self.waiting[job].due <= 0.0);
        let (mut times, mut drained) = (Times::default(), Spread::default());
        for job in in_line {
            for play in &mut *plays {
                while let Some(start) = play.next(hands) {
                    if start.job == job {
                        times.add(start.from, start.until);
                        break;
                    }
                    add(start);
                }
            }
            let told = times.told();
            // Each starts no sooner than the one before it, in any play.
            drained = told.0;
            waits[job] = Some(told);
        }
        for play in plays {
            while let Some(start) = play.next(hands) {
                add(start);
            }
        }
        for (job, mut times) in late {
            waits[job] = Some(times.told());
        }
        (waits, drained)
    }

    /// Those that are not in line yet, the first to come first.
    fn delayed(&self) -> Vec<usize> {
        let due = |&job: &usize| self.waiting[job].due;
        let mut delayed: Vec<_> = (0..self.waiting.len()).filter(|job| due(job) > 0.0).collect();
        delayed.sort_by(|a, b| due(a).total_cmp(&due(b)));
        delayed
    }
}

/// What is drawn from where a job has run longer than everything that it is like.
fn beyond(job: &Running, lots: &Lots<'_>, hand: Hand, history: &History) -> Vec<f64> {
    if lots.of(hand).flatten().any(|run| run.seconds > job.elapsed) {
        return Vec::new();
    }
    history.longer(job.traits.kind, job.elapsed)
}

/// When one job starts and ends, in each play.
#[derive(Debug, Default)]
struct Times {
    starts: Vec<f64>,
    ends: Vec<f64>,
}

impl Times {
    fn add(&mut self, start: f64, end: f64) {
        self.starts.push(start);
        self.ends.push(end);
    }

    /// What they say. They are gone then.
    fn told(&mut self) -> (Spread, Spread) {
        let told = (spread(&mut self.starts), spread(&mut self.ends));
        self.starts.clear();
        self.ends.clear();
        told
    }
}

/// Puts the times into another order.
fn spread(times: &mut [f64]) -> Spread {
    let mut at = |tenths: usize| {
        let place = times.len() * tenths / 10;
        (place < times.len()).then(|| *times.select_nth_unstable_by(place, f64::total_cmp).1)
    };
    Spread { likely: at(5).unwrap_or_default(), latest: at(9).unwrap_or_default() }
}
