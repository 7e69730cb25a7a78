//! The lines in memory: who waits in which queue, in which order, and until when.
//!
//! The store is the truth; this is its picture, brought up to date with every commit before any
//! caller of that commit is answered. It tells a job's place without counting rows, and tells the
//! dispatcher which queues have work; what is claimed, the store alone decides.

use std::collections::{BTreeSet, HashMap, HashSet};

use tokio::sync::watch;

use super::ranked::RankedSet;
use crate::domain::clock::Timestamp;
use crate::domain::event::Commit;
use crate::domain::id::AcceptNo;
use crate::domain::job::Job;
use crate::domain::kind::Catalog;
use crate::domain::names::{KindName, QueueName};
use crate::domain::state::JobState;
use crate::store::Waiting;

/// One queue's line.
#[derive(Debug)]
struct Line {
    /// The jobs that may start now, of kinds that are declared.
    ready: RankedSet,
    /// Ticks when a place may have changed.
    changes: watch::Sender<u64>,
}

/// All lines.
#[derive(Debug)]
pub(super) struct Lines {
    by_queue: HashMap<QueueName, Line>,
    /// The jobs that are not in line yet, by when they come into it.
    delayed: BTreeSet<(Timestamp, AcceptNo)>,
    /// When each of them does.
    due: HashMap<AcceptNo, Timestamp>,
    /// The kinds that are declared. A job of another one waits outside, so that it holds nobody up.
    kinds: HashSet<KindName>,
}

impl Lines {
    /// Empty lines for everything that is declared.
    pub(super) fn new(catalog: &Catalog) -> Self {
        let line = |name: &QueueName| {
            (name.clone(), Line { ready: RankedSet::default(), changes: watch::Sender::new(0) })
        };
        Self {
            by_queue: catalog.queues.keys().map(line).collect(),
            delayed: BTreeSet::new(),
            due: HashMap::new(),
            kinds: catalog.kinds.keys().cloned().collect(),
        }
    }

    /// Brings in what an earlier server left waiting.
    pub(super) fn load(&mut self, waiting: Vec<Waiting>) {
        for job in waiting {
            self.put(&job);
        }
    }

    /// Brings the picture up to date with a commit.
    pub(super) fn apply(&mut self, commit: &Commit) {
        for promoted in &commit.promoted {
            self.put(&Waiting {
                job: promoted.job,
                queue: promoted.queue.clone(),
                kind: promoted.kind.clone(),
                accepted: promoted.accepted,
                delayed_until: None,
            });
        }
        for change in &commit.changes {
            let job = &change.job;
            if job.state == JobState::Queued && job.open.is_none() {
                self.put(&Waiting {
                    job: job.id,
                    queue: job.queue.clone(),
                    kind: job.kind.clone(),
                    accepted: job.accepted,
                    delayed_until: job.delayed.map(|(until, _)| until),
                });
            } else {
                self.take(job.accepted, &job.queue);
            }
        }
        let touched: HashSet<&QueueName> = commit
            .changes
            .iter()
            .map(|c| &c.job.queue)
            .chain(commit.promoted.iter().map(|p| &p.queue))
            .collect();
        for queue in touched {
            self.touch(queue);
        }
    }

    /// Ticks a queue: something that its jobs wait for changed.
    pub(super) fn touch(&self, queue: &QueueName) {
        if let Some(line) = self.by_queue.get(queue) {
            line.changes.send_modify(|ticks| *ticks = ticks.wrapping_add(1));
        }
    }

    /// Ticks all queues.
    pub(super) fn touch_all(&self) {
        for queue in self.by_queue.keys() {
            self.touch(queue);
        }
    }

    /// A receiver of a queue's ticks; of none for a queue that is not declared.
    pub(super) fn changes(&self, queue: &QueueName) -> Option<watch::Receiver<u64>> {
        self.by_queue.get(queue).map(|line| line.changes.subscribe())
    }

    /// A job's place, from 1; `None` when it is not in line.
    pub(super) fn position(&self, job: &Job) -> Option<u64> {
        let rank = self.by_queue.get(&job.queue)?.ready.rank(job.accepted)?;
        u64::try_from(rank + 1).ok()
    }

    /// It waits for an instant before it comes into line.
    pub(super) fn is_delayed(&self, accepted: AcceptNo) -> bool {
        self.due.contains_key(&accepted)
    }

    /// How many may start now, and the one that comes first.
    pub(super) fn ready(&self, queue: &QueueName) -> Option<(usize, AcceptNo)> {
        let line = self.by_queue.get(queue)?;
        Some((line.ready.len(), line.ready.first()?))
    }

    /// When the next one comes into line.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.delayed.first().map(|&(at, _)| at)
    }

    /// Those that should be in line at this instant, and are not: a page of them.
    pub(super) fn due_by(&self, now: Timestamp) -> Vec<AcceptNo> {
        const PAGE: usize = 1_000;
        let due = self.delayed.iter().take_while(|(at, _)| *at <= now);
        due.map(|&(_, accepted)| accepted).take(PAGE).collect()
    }

    fn put(&mut self, job: &Waiting) {
        self.take(job.accepted, &job.queue);
        if let Some(until) = job.delayed_until {
            self.due.insert(job.accepted, until);
            self.delayed.insert((until, job.accepted));
        } else if self.kinds.contains(&job.kind)
            && let Some(line) = self.by_queue.get_mut(&job.queue)
        {
            line.ready.insert(job.accepted);
        }
    }

    fn take(&mut self, accepted: AcceptNo, queue: &QueueName) {
        if let Some(until) = self.due.remove(&accepted) {
            self.delayed.remove(&(until, accepted));
        }
        if let Some(line) = self.by_queue.get_mut(queue) {
            line.ready.remove(accepted);
        }
    }
}
