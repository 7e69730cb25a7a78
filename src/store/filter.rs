//! Which jobs a list or a feed is about: one meaning for both, as a pure function of a job's row.

use crate::domain::clock::Timestamp;
use crate::domain::event::{Event, JobChange};
use crate::domain::job::Job;
use crate::domain::label::Label;
use crate::domain::names::{KindName, QueueName};
use crate::domain::state::{EndReason, JobState};

/// Which jobs: all that is given must hold. `None`: no condition; an empty list matches nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobFilter {
    /// In one of these states.
    pub states: Option<Vec<JobState>>,
    /// Of one of these kinds.
    pub kinds: Option<Vec<KindName>>,
    /// In one of these queues.
    pub queues: Option<Vec<QueueName>>,
    /// Whose latest attempt was claimed by a worker of one of these names.
    pub workers: Option<Vec<String>>,
    /// With every one of these labels.
    pub labels: Option<Vec<Label>>,
    /// Ended in one of these ways.
    pub reasons: Option<Vec<EndReason>>,
    /// Started by the caller of this name.
    pub started_by: Option<String>,
    /// Accepted at this instant or after.
    pub created_after: Option<Timestamp>,
    /// Accepted before this instant.
    pub created_before: Option<Timestamp>,
    /// With this in its id, its kind or its labels.
    pub text: Option<Text>,
}

/// The beginning of an id, or a part of a kind's name or of a label; case does not matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text(String);

impl JobFilter {
    /// Would a job match if it were in `state`? A job that has not ended in that state has no
    /// reason in it.
    pub fn matches(&self, job: &Job, state: JobState) -> bool {
        self.matches_forever(job)
            && among(self.states.as_deref(), &state)
            && self.reasons.as_ref().is_none_or(|reasons| {
                state.is_terminal() && job.reason.is_some_and(|reason| reasons.contains(&reason))
            })
            && self.workers.as_ref().is_none_or(|names| {
                job.worker.as_ref().is_some_and(|worker| names.iter().any(|n| **n == *worker.name))
            })
    }

    /// Did or does the job of a committed change match: (before it, after it)?
    pub fn matches_change(&self, event: &Event, job: &Job) -> (bool, bool) {
        let after = event.change != JobChange::Removed && self.matches(job, event.state);
        let Some(state) = event.before else { return (false, after) };
        // Who ran it before a new claim is not in the row: take it that it matched, so that nobody
        // keeps a row which no longer does.
        let is_claim = event.change == JobChange::Updated && event.state == JobState::Queued;
        if is_claim && job.attempt > 1 && self.workers.is_some() {
            let others = Self { workers: None, ..self.clone() };
            return (others.matches(job, state), after);
        }
        let never_ran = is_claim && self.workers.is_some();
        (!never_ran && self.matches(job, state), after)
    }

    /// What never changes of a job.
    fn matches_forever(&self, job: &Job) -> bool {
        among(self.kinds.as_deref(), &job.kind)
            && among(self.queues.as_deref(), &job.queue)
            && self.labels.as_ref().is_none_or(|labels| {
                !labels.is_empty() && labels.iter().all(|label| job.labels.contains(label))
            })
            && self.started_by.as_ref().is_none_or(|name| {
                job.started_by.as_ref().is_some_and(|starter| starter.as_str() == name)
            })
            && self.created_after.is_none_or(|at| job.created_at >= at)
            && self.created_before.is_none_or(|at| job.created_at < at)
            && self.text.as_ref().is_none_or(|text| text.is_of(job))
    }
}

fn among<T: PartialEq>(asked: Option<&[T]>, value: &T) -> bool {
    asked.is_none_or(|asked| asked.contains(value))
}

impl Text {
    /// What to look for; `None` where it is empty, which every job has.
    pub fn new(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self(text.to_lowercase()))
    }

    /// It stands in the job's id, kind or labels.
    pub fn is_of(&self, job: &Job) -> bool {
        let of_label = |label: &Label| self.is_in(&label.key) || self.is_in(&label.value);
        self.is_in(job.kind.as_str())
            || job.labels.as_slice().iter().any(of_label)
            || (self.digits().is_some() && job.id.to_string().starts_with(&self.0))
    }

    /// It is a part of this.
    pub fn is_in(&self, text: &str) -> bool {
        text.to_lowercase().contains(&self.0)
    }

    /// The hexadecimal digits of the ids that begin with it; `None` where none can.
    pub fn digits(&self) -> Option<String> {
        let is_id = self.0.len() <= 36
            && self.0.bytes().enumerate().all(|(at, byte)| match at {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            });
        is_id.then(|| self.0.replace('-', ""))
    }
}
