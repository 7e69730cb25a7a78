//! Settles an attempt that no live shim of ours holds: after the loss of a shim, and at the start
//! of a server. Both take the same way, so that what holds after a crash holds in a quiet run.
//!
//! # Invariants
//!
//! - Whoever holds the lock owns the attempt: nothing is concluded without it.
//! - An attempt without `started` in the same boot never ran, and never will: `void` stands before
//!   the lock is let go.
//! - No attempt is told lost while a process of it is left (P3, P8).
//! - What the command made of the folder holds nobody up: where it is damaged, the attempt is lost.

use std::fs;
use std::io;
use std::time::Duration;

use super::folder::{Folder, RESULT_SCHEMA};
use super::orphans;
use super::outcome::{Terms, end_of};
use super::work::Tidier;
use crate::domain::attempt::{AttemptEnd, Policy};
use crate::domain::id::AttemptKey;
use crate::domain::state::EndReason;
use crate::shim::protocol::{EXIT, ExitRecord, LOCK, RESULT, STARTED, VOID, files};

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
    /// A process of its command may have existed, whatever the folder says now.
    pub(super) may_exist: bool,
    /// The machine has not been restarted since its claim.
    pub(super) same_boot: bool,
    /// The most bytes of a result.
    pub(super) result_bytes: u64,
    pub(super) shim: ShimEnd,
    pub(super) tidier: Tidier,
}

/// What was seen of the end of an attempt's shim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ShimEnd {
    /// It may live.
    Unknown,
    /// It ended by itself, and well: it has emptied the tree then.
    Well,
    /// It ended otherwise.
    Badly,
    /// We killed it, since it did not do what it was told.
    Killed,
}

impl ShimEnd {
    /// How long the attempt's lock may be held by somebody before all who carry the key are killed.
    /// A shim that is left alone stops within about a second.
    pub(super) fn may_hold(self) -> Duration {
        match self {
            Self::Unknown => Duration::from_secs(5),
            Self::Well | Self::Badly | Self::Killed => Duration::ZERO,
        }
    }
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
        let mut damage = None;
        let exists = noting("", self.folder.exists(), &mut damage)?;
        if !self.same_boot && exists == Some(false) {
            return Ok(Found::Ended(self.lost(None)));
        }
        // Under the lock to the end. Where there can be none any more, whoever carries the key is
        // killed all the same, a shim that lives too.
        let lock = match noting(LOCK, self.folder.try_lock(), &mut damage)? {
            Some(None) => return Ok(Found::Held),
            Some(Some(lock)) => Some(lock),
            None => None,
        };
        let found = self.clear_up(patience, damage);
        drop(lock);
        found
    }

    fn clear_up(&self, patience: Duration, mut damage: Option<Damage>) -> io::Result<Found> {
        self.folder.empty_environment();
        let exit = noting(EXIT, self.folder.exit(), &mut damage)?.flatten();
        if exit.is_none() && self.same_boot {
            // Before all else: what waits to start must find it, however this goes on.
            noting(VOID, self.folder.void(), &mut damage)?;
        }
        // A record alone is no word for an empty tree: the command could write one, and kill its
        // shim.
        let emptied =
            self.shim == ShimEnd::Well && exit.as_ref().is_some_and(|record| !record.unkillable);
        if self.same_boot && !emptied {
            let swept = orphans::sweep(&self.key, patience)?;
            if !swept {
                return Ok(Found::Surviving);
            }
        }
        if let Some(record) = exit {
            return Ok(Found::Ended(self.judge(&record)?));
        }
        let started = noting(STARTED, self.folder.has_started(), &mut damage)?;
        if self.same_boot && !self.may_exist && damage.is_none() && started == Some(false) {
            let text = self.unstarted();
            return Ok(Found::Ended(AttemptEnd::unrecorded(EndReason::NotStarted, text, false)));
        }
        Ok(Found::Ended(self.lost(damage)))
    }

    /// Why nothing was started, with what the supervisor, or whoever should have loaded it, said.
    fn unstarted(&self) -> String {
        let text = "its supervisor ended before it started the command";
        let folder = self.folder.path().display();
        let Some(complaint) = self.folder.complaint() else {
            tracing::warn!(%folder, "{text}, and said nothing");
            return text.to_owned();
        };
        tracing::warn!(%folder, %complaint, "{text}");
        format!("{text}: {complaint}")
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
        let mut damage = None;
        let schema = noting(RESULT_SCHEMA, self.folder.result_schema(), &mut damage)?;
        let terms = Terms {
            policy: &self.policy,
            timeout: self.folder.spec().and_then(|spec| spec.timeout_ms).map(Duration::from_millis),
            result_bytes: self.result_bytes,
            result_schema: damage.map_or(Ok(schema.flatten()), Err),
            same_boot: self.same_boot,
        };
        let result = || files::read(&self.folder.file(RESULT), self.result_bytes);
        Ok(end_of(record, &terms, result))
    }

    fn lost(&self, damage: Option<Damage>) -> AttemptEnd {
        let why = match self.shim {
            _ if !self.same_boot => "the machine was restarted, and nobody knows how it ended",
            ShimEnd::Killed => {
                "its supervisor did not do what it was told and was killed, and nobody knows how \
                 it ended"
            }
            ShimEnd::Unknown | ShimEnd::Well | ShimEnd::Badly => {
                "its supervisor died, and nobody knows how it ended"
            }
        };
        let damage = damage.map_or_else(String::new, |damage| format!(": {damage}"));
        AttemptEnd::unrecorded(EndReason::Lost, format!("{why}{damage}"), true)
    }
}

/// What of the folder is not as it was made: a sentence without a full stop.
type Damage = String;

/// What a file told (the folder itself, where `name` is empty); `None` where it is damaged, which no second look would mend, and the first
/// damage is noted. Whatever else failed may pass.
fn noting<T>(
    name: &str,
    told: io::Result<T>,
    damage: &mut Option<Damage>,
) -> io::Result<Option<T>> {
    match told {
        Ok(told) => Ok(Some(told)),
        Err(error) if files::is_damage(&error) => {
            let what = if name.is_empty() { String::new() } else { format!("`{name}` in ") };
            damage.get_or_insert_with(|| format!("{what}its folder is damaged: {error}"));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
