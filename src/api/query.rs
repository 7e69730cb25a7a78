//! What can be read.

use async_graphql::{Context, ID, Object};

use crate::api::context::{Parts, job_id};
use crate::api::error::Result;
use crate::api::filter::{JobFilter, filter};
use crate::api::input::PageArguments;
use crate::api::refusal;
use crate::api::types::enums::JobOrder;
use crate::api::types::job::Job;
use crate::api::types::kind::JobKind;
use crate::api::types::page::JobConnection;
use crate::api::types::queue::Queue;
use crate::api::types::scalar::Cursor;
use crate::api::types::server::ServerInfo;
use crate::store::query::{JobsQuery, Page};

/// So many jobs are counted; more are "many".
const COUNT_UP_TO: u64 = 10_000;
/// So many jobs are looked at for a page, and again for its count, where no index holds just those
/// that match.
const EXAMINE: u32 = 10_000;

/// The root of all queries.
pub(crate) struct Query;

async fn read_job(ctx: &Context<'_>, id: &str) -> Result<Option<Job>> {
    let job = ctx.handle().reader().job(job_id(id)?).await.map_err(refusal::store)?;
    Ok(job.map(Job::new))
}

async fn read_queue(ctx: &Context<'_>, name: &str) -> Result<Option<Queue>> {
    let rows = ctx.handle().reader().queues().await.map_err(refusal::store)?;
    Ok(rows.into_iter().find(|row| row.name.as_str() == name).map(Queue::from))
}

/// Reads.
#[Object]
impl Query {
    /// A job; null when unknown or not visible.
    async fn job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The job's id.")] id: ID,
    ) -> Option<Job> {
        ctx.nullable(read_job(ctx, &id).await)
    }

    /// A page of the jobs that match. With neither `first` nor `last`: the first 20. `first: 0` only counts. A filter that no index serves looks at 10,000 jobs a page at most: the page may be short or empty then although `hasNextPage` is true; go on after `endCursor`.
    #[expect(clippy::too_many_arguments, reason = "each is an argument of the field")]
    async fn jobs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which; null: all.")] filter: Option<JobFilter>,
        #[graphql(desc = "In which order.", default_with = "Some(JobOrder::Newest)")]
        order_by: Option<JobOrder>,
        #[graphql(desc = "So many from the start, at most 100. Not with `last`.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Only those after this position. Goes with `first`.")] after: Option<
            Cursor,
        >,
        #[graphql(desc = "So many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only those before this position. Goes with `last`.")] before: Option<
            Cursor,
        >,
    ) -> Result<JobConnection> {
        let handle = ctx.handle();
        let order = order_by.unwrap_or(JobOrder::Newest).into();
        let page = PageArguments { first, after, last, before }.page(order, handle.limits())?;
        let backwards = matches!(page, Page::Last(..));
        let query = JobsQuery {
            filter: self::filter(filter, handle.limits())?,
            order,
            page,
            examine: EXAMINE,
            count_up_to: ctx.look_ahead().field("totalCount").exists().then_some(COUNT_UP_TO),
        };
        let page = handle.reader().jobs(query).await.map_err(refusal::store)?;
        Ok(JobConnection { order, backwards, page })
    }

    /// All kinds that are declared.
    async fn kinds(&self, ctx: &Context<'_>) -> Vec<JobKind> {
        ctx.handle().catalog().kinds.values().cloned().map(JobKind::Declared).collect()
    }

    /// One kind; null when unknown.
    async fn kind(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its name.")] name: String,
    ) -> Option<JobKind> {
        ctx.handle().catalog().kinds.get(name.as_str()).cloned().map(JobKind::Declared)
    }

    /// All queues that are declared.
    async fn queues(&self, ctx: &Context<'_>) -> Result<Vec<Queue>> {
        let rows = ctx.handle().reader().queues().await.map_err(refusal::store)?;
        let declared = &ctx.handle().catalog().queues;
        let rows = rows.into_iter().filter(|row| declared.contains_key(&row.name));
        Ok(rows.map(Queue::from).collect())
    }

    /// One queue; null when unknown.
    async fn queue(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its name.", default_with = "Some(\"default\".to_owned())")] name: Option<
            String,
        >,
    ) -> Option<Queue> {
        ctx.nullable(read_queue(ctx, name.as_deref().unwrap_or("default")).await)
    }

    /// This server.
    async fn server(&self) -> ServerInfo {
        ServerInfo
    }
}
