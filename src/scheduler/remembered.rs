//! What estimates rest on, brought back after a start: how earlier runs went, and of what waits and runs who
//! asked for it, how and when, so that an estimate is the same before and after.
//!
//! The rows of jobs are read before anybody is served, as far as their kinds go; their arguments and what else
//! tells how long they run come behind the server's back. Whoever asks for an estimate of a line meanwhile
//! waits for the first page of it.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::core::Core;
use super::foresight::{Foresight, of_args};
use super::recent::{last, ran_to_its_end};
use crate::domain::estimate::history::KEPT;
use crate::domain::id::JobId;
use crate::domain::job::Job;
use crate::domain::names::QueueName;
use crate::domain::state::JobState;
use crate::store::StoreError;
use crate::store::filter::JobFilter;
use crate::store::query::{JobOrder, JobsQuery, Page, Position};

/// So many jobs are read together.
const PAGE: u32 = 256;

/// Brings all of it back; returns early where the server stops.
pub(super) async fn remember(core: Arc<Core>) {
    let stopping = core.stopping.clone();
    let waits = async {
        if let Err(error) = runs(&core).await {
            core.board.foresight().go_without_runs();
            tracing::warn!(%error, "estimates rest on less than they could");
        }
        waiting(&core).await;
    };
    stopping.run_until_cancelled(waits).await;
    core.remembered.send_replace(true);
}

/// How runs of before this server went, in the order of their ends.
async fn runs(core: &Core) -> Result<(), StoreError> {
    let store = core.store.as_ref();
    let mut jobs = Vec::new();
    for kind in core.catalog.kinds.keys() {
        let filter = JobFilter {
            states: Some(vec![JobState::Succeeded, JobState::Failed]),
            kinds: Some(vec![kind.clone()]),
            ..JobFilter::default()
        };
        let count = u32::try_from(KEPT).unwrap_or(u32::MAX);
        let ended = last(store, filter, JobOrder::Newest, count).await?;
        jobs.extend(ended.into_iter().filter(|job| ran_to_its_end(job)));
    }
    jobs.sort_by_key(|job| (job.ended_at, job.accepted));
    let mut runs = Vec::with_capacity(jobs.len());
    for page in jobs.chunks(PAGE as usize) {
        let args = store.args_of(page.iter().map(|job| job.id).collect()).await;
        for job in page {
            if let (Some(from), Some(to)) = (job.started_at, job.ended_at)
                && let Ok(run) = (to - from).to_std()
            {
                let args = args.get(&job.id).map(of_args).unwrap_or_default();
                runs.push((job.id, Foresight::traits_with(job, args), run.as_secs_f64()));
            }
        }
    }
    core.board.foresight().remember_runs(&runs);
    Ok(())
}

/// What an earlier server left running.
async fn running(core: &Core) {
    let jobs: Vec<_> =
        core.board.foresight().running(None).into_iter().map(|(_, job)| job).collect();
    learn(core, &jobs).await;
}

/// What it left waiting, the first page of each queue first.
async fn waiting(core: &Core) {
    let mut queues: Vec<(QueueName, Option<Position>)> =
        core.catalog.queues.keys().map(|name| (name.clone(), None)).collect();
    while !queues.is_empty() {
        let mut left = Vec::new();
        for (queue, after) in queues {
            match page(core, &queue, after).await {
                Ok(Some(next)) => left.push((queue, Some(next))),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(queue.name = %queue, %error, "estimates rest on less than they could");
                }
            }
        }
        if !*core.remembered.borrow() {
            // After those that wait, of which some run by now.
            running(core).await;
            core.remembered.send_replace(true);
        }
        queues = left;
    }
}

/// A page of those that wait in a queue; where the next one begins.
async fn page(
    core: &Core,
    queue: &QueueName,
    after: Option<Position>,
) -> Result<Option<Position>, StoreError> {
    let filter = JobFilter {
        states: Some(vec![JobState::Queued]),
        queues: Some(vec![queue.clone()]),
        ..JobFilter::default()
    };
    let order = JobOrder::Oldest;
    let page = Page::First(PAGE, after);
    let query = JobsQuery { filter, order, page, count_up_to: None, examine: PAGE };
    let found = core.store.jobs(query).await?;
    learn(core, &found.jobs).await;
    let last = found.jobs.last().map(|job| order.position(job));
    Ok(found.cut_at.or(last).filter(|_| found.has_next))
}

async fn learn(core: &Core, jobs: &[Arc<Job>]) {
    let args: HashMap<JobId, Value> =
        core.store.args_of(jobs.iter().map(|job| job.id).collect()).await;
    let mut foresight = core.board.foresight();
    for job in jobs {
        foresight.remember(job, args.get(&job.id).map(of_args).unwrap_or_default());
    }
}
