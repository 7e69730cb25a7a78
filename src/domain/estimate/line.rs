//! A queue at one moment, and what comes of it when it is played many times.

use std::collections::HashMap;

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::history::{History, Lot, Traits};
use super::play::{Hand, Order, Play};

/// How often a line is played.
const PLAYS: usize = 128;

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
    /// Of each that waits, when it starts and when it ends; empty where there are no slots.
    pub waits: Vec<(Spread, Spread)>,
    /// When all that wait have started.
    pub drained: Spread,
    /// In each play, when a slot was free for the next one.
    next: Vec<f64>,
}

impl Outlook {
    /// When a job starts and ends that is accepted now and may start in `due` seconds.
    pub fn newcomer(&self, job: &Traits, due: f64, history: &History) -> (Spread, Spread) {
        let lots = history.like(job);
        let (mut starts, mut ends) = (Times::default(), Times::default());
        for (play, &free) in self.next.iter().enumerate() {
            let lot = &lots[play % lots.len()];
            // Every run of the lot has its turn: it is the last of the line, and nobody follows it.
            let run = lot.get(play / lots.len() % lot.len().max(1)).map_or(0.0, |run| run.seconds);
            starts.0.push(free.max(due));
            ends.0.push(free.max(due) + run);
        }
        (starts.spread(), ends.spread())
    }
}

/// Everything that is drawn from, by what is known of a job.
struct Deck<'a> {
    history: &'a History,
    lots: Vec<Vec<Lot>>,
    hands: HashMap<Traits, Hand>,
    kinds: HashMap<u64, usize>,
}

impl<'a> Deck<'a> {
    fn new(history: &'a History) -> Self {
        Self { history, lots: Vec::new(), hands: HashMap::new(), kinds: HashMap::new() }
    }

    fn hand(&mut self, job: &Traits) -> Hand {
        if let Some(&known) = self.hands.get(job) {
            return known;
        }
        let next = self.kinds.len();
        let kind = *self.kinds.entry(job.kind).or_insert(next);
        let hand = Hand { kind, lots: self.lots.len() };
        self.lots.push(self.history.like(job));
        self.hands.insert(*job, hand);
        hand
    }

    /// What is drawn from where a job has run longer than everything that it is like.
    fn beyond(&self, job: &Running, hand: Hand) -> Vec<f64> {
        let mut alike = self.lots[hand.lots].iter().flatten();
        if alike.any(|run| run.seconds > job.elapsed) {
            return Vec::new();
        }
        self.history.longer(job.traits.kind, job.elapsed)
    }
}

impl Line<'_> {
    /// Plays it.
    pub fn outlook(&self, history: &History) -> Outlook {
        let mut deck = Deck::new(history);
        let running: Vec<_> = self
            .running
            .iter()
            .map(|job| {
                let hand = deck.hand(&job.traits);
                (hand, deck.beyond(job, hand))
            })
            .collect();
        let waiting: Vec<_> = self.waiting.iter().map(|job| deck.hand(&job.traits)).collect();
        let mut ends = vec![Times::default(); running.len()];
        let mut waits = vec![(Times::default(), Times::default()); waiting.len()];
        let (mut drained, mut next) = (Times::default(), Vec::new());
        let mut rng = StdRng::seed_from_u64(self.seed);
        let delayed = self.delayed();
        for number in 0..PLAYS {
            let mut play = Play::new(number, &deck.lots, deck.kinds.len(), &mut rng);
            let ending = self.running.iter().zip(&running);
            let left: Vec<f64> =
                ending.map(|(job, (hand, beyond))| play.left(job, *hand, beyond)).collect();
            for (times, &left) in ends.iter_mut().zip(&left) {
                times.0.push(left);
            }
            let mut last: f64 = 0.0;
            let free = play.line(Order::new(self, &delayed), &waiting, left, |job, start, end| {
                waits[job].0.0.push(start);
                waits[job].1.0.push(end);
                last = last.max(start);
            });
            drained.0.push(last);
            next.extend(free);
        }
        if self.slots == 0 {
            waits.clear();
        }
        Outlook {
            ends: ends.into_iter().map(Times::spread).collect(),
            waits: waits.into_iter().map(|(start, end)| (start.spread(), end.spread())).collect(),
            drained: drained.spread(),
            next,
        }
    }

    /// Those that are not in line yet, the first to come first.
    fn delayed(&self) -> Vec<usize> {
        let due = |&job: &usize| self.waiting[job].due;
        let mut delayed: Vec<_> = (0..self.waiting.len()).filter(|job| due(job) > 0.0).collect();
        delayed.sort_by(|a, b| due(a).total_cmp(&due(b)));
        delayed
    }
}

/// One time of each play.
#[derive(Debug, Clone, Default)]
struct Times(Vec<f64>);

impl Times {
    fn spread(mut self) -> Spread {
        self.0.sort_unstable_by(f64::total_cmp);
        let at = |tenths: usize| self.0.get(self.0.len() * tenths / 10).copied();
        Spread { likely: at(5).unwrap_or_default(), latest: at(9).unwrap_or_default() }
    }
}
