//! What others run, as the commits tell it.
//!
//! # Concurrency
//!
//! The lock of [`Others`] is taken before those of slots and of the table of live attempts, never after.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::core::Core;
use super::live::Live;
use super::slots::{Slot, Slots};
use crate::domain::attempt::CancelMode;
use crate::domain::event::Commit;
use crate::domain::id::{Fence, JobId, WorkerId};
use crate::domain::job::Job;
use crate::domain::names::QueueName;
use crate::domain::state::JobState;

/// What others run. Each open attempt of theirs holds a slot of its queue here, too (P3).
pub(super) struct Others {
    me: WorkerId,
    /// What earlier starts of this worker left: it is followed here.
    own: HashSet<Fence>,
    slots: HashMap<QueueName, Arc<Slots>>,
    open: HashMap<JobId, Open>,
    live: Live,
}

struct Open {
    fence: Fence,
    worker: WorkerId,
    _slot: Option<Slot>,
}

impl Others {
    /// Nobody runs anything yet.
    pub(super) fn new(core: &Core, own: HashSet<Fence>) -> Self {
        let slots = core.gates.iter().map(|(name, gate)| (name.clone(), Arc::clone(&gate.slots)));
        Self {
            me: core.me.id,
            own,
            slots: slots.collect(),
            open: HashMap::new(),
            live: core.live.clone(),
        }
    }

    /// Brings it up to date with a commit. A wish of elsewhere to stop what runs here is passed on.
    pub(super) fn apply(&mut self, commit: &Commit) {
        for change in &commit.changes {
            let job = &change.job;
            let is_mine = !self.follow(job);
            if let Some(fence) = job.open
                && is_mine
                && commit.is_foreign
                && job.state == JobState::Canceling
            {
                let mode = if job.cancel_forced { CancelMode::Force } else { CancelMode::Graceful };
                self.live.cancel(job.id, fence, mode);
            }
        }
    }

    /// Takes in where a job is; `true`: it is open elsewhere.
    pub(super) fn follow(&mut self, job: &Job) -> bool {
        let worker = job.worker.as_ref().map(|worker| worker.id).filter(|id| *id != self.me);
        let open = job.open.filter(|fence| !self.own.contains(fence));
        let (Some(worker), Some(fence)) = (worker, open) else {
            self.open.remove(&job.id);
            self.live.forget(job.id);
            return false;
        };
        if self.open.get(&job.id).is_none_or(|open| open.fence != fence) {
            self.open.remove(&job.id);
            let slot = self.slots.get(&job.queue).map(Slots::take_owed);
            self.open.insert(job.id, Open { fence, worker, _slot: slot });
        }
        true
    }

    /// The job is open elsewhere.
    pub(super) fn has(&self, job: &Job) -> bool {
        self.open.contains_key(&job.id)
    }

    /// How many attempts of each of the others are open.
    pub(super) fn busy(&self) -> HashMap<WorkerId, u32> {
        let mut busy = HashMap::new();
        for open in self.open.values() {
            *busy.entry(open.worker).or_default() += 1;
        }
        busy
    }
}
