//! Why a QUEUED job waits, and where.

use strum::{EnumIter, IntoStaticStr};

use super::clock::Timestamp;

/// Why a job waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumIter, IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum WaitReason {
    /// It has a slot; its process is being started.
    Starting,
    /// Every slot of the worker is taken.
    SlotsBusy,
    /// Every slot of its queue is taken.
    QueueSlotsBusy,
    /// Its queue is paused.
    QueuePaused,
    /// Its `notBefore` has not come.
    NotBefore,
    /// An attempt failed; the next one comes after a pause.
    RetryBackoff,
    /// No live worker takes its kind.
    NoWorker,
    /// The server is stopping and starts nothing more.
    Draining,
}

/// Why a job waits, and where, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// The reason.
    pub reason: WaitReason,
    /// The same as a sentence that names the limit.
    pub text: String,
    /// 1 = next in its queue; `None` while not in line.
    pub position: Option<u64>,
    /// The moment from which it may start, where one is known.
    pub eligible_at: Option<Timestamp>,
}
