//! What a server does before its first claim: every attempt that an earlier one left open is
//! found, and either its end is recorded or its slot is held until nothing of it is left.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;

use futures::{StreamExt, stream};
use tokio::sync::mpsc;
use tracing::Instrument;

use super::attempt::{self, Held};
use super::core::Core;
use super::upload::Uploader;
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

/// Finds every open attempt that earlier starts left in this data folder. Claims may begin once this returns (P3, P11).
pub(super) async fn recover(
    core: &Arc<Core>,
    left: Vec<(Arc<Job>, Attempt)>,
) -> Result<Found, StoreError> {
    let mut found = Found::default();
    if let Some(fleet) = core.store.fleet()
        && !left.is_empty()
    {
        // Who else lives wants to see the rest of what was printed.
        core.meet(fleet).await?;
    }
    let looks = stream::iter(left).map(|(job, open)| async move {
        let (sender, reports) = mpsc::channel(REPORTS_BOUND);
        let span = attempt::span(&job, open.fence);
        let recovered = core.runner.recover(open.clone(), sender).instrument(span).await;
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
                core.board.foresight().load_running(&job, open.fence, core.clock.now());
                let held = owed(core, &job);
                core.live.enter((job.id, open.fence), grace, control, core.live.tenure());
                attempt::follow(core, &job, open.fence, reports, held);
            }
        }
    }
    Ok(found)
}

/// The slots of an attempt that is still open, whether or not there are as many.
fn owed(core: &Core, job: &Job) -> Held {
    let of_queue = core.gates.get(&job.queue).map(|gate| gate.slots.take_owed());
    Held::new(&core.board, core.worker.take_owed(), of_queue, job.queue.clone())
}

/// Records an end that nobody recorded. What stands in the way of one must not keep the server from
/// the others: where the store refuses for now, it is recorded later, and keeps its slots until then.
async fn settle(
    core: &Arc<Core>,
    job: &Job,
    open: &Attempt,
    end: AttemptEnd,
) -> Result<(), StoreError> {
    let reason = end.reason;
    if let Some(mut uploader) = Uploader::begin(core, job.id, open.number, open.fence) {
        uploader.finish().await;
    }
    let finish = Finish {
        job: job.id,
        fence: open.fence,
        end: end.clone(),
        at: core.clock.now(),
        chance: rand::random(),
    };
    match core.store.finish(finish).await {
        Ok(Guarded::Done(after)) => {
            tracing::info!(
                job.id = %job.id,
                attempt = open.number,
                ?reason,
                state = ?after.state,
                "found an attempt that an earlier server left open"
            );
        }
        Ok(Guarded::Stale) => {
            core.board.meter.stale.add(1);
            tracing::warn!(job.id = %job.id, attempt = open.number, "its end was refused as stale");
        }
        Err(StoreError::Unavailable(why)) => {
            tracing::warn!(job.id = %job.id, why, "the end of an attempt is not recorded yet");
            attempt::end_left(core, job, open.fence, end, owed(core, job));
        }
        Err(error @ StoreError::Internal { .. }) => {
            tracing::error!(job.id = %job.id, %error, ?end, "the end of an attempt cannot be recorded");
        }
        Err(error @ StoreError::OutcomeUnknown(_)) => return Err(error),
    }
    Ok(())
}
