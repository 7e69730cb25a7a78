//! When a job will start and end: one pass over a queue, shared by all who ask.
//!
//! # Invariants
//!
//! - A queue is passed at most once in [`OFTEN`], or [`SELDOM`] where many wait, except to look further
//!   down than before: then twice as far, so that it happens a few times only.
//! - A pass runs beside the threads that answer, on a copy of what was known at its start.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;

use super::Handle;
use super::core::{Core, Gate, Phase};
use super::foresight::{End, Runner, of_args};
use super::live::Report;
use super::waiters::{Lot, Waiter};
use crate::domain::clock::Timestamp;
use crate::domain::estimate::{Estimate, Line, Outlook, Running, Said, Spread, Traits, Waiting};
use crate::domain::id::{AcceptNo, JobId};
use crate::domain::job::{Job, NewJob, Progress};
use crate::domain::names::{CallerName, KindName, QueueName};
use crate::domain::state::JobState;

/// A queue is passed at most once in this time.
const OFTEN: Duration = Duration::from_millis(250);
/// The same where more than [`MANY`] wait.
const SELDOM: Duration = Duration::from_secs(1);
const MANY: usize = 1_000;
/// A pass looks at least so far down.
const LEAST: usize = 64;
/// No estimate is further away: a hundred years.
const FAR: f64 = 100.0 * 365.25 * 86_400.0;
/// The same line gives the same estimate, so that it does not tremble from pass to pass.
const SEED: u64 = 0x6c6f_6e67_6861_756c;

/// The place that a job would get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// In line; `None` where it would not be.
    pub position: Option<u64>,
    /// When it would start and end; `None` where nobody can tell.
    pub estimate: Option<Estimate>,
}

/// What one pass found.
#[derive(Debug)]
pub(super) struct Pass {
    made: tokio::time::Instant,
    at: Timestamp,
    /// When each that waits starts and ends.
    waits: HashMap<JobId, (Spread, Spread)>,
    /// So many of those that wait were looked at.
    depth: usize,
    /// The last of these.
    last: AcceptNo,
    /// Nobody waited behind it.
    is_whole: bool,
    outlook: Outlook,
}

impl Handle {
    /// When this job will start and end; `None` where nobody can tell.
    pub async fn estimate(&self, job: &Job) -> Option<Estimate> {
        self.core.estimate(job).await
    }

    /// How long until all that wait in a queue have started; `None` where nobody can tell.
    pub async fn drain_estimate(&self, queue: &QueueName) -> Option<Duration> {
        self.core.drain_estimate(queue).await
    }
}

impl Core {
    /// When a job will start and end; `None` where nobody can tell: nothing is known of its kind, its queue
    /// stands still, or it has ended.
    pub(super) async fn estimate(self: &Arc<Self>, job: &Job) -> Option<Estimate> {
        if job.open.is_some() {
            return self.end_of(job);
        }
        if job.state != JobState::Queued || self.stands(&job.queue) || self.is_untaken(&job.kind) {
            return None;
        }
        let (traits, runs) = self.known(job)?;
        // Who is delayed comes behind others, and nobody knows behind how many.
        let upto = Some(job.accepted).filter(|_| job.delayed.is_none());
        let pass = self.pass(&job.queue, upto).await?;
        if let Some(&(start, end)) = pass.waits.get(&job.id) {
            return Some(pass.at.estimate(Some(start), end, runs));
        }
        // Accepted since, or claimed.
        if !pass.is_whole || job.accepted <= pass.last {
            return None;
        }
        let due = job.delayed.map(|(until, _)| until);
        self.newcomer(&pass, &job.queue, &Lot { traits, timeout: job.timeout }, due)
    }

