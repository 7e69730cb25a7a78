//! The way out: what runs gets its time, then is killed, and nothing holds the process up for ever.
//!
//! # Invariants
//!
//! - The budget is the whole time that commands have, whatever their graces.
//! - A signal always shortens what is waited for: the second kills what runs, the third ends the
//!   server although an attempt is not settled. That one costs nothing where the store could record
//!   its interruption: its supervisor stops its tree when the server is gone, and the next start
//!   reads how it ended. Where the store refused, it counts as lost.

use std::pin::pin;
use std::time::Duration;

use tokio::time::{sleep, timeout};
use tokio_util::task::TaskTracker;

use super::signals::{Signals, Stop};
use crate::runner::ProcessRunner;
use crate::scheduler::Scheduler;

/// How long killed attempts may take to be gone and recorded, before the server ends without.
const LEAVING_TIME: Duration = Duration::from_secs(5);

/// How long connections have to end by themselves once the listener is closed.
const CLOSING_TIME: Duration = Duration::from_secs(2);

/// Brings what runs to its end. Returns early where that does not come; see the module.
pub(super) async fn stop_what_runs(
    scheduler: &Scheduler,
    budget: Duration,
    first: Stop,
    signals: &mut Signals,
) {
    tracing::info!(?budget, "stopping: nothing more starts, and what runs may end");
    let mut stopping = pin!(scheduler.stop(budget));
    if first == Stop::Drain {
        tokio::select! {
            () = &mut stopping => return,
            _ = signals.next() => {}
            () = sleep(budget) => {}
        }
    }
    tracing::info!("stopping now: what still runs is killed");
    let killed = async {
        scheduler.stop_now().await;
        stopping.await;
    };
    tokio::select! {
        () = killed => {}
        _ = signals.next() => unsettled("a further signal came"),
        () = sleep(LEAVING_TIME) => unsettled("they do not end, or their ends cannot be recorded"),
    }
}

fn unsettled(why: &str) {
    tracing::warn!(why, "ending without what still runs: the next start settles it");
}

/// Lets every client of a socket hear that the server stops, for a bounded time.
pub(super) async fn farewell(sockets: &TaskTracker) {
    let _ = timeout(CLOSING_TIME, sockets.wait()).await;
}

/// Lets connections and the last threads of the runner end, each for a bounded time; cut short by a
/// signal.
pub(super) async fn close(
    serving: impl Future<Output = ()>,
    sockets: &TaskTracker,
    runner: &ProcessRunner,
    signals: &mut Signals,
) {
    let closed = async {
        // A connection that stays open longer is cut when the runtime ends.
        let _ = timeout(CLOSING_TIME, serving).await;
        farewell(sockets).await;
        let _ = timeout(LEAVING_TIME, runner.drained()).await;
    };
    tokio::select! {
        () = closed => {}
        _ = signals.next() => {}
    }
}
