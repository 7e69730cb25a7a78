//! Pages of jobs, at a cost that the number of ended jobs does not change.
//!
//! - `source`: pieces of indexes, each in the order of the list.
//! - `sets`, `seek`: the pieces that hold what a condition lets through.
//! - `plan`: which pieces hold what a filter lets through, and whether they hold only that.
//! - `walk`: all pieces together in the order of the list, one entry at a time.
//!
//! Where the pieces hold only what matches, a page reads its own size. Where no index does, the
//! fewest entries that hold all of it are walked and each row is asked, so many rows at most; then
//! the page is cut short and says where it goes on.

mod plan;
mod seek;
mod sets;
mod source;
mod walk;

use std::ops::ControlFlow;
use std::sync::Arc;

use rusqlite::Connection;

use super::failure::Failure;
use super::read;
use super::row::{self, JOB_COLUMNS};
use crate::domain::job::Job;
use crate::store::listing::{Budget, Found, Plan, Way, natural_way};
use crate::store::query::{JobsPage, JobsQuery, Page, Position};
#[cfg(test)]
pub(super) use seek::SEEKS;

/// A page of jobs, its neighbours and its count, as of the moment of `conn`'s transaction.
pub(super) fn jobs(conn: &Connection, query: &JobsQuery) -> Result<JobsPage, Failure> {
    let mut plan = plan::plan(conn, query)?;
    let mut page = read(conn, query, &plan)?;
    if page.cut_at.is_some()
        && let Some(whole) = plan::whole(conn, query)?
    {
        plan = whole;
        page = read(conn, query, &plan)?;
    }
    if let Some(bound) = query.count_up_to {
        page.total = count(conn, query, &plan, bound)?;
    }
    page.last_event = read::last_event(conn)?;
    Ok(page)
}

fn read(conn: &Connection, query: &JobsQuery, plan: &Plan) -> Result<JobsPage, Failure> {
    let order = natural_way(query.order);
    let (way, size, cursor) = match query.page {
        Page::First(size, after) => (order, size, after),
        Page::Last(size, before) => (order.back(), size, before),
    };
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let from = cursor.map_or(way.start(), |cursor| way.past(cursor));
    let mut found = find(conn, query, plan, (way, from), size.saturating_add(1))?;
    let more_ahead = found.jobs.len() > size || found.cut_at.is_some();
    if found.jobs.len() > size {
        found.cut_at = None;
    }
    found.jobs.truncate(size);
    // Whatever lies at the cursor or behind it lies before the page.
    let more_behind = match cursor {
        Some(cursor) => {
            let behind = find(conn, query, plan, (way.back(), cursor), 1)?;
            !behind.jobs.is_empty() || behind.cut_at.is_some()
        }
        None => false,
    };
    let (has_next, has_previous) =
        if way == order { (more_ahead, more_behind) } else { (more_behind, more_ahead) };
    if way != order {
        found.jobs.reverse();
    }
    let Found { jobs, cut_at } = found;
    Ok(JobsPage { jobs, has_next, has_previous, cut_at, ..JobsPage::default() })
}

/// The first `limit` jobs that match, from a position on.
fn find(
    conn: &Connection,
    query: &JobsQuery,
    plan: &Plan,
    (way, from): (Way, Position),
    limit: usize,
) -> Result<Found, Failure> {
    let mut found = Found::default();
    let mut budget = Budget::of(query, plan);
    walk::walk(conn, plan, way, from, &mut |at| {
        if !budget.take() {
            return Ok(ControlFlow::Break(()));
        }
        budget.last = Some(at);
        let job = job(conn, at)?;
        if budget.asks.is_none_or(|filter| filter.matches(&job, job.state)) {
            found.jobs.push(job);
        }
        Ok(if found.jobs.len() < limit {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        })
    })?;
    found.cut_at = budget.last.filter(|_| budget.is_over);
    Ok(found)
}

/// How many match; `None` past the bound, or past what may be examined.
fn count(
    conn: &Connection,
    query: &JobsQuery,
    plan: &Plan,
    bound: u64,
) -> Result<Option<u64>, Failure> {
    let mut total = 0;
    let mut budget = Budget::of(query, plan);
    walk::walk(conn, plan, Way::Up, Way::Up.start(), &mut |at| {
        if !budget.take() {
            return Ok(ControlFlow::Break(()));
        }
        let matches = match budget.asks {
            None => true,
            Some(filter) => {
                let job = job(conn, at)?;
                filter.matches(&job, job.state)
            }
        };
        total += u64::from(matches);
        Ok(if total <= bound { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    Ok((total <= bound && !budget.is_over).then_some(total))
}

/// By its key.
fn job(conn: &Connection, at: Position) -> Result<Arc<Job>, Failure> {
    let sql = format!("SELECT {JOB_COLUMNS} FROM jobs WHERE accept_no = ?1");
    Ok(Arc::new(conn.prepare_cached(&sql)?.query_one([at.accepted.0], row::job)?))
}
