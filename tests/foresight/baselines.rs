//! What others would guess: the two ways that the score is compared with.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use longhaul::domain::estimate::Spread;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::replay::{Foresight, Moment, Played};
use super::swf::Job;

/// The mean of all runs so far, for each job ahead, over the slots.
pub(crate) struct MeanRun {
    slots: f64,
    sum: f64,
    count: f64,
}

impl MeanRun {
    pub(crate) fn new(slots: usize) -> Self {
        Self { slots: f64::from(u32::try_from(slots).unwrap()), sum: 0.0, count: 0.0 }
    }
}

impl Foresight for MeanRun {
    fn ended(&mut self, played: &Played<'_>) {
        self.sum += played.job.run;
        self.count += 1.0;
    }

    fn foretell(&mut self, moment: &Moment<'_>, _: &Job) -> Option<Spread> {
        let ahead = f64::from(u32::try_from(moment.waiting.len() + 1).unwrap());
        let likely = ahead * self.sum / self.count / self.slots;
        // A guess without a doubt has no later moment to name.
        likely.is_finite().then_some(Spread { likely, latest: likely })
    }
}

/// Plays the line 100 times, every run drawn afresh from all past runs of its kind.
pub(crate) struct ByKind {
    slots: usize,
    kinds: HashMap<u64, Vec<f64>>,
    all: Vec<f64>,
    rng: StdRng,
}

impl ByKind {
    pub(crate) fn new(slots: usize) -> Self {
        Self { slots, kinds: HashMap::new(), all: Vec::new(), rng: StdRng::seed_from_u64(1) }
    }

    fn draw(&mut self, job: &Job) -> f64 {
        let runs = self.kinds.get(&job.traits.kind).unwrap_or(&self.all);
        runs[self.rng.random_range(0..runs.len())]
    }

    /// What a running job runs in all.
    fn draw_longer(&mut self, job: &Job, longer_than: f64) -> f64 {
        let longer = |runs: &Vec<f64>| {
            let longer: Vec<f64> = runs.iter().copied().filter(|&run| run > longer_than).collect();
            (!longer.is_empty()).then_some(longer)
        };
        let own = self.kinds.get(&job.traits.kind).and_then(longer);
        match own.or_else(|| longer(&self.all)) {
            Some(runs) => runs[self.rng.random_range(0..runs.len())],
            None => 2.0 * longer_than,
        }
    }
}

impl Foresight for ByKind {
    fn ended(&mut self, played: &Played<'_>) {
        self.kinds.entry(played.job.traits.kind).or_default().push(played.job.run);
        self.all.push(played.job.run);
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "milliseconds")]
    fn foretell(&mut self, moment: &Moment<'_>, _: &Job) -> Option<Spread> {
        if self.all.is_empty() {
            return None;
        }
        let millis = |seconds: f64| (seconds * 1000.0) as u64;
        let mut starts: Vec<u64> = Vec::new();
        for _ in 0..100 {
            let mut free: BinaryHeap<Reverse<u64>> = BinaryHeap::with_capacity(self.slots);
            for other in &moment.running {
                let elapsed = moment.now - other.start;
                free.push(Reverse(millis(self.draw_longer(other.job, elapsed) - elapsed)));
            }
            for other in &moment.waiting {
                let Reverse(at) = free.pop()?;
                free.push(Reverse(at + millis(self.draw(other.job))));
            }
            starts.push(free.pop()?.0);
        }
        starts.sort_unstable();
        let at = |place: usize| std::time::Duration::from_millis(starts[place]).as_secs_f64();
        Some(Spread { likely: at(50), latest: at(90) })
    }
}
