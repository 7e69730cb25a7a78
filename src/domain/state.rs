//! The law of a job's state: six states, what may happen to a job, and the one function that
//! says what follows. Live code, recovery and the store all ask it; SQL guards and CHECK
//! constraints repeat it.

use serde::{Deserialize, Serialize};
use strum::{EnumIter, EnumString, IntoStaticStr};

/// Where a job is. Frozen: detail lives beside it, in the reason to wait and the reason it ended.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    EnumIter,
    EnumString,
    IntoStaticStr,
    Serialize,
    Deserialize,
)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum JobState {
    /// Waiting, with or without an open attempt.
    Queued,
    /// Its process was started and its end is not recorded.
    Running,
    /// Asked to stop; its processes are not all gone.
    Canceling,
    /// Ended well. Final.
    Succeeded,
    /// Ended badly. Final.
    Failed,
    /// Stopped on request, and none of its processes is left. Final.
    Canceled,
}

/// What can happen to a job, as a committed fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumIter, IntoStaticStr)]
pub enum JobEvent {
    /// It was given a slot: an attempt is open.
    Claimed,
    /// The process of its open attempt exists.
    Started,
    /// Somebody asked to cancel it while no attempt was open.
    CanceledWaiting,
    /// Somebody asked to cancel it while an attempt was open.
    CancelRequested,
    /// Its attempt ended well.
    Succeeded,
    /// Its attempt ended badly, and no retry is left.
    Failed,
    /// Its attempt ended badly, and another one will come.
    FailedRetrying,
    /// Its attempt ended through no fault of its own (stop, crash, never ran), and counts for no try.
    GivenBack,
    /// Its attempt was stopped because somebody asked for it, and no process is left.
    Stopped,
    /// Its processes did not die when they were killed.
    Unkillable,
}

/// An event that cannot happen in that state: a stale message, or a bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{event:?} cannot happen to a job that is {from:?}")]
pub struct IllegalTransition {
    /// The state that the job was in.
    pub from: JobState,
    /// What was said to have happened.
    pub event: JobEvent,
}

impl JobState {
    /// SUCCEEDED, FAILED or CANCELED: nothing changes it any more (P5).
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Canceled)
    }

    /// The state after `event`, or why that event cannot happen here.
    pub fn after(self, event: JobEvent) -> Result<Self, IllegalTransition> {
        use JobEvent as E;
        match (self, event) {
            (Self::Queued, E::Claimed | E::FailedRetrying | E::GivenBack)
            | (Self::Running, E::FailedRetrying | E::GivenBack) => Ok(Self::Queued),
            (Self::Queued, E::Started) => Ok(Self::Running),
            // A claim that was canceled before its process was known to exist stays canceled: the
            // start is recorded, the intent to stop is not forgotten.
            (Self::Canceling, E::Started)
            | (Self::Queued | Self::Running | Self::Canceling, E::CancelRequested) => {
                Ok(Self::Canceling)
            }
            (Self::Running, E::Succeeded) => Ok(Self::Succeeded),
            (Self::Queued | Self::Running, E::Failed | E::Unkillable)
            | (Self::Canceling, E::Unkillable) => Ok(Self::Failed),
            // P9, P10: however an attempt ends after a cancel was acknowledged, it is no success
            // and no failure, and it is never tried again.
            (
                Self::Canceling,
                E::Succeeded | E::Failed | E::FailedRetrying | E::GivenBack | E::Stopped,
            )
            | (Self::Queued, E::CanceledWaiting) => Ok(Self::Canceled),
            (from, event) => Err(IllegalTransition { from, event }),
        }
    }
}

/// How an attempt or a job ended.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    EnumIter,
    EnumString,
    IntoStaticStr,
    Serialize,
    Deserialize,
)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EndReason {
    /// It did what it should.
    Ok,
    /// Its exit code says failure.
    ExitCode,
    /// A signal that Longhaul did not send ended it.
    Signal,
    /// It ran longer than its timeout.
    Timeout,
    /// The kernel ended it for want of memory.
    OutOfMemory,
    /// Its program could not be started.
    SpawnFailed,
    /// It wrote a result that is no JSON, too large, or not what its kind promises.
    ResultInvalid,
    /// Its server or worker died, and nobody knows how it ended.
    Lost,
    /// Given back before its program began; counts for nothing.
    NotStarted,
    /// Somebody asked to cancel it.
    CancelRequested,
    /// The server stopped while it ran.
    Shutdown,
    /// Its processes did not die when they were killed.
    Unkillable,
}

#[cfg(test)]
mod tests {
    use super::*;
    use strum::IntoEnumIterator;

    #[test]
    fn every_state_meets_every_event() {
        let pairs = JobState::iter().flat_map(|s| JobEvent::iter().map(move |e| (s, e)));
        let rows = pairs.map(|(state, event)| match state.after(event) {
            Ok(next) => format!("{state:?} + {event:?} -> {next:?}"),
            Err(_) => format!("{state:?} + {event:?} is refused"),
        });
        insta::assert_snapshot!(rows.collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn nothing_follows_a_final_state() {
        // P5
        for state in JobState::iter().filter(|s| s.is_terminal()) {
            for event in JobEvent::iter() {
                assert!(state.after(event).is_err(), "{state:?} + {event:?}");
            }
        }
    }
}
