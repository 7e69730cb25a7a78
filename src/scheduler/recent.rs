//! What ended lately, in memory: how long jobs of a queue waited and ran in the last hour, how many
//! ended, and how long jobs of a kind typically run.
//!
//! The store is the truth; this is read off it at the start and off every commit from then on, so
//! that no question about the last hour reads history. It is bounded: the last [`SAMPLE`] ends of
//! each queue, the last [`RUNS`] runs of each kind, and counts by the minute.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use chrono::TimeDelta;

use crate::domain::clock::Timestamp;
use crate::domain::event::{Commit, JobChange};
use crate::domain::job::Job;
use crate::domain::kind::Catalog;
use crate::domain::names::{KindName, QueueName};
use crate::domain::state::{EndReason, JobState};
use crate::store::filter::JobFilter;
use crate::store::query::{JobOrder, JobsQuery, Page};
use crate::store::{EndCount, Reader, StoreError};

/// Percentiles are those of so many ends of a queue at most, the last ones.
pub(super) const SAMPLE: u32 = 500;
/// A typical run is the median of so many at most, the last ones.
const RUNS: u32 = 101;
/// So many ends of each state are counted when the server starts.
const COUNTED_AT_START: u32 = 100_000;
/// How long "lately" is, in minutes.
const MINUTES: i64 = 60;

/// The numbers of a queue in the last hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lately {
    /// The median wait.
    pub wait_p50: Option<Duration>,
    /// 95 of 100 waited less.
    pub wait_p95: Option<Duration>,
    /// The median run.
    pub run_p50: Option<Duration>,
    /// 95 of 100 ran less.
    pub run_p95: Option<Duration>,
    /// How many ended.
    pub ended: u64,
    /// How many of these FAILED.
    pub failed: u64,
}

/// What is remembered.
#[derive(Debug, Default)]
pub(super) struct Recent {
    queues: HashMap<QueueName, Ends>,
    runs: HashMap<KindName, VecDeque<Duration>>,
}

/// What ended in one queue.
#[derive(Debug, Default)]
struct Ends {
    /// The last ones, oldest first.
    last: VecDeque<End>,
    /// How many, oldest minute first.
    minutes: VecDeque<EndCount>,
}

#[derive(Debug, Clone, Copy)]
struct End {
    at: Timestamp,
    wait: Option<Duration>,
    run: Option<Duration>,
}

impl Recent {
    /// Reads what ended before this server began; what ran well is handed on, by kind, oldest first.
    pub(super) async fn load(
        store: &dyn Reader,
        catalog: &Catalog,
        now: Timestamp,
        mut ran: impl FnMut(&Job),
    ) -> Result<Self, StoreError> {
        let mut recent = Self::default();
        let since = now - TimeDelta::minutes(MINUTES);
        for queue in catalog.queues.keys() {
            let filter = JobFilter { queues: Some(vec![queue.clone()]), ..JobFilter::default() };
            let jobs = last(store, filter, JobOrder::RecentlyEnded, SAMPLE).await?;
            let ends = recent.queues.entry(queue.clone()).or_default();
            ends.last = jobs.iter().rev().filter_map(|job| End::of(job)).collect();
            ends.minutes = store.end_counts(queue, since, COUNTED_AT_START).await?.into();
        }
        for kind in catalog.kinds.keys() {
            let states = Some(vec![JobState::Succeeded]);
            let filter =
                JobFilter { states, kinds: Some(vec![kind.clone()]), ..JobFilter::default() };
            let jobs = last(store, filter, JobOrder::Newest, RUNS).await?;
            jobs.iter().rev().for_each(|job| ran(job));
            let runs = jobs.iter().rev().filter_map(|job| run(job));
            recent.runs.insert(kind.clone(), runs.collect());
        }
        Ok(recent)
    }

    /// Takes in what a transaction made true.
    pub(super) fn apply(&mut self, commit: &Commit) {
        let ended = commit.changes.iter().filter(|change| change.event.change == JobChange::Ended);
        for job in ended.map(|change| &change.job) {
            let Some(end) = End::of(job) else { continue };
            let ends = self.queues.entry(job.queue.clone()).or_default();
            push(&mut ends.last, end, SAMPLE);
            ends.count(end.at, job.state);
            if let (JobState::Succeeded, Some(run)) = (job.state, end.run) {
                push(self.runs.entry(job.kind.clone()).or_default(), run, RUNS);
            }
        }
    }

    /// The numbers of a queue in the hour before `now`.
    pub(super) fn lately(&self, queue: &QueueName, now: Timestamp) -> Lately {
        let Some(ends) = self.queues.get(queue) else { return Lately::default() };
        let since = now - TimeDelta::minutes(MINUTES);
        let recent = || ends.last.iter().filter(|end| end.at > since);
        let waits = sorted(recent().filter_map(|end| end.wait));
        let runs = sorted(recent().filter_map(|end| end.run));
        let minutes = ends.minutes.iter().filter(|count| count.minute > minute(now) - MINUTES);
        let (mut ended, mut failed) = (0, 0);
        for count in minutes {
            ended += count.ended;
            failed += count.failed;
        }
        Lately {
            wait_p50: percentile(&waits, 50),
            wait_p95: percentile(&waits, 95),
            run_p50: percentile(&runs, 50),
            run_p95: percentile(&runs, 95),
            ended,
            failed,
        }
    }

