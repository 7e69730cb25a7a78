//! Why a job waits: read off the lines, the slots and the gates at one moment.

use std::sync::atomic::Ordering;

use super::core::{Core, Phase};
use crate::domain::job::{Delay, Job};
use crate::domain::state::JobState;
use crate::domain::wait::{Wait, WaitReason};

impl Core {
    /// Why this job waits and where; `None` unless QUEUED.
    pub(super) fn wait(&self, job: &Job) -> Option<Wait> {
        if job.state != JobState::Queued {
            return None;
        }
        let plain = |reason, text: String| Wait { reason, text, position: None, eligible_at: None };
        if job.open.is_some() {
            return Some(plain(WaitReason::Starting, "its process is being started".to_owned()));
        }
        // By the lines and not by the row: what came due is in line without a change of its row.
        if let Some((until, delay)) = job.delayed
            && self.board.lines().is_delayed(job.accepted)
        {
            let (reason, text) = match delay {
                Delay::NotBefore => (WaitReason::NotBefore, "it may not start before its time"),
                Delay::RetryBackoff => (
                    WaitReason::RetryBackoff,
                    "an attempt failed; the next one comes after a pause",
                ),
            };
            return Some(Wait { eligible_at: Some(until), ..plain(reason, text.to_owned()) });
        }
        let gate = self.gates.get(&job.queue);
        let Some(gate) = gate.filter(|_| self.catalog.kinds.contains_key(&job.kind)) else {
            let text = format!("no worker takes jobs of the kind `{}`", job.kind);
            return Some(plain(WaitReason::NoWorker, text));
        };
        let position = self.board.lines().position(job);
        let Some(place) = position else {
            // The row is older than the line: it was claimed since.
            return Some(plain(WaitReason::Starting, "its process is being started".to_owned()));
        };
        let ahead = match place - 1 {
            0 => "it is next".to_owned(),
            ahead => format!("{ahead} ahead"),
        };
        let (slots, busy) = gate.slots.usage();
        let (worker_slots, worker_busy) = self.worker.usage();
        let free = slots.saturating_sub(busy).min(worker_slots.saturating_sub(worker_busy));
        let (reason, text) = if self.phase() != Phase::Serving {
            (WaitReason::Draining, format!("the server is stopping; {ahead}"))
        } else if gate.paused.load(Ordering::Acquire) {
            (WaitReason::QueuePaused, format!("queue `{}` is paused; {ahead}", job.queue))
        } else if place <= u64::from(free) {
            return Some(plain(WaitReason::Starting, "a slot is free for it".to_owned()));
        } else if gate.slots.has_free() {
            let text = format!("the {worker_slots} slots of the worker are taken; {ahead}");
            (WaitReason::SlotsBusy, text)
        } else {
            let text =
                format!("{busy} of {slots} slots of queue `{}` are busy; {ahead}", job.queue);
            (WaitReason::QueueSlotsBusy, text)
        };
        Some(Wait { reason, text, position, eligible_at: None })
    }
}
