//! Pages of jobs.

use std::sync::Arc;

use async_graphql::{Object, SimpleObject};

use super::int;
use super::job::Job;
use super::scalar::Cursor;
use crate::api::cursor;
use crate::domain;
use crate::store::query::{JobOrder, JobsPage};

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
pub(crate) struct JobConnection {
    pub(crate) order: JobOrder,
    /// It was asked for from its end.
    pub(crate) backwards: bool,
    pub(crate) page: JobsPage,
}

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
            cursor: cursor::of_job(self.order, job),
            node: Job::new(Arc::clone(job)),
        };
        self.page.jobs.iter().map(edge).collect()
    }

    /// The rows alone.
    async fn nodes(&self) -> Vec<Job> {
        self.page.jobs.iter().cloned().map(Job::new).collect()
    }

    /// Where the page lies.
    async fn page_info(&self) -> PageInfo {
        let JobsPage { jobs, cut_at, has_next, has_previous, .. } = &self.page;
        let of_row = |job: &Arc<domain::job::Job>| cursor::of_job(self.order, job);
        // A page that was cut short goes on where the look was given up, behind its last row.
        let cut = cut_at.map(|at| cursor::of_position(self.order, at));
        let (before, after) = if self.backwards { (cut, None) } else { (None, cut) };
        PageInfo {
            has_next_page: *has_next,
            has_previous_page: *has_previous,
            start_cursor: before.or_else(|| jobs.first().map(of_row)),
            end_cursor: after.or_else(|| jobs.last().map(of_row)),
        }
    }

    /// How many match; counted up to 10,000, then null. Only counted when asked for.
    async fn total_count(&self) -> Option<i32> {
        self.page.total.map(int)
    }

    /// Where the feed stood when this page was read: give it to `jobFeed(after:)` and miss nothing.
    async fn feed_cursor(&self) -> Cursor {
        cursor::of_event(self.page.last_event)
    }
}
