//! A job as a client sees it.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, SimpleObject};

use super::attempt::{Attempt, Usage};
use super::enums::{EndReason, JobState, LogStream};
use super::estimate::Estimate;
use super::event::JobEventPage;
use super::int;
use super::kind::JobKind;
use super::log::LogPage;
use super::queue::Queue;
use super::scalar::{Cursor, DateTime, Json, Long};
use super::wait::{Progress, Wait};
use super::worker::Worker;
use crate::api::context::Parts;
use crate::api::cursor;
use crate::api::error::Result;
use crate::api::input::{LogArguments, count};
use crate::api::refusal;
use crate::api::shared::Moment;
use crate::domain;
use crate::domain::attempt::signal_name;
use crate::domain::names::CallerName;

/// The most events of a page, and as many where nobody says.
pub(crate) const MAX_EVENTS: u32 = 100;
const DEFAULT_EVENTS: i32 = 100;
/// The most attempts that a job shows.
const MAX_ATTEMPTS: u32 = 100;

/// One row: every field is of its moment. What is volatile by nature is of the moment of reading, or of
/// the message that it goes with.
#[derive(Clone)]
pub(crate) struct Job(Arc<domain::job::Job>, Option<Arc<Moment>>);

impl Job {
    pub(crate) fn new(row: Arc<domain::job::Job>) -> Self {
        Self(row, None)
    }

    /// Of a message: nothing of it needs to be read, or to know who asks.
    pub(crate) fn of(row: Arc<domain::job::Job>, moment: Arc<Moment>) -> Self {
        Self(row, Some(moment))
    }

    async fn read_result(&self, ctx: &Context<'_>) -> Result<Option<Json>> {
        if !self.0.has_result {
            return Ok(None);
        }
        let read = ctx.handle().reader().result(self.0.id);
        let result = ctx.budget().read(read).await?.map_err(refusal::store)?;
        if let Some(result) = &result {
            ctx.budget().draw_json(result)?;
        }
        Ok(result.map(Json))
    }

    async fn read_log(
        &self,
        ctx: &Context<'_>,
        arguments: LogArguments,
    ) -> Result<Option<LogPage>> {
        let handle = ctx.handle();
        let query = arguments.query(self.0.id, handle.limits())?;
        let read = handle.log_page(Arc::clone(&self.0), query);
        let page = ctx.budget().read(read).await?.map_err(refusal::log)?;
        Ok(Some(LogPage::new(self.0.id, page)))
    }

    async fn read_events(
        &self,
        ctx: &Context<'_>,
        after: Option<Cursor>,
        first: Option<i32>,
    ) -> Result<JobEventPage> {
        let most = count("first", first, 0, MAX_EVENTS)?.unwrap_or(MAX_EVENTS);
        let after =
            after.map(|cursor| cursor::timeline("after", self.0.id, &cursor)).transpose()?;
        let (reader, id) = (ctx.handle().reader(), self.0.id);
        let from = after.unwrap_or_default();
        let mut events = reader.job_events(id, from, most + 1).await.map_err(refusal::store)?;
        let has_next = events.len() > most as usize;
        events.truncate(most as usize);
        // Attempts are numbered in the order of events.
        let attempts = match events.iter().filter_map(|event| event.attempt).max() {
            Some(last) => reader.attempts(id, last, most).await.map_err(refusal::store)?,
            None => Vec::new(),
        };
        Ok(JobEventPage::new(&self.0, &events, &attempts, after.is_some(), has_next))
    }

    async fn read_origin(&self, ctx: &Context<'_>) -> Result<Option<Self>> {
        let Some(id) = self.0.retry_of else { return Ok(None) };
        Ok(ctx.access().job(id).await?.map(Self::new))
    }
}

/// What the caller may do with a job now: right and state both allow it.
#[derive(SimpleObject, Debug, Clone)]
pub(crate) struct JobActions {
    /// Ask it to stop.
    cancel: bool,
    /// Start the same again.
    retry: bool,
    /// Read what it printed.
    read_log: bool,
}

/// A name and a value, attached to a job by its caller, or to a worker or a kind by the configuration.
#[derive(SimpleObject, Debug, Clone)]
pub(crate) struct Label {
    /// The name.
    key: String,
    /// The value.
    value: String,
}

impl Label {
    /// All of them, by key.
    pub(crate) fn all(labels: &domain::label::Labels) -> Vec<Self> {
        let label = |label: &domain::label::Label| {
            let domain::label::Label { key, value } = label.clone();
            Self { key, value }
        };
        labels.as_slice().iter().map(label).collect()
    }
}

