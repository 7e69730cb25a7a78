//! Notices that the command reported progress. The server reads the file; this only says when.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::protocol::PROGRESS;

/// How often the file is looked at: one `stat`, cheaper than the watches that a machine full of
/// jobs would need, and no command can make it more.
const INTERVAL: Duration = Duration::from_millis(250);

/// The progress file as last seen.
#[derive(Debug)]
pub(super) struct Progress {
    size: u64,
    due: Instant,
}

impl Progress {
    pub(super) fn new(now: Instant) -> Self {
        Self { size: 0, due: now + INTERVAL }
    }

    /// When to look next.
    pub(super) fn due(&self) -> Instant {
        self.due
    }

    /// Whether its size is another than at the last look.
    pub(super) fn grew(&mut self, folder: &Path, now: Instant) -> bool {
        self.due = now + INTERVAL;
        // Not through a link: it may lead to a disk that does not answer.
        let size = fs::symlink_metadata(folder.join(PROGRESS)).map_or(0, |metadata| metadata.len());
        std::mem::replace(&mut self.size, size) != size
    }
}
