//! When a job will start and end: its queue is played many times from where it stands, each time with
//! other past runs for the jobs in it.
//!
//! - [`history`]: past runs, and those that tell most of a job.
//! - [`line`]: a queue, and how it is played.
//! - [`play`]: one play.
//! - [`scale`]: keeps "nine of ten" true, by how earlier estimates came out.
//!
//! # Invariants
//!
//! - Pure: the same line, history and seed give the same outlook.
//! - No figure here was fitted to a log: `make foresight` measures on any.
//! - Runs of one kind are drawn as they followed each other (a block bootstrap). What is started
//!   together runs alike: drawn one by one, the sums of many would be far too sure.

pub mod history;
pub mod line;
mod play;
pub mod scale;

pub use history::{History, Traits};
pub use line::{Line, Outlook, Running, Said, Spread, Waiting};
pub use scale::Scale;

#[cfg(test)]
mod tests;
