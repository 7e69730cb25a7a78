//! What the command prints, on its way from two pipes into bounded files.
//!
//! # Invariants
//!
//! - The pipes are always read, whatever becomes of the files: a command never waits for us.
//! - Every byte read has its offset. It is in a file, or was, or could not be written; a reader
//!   sees from the offsets what is missing.
//! - The first bytes are kept in the head, the last ones in the ring of segments; both caps count
//!   the bytes of files (P12).

mod files;
mod lines;

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fd::AsFd;
use rustix::io::Errno;

use self::files::Files;
use self::lines::Lines;
use super::complain::complain;
use super::protocol::{FRAME_BYTES, FRAME_HEADER_BYTES, FrameHeader, STREAM_SYSTEM, Spec};
use crate::domain::clock::{Clock, SystemClock};

/// How long the first byte of a frame waits for others.
const COALESCE: Duration = Duration::from_millis(10);

/// What one read of a pipe found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    /// Bytes; there may be more.
    Some,
    /// Nothing now.
    Nothing,
    /// Nobody holds its other end any more.
    End,
}

/// The log of one attempt.
#[derive(Debug)]
pub(super) struct Log {
    files: Files,
    lines: Lines,
    /// Where the next byte stands in everything, the shim's own lines included.
    offset: u64,
    printed: u64,
    pending: Pending,
    cut_notice: String,
    write_failed: bool,
}

/// Bytes of one stream that wait to become a frame. A byte of another stream ends the wait: frames
/// stand in the order of reading.
#[derive(Debug)]
struct Pending {
    stream: u8,
    buffer: Box<[u8]>,
    length: usize,
    since: Instant,
    at_ms: i64,
}

impl Log {
    /// An empty log with the caps of `spec`.
    pub(super) fn new(folder: &Path, spec: &Spec) -> Self {
        Self {
            files: Files::new(folder.to_owned(), spec.log_head_bytes, spec.log_tail_bytes),
            lines: Lines::new(),
            offset: 0,
            printed: 0,
            pending: Pending {
                stream: 0,
                buffer: vec![0; FRAME_BYTES].into(),
                length: 0,
                since: Instant::now(),
                at_ms: 0,
            },
            cut_notice: format!(
                "the log is full: of what follows only the last {} bytes are kept\n",
                spec.log_tail_bytes
            ),
            write_failed: false,
        }
    }

    /// The bytes that the command printed.
    pub(super) fn printed(&self) -> u64 {
        self.printed
    }

    /// When [`Log::flush`] is due; `None` where nothing waits.
    pub(super) fn due(&self) -> Option<Instant> {
        (self.pending.length > 0).then(|| self.pending.since + COALESCE)
    }

    /// Reads once from a pipe that does not block. Returns too whether a frame was written.
    pub(super) fn read(&mut self, stream: u8, pipe: &impl AsFd, now: Instant) -> (Read, bool) {
        let mut wrote = false;
        if self.pending.length == FRAME_BYTES || self.pending.stream != stream {
            wrote = self.flush();
        }
        let pending = &mut self.pending;
        let read = match rustix::io::read(pipe, &mut pending.buffer[pending.length..]) {
            Ok(0) => return (Read::End, wrote),
            Ok(read) => read,
            Err(Errno::AGAIN | Errno::INTR) => return (Read::Nothing, wrote),
            Err(error) => {
                complain(format_args!("a pipe of the command is broken: {error}"));
                return (Read::End, wrote);
            }
        };
        if pending.length == 0 {
            pending.stream = stream;
            pending.since = now;
            pending.at_ms = SystemClock.now().timestamp_millis();
        }
        pending.length += read;
        self.printed += read as u64;
        if self.pending.length == FRAME_BYTES {
            wrote |= self.flush();
        }
        (Read::Some, wrote)
    }

    /// Writes what waits. Returns whether anything did.
    pub(super) fn flush(&mut self) -> bool {
        let length = std::mem::take(&mut self.pending.length);
        if length == 0 {
            return false;
        }
        let buffer = std::mem::take(&mut self.pending.buffer);
        self.append(self.pending.stream, &buffer[..length], self.pending.at_ms);
        self.pending.buffer = buffer;
        true
    }

    /// Adds a line of the shim's own, without its end.
    pub(super) fn say(&mut self, line: &str) {
        self.flush();
        let line = format!("{line}\n");
        self.append(STREAM_SYSTEM, line.as_bytes(), SystemClock.now().timestamp_millis());
    }

    fn append(&mut self, stream: u8, bytes: &[u8], at_ms: i64) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = self.make_room(at_ms).min(rest.len());
            // Without any room the bytes count and are gone.
            let (piece, later) = rest.split_at(if room == 0 { rest.len() } else { room });
            self.frame(stream, piece, at_ms, room > 0);
            rest = later;
        }
    }

    /// The bytes that one frame may hold now; none where nothing is kept.
    fn make_room(&mut self, at_ms: i64) -> usize {
        let notice = (FRAME_HEADER_BYTES + self.cut_notice.len()) as u64;
        if self.files.in_head() {
            let room = self.files.room(notice);
            if room > 0 {
                return room;
            }
            self.say_cut(at_ms);
            self.files.next();
        } else if self.files.has_tail() && self.files.room(0) == 0 {
            self.files.next();
        }
        self.files.room(0)
    }

    /// The last line of the head, for which room was left.
    fn say_cut(&mut self, at_ms: i64) {
        let notice = std::mem::take(&mut self.cut_notice);
        if self.files.room(0) >= notice.len() {
            self.frame(STREAM_SYSTEM, notice.as_bytes(), at_ms, true);
        }
    }

    fn frame(&mut self, stream: u8, piece: &[u8], at_ms: i64, kept: bool) {
        let numbers = self.lines.count(stream, piece);
        let header = FrameHeader {
            stream,
            continues: numbers.continues,
            length: u32::try_from(piece.len()).expect("a frame is at most 64 KiB"),
            at_ms,
            offset: self.offset,
            first_line: numbers.first,
            next_line: numbers.next,
        };
        self.offset += piece.len() as u64;
        if !kept {
            return;
        }
        match self.files.write(&header, piece) {
            Ok(()) => self.write_failed = false,
            // Said once for each time that it begins.
            Err(error) if !self.write_failed => {
                self.write_failed = true;
                complain(format_args!("a part of the log is lost: {error}"));
            }
            Err(_) => {}
        }
    }
}
