//! What an attempt printed, as bytes: for a download with ranges.

use std::io;
use std::ops::Range;

use crate::domain::log::LogStream;

use super::frames::{Frame, Frames, Position, Source, is_of};

/// The kept bytes of an attempt's output at one moment. They stay readable as long as this lives.
#[derive(Debug)]
pub struct RawLog {
    frames: Frames,
    stream: Option<LogStream>,
    length: u64,
}

impl RawLog {
    pub(super) fn open(source: &Source, stream: Option<LogStream>) -> io::Result<Self> {
        let mut frames = Frames::open(source, Position::default())?;
        let mut length = 0;
        while let Some(frame) = frames.next()? {
            if is_printed(frame, stream) {
                length += u64::from(frame.header.length);
            }
        }
        Ok(Self { frames, stream, length })
    }

    /// How many bytes there are.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// A part of them, piece by piece; what lies behind the end is left out.
    pub fn read(mut self, range: Range<u64>) -> RawRead {
        let end = range.end.min(self.length);
        self.frames.rewind();
        RawRead {
            frames: self.frames,
            stream: self.stream,
            skip: range.start.min(end),
            left: end.saturating_sub(range.start),
        }
    }
}

/// A part of the output, piece by piece, each as long as one frame at most. Reading blocks.
#[derive(Debug)]
pub struct RawRead {
    frames: Frames,
    stream: Option<LogStream>,
    skip: u64,
    left: u64,
}

impl Iterator for RawRead {
    type Item = io::Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let piece = self.piece();
        if piece.is_err() {
            self.left = 0;
        }
        Some(piece)
    }
}

impl RawRead {
    fn piece(&mut self) -> io::Result<Vec<u8>> {
        while let Some(frame) = self.frames.next()? {
            let length = u64::from(frame.header.length);
            if !is_printed(frame, self.stream) {
                continue;
            }
            if self.skip >= length {
                self.skip -= length;
                continue;
            }
            let bytes = self.frames.payload()?.ok_or_else(shortened)?;
            let from = usize::try_from(std::mem::take(&mut self.skip)).unwrap_or(usize::MAX);
            let left = usize::try_from(self.left).unwrap_or(usize::MAX);
            let bytes = &bytes[from..bytes.len().min(from.saturating_add(left))];
            self.left -= bytes.len() as u64;
            return Ok(bytes.to_vec());
        }
        Err(shortened())
    }
}

fn is_printed(frame: Frame, stream: Option<LogStream>) -> bool {
    match stream {
        Some(_) => is_of(frame, stream),
        None => !is_of(frame, Some(LogStream::System)),
    }
}

fn shortened() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the log became shorter while it was read")
}
