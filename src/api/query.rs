//! What can be read.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Context, ID, Object};
use chrono::TimeDelta;

use crate::api::context::{Parts, job_id, unreadable};
use crate::api::error::Result;
use crate::api::filter::{JobFilter as JobFilterInput, filter};
use crate::api::input::{PageArguments, StartJobInput, count};
use crate::api::refusal;
use crate::api::types::check::JobCheck;
use crate::api::types::enums::JobOrder;
use crate::api::types::job::Job;
use crate::api::types::kind::JobKind;
use crate::api::types::node::Node;
use crate::api::types::page::JobConnection;
use crate::api::types::queue::Queue;
use crate::api::types::scalar::Cursor;
use crate::api::types::server::ServerInfo;
use crate::api::types::token::Token;
use crate::api::types::worker::Worker;
use crate::api::wait;
use crate::store::filter::JobFilter;
use crate::store::query::{JobsQuery, Page};

/// So many jobs are counted; more are "many".
const COUNT_UP_TO: u64 = 10_000;
/// So many jobs are looked at for a page, and again for its count, where no index holds just those
/// that match.
const EXAMINE: u32 = 10_000;

/// How long `waitJob` waits where nobody says.
const DEFAULT_WAIT_MS: i32 = 30_000;
/// Who was seen since then is listed among the workers.
const WORKERS_SEEN: TimeDelta = TimeDelta::days(1);
/// So many of them, beside this one.
const MAX_WORKERS: u32 = 101;

/// The root of all queries.
pub(crate) struct Query;

async fn read_job(ctx: &Context<'_>, id: &str) -> Result<Option<Job>> {
    Ok(ctx.access().job(job_id(id)?).await?.map(Job::new))
}

/// A kind that is declared, or that a job still has.
async fn read_kind(ctx: &Context<'_>, name: &str) -> Result<Option<JobKind>> {
    let (handle, access) = (ctx.handle(), ctx.access());
    if let Some(kind) = handle.catalog().kinds.get(name) {
        let kind = Some(kind).filter(|kind| access.caller().sees_kind(&kind.name));
        return Ok(kind.map(|kind| JobKind::Declared(Arc::clone(kind))));
    }
    let Ok(name) = name.parse() else { return Ok(None) };
    let query = JobsQuery {
        filter: JobFilter { kinds: Some(vec![name]), ..JobFilter::default() },
        order: JobOrder::Newest.into(),
        page: Page::First(1, None),
        count_up_to: None,
        examine: EXAMINE,
    };
    let page = access.jobs(query).await?;
    Ok(page.jobs.first().map(|job| JobKind::of(job, handle.catalog(), access.caller())))
}

fn read_queue(ctx: &Context<'_>, name: &str) -> Option<Queue> {
    ctx.handle().queue(name).map(|row| Queue::named(row.name))
}

async fn read_node(ctx: &Context<'_>, id: &str) -> Result<Option<Node>> {
    if let Some(name) = id.strip_prefix("kind:") {
        return Ok(read_kind(ctx, name).await?.map(Node::JobKind));
    }
    if let Some(name) = id.strip_prefix("queue:") {
        let queue = read_queue(ctx, name).filter(|_| !ctx.access().caller().is_share());
        return Ok(queue.map(Node::Queue));
    }
    if let Some(worker) = id.strip_prefix("worker:") {
        let worker = worker.parse().map_err(unreadable)?;
        let worker = ctx.handle().worker(worker).await.map_err(refusal::store)?;
        let worker = worker.filter(|_| ctx.access().caller().sees_all());
        return Ok(worker.map(|worker| Node::Worker(Worker(worker))));
    }
    Ok(read_job(ctx, id).await?.map(Node::Job))
}

