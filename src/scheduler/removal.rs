//! The removal of the folders of jobs that are gone, or whose logs stand in the store.
//!
//! # Invariants
//!
//! - Folders are removed while nothing ends, or from [`MANY`] on: a file system may be slow to make files
//!   right after others were removed (ext4 without a journal looks at each of those first).
//! - Which ones are to go stands in the store, so that a crash at any moment costs nothing but time.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::core::Core;
use crate::runner::kept::Folders;
use crate::store::StoreError;

/// Nothing ended for so long: folders may be removed.
const QUIET: Duration = Duration::from_secs(3);
/// So many folders that are to go may wait for that.
const MANY: u64 = 4_096;
/// So many are removed together.
const PAGE: u32 = 64;

/// What is known of the folders that are to go.
pub(super) struct Removal {
    core: Arc<Core>,
    folders: Folders,
    /// Some are left that could not be removed.
    are_held: bool,
    /// So many are to go, at most.
    doomed: u64,
    /// How many jobs were removed, as far as was noticed.
    removed: u64,
    /// When a job ended last, as far as was noticed.
    last_end: Instant,
}

impl Removal {
    pub(super) fn new(core: &Arc<Core>) -> Self {
        let folders = Folders::new(core.logs.root().to_owned());
        let core = Arc::clone(core);
        Self { core, folders, are_held: false, doomed: 0, removed: 0, last_end: Instant::now() }
    }

    /// The folders of all jobs.
    pub(super) fn folders(&self) -> Folders {
        self.folders.clone()
    }

    /// Some are left that others use.
    pub(super) fn are_held(&self) -> bool {
        self.are_held
    }

    pub(super) fn job_ended(&mut self) {
        self.last_end = Instant::now();
    }

    /// How long until they may be removed; `None` where there is nothing to remove.
    pub(super) fn due(&self) -> Option<Duration> {
        let quiet = (self.last_end + QUIET).saturating_duration_since(Instant::now());
        (self.doomed > 0).then_some(quiet)
    }

    /// So many more are to go; removes them where there are many by now.
    pub(super) async fn doom(&mut self, more: usize) -> Result<(), StoreError> {
        self.doomed += more as u64;
        if self.doomed > MANY { self.remove().await } else { Ok(()) }
    }

    /// The same of jobs that were removed meanwhile: any server may do that, and each has its own folders.
    pub(super) async fn doom_of_removed(&mut self) -> Result<(), StoreError> {
        let removed = self.core.board.removed.load(Ordering::Acquire);
        let more = removed - std::mem::replace(&mut self.removed, removed);
        self.doom(usize::try_from(more).unwrap_or(usize::MAX)).await
    }

    /// Removes them where nothing has ended for a while, or some were in use.
    pub(super) async fn remove_if_quiet(&mut self) -> Result<(), StoreError> {
        let is_due = self.are_held || self.due().is_some_and(|due| due.is_zero());
        if is_due { self.remove().await } else { Ok(()) }
    }

    /// Removes those that the store says are to go.
    pub(super) async fn remove(&mut self) -> Result<(), StoreError> {
        self.are_held = false;
        loop {
            let doomed = self.core.store.doomed_folders(PAGE).await?;
            if doomed.is_empty() {
                self.doomed = 0;
                return Ok(());
            }
            self.are_held = true;
            let folders = self.folders.clone();
            let removed = tokio::task::spawn_blocking(move || folders.remove(doomed)).await;
            match removed {
                Ok(Ok(removed)) if !removed.is_empty() => {
                    self.core.store.folders_gone(removed).await?;
                    self.are_held = false;
                }
                // A backup is being made, or it was told why; the next round tries again.
                Ok(Ok(_)) | Err(_) => return Ok(()),
                Ok(Err(error)) => {
                    tracing::warn!(%error, "the folders of jobs stay for now");
                    return Ok(());
                }
            }
        }
    }
}
