//! Jobs that this server could not start: how long each keeps its slots before it is given back.
//!
//! What kept one from running may last, and a job that is given back is claimed again at once: a
//! broken machine would write attempts as fast as its disk takes them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::core::Core;
use crate::domain::id::JobId;
use crate::domain::retry::unstarted_pause;
use crate::domain::state::JobState;
use crate::events::Heard;

/// So many jobs are remembered: more than hold slots. One that was forgotten pauses less.
const MOST: usize = 4096;

/// The pause before a row that could not be read is read again.
const READ_AGAIN: Duration = Duration::from_secs(1);

/// How often in a row each job could not be started. In memory: whoever starts the server again may
/// have mended what was broken.
#[derive(Debug, Default)]
pub(super) struct Unstarted(Mutex<HashMap<JobId, u32>>);

impl Unstarted {
    /// Counts one more; returns how many there are now.
    fn again(&self, job: JobId) -> u32 {
        let mut table = self.lock();
        if table.len() >= MOST && !table.contains_key(&job) {
            table.clear();
        }
        let times = table.entry(job).or_default();
        *times = times.saturating_add(1);
        *times
    }

    /// It ran, or ends.
    pub(super) fn forget(&self, job: JobId) {
        self.lock().remove(&job);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<JobId, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Core {
    /// The pause of a job that could not be started. A cancel ends it (P10), and so does the end of
    /// claims: nothing is claimed again then.
    pub(super) async fn rest(&self, job: JobId) {
        let pause = unstarted_pause(self.unstarted.again(job), rand::random());
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = self.canceled(job) => self.unstarted.forget(job),
            () = self.stopping.cancelled() => {}
        }
    }

    /// Until somebody wants the job to stop, or it is no more.
    async fn canceled(&self, job: JobId) {
        let mut watch = self.board.bus.watch(job);
        loop {
            match self.store.job(job).await {
                Ok(Some(row)) if row.state != JobState::Canceling => {}
                Ok(_) => return,
                // That is no cancel.
                Err(_) => {
                    tokio::time::sleep(READ_AGAIN).await;
                    continue;
                }
            }
            if matches!(watch.next().await, Heard::Closed) {
                return;
            }
        }
    }
}