/// The workers of the last day, the one that was seen last first: this one.
async fn read_workers(ctx: &Context<'_>) -> Result<Vec<Worker>> {
    let handle = ctx.handle();
    let since = ctx.clock().now() - WORKERS_SEEN;
    let seen = handle.reader().workers(since, MAX_WORKERS).await.map_err(refusal::store)?;
    let me = Arc::clone(handle.me());
    let others = seen.into_iter().map(Arc::new).filter(|worker| worker.id != me.id);
    Ok(std::iter::once(Arc::clone(&me)).chain(others).map(Worker).collect())
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
        #[graphql(desc = "Which; null: all.")] filter: Option<JobFilterInput>,
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
        let page = ctx.access().jobs(query).await?;
        Ok(JobConnection { order, backwards, page })
    }

    /// The job that the caller started with this key; null when there is none.
    async fn job_by_idempotency_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "As given to `startJob`.")] key: String,
    ) -> Option<Job> {
        let job = ctx.access().job_by_key(&key).await;
        ctx.nullable(job.map(|job| job.map(Job::new)))
    }

    /// What `startJob` would say of this input, and the place it would get. Stores nothing.
    async fn check_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "As for `startJob`.")] input: StartJobInput,
    ) -> Result<JobCheck> {
        JobCheck::new(ctx.access().check(input.into()).await?)
    }

    /// Returns at the job's end, or after `timeoutMs` with the job as it is: look at `terminal`. Unknown: error `NOT_FOUND`.
    async fn wait_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The job's id.")] id: ID,
        #[graphql(
            desc = "How long to wait; at most 60,000.",
            default_with = "Some(DEFAULT_WAIT_MS)"
        )]
        timeout_ms: Option<i32>,
    ) -> Result<Job> {
        let most = ctx.handle().limits().wait_ms;
        let millis = count("timeoutMs", timeout_ms, 0, most)?;
        let millis = millis.unwrap_or_else(|| most.min(DEFAULT_WAIT_MS.unsigned_abs()));
        let time = Duration::from_millis(millis.into());
        wait::until_end(ctx, job_id(&id)?, time).await.map(Job::new)
    }

    /// All kinds that are declared, and that the caller may see.
    async fn kinds(&self, ctx: &Context<'_>) -> Vec<JobKind> {
        let kinds = ctx.handle().catalog().kinds.values();
        let seen = kinds.filter(|kind| ctx.access().caller().sees_kind(&kind.name));
        seen.cloned().map(JobKind::Declared).collect()
    }

    /// One kind; null when unknown.
    async fn kind(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its name.")] name: String,
    ) -> Option<JobKind> {
        ctx.nullable(read_kind(ctx, &name).await)
    }

    /// All queues that are declared.
    async fn queues(&self, ctx: &Context<'_>) -> Vec<Queue> {
        ctx.handle().queues().into_iter().map(|row| Queue::named(row.name)).collect()
    }

    /// One queue; null when unknown.
    async fn queue(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its name.", default_with = "Some(\"default\".to_owned())")] name: Option<
            String,
        >,
    ) -> Option<Queue> {
        read_queue(ctx, name.as_deref().unwrap_or("default"))
    }

    /// All workers seen in the last day, this one first; at most 100 others.
    async fn workers(&self, ctx: &Context<'_>) -> Result<Vec<Worker>> {
        read_workers(ctx).await
    }

    /// Anything with an id; null when unknown or not visible.
    async fn node(&self, ctx: &Context<'_>, #[graphql(desc = "Its id.")] id: ID) -> Option<Node> {
        ctx.nullable(read_node(ctx, &id).await)
    }

    /// This server.
    async fn server(&self) -> ServerInfo {
        ServerInfo
    }

    /// Who asks; null where the server asks nobody for a token.
    async fn viewer(&self, ctx: &Context<'_>) -> Option<Token> {
        ctx.access().caller().token().cloned().map(Token)
    }

    /// All tokens that are kept, but for shares, the one made last first: those that are live, and the last 1,000 that are over. Needs the scope `admin`.
    async fn tokens(&self, ctx: &Context<'_>) -> Result<Vec<Token>> {
        let tokens = ctx.handle().reader().tokens().await.map_err(refusal::store)?;
        Ok(tokens.into_iter().map(Token).collect())
    }
}
