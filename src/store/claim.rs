//! Claims: jobs that are given a slot, and what they are to run.

use std::sync::Arc;

use serde_json::Value;

use crate::domain::attempt::Policy;
use crate::domain::clock::Timestamp;
use crate::domain::id::{AcceptNo, AttemptKey, Fence};
use crate::domain::job::Job;
use crate::domain::names::{KindName, QueueName};
use crate::domain::worker::WorkerName;

/// What makes a claim's command line, inside the transaction that claims.
pub trait Planner: Send + Sync {
    /// The command line and the policy of an attempt of `kind` with `args`, or why none can be
    /// made from the configuration now in force.
    fn plan(&self, kind: &KindName, args: &Value) -> Result<Plan, String>;

    /// A fresh key for an attempt.
    fn attempt_key(&self) -> AttemptKey;
}

/// What an attempt is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The command line.
    pub argv: Vec<String>,
    /// What its end will mean.
    pub policy: Policy,
}

/// A request for jobs to run.
#[derive(Clone)]
pub struct ClaimRequest {
    /// The queues to claim from, in this order, and how many of each at most. One that is paused
    /// in the store, or was never declared, gives nothing.
    pub queues: Vec<(QueueName, u32)>,
    /// The kinds that this worker takes: it has the labels that they ask for. Jobs of others are passed
    /// over.
    pub kinds: Arc<[KindName]>,
    /// Makes the command lines.
    pub planner: Arc<dyn Planner>,
    /// Who claims.
    pub worker: WorkerName,
    /// The boot of this machine.
    pub boot_id: Arc<str>,
    /// Jobs that this worker holds for delayed, and that are due: those that another worker brought into
    /// line are told as promoted, too.
    pub due: Vec<AcceptNo>,
    /// Now: what was delayed until then comes into line first, in all queues. The instant of a
    /// claim is this or the queue's previous one, whichever is later.
    pub now: Timestamp,
}

/// A job that was given a slot.
#[derive(Clone)]
pub struct Claim {
    /// The job as of the claim.
    pub job: Arc<Job>,
    /// Its arguments.
    pub args: Value,
    /// Marks the attempt's processes.
    pub key: AttemptKey,
    /// Tells this claim from every other.
    pub fence: Fence,
    /// What to run, or why nothing can be (its `argv` is stored empty then).
    pub plan: Result<Plan, String>,
}
