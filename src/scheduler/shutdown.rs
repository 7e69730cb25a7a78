//! How the scheduler stops: claims end at once, what runs gets the time that is left, and what
//! still runs then is committed as interrupted before it is told to stop, so that it costs no
//! attempt and no loss whatever happens to us meanwhile.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::core::{Core, Phase};

impl Core {
    /// Ends claims. Starts are still accepted.
    pub(super) async fn drain(&self) {
        self.enter_phase(Phase::Draining);
        self.barrier().await;
        if let Some(fleet) = self.store.fleet()
            && let Err(error) = fleet.drain(self.me.id, true).await
        {
            tracing::debug!(%error, "other workers are not told that this one stops");
        }
    }

    /// Waits until nothing runs; each attempt is told to stop when `budget`, from `start` on, less
    /// its kind's grace is over.
    pub(super) async fn stop_by(self: &Arc<Self>, start: Instant, budget: Duration) {
        self.tasks.close();
        loop {
            let mut next = None;
            let mut due = Vec::new();
            for (job, fence, grace) in self.live.unstopped() {
                let at = start + budget.saturating_sub(grace);
                if at <= Instant::now() {
                    due.push((job, fence));
                } else {
                    next = Some(next.map_or(at, |next: Instant| next.min(at)));
                }
            }
            if !due.is_empty() {
                self.interrupt(due).await;
                continue;
            }
            let until = async {
                match next {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.tasks.wait() => return,
                () = until => {}
            }
        }
    }

    /// Records that these attempts are stopped by us, then stops them.
    async fn interrupt(&self, attempts: Vec<(crate::domain::id::JobId, crate::domain::id::Fence)>) {
        if let Err(error) = self.store.interrupt(attempts.clone()).await {
            // They are stopped all the same; should we be killed before their ends are recorded,
            // they count as lost.
            tracing::error!(%error, "could not record that attempts are interrupted");
        }
        for (job, fence) in attempts {
            self.live.shut_down(job, fence);
        }
    }

    /// The second signal: what runs is killed now.
    pub(super) async fn stop_now(&self) {
        let attempts = self.live.unstopped();
        if !attempts.is_empty() {
            let attempts = attempts.into_iter().map(|(job, fence, _)| (job, fence)).collect();
            if let Err(error) = self.store.interrupt(attempts).await {
                tracing::error!(%error, "could not record that attempts are interrupted");
            }
        }
        self.live.shut_down_now();
    }
}
