//! What pages of jobs are read from, in terms that every backend shares: ways, pieces of indexes, plans
//! and what a filter asks. How a piece is read is each backend's own.

use std::collections::HashSet;
use std::sync::Arc;

use strum::IntoEnumIterator;

use super::filter::JobFilter;
use super::query::{JobOrder, JobsQuery, Position};
use crate::domain::id::AcceptNo;
use crate::domain::job::Job;
use crate::domain::label::Label;
use crate::domain::names::{KindName, QueueName};
use crate::domain::state::{EndReason, JobState};

/// Which way a list is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// To larger positions.
    Up,
    /// To smaller ones.
    Down,
}

impl Way {
    pub(super) fn back(self) -> Self {
        match self {
            Self::Up => Self::Down,
            Self::Down => Self::Up,
        }
    }

    /// Before every position of this way.
    pub(super) fn start(self) -> Position {
        match self {
            Self::Up => Position { rank: i64::MIN, accepted: AcceptNo(i64::MIN) },
            Self::Down => Position { rank: i64::MAX, accepted: AcceptNo(i64::MAX) },
        }
    }

    /// The position after this one.
    pub(super) fn past(self, Position { rank, accepted }: Position) -> Position {
        let accepted = match self {
            Self::Up => accepted.0.saturating_add(1),
            Self::Down => accepted.0.saturating_sub(1),
        };
        Position { rank, accepted: AcceptNo(accepted) }
    }
}

/// Positions in the order of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// Those of a piece of an index.
    Index(Range),
    /// These, by rising position.
    List(Vec<Position>),
}

/// A piece of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Range {
    /// All jobs by acceptance, by the key.
    All,
    /// By acceptance, by `jobs_by_state`.
    State(JobState),
    /// By acceptance, by `jobs_by_queue`.
    QueueState(QueueName, JobState),
    /// By acceptance, by `jobs_by_kind`.
    KindQueueState(KindName, QueueName, JobState),
    /// By acceptance, by the key of `job_labels`.
    Label(Label),
    /// FAILED jobs by acceptance, by `jobs_by_reason`.
    Reason(EndReason),
    /// Those of one caller by acceptance, by `jobs_by_starter`.
    StarterState(String, JobState),
    /// What is in line, by acceptance, by `jobs_line`.
    Line(QueueName),
    /// What is delayed, by when it comes into line, by `jobs_delayed`.
    Delayed,
    /// Ended jobs by their end, by `jobs_by_end`.
    Ended(QueueName, JobState),
}

impl Range {
    /// The column that its entries stand in the order of, before acceptance.
    pub(super) fn rank(&self) -> Option<&'static str> {
        match self {
            Self::All
            | Self::State(_)
            | Self::QueueState(..)
            | Self::KindQueueState(..)
            | Self::Label(_)
            | Self::Reason(_)
            | Self::StarterState(..)
            | Self::Line(_) => None,
            Self::Delayed => Some("delayed_until"),
            Self::Ended(..) => Some("ended_at"),
        }
    }
}

/// Where a list is read from.
pub(super) struct Plan {
    /// Together they hold all that matches.
    pub(super) sources: Vec<Source>,
    /// They hold nothing else.
    pub(super) is_exact: bool,
    /// Only what lies in here.
    pub(super) clip: Clip,
}

/// The first and the last acceptance number that a list may show.
pub(super) struct Clip(pub(super) i64, pub(super) i64);

impl Clip {
    /// All of them.
    pub(super) const NONE: Self = Self(i64::MIN, i64::MAX);

    /// Where to begin a walk that would begin at `from`.
    pub(super) fn enter(&self, way: Way, from: Position) -> Position {
        let end = match way {
            Way::Up => Position { rank: 0, accepted: AcceptNo(self.0) },
            Way::Down => Position { rank: 0, accepted: AcceptNo(self.1) },
        };
        match way {
            Way::Up if self.0 > i64::MIN => from.max(end),
            Way::Down if self.1 < i64::MAX => from.min(end),
            Way::Up | Way::Down => from,
        }
    }

    /// A walk at this position has nothing more to come.
    pub(super) fn is_left(&self, way: Way, at: Position) -> bool {
        match way {
            Way::Up => at.accepted.0 > self.1,
            Way::Down => at.accepted.0 < self.0,
        }
    }
}

