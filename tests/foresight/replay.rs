//! A log replayed as one queue, first in, first out, in virtual time: what was, and what could be known
//! of it when each job was accepted.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use longhaul::domain::estimate::{History, Line, Running, Scale, Spread, Waiting};

use super::swf::Job;

/// A job and when it started.
pub(crate) struct Played<'a> {
    pub(crate) job: &'a Job,
    pub(crate) start: f64,
}

impl Played<'_> {
    pub(crate) fn end(&self) -> f64 {
        self.start + self.job.run
    }
}

/// What is there when a job is accepted.
pub(crate) struct Moment<'a> {
    pub(crate) now: f64,
    pub(crate) running: Vec<&'a Played<'a>>,
    /// In the order of acceptance.
    pub(crate) waiting: Vec<&'a Played<'a>>,
}

/// One way to foretell.
pub(crate) trait Foresight {
    /// A job has ended.
    fn ended(&mut self, job: &Played<'_>);

    /// A job has started, after a wait of so many seconds, and was told this when it was accepted.
    fn started(&mut self, _told: Spread, _waited: f64) {}

    /// When a job that is accepted now will start, in seconds from now; `None`: it can't tell.
    fn foretell(&mut self, moment: &Moment<'_>, job: &Job) -> Option<Spread>;
}

/// What came of it.
#[derive(Debug, Default, Clone)]
pub(crate) struct Score {
    pub(crate) jobs: usize,
    /// Those that had to wait and were told when they start.
    pub(crate) told: usize,
    /// Those that had to wait and were told nothing.
    pub(crate) untold: usize,
    /// Of those that were told, those that started before the latest, and before the likely.
    pub(crate) before_latest: usize,
    pub(crate) before_likely: usize,
    /// Seconds, summed up.
    pub(crate) waits: f64,
    pub(crate) errors: f64,
}

/// When each job starts on so many slots.
pub(crate) fn play(jobs: &[Job], slots: usize) -> Vec<Played<'_>> {
    let mut free: Vec<f64> = vec![0.0; slots];
    let start = |job: &Job| {
        let first = (0..slots).min_by(|&a, &b| free[a].total_cmp(&free[b]))?;
        let start = free[first].max(job.accepted);
        free[first] = start + job.run;
        Some(start)
    };
    jobs.iter()
        .map(start)
        .zip(jobs)
        .filter_map(|(start, job)| Some(Played { job, start: start? }))
        .collect()
}

/// Asks for each job when it is accepted, and for nothing later than that.
pub(crate) fn replay(all: &[Played<'_>], slots: usize, foresight: &mut impl Foresight) -> Score {
    let mut by_end: Vec<&Played<'_>> = all.iter().collect();
    by_end.sort_by(|a, b| a.end().total_cmp(&b.end()));
    let mut ends = by_end.into_iter().peekable();
    let mut told: BinaryHeap<Reverse<Pending>> = BinaryHeap::new();
    let mut score = Score { jobs: all.len(), ..Score::default() };
    let mut oldest = 0;
    for (at, played) in all.iter().enumerate() {
        let now = played.job.accepted;
        while let Some(ended) = ends.next_if(|ended| ended.end() <= now) {
            foresight.ended(ended);
        }
        while let Some(Reverse(pending)) = told.peek()
            && pending.start <= now
        {
            foresight.started(pending.told, pending.waited);
            told.pop();
        }
        while oldest < at && all[oldest].end() <= now {
            oldest += 1;
        }
        let there = all[oldest..at].iter().filter(|other| other.end() > now);
        let (running, waiting): (Vec<_>, Vec<_>) = there.partition(|other| other.start <= now);
        let waited = played.start - now;
        score.waits += waited;
        if running.len() < slots {
            continue;
        }
        let foretold = foresight.foretell(&Moment { now, running, waiting }, played.job);
        if let Some(spread) = foretold {
            score.count(spread, waited);
            told.push(Reverse(Pending { start: played.start, waited, told: spread }));
        } else {
            score.untold += 1;
            // Nobody may do better by saying nothing.
            score.errors += waited;
        }
    }
    score
}

impl Score {
    fn count(&mut self, told: Spread, waited: f64) {
        self.told += 1;
        self.before_latest += usize::from(waited <= told.latest);
        self.before_likely += usize::from(waited <= told.likely);
        self.errors += (told.likely - waited).abs();
    }
}

/// Something told that did not come yet.
struct Pending {
    start: f64,
    waited: f64,
    told: Spread,
}

impl PartialEq for Pending {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Pending {}

impl PartialOrd for Pending {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Pending {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.start.total_cmp(&other.start)
    }
}

/// The product's own: the code that the server runs.
pub(crate) struct Ours {
    history: History,
    scale: Scale,
    slots: usize,
    seed: u64,
}

impl Ours {
    pub(crate) fn new(slots: usize) -> Self {
        Self { history: History::default(), scale: Scale::default(), slots, seed: 0 }
    }
}

impl Foresight for Ours {
    fn ended(&mut self, played: &Played<'_>) {
        self.history.add(played.job.traits, played.job.run);
    }

    fn started(&mut self, told: Spread, waited: f64) {
        self.scale.learn(told, waited);
    }

    fn foretell(&mut self, moment: &Moment<'_>, job: &Job) -> Option<Spread> {
        if self.history.is_empty() {
            return None;
        }
        let running = |other: &&Played<'_>| Running {
            traits: other.job.traits,
            elapsed: moment.now - other.start,
            said: None,
            timeout: other.job.timeout,
        };
        let waiting = |job: &Job| Waiting { traits: job.traits, due: 0.0, timeout: job.timeout };
        let running: Vec<_> = moment.running.iter().map(running).collect();
        let ahead = moment.waiting.iter().map(|other| waiting(other.job));
        let waiting: Vec<_> = ahead.chain([waiting(job)]).collect();
        self.seed += 1;
        let line =
            Line { slots: self.slots, running: &running, waiting: &waiting, seed: self.seed };
        let outlook = line.outlook(&self.history);
        outlook.waits.last()?.map(|(start, _)| self.scale.told(start))
    }
}
