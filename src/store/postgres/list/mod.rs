//! Pages of jobs, at a cost that the number of ended jobs does not change.
//!
//! - `source`: pieces of indexes, each in the order of the list.
//! - `sets`, `seek`: the pieces that hold what a condition lets through.
//! - `plan`: which pieces hold what a filter lets through, and whether they hold only that.
//! - `walk`: all pieces together in the order of the list, some entries at a time.
//!
//! Where the pieces hold only what matches, a page reads its own size. Where no index does, the
//! fewest entries that hold all of it are walked and each row is asked, so many rows at most; then
//! the page is cut short and says where it goes on.

mod plan;
mod seek;
mod sets;
mod source;
mod walk;

use std::collections::HashMap;
use std::sync::Arc;

use super::failure::Failure;
use super::read;
use super::readers::{Moment, Readers};
use super::row::{self, JOB_COLUMNS};
use crate::domain::job::Job;
use crate::store::listing::{Budget, Found, Plan, Way, natural_way};
use crate::store::query::{JobsPage, JobsQuery, Page, Position};
use walk::Walk;

/// So many rows are asked at once whether they match.
const ASKED_AT_ONCE: usize = 256;

/// A page of jobs, its neighbours and its count, as of one moment.
pub(super) async fn jobs(readers: &Readers, query: &JobsQuery) -> Result<JobsPage, Failure> {
    let mut client = readers.lend().await?;
    let moment = &Moment::begin(&mut client).await?;
    let mut plan = plan::plan(moment, query).await?;
    let mut page = read(moment, query, &plan).await?;
    if page.cut_at.is_some()
        && let Some(whole) = plan::whole(moment, query).await?
    {
        plan = whole;
        page = read(moment, query, &plan).await?;
    }
    if let Some(bound) = query.count_up_to {
        page.total = count(moment, query, &plan, bound).await?;
    }
    page.last_event = read::last_event(moment).await?;
    Ok(page)
}

async fn read(moment: &Moment<'_>, query: &JobsQuery, plan: &Plan) -> Result<JobsPage, Failure> {
    let order = natural_way(query.order);
    let (way, size, cursor) = match query.page {
        Page::First(size, after) => (order, size, after),
        Page::Last(size, before) => (order.back(), size, before),
    };
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let from = cursor.map_or(way.start(), |cursor| way.past(cursor));
    let mut found = find(moment, query, plan, (way, from), size.saturating_add(1)).await?;
    let more_ahead = found.jobs.len() > size || found.cut_at.is_some();
    if found.jobs.len() > size {
        found.cut_at = None;
    }
    found.jobs.truncate(size);
    // Whatever lies at the cursor or behind it lies before the page.
    let more_behind = match cursor {
        Some(cursor) => {
            let behind = find(moment, query, plan, (way.back(), cursor), 1).await?;
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
async fn find(
    moment: &Moment<'_>,
    query: &JobsQuery,
    plan: &Plan,
    (way, from): (Way, Position),
    limit: usize,
) -> Result<Found, Failure> {
    let mut found = Found::default();
    let mut budget = Budget::of(query, plan);
    let mut walk = Walk::new(moment, plan, way, from);
    'all: loop {
        let wanted = if budget.asks.is_none() { limit - found.jobs.len() } else { ASKED_AT_ONCE };
        let piece = walk.next(wanted).await?;
        if piece.is_empty() {
            break;
        }
        let mut rows = rows(moment, &piece).await?;
        for at in piece {
            if !budget.take() {
                break 'all;
            }
            budget.last = Some(at);
            let Some(job) = rows.remove(&at.accepted.0) else { continue };
            if budget.asks.is_none_or(|filter| filter.matches(&job, job.state)) {
                found.jobs.push(job);
            }
            if found.jobs.len() >= limit {
                break 'all;
            }
        }
    }
    found.cut_at = budget.last.filter(|_| budget.is_over);
    Ok(found)
}

/// How many match; `None` past the bound, or past what may be examined.
async fn count(
    moment: &Moment<'_>,
    query: &JobsQuery,
    plan: &Plan,
    bound: u64,
) -> Result<Option<u64>, Failure> {
    let mut total = 0;
    let mut budget = Budget::of(query, plan);
    let mut walk = Walk::new(moment, plan, Way::Up, Way::Up.start());
    'all: loop {
        let most = usize::try_from(bound - total).unwrap_or(usize::MAX).saturating_add(1);
        let wanted = if budget.asks.is_none() { most } else { ASKED_AT_ONCE };
        let piece = walk.next(wanted).await?;
        if piece.is_empty() {
            break;
        }
        let rows = match budget.asks {
            Some(_) => rows(moment, &piece).await?,
            None => HashMap::new(),
        };
        for at in piece {
            if !budget.take() {
                break 'all;
            }
            let is_asked = |job: &Arc<Job>| query.filter.matches(job, job.state);
            let matches = budget.asks.is_none() || rows.get(&at.accepted.0).is_some_and(is_asked);
            total += u64::from(matches);
            if total > bound {
                break 'all;
            }
        }
    }
    Ok((total <= bound && !budget.is_over).then_some(total))
}

/// The rows at these positions by their numbers, each by its key.
async fn rows(moment: &Moment<'_>, piece: &[Position]) -> Result<HashMap<i64, Arc<Job>>, Failure> {
    let numbers: Vec<i64> = piece.iter().map(|at| at.accepted.0).collect();
    let sql = format!("SELECT {JOB_COLUMNS} FROM jobs WHERE accept_no = ANY ($1)");
    let rows = moment.rows(&sql, &[&numbers]).await?;
    let by_number = |row| row::job(row).map(|job| (job.accepted.0, Arc::new(job)));
    rows.iter().map(by_number).collect()
}