/// The positions of a list from one on, which belongs to it, in the order of the way.
pub(super) fn from_on<'a>(
    list: &'a [Position],
    way: Way,
    from: Position,
) -> Box<dyn Iterator<Item = Position> + 'a> {
    match way {
        Way::Up => Box::new(list[list.partition_point(|at| *at < from)..].iter().copied()),
        Way::Down => Box::new(list[..list.partition_point(|at| *at <= from)].iter().rev().copied()),
    }
}

/// The way in which an order is read.
pub(super) fn natural_way(order: JobOrder) -> Way {
    match order {
        JobOrder::Newest | JobOrder::RecentlyEnded => Way::Down,
        JobOrder::Oldest | JobOrder::QueueOrder => Way::Up,
    }
}

/// What was found on a walk.
#[derive(Default)]
pub(super) struct Found {
    pub(super) jobs: Vec<Arc<Job>>,
    /// As many were examined as may be, and this was the last.
    pub(super) cut_at: Option<Position>,
}

/// Some condition is another one than states, kinds, queues and times, or reasons that say no more
/// than states do.
pub(super) fn asks_more_than_structure(filter: &JobFilter) -> bool {
    filter.workers.is_some()
        || filter.started_by.is_some()
        || filter.labels.is_some()
        || filter.text.is_some()
        || filter.reasons.iter().flatten().any(|reason| state_of(*reason) == JobState::Failed)
            && states(filter).contains(&JobState::Failed)
}

/// The caller, where no other condition is asked than whose a job is, its state and times.
pub(super) fn asks_only_whose(filter: &JobFilter) -> Option<&String> {
    let others = JobFilter { started_by: None, ..filter.clone() };
    let only =
        !asks_more_than_structure(&others) && filter.kinds.is_none() && filter.queues.is_none();
    filter.started_by.as_ref().filter(|_| only)
}

/// Some condition is a time.
pub(super) fn has_time(filter: &JobFilter) -> bool {
    filter.created_after.is_some() || filter.created_before.is_some()
}

/// The state of whatever ended like this, as the CHECKs of the table hold it.
fn state_of(reason: EndReason) -> JobState {
    match reason {
        EndReason::Ok => JobState::Succeeded,
        EndReason::CancelRequested => JobState::Canceled,
        EndReason::ExitCode
        | EndReason::Signal
        | EndReason::Timeout
        | EndReason::OutOfMemory
        | EndReason::SpawnFailed
        | EndReason::ResultInvalid
        | EndReason::Lost
        | EndReason::NotStarted
        | EndReason::Shutdown
        | EndReason::Unkillable => JobState::Failed,
    }
}

/// The states that the filter's states and reasons leave.
pub(super) fn states(filter: &JobFilter) -> Vec<JobState> {
    let of_reasons = |state: &JobState| {
        filter.reasons.as_ref().is_none_or(|r| r.iter().any(|r| state_of(*r) == *state))
    };
    let asked = |state: &JobState| filter.states.as_ref().is_none_or(|s| s.contains(state));
    JobState::iter().filter(asked).filter(of_reasons).collect()
}

/// The reasons, where all that match FAILED for one of them.
pub(super) fn failure_reasons(filter: &JobFilter) -> Option<HashSet<EndReason>> {
    let reasons: HashSet<_> = filter.reasons.as_ref()?.iter().copied().collect();
    (states(filter) == [JobState::Failed]).then_some(reasons)
}

/// How many rows may still be asked whether they match.
pub(super) struct Budget<'a> {
    /// `None`: all that is walked matches, and nothing is asked.
    pub(super) asks: Option<&'a JobFilter>,
    left: u32,
    pub(super) is_over: bool,
    pub(super) last: Option<Position>,
}

impl<'a> Budget<'a> {
    /// For one walk of the plan.
    pub(super) fn of(query: &'a JobsQuery, plan: &Plan) -> Self {
        let asks = (!plan.is_exact).then_some(&query.filter);
        Self { asks, left: query.examine.max(1), is_over: false, last: None }
    }

    /// Takes one row; `false`: there is none left to take.
    pub(super) fn take(&mut self) -> bool {
        if self.asks.is_none() {
            return true;
        }
        self.is_over = self.left == 0;
        self.left = self.left.saturating_sub(1);
        !self.is_over
    }
}