/// One request to do work of a kind.
#[Object]
impl Job {
    /// A `UUIDv7`.
    pub(crate) async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// Its kind; `declared` is false where the configuration no longer has it.
    async fn kind(&self, ctx: &Context<'_>) -> JobKind {
        JobKind::of(&self.0, ctx.handle().catalog(), ctx.access().caller())
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
        let read = ctx.handle().reader().args(self.0.id);
        let args = ctx.budget().read(read).await?.map_err(refusal::store)?;
        let args = args.unwrap_or_else(|| serde_json::json!({}));
        ctx.budget().draw_json(&args)?;
        Ok(Json(args))
    }

    /// What the caller attached to it, by key.
    async fn labels(&self) -> Vec<Label> {
        Label::all(&self.0.labels)
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
        match &self.1 {
            Some(moment) => moment.wait.as_ref().map(Wait::from),
            None => ctx.access().wait(&self.0).as_ref().map(Wait::from),
        }
    }

    /// When it will probably start and end; only while QUEUED or RUNNING, once its kind has a history, and not while its queue stands still.
    async fn estimate(&self, ctx: &Context<'_>) -> Option<Estimate> {
        match &self.1 {
            Some(moment) => moment.estimate.map(Estimate::from),
            None => ctx.handle().estimate(&self.0).await.map(Estimate::from),
        }
    }

    /// As its command last reported it.
    async fn progress(&self, ctx: &Context<'_>) -> Option<Progress> {
        match &self.1 {
            Some(moment) => moment.progress.as_deref().map(Progress::from),
            None => ctx.handle().progress(&self.0).as_deref().map(Progress::from),
        }
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

    /// Its attempts, oldest first, the last 100.
    async fn attempts(&self, ctx: &Context<'_>) -> Result<Vec<Attempt>> {
        let attempts = ctx.handle().reader().attempts(self.0.id, u32::MAX, MAX_ATTEMPTS);
        let attempts = attempts.await.map_err(refusal::store)?;
        Ok(attempts.into_iter().map(Attempt).collect())
    }

    /// How long an attempt may run; null: for ever.
    async fn timeout_ms(&self) -> Option<Long> {
        self.0.timeout.map(|timeout| Long::of(timeout.as_millis()))
    }

    /// What its attempts used together; null before the first ended.
    async fn usage(&self) -> Option<Usage> {
        self.0.usage.map(Usage::from)
    }

    /// The worker that runs or ran it; null for who may not see all.
    async fn worker(&self, ctx: &Context<'_>) -> Option<Worker> {
        if !ctx.access().caller().sees_all() {
            return None;
        }
        let worker = ctx.handle().worker(self.0.worker.as_ref()?.id).await.map_err(refusal::store);
        ctx.nullable(worker.map(|worker| worker.map(Worker)))
    }

    /// The key it was started with; null for whoever did not start it.
    async fn idempotency_key(&self, ctx: &Context<'_>) -> Option<&str> {
        self.0.idempotency_key.as_deref().filter(|_| ctx.access().caller().started(&self.0))
    }

    /// The name of the token that started it; null without tokens.
    async fn started_by(&self) -> Option<&str> {
        self.0.started_by.as_ref().map(CallerName::as_str)
    }

    /// The name of the token that asked to cancel it; null without tokens.
    async fn canceled_by(&self) -> Option<&str> {
        self.0.canceled_by.as_ref().map(CallerName::as_str)
    }

    /// The note given with the cancel.
    async fn cancel_note(&self) -> Option<&str> {
        self.0.cancel_note.as_deref()
    }

    /// The job that this one repeats.
    async fn retry_of(&self, ctx: &Context<'_>) -> Option<Job> {
        ctx.nullable(self.read_origin(ctx).await)
    }

    /// Its timeline, oldest first.
    async fn events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only those after this position.")] after: Option<Cursor>,
        #[graphql(
            desc = "How many; null: 100, which is the most.",
            default_with = "Some(DEFAULT_EVENTS)"
        )]
        first: Option<i32>,
    ) -> Result<JobEventPage> {
        self.read_events(ctx, after, first).await
    }

    /// What the caller may do with it now.
    async fn viewer_can(&self, ctx: &Context<'_>) -> JobActions {
        let (handle, caller) = (ctx.handle(), ctx.access().caller());
        let can_start = handle.is_accepting()
            && handle.catalog().kinds.contains_key(&self.0.kind)
            && caller.may_start(&self.0.kind);
        JobActions {
            // A cancel may be made a hard one while it lasts.
            cancel: !self.0.state.is_terminal() && caller.may_cancel(),
            retry: self.0.state.is_terminal() && can_start,
            read_log: true,
        }
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
