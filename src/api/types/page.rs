//! Pages of jobs.

use std::sync::Arc;

use async_graphql::{Object, SimpleObject};

use super::int;
use super::job::Job;
use super::scalar::Cursor;
use crate::api::cursor;
use crate::domain;
use crate::store::query::JobsPage;

/// Where a page lies in its list.
#[derive(SimpleObject, Debug, Clone, PartialEq, Eq)]
pub(crate) struct PageInfo {
    /// There is more after it.
    pub(crate) has_next_page: bool,
    /// There is more before it.
    pub(crate) has_previous_page: bool,
    /// Of its first row; null when it is empty.
    pub(crate) start_cursor: Option<Cursor>,
    /// Of its last row; null when it is empty.
    pub(crate) end_cursor: Option<Cursor>,
}

/// A page as the store gave it.
pub(crate) struct JobConnection(pub(crate) JobsPage);

/// A row of a page of jobs.
#[derive(SimpleObject)]
pub(crate) struct JobEdge {
    /// Its position.
    cursor: Cursor,
    /// The job.
    node: Job,
}

/// A page of jobs.
#[Object]
impl JobConnection {
    /// The rows with their positions.
    async fn edges(&self) -> Vec<JobEdge> {
        let edge = |job: &Arc<domain::job::Job>| JobEdge {
            cursor: cursor::of_job(job),
            node: Job::new(Arc::clone(job)),
        };
        self.0.jobs.iter().map(edge).collect()
    }

    /// The rows alone.
    async fn nodes(&self) -> Vec<Job> {
        self.0.jobs.iter().cloned().map(Job::new).collect()
    }

    /// Where the page lies.
    async fn page_info(&self) -> PageInfo {
        let cursor = |job: Option<&Arc<domain::job::Job>>| job.map(|job| cursor::of_job(job));
        PageInfo {
            has_next_page: self.0.has_next,
            has_previous_page: self.0.has_previous,
            start_cursor: cursor(self.0.jobs.first()),
            end_cursor: cursor(self.0.jobs.last()),
        }
    }

    /// How many match; counted up to 10,000, then null. Only counted when asked for.
    async fn total_count(&self) -> Option<i32> {
        self.0.total.map(int)
    }

    /// Where the feed stood when this page was read: give it to `jobFeed(after:)` and miss nothing.
    async fn feed_cursor(&self) -> Cursor {
        cursor::of_event(self.0.last_event)
    }
}
