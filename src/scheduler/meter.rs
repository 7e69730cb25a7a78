//! What happened to jobs since this process began, by kind and by queue: for whoever watches the server.
//!
//! Fed by every commit. Kinds and queues that are not declared share one account, so that what is kept
//! has the size of the configuration.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::handle::Handle;
use super::recent::{run, wait};
use crate::domain::attempt::Attempt;
use crate::domain::event::{Change, Commit, JobChange};
use crate::domain::job::Job;
use crate::domain::kind::Catalog;
use crate::domain::meter::{Count, Level, Spread};
use crate::domain::names::{KindName, QueueName};
use crate::domain::state::JobState;
pub use crate::objects::meter::Meter as OfObjects;
use crate::store::Waiting;

/// From a hundredth of a second to a day.
const BOUNDS: &[Duration] = &[
    Duration::from_millis(10),
    Duration::from_millis(50),
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(15),
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(15 * 60),
    Duration::from_secs(60 * 60),
    Duration::from_secs(4 * 60 * 60),
    Duration::from_secs(24 * 60 * 60),
];

/// All accounts.
#[derive(Debug)]
pub struct Meter {
    kinds: BTreeMap<KindName, OfKind>,
    other_kinds: OfKind,
    waits: BTreeMap<QueueName, Spread>,
    other_waits: Spread,
    /// Bytes that commands printed, told when they end.
    pub log_bytes: Count,
    /// What was said under an old fence, and refused (P4).
    pub stale: Count,
}

/// The account of one kind.
#[derive(Debug)]
pub struct OfKind {
    /// Jobs that were accepted.
    pub accepted: Count,
    /// Attempts whose process began.
    pub started: Count,
    /// Attempts that failed and were followed by another one.
    pub retried: Count,
    /// Jobs that ended well.
    pub succeeded: Count,
    /// Jobs that FAILED.
    pub failed: Count,
    /// Jobs that were CANCELED.
    pub canceled: Count,
    /// Jobs that are QUEUED.
    pub queued: Level,
    /// How long jobs ran that ran to an end of their own.
    pub runs: Spread,
}

impl OfKind {
    fn new() -> Self {
        Self {
            accepted: Count::default(),
            started: Count::default(),
            retried: Count::default(),
            succeeded: Count::default(),
            failed: Count::default(),
            canceled: Count::default(),
            queued: Level::default(),
            runs: Spread::new(BOUNDS),
        }
    }

    /// How many wait is a number of the store; what happened is counted where it was done, so that the
    /// numbers of several servers add up.
    fn apply(&self, change: &Change, is_foreign: bool) {
        let (event, job) = (&change.event, &change.job);
        let queued = |state: JobState| i64::from(state == JobState::Queued);
        self.queued.add(queued(event.state) - event.before.map_or(0, queued));
        if is_foreign {
            return;
        }
        match event.change {
            JobChange::Queued if event.before.is_none() => self.accepted.add(1),
            JobChange::Started => self.started.add(1),
            JobChange::Retrying => self.retried.add(1),
            JobChange::Ended => {
                if let Some(count) = self.ended(job.state) {
                    count.add(1);
                }
                if let Some(run) = run(job) {
                    self.runs.add(run);
                }
            }
            JobChange::Snapshot
            | JobChange::Queued
            | JobChange::Position
            | JobChange::Progress
            | JobChange::Canceling
            | JobChange::Updated
            | JobChange::Removed => {}
        }
    }

    fn ended(&self, state: JobState) -> Option<&Count> {
        match state {
            JobState::Succeeded => Some(&self.succeeded),
            JobState::Failed => Some(&self.failed),
            JobState::Canceled => Some(&self.canceled),
            JobState::Queued | JobState::Running | JobState::Canceling => None,
        }
    }
}

impl Meter {
    /// Nothing happened yet.
    pub(super) fn new(catalog: &Catalog) -> Self {
        let kinds = catalog.kinds.keys().map(|kind| (kind.clone(), OfKind::new()));
        let waits = catalog.queues.keys().map(|queue| (queue.clone(), Spread::new(BOUNDS)));
        Self {
            kinds: kinds.collect(),
            other_kinds: OfKind::new(),
            waits: waits.collect(),
            other_waits: Spread::new(BOUNDS),
            log_bytes: Count::default(),
            stale: Count::default(),
        }
    }

    /// Brings in what an earlier server left QUEUED.
    pub(super) fn load(&self, waiting: &[Waiting], open: &[(Arc<Job>, Attempt)]) {
        let open = open.iter().map(|(job, _)| job).filter(|job| job.state == JobState::Queued);
        let kinds = waiting.iter().map(|job| &job.kind).chain(open.map(|job| &job.kind));
        kinds.for_each(|kind| self.of(kind).queued.add(1));
    }

    /// Takes in what a transaction made true.
    pub(super) fn apply(&self, commit: &Commit) {
        for change in &commit.changes {
            self.of(&change.job.kind).apply(change, commit.is_foreign);
            if !commit.is_foreign
                && change.event.change == JobChange::Started
                && let Some(wait) = wait(&change.job)
            {
                self.waits.get(&change.job.queue).unwrap_or(&self.other_waits).add(wait);
            }
        }
    }

    fn of(&self, kind: &KindName) -> &OfKind {
        self.kinds.get(kind).unwrap_or(&self.other_kinds)
    }

    /// Each declared kind with its account, and all others without a name.
    pub fn kinds(&self) -> impl Iterator<Item = (&str, &OfKind)> {
        let declared = self.kinds.iter().map(|(name, kind)| (name.as_str(), kind));
        declared.chain([("", &self.other_kinds)])
    }

    /// For each declared queue how long jobs waited for their first start, and for all others without a
    /// name.
    pub fn waits(&self) -> impl Iterator<Item = (&str, &Spread)> {
        let declared = self.waits.iter().map(|(name, waits)| (name.as_str(), waits));
        declared.chain([("", &self.other_waits)])
    }
}

/// How the slots of a queue are used.
#[derive(Debug, Clone)]
pub struct Usage {
    /// Which queue.
    pub queue: QueueName,
    /// How many there are.
    pub slots: u32,
    /// How many are taken.
    pub busy: u32,
    /// It starts nothing.
    pub paused: bool,
}

impl Handle {
    /// What happened to jobs.
    pub fn meter(&self) -> &Meter {
        &self.core.board.meter
    }

    /// What the object store was asked; `None`: there is none.
    pub fn objects(&self) -> Option<&OfObjects> {
        Some(self.core.carrying.as_ref()?.objects.meter())
    }

    /// The declared queues, as they are used now.
    pub fn usage(&self) -> Vec<Usage> {
        let usage = self.core.gates.iter().map(|(queue, gate)| {
            let (slots, busy) = gate.slots.usage();
            Usage { queue: queue.clone(), slots, busy, paused: gate.paused.load(Ordering::Acquire) }
        });
        let mut usage: Vec<_> = usage.collect();
        usage.sort_by(|one, other| one.queue.cmp(&other.queue));
        usage
    }
}
