//! Queues as they are kept, how one is changed, and what is counted of them.

use crate::domain::clock::Timestamp;
use crate::domain::names::{CallerName, QueueName};

/// A queue as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueRow {
    /// Its name.
    pub name: QueueName,
    /// The slots in force: the override, or the file's.
    pub slots: u32,
    /// The slots that the file last gave.
    pub file_slots: u32,
    /// Since when it is paused, and the note given with that.
    pub paused: Option<Pause>,
}

/// A pause of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// Since when.
    pub at: Timestamp,
    /// Why, for a person.
    pub note: Option<String>,
    /// Who asked for it.
    pub by: Option<CallerName>,
}

/// A change of a queue.
#[derive(Debug, Clone)]
pub enum QueueChange {
    /// Start nothing more.
    Pause(Pause),
    /// Start again.
    Resume,
    /// So many slots, until the file says another number than it said last.
    Slots(u32),
}

/// How many jobs of a queue are where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueCounts {
    /// In line.
    pub waiting: u64,
    /// QUEUED, and delayed.
    pub delayed: u64,
    /// With an open attempt.
    pub open: u64,
    /// Since when the first in line could have started.
    pub oldest: Option<Timestamp>,
}

/// How many jobs of a queue ended in one minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndCount {
    /// The minute, counted from 1970.
    pub minute: i64,
    /// How many ended in it.
    pub ended: u64,
    /// How many of these FAILED.
    pub failed: u64,
}
