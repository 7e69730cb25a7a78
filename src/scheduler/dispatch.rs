//! The dispatcher: one loop that holds a slot first, then claims, then spawns.
//!
//! A task per job that waits for the semaphore would not be first in, first out: tokio's semaphore
//! is fair in the order of first polls, and the order in which tasks are first polled is not that
//! of acceptance. One loop has no such order to lose.
//!
//! # Concurrency
//!
//! This task is the only one that claims and the only one that spawns. It answers barriers between
//! rounds, when nothing is between a claim's commit and its spawn.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::Instrument;

use super::attempt::{self, Held};
use super::core::{Barrier, Core, Gate, Phase};
use super::live::Tenure;
use super::slots::Slot;
use crate::domain::attempt::AttemptEnd;
use crate::domain::id::{AcceptNo, AttemptKey};
use crate::domain::job::NewJob;
use crate::domain::kind::Catalog;
use crate::domain::names::{KindName, QueueName};
use crate::domain::state::EndReason;
use crate::runner::{AttemptSpec, REPORTS_BOUND};
use crate::store::{Claim, ClaimRequest, Plan, Planner, StoreError};

/// A wall deadline is looked at again after at most this long, whatever the clock was set to.
const DEADLINE_RECHECK: Duration = Duration::from_secs(30);
/// How long to leave a store alone that refused a claim, or that has other jobs than the lines.
const STORE_PAUSE: Duration = Duration::from_secs(1);
/// So many claims in a row may give nothing, each because somebody canceled what was picked.
const FRUITLESS: u32 = 8;

/// The loop and what only it holds.
pub(super) struct Dispatcher {
    core: Arc<Core>,
    barriers: mpsc::Receiver<Barrier>,
    kinds: Arc<[KindName]>,
    planner: Arc<dyn Planner>,
    /// Claims in a row that gave nothing.
    fruitless: u32,
}

/// The slots that were taken for one round, by queue.
type Taken = HashMap<QueueName, Vec<Held>>;

impl Dispatcher {
    pub(super) fn new(core: Arc<Core>, barriers: mpsc::Receiver<Barrier>) -> Self {
        let kinds = core.fleet.takes();
        let planner = Arc::new(CatalogPlanner(Arc::clone(&core.catalog)));
        Self { core, barriers, kinds, planner, fruitless: 0 }
    }

    /// Claims and spawns until the server drains; answers the barriers that wait then. From there on
    /// nothing is on its way to a process, and nobody needs one.
    pub(super) async fn run(mut self) {
        while self.core.phase() == Phase::Serving {
            let Some(slot) = self.next_slot().await else { continue };
            if let Err(error) = self.round(slot).await {
                tracing::error!(%error, "could not claim; trying again in a second");
                self.wait_for_wake(Some(Instant::now() + STORE_PAUSE), false).await;
            }
        }
        self.barriers.close();
        while let Some(barrier) = self.barriers.recv().await {
            let _ = barrier.send(());
        }
    }

    /// A slot of this worker, once it has one and there is something to give it to. `None`: look
    /// again from the start.
    async fn next_slot(&mut self) -> Option<Slot> {
        let worker = Arc::clone(&self.core.worker);
        let look = self.next_look();
        let slot = tokio::select! {
            biased;
            () = until(look) => {
                // Before anything else, and also where no slot is free: who comes into line is told
                // its place.
                if !matches!(self.promote().await, Ok(false)) {
                    self.wait_for_wake(Some(Instant::now() + STORE_PAUSE), false).await;
                }
                return None;
            }
            Some(barrier) = self.barriers.recv() => {
                let _ = barrier.send(());
                return None;
            }
            slot = worker.take() => slot,
            // The phase may have changed, or when to look.
            () = self.core.board.wake.notified() => return None,
        };
        if self.pick(&Taken::new()).is_some() || self.something_is_due() {
            return Some(slot);
        }
        // The slot goes back while there is nothing to do: it is not busy.
        drop(slot);
        let at = self.next_look();
        self.wait_for_wake(at, true).await;
        None
    }

    /// Waits for a barrier, an instant, or, where `early`, for work.
    async fn wait_for_wake(&mut self, at: Option<Instant>, early: bool) {
        let wake = Arc::clone(&self.core.board.wake);
        tokio::select! {
            biased;
            Some(barrier) = self.barriers.recv() => { let _ = barrier.send(()); }
            () = wake.notified(), if early => {}
            () = until(at) => {}
        }
    }

