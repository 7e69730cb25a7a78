//! Why a job waits: read off the lines, the slots and the gates at one moment.

use chrono::SecondsFormat;

use super::core::{Core, Gate, Phase};
use super::estimates::part;
use crate::domain::clock::Timestamp;
use crate::domain::job::{Delay, Job};
use crate::domain::names::{KindName, QueueName};
use crate::domain::state::JobState;
use crate::domain::wait::{Holder, Wait, WaitReason};

impl Core {
    /// Why this job waits and where; `None` unless QUEUED.
    pub(super) fn wait(&self, job: &Job) -> Option<Wait> {
        if job.state != JobState::Queued {
            return None;
        }
        let starting = || Wait::plain(WaitReason::Starting, "its process is being started");
        if job.open.is_some() {
            return Some(starting());
        }
        // By the lines and not by the row: what came due is in line without a change of its row.
        if let Some((until, delay)) = job.delayed
            && self.board.lines().is_delayed(job.accepted)
        {
            return Some(delayed(job, until, delay));
        }
        let gate = self.gates.get(&job.queue);
        let Some(gate) = gate.filter(|_| self.catalog.kinds.contains_key(&job.kind)) else {
            return Some(self.wait_elsewhere(job));
        };
        let (is_untaken, position) = {
            let lines = self.board.lines();
            (lines.is_untaken(&job.kind), lines.position(job))
        };
        if is_untaken {
            return Some(self.nobody(&job.kind));
        }
        // Without one the row is older than the line: it was claimed since.
        let Some(place) = position else { return Some(starting()) };
        let mut wait = self.wait_in_line(job, gate, place);
        if wait.reason != WaitReason::Starting {
            wait.position = position;
            let ahead = place - 1;
            let ahead = if ahead == 0 { "it is next".to_owned() } else { format!("{ahead} ahead") };
            wait.rest.insert(0, ahead);
        }
        Some(wait)
    }

    /// Why nobody takes jobs of a kind for now that is in line; `None`: somebody does.
    pub(super) fn standstill(&self, kind: &KindName) -> Option<Wait> {
        let wait = if !self.fleet.takes().contains(kind) {
            return None;
        } else if self.phase() != Phase::Serving {
            Wait::plain(WaitReason::Draining, "the server is stopping")
        } else if self.fleet.is_draining() {
            Wait::plain(WaitReason::Draining, "the worker drains, and takes nothing more")
        } else {
            return None;
        };
        self.takers(kind, false).is_empty().then_some(wait)
    }

    /// No live worker that does not drain takes jobs of a kind.
    fn nobody(&self, kind: &KindName) -> Wait {
        let asked = self.catalog.kinds.get(kind).map(|kind| &kind.worker_labels);
        let with = asked.filter(|labels| !labels.is_empty());
        let with = with.map_or(String::new(), |labels| format!(" with {labels}"));
        let text = format!("no worker{with} takes jobs of the kind `{kind}`");
        let mut wait = Wait::plain(WaitReason::NoWorker, text);
        let drain = self.takers(kind, true).into_iter();
        wait.rest.extend(drain.map(|name| format!("`{name}` drains, and takes nothing more")));
        wait
    }

    /// Why a job waits whose kind or queue is not declared here.
    fn wait_elsewhere(&self, job: &Job) -> Wait {
        let takers = self.takers(&job.kind, false);
        if takers.is_empty() {
            return self.nobody(&job.kind);
        }
        let text = format!("it waits for a slot of {}", takers.join(", "));
        Wait::plain(WaitReason::SlotsBusy, text)
    }

