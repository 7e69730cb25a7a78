//! The files of a log: its head, then segments as a ring, of which the oldest goes first.
//!
//! A segment is never written over: it is removed and made anew, so that whoever reads it keeps
//! what it opened. A frame that could not be written whole is taken back, so that every file is a
//! row of whole frames, but for the one that is being written.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use super::super::protocol::{
    FRAME_BYTES, FRAME_HEADER_BYTES, FrameHeader, LOG_HEAD, LOG_TAIL_SEGMENTS, log_tail,
};

const HEADER: u64 = FRAME_HEADER_BYTES as u64;

/// Where the next frame goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Head,
    /// The segments begun before this one.
    Tail(u64),
}

#[derive(Debug)]
pub(super) struct Files {
    folder: PathBuf,
    place: Place,
    file: Option<File>,
    used: u64,
    head_cap: u64,
    segment_cap: u64,
    frame: Vec<u8>,
}

impl Files {
    /// No file yet. `head_cap` and `tail_cap` are bytes of files, headers included.
    pub(super) fn new(folder: PathBuf, head_cap: u64, tail_cap: u64) -> Self {
        Self {
            folder,
            place: Place::Head,
            file: None,
            used: 0,
            head_cap,
            segment_cap: tail_cap / u64::from(LOG_TAIL_SEGMENTS),
            frame: Vec::with_capacity(FRAME_HEADER_BYTES + FRAME_BYTES),
        }
    }

    pub(super) fn in_head(&self) -> bool {
        self.place == Place::Head
    }

    /// The most bytes that one more frame of the current file may hold, if `kept_free` bytes are to
    /// be left.
    pub(super) fn room(&self, kept_free: u64) -> usize {
        let cap = match self.place {
            Place::Head => self.head_cap,
            Place::Tail(_) => self.segment_cap,
        };
        let room = cap.saturating_sub(self.used + kept_free + HEADER);
        usize::try_from(room).unwrap_or(usize::MAX).min(FRAME_BYTES)
    }

    /// Whether a segment holds anything at all.
    pub(super) fn has_tail(&self) -> bool {
        self.segment_cap > HEADER
    }

    /// Goes on in the next file, which takes the place of the oldest segment.
    pub(super) fn next(&mut self) {
        self.place = match self.place {
            Place::Head => Place::Tail(0),
            Place::Tail(begun) => Place::Tail(begun + 1),
        };
        self.file = None;
        self.used = 0;
    }

    /// Writes one frame that fits.
    pub(super) fn write(&mut self, header: &FrameHeader, piece: &[u8]) -> io::Result<()> {
        let mut frame = std::mem::take(&mut self.frame);
        frame.clear();
        frame.extend_from_slice(&header.encode());
        frame.extend_from_slice(piece);
        let written = self.append(&frame);
        self.frame = frame;
        written
    }

    fn append(&mut self, frame: &[u8]) -> io::Result<()> {
        let used = self.used;
        let file = match &mut self.file {
            Some(file) => file,
            closed @ None => closed.insert(create(self.folder.join(name(self.place)))?),
        };
        if let Err(error) = file.write_all(frame) {
            if file.set_len(used).is_err() {
                // Half a frame stays at its end; nothing may follow it.
                self.used = self.head_cap.max(self.segment_cap);
            }
            return Err(error);
        }
        self.used += frame.len() as u64;
        Ok(())
    }
}

fn name(place: Place) -> String {
    match place {
        Place::Head => LOG_HEAD.to_owned(),
        Place::Tail(begun) => {
            let segment = begun % u64::from(LOG_TAIL_SEGMENTS);
            log_tail(u32::try_from(segment).expect("a remainder of a u32 fits one"))
        }
    }
}

fn create(path: PathBuf) -> io::Result<File> {
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    OpenOptions::new().append(true).create_new(true).mode(0o600).open(path)
}