    fn something_is_due(&self) -> bool {
        self.core.board.lines().next_due().is_some_and(|due| due <= self.core.clock.now())
    }

    fn next_look(&self) -> Option<Instant> {
        let due = self.core.board.lines().next_due()?;
        let left = (due - self.core.clock.now()).to_std().unwrap_or_default();
        Some(Instant::now() + left.min(DEADLINE_RECHECK))
    }

    /// One claim of as many jobs as there are slots for, and their spawns, in order.
    async fn round(&mut self, slot: Slot) -> Result<(), StoreError> {
        let is_stuck = self.promote().await?;
        let mut taken = Taken::new();
        let mut next = Some(slot);
        while let Some(slot) = next.take() {
            let Some(queue) = self.pick(&taken) else { break };
            let Some(queue_slot) = self.gate(&queue).and_then(|gate| gate.slots.try_take()) else {
                break;
            };
            let held = Held::new(&self.core.board, slot, Some(queue_slot), queue.clone());
            taken.entry(queue).or_default().push(held);
            next = self.core.worker.try_take();
        }
        if taken.is_empty() {
            if is_stuck {
                self.wait_for_wake(Some(Instant::now() + STORE_PAUSE), true).await;
            }
            return Ok(());
        }
        // Guesses: their jobs come before the claim, or are refused.
        let is_coming = |queue: &&QueueName| {
            self.gate(queue).is_some_and(|gate| gate.is_coming.swap(false, Ordering::AcqRel))
        };
        let guesses = taken.keys().filter(is_coming).count();
        let tenure = self.core.live.tenure();
        let wanted = taken.iter().map(|(queue, held)| (queue.clone(), count(held.len()))).collect();
        let claims = match self.core.store.claim(self.request(wanted)).await {
            // What could not be accepted either is nothing to wait for.
            Err(_) if guesses == taken.len() => return Ok(()),
            claims => claims?,
        };
        self.fruitless = match claims.len() {
            0 if guesses > 0 => self.fruitless,
            0 => self.fruitless + 1,
            _ => 0,
        };
        if self.fruitless >= FRUITLESS {
            // Lines and store disagree, which must not make the loop spin. Slots that come back wake
            // it, hence the pause is not cut short.
            drop(taken);
            self.wait_for_wake(Some(Instant::now() + STORE_PAUSE), false).await;
            return Ok(());
        }
        for claim in claims {
            let held = taken.get_mut(&claim.job.queue).and_then(Vec::pop);
            let held = held.expect("no more are claimed of a queue than slots were taken for it");
            self.spawn(claim, held, tenure).await;
        }
        Ok(())
    }

    /// Brings what came due into line, where it takes its place by its acceptance number, before
    /// anybody is picked. `true`: the store knows nothing of what the lines hold for due; that must
    /// not make the loop spin.
    async fn promote(&self) -> Result<bool, StoreError> {
        let first_due = || self.core.board.lines().next_due();
        let Some(due) = first_due().filter(|&due| due <= self.core.clock.now()) else {
            return Ok(false);
        };
        self.core.store.claim(self.request(Vec::new())).await?;
        Ok(first_due() == Some(due))
    }

    fn gate(&self, queue: &QueueName) -> Option<&Gate> {
        self.core.gates.get(queue)
    }

    fn request(&self, queues: Vec<(QueueName, u32)>) -> ClaimRequest {
        let now = self.core.clock.now();
        ClaimRequest {
            queues,
            kinds: Arc::clone(&self.kinds),
            planner: Arc::clone(&self.planner),
            worker: self.core.me.name(),
            boot_id: Arc::clone(&self.core.boot_id),
            due: self.core.board.lines().due_by(now),
            now,
        }
    }

    /// The queue that the next slot goes to: of those with a free slot and a job for it, the one
    /// that uses the least share of its slots, ties to the oldest head.
    fn pick(&self, taken: &Taken) -> Option<QueueName> {
        let fleet = &self.core.fleet;
        if fleet.is_draining() || !fleet.works() || !fleet.may_begin() {
            return None;
        }
        let lines = self.core.board.lines();
        // Who is only expected comes behind all who wait.
        let mut best: Option<(bool, f64, AcceptNo, &QueueName)> = None;
        for (name, gate) in &self.core.gates {
            if gate.paused.load(Ordering::Acquire) || !gate.slots.has_free() {
                continue;
            }
            let coming =
                || gate.is_coming.load(Ordering::Acquire).then_some((1, AcceptNo(i64::MAX)));
            let waits = lines.ready(name);
            let is_guess = waits.is_none();
            let Some((ready, head)) = waits.or_else(coming) else { continue };
            if ready <= taken.get(name).map_or(0, Vec::len) {
                continue;
            }
            let (slots, busy) = gate.slots.usage();
            let share = f64::from(busy) / f64::from(slots.max(1));
            let is_before = |(guess, s, h, _): (bool, f64, AcceptNo, _)| {
                is_guess.cmp(&guess).then(share.total_cmp(&s)).then(head.cmp(&h)).is_lt()
            };
            if best.is_none_or(is_before) {
                best = Some((is_guess, share, head, name));
            }
        }
        best.map(|(.., name)| name.clone())
    }

