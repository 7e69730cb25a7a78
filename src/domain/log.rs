//! What a job printed, as its readers see it: lines with positions.

use std::sync::Arc;

use strum::{EnumString, IntoStaticStr};

use super::clock::Timestamp;

/// Which output a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumString, IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum LogStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// What Longhaul says about the attempt: a cut, a stop, a removed `work/`.
    System,
}

/// A position in a job's log: a line is named by where its first byte stands in everything that
/// its attempt printed, whether that is still kept or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogCursor {
    /// The attempt.
    pub attempt: u32,
    /// The offset of the line's first byte, in bytes, both streams together.
    pub offset: u64,
}

/// A line that a job printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Its position.
    pub cursor: LogCursor,
    /// From 1 in its attempt, both streams together; goes on over what the cap left out.
    pub number: u64,
    /// When it was read.
    pub at: Timestamp,
    /// Where it came from.
    pub stream: LogStream,
    /// The text without its end of line; what is no UTF-8 stands as U+FFFD.
    pub text: String,
    /// It was longer than the limit and is cut.
    pub cut: bool,
}

/// Where a page of a log begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFrom {
    /// At the first line.
    Start,
    /// After this line.
    After(LogCursor),
    /// So that it ends before this line.
    Before(LogCursor),
    /// So that it ends with the last line.
    End,
}

/// A question for a part of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogQuery {
    /// Where it begins or ends.
    pub from: LogFrom,
    /// At most so many lines.
    pub lines: u32,
    /// At most so many bytes of text, but at least one line.
    pub bytes: usize,
    /// Only this stream.
    pub stream: Option<LogStream>,
    /// Only this attempt.
    pub attempt: Option<u32>,
}

/// A part of a job's log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is one thing that a reader asks for")]
pub struct LogPage {
    /// The lines, oldest first.
    pub lines: Vec<LogLine>,
    /// There are lines after it now.
    pub has_next: bool,
    /// There are lines before it.
    pub has_previous: bool,
    /// Bytes that the cap left out, over all attempts asked for.
    pub dropped_bytes: u64,
    /// No more lines can come.
    pub complete: bool,
    /// It stops where the rest of an attempt is not to be had here, though it may be elsewhere.
    pub is_cut: bool,
}

/// What one attempt printed, as its supervisor wrote it: frames with their headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLog {
    /// The number of the attempt.
    pub attempt: u32,
    /// Its frames.
    pub frames: Arc<[u8]>,
}
