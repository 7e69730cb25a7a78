//! What estimates are made of, in memory: who runs since when, who waits, how past runs went, and how
//! earlier estimates came out.
//!
//! Brought up to date with every commit, as the lines are. How long a run took is measured by the
//! monotonic clock, so that a clock which is set makes none longer or shorter; only what an earlier server
//! saw is read off the rows.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::waiters::{Lot, Waiters};
use crate::domain::clock::Timestamp;
use crate::domain::estimate::{Estimate, History, Scale, Spread, Traits};
use crate::domain::event::{Change, Commit, JobChange};
use crate::domain::id::{Fence, JobId};
use crate::domain::job::Job;
use crate::domain::json::canonical;
use crate::domain::kind::Catalog;
use crate::domain::names::{CallerName, QueueName};
use crate::domain::state::JobState;
use crate::store::Waiting;

/// So many estimates of a queue are remembered until it is known how they came out.
const TOLD: usize = 10_000;

/// All that is known.
#[derive(Debug, Default)]
pub(super) struct Foresight {
    queues: HashMap<QueueName, Known>,
    pub(super) history: History,
    /// The runs that this server heard of, until those before it are known.
    heard: Option<Vec<(JobId, Traits, f64)>>,
    /// What the arguments of jobs say that are about to be accepted.
    args: HashMap<JobId, (u64, u64)>,
    /// The kinds that are declared: jobs of others wait outside the lines.
    kinds: HashSet<u64>,
}

/// What is known of one queue.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// In the order of their claims.
    pub(super) running: BTreeMap<Fence, Runner>,
    pub(super) waiting: Waiters,
    /// The first estimate of each job, and when it was made.
    told: HashMap<JobId, (Instant, Spread)>,
    pub(super) scale: Scale,
}

/// A job with an open attempt.
#[derive(Debug, Clone)]
pub(super) struct Runner {
    pub(super) job: Arc<Job>,
    pub(super) traits: Traits,
    pub(super) since: Instant,
    /// What was told of its end.
    pub(super) end: Option<End>,
}

/// When a job ends, for all who ask at about the same time.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    pub(super) estimate: Estimate,
    pub(super) made: tokio::time::Instant,
    /// When the report came that it rests on.
    pub(super) said: Option<Instant>,
}

/// What arguments say of a run: which they are, and how large, by powers of two.
pub(super) fn of_args(args: &Value) -> (u64, u64) {
    let text = canonical(args);
    (Traits::key(&text), u64::from(text.len().max(1).ilog2()))
}

impl Foresight {
    /// Knows nothing but what is declared.
    pub(super) fn new(catalog: &Catalog) -> Self {
        let kinds = catalog.kinds.keys().map(|kind| Traits::key(kind.as_str())).collect();
        Self { kinds, heard: Some(Vec::new()), ..Self::default() }
    }

    /// The workers changed: what was told before did not know of it.
    pub(super) fn forget_told(&mut self) {
        self.queues.values_mut().for_each(Known::forget_told);
    }

    /// Brings in what an earlier server left waiting. Who asked for it, and how, is [remembered](Self::remember)
    /// later.
    pub(super) fn load_waiting(&mut self, waiting: &[Waiting]) {
        for job in waiting {
            let traits = Traits {
                kind: Traits::key(job.kind.as_str()),
                caller: Traits::key(&None::<&str>),
                args: 0,
                size: 0,
                quarter: 0,
            };
            if !self.kinds.contains(&traits.kind) {
                continue;
            }
            let (lot, due) = (Lot { traits, timeout: None }, job.delayed_until);
            self.queue(&job.queue).waiting.insert(job.accepted, job.job, lot, due);
        }
    }

    /// Brings in what an earlier server left running.
    pub(super) fn load_running(&mut self, job: &Arc<Job>, fence: Fence, now: Timestamp) {
        let ran = job.started_at.and_then(|at| (now - at).to_std().ok()).unwrap_or_default();
        let since = Instant::now().checked_sub(ran).unwrap_or_else(Instant::now);
        let runner = Runner { job: Arc::clone(job), traits: self.traits(job), since, end: None };
        self.queue(&job.queue).running.insert(fence, runner);
    }

