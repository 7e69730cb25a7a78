//! A job as a client sees it.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, SimpleObject};

use super::enums::{EndReason, JobState, LogStream};
use super::int;
use super::kind::JobKind;
use super::log::LogPage;
use super::queue::Queue;
use super::scalar::{Cursor, DateTime, Json, Long};
use super::wait::{Progress, Wait};
use crate::api::context::Parts;
use crate::api::error::Result;
use crate::api::input::LogArguments;
use crate::api::refusal;
use crate::domain;
use crate::domain::attempt::signal_name;

/// One row: every field is of its moment, except what is volatile by nature.
#[derive(Clone)]
pub(crate) struct Job(Arc<domain::job::Job>);

impl Job {
    pub(crate) fn new(row: Arc<domain::job::Job>) -> Self {
        Self(row)
    }

    async fn read_result(&self, ctx: &Context<'_>) -> Result<Option<Json>> {
        if !self.0.has_result {
            return Ok(None);
        }
        let result = ctx.handle().reader().result(self.0.id).await.map_err(refusal::store)?;
        Ok(result.map(Json))
    }

    async fn read_log(
        &self,
        ctx: &Context<'_>,
        arguments: LogArguments,
    ) -> Result<Option<LogPage>> {
        let handle = ctx.handle();
        let query = arguments.query(self.0.id, handle.limits())?;
        let page = handle.log_page(Arc::clone(&self.0), query).await.map_err(refusal::log)?;
        Ok(Some(LogPage::new(self.0.id, page)))
    }

    async fn read_origin(&self, ctx: &Context<'_>) -> Result<Option<Self>> {
        let Some(id) = self.0.retry_of else { return Ok(None) };
        let job = ctx.handle().reader().job(id).await.map_err(refusal::store)?;
        Ok(job.map(Self))
    }
}

/// A name and a value that the caller attached.
#[derive(SimpleObject, Debug, Clone)]
pub(crate) struct Label {
    /// The name.
    key: String,
    /// The value.
    value: String,
}

/// One request to do work of a kind.
#[Object]
impl Job {
    /// A `UUIDv7`.
    async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// Its kind; `declared` is false where the configuration no longer has it.
    async fn kind(&self, ctx: &Context<'_>) -> JobKind {
        JobKind::of(&self.0, ctx.handle().catalog())
    }

    /// Its queue.
    async fn queue(&self) -> Queue {
        Queue::named(self.0.queue.clone())
    }

    /// Where it is.
    async fn state(&self) -> JobState {
        self.0.state.into()
    }

    /// SUCCEEDED, FAILED or CANCELED: never changes again.
    async fn terminal(&self) -> bool {
        self.0.state.is_terminal()
    }

    /// How it ended; null until then.
    async fn reason(&self) -> Option<EndReason> {
        self.0.reason.map(Into::into)
    }

    /// The same, as one sentence for a person.
    async fn reason_text(&self) -> Option<&str> {
        self.0.reason_text.as_deref()
    }

    /// Its arguments, `{}` where none were given.
    async fn args(&self, ctx: &Context<'_>) -> Result<Json> {
        let args = ctx.handle().reader().args(self.0.id).await.map_err(refusal::store)?;
        Ok(Json(args.unwrap_or_else(|| serde_json::json!({}))))
    }

    /// What the caller attached to it, by key.
    async fn labels(&self) -> Vec<Label> {
        let labels = self.0.labels.as_slice().iter();
        labels.map(|label| Label { key: label.key.clone(), value: label.value.clone() }).collect()
    }

    /// When it was accepted.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// The time before which it may not start, where one was asked for.
    async fn not_before(&self) -> Option<DateTime> {
        self.0.not_before.map(DateTime)
    }

    /// When its latest attempt began.
    async fn started_at(&self) -> Option<DateTime> {
        self.0.started_at.map(DateTime)
    }

    /// When it was first asked to stop.
    async fn cancel_requested_at(&self) -> Option<DateTime> {
        self.0.cancel_requested_at.map(DateTime)
    }

    /// When it reached its last state.
    async fn ended_at(&self) -> Option<DateTime> {
        self.0.ended_at.map(DateTime)
    }

    /// Grows with every committed change of this job. Of two answers, the one with the greater seq is the newer.
    async fn seq(&self) -> i32 {
        int(self.0.seq.0)
    }

    /// Why it waits and where; only while QUEUED.
    async fn wait(&self, ctx: &Context<'_>) -> Option<Wait> {
        ctx.handle().wait(&self.0).map(Wait::from)
    }

    /// As its command last reported it.
    async fn progress(&self, ctx: &Context<'_>) -> Option<Progress> {
        ctx.handle().progress(self.0.id).as_deref().map(Progress::from)
    }

    /// The JSON it returned.
    async fn result(&self, ctx: &Context<'_>) -> Option<Json> {
        ctx.nullable(self.read_result(ctx).await)
    }

    /// The exit code of its latest attempt.
    async fn exit_code(&self) -> Option<i32> {
        self.0.exit_code
    }

    /// The signal that ended its latest attempt, like SIGKILL.
    async fn signal(&self) -> Option<String> {
        self.0.signal.map(signal_name)
    }

    /// The number of its latest attempt, 0 before the first.
    async fn attempt(&self) -> i32 {
        int(self.0.attempt)
    }

    /// How many attempts its failures may cost.
    async fn max_attempts(&self) -> i32 {
        int(self.0.max_attempts)
    }

    /// How long an attempt may run; null: for ever.
    async fn timeout_ms(&self) -> Option<Long> {
        self.0.timeout.map(|timeout| Long::of(timeout.as_millis()))
    }

    /// The key it was started with.
    async fn idempotency_key(&self) -> Option<&str> {
        self.0.idempotency_key.as_deref()
    }

    /// The note given with the cancel.
    async fn cancel_note(&self) -> Option<&str> {
        self.0.cancel_note.as_deref()
    }

    /// The job that this one repeats.
    async fn retry_of(&self, ctx: &Context<'_>) -> Option<Job> {
        ctx.nullable(self.read_origin(ctx).await)
    }

    /// What it printed; null, with an error, where it cannot be read now.
    #[expect(clippy::too_many_arguments, reason = "each is an argument of the field")]
    async fn log(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only lines after this position. Goes with `first`.")] after: Option<
            Cursor,
        >,
        #[graphql(desc = "Only lines before this position. Goes with `last`.")] before: Option<
            Cursor,
        >,
        #[graphql(desc = "So many from the start; at most 5,000. Not with `last`.")] first: Option<
            i32,
        >,
        #[graphql(desc = "So many from the end; at most 5,000. Neither: the last 100.")]
        last: Option<i32>,
        #[graphql(desc = "Only this stream.")] stream: Option<LogStream>,
        #[graphql(desc = "Only this attempt; null: all.")] attempt: Option<i32>,
    ) -> Option<LogPage> {
        let arguments = LogArguments { after, before, first, last, stream, attempt };
        ctx.nullable(self.read_log(ctx, arguments).await)
    }
}
