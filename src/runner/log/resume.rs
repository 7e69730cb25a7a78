//! Remembers where pages ended, so that the next page need not read everything before it again.
//!
//! Only a shortcut: a place that was forgotten is found again by parsing from the start.

use std::collections::VecDeque;

use crate::domain::id::JobId;
use crate::domain::log::{LogCursor, LogStream};

use super::frames::Position;
use super::lines::Assembler;

/// How many places are remembered: one for each of many who follow, and a few of where they were before. Each is
/// looked at for each page, and takes some 300 bytes and its open lines.
const MAX_PLACES: usize = 1024;

/// So many bytes of open lines are remembered, at least one place's; a few KiB is usual.
const MAX_BYTES: usize = 12 * 1024 * 1024;

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

/// What is of use, as far as there is room; of each the oldest goes first.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// Where somebody was last.
    pages: VecDeque<(Key, Place)>,
    /// Where somebody went on from. Others may still be there.
    left: VecDeque<(Key, Place)>,
    /// The bytes of the open lines of both.
    bytes: usize,
    heads: VecDeque<((JobId, u32), u64)>,
}

impl Places {
    pub(super) fn find(&self, key: Key) -> Option<Place> {
        let mut all = self.pages.iter().chain(&self.left);
        all.find(|(known, _)| *known == key).map(|(_, place)| place.clone())
    }

    /// Remembers where a page ended, and that where it began is left: that goes before any place at which somebody
    /// may be, so that one who catches up costs the others nothing.
    pub(super) fn remember(&mut self, key: Key, place: Place, began: Option<Key>) {
        drop(self.take(key));
        if let Some((began, left)) = began.and_then(|began| self.take(began)) {
            self.bytes += left.assembler.held_bytes();
            self.left.push_back((began, left));
        }
        self.bytes += place.assembler.held_bytes();
        self.pages.push_back((key, place));
        while self.len() > MAX_PLACES || self.bytes > MAX_BYTES && self.len() > 1 {
            if let Some((_, place)) = self.left.pop_front().or_else(|| self.pages.pop_front()) {
                self.bytes -= place.assembler.held_bytes();
            }
        }
    }

    fn len(&self) -> usize {
        self.pages.len() + self.left.len()
    }

    fn take(&mut self, key: Key) -> Option<(Key, Place)> {
        let of = |places: &mut VecDeque<(Key, Place)>| {
            let at = places.iter().position(|(known, _)| *known == key)?;
            places.remove(at)
        };
        let taken = of(&mut self.pages).or_else(|| of(&mut self.left))?;
        self.bytes -= taken.1.assembler.held_bytes();
        Some(taken)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::from_unix_millis;

    fn key(reader: u64, offset: u64) -> Key {
        let job = JobId::new(from_unix_millis(1), [u8::try_from(reader % 251).unwrap(); 10]);
        let after = LogCursor { attempt: u32::try_from(reader).unwrap(), offset };
        Key { job, after, stream: None }
    }

    #[test]
    fn who_catches_up_pushes_nobody_out() {
        let mut places = Places::default();
        let others = MAX_PLACES as u64 - 2;
        for reader in 1..=others {
            places.remember(key(reader, 7), Place::start(80), None);
        }
        for page in 1..10_000 {
            places.remember(key(0, page), Place::start(80), Some(key(0, page - 1)));
        }
        let lost = (1..=others).filter(|&reader| places.find(key(reader, 7)).is_none());
        assert_eq!(lost.count(), 0);
        // Another one may be as far as it was.
        assert!(places.find(key(0, 9_998)).is_some() && places.find(key(0, 9_999)).is_some());
        assert_eq!(places.len(), MAX_PLACES);
    }
}
