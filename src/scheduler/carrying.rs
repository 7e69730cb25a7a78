//! Looks after the object store: brings there what is missing of jobs that ended, and removes what belongs to
//! no job.
//!
//! # Invariants
//!
//! - What is to be done stands in the store, or is found by looking: a crash at any moment costs nothing but
//!   time, and no object stays for ever. What was written by who never came to say so is found by a list, a
//!   [part](SHARDS) at a time.
//! - Only objects of jobs that are not known are removed: a job is stored before any object of it is written,
//!   and no id comes twice.
//! - An object store that is away is asked less and less often, and nobody else waits for it. Nor does what
//!   can be done wait for what cannot: a log that cannot be read, or objects that may not be removed.
//!
//! # Concurrency
//!
//! One task on each server that has an object store. Two that do the same do it twice.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep};

use super::core::Core;
use super::upload::{Carrier, Tried};
use crate::domain::id::{AcceptNo, JobId};
use crate::objects::{ObjectError, Objects, SHARDS};
use crate::store::StoreError;
use crate::store::fleet::Fleet;

/// What is to be done is looked for so often, though nobody says that there is something.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// How long to wait where something is in the way; it doubles.
const AGAIN: Duration = Duration::from_secs(2);
/// The longest such pause.
const AGAIN_AT_LAST: Duration = Duration::from_secs(300);
/// From one part of the list to the next, the first time.
const LIST_FIRST: Duration = Duration::from_secs(1);
/// The same from then on: all of it within a day.
const LIST_EVERY: Duration = Duration::from_secs(90 * 60);
/// So many jobs are asked for together.
const PAGE: u32 = 64;
/// So many attempts that ended are carried at once.
const LATE: usize = 4;
/// An object store that is away is told of in the log so often.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// What all that carry to the object store share.
pub(super) struct Carrying {
    pub(super) objects: Arc<Objects>,
    /// There is something to do.
    pub(super) work: Notify,
    late: Semaphore,
    told: Mutex<Option<Instant>>,
}

impl Carrying {
    pub(super) fn new(objects: Arc<Objects>) -> Self {
        Self { objects, work: Notify::new(), late: Semaphore::new(LATE), told: Mutex::default() }
    }

    /// Waits until it may carry what is late.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.late.acquire().await.ok()
    }

    /// Says in the log that something did not work, not too often.
    pub(super) fn tell(&self, error: &ObjectError) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
            *told = Some(Instant::now());
            tracing::warn!(%error, "long logs are with their workers only, for now");
        }
    }
}

/// Why a round came to no end.
#[derive(Debug, thiserror::Error)]
enum Hindrance {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Objects(#[from] ObjectError),
    #[error("the log of job {0} cannot be read")]
    Unread(JobId),
    #[error("a log is not carried yet")]
    Away,
}

/// The task.
pub(super) struct Porter {
    core: Arc<Core>,
    carrying: Arc<Carrying>,
    /// The part of the list that is next, and when.
    list: (usize, Instant),
}

impl Porter {
    pub(super) fn new(core: Arc<Core>, carrying: Arc<Carrying>) -> Self {
        Self { core, carrying, list: (0, Instant::now() + LIST_FIRST) }
    }

    /// Works until the server drains.
    pub(super) async fn run(mut self) {
        let stopping = self.core.stopping.clone();
        stopping.run_until_cancelled(self.work()).await;
    }

    async fn work(&mut self) {
        let mut again = None;
        loop {
            if let Some(pause) = again {
                sleep(pause).await;
            } else {
                let listing = self.list.1.saturating_duration_since(Instant::now());
                tokio::select! {
                    () = self.carrying.work.notified() => {}
                    () = sleep(LOOK_EVERY.min(listing)) => {}
                }
            }
            again = match self.round().await {
                Ok(()) => None,
                Err(hindrance) => {
                    match &hindrance {
                        Hindrance::Objects(error) => self.carrying.tell(error),
                        other @ (Hindrance::Store(_) | Hindrance::Unread(_) | Hindrance::Away) => {
                            tracing::debug!(error = %other, "the object store has to wait");
                        }
                    }
                    Some(again.map_or(AGAIN, |pause| (pause * 2).min(AGAIN_AT_LAST)))
                }
            };
        }
    }

    /// Does what there is to do; the first thing that was in the way.
    async fn round(&mut self) -> Result<(), Hindrance> {
        let core = Arc::clone(&self.core);
        let Some(fleet) = core.store.fleet() else { return Ok(()) };
        let removed = self.remove(fleet).await;
        let carried = self.carry(fleet).await;
        let is_due = self.list.1 <= Instant::now();
        let listed = if is_due { self.list(fleet).await } else { Ok(()) };
        removed.and(carried).and(listed)
    }

    /// Removes what is left of jobs that are gone.
    async fn remove(&self, fleet: &dyn Fleet) -> Result<(), Hindrance> {
        loop {
            let doomed = fleet.doomed_objects(PAGE).await?;
            if doomed.is_empty() {
                return Ok(());
            }
            for &job in &doomed {
                self.carrying.objects.remove_job(job).await?;
            }
            fleet.objects_gone(doomed).await?;
        }
    }

    /// Brings there what jobs that ended have left in this data folder.
    async fn carry(&self, fleet: &dyn Fleet) -> Result<(), Hindrance> {
        let (mut after, mut found) = (AcceptNo(0), Ok(()));
        loop {
            let rests = fleet.rests(after, PAGE).await?;
            let Some(&(last, _)) = rests.last() else { return found };
            after = last;
            for (_, job) in rests {
                match self.carry_job(fleet, job).await {
                    Ok(()) => fleet.is_carried(job).await?,
                    Err(unread @ Hindrance::Unread(_)) => found = found.and(Err(unread)),
                    Err(other) => return Err(other),
                }
            }
        }
    }

    async fn carry_job(&self, fleet: &dyn Fleet, job: JobId) -> Result<(), Hindrance> {
        for printed in fleet.printed(job).await? {
            let _turn = self.carrying.turn().await;
            let mut carrier = Carrier::of_rest(&self.core, job, printed);
            loop {
                match carrier.carry().await {
                    Tried::Carried | Tried::Beyond => {}
                    Tried::Nothing | Tried::Over => break,
                    Tried::Unread => return Err(Hindrance::Unread(job)),
                    Tried::Failed => return Err(Hindrance::Away),
                }
            }
        }
        Ok(())
    }

    /// Looks in one part of the list for objects of jobs that are not known.
    async fn list(&mut self, fleet: &dyn Fleet) -> Result<(), Hindrance> {
        let (part, _) = self.list;
        let found = self.carrying.objects.jobs(SHARDS[part % SHARDS.len()]).await?;
        for some in found.chunks(PAGE as usize) {
            for job in fleet.unknown(some.to_vec()).await? {
                tracing::info!(job.id = %job, "objects of a job that is gone are removed");
                self.carrying.objects.remove_job(job).await?;
            }
        }
        let next = if part + 1 < SHARDS.len() { LIST_FIRST } else { LIST_EVERY };
        self.list = (part + 1, Instant::now() + next);
        Ok(())
    }
}
