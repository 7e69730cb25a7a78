//! What a mutation answers.

use async_graphql::SimpleObject;

use super::job::Job;
use super::queue::Queue;
use super::worker::Worker;
use crate::store::Accepted;

/// A job that was started.
#[derive(SimpleObject)]
pub(crate) struct StartJobPayload {
    /// The job.
    job: Job,
    /// false: an existing job was returned.
    created: bool,
}

impl From<Accepted> for StartJobPayload {
    fn from(accepted: Accepted) -> Self {
        Self { job: Job::new(accepted.job), created: accepted.created }
    }
}

/// A job after an action.
#[derive(SimpleObject)]
pub(crate) struct JobPayload {
    /// The job.
    pub(crate) job: Job,
    /// false: it was already as asked.
    pub(crate) changed: bool,
}

/// A queue after an action.
#[derive(SimpleObject)]
pub(crate) struct QueuePayload {
    /// The queue.
    pub(crate) queue: Queue,
    /// false: it was already as asked.
    pub(crate) changed: bool,
}

/// A worker after an action.
#[derive(SimpleObject)]
pub(crate) struct WorkerPayload {
    /// The worker.
    pub(crate) worker: Worker,
    /// false: it was already as asked.
    pub(crate) changed: bool,
}
