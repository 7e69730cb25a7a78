//! One play of a line: every job in it gets a past run of a job like it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::line::{Line, Running};
use super::lots::{Drawn, Hand, Lot, Lots};

/// However far a job says that it is, so much of the doubt stays: what it says may be wrong.
const DOUBT: f64 = 0.1;

/// A job that gets a slot. Times are in seconds from now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start {
    /// Its place among those that wait.
    pub(super) job: usize,
    pub(super) from: f64,
    pub(super) until: f64,
}

/// One play. It goes on a start at a time, so that many can go on side by side.
pub(super) struct Play<'a> {
    /// Lots take turns by it.
    number: usize,
    lots: &'a Lots<'a>,
    /// The run that each kind got last, by its place among all runs.
    last: Vec<Option<u64>>,
    rng: StdRng,
    order: Order<'a>,
    /// When each slot is free.
    free: BinaryHeap<Reverse<At>>,
    gaps: Gaps,
}

impl<'a> Play<'a> {
    pub(super) fn new(
        number: usize,
        line: &'a Line<'a>,
        delayed: &'a [usize],
        lots: &'a Lots<'a>,
    ) -> Self {
        let last = vec![None; lots.kinds()];
        let rng = StdRng::seed_from_u64(line.seed ^ ((number as u64) << 32));
        let (order, free) = (Order::new(line, delayed), BinaryHeap::new());
        Self { number, lots, last, rng, order, free, gaps: Gaps::default() }
    }

    /// How long a running job still runs.
    pub(super) fn left(&mut self, job: &Running, hand: Hand, beyond: &[f64]) -> f64 {
        let said = job.said.filter(|said| said.part > 0.0 && said.part <= 1.0);
        // The further it is, the more it knows better than its kind's past does.
        if let Some(said) = said
            && self.rng.random::<f64>() < said.part.min(1.0 - DOUBT)
        {
            return (said.elapsed / said.part - job.elapsed).max(0.0);
        }
        // A job that has run for a while is none of those that ended before.
        let (before, after) = self.lot(hand).split_at(self.place(hand));
        let found = after.iter().chain(before).find(|run| run.seconds > job.elapsed);
        let total = match found {
            Some(run) => self.take(hand, run),
            // It has run longer than everything before: that it goes on as long again is as good a guess
            // as any.
            None if beyond.is_empty() => job.elapsed / (1.0 - self.rng.random::<f64>()),
            None => beyond[self.rng.random_range(0..beyond.len())],
        };
        capped(total, job.timeout).max(job.elapsed) - job.elapsed
    }

    /// Begins with the slots that are free in so many seconds each.
    pub(super) fn begin(&mut self, mut free: Vec<f64>) {
        let slots = self.order.line.slots;
        if slots == 0 {
            return;
        }
        // What runs beyond the slots must end before one is free.
        free.resize(free.len().max(slots), 0.0);
        free.sort_unstable_by(f64::total_cmp);
        let debt = free.len() - slots;
        self.free = free[debt..].iter().map(|&at| Reverse(At(at))).collect();
    }

    /// Gives the next one a slot; `None`: nobody waits any more, or there is none.
    pub(super) fn next(&mut self, hands: &[Hand]) -> Option<Start> {
        let at = self.free()?;
        let (job, from) = self.order.next(at)?;
        self.gaps.add(at, from);
        let lot = self.lot(hands[job]);
        let run = lot.get(self.place(hands[job])).or(lot.first());
        let run = run.map_or(0.0, |run| self.take(hands[job], run));
        let until = from + capped(run, self.order.line.waiting[job].timeout);
        self.free.pop();
        self.free.push(Reverse(At(until)));
        Some(Start { job, from, until })
    }

    /// When a slot is free for the next one; `None` where there is none.
    fn free(&self) -> Option<f64> {
        self.free.peek().map(|Reverse(At(at))| *at)
    }

    /// What is left for who comes behind all of them, once they have started; `None`: there are no slots.
    pub(super) fn gaps(mut self) -> Option<Gaps> {
        self.gaps.last = self.free()?;
        Some(self.gaps)
    }

    fn lot(&self, hand: Hand) -> &'a Lot {
        self.lots.turn(hand, self.number)
    }

    /// Where in its lot the run stands that a job gets next: behind the one that its kind got last, by
    /// chance where that is the first.
    fn place(&mut self, hand: Hand) -> usize {
        let lot = self.lot(hand);
        match self.last[hand.kind] {
            Some(last) => lot.partition_point(|run| run.number <= last),
            None if lot.is_empty() => 0,
            None => self.rng.random_range(0..lot.len()),
        }
    }

    fn take(&mut self, hand: Hand, run: &Drawn) -> f64 {
        self.last[hand.kind] = Some(run.number);
        run.seconds
    }
}

/// When a slot is free and nobody is in line: while those that are delayed do not come into line yet, and in the
/// end. Times are in seconds from now.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Gaps {
    /// From when until before when, in their order, the first ones.
    between: Vec<(f64, f64)>,
    last: f64,
}

impl Gaps {
    /// So many are kept: whoever comes later than all of them is told the end of the line.
    const MOST: usize = 64;

    fn add(&mut self, from: f64, until: f64) {
        if from < until && self.between.len() < Self::MOST {
            self.between.push((from, until));
        }
    }

    /// When somebody starts who comes into line in `due` seconds, behind everybody else.
    pub(super) fn start(&self, due: f64) -> f64 {
        let between = self.between.iter().find(|(_, until)| due < *until);
        between.map_or(self.last, |(from, _)| *from).max(due)
    }
}

pub(super) fn capped(run: f64, timeout: Option<f64>) -> f64 {
    timeout.map_or(run, |most| run.min(most))
}

/// Who comes next: of those that are in line, the one that was accepted first (P2).
pub(super) struct Order<'a> {
    line: &'a Line<'a>,
    /// Not in line yet, the first to come first.
    delayed: &'a [usize],
    /// The next one that is not delayed.
    next: usize,
    /// Came into line meanwhile.
    late: BinaryHeap<Reverse<usize>>,
}

impl<'a> Order<'a> {
    pub(super) fn new(line: &'a Line<'a>, delayed: &'a [usize]) -> Self {
        Self { line, delayed, next: 0, late: BinaryHeap::new() }
    }

    /// Who gets the slot that is free from an instant on, and when.
    fn next(&mut self, mut at: f64) -> Option<(usize, f64)> {
        let waiting = self.line.waiting;
        while waiting.get(self.next).is_some_and(|job| job.due > 0.0) {
            self.next += 1;
        }
        if self.next >= waiting.len() && self.late.is_empty() {
            at = at.max(waiting[*self.delayed.first()?].due);
        }
        while let Some((&job, rest)) = self.delayed.split_first()
            && waiting[job].due <= at
        {
            self.late.push(Reverse(job));
            self.delayed = rest;
        }
        if let Some(&Reverse(job)) = self.late.peek()
            && job < self.next.min(waiting.len())
        {
            self.late.pop();
            return Some((job, at));
        }
        self.next += 1;
        Some((self.next - 1, at))
    }
}

/// An instant that sorts.
#[derive(PartialEq)]
struct At(f64);

impl Eq for At {}

impl PartialOrd for At {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for At {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}
