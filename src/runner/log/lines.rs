//! Makes lines of frames.
//!
//! Lines are given out in the order in which they end, so that a line one stream has begun and not
//! ended holds up nothing of the other, and a reader that follows misses neither. A line is named by
//! where it began (`domain::log`), and numbered in the order of beginning.
//!
//! # Invariants
//!
//! - At most [`STREAMS`] lines are open, each with at most the limit of a line in bytes.
//! - A sink that refuses a line is given the same line when the work is taken up at the returned
//!   index: nothing is lost between two pages.

use crate::domain::clock::from_unix_millis;
use crate::domain::log::{LogCursor, LogLine, LogStream};
use crate::shim::protocol::FrameHeader;

use super::frames::{Frame, STREAMS};

/// Takes lines; `false` refuses this one and ends the work.
pub(super) trait Sink {
    fn offer(&mut self, line: Line<'_>) -> bool;
}

/// A line that has ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) offset: u64,
    pub(super) number: u64,
    pub(super) stream: LogStream,
    at_ms: i64,
    bytes: &'a [u8],
    cut: bool,
}

impl Line<'_> {
    /// The line as its readers see it.
    pub(super) fn to_log_line(self, attempt: u32) -> LogLine {
        LogLine {
            cursor: LogCursor { attempt, offset: self.offset },
            number: self.number,
            at: from_unix_millis(self.at_ms),
            stream: self.stream,
            text: self.text(),
            cut: self.cut,
        }
    }

    /// Its beginning is kept, and all of it was given out.
    pub(super) fn is_whole(&self) -> bool {
        !self.cut
    }

    /// Its text. Where a cut fell into a character, that character is left out.
    pub(super) fn text(&self) -> String {
        let bytes = match std::str::from_utf8(self.bytes) {
            Err(error) if self.cut && error.error_len().is_none() => {
                &self.bytes[..error.valid_up_to()]
            }
            Ok(_) | Err(_) => self.bytes,
        };
        String::from_utf8_lossy(bytes).into_owned()
    }
}

/// The lines that are open between two frames.
#[derive(Debug, Clone)]
pub(super) struct Assembler {
    line_bytes: usize,
    streams: [State; STREAMS],
    /// The last line of the stream ended with `\r`: a `\n` now belongs to it.
    after_cr: [bool; STREAMS],
    /// The numbers of the lines that begin in the present frame.
    first_number: Option<u64>,
    next_number: u64,
}

#[derive(Debug, Clone, Default)]
enum State {
    /// The next byte begins a line.
    #[default]
    Fresh,
    Open(OpenLine),
    /// The line was given out as cut: its rest is passed over.
    Rest,
}

#[derive(Debug, Clone)]
struct OpenLine {
    offset: u64,
    number: u64,
    at_ms: i64,
    bytes: Vec<u8>,
    /// Its beginning is not kept.
    beheaded: bool,
}

impl OpenLine {
    fn as_line(&self, stream: LogStream, cut: bool) -> Line<'_> {
        Line {
            offset: self.offset,
            number: self.number,
            stream,
            at_ms: self.at_ms,
            bytes: &self.bytes,
            cut: cut || self.beheaded,
        }
    }
}

impl Assembler {
    /// The bytes of its open lines.
    pub(super) fn held_bytes(&self) -> usize {
        let held = self.streams.iter().map(|state| match state {
            State::Open(line) => line.bytes.capacity(),
            State::Fresh | State::Rest => 0,
        });
        held.sum()
    }

    /// Nothing is open. Lines are cut at `line_bytes`.
    pub(super) fn new(line_bytes: usize) -> Self {
        Self {
            line_bytes: line_bytes.max(1),
            streams: Default::default(),
            after_cr: [false; STREAMS],
            first_number: None,
            next_number: 0,
        }
    }

    /// A line that began at this offset has not ended.
    pub(super) fn is_open(&self, offset: u64) -> bool {
        self.streams.iter().any(|state| matches!(state, State::Open(l) if l.offset == offset))
    }

