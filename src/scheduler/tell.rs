//! Tells the other servers what an attempt says of its progress.
//!
//! The latest that it said is told, so often ([`EVERY`]) and no more, while others live beside this server. One
//! task for each attempt that says anything, which nobody waits for.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::sleep;
use tracing::Instrument;

use super::core::Core;
use crate::domain::id::{Fence, JobId};
use crate::domain::job::Progress;
use crate::store::Guarded;
use crate::store::fleet::Said;

/// From one word to the next.
const EVERY: Duration = Duration::from_millis(250);

/// What tells of one attempt. It ends with this.
pub(super) struct Teller {
    said: watch::Sender<Option<Arc<Progress>>>,
    task: AbortHandle,
}

impl Teller {
    /// Begins; `None` where nobody shares the store.
    pub(super) fn begin(core: &Arc<Core>, job: JobId, fence: Fence) -> Option<Self> {
        core.store.fleet()?;
        let (said, heard) = watch::channel(None);
        let work = run(Arc::clone(core), job, fence, heard).in_current_span();
        Some(Self { said, task: core.tasks.spawn(work).abort_handle() })
    }

    /// The attempt said something.
    pub(super) fn tell(&self, progress: Arc<Progress>) {
        self.said.send_replace(Some(progress));
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(
    core: Arc<Core>,
    job: JobId,
    fence: Fence,
    mut heard: watch::Receiver<Option<Arc<Progress>>>,
) {
    while heard.changed().await.is_ok() {
        core.fleet.company().await;
        let said = heard.borrow_and_update().clone();
        let (Some(said), Some(fleet)) = (said, core.store.fleet()) else { continue };
        let progress = Progress::clone(&said);
        match fleet.say(Said { job, fence, progress }).await {
            Ok(Guarded::Done(())) => {}
            Ok(Guarded::Stale) => {
                core.board.meter.stale.add(1);
                tracing::warn!("the progress of an old claim was refused");
                return;
            }
            // What it says next is told anew.
            Err(error) => tracing::debug!(%error, "progress was not told to the other servers"),
        }
        sleep(EVERY).await;
    }
}