    fn wait_in_line(&self, job: &Job, gate: &Gate, place: u64) -> Wait {
        let queue = &job.queue;
        let (slots, busy) = gate.slots.usage();
        let (worker_slots, worker_busy) = self.slots_for(Some(&job.kind));
        let (free_here, free_there) =
            (slots.saturating_sub(busy), worker_slots.saturating_sub(worker_busy));
        let free = free_here.min(free_there);
        if let Some(wait) = self.standstill(&job.kind) {
            return wait;
        }
        if gate.is_paused() {
            return Wait::plain(WaitReason::QueuePaused, format!("queue `{queue}` is paused"));
        }
        if place <= u64::from(free) {
            return Wait::plain(WaitReason::Starting, "a slot is free for it");
        }
        let (reason, limit, of) = if slots == 0 {
            let text =
                format!("queue `{queue}` has 0 slots: nothing of it starts until it gets some");
            (WaitReason::QueueSlotsBusy, text, Some(queue))
        } else if free_there < free_here {
            let whose = self.whose_slots(&job.kind);
            let text = format!("{worker_busy} of {worker_slots} slots of {whose} are busy");
            (WaitReason::SlotsBusy, text, None)
        } else {
            let text = format!("{busy} of {slots} slots of queue `{queue}` are busy");
            (WaitReason::QueueSlotsBusy, text, Some(queue))
        };
        let holders = self.holders(of, &job.kind);
        let mut wait = Wait { holders, ..Wait::plain(reason, limit) };
        if slots > 0 && !self.has_history(job) {
            wait.rest.push(format!("no estimate: no run of `{}` has ended yet", job.kind));
        }
        wait
    }

    fn has_history(&self, job: &Job) -> bool {
        let foresight = self.board.foresight();
        foresight.history.runs_of(foresight.traits(job).kind) > 0
    }

    /// The workers that jobs of a kind wait for.
    fn whose_slots(&self, kind: &KindName) -> String {
        let asked = self.catalog.kinds.get(kind).map(|kind| &kind.worker_labels);
        match asked.filter(|labels| !labels.is_empty()) {
            Some(labels) => format!("the workers with {labels}"),
            None => "the worker".to_owned(),
        }
    }

    /// Who holds the slots of a queue, or of the workers that take a kind, first the one that was claimed
    /// first.
    fn holders(&self, queue: Option<&QueueName>, kind: &KindName) -> Vec<Holder> {
        let mut jobs = self.board.foresight().running(queue);
        if queue.is_none() {
            let (is_mine, members) = (self.fleet.takes().contains(kind), self.fleet.members());
            jobs.retain(|(_, job)| {
                let is_elsewhere = self.board.others().as_ref().is_some_and(|o| o.has(job));
                let worker = job.worker.as_ref().filter(|_| is_elsewhere);
                let takes =
                    |id| members.iter().any(|m| m.worker.id == id && m.kinds.contains(kind));
                worker.map_or(is_mine, |worker| takes(worker.id))
            });
        }
        jobs.sort_unstable_by_key(|&(fence, _)| fence);
        let holder = |(fence, job): (_, std::sync::Arc<Job>)| {
            let said = self.live.progress(job.id, fence).and_then(|progress| part(&progress));
            Holder {
                job: job.id,
                kind: job.kind.clone(),
                started_by: job.started_by.clone(),
                percent: said.and_then(percent),
            }
        };
        jobs.into_iter().map(holder).collect()
    }
}

/// Whole percents; `None` for what is none.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 100")]
fn percent(part: f64) -> Option<u8> {
    (0.0..=1.0).contains(&part).then(|| (part * 100.0).round() as u8)
}

fn delayed(job: &Job, until: Timestamp, delay: Delay) -> Wait {
    let at = until.to_rfc3339_opts(SecondsFormat::Millis, true);
    let mut wait = match delay {
        Delay::NotBefore => {
            Wait::plain(WaitReason::NotBefore, format!("it may not start before {at}"))
        }
        Delay::RetryBackoff => {
            let how = job.exit_code.map_or(String::new(), |code| format!(" with exit code {code}"));
            let limit =
                format!("attempt {} failed{how}; the next one may start at {at}", job.attempt);
            let mut wait = Wait::plain(WaitReason::RetryBackoff, limit);
            wait.rest.push(format!("{} of {} failures", job.failures, job.max_attempts));
            wait
        }
    };
    wait.eligible_at = Some(until);
    wait
}
