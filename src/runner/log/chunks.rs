//! Reads what an attempt prints in chunks, as it stands in its log, for whoever carries it elsewhere.
//!
//! # Invariants
//!
//! - A chunk is whole frames, begins where another one ended, and has [`CHUNK_BYTES`] at most, or one frame.
//! - Small chunks do not add up: after [`RUN`] of them the next one begins where the first of them began, and
//!   takes their place.
//! - What is taken in all stays below the room that was given. What lies behind that, and behind the head,
//!   is not taken, and a chunk without frames says that, until it is told to [go beyond](Chunks::go_beyond).
//! - Beyond it, too, a chunk may come that is not full. One that is follows later, begins where the full one
//!   before it ended, and takes the place of the small ones. No chunk is of two files: of the tail each names
//!   its segment, and how much of the tail is kept.

use std::io;
use std::path::PathBuf;

use super::frames::{Frames, Position, Source};
use crate::shim::protocol::FRAME_HEADER_BYTES;

/// The most bytes of a chunk, headers of frames included.
const CHUNK_BYTES: u64 = 256 * 1024;
/// So many chunks in a row may be small.
const RUN: u32 = 64;

/// A part of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Where it begins in everything that was printed.
    pub start: u64,
    /// Where it ends.
    pub until: u64,
    /// Whole frames.
    pub frames: Vec<u8>,
    /// There is more, and no room for it.
    pub is_cut: bool,
    /// Where the segment of the tail begins that it is of, and where the oldest one; `None`: the head.
    pub segment: Option<(u64, u64)>,
    /// It is beyond the room, and no longer one will begin where it begins.
    pub is_full: bool,
    /// Where its first and its next frame stand.
    from: Position,
    to: Position,
}

impl Chunk {
    /// All bytes up to its end, headers of frames included.
    pub fn bytes_in_all(&self) -> u64 {
        self.to.head_at
    }
}

/// The chunks of one attempt.
#[derive(Debug, Clone)]
pub struct Chunks {
    source: Source,
    /// Up to here it was carried away.
    at: Position,
    /// The small chunks that were carried away last begin here.
    run: (u32, Position),
    room: u64,
    /// Beyond the room: the next full chunk begins here.
    full: Option<Position>,
}

impl Chunks {
    pub(super) fn new(folder: PathBuf, room: u64) -> Self {
        let at = Position::default();
        Self { source: Source::Folder(folder), at, run: (0, at), room, full: None }
    }

    /// There is no room for anything more.
    pub fn close(&mut self) {
        self.room = self.at.head_at;
    }

    /// Goes on beyond the room, and into the tail: from here on chunks are full ones, and small ones that
    /// those take the place of.
    pub fn go_beyond(&mut self) {
        self.full = Some(self.at);
        self.run = (0, self.at);
    }

    /// The same from a place that is known where the chunks are carried to.
    pub fn go_beyond_from(&mut self, offset: u64) {
        self.at = Position { offset, head_at: 0 };
        self.go_beyond();
    }

    /// Everything before this offset was carried away.
    pub fn at(&self) -> u64 {
        self.at.offset
    }

    /// It went beyond the room.
    pub fn is_beyond(&self) -> bool {
        self.full.is_some()
    }

    /// What comes next; `None`: nothing new is there. Asked again it is the same, or longer, until
    /// [`carried`](Self::carried) is told. Blocks.
    pub fn next(&self) -> io::Result<Option<Chunk>> {
        if let Some(from) = self.full {
            let chunk = self.read(from)?;
            if chunk.is_full {
                return Ok(Some(chunk));
            }
        }
        // More may have come meanwhile, but the full one begins elsewhere.
        let small = |chunk: Chunk| Chunk { is_full: false, ..chunk };
        let (count, from) = self.run;
        if count >= RUN {
            let chunk = self.read(from)?;
            if chunk.until > self.at.offset {
                return Ok(Some(small(chunk)));
            }
        }
        let chunk = self.read(self.at)?;
        Ok((chunk.until > self.at.offset || chunk.is_cut).then(|| small(chunk)))
    }

    /// Takes note that a chunk was carried away.
    pub fn carried(&mut self, chunk: &Chunk) {
        let is_run = chunk.from == self.run.1 && self.run.0 > 0 && chunk.from != self.at;
        self.at = chunk.to;
        if chunk.is_full {
            return self.go_beyond();
        }
        let of_run = chunk.to.head_at.saturating_sub(self.run.1.head_at);
        self.run = if is_run || of_run >= CHUNK_BYTES / 2 {
            (0, self.at)
        } else {
            (self.run.0 + 1, self.run.1)
        };
    }

    /// Goes on from a place that is known where the chunks are carried to.
    pub fn go_on_from(&mut self, offset: u64) {
        self.at = Position { offset, head_at: 0 };
        self.run = (RUN, Position::default());
        self.full = None;
    }

