//! What can be followed. Each stream subscribes first and reads second, so that nothing falls
//! between the two (P7).

mod feed;
mod log;
mod outlook;
mod queue;
mod status;

use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Context, ID, Subscription as GraphQlSubscription};
use futures::future::Either;
use futures::stream::{self, Stream, StreamExt};

use crate::api::access::Access;
use crate::api::context::{Parts, job_id};
use crate::api::error::{ApiError, Result};
use crate::api::filter::{JobFilter, filter};
use crate::api::input::{attempt, count};
use crate::api::shared::Given;
use crate::api::types::enums::LogStream;
use crate::api::types::log::LogChunk;
use crate::api::types::queue::Queue;
use crate::api::types::scalar::Cursor;
use feed::{Feed, JobFeed};
use log::{LogTail, TailArguments};
use queue::QueueStream;
pub(crate) use status::{JobStatus, StatusStream, Told};

/// The shortest time between two messages of what is throttled.
const MIN_INTERVAL_MS: i32 = 50;
/// The same where nobody says.
const DEFAULT_INTERVAL_MS: i32 = 250;
/// The same for one job: a place in line is told within 250 ms of its change, and the way takes some.
const DEFAULT_STATUS_MS: i32 = 200;

/// The shortest time between two messages of one queue.
const MIN_STATS_MS: i32 = 250;
/// The same where nobody says.
const DEFAULT_STATS_MS: i32 = 1_000;

/// The root of all subscriptions.
pub(crate) struct Subscription;

fn interval(name: &'static str, given: Option<i32>, default: i32, least: i32) -> Result<Duration> {
    let given = given.unwrap_or(default);
    match u64::try_from(given) {
        Ok(millis) if given >= least => Ok(Duration::from_millis(millis)),
        _ => {
            let message = format!("`{name}` must be {least} or more, and is {given}");
            Err(ApiError::invalid_input(name, message))
        }
    }
}

/// Of streams about jobs.
fn job_interval(given: Option<i32>, default: i32) -> Result<Duration> {
    interval("minIntervalMs", given, default, MIN_INTERVAL_MS)
}

/// One source of messages. After an error nothing more comes.
pub(crate) trait Source: Send + 'static {
    type Message: Send;

    /// The next message; `None` at the end. Never called again after an error or the end.
    fn next(&mut self) -> impl Future<Output = Result<Option<Self::Message>>> + Send;
}

fn stream_of<S: Source>(
    ctx: &Context<'_>,
    source: S,
) -> impl Stream<Item = Result<S::Message>> + Send + use<S> {
    let begin = Some((source, Arc::clone(ctx.budget())));
    stream::unfold(begin, |following| async move {
        let (mut source, budget) = following?;
        budget.wait_for_event();
        let message = source.next().await;
        // What the client selected of it is resolved when this returns.
        budget.begin_message();
        match message {
            Ok(message) => message.map(|message| (Ok(message), Some((source, budget)))),
            Err(error) => Some((Err(error), None)),
        }
    })
}

/// Begins to follow a job by the arguments of its field.
pub(crate) async fn open_status(
    access: &Access,
    id: &ID,
    min_interval_ms: Option<i32>,
    wants_estimate: bool,
) -> Result<StatusStream> {
    let interval = job_interval(min_interval_ms, DEFAULT_STATUS_MS)?;
    StatusStream::open(access, job_id(id)?, interval, wants_estimate).await
}

/// Streams. An unknown or invisible id is an error `NOT_FOUND`. One field a request.
#[GraphQlSubscription]
impl Subscription {
    /// At once a SNAPSHOT; then every change; last the terminal state, then complete.
    async fn job_status(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The job's id.")] id: ID,
        #[graphql(
            desc = "Progress and position at most once in this time; state changes never wait. At least 50.",
            default_with = "Some(DEFAULT_STATUS_MS)"
        )]
        min_interval_ms: Option<i32>,
    ) -> Result<impl Stream<Item = Result<JobStatus>>> {
        if let Some(given) = ctx.data_opt::<Given>() {
            return Ok(Either::Left(given.messages()));
        }
        // Boxed: the stream keeps room for what opens it, for as long as it lasts.
        let asked = ctx.look_ahead();
        let wants_estimate =
            asked.field("estimate").exists() || asked.field("job").field("estimate").exists();
        let open = open_status(ctx.access(), &id, min_interval_ms, wants_estimate);
        let status = Box::pin(open).await?;
        let messages = stream_of(ctx, status).map(|told| told.map(JobStatus::new));
        Ok(Either::Right(messages))
    }

    /// Every change of every job that matches or just stopped to; at once a message with the cursor.
    async fn job_feed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which; null: all.")] filter: Option<JobFilter>,
        #[graphql(
            desc = "Resume after this position, from `feedCursor` or a message; null: from now."
        )]
        after: Option<Cursor>,
        #[graphql(
            desc = "One message at most in this time. At least 50.",
            default_with = "Some(DEFAULT_INTERVAL_MS)"
        )]
        min_interval_ms: Option<i32>,
    ) -> Result<impl Stream<Item = Result<JobFeed>>> {
        let interval = job_interval(min_interval_ms, DEFAULT_INTERVAL_MS)?;
        let filter = ctx.access().narrow(self::filter(filter, ctx.handle().limits())?);
        let after = ctx.resume().or(after);
        let feed = Feed::open(ctx.handle().clone(), filter, after, interval).await?;
        Ok(stream_of(ctx, feed))
    }

    /// What was printed after the cursor (or the last `tail` lines; neither: from the start), then live, then complete when nothing more can come.
    #[expect(clippy::too_many_arguments, reason = "each is an argument of the field")]
    async fn job_log(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The job's id.")] id: ID,
        #[graphql(desc = "Resume after this position. Not with `tail`.")] after: Option<Cursor>,
        #[graphql(desc = "Begin with so many lines from the end; at most 5,000.")] tail: Option<
            i32,
        >,
        #[graphql(desc = "Only this stream.")] stream: Option<LogStream>,
        #[graphql(desc = "Only this attempt; null: all.")] attempt: Option<i32>,
    ) -> Result<impl Stream<Item = Result<LogChunk>>> {
        let handle = ctx.handle();
        // What was told already is not to be told again by its tail.
        let (after, tail) = ctx.resume().map_or((after, tail), |cursor| (Some(cursor), None));
        let arguments = TailArguments {
            after,
            tail: count("tail", tail, 1, handle.limits().log_page_lines)?,
            stream: stream.map(Into::into),
            attempt: self::attempt(attempt)?,
        };
        Ok(stream_of(ctx, LogTail::open(ctx.access(), job_id(&id)?, arguments).await?))
    }

    /// A queue, now and then at most once in `intervalMs` when something about it changed. null: every queue, one a message.
    #[expect(clippy::unused_async, reason = "a resolver of a subscription is async")]
    async fn queue_stats(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its name.")] name: Option<String>,
        #[graphql(desc = "At least 250.", default_with = "Some(DEFAULT_STATS_MS)")]
        interval_ms: Option<i32>,
    ) -> Result<impl Stream<Item = Result<Queue>>> {
        let interval = interval("intervalMs", interval_ms, DEFAULT_STATS_MS, MIN_STATS_MS)?;
        let stream = QueueStream::open(ctx.handle(), name.as_deref(), interval)?;
        Ok(stream_of(ctx, stream))
    }
}
