//! Why a QUEUED job waits, and where.

use std::fmt::Write as _;

use strum::{EnumIter, IntoStaticStr};

use super::clock::Timestamp;
use super::id::JobId;
use super::names::{CallerName, KindName};

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
    /// No live worker that does not drain takes its kind: none declares it, or has the labels that it asks for.
    NoWorker,
    /// The server is stopping and starts nothing more.
    Draining,
}

/// Why a job waits, and where, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// The reason.
    pub reason: WaitReason,
    /// Names the limit that it meets.
    pub limit: String,
    /// Who holds what it waits for, first those that hold it longest.
    pub holders: Vec<Holder>,
    /// So many more hold it, whom the reader may not know of.
    pub unseen: usize,
    /// What else is to be said, each a sentence of its own.
    pub rest: Vec<String>,
    /// 1 = next in its queue; `None` while not in line.
    pub position: Option<u64>,
    /// The moment from which it may start, where one is known.
    pub eligible_at: Option<Timestamp>,
}

/// So many holders are named.
const NAMED: usize = 3;

/// A job that holds a slot for which others wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Which job.
    pub job: JobId,
    /// Its kind.
    pub kind: KindName,
    /// Who started it: whether a reader may know of it depends on that.
    pub started_by: Option<CallerName>,
    /// How far it says that it is.
    pub percent: Option<u8>,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let id = self.job.to_string();
        // The end of an id tells jobs apart that were started in one minute; its beginning does not.
        write!(f, "{} \u{2026}{}", self.kind, &id[id.len().saturating_sub(8)..])?;
        match self.percent {
            Some(percent) => write!(f, ", {percent} %"),
            None => Ok(()),
        }
    }
}

impl Wait {
    /// One that needs no more words than these.
    pub fn plain(reason: WaitReason, limit: impl Into<String>) -> Self {
        Self {
            reason,
            limit: limit.into(),
            holders: Vec::new(),
            unseen: 0,
            rest: Vec::new(),
            position: None,
            eligible_at: None,
        }
    }

    /// For a reader who may know of these holders only.
    #[must_use]
    pub fn seen_by(mut self, sees: impl Fn(&Holder) -> bool) -> Self {
        let all = self.holders.len();
        self.holders.retain(sees);
        self.unseen += all - self.holders.len();
        self
    }

    /// The same, as one sentence for a person.
    pub fn text(&self) -> String {
        let mut text = self.limit.clone();
        let names: Vec<String> = self.holders.iter().take(NAMED).map(Holder::to_string).collect();
        if !names.is_empty() {
            text.push_str(": ");
            text.push_str(&names.join(", "));
            let more = self.holders.len() - names.len() + self.unseen;
            if more > 0 {
                let _ = write!(text, " and {more} more");
            }
        }
        for more in &self.rest {
            text.push_str("; ");
            text.push_str(more);
        }
        text
    }

    /// It is worth no message that this became that: a slot that changes hands is told with the place that
    /// comes of it, a moment later, and how far its holder is moves all the time.
    pub fn is_as_good_as(&self, other: &Self) -> bool {
        (self.reason, self.position, self.eligible_at, &self.rest)
            == (other.reason, other.position, other.eligible_at, &other.rest)
    }
}