    fn read(&self, from: Position) -> io::Result<Chunk> {
        let mut frames = Frames::open(&self.source, from)?;
        let oldest = frames.tail_start();
        let (mut bytes, mut until) = (Vec::new(), from.offset);
        let (mut is_cut, mut is_full, mut segment) = (false, false, None);
        let mut to = frames.position(until);
        while let Some(frame) = frames.next()? {
            let here = frames.position(until);
            if bytes.is_empty() {
                to = here;
            }
            let length = FRAME_HEADER_BYTES as u64 + u64::from(frame.header.length);
            let is_inside = frames.segment().is_none() && here.head_at + length <= self.room;
            if self.full.is_none() && !is_inside {
                is_cut = true;
                break;
            }
            let is_other = !bytes.is_empty() && segment != frames.segment();
            if is_other || !bytes.is_empty() && bytes.len() as u64 + length > CHUNK_BYTES {
                is_full = self.full.is_some();
                break;
            }
            segment = frames.segment();
            // A file that lost bytes.
            let Some(payload) = frames.payload()? else { break };
            bytes.extend_from_slice(&frame.header.encode());
            bytes.extend_from_slice(payload);
            until = frame.header.offset + u64::from(frame.header.length);
            let head_at = if segment.is_none() { here.head_at + length } else { 0 };
            to = Position { offset: until, head_at };
        }
        let segment = segment.map(|start| (start, oldest.unwrap_or(start)));
        let start = from.offset;
        Ok(Chunk { start, until, frames: bytes, is_cut, segment, is_full, from, to })
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, OpenOptions};
    use std::io::Write;

    use super::*;
    use crate::shim::protocol::{FrameHeader, LOG_HEAD, log_tail};

    /// The folder of an attempt that prints.
    struct Printing(tempfile::TempDir, u64);