    /// When a job ends that has an open attempt: nothing but itself matters for that, so no pass is waited for. All
    /// who ask within a moment are told the same, which is found out without keeping commits waiting.
    fn end_of(&self, job: &Job) -> Option<Estimate> {
        let fence = job.open?;
        let said = self.live.said(job.id, fence).map(|said| said.at);
        let (runner, runs, history) = {
            let mut foresight = self.board.foresight();
            let runner = foresight.queue(&job.queue).running.get(&fence).cloned()?;
            let known = runner.end.filter(|end| end.said == said && end.made.elapsed() < OFTEN);
            if let Some(end) = known {
                return Some(end.estimate);
            }
            let runs = foresight.history.runs_of(runner.traits.kind);
            if runs == 0 {
                return None;
            }
            (runner, runs, foresight.history.clone())
        };
        let (at, made) = (self.clock.now(), tokio::time::Instant::now());
        let running = [self.running(&runner, Instant::now())];
        let line = Line { slots: 1, running: &running, waiting: &[], seed: SEED };
        let estimate = at.estimate(None, *line.outlook(&history).ends.first()?, runs);
        if let Some(runner) = self.board.foresight().queue(&job.queue).running.get_mut(&fence) {
            runner.end = Some(End { estimate, made, said });
        }
        Some(estimate)
    }

    /// What a job would be told if it were accepted now.
    pub(super) async fn estimate_of(self: &Arc<Self>, job: &NewJob) -> Option<Estimate> {
        if self.stands(&job.queue) || self.is_untaken(&job.kind) {
            return None;
        }
        let (args, size) = of_args(&job.args);
        let traits = Traits {
            kind: Traits::key(job.kind.as_str()),
            caller: Traits::key(&job.started_by.as_ref().map(CallerName::as_str)),
            args,
            size,
            quarter: Traits::quarter(job.created_at.timestamp()),
        };
        let pass = self.pass(&job.queue, None).await?;
        let lot = Lot { traits, timeout: job.timeout };
        self.newcomer(&pass, &job.queue, &lot, job.not_before)
    }

    /// How long until all that wait now have started.
    pub(super) async fn drain_estimate(self: &Arc<Self>, queue: &QueueName) -> Option<Duration> {
        if self.stands(queue) {
            return None;
        }
        let pass = self.pass(queue, None).await?;
        Some(Duration::from_secs_f64(pass.outlook.drained.likely.clamp(0.0, FAR)))
    }

    /// Nothing of the queue starts, for who knows how long.
    fn stands(&self, queue: &QueueName) -> bool {
        let gate = self.gates.get(queue).filter(|_| self.phase() == Phase::Serving);
        gate.is_none_or(|gate| gate.is_paused() || self.share(gate) == 0)
    }

    /// Nobody takes the kind, or only this worker, which drains: its jobs start who knows when.
    fn is_untaken(&self, kind: &KindName) -> bool {
        let is_untaken = self.board.lines().is_untaken(kind);
        is_untaken || self.standstill(kind).is_some()
    }

    /// All such kinds.
    fn untaken(&self) -> HashSet<u64> {
        let kinds = self.catalog.kinds.keys().filter(|kind| self.is_untaken(kind));
        kinds.map(|kind| Traits::key(kind.as_str())).collect()
    }

    /// What is known of a job, and how many runs of its kind; `None`: none.
    fn known(&self, job: &Job) -> Option<(Traits, usize)> {
        let foresight = self.board.foresight();
        let traits = foresight.traits(job);
        let runs = foresight.history.runs_of(traits.kind);
        (runs > 0).then_some((traits, runs))
    }

    /// The slots that a queue has of this worker's: queues that have more between them than the worker get
    /// them by the share, as the dispatcher gives them.
    fn share(&self, gate: &Gate) -> usize {
        let (worker, _) = self.slots_for(None);
        let (own, _) = gate.slots.usage();
        let lines = self.board.lines();
        let wants = |(name, gate): (&QueueName, &Gate)| {
            let (slots, busy) = gate.slots.usage();
            let is_in_need = busy > 0 || !gate.is_paused() && lines.len(name) > 0;
            if is_in_need { u64::from(slots) } else { 0 }
        };
        let all: u64 = self.gates.iter().map(wants).sum();
        let share = u64::from(own) * u64::from(worker) / all.max(u64::from(own)).max(1);
        let least = u64::from(own.min(worker).min(1));
        usize::try_from(share.clamp(least, u64::from(own.min(worker)).max(least)))
            .unwrap_or(usize::MAX)
    }

