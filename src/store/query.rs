//! What a list of jobs can be asked.

use std::sync::Arc;

use crate::domain::event::Event;
use crate::domain::id::{AcceptNo, EventNo};
use crate::domain::job::Job;
use crate::domain::names::{KindName, QueueName};
use crate::domain::state::JobState;

/// The order of a list of jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum JobOrder {
    /// The one accepted last first.
    #[default]
    Newest,
    /// The one accepted first first.
    Oldest,
}

/// Which jobs: all that is given must hold. `None`: no condition; an empty list matches nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobFilter {
    /// In one of these states.
    pub states: Option<Vec<JobState>>,
    /// Of one of these kinds.
    pub kinds: Option<Vec<KindName>>,
    /// In one of these queues.
    pub queues: Option<Vec<QueueName>>,
}

impl JobFilter {
    /// Would a job match if it were in `state`?
    pub fn matches(&self, job: &Job, state: JobState) -> bool {
        self.states.as_ref().is_none_or(|states| states.contains(&state))
            && self.kinds.as_ref().is_none_or(|kinds| kinds.contains(&job.kind))
            && self.queues.as_ref().is_none_or(|queues| queues.contains(&job.queue))
    }

    /// Did or does the job of a committed change match: (before it, after it)?
    pub fn matches_change(&self, event: &Event, job: &Job) -> (bool, bool) {
        (event.before.is_some_and(|s| self.matches(job, s)), self.matches(job, event.state))
    }
}

/// Which part of a list, by keyset: positions are acceptance numbers, so that rows that come or go
/// never shift a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// So many from the start of the order, after this position.
    First(u32, Option<AcceptNo>),
    /// So many from the end of the order, before this position.
    Last(u32, Option<AcceptNo>),
}

/// A question for a page of jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobsQuery {
    /// Which jobs.
    pub filter: JobFilter,
    /// In which order.
    pub order: JobOrder,
    /// Which part.
    pub page: Page,
    /// Count all that match, up to this many.
    pub count_up_to: Option<u64>,
}

/// A page of jobs, all from one moment.
#[derive(Debug, Clone, Default)]
pub struct JobsPage {
    /// The rows, in the order asked for.
    pub jobs: Vec<Arc<Job>>,
    /// There is more after the last row.
    pub has_next: bool,
    /// There is more before the first row.
    pub has_previous: bool,
    /// How many match; `None` where it was not asked for or is past the bound.
    pub total: Option<u64>,
    /// The last event that this moment knew.
    pub last_event: EventNo,
}