    impl Printing {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap(), 0)
        }

        fn chunks(&self, room: u64) -> Chunks {
            Chunks::new(self.0.path().to_owned(), room)
        }

        fn print(&mut self, file: &str, length: u32) {
            let (offset, number) = (self.1, self.1 + 1);
            self.1 += u64::from(length);
            let header = FrameHeader {
                stream: 0,
                continues: false,
                length,
                at_ms: 1,
                offset,
                first_line: number,
                next_line: number + 1,
            };
            let path = self.0.path().join(file);
            let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
            let frame = [&header.encode()[..], &vec![b'x'; length as usize]].concat();
            file.write_all(&frame).unwrap();
        }

        fn head(&self) -> Vec<u8> {
            fs::read(self.0.path().join(LOG_HEAD)).unwrap()
        }
    }

    fn carry(chunks: &mut Chunks) -> Option<Chunk> {
        let chunk = chunks.next().unwrap()?;
        chunks.carried(&chunk);
        Some(chunk)
    }

    #[test]
    fn chunks_are_the_log_byte_by_byte() {
        let mut log = Printing::new();
        let mut chunks = log.chunks(u64::MAX);
        assert_eq!(carry(&mut chunks), None);
        for length in [10, 1, 65_536, 65_536, 65_536, 65_536, 7] {
            log.print(LOG_HEAD, length);
        }
        let (mut all, mut until) = (Vec::new(), 0);
        while let Some(chunk) = carry(&mut chunks) {
            assert_eq!(chunk.start, until);
            assert!(chunk.frames.len() as u64 <= CHUNK_BYTES && !chunk.is_cut);
            until = chunk.until;
            all.extend_from_slice(&chunk.frames);
            assert_eq!(chunk.bytes_in_all(), all.len() as u64);
        }
        assert!(all == log.head() && until == log.1);
        // What is asked for again is the same, or more.
        log.print(LOG_HEAD, 3);
        let first = chunks.next().unwrap().unwrap();
        log.print(LOG_HEAD, 4);
        let second = chunks.next().unwrap().unwrap();
        assert_eq!((first.start, first.until, second.until), (until, until + 3, until + 7));
    }

    #[test]
    fn many_small_chunks_become_one() {
        let mut log = Printing::new();
        let mut chunks = log.chunks(u64::MAX);
        log.print(LOG_HEAD, 200_000);
        assert_eq!(carry(&mut chunks).map(|c| (c.start, c.until)), Some((0, 200_000)));
        // What another place keeps of them: whatever begins at or behind a chunk's start is replaced.
        let mut kept: Vec<(u64, Vec<u8>)> = vec![(0, log.head())];
        for _ in 0..1_000 {
            log.print(LOG_HEAD, 1);
            let chunk = carry(&mut chunks).unwrap();
            kept.retain(|(start, _)| *start < chunk.start);
            kept.push((chunk.start, chunk.frames));
        }
        assert!(kept.len() <= 1 + 1_000 / 64 + 64, "{}", kept.len());
        assert!(kept.into_iter().flat_map(|(_, frames)| frames).eq(log.head()));
    }

    #[test]
    fn what_there_is_no_room_for_is_said() {
        let frame = FRAME_HEADER_BYTES as u64 + 10;
        let mut log = Printing::new();
        let mut chunks = log.chunks(2 * frame);
        log.print(LOG_HEAD, 10);
        log.print(LOG_HEAD, 10);
        assert_eq!(carry(&mut chunks).map(|c| (c.until, c.is_cut)), Some((20, false)));
        assert_eq!(carry(&mut chunks), None, "that was all");
        log.print(LOG_HEAD, 1);
        let cut = carry(&mut chunks).unwrap();
        assert_eq!((cut.start, cut.until, cut.frames.len(), cut.is_cut), (20, 20, 0, true));
        // What stands behind the head is not taken.
        let mut chunks = log.chunks(u64::MAX);
        log.print(&log_tail(0), 10);
        assert_eq!(carry(&mut chunks).map(|c| (c.until, c.is_cut)), Some((21, true)));
        // No room at all.
        let mut chunks = log.chunks(u64::MAX);
        chunks.close();
        assert_eq!(carry(&mut chunks).map(|c| (c.until, c.is_cut)), Some((0, true)));
    }

    #[test]
    fn beyond_the_room_full_chunks_take_the_place_of_small_ones() {
        let mut log = Printing::new();
        let mut chunks = log.chunks(0);
        log.print(LOG_HEAD, 10);
        assert!(carry(&mut chunks).unwrap().is_cut);
        chunks.go_beyond();
        let place = |c: Chunk| (c.start, c.until, c.is_full, c.segment);
        assert_eq!(carry(&mut chunks).map(place), Some((0, 10, false, None)));
        log.print(LOG_HEAD, 60_000);
        assert_eq!(carry(&mut chunks).map(place), Some((10, 60_010, false, None)));
        for _ in 0..4 {
            log.print(LOG_HEAD, 60_000);
        }
        // It begins where the small ones began.
        let full = carry(&mut chunks).unwrap();
        assert!(full.frames.len() as u64 <= CHUNK_BYTES);
        assert_eq!(place(full), (0, 240_010, true, None));
        assert_eq!(carry(&mut chunks).map(place), Some((240_010, 300_010, false, None)));
        assert_eq!(carry(&mut chunks), None);
        // The end of a file ends a chunk. Each of the tail names its segment, and the oldest one.
        log.print(&log_tail(0), 10);
        assert_eq!(carry(&mut chunks).map(place), Some((240_010, 300_010, true, None)));
        let first = 300_010;
        let in_tail = Some((first, first));
        assert_eq!(carry(&mut chunks).map(place), Some((first, first + 10, false, in_tail)));
        log.print(&log_tail(1), 10);
        assert_eq!(carry(&mut chunks).map(place), Some((first, first + 10, true, in_tail)));
        // What was not carried when its segment went is passed over.
        let second = first + 10;
        for segment in [2, 3] {
            log.print(&log_tail(segment), 10);
        }
        for gone in [0, 1] {
            fs::remove_file(log.0.path().join(log_tail(gone))).unwrap();
        }
        let third = second + 10;
        let chunk = carry(&mut chunks).unwrap();
        assert_eq!(place(chunk), (second, third + 10, true, Some((third, third))));
        // Another place says where to go on.
        let mut chunks = log.chunks(0);
        chunks.go_beyond_from(240_010);
        assert_eq!(carry(&mut chunks).map(place), Some((240_010, 300_010, true, None)));
    }

    #[test]
    fn another_place_says_where_to_go_on() {
        let mut log = Printing::new();
        let mut chunks = log.chunks(u64::MAX);
        for _ in 0..3 {
            log.print(LOG_HEAD, 10);
            carry(&mut chunks).unwrap();
        }
        chunks.go_on_from(20);
        log.print(LOG_HEAD, 5);
        let chunk = carry(&mut chunks).unwrap();
        assert_eq!((chunk.start, chunk.until), (0, 35), "few bytes: all of them again");
        log.print(LOG_HEAD, 5);
        assert_eq!(carry(&mut chunks).map(|c| (c.start, c.until)), Some((35, 40)));
        log.print(LOG_HEAD, 300_000);
        carry(&mut chunks).unwrap();
        chunks.go_on_from(40);
        let chunk = carry(&mut chunks).unwrap();
        assert_eq!((chunk.start, chunk.until), (40, 300_040));
        assert_eq!(chunk.bytes_in_all(), log.head().len() as u64);
    }
}
