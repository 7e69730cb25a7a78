//! What a caller may order of what waits or runs. The store records it first; then the memory and the
//! processes follow.
//!
//! # Concurrency
//!
//! A caller may go away at any moment: a client that hangs up, a request that takes too long. Its
//! future is dropped then, and the store has committed all the same. So an order is carried out in a
//! task of its own, from the commit to the last who must hear of it.

use std::panic::resume_unwind;
use std::sync::Arc;

use super::core::Core;
use crate::domain::attempt::CancelMode;
use crate::domain::id::JobId;
use crate::domain::names::{CallerName, QueueName};
use crate::domain::state::JobState;
use crate::store::{self, CancelAnswer, QueueRow};

impl Core {
    /// Does all of `work`, also where the caller goes away meanwhile.
    pub(super) async fn whole<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> T {
        match self.tasks.spawn(work).await.map_err(tokio::task::JoinError::try_into_panic) {
            Ok(done) => done,
            Err(Ok(panic)) => resume_unwind(panic),
            // The runtime ends, and the caller with it.
            Err(Err(_)) => std::future::pending().await,
        }
    }

    /// See [`super::Handle::cancel_job`].
    pub(super) async fn cancel_job(
        &self,
        id: JobId,
        mode: CancelMode,
        note: Option<String>,
        by: Option<CallerName>,
    ) -> Result<CancelAnswer, store::CancelError> {
        let cancel = store::Cancel { job: id, mode, note, by, at: self.clock.now() };
        let answer = self.store.cancel(cancel).await?;
        if answer.job.state == JobState::Canceling
            && let Some(fence) = answer.job.open
            && (answer.changed || mode == CancelMode::Force)
            && !self.live.cancel(id, fence, mode)
        {
            // The claim is between its commit and its spawn: wait until the dispatcher has seen
            // the cancel, or the order has reached the process.
            self.barrier().await;
            // Had it ended meanwhile, nobody will ask for the order any more.
            self.live.take_early(fence);
        }
        Ok(answer)
    }

    /// Changes a queue in the store and then in force.
    pub(super) async fn change_queue(
        self: Arc<Self>,
        name: QueueName,
        change: store::QueueChange,
    ) -> Result<(QueueRow, bool), store::QueueError> {
        let Some(gate) = self.gates.get(&name) else {
            return Err(store::QueueError::NotFound(name));
        };
        // One change of a queue at a time: what is in force is what was committed last.
        let _turn = gate.turn.lock().await;
        let (row, changed) = self.store.change_queue(name.clone(), change).await?;
        self.put_in_force(gate, &row).await;
        self.barrier().await;
        Ok((row, changed))
    }
}
