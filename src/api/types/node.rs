//! Whatever can be asked for by its id alone.

use async_graphql::{ID, Interface};

use super::job::Job;
use super::kind::JobKind;
use super::queue::Queue;
use super::worker::Worker;

/// A thing with an id that is unique over all types: a job's UUID, `kind:NAME`, `queue:NAME`, `worker:UUID`.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "The id, never used again for another thing."))]
pub(crate) enum Node {
    Job(Job),
    JobKind(JobKind),
    Queue(Queue),
    Worker(Worker),
}