    /// Takes in all that is known of the runs before this server began, in the order of their ends, in the
    /// place of what was known of them.
    pub(super) fn remember_runs(&mut self, runs: &[(JobId, Traits, f64)]) {
        let heard = self.heard.take().unwrap_or_default();
        let since: HashSet<JobId> = heard.iter().map(|&(job, ..)| job).collect();
        let mut history = History::default();
        let before = runs.iter().copied().filter(|(job, ..)| !since.contains(job));
        for (_, traits, seconds) in before.chain(heard) {
            history.add(traits, seconds);
        }
        self.history = history;
    }

    /// The runs before this server began will not be known: nothing waits for them any more.
    pub(super) fn go_without_runs(&mut self) {
        self.heard = None;
    }

    /// Takes in what the row and the arguments of a job say that was accepted before this server began, where it
    /// has not ended since.
    pub(super) fn remember(&mut self, job: &Job, args: (u64, u64)) {
        let traits = Self::traits_with(job, args);
        let known = self.queue(&job.queue);
        known.waiting.learn(job.accepted, Lot { traits, timeout: job.timeout });
        for runner in known.running.values_mut().filter(|runner| runner.job.id == job.id) {
            runner.traits = traits;
        }
    }

    /// Takes in a run of before this server began, as its row has it.
    pub(super) fn load_run(&mut self, job: &Job) {
        if let (Some(from), Some(to)) = (job.started_at, job.ended_at)
            && let Ok(run) = (to - from).to_std()
        {
            self.history.add(self.traits(job), run.as_secs_f64());
        }
    }

    /// Remembers what the arguments of a job say that is about to be accepted.
    pub(super) fn know_args(&mut self, job: JobId, args: &Value) {
        self.args.insert(job, of_args(args));
    }

    /// It was not accepted, or whoever waits or runs has it.
    pub(super) fn forget_args(&mut self, job: JobId) {
        self.args.remove(&job);
    }

    /// What is known of a job that has not ended: what its row says, and what was noted of its arguments.
    pub(super) fn traits(&self, job: &Job) -> Traits {
        let known = || self.queues.get(&job.queue).and_then(|known| known.args(job));
        let args = self.args.get(&job.id).copied().or_else(known);
        Self::traits_with(job, args.unwrap_or_default())
    }

    /// With what its arguments say.
    pub(super) fn traits_with(job: &Job, (args, size): (u64, u64)) -> Traits {
        Traits {
            kind: Traits::key(job.kind.as_str()),
            caller: Traits::key(&job.started_by.as_ref().map(CallerName::as_str)),
            args,
            size,
            quarter: Traits::quarter(job.created_at.timestamp()),
        }
    }

    /// What is known of a queue.
    pub(super) fn queue(&mut self, name: &QueueName) -> &mut Known {
        self.queues.entry(name.clone()).or_default()
    }

    /// Who has an open attempt in a queue, or in any.
    pub(super) fn running(&self, queue: Option<&QueueName>) -> Vec<(Fence, Arc<Job>)> {
        let known = self.queues.iter().filter(|(name, _)| queue.is_none_or(|only| only == *name));
        let running = known.flat_map(|(_, known)| &known.running);
        running.map(|(&fence, runner)| (fence, Arc::clone(&runner.job))).collect()
    }

    /// Brings it up to date with a commit.
    pub(super) fn apply(&mut self, commit: &Commit) {
        for promoted in &commit.promoted {
            self.queue(&promoted.queue).waiting.promote(promoted.accepted);
        }
        for change in &commit.changes {
            self.take_in(change);
        }
    }

    fn take_in(&mut self, change: &Change) {
        let job = &change.job;
        let traits = self.traits(job);
        let is_taken = self.kinds.contains(&traits.kind);
        let ended = self.queue(&job.queue).follow(job, traits, is_taken);
        if let Some(run) = ended.filter(|_| is_own_end(change)) {
            self.history.add(traits, run.as_secs_f64());
            self.heard.iter_mut().for_each(|heard| heard.push((job.id, traits, run.as_secs_f64())));
        }
        // Who waits or runs has it from here on.
        self.args.remove(&job.id);
    }
}

impl Known {
    /// What the arguments of a job say that waits or runs.
    fn args(&self, job: &Job) -> Option<(u64, u64)> {
        let waiter = self.waiting.get(job.accepted).map(|waiter| waiter.lot.traits);
        let runner = || self.running.values().find(|r| r.job.id == job.id).map(|r| r.traits);
        waiter.or_else(runner).map(|traits| (traits.args, traits.size))
    }

