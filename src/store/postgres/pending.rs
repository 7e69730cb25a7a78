//! Writes that wait for their transaction, and the answers that they are given.

use async_trait::async_trait;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::failure::Failure;
use super::write::{Operation, Reach, Tx};
use crate::store::StoreError;

/// A write that waits, whatever it is.
#[async_trait(?Send)]
pub(super) trait Pending: Send {
    /// What it needs to know before it is done.
    fn reach(&self) -> Reach<'_>;
    /// Does it in the open transaction and keeps the answer.
    async fn apply(&mut self, tx: &mut Tx<'_>) -> Result<(), Failure>;
    /// Gives its caller the kept answer.
    fn answer(self: Box<Self>);
    /// Tells its caller that the store is in the way.
    fn fail(self: Box<Self>, error: StoreError);
}

/// A write and its caller.
pub(super) struct Waiting<O: Operation> {
    operation: O,
    kept: Option<Result<O::Answer, O::Refusal>>,
    reply: oneshot::Sender<Result<O::Answer, O::Refusal>>,
    _room: OwnedSemaphorePermit,
}

impl<O: Operation> Waiting<O> {
    /// A write that holds its `room` until it is answered.
    pub(super) fn new(
        operation: O,
        reply: oneshot::Sender<Result<O::Answer, O::Refusal>>,
        room: OwnedSemaphorePermit,
    ) -> Self {
        Self { operation, kept: None, reply, _room: room }
    }
}

#[async_trait(?Send)]
impl<O: Operation> Pending for Waiting<O> {
    fn reach(&self) -> Reach<'_> {
        self.operation.reach()
    }

    async fn apply(&mut self, tx: &mut Tx<'_>) -> Result<(), Failure> {
        self.kept = Some(self.operation.apply(tx).await?);
        Ok(())
    }

    fn answer(self: Box<Self>) {
        if let Some(kept) = self.kept {
            // A caller that went away is told by the events.
            drop(self.reply.send(kept));
        }
    }

    fn fail(self: Box<Self>, error: StoreError) {
        drop(self.reply.send(Err(error.into())));
    }
}
