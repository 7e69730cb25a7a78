//! Copies of logs whose folders are elsewhere, as files like those of a folder: whatever reads a log reads
//! them as well.
//!
//! A copy is a row of frames, byte by byte as the shim wrote them, so that a place in one is the same place
//! in the other. It is worth nothing after the process that made it.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::domain::id::JobId;
use crate::shim::protocol::{FRAME_HEADER_BYTES, FrameHeader, LOG_HEAD, STREAM_SYSTEM, log_tail};

pub use crate::shim::protocol::LOG_TAIL_SEGMENTS as SEGMENTS;

/// Beside the folders of attempts.
const COPIES: &str = ".copies";

/// Copies of the logs of jobs.
#[derive(Debug, Clone)]
pub struct Copies(PathBuf);

impl Copies {
    /// Those in `attempts` (`{data}/attempts`).
    pub fn new(attempts: &Path) -> Self {
        Self(attempts.join(COPIES))
    }

    /// Those of them with this name.
    #[must_use]
    pub fn named(&self, name: u64) -> Self {
        Self(self.0.join(name.to_string()))
    }

    /// Removes all of them. Whoever has opened one reads it to its end. Blocks.
    pub fn clear(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.0) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Adds the frames that begin at this offset or behind it to what an attempt printed: to the head, or to
    /// a segment of the tail, one of [`SEGMENTS`]. How many bytes of them Longhaul said itself. After an error
    /// nothing is sure of the copy. Blocks.
    pub fn append(
        &self,
        (job, attempt): (JobId, u32),
        segment: Option<u32>,
        from: u64,
        frames: &[u8],
    ) -> io::Result<u64> {
        let (mut at, mut skipped, mut said) = (0, 0, 0);
        while at < frames.len() {
            let (header, length) = frame(&frames[at..]).ok_or_else(damaged)?;
            if header.offset < from {
                skipped = at + length;
            } else if header.stream == STREAM_SYSTEM {
                said += u64::from(header.length);
            }
            at += length;
        }
        let folder = self.folder(job, attempt);
        DirBuilder::new().mode(0o700).recursive(true).create(&folder)?;
        let mut options = OpenOptions::new();
        let file = folder.join(segment.map_or_else(|| LOG_HEAD.to_owned(), log_tail));
        let mut file = options.append(true).create(true).mode(0o600).open(file)?;
        file.write_all(&frames[skipped..])?;
        Ok(said)
    }

    /// Removes a segment of the tail. Whoever has opened it reads it to its end. Blocks.
    pub fn remove_segment(&self, job: JobId, attempt: u32, segment: u32) -> io::Result<()> {
        match fs::remove_file(self.folder(job, attempt).join(log_tail(segment))) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    pub(super) fn folder(&self, job: JobId, attempt: u32) -> PathBuf {
        self.0.join(job.to_string()).join(attempt.to_string())
    }
}

/// The first frame, and how many bytes it takes.
fn frame(bytes: &[u8]) -> Option<(FrameHeader, usize)> {
    let header = FrameHeader::decode(bytes.first_chunk()?);
    let length = FRAME_HEADER_BYTES.checked_add(usize::try_from(header.length).ok()?)?;
    (length <= bytes.len()).then_some((header, length))
}

fn damaged() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "it is no row of frames")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame_at(offset: u64, stream: u8, text: &str) -> Vec<u8> {
        let header = FrameHeader {
            stream,
            continues: false,
            length: u32::try_from(text.len()).unwrap(),
            at_ms: 1,
            offset,
            first_line: offset + 1,
            next_line: offset + 2,
        };
        [&header.encode()[..], text.as_bytes()].concat()
    }

    #[test]
    fn a_copy_has_each_frame_once() {
        let attempts = tempfile::tempdir().unwrap();
        let all = Copies::new(attempts.path());
        let (copies, job) = (all.named(1), JobId::from_bytes([1; 16]));
        let frames =
            [frame_at(0, 0, "one\n"), frame_at(4, STREAM_SYSTEM, "said\n"), frame_at(9, 1, "x\n")];
        assert_eq!(copies.append((job, 2), None, 0, &frames[..2].concat()).unwrap(), 5);
        // Parts became one: it begins before what is known.
        assert_eq!(copies.append((job, 2), None, 9, &frames.concat()).unwrap(), 0);
        let head = copies.folder(job, 2).join(LOG_HEAD);
        assert!(fs::read(&head).unwrap() == frames.concat());
        assert!(
            copies.append((job, 2), None, 11, &frames[0][..42]).is_err(),
            "that is no whole frame"
        );
        assert_eq!(copies.append((job, 2), Some(3), 11, &frame_at(20, 0, "end\n")).unwrap(), 0);
        let tail = head.with_file_name(log_tail(3));
        assert!(fs::read(&tail).unwrap() == frame_at(20, 0, "end\n"));
        copies.remove_segment(job, 2, 3).unwrap();
        assert!(!tail.exists() && head.exists());
        all.named(2).clear().unwrap();
        assert!(head.exists());
        all.clear().unwrap();
        assert!(!head.exists());
    }
}