    /// Brings one claim of this tenure to its process, or to its end where there will be none.
    async fn spawn(&self, claim: Claim, held: Held, tenure: Tenure) {
        let core = &self.core;
        // Read before it is looked whose it is: a lease that begins in between is not this claim's (P11).
        let lease = core.fleet.lease();
        let never = if core.live.take_early(claim.fence).is_some() {
            Some("canceled before its program began")
        } else {
            let is_lost = core.live.tenure() != tenure;
            is_lost.then_some("its worker lost its lease before its program began")
        };
        if let Some(why) = never {
            let end = AttemptEnd::unrecorded(EndReason::NotStarted, why, false);
            return attempt::end_unspawned(core, &claim, end, held);
        }
        let kind = core.catalog.kinds.get(&claim.job.kind);
        let (plan, kind) = match (&claim.plan, kind) {
            (Ok(plan), Some(kind)) => (plan.clone(), Arc::clone(kind)),
            (Err(_), _) | (Ok(_), None) => {
                let why = claim.plan.as_ref().err().map_or("its kind is gone", String::as_str);
                return attempt::end_unspawned(core, &claim, no_plan(why), held);
            }
        };
        let grace = plan.policy.grace;
        let spec = AttemptSpec {
            job: claim.job.id,
            number: claim.job.attempt,
            fence: claim.fence,
            key: claim.key.clone(),
            kind,
            argv: plan.argv,
            args: Arc::new(claim.args.clone()),
            timeout: claim.job.timeout,
            policy: plan.policy,
            lease,
        };
        let (sender, reports) = mpsc::channel(REPORTS_BOUND);
        let span = attempt::span(&claim.job, claim.fence);
        match core.runner.spawn(spec, sender).instrument(span).await {
            Ok(control) => {
                core.live.enter((claim.job.id, claim.fence), grace, control, tenure);
                attempt::follow(core, &claim.job, claim.fence, reports, held);
            }
            Err(end) => attempt::end_unspawned(core, &claim, end, held),
        }
    }
}

impl Core {
    /// The gate of a job that is about to be accepted, where a slot is free for it and nobody waits.
    pub(super) fn open_gate(&self, job: &NewJob) -> Option<&Gate> {
        let gate = self.gates.get(&job.queue)?;
        let is_free = !gate.is_paused() && gate.slots.has_free() && self.worker.has_free();
        let is_next = || self.board.lines().ready(&job.queue).is_none();
        let is_taken = || self.fleet.takes().contains(&job.kind);
        (is_free && job.not_before.is_none() && is_taken() && is_next()).then_some(gate)
    }

    /// A job was sent to be accepted: the claim is sent behind it at once, so that one commit accepts and claims it.
    pub(super) fn expect(&self, gate: &Gate) {
        gate.is_coming.store(true, Ordering::Release);
        self.board.wake.notify_one();
    }
}

/// Until an instant; for ever where there is none.
async fn until(at: Option<Instant>) {
    match at {
        // A sleep would wait for its timer's next tick.
        Some(at) if at <= Instant::now() => {}
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

fn no_plan(why: &str) -> AttemptEnd {
    AttemptEnd::unrecorded(
        EndReason::SpawnFailed,
        format!("no command line could be made from its arguments: {why}"),
        false,
    )
}

fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// Makes command lines from what is declared.
struct CatalogPlanner(Arc<Catalog>);

impl Planner for CatalogPlanner {
    fn plan(&self, kind: &KindName, args: &Value) -> Result<Plan, String> {
        let kind = self.0.kinds.get(kind).ok_or("its kind is not declared")?;
        let args = args.as_object().ok_or("its arguments are no object")?;
        let argv = kind.argv(args).map_err(|error| error.message)?;
        Ok(Plan { argv, policy: kind.policy.clone() })
    }

    fn attempt_key(&self) -> AttemptKey {
        AttemptKey::new(rand::random())
    }
}
