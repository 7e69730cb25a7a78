//! Reads each new line of one attempt once, and leaves out what it cannot keep up with.

use std::io;
use std::path::PathBuf;

use crate::domain::log::LogStream;

use super::frames::{Frame, Frames, Position, Source};
use super::lines::{Assembler, Line, Sink};
use super::resume::Place;
use super::walk::Walk;

/// So much is read at once. A command that prints faster is sampled: what is behind the last of it
/// is passed over, by the headers of its frames alone.
const WINDOW: u64 = 256 * 1024;

/// A reader of new lines.
#[derive(Debug)]
pub(crate) struct Follower {
    source: Source,
    line_bytes: usize,
    place: Place,
}

impl Follower {
    /// Follows the log in an attempt's folder from its beginning.
    pub(crate) fn new(folder: PathBuf, line_bytes: usize) -> Self {
        Self { source: Source::Folder(folder), line_bytes, place: Place::start(line_bytes) }
    }

    /// Hands on the whole lines that the command printed since the last call. Blocks.
    pub(crate) fn read(&mut self, each: impl FnMut(&str)) -> io::Result<()> {
        let mut frames = Frames::open(&self.source, self.place.position)?;
        while frames.next()?.is_some() {}
        if frames.reached() > self.place.position.offset + WINDOW {
            self.place = Place::start(self.line_bytes);
            self.place.position = Position { offset: frames.reached() - WINDOW, head_at: 0 };
        }
        let mut walk = Walk::open(&self.source, self.place.clone())?;
        walk.run(&mut Each(each), |_, _: Frame, _: &Assembler| true)?;
        if let Some(place) = walk.place() {
            self.place = place;
        }
        Ok(())
    }
}

struct Each<F>(F);

impl<F: FnMut(&str)> Sink for Each<F> {
    fn offer(&mut self, line: Line<'_>) -> bool {
        if line.stream != LogStream::System && line.is_whole() {
            (self.0)(&line.text());
        }
        true
    }
}
