//! The lines in memory: who waits in which queue, in which order, and until when.
//!
//! The store is the truth; this is its picture, brought up to date with every commit before any
//! caller of that commit is answered. It tells a job's place without counting rows, and tells the
//! dispatcher which queues have work; what is claimed, the store alone decides.
//!
//! In line is what some worker may run. What needs one that is not there waits outside, so that it holds
//! nobody up, and comes back to its place by its acceptance number when there is one.

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

/// One queue's line: the jobs that may start now, of kinds that are declared.
#[derive(Debug)]
struct Line {
    /// Those that this worker takes.
    mine: RankedSet,
    /// Those that it does not take. They are in line where others take their kind, and wait outside where
    /// nobody does.
    others: HashMap<KindName, RankedSet>,
    /// Ticks when a place may have changed.
    changes: watch::Sender<u64>,
}

/// Who takes the jobs of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takers {
    /// This worker. Others may, too.
    Here,
    /// Others that live and do not drain.
    Elsewhere,
    /// Nobody, for now.
    Nowhere,
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
    kinds: HashMap<KindName, Takers>,
}

impl Lines {
    /// Empty lines for everything that is declared, which nobody takes yet.
    pub(super) fn new(catalog: &Catalog) -> Self {
        let line = |name: &QueueName| {
            let (mine, others) = (RankedSet::default(), HashMap::new());
            (name.clone(), Line { mine, others, changes: watch::Sender::new(0) })
        };
        Self {
            by_queue: catalog.queues.keys().map(line).collect(),
            delayed: BTreeSet::new(),
            due: HashMap::new(),
            kinds: catalog.kinds.keys().map(|kind| (kind.clone(), Takers::Nowhere)).collect(),
        }
    }

    /// Takes in which kinds this worker takes, which stays so once jobs are in, and which ones others do.
    /// `true`: that is new.
    pub(super) fn set_takers(&mut self, here: &[KindName], elsewhere: &HashSet<KindName>) -> bool {
        let mut is_new = false;
        for (kind, takers) in &mut self.kinds {
            let now = match (here.contains(kind), elsewhere.contains(kind)) {
                (true, _) => Takers::Here,
                (false, true) => Takers::Elsewhere,
                (false, false) => Takers::Nowhere,
            };
            is_new |= std::mem::replace(takers, now) != now;
        }
        is_new
    }

    /// It is declared, and nobody takes it for now.
    pub(super) fn is_untaken(&self, kind: &KindName) -> bool {
        self.kinds.get(kind) == Some(&Takers::Nowhere)
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
                self.take(job.accepted, &job.queue, &job.kind);
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
        let line = self.by_queue.get(&job.queue)?;
        let own = match self.kinds.get(&job.kind)? {
            Takers::Here => &line.mine,
            Takers::Elsewhere => line.others.get(&job.kind)?,
            Takers::Nowhere => return None,
        };
        let ahead = |set: &RankedSet| set.below(job.accepted);
        let rank = own.contains(job.accepted).then(|| self.in_line(line).map(ahead).sum::<usize>());
        u64::try_from(rank? + 1).ok()
    }

    /// How many are in line.
    pub(super) fn len(&self, queue: &QueueName) -> usize {
        self.by_queue.get(queue).map_or(0, |line| self.in_line(line).map(RankedSet::len).sum())
    }

    /// What is in line, in one piece for this worker and one for each kind that only others take.
    fn in_line<'a>(&'a self, line: &'a Line) -> impl Iterator<Item = &'a RankedSet> {
        let is_taken = move |(kind, _): &(&KindName, _)| !self.is_untaken(kind);
        let others = line.others.iter().filter(is_taken).map(|(_, set)| set);
        std::iter::once(&line.mine).chain(others)
    }

    /// It waits for an instant before it comes into line.
    pub(super) fn is_delayed(&self, accepted: AcceptNo) -> bool {
        self.due.contains_key(&accepted)
    }

    /// How many this worker may start now, and the one that comes first.
    pub(super) fn ready(&self, queue: &QueueName) -> Option<(usize, AcceptNo)> {
        let line = self.by_queue.get(queue)?;
        Some((line.mine.len(), line.mine.first()?))
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
        self.take(job.accepted, &job.queue, &job.kind);
        if let Some(until) = job.delayed_until {
            self.due.insert(job.accepted, until);
            self.delayed.insert((until, job.accepted));
        } else if let Some(takers) = self.kinds.get(&job.kind)
            && let Some(line) = self.by_queue.get_mut(&job.queue)
        {
            match takers {
                Takers::Here => line.mine.insert(job.accepted, ()),
                Takers::Elsewhere | Takers::Nowhere => {
                    line.others.entry(job.kind.clone()).or_default().insert(job.accepted, ())
                }
            };
        }
    }

    fn take(&mut self, accepted: AcceptNo, queue: &QueueName, kind: &KindName) {
        if let Some(until) = self.due.remove(&accepted) {
            self.delayed.remove(&(until, accepted));
        }
        if let Some(line) = self.by_queue.get_mut(queue)
            && line.mine.remove(accepted).is_none()
            && let Some(others) = line.others.get_mut(kind)
        {
            others.remove(accepted);
        }
    }
}
