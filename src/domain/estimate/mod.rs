//! When a job will start and end: its queue is played many times from where it stands, each time with
//! other past runs for the jobs in it.
//!
//! - [`history`]: past runs.
//! - [`lots`]: those of them that tell most of a job.
//! - [`mod@line`]: a queue, and how it is played.
//! - [`play`]: one play.
//! - [`scale`]: keeps "nine of ten" true, by how earlier estimates came out.
//!
//! # Invariants
//!
//! - Pure: the same line, history and seed give the same outlook.
//! - No figure here was fitted to a log: `make foresight` measures on any.
//! - Runs of one kind are drawn as they followed each other (a block bootstrap). What is started
//!   together runs alike: drawn one by one, the sums of many would be far too sure.

use super::clock::Timestamp;

pub mod history;
pub mod line;
mod lots;
mod play;
pub mod scale;

pub use history::{History, Traits};
pub use line::{Line, Outlook, Running, Said, Spread, Waiting};
pub use scale::Scale;

/// When a job will probably start and end: each time the likely instant and the latest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// `None` once it runs.
    pub start: Option<(Timestamp, Timestamp)>,
    /// Its end.
    pub end: (Timestamp, Timestamp),
    /// How many past runs of its kind are known.
    pub runs: usize,
}

#[cfg(test)]
mod tests;
