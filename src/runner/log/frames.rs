//! Walks over what is kept of one attempt's log, frame by frame, while the shim goes on writing it.
//!
//! # Invariants
//!
//! - A walk sees the log as it was when it was opened: it ends although the log grows, and it keeps
//!   the segments of the ring that are removed meanwhile.
//! - A frame of which not all is there yet ends its file; so does what cannot be a frame.
//! - Memory is bounded by one frame.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::domain::log::LogStream;
use crate::shim::protocol::{
    FRAME_HEADER_BYTES, FrameHeader, LOG_HEAD, LOG_TAIL_SEGMENTS, files, log_tail,
};

/// How much is read at once where a frame is smaller.
const CHUNK: usize = 16 * 1024;

/// No shim writes a longer frame; what claims to be one is damage.
const MAX_FRAME_BYTES: u32 = 1024 * 1024;

/// The streams that a frame may name.
pub(super) const STREAMS: usize = 3;

/// Where a walk begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// In everything that was printed: the walk begins with the frame that holds this byte, or with
    /// the first one that is kept behind it.
    pub(super) offset: u64,
    /// The place in the head's file of a header that is not behind `offset`; 0 is always right.
    pub(super) head_at: u64,
}

/// One frame, without its bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) header: FrameHeader,
    /// What was printed just before it is not kept.
    pub(super) after_gap: bool,
}

impl Frame {
    /// Where the byte behind its last one stands.
    fn end(&self) -> u64 {
        self.header.offset + u64::from(self.header.length)
    }

    /// The bytes that it takes in its file.
    fn file_bytes(&self) -> u64 {
        FRAME_HEADER_BYTES as u64 + u64::from(self.header.length)
    }
}

/// The frame is one of the stream asked for; `None` asks for all.
pub(super) fn is_of(frame: Frame, stream: Option<LogStream>) -> bool {
    let number = stream.map(|stream| match stream {
        LogStream::Stdout => 0,
        LogStream::Stderr => 1,
        LogStream::System => 2,
    });
    number.is_none_or(|number| number == frame.header.stream)
}

/// Where the log of one attempt stands.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// In its folder, which may not be there.
    Folder(PathBuf),
    /// In the store: what the head had, all of it.
    Stored(Arc<[u8]>),
}

/// A walk over the frames of one attempt.
#[derive(Debug)]
pub(super) struct Frames {
    /// The head and the segments of the tail, in the order of printing.
    pieces: Vec<Piece>,
    /// Which piece the walk is in. The last one stays current at the end.
    current: usize,
    /// The frame whose bytes come next.
    frame: Option<Frame>,
    /// Everything before it was walked over, or skipped.
    reached: u64,
}

impl Frames {
    /// The frames of an attempt from a position on. A folder that is not there has none.
    pub(super) fn open(source: &Source, from: Position) -> io::Result<Self> {
        let mut pieces = Vec::new();
        match source {
            Source::Folder(folder) => {
                for segment in 0..LOG_TAIL_SEGMENTS {
                    pieces.extend(Piece::open(&folder.join(log_tail(segment)), true)?);
                }
                // The head is opened last: once there is a tail the head is final, and before that a
                // longer head is a longer log.
                pieces.extend(Piece::open(&folder.join(LOG_HEAD), false)?);
            }
            Source::Stored(head) => {
                let size = head.len() as u64;
                pieces.extend(Piece::new(Body::Memory(Arc::clone(head)), size, false)?);
            }
        }
        pieces.sort_unstable_by_key(|piece| (piece.is_tail, piece.start));
        let current = pieces
            .iter()
            .rposition(|piece| piece.is_tail && piece.start <= from.offset)
            .unwrap_or(0);
        if let Some(head) = pieces.get_mut(current).filter(|piece| !piece.is_tail)
            && from.head_at <= head.size
        {
            head.at = from.head_at;
        }
        let mut frames = Self { pieces, current, frame: None, reached: 0 };
        frames.skip_to(from.offset)?;
        Ok(frames)
    }

    /// The next frame. What was not read of the one before is skipped.
    pub(super) fn next(&mut self) -> io::Result<Option<Frame>> {
        if let Some(frame) = self.frame.take() {
            self.reached = frame.end();
            self.step_over(frame);
        }
        self.frame = self.peek()?;
        Ok(self.frame)
    }

    /// The bytes of the frame that `next` just gave; `None` where the file lost them.
    pub(super) fn payload(&mut self) -> io::Result<Option<&[u8]>> {
        match (self.pieces.get_mut(self.current), self.frame) {
            (Some(piece), Some(frame)) => {
                piece.load(FRAME_HEADER_BYTES as u64, frame.header.length as usize)
            }
            _ => Ok(None),
        }
    }

    /// A position from which a later walk meets byte `offset`, which this one has reached.
    pub(super) fn position(&self, offset: u64) -> Position {
        let head = self.pieces.get(self.current).filter(|piece| !piece.is_tail);
        Position { offset, head_at: head.map_or(0, |piece| piece.at) }
    }

    /// Everything before this offset was walked over.
    pub(super) fn reached(&self) -> u64 {
        self.reached
    }

    /// Goes back to the beginning of the same frames, whatever was printed or removed since.
    pub(super) fn rewind(&mut self) {
        for piece in &mut self.pieces {
            piece.at = 0;
            piece.expected = piece.start;
        }
        (self.current, self.frame, self.reached) = (0, None, 0);
    }

