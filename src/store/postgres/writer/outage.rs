//! What the thread does while the database is away: for a moment it lets writes wait, and then it refuses
//! them, until the database is back.

use std::pin::Pin;
use std::time::Duration;

use tokio::time::Instant;

use super::Desk;
use crate::store::postgres::away::{self, Back, Doubt, Lost, Mark};
use crate::store::postgres::failure::Failure;
use crate::store::postgres::held::Held;
use crate::store::postgres::pending::Pending;
use crate::store::{StoreError, health};

/// For so long after a connection was lost its writes wait for another one, and nobody is told.
const QUIET: Duration = Duration::from_secs(1);

/// A database that is away, and what waits for it.
pub(super) struct Away {
    /// Ends when it is back.
    pub(super) coming: Pin<Box<dyn Future<Output = Result<Back, Failure>>>>,
    pub(super) why: String,
    pub(super) doubt: Option<Doubt>,
    /// What came since, for as long as nobody was told that it is away.
    pub(super) put_off: Vec<Box<dyn Pending>>,
    pub(super) tell_at: Instant,
    pub(super) is_told: bool,
}

impl Desk {
    /// Lets go of the session, and has it made again.
    pub(super) fn go_away(&mut self, failure: &Failure, doubt: Option<Doubt>) {
        let Some(Held { session, .. }) = self.held.take() else { return };
        tracing::warn!(error = %failure, "the connection to the database is lost");
        let mark = doubt.as_ref().and_then(|doubt| Mark::of(&doubt.commit));
        let (backend, last_own) = (session.backend().clone(), self.last_own);
        // What others wrote and was told here is as certain.
        let last_event = self.last_event.max(self.base.follow.last_read());
        let lost = Lost { backend, last_event, last_own, mark };
        // Whoever did not hear from it for long need not wait for more.
        let quiet = if session.is_deaf() { Duration::ZERO } else { QUIET };
        session.cut();
        self.away = Some(Away {
            coming: Box::pin(away::until_back(self.base.clone(), lost)),
            why: failure.to_string(),
            doubt,
            put_off: Vec::new(),
            tell_at: Instant::now() + quiet,
            is_told: false,
        });
    }

    /// Refuses writes from now on.
    pub(super) fn tell_away(&mut self) {
        let Some(away) = &mut self.away else { return };
        away.is_told = true;
        health::refuse(&self.health, &away.why, "the database takes them again");
        let (put_off, why) = (std::mem::take(&mut away.put_off), away.why.clone());
        self.fail_all(put_off, || StoreError::Unavailable(why.clone()));
    }

    /// Goes on, with what was put off, and answers what was in doubt.
    pub(super) fn come_back(&mut self, back: Result<Back, Failure>) -> Vec<Box<dyn Pending>> {
        let Some(Away { doubt, put_off, .. }) = self.away.take() else { return Vec::new() };
        let Back { held, committed } = match back {
            Ok(back) => back,
            Err(failure) => {
                self.become_broken(&failure);
                let doubtful = doubt.map(|doubt| doubt.batch).unwrap_or_default();
                self.fail_all(doubtful, || StoreError::OutcomeUnknown(failure.to_string()));
                self.fail_all(put_off, || StoreError::Unavailable(failure.to_string()));
                return Vec::new();
            }
        };
        self.held = Some(held);
        health::serve(&self.health);
        tracing::info!("the connection to the database is made again");
        if let Some(Doubt { batch, commit, last_event }) = doubt {
            let lost = || "the connection was lost at its commit".to_owned();
            match committed {
                Some(true) => {
                    // The tally was counted after it; what others did since is told after it.
                    self.base.follow.took(last_event);
                    self.tell(last_event, &commit);
                    self.base.committed.send_replace(last_event);
                    batch.into_iter().for_each(Pending::answer);
                }
                Some(false) => self.fail_all(batch, || StoreError::Unavailable(lost())),
                // It told nobody anything: what is in memory is right either way.
                None => self.fail_all(batch, || StoreError::OutcomeUnknown(lost())),
            }
        }
        put_off
    }
}
