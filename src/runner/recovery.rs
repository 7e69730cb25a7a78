//! Settles an attempt that no live shim of ours holds: after the loss of a shim, and at the start
//! of a server. Both take the same way, so that what holds after a crash holds in a quiet run.
//!
//! # Invariants
//!
//! - Whoever holds the lock owns the attempt: nothing is concluded without it.
//! - An attempt without `started` in the same boot never ran, and never will: `void` stands before
//!   the lock is let go.
//! - No attempt is told lost while a process of it is left (P3, P8).

use std::fs;
use std::fs::File;
use std::io;
use std::time::Duration;

use super::folder::{Folder, read_bounded};
use super::orphans;
use super::outcome::{Terms, end_of};
use crate::domain::attempt::{AttemptEnd, Policy};
use crate::domain::id::AttemptKey;
use crate::domain::state::EndReason;
use crate::shim::protocol::{ExitRecord, RESULT};

/// The machine's present boot: no process of another boot can be alive.
pub fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// An attempt to be settled.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) folder: Folder,
    pub(super) key: AttemptKey,
    pub(super) policy: Policy,
    /// Its process is known to have existed, whatever the folder says.
    pub(super) spawned: bool,
    /// The machine has not been restarted since its claim.
    pub(super) same_boot: bool,
    /// The most bytes of a result.
    pub(super) result_bytes: u64,
    /// Its shim was seen to end by itself, and well: it has emptied the tree then.
    pub(super) emptied: bool,
}

/// What a look at an attempt found.
#[derive(Debug)]
pub(super) enum Found {
    /// Nothing of it is left, and this is how it ended.
    Ended(AttemptEnd),
    /// Its shim lives and holds the lock.
    Held,
    /// Its processes do not die.
    Surviving,
}

impl Case {
    /// Looks, and clears up where nobody holds the lock; kills what is left for as long as
    /// `patience`. Blocks.
    pub(super) fn settle(&self, patience: Duration) -> io::Result<Found> {
        if !self.same_boot && !self.folder.exists()? {
            return Ok(Found::Ended(self.lost()));
        }
        match self.folder.try_lock()? {
            Some(lock) => self.settle_under(&lock, patience),
            None => Ok(Found::Held),
        }
    }

    /// The same, by who has the lock already.
    pub(super) fn settle_under(&self, _lock: &File, patience: Duration) -> io::Result<Found> {
        let exit = self.folder.exit()?;
        if exit.is_none() && self.same_boot {
            // Before all else: what waits to start must find it, however this goes on.
            self.folder.void()?;
        }
        // A record alone is no word for an empty tree: the command could write one, and kill its
        // shim.
        let emptied = self.emptied && exit.as_ref().is_some_and(|record| !record.unkillable);
        if self.same_boot && !emptied {
            let swept = orphans::sweep(&self.key, patience)?;
            if !swept {
                return Ok(Found::Surviving);
            }
        }
        if let Some(record) = exit {
            return Ok(Found::Ended(self.judge(&record)?));
        }
        if self.same_boot && !self.spawned && !self.folder.has_started()? {
            let text = "its supervisor ended before it started the command";
            return Ok(Found::Ended(AttemptEnd::unrecorded(EndReason::NotStarted, text, false)));
        }
        Ok(Found::Ended(self.lost()))
    }

    /// The end that is recorded although processes are left, where there is one.
    pub(super) fn unkillable(&self) -> io::Result<Option<AttemptEnd>> {
        match self.folder.exit()?.filter(|record| record.unkillable) {
            Some(record) => Ok(Some(self.judge(&record)?)),
            None => Ok(None),
        }
    }

    /// An end by which processes are left that nobody recorded.
    pub(super) fn surviving() -> AttemptEnd {
        let text = "its supervisor died, and processes of it do not die of SIGKILL";
        AttemptEnd::unrecorded(EndReason::Unkillable, text, true)
    }

    fn judge(&self, record: &ExitRecord) -> io::Result<AttemptEnd> {
        let terms = Terms {
            policy: &self.policy,
            timeout: self.folder.spec().and_then(|spec| spec.timeout_ms).map(Duration::from_millis),
            result_bytes: self.result_bytes,
            result_schema: self.folder.result_schema()?,
            same_boot: self.same_boot,
        };
        let result = || read_bounded(&self.folder.file(RESULT), self.result_bytes);
        Ok(end_of(record, &terms, result))
    }

    fn lost(&self) -> AttemptEnd {
        let text = if self.same_boot {
            "its supervisor died, and nobody knows how it ended"
        } else {
            "the machine was restarted, and nobody knows how it ended"
        };
        AttemptEnd::unrecorded(EndReason::Lost, text, true)
    }
}