    /// Where the segment of the tail begins that the frame stands in which `next` just gave; `None`: it
    /// stands in the head.
    pub(super) fn segment(&self) -> Option<u64> {
        self.pieces.get(self.current).filter(|piece| piece.is_tail).map(|piece| piece.start)
    }

    /// Where the first segment of the tail begins; `None` where there is none.
    pub(super) fn tail_start(&self) -> Option<u64> {
        self.pieces.iter().find(|piece| piece.is_tail).map(|piece| piece.start)
    }

    /// Where the head ends, by its headers alone. Ends the walk.
    pub(super) fn head_end(mut self) -> io::Result<u64> {
        self.pieces.retain(|piece| !piece.is_tail);
        self.rewind();
        while self.next()?.is_some() {}
        Ok(self.reached)
    }

    /// The frame at the walk's place.
    fn peek(&mut self) -> io::Result<Option<Frame>> {
        while let Some(piece) = self.pieces.get_mut(self.current) {
            if let Some(header) = piece.header()? {
                return Ok(Some(Frame { header, after_gap: header.offset > self.reached }));
            }
            if self.current + 1 == self.pieces.len() {
                break;
            }
            self.current += 1;
        }
        Ok(None)
    }

    /// Passes over all frames that end before `offset`, by their headers alone.
    fn skip_to(&mut self, offset: u64) -> io::Result<()> {
        while let Some(frame) = self.peek()?.filter(|frame| frame.end() <= offset) {
            self.step_over(frame);
        }
        self.reached = offset;
        Ok(())
    }

    fn step_over(&mut self, frame: Frame) {
        if let Some(piece) = self.pieces.get_mut(self.current) {
            piece.at += frame.file_bytes();
            piece.expected = frame.end();
        }
    }
}

/// The bytes of a piece.
#[derive(Debug)]
enum Body {
    File(File),
    Memory(Arc<[u8]>),
}

impl Body {
    fn read_exact_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        match self {
            Self::File(file) => file.read_exact_at(buffer, at),
            Self::Memory(bytes) => {
                let from = usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
                (&bytes[from..]).read_exact(buffer)
            }
        }
    }
}

/// One file of a log: the head, or a segment of the tail.
#[derive(Debug)]
struct Piece {
    body: Body,
    is_tail: bool,
    /// Its length when it was opened; what came later is not read.
    size: u64,
    /// The offset of its first byte in everything that was printed.
    start: u64,
    /// The place of the next header.
    at: u64,
    /// The least offset that the next frame may have.
    expected: u64,
    buffer: Vec<u8>,
    buffer_at: u64,
}

impl Piece {
    /// `None` where there is no such file, no regular one, or not even one header in it.
    fn open(path: &Path, is_tail: bool) -> io::Result<Option<Self>> {
        let file = match files::open(path) {
            Ok(Some(file)) => file,
            Ok(None) => return Ok(None),
            // The command's doing: what it made of the name holds nothing that we wrote.
            Err(error) if files::is_damage(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let size = file.metadata()?.len();
        Self::new(Body::File(file), size, is_tail)
    }

    /// `None` where not even one header stands in it.
    fn new(body: Body, size: u64, is_tail: bool) -> io::Result<Option<Self>> {
        let (buffer, at) = (Vec::new(), 0);
        let mut piece =
            Self { body, is_tail, size, start: 0, at, expected: 0, buffer, buffer_at: 0 };
        let Some(first) = piece.header()? else { return Ok(None) };
        piece.start = first.offset;
        piece.expected = first.offset;
        Ok(Some(piece))
    }

    /// The header at its place; `None` where no whole frame stands there.
    fn header(&mut self) -> io::Result<Option<FrameHeader>> {
        let (at, size, expected) = (self.at, self.size, self.expected);
        let Some(bytes) = self.load(0, FRAME_HEADER_BYTES)? else { return Ok(None) };
        let mut header = [0; FRAME_HEADER_BYTES];
        header.copy_from_slice(bytes);
        let header = FrameHeader::decode(&header);
        let sound = usize::from(header.stream) < STREAMS
            // None is empty: a hole in a file reads as countless such ones.
            && (1..=MAX_FRAME_BYTES).contains(&header.length)
            && header.offset >= expected
            && header.offset.checked_add(u64::from(header.length)).is_some()
            && at + FRAME_HEADER_BYTES as u64 + u64::from(header.length) <= size;
        Ok(sound.then_some(header))
    }

    /// Bytes from `skip` behind its place on; `None` where the file does not have them.
    fn load(&mut self, skip: u64, length: usize) -> io::Result<Option<&[u8]>> {
        let at = self.at + skip;
        if at + length as u64 > self.size {
            return Ok(None);
        }
        let buffered = self.buffer_at + self.buffer.len() as u64;
        if at < self.buffer_at || at + length as u64 > buffered {
            let ahead = usize::try_from(self.size - at).unwrap_or(usize::MAX).min(CHUNK);
            self.buffer.resize(length.max(ahead), 0);
            self.buffer_at = at;
            match self.body.read_exact_at(&mut self.buffer, at) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    // Shorter than it was: no shim of ours does that. There is nothing more in it.
                    self.buffer.clear();
                    self.size = 0;
                    return Ok(None);
                }
                Err(error) => return Err(error),
            }
        }
        let from = usize::try_from(at - self.buffer_at).expect("the buffer begins at most here");
        Ok(Some(&self.buffer[from..from + length]))
    }
}
