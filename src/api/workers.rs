//! What may be ordered of workers.

use async_graphql::{Context, ID};

use crate::api::context::Parts;
use crate::api::error::{ApiError, Result};
use crate::api::refusal;
use crate::api::types::payload::WorkerPayload;
use crate::api::types::worker::Worker;
use crate::domain::id::WorkerId;
use crate::scheduler::DrainError;

/// `worker:` and a UUID.
fn worker_id(id: &ID) -> Result<WorkerId> {
    let read = id.strip_prefix("worker:").and_then(|id| id.parse().ok());
    read.ok_or_else(|| {
        let message =
            format!("`{}` is no id of a worker: expected `worker:` and a UUID", id.as_str());
        ApiError::invalid_input("id", message)
    })
}

/// Has a worker take nothing more, or go on.
pub(super) async fn drain(ctx: &Context<'_>, id: &ID, drain: bool) -> Result<WorkerPayload> {
    let worker = worker_id(id)?;
    let handle = ctx.access().handle();
    let unknown = || ApiError::not_found("live worker has the id", id.as_str());
    let changed = handle.drain_worker(worker, drain).await.map_err(|error| match error {
        DrainError::NotFound(_) => unknown(),
        DrainError::Store(error) => refusal::store(error),
    })?;
    let row = handle.worker(worker).await.map_err(refusal::store)?.ok_or_else(unknown)?;
    Ok(WorkerPayload { worker: Worker(row), changed })
}
