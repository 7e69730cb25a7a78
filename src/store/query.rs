//! What a list of jobs can be asked.

use std::sync::Arc;

use super::filter::JobFilter;
use crate::domain::id::{AcceptNo, EventNo};
use crate::domain::job::Job;

/// The order of a list of jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum JobOrder {
    /// The one accepted last first.
    #[default]
    Newest,
    /// The one accepted first first.
    Oldest,
    /// QUEUED jobs only: those in line and those that are being started by acceptance, then the
    /// delayed ones by when they come into line.
    QueueOrder,
    /// Ended jobs only: the one that ended last first.
    RecentlyEnded,
}

/// A place in an order, which rows that come or go never shift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// What the order goes by, in milliseconds; 0 where it goes by acceptance alone.
    pub rank: i64,
    /// Decides where ranks are equal.
    pub accepted: AcceptNo,
}

impl JobOrder {
    /// Where a job of this order stands in it.
    pub fn position(self, job: &Job) -> Position {
        let at = match self {
            Self::Newest | Self::Oldest => None,
            Self::QueueOrder => job.delayed.map(|(until, _)| until),
            Self::RecentlyEnded => job.ended_at,
        };
        Position { rank: at.map_or(0, |at| at.timestamp_millis()), accepted: job.accepted }
    }
}

/// Which part of a list, by keyset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// So many from the start of the order, after this position.
    First(u32, Option<Position>),
    /// So many from the end of the order, before this position.
    Last(u32, Option<Position>),
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
    /// Look at so many jobs at most, for the page and for the count each, where no index holds
    /// just those that match.
    pub examine: u32,
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
    /// Where the look for more rows was given up, since as many were examined as may be: the page
    /// goes on from here, although it is not full.
    pub cut_at: Option<Position>,
    /// How many match; `None` where it was not asked for or is past a bound.
    pub total: Option<u64>,
    /// The last event that this moment knew.
    pub last_event: EventNo,
}