    /// A job moved; how long its attempt ran, where one ended by that.
    fn follow(&mut self, job: &Arc<Job>, traits: Traits, is_taken: bool) -> Option<Duration> {
        self.waiting.remove(job.accepted);
        if let Some(fence) = job.open {
            let now = Instant::now();
            let runner = Runner { job: Arc::clone(job), traits, since: now, end: None };
            self.running
                .entry(fence)
                .and_modify(|known| known.job = Arc::clone(job))
                .or_insert(runner);
            if let Some((at, told)) = self.told.remove(&job.id) {
                self.scale.learn(told, (now - at).as_secs_f64());
            }
            return None;
        }
        if job.state == JobState::Queued && is_taken {
            let due = job.delayed.map(|(until, _)| until);
            let lot = Lot { traits, timeout: job.timeout };
            self.waiting.insert(job.accepted, job.id, lot, due);
        } else {
            self.told.remove(&job.id);
        }
        let fence =
            self.running.iter().find(|(_, r)| r.job.id == job.id).map(|(&fence, _)| fence)?;
        Some(self.running.remove(&fence)?.since.elapsed())
    }

    /// Remembers what a job was told first, to learn from how it comes out.
    pub(super) fn remember(&mut self, job: JobId, told: Spread) {
        if self.told.len() < TOLD {
            self.told.entry(job).or_insert_with(|| (Instant::now(), told));
        }
    }

    /// Its slots, its pause, or the workers changed: what was told before did not know of it.
    pub(super) fn forget_told(&mut self) {
        self.told.clear();
    }
}

/// The attempt came to an end that says how long such jobs run.
fn is_own_end(change: &Change) -> bool {
    match change.event.change {
        JobChange::Retrying => true,
        JobChange::Ended => super::recent::ran_to_its_end(&change.job),
        JobChange::Snapshot
        | JobChange::Queued
        | JobChange::Position
        | JobChange::Started
        | JobChange::Progress
        | JobChange::Canceling
        | JobChange::Updated
        | JobChange::Removed => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::Event;
    use crate::domain::id::{EventNo, Seq};

    fn row() -> Job {
        Job { started_by: Some("alice".parse().unwrap()), ..Job::sample() }
    }

    fn commit(job: Job) -> Commit {
        let event = Event {
            no: EventNo(job.seq.0),
            job: job.id,
            seq: job.seq,
            at: job.created_at,
            change: JobChange::Updated,
            state: job.state,
            before: Some(JobState::Queued),
            attempt: None,
        };
        Commit { changes: vec![Change { event, job: Arc::new(job) }], ..Commit::default() }
    }

    /// A restart knows at first no more than that a job waits; its row says who asked, and when.
    #[test]
    fn who_asked_is_read_off_the_row_though_the_line_does_not_know_yet() {
        let kinds = HashSet::from([Traits::key("k")]);
        let mut foresight = Foresight { kinds, ..Foresight::default() };
        let job = row();
        foresight.load_waiting(&[Waiting {
            job: job.id,
            queue: job.queue.clone(),
            kind: job.kind.clone(),
            accepted: job.accepted,
            delayed_until: None,
        }]);
        let claimed = Job { open: Some(Fence(1)), attempt: 1, seq: Seq(2), ..job };
        foresight.apply(&commit(claimed.clone()));
        let runner = foresight.queue(&claimed.queue).running[&Fence(1)].traits;
        assert_eq!(runner, Foresight::traits_with(&claimed, (0, 0)));
        assert_eq!(runner.caller, Traits::key(&Some("alice")));
    }

    /// What its arguments say goes with a job, and nothing of it stays behind.
    #[test]
    fn what_arguments_say_goes_with_the_job_to_its_end() {
        let kinds = HashSet::from([Traits::key("k")]);
        let mut foresight = Foresight { kinds, ..Foresight::default() };
        let job = row();
        foresight.know_args(job.id, &serde_json::json!({ "size": 3 }));
        let args = of_args(&serde_json::json!({ "size": 3 }));
        let claimed = Job { open: Some(Fence(1)), attempt: 1, ..job.clone() };
        for job in [job.clone(), claimed.clone(), job.clone(), claimed] {
            foresight.apply(&commit(job.clone()));
            let traits = foresight.traits(&job);
            assert_eq!((traits.args, traits.size), args, "{job:?}");
            assert!(foresight.args.is_empty());
        }
        let ended = Job { state: JobState::Succeeded, ..job };
        foresight.apply(&commit(ended.clone()));
        let known = foresight.queue(&ended.queue);
        assert_eq!((known.waiting.iter().count(), known.running.len()), (0, 0));
    }
}
