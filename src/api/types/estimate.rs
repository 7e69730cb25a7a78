//! When a job will start and end.

use async_graphql::SimpleObject;

use super::int;
use super::scalar::DateTime;
use crate::domain;

/// From past runs of the same kinds and the slots; a range, because the future is one.
#[derive(SimpleObject, Debug, Clone, PartialEq)]
pub(crate) struct Estimate {
    /// Half start before; null once it runs.
    start_at: Option<DateTime>,
    /// Nine of ten start before; null once it runs.
    start_at_latest: Option<DateTime>,
    /// Half end before.
    end_at: Option<DateTime>,
    /// Nine of ten end before.
    end_at_latest: Option<DateTime>,
    /// How many past runs of its kind this rests on, the latest 512 at most.
    based_on_runs: i32,
}

impl From<domain::estimate::Estimate> for Estimate {
    fn from(estimate: domain::estimate::Estimate) -> Self {
        let domain::estimate::Estimate { start, end, runs } = estimate;
        Self {
            start_at: start.map(|(likely, _)| DateTime(likely)),
            start_at_latest: start.map(|(_, latest)| DateTime(latest)),
            end_at: Some(DateTime(end.0)),
            end_at_latest: Some(DateTime(end.1)),
            based_on_runs: int(runs),
        }
    }
}
