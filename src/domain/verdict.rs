//! What the end of an attempt means for its job: the step from "the kernel said" to an event of
//! the state law.

use super::attempt::{AttemptEnd, Policy};
use super::state::{EndReason, JobEvent};

/// What a job has gone through before this end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct History {
    /// Attempts that failed before.
    pub failures: u32,
    /// Attempts that were lost before.
    pub losses: u32,
    /// How many attempts failures may cost.
    pub max_attempts: u32,
}

/// The event that `end` is for a job with this history.
///
/// Failures cost attempts; stops and crashes cost none, but a job that is lost more than
/// `max_lost` times fails, since it may be what kills the server. A job that may run at most once
/// is never given back once its command may have begun.
pub fn judge(history: History, policy: &Policy, end: &AttemptEnd) -> JobEvent {
    let give_back_or_fail = || {
        if policy.at_most_once && end.may_have_started {
            JobEvent::Failed
        } else {
            JobEvent::GivenBack
        }
    };
    match end.reason {
        EndReason::Ok => JobEvent::Succeeded,
        EndReason::CancelRequested => JobEvent::Stopped,
        EndReason::Unkillable => JobEvent::Unkillable,
        EndReason::NotStarted => JobEvent::GivenBack,
        EndReason::Lost if history.losses + 1 > policy.max_lost => JobEvent::Failed,
        EndReason::Lost | EndReason::Shutdown => give_back_or_fail(),
        EndReason::ExitCode
        | EndReason::Signal
        | EndReason::Timeout
        | EndReason::OutOfMemory
        | EndReason::SpawnFailed
        | EndReason::ResultInvalid => {
            if history.failures + 1 < history.max_attempts {
                JobEvent::FailedRetrying
            } else {
                JobEvent::Failed
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(reason: EndReason, history: History, policy: &Policy) -> JobEvent {
        judge(history, policy, &AttemptEnd::unrecorded(reason, "", true))
    }

    const FRESH: History = History { failures: 0, losses: 0, max_attempts: 2 };

    #[test]
    fn failures_cost_attempts_and_crashes_do_not() {
        let policy = Policy::default();
        let tired = History { failures: 1, ..FRESH };
        assert_eq!(event(EndReason::ExitCode, FRESH, &policy), JobEvent::FailedRetrying);
        assert_eq!(event(EndReason::ExitCode, tired, &policy), JobEvent::Failed);
        assert_eq!(event(EndReason::Lost, tired, &policy), JobEvent::GivenBack);
        assert_eq!(event(EndReason::Shutdown, tired, &policy), JobEvent::GivenBack);
    }

    #[test]
    fn the_fourth_loss_fails_the_job() {
        let policy = Policy::default();
        let events =
            [0, 2, 3].map(|losses| event(EndReason::Lost, History { losses, ..FRESH }, &policy));
        assert_eq!(events, [JobEvent::GivenBack, JobEvent::GivenBack, JobEvent::Failed]);
    }

    #[test]
    fn at_most_once_is_given_back_only_if_it_never_began() {
        let policy = Policy { at_most_once: true, ..Policy::default() };
        assert_eq!(event(EndReason::Lost, FRESH, &policy), JobEvent::Failed);
        assert_eq!(event(EndReason::Shutdown, FRESH, &policy), JobEvent::Failed);
        assert_eq!(event(EndReason::NotStarted, FRESH, &policy), JobEvent::GivenBack);
        let unbegun = AttemptEnd::unrecorded(EndReason::Lost, "", false);
        assert_eq!(judge(FRESH, &policy, &unbegun), JobEvent::GivenBack);
    }
}
