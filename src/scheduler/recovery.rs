//! What a server does before its first claim: every attempt that an earlier one left open is
//! found, and either its end is recorded or its slot is held until nothing of it is left.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;

use futures::{StreamExt, stream};
use tokio::sync::mpsc;

use super::attempt::{self, Held};
use super::core::Core;
use crate::domain::attempt::{Attempt, AttemptEnd};
use crate::domain::job::Job;
use crate::domain::state::EndReason;
use crate::runner::{REPORTS_BOUND, Recovered};
use crate::store::{Finish, Guarded, StoreError};

/// So many attempts are looked at together: each may take a few seconds, and nobody listens yet.
const AT_ONCE: usize = 16;

/// How many attempts of each outcome recovery found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Ended while nobody looked, by the reason recorded.
    pub settled: HashMap<EndReason, u32>,
    /// Still there; they hold their slots.
    pub alive: u32,
}

/// Finds every open attempt. Claims may begin once this returns (P3, P11).
pub(super) async fn recover(core: &Arc<Core>) -> Result<Found, StoreError> {
    let mut found = Found::default();
    let looks = stream::iter(core.store.open_attempts().await?).map(|(job, open)| async move {
        let (sender, reports) = mpsc::channel(REPORTS_BOUND);
        let recovered = core.runner.recover(open.clone(), sender).await;
        (job, open, reports, recovered)
    });
    let mut looks = pin!(looks.buffered(AT_ONCE));
    while let Some((job, open, reports, recovered)) = looks.next().await {
        let grace = open.policy.grace;
        match recovered {
            Recovered::Settled(end) => {
                *found.settled.entry(end.reason).or_default() += 1;
                settle(core, &job, &open, end).await?;
            }
            Recovered::Alive(control) => {
                found.alive += 1;
                let of_queue = core.gates.get(&job.queue).map(|gate| gate.slots.take_owed());
                let worker = core.worker.take_owed();
                let held = Held::new(&core.board, worker, of_queue, job.queue.clone());
                core.live.enter(job.id, open.fence, grace, control);
                attempt::follow(core, job.id, open.fence, reports, held);
            }
        }
    }
    Ok(found)
}

async fn settle(core: &Core, job: &Job, open: &Attempt, end: AttemptEnd) -> Result<(), StoreError> {
    let reason = end.reason;
    let finish = Finish {
        job: job.id,
        fence: open.fence,
        end,
        at: core.clock.now(),
        chance: rand::random(),
    };
    match core.store.finish(finish).await? {
        Guarded::Done(after) => {
            tracing::info!(
                job.id = %job.id,
                attempt = open.number,
                ?reason,
                state = ?after.state,
                "found an attempt that an earlier server left open"
            );
        }
        Guarded::Stale => {
            tracing::warn!(job.id = %job.id, attempt = open.number, "its end was refused as stale");
        }
    }
    Ok(())
}
