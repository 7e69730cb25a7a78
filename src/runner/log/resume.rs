//! Remembers where pages ended, so that the next page need not read everything before it again.
//!
//! Only a shortcut: a place that was forgotten is found again by parsing from the start.

use std::collections::VecDeque;

use crate::domain::id::JobId;
use crate::domain::log::{LogCursor, LogStream};

use super::frames::Position;
use super::lines::Assembler;

/// How many places are remembered. Each holds at most three open lines, so this bounds the memory
/// at 12 MiB with the default limits; a few KiB is usual.
const MAX_PLACES: usize = 64;

/// Of how many attempts the end of the head is remembered.
const MAX_HEADS: usize = 256;

/// What a page ended with, and for which readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) job: JobId,
    pub(super) after: LogCursor,
    /// Lines of other streams were passed over, so only the same filter may go on here.
    pub(super) stream: Option<LogStream>,
}

/// How to go on behind a page.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) position: Position,
    pub(super) assembler: Assembler,
    /// The frame that holds the position was entered already.
    pub(super) mid_frame: bool,
}

impl Place {
    /// The beginning of a log.
    pub(super) fn start(line_bytes: usize) -> Self {
        Self {
            position: Position::default(),
            assembler: Assembler::new(line_bytes),
            mid_frame: false,
        }
    }
}

/// What was used last.
#[derive(Debug, Default)]
pub(super) struct Places {
    pages: VecDeque<(Key, Place)>,
    heads: VecDeque<((JobId, u32), u64)>,
}

impl Places {
    pub(super) fn find(&self, key: Key) -> Option<Place> {
        self.pages.iter().find(|(known, _)| *known == key).map(|(_, place)| place.clone())
    }

    pub(super) fn remember(&mut self, key: Key, place: Place) {
        self.pages.retain(|(known, _)| *known != key);
        if self.pages.len() == MAX_PLACES {
            self.pages.pop_front();
        }
        self.pages.push_back((key, place));
    }

    /// The offset at which an attempt's head ends, where that is known.
    pub(super) fn head_end(&self, job: JobId, attempt: u32) -> Option<u64> {
        self.heads.iter().find(|(known, _)| *known == (job, attempt)).map(|&(_, end)| end)
    }

    /// Remembers the end of a head that cannot grow any more.
    pub(super) fn remember_head_end(&mut self, job: JobId, attempt: u32, end: u64) {
        if self.heads.len() == MAX_HEADS {
            self.heads.pop_front();
        }
        self.heads.push_back(((job, attempt), end));
    }
}
