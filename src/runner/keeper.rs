//! Keeps a shim to what it was told: wakes it for it, and kills one that does not do it.
//!
//! # Concurrency
//!
//! Belongs to the task that waits for the shim's end, and acts only while that has not been seen:
//! the shim's number is its own until then.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::guard::{Action, Guard};
use super::launch::Told;
use super::orphans::Handle;

/// The watch over a shim, and what is done to it.
#[derive(Debug)]
pub(super) struct Keeper {
    shim: Handle,
    told: watch::Receiver<Told>,
    guard: Guard,
    has_killed: bool,
}

impl Keeper {
    /// Over a shim that was just started.
    pub(super) fn new(
        shim: Handle,
        told: watch::Receiver<Told>,
        timeout: Option<Duration>,
        grace: Duration,
    ) -> Self {
        let guard = Guard::new(timeout, grace, Instant::now());
        Self { shim, told, guard, has_killed: false }
    }

    /// It was killed because it did not do what it was told.
    pub(super) fn has_killed(&self) -> bool {
        self.has_killed
    }

    /// Waits until something is to be done, and does it. May be dropped at any time.
    pub(super) async fn keep(&mut self) {
        let due = self.guard.next();
        let until_due = async {
            match due {
                Some(due) => sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        let action = tokio::select! {
            Ok(()) = self.told.changed() => {
                let told = *self.told.borrow_and_update();
                self.guard.ordered(told.now, Instant::now())
            }
            () = until_due => self.guard.due(Instant::now(), || self.shim.is_stopped()),
        };
        match action {
            Action::Nothing => {}
            Action::Wake => self.shim.wake(),
            Action::Kill => {
                tracing::warn!("a supervisor does not do what it was told, and is killed");
                self.has_killed = true;
                self.shim.kill();
            }
        }
    }
}
