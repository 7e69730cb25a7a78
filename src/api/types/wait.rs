//! What is volatile about a job: its wait and its progress.

use async_graphql::SimpleObject;

use super::enums::WaitReason;
use super::int;
use super::scalar::{DateTime, Long};
use crate::domain;

/// Why a job waits, and where.
#[derive(SimpleObject, Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wait {
    /// The reason.
    reason: WaitReason,
    /// Names the limit, for a person, and of a job that is asked for who holds it, as far as the caller may see those jobs.
    reason_text: String,
    /// 1 = next in its queue; null when not in line (`STARTING`, `NOT_BEFORE`, `RETRY_BACKOFF`).
    position: Option<i32>,
    /// The moment from which it may start, where one is known.
    eligible_at: Option<DateTime>,
}

impl From<&domain::wait::Wait> for Wait {
    /// It names all who are named there: see [`crate::api::access::Access::wait`].
    fn from(wait: &domain::wait::Wait) -> Self {
        Self {
            reason: wait.reason.into(),
            reason_text: wait.text(),
            position: wait.position.map(int),
            eligible_at: wait.eligible_at.map(DateTime),
        }
    }
}

/// What a command said of itself; never implies a state.
#[derive(SimpleObject, Debug, Clone, PartialEq)]
pub(crate) struct Progress {
    /// As reported; usually 0 to 100.
    percent: Option<f64>,
    /// Units done.
    current: Option<Long>,
    /// Units in all.
    total: Option<Long>,
    /// A few words.
    message: Option<String>,
    /// When it was reported.
    updated_at: DateTime,
}

impl From<&domain::job::Progress> for Progress {
    fn from(progress: &domain::job::Progress) -> Self {
        Self {
            // JSON has no other numbers; a command may print any.
            percent: progress.percent.filter(|percent| percent.is_finite()),
            current: progress.current.map(Long::of),
            total: progress.total.map(Long::of),
            message: progress.message.clone(),
            updated_at: DateTime(progress.updated_at),
        }
    }
}
