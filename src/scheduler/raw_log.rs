//! The kept bytes of an attempt's log, read piece by piece off the threads that answer.

use std::io;
use std::ops::Range;

use crate::runner::log;

/// What an attempt printed, as of the moment it was opened.
pub struct RawLog(log::RawLog);

/// A part of it that is being read.
pub struct RawPieces(log::RawRead);

impl RawLog {
    pub(super) fn new(log: log::RawLog) -> Self {
        Self(log)
    }

    /// How many bytes there are.
    pub fn length(&self) -> u64 {
        self.0.length()
    }

    /// A part of them; what lies behind the end is left out.
    pub fn read(self, range: Range<u64>) -> RawPieces {
        RawPieces(self.0.read(range))
    }
}

impl RawPieces {
    /// The next piece and what is left; `None` at the end. After an error nothing more can be read.
    pub async fn next(mut self) -> io::Result<Option<(Vec<u8>, Self)>> {
        let read = tokio::task::spawn_blocking(move || {
            let piece = self.0.next().transpose()?;
            Ok(piece.map(|piece| (piece, self)))
        });
        read.await.map_err(io::Error::other)?
    }
}