    /// The latest pass that looked down to this job, or to the end; made anew where it is old.
    async fn pass(
        self: &Arc<Self>,
        queue: &QueueName,
        upto: Option<AcceptNo>,
    ) -> Option<Arc<Pass>> {
        let gate = self.gates.get(queue)?;
        // The sender is ours.
        let _ = self.remembered.subscribe().wait_for(|is_known| *is_known).await;
        let latest = fresh(gate.pass.lock().await.as_ref());
        if let Some(pass) = latest.filter(|pass| pass.reaches(upto)) {
            return Some(pass);
        }
        // Whoever asked may not wait for it, and others then find it.
        let (core, queue) = (Arc::clone(self), queue.clone());
        self.tasks.spawn(async move { core.pass_anew(&queue, upto).await }).await.ok()?
    }

    async fn pass_anew(
        self: Arc<Self>,
        queue: &QueueName,
        upto: Option<AcceptNo>,
    ) -> Option<Arc<Pass>> {
        let gate = self.gates.get(queue)?;
        let mut latest = gate.pass.lock().await;
        if self.phase() != Phase::Serving {
            // Nobody is told any more when something starts, and a stop waits for us.
            return None;
        }
        let fresh = fresh(latest.as_ref());
        if let Some(pass) = fresh.as_ref().filter(|pass| pass.reaches(upto)) {
            return Some(Arc::clone(pass));
        }
        let least = fresh.map_or(LEAST, |pass| pass.depth.saturating_mul(2));
        let (core, name, slots) = (Arc::clone(&self), queue.clone(), self.share(gate));
        let pass = tokio::task::spawn_blocking(move || core.make_pass(&name, slots, upto, least));
        let pass = Arc::new(pass.await.ok()?);
        *latest = Some(Arc::clone(&pass));
        Some(pass)
    }

    fn make_pass(
        &self,
        queue: &QueueName,
        slots: usize,
        upto: Option<AcceptNo>,
        least: usize,
    ) -> Pass {
        let (at, now) = (self.clock.now(), Instant::now());
        let untaken = self.untaken();
        let mut foresight = self.board.foresight();
        let history = foresight.history.clone();
        let known = foresight.queue(queue);
        // What nobody takes holds nobody up.
        let mut line = known.waiting.iter().filter(|(_, w)| !untaken.contains(&w.lot.traits.kind));
        let depth = upto.map_or(usize::MAX, |no| known.waiting.down_to(no)).max(least);
        let (numbers, waiters): (Vec<_>, Vec<_>) =
            line.by_ref().take(depth).map(|(no, waiter)| (no, waiter.clone())).unzip();
        let is_whole = line.next().is_none();
        drop(line);
        let runners: Vec<Runner> = known.running.values().cloned().collect();
        let scale = known.scale;
        drop(foresight);
        let running: Vec<_> = runners.iter().map(|r| self.running(r, now)).collect();
        let waiting: Vec<_> = waiters.iter().map(|w| waiting(&w.lot, w.due, at)).collect();
        let line = Line { slots, running: &running, waiting: &waiting, seed: SEED };
        let mut outlook = line.outlook(&history);
        let waits = std::mem::take(&mut outlook.waits);
        let told = |(waiter, told): (&Waiter, Option<(Spread, Spread)>)| {
            let (start, end) = told?;
            Some((waiter.job, (scale.told(start), scale.told(end))))
        };
        let waits: HashMap<_, _> = waiters.iter().zip(waits).filter_map(told).collect();
        let mut foresight = self.board.foresight();
        let known = foresight.queue(queue);
        for (&job, &(start, _)) in &waits {
            known.remember(job, start);
        }
        drop(foresight);
        let last = numbers.last().copied().unwrap_or(AcceptNo(0));
        // Its age counts from its end: who waited for a long one finds it.
        let made = tokio::time::Instant::now();
        Pass { made, at, waits, depth: numbers.len(), last, is_whole, outlook }
    }