    /// The median of the last runs of a kind that ended well.
    pub(super) fn typical_run(&self, kind: &KindName) -> Option<Duration> {
        percentile(&sorted(self.runs.get(kind)?.iter().copied()), 50)
    }
}

impl Ends {
    fn count(&mut self, at: Timestamp, state: JobState) {
        let minute = minute(at);
        // A clock that is set back goes on in the minute that it had reached.
        if self.minutes.back().is_none_or(|last| last.minute < minute) {
            self.minutes.push_back(EndCount { minute, ended: 0, failed: 0 });
        }
        if let Some(last) = self.minutes.back_mut() {
            last.ended += 1;
            last.failed += u64::from(state == JobState::Failed);
        }
        while self.minutes.front().is_some_and(|first| first.minute <= minute - MINUTES) {
            self.minutes.pop_front();
        }
    }
}

impl End {
    /// How a job ended; `None` while it has not.
    fn of(job: &Job) -> Option<Self> {
        Some(Self { at: job.ended_at?, wait: wait(job), run: run(job) })
    }
}

/// From when it could start to when it did. What was tried more than once has waited more than
/// once, and the row knows only of the last time.
pub(super) fn wait(job: &Job) -> Option<Duration> {
    let from = job.not_before.map_or(job.created_at, |at| at.max(job.created_at));
    let started = job.started_at.filter(|_| job.attempt == 1)?;
    Some((started - from).to_std().unwrap_or_default())
}

/// How long it ran, where it ran to an end of its own.
pub(super) fn run(job: &Job) -> Option<Duration> {
    let run = job.ended_at? - job.started_at?;
    ran_to_its_end(job).then(|| run.to_std().unwrap_or_default())
}

/// It ended by itself, or by its timeout: how long it ran says how long such jobs do.
pub(super) fn ran_to_its_end(job: &Job) -> bool {
    match job.state {
        JobState::Succeeded => true,
        JobState::Failed => !matches!(job.reason, Some(EndReason::SpawnFailed | EndReason::Lost)),
        JobState::Queued | JobState::Running | JobState::Canceling | JobState::Canceled => false,
    }
}

/// So many of those that come last in an order, the last one first.
pub(super) async fn last(
    store: &dyn Reader,
    filter: JobFilter,
    order: JobOrder,
    count: u32,
) -> Result<Vec<std::sync::Arc<Job>>, StoreError> {
    let page = Page::First(count, None);
    let query = JobsQuery { filter, order, page, count_up_to: None, examine: count };
    Ok(store.jobs(query).await?.jobs)
}

fn minute(at: Timestamp) -> i64 {
    at.timestamp_millis().div_euclid(60_000)
}

fn push<T>(last: &mut VecDeque<T>, value: T, most: u32) {
    last.push_back(value);
    if last.len() > most as usize {
        last.pop_front();
    }
}

fn sorted(values: impl Iterator<Item = Duration>) -> Vec<Duration> {
    let mut values: Vec<_> = values.collect();
    values.sort_unstable();
    values
}

/// The smallest value that so many of a hundred do not exceed.
fn percentile(sorted: &[Duration], of_hundred: usize) -> Option<Duration> {
    let rank = (sorted.len() * of_hundred).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::from_unix_millis;

    #[test]
    fn a_percentile_is_a_value_that_was_seen() {
        let millis = |n: u64| sorted((1..=n).rev().map(Duration::from_millis));
        let of = |n, p| percentile(&millis(n), p).map(|d| d.as_millis());
        assert_eq!([of(0, 50), of(1, 95), of(2, 50)], [None, Some(1), Some(1)]);
        assert_eq!([of(100, 50), of(100, 95), of(101, 50)], [Some(50), Some(95), Some(51)]);
    }

    #[test]
    fn an_hour_moves_on_by_minutes_and_keeps_no_more() {
        let queue: QueueName = "q".parse().unwrap();
        let at = |minute: i64| from_unix_millis(minute * 60_000 + 1);
        let mut recent = Recent::default();
        let ends = recent.queues.entry(queue.clone()).or_default();
        for minute in 0..200 {
            ends.count(at(minute), JobState::Failed);
            ends.count(at(minute), JobState::Succeeded);
        }
        assert_eq!(ends.minutes.len(), 60);
        // Set back by more than an hour.
        ends.count(at(50), JobState::Succeeded);
        let told = |minute| {
            let lately = recent.lately(&queue, at(minute));
            (lately.ended, lately.failed)
        };
        assert_eq!(told(199), (121, 60));
        assert_eq!(told(229), (61, 30));
        assert_eq!(told(259), (0, 0));
    }
}