    /// Prepares for the bytes of a frame. Lines whose continuation is not kept are given out as
    /// they are; `false`: one was refused.
    pub(super) fn enter(&mut self, frame: Frame, sink: &mut impl Sink) -> bool {
        if frame.after_gap {
            if !self.flush(true, sink) {
                return false;
            }
            self.after_cr = [false; STREAMS];
        }
        let FrameHeader { stream, continues, first_line, next_line, .. } = frame.header;
        let stream = usize::from(stream);
        self.next_number = next_line;
        self.first_number = Some(first_line);
        if !continues && !self.end(stream, false, sink) {
            return false;
        }
        if continues {
            if matches!(self.streams[stream], State::Fresh) {
                self.begin(frame, 0, true);
            }
            self.first_number = None;
        }
        true
    }

    /// Takes the frame's bytes from `from` on. `Some(index)`: a line was refused, take up there.
    pub(super) fn feed(
        &mut self,
        frame: Frame,
        payload: &[u8],
        from: usize,
        sink: &mut impl Sink,
    ) -> Option<usize> {
        let stream = usize::from(frame.header.stream);
        let mut at = from;
        while at < payload.len() {
            let rest = &payload[at..];
            let is_fresh = matches!(self.streams[stream], State::Fresh);
            if is_fresh && std::mem::take(&mut self.after_cr[stream]) && rest[0] == b'\n' {
                // To the shim it is an empty line with a number of its own.
                self.number();
                at += 1;
                continue;
            }
            if is_fresh {
                self.begin(frame, at, false);
            }
            let length = rest.iter().position(|b| matches!(b, b'\n' | b'\r'));
            let Some(taken) = self.extend(stream, &rest[..length.unwrap_or(rest.len())], sink)
            else {
                return Some(at);
            };
            at += taken;
            if length == Some(taken) {
                if !self.end(stream, false, sink) {
                    return Some(at);
                }
                self.after_cr[stream] = payload[at] == b'\r';
                at += 1;
            }
        }
        None
    }

    /// Gives out what is open, in the order of beginning, and forgets it. `false`: one was refused.
    pub(super) fn flush(&mut self, cut: bool, sink: &mut impl Sink) -> bool {
        let began = |state: &State| match state {
            State::Open(line) => Some(line.offset),
            State::Fresh | State::Rest => None,
        };
        while let Some((_, stream)) =
            (0..STREAMS).filter_map(|s| Some((began(&self.streams[s])?, s))).min()
        {
            if !self.end(stream, cut, sink) {
                return false;
            }
        }
        self.streams = Default::default();
        true
    }

    fn begin(&mut self, frame: Frame, at: usize, beheaded: bool) {
        let number = self.number();
        self.streams[usize::from(frame.header.stream)] = State::Open(OpenLine {
            offset: frame.header.offset + at as u64,
            number,
            at_ms: frame.header.at_ms,
            bytes: Vec::new(),
            beheaded,
        });
    }

    /// The number of the line that begins now.
    fn number(&mut self) -> u64 {
        self.first_number.take().unwrap_or_else(|| {
            self.next_number += 1;
            self.next_number - 1
        })
    }

    /// Adds bytes to the open line, or passes over them; how many. `None`: the line is too long and
    /// was refused. It is full then, and the same bytes make it too long again.
    fn extend(&mut self, stream: usize, bytes: &[u8], sink: &mut impl Sink) -> Option<usize> {
        let State::Open(line) = &mut self.streams[stream] else { return Some(bytes.len()) };
        let room = self.line_bytes - line.bytes.len();
        if bytes.len() <= room {
            line.bytes.extend_from_slice(bytes);
            return Some(bytes.len());
        }
        line.bytes.extend_from_slice(&bytes[..room]);
        let taken = sink.offer(line.as_line(name(stream), true));
        if taken {
            self.streams[stream] = State::Rest;
        }
        taken.then_some(bytes.len())
    }

    fn end(&mut self, stream: usize, cut: bool, sink: &mut impl Sink) -> bool {
        if let State::Open(line) = &self.streams[stream]
            && !sink.offer(line.as_line(name(stream), cut))
        {
            return false;
        }
        self.streams[stream] = State::Fresh;
        true
    }
}

fn name(stream: usize) -> LogStream {
    match stream {
        0 => LogStream::Stdout,
        1 => LogStream::Stderr,
        _ => LogStream::System,
    }
}
