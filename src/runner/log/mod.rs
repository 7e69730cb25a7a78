//! Reads what attempts printed, from their folders, while it is being printed.
//!
//! # Invariants
//!
//! - Memory is bounded by a page and the lines that are open, whatever the length of the log.
//! - No part of a log is parsed twice for one page, and a reader that follows with `After` parses
//!   only what is new, as long as its place is remembered ([`resume`]).
//!
//! # Concurrency
//!
//! Any number of readers, beside the shim that writes: see [`frames`].

mod chunks;
mod copies;
mod follow;
mod frames;
mod lines;
mod page;
mod raw;
mod resume;
#[cfg(test)]
mod tests;
mod walk;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::id::JobId;
use crate::domain::limits::Limits;
use crate::domain::log::{LogPage, LogQuery, LogStream, StoredLog};

pub use chunks::{Chunk, Chunks};
pub use copies::{Copies, SEGMENTS};
pub use raw::{RawLog, RawRead};

pub(super) use follow::Follower;

use frames::Source;
use page::Pager;
use resume::Places;

/// The logs below one data folder. Clones share what they remember.
#[derive(Debug, Clone)]
pub struct LogFiles {
    root: PathBuf,
    line_bytes: usize,
    places: Arc<Mutex<Places>>,
    /// What stands in no folder any more.
    stored: Vec<StoredLog>,
    /// Copies of what stands in folders of elsewhere.
    copies: Option<Copies>,
    /// The attempts of which nobody can read the rest here.
    cut: Vec<u32>,
}

impl LogFiles {
    /// The logs of the attempts in `root` (`{data}/attempts`), with the default limits.
    pub fn new(root: PathBuf) -> Self {
        let line_bytes = Limits::default().log_line_bytes;
        let (places, stored, copies, cut) = (Arc::default(), Vec::new(), None, Vec::new());
        Self { root, line_bytes, places, stored, copies, cut }
    }

    /// The same, with lines cut at so many bytes.
    #[must_use]
    pub fn with_line_bytes(mut self, line_bytes: usize) -> Self {
        self.line_bytes = line_bytes;
        self
    }

    /// The same for a job whose log stands in the store: what each of its attempts printed.
    #[must_use]
    pub fn with_stored(&self, stored: Vec<StoredLog>) -> Self {
        Self { stored, ..self.clone() }
    }

    /// The same for a job of which attempts have their folders elsewhere: what is not here is read from
    /// `copies`, and of the attempts `cut` those lack the rest.
    #[must_use]
    pub fn with_copies(&self, copies: Copies, cut: Vec<u32>) -> Self {
        Self { copies: Some(copies), cut, ..self.clone() }
    }

    /// Of this attempt the rest is not to be had here.
    pub fn is_cut(&self, attempt: u32) -> bool {
        self.cut.contains(&attempt)
    }

    /// What an attempt prints, in chunks, from its beginning: at most so many bytes in all, headers of
    /// frames included.
    pub fn chunks(&self, job: JobId, attempt: u32, room: u64) -> Chunks {
        Chunks::new(self.folder(job, attempt), room)
    }

    /// Which of the job's attempts up to this number have a folder here. Blocks.
    pub fn folders(&self, job: JobId, attempts: u32) -> Vec<u32> {
        (1..=attempts).filter(|&attempt| is_there(&self.folder(job, attempt))).collect()
    }

    /// The folder of all attempts.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A part of a job's log. Blocks: call it off the threads that answer. `attempts` is the number
    /// of the job's latest attempt, `ended` whether none can print any more.
    ///
    /// Lines come in the order in which they ended. The last line of a stream that has no end yet
    /// is shown once its attempt has ended.
    pub fn page(
        &self,
        job: JobId,
        attempts: u32,
        ended: bool,
        query: &LogQuery,
    ) -> io::Result<LogPage> {
        Pager { files: self, job, attempts, ended, query }.page()
    }

    /// The bytes that are kept of what an attempt printed, without frames, as of now. `None`: both
    /// streams in the order of reading, without what Longhaul says itself. Blocks.
    pub fn raw(&self, job: JobId, attempt: u32, stream: Option<LogStream>) -> io::Result<RawLog> {
        RawLog::open(&self.source(job, attempt), stream)
    }

    fn source(&self, job: JobId, attempt: u32) -> Source {
        if let Some(log) = self.stored.iter().find(|log| log.attempt == attempt) {
            return Source::Stored(Arc::clone(&log.frames));
        }
        let own = self.folder(job, attempt);
        match &self.copies {
            Some(copies) if !is_there(&own) => Source::Folder(copies.folder(job, attempt)),
            Some(_) | None => Source::Folder(own),
        }
    }

    fn folder(&self, job: JobId, attempt: u32) -> PathBuf {
        self.root.join(job.to_string()).join(attempt.to_string())
    }

    fn places(&self) -> std::sync::MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_there(folder: &Path) -> bool {
    std::fs::symlink_metadata(folder).is_ok()
}