    fn running(&self, runner: &Runner, now: Instant) -> Running {
        let elapsed = now.saturating_duration_since(runner.since).as_secs_f64();
        let said = runner.job.open.and_then(|fence| self.live.said(runner.job.id, fence));
        let said = said.and_then(|said| self::said(&said, runner.since));
        let timeout = runner.job.timeout.map(|most| most.as_secs_f64());
        Running { traits: runner.traits, elapsed, said, timeout }
    }

    fn newcomer(
        &self,
        pass: &Pass,
        queue: &QueueName,
        lot: &Lot,
        due: Option<Timestamp>,
    ) -> Option<Estimate> {
        let mut foresight = self.board.foresight();
        let runs = foresight.history.runs_of(lot.traits.kind);
        if runs == 0 {
            return None;
        }
        let job = waiting(lot, due, pass.at);
        let (start, end) = pass.outlook.newcomer(&job, &foresight.history);
        let scale = foresight.queue(queue).scale;
        Some(pass.at.estimate(Some(scale.told(start)), scale.told(end), runs))
    }
}

impl Pass {
    fn is_fresh(&self) -> bool {
        let interval = if self.depth > MANY { SELDOM } else { OFTEN };
        self.made.elapsed() < interval
    }

    /// It looked down to this job, or to the end.
    fn reaches(&self, upto: Option<AcceptNo>) -> bool {
        self.is_whole || upto.is_some_and(|no| no <= self.last)
    }
}

fn fresh(latest: Option<&Arc<Pass>>) -> Option<Arc<Pass>> {
    latest.filter(|pass| pass.is_fresh()).map(Arc::clone)
}

/// Seconds from an instant become instants.
trait Instants {
    fn estimate(self, start: Option<Spread>, end: Spread, runs: usize) -> Estimate;
}

impl Instants for Timestamp {
    fn estimate(self, start: Option<Spread>, end: Spread, runs: usize) -> Estimate {
        let instants =
            |spread: Spread| (self + millis(spread.likely), self + millis(spread.latest));
        Estimate { start: start.map(instants), end: instants(end), runs }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "it is bounded")]
fn millis(seconds: f64) -> TimeDelta {
    TimeDelta::milliseconds((seconds.clamp(0.0, FAR) * 1000.0) as i64)
}

fn seconds(until: Timestamp, now: Timestamp) -> f64 {
    (until - now).to_std().unwrap_or_default().as_secs_f64()
}

fn waiting(lot: &Lot, due: Option<Timestamp>, now: Timestamp) -> Waiting {
    let due = due.map_or(0.0, |until| seconds(until, now));
    let Lot { traits, timeout } = *lot;
    Waiting { traits, due, timeout: timeout.map(|most| most.as_secs_f64()) }
}

/// What a job said that runs since then. No clock that somebody sets tells how long that is.
fn said(report: &Report, since: Instant) -> Option<Said> {
    let elapsed = report.at.saturating_duration_since(since).as_secs_f64();
    Some(Said { part: part(&report.progress)?, elapsed })
}

/// The part of its work that a job says is done.
pub(super) fn part(progress: &Progress) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "a part needs no more")]
    let of_units = || match (progress.current?, progress.total?) {
        (_, total) if total <= 0 => None,
        (current, total) => Some(current as f64 / total as f64),
    };
    progress
        .percent
        .map(|percent| percent / 100.0)
        .or_else(of_units)
        .filter(|part| part.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_changes_nothing_of_what_a_job_said() {
        let since = Instant::now();
        let report = |stamp: &str| {
            let progress = Progress {
                percent: Some(60.0),
                current: None,
                total: None,
                message: None,
                updated_at: stamp.parse().unwrap(),
            };
            Report { progress: Arc::new(progress), at: since + Duration::from_secs(90) }
        };
        for stamp in ["1970-01-01T00:00:00Z", "2026-11-30T12:00:00Z", "2100-01-01T00:00:00Z"] {
            let said = said(&report(stamp), since).unwrap();
            assert!((said.part - 0.6).abs() < 1e-9 && (said.elapsed - 90.0).abs() < 1e-9);
        }
    }
}
