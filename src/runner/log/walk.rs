//! Goes through the log of one attempt, frame by frame and line by line, and knows where it stands.

use std::io;

use super::frames::{Frame, Frames, Position, Source};
use super::lines::{Assembler, Sink};
use super::resume::Place;

/// A walk through the log of one attempt.
pub(super) struct Walk {
    frames: Frames,
    pub(super) assembler: Assembler,
    /// Where to go on.
    position: Position,
    mid_frame: bool,
    /// `position` and the assembler belong together: nothing was given out past them.
    is_resumable: bool,
}

pub(super) enum Stop {
    /// Everything that is there was read.
    End,
    /// The page wants no more.
    Refused,
}

impl Walk {
    /// Goes on at a place in a log.
    pub(super) fn open(source: &Source, place: Place) -> io::Result<Self> {
        Ok(Self {
            frames: Frames::open(source, place.position)?,
            assembler: place.assembler,
            position: place.position,
            mid_frame: place.mid_frame,
            is_resumable: true,
        })
    }

    /// Where another walk may go on; `None` where lines were given out past the last such place.
    pub(super) fn place(&self) -> Option<Place> {
        self.is_resumable.then(|| Place {
            position: self.position,
            assembler: self.assembler.clone(),
            mid_frame: self.mid_frame,
        })
    }

    /// Hands all lines to the sink. `arrive` is asked at the first byte of each frame and may
    /// end the walk.
    pub(super) fn run<S: Sink>(
        &mut self,
        sink: &mut S,
        arrive: impl Fn(&mut S, Frame, &Assembler) -> bool,
    ) -> io::Result<Stop> {
        while let Some(frame) = self.frames.next()? {
            let resumed = std::mem::take(&mut self.mid_frame) && !frame.after_gap;
            if !resumed && !self.assembler.enter(frame, sink) {
                self.is_resumable = false;
                return Ok(Stop::Refused);
            }
            // Asked behind `enter`: a line that a cut ends was begun before it.
            if !arrive(sink, frame, &self.assembler) {
                return Ok(Stop::Refused);
            }
            let skip = self.position.offset.saturating_sub(frame.header.offset);
            let from = if resumed { usize::try_from(skip).unwrap_or(usize::MAX) } else { 0 };
            let position = self.frames.position(frame.header.offset);
            // A file that lost bytes: what comes next comes after a gap.
            let Some(payload) = self.frames.payload()? else { continue };
            if let Some(at) = self.assembler.feed(frame, payload, from, sink) {
                let offset = frame.header.offset + at as u64;
                self.position = Position { offset, ..position };
                self.mid_frame = true;
                return Ok(Stop::Refused);
            }
        }
        self.position = self.frames.position(self.frames.reached());
        Ok(Stop::End)
    }
}
