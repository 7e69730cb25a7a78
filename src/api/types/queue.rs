//! A queue, as declared and as stored.

use std::time::Duration;

use async_graphql::{Context, ID, Object, SimpleObject};

use super::int;
use super::scalar::{DateTime, Long};
use crate::api::context::Parts;
use crate::api::error::Result;
use crate::api::refusal;
use crate::domain::clock::Timestamp;
use crate::domain::names::QueueName;
use crate::store::{Pause, QueueRow};

/// A queue by its name; everything else about it is in memory.
pub(crate) struct Queue(QueueName);

impl Queue {
    pub(crate) fn named(name: QueueName) -> Self {
        Self(name)
    }

    fn row(&self, ctx: &Context<'_>) -> Option<QueueRow> {
        ctx.handle().queue(self.0.as_str())
    }

    fn pause(&self, ctx: &Context<'_>) -> Option<Pause> {
        self.row(ctx)?.paused
    }

    fn is_declared(&self, ctx: &Context<'_>) -> bool {
        ctx.handle().catalog().queues.contains_key(&self.0)
    }
}

/// A line, first in, first out, with its own slots.
#[Object]
impl Queue {
    /// `queue:` and the name.
    pub(crate) async fn id(&self) -> ID {
        ID(format!("queue:{}", self.0))
    }

    /// As arguments take it.
    async fn name(&self) -> &str {
        self.0.as_str()
    }

    /// false: the configuration no longer has it; only old jobs have it.
    async fn declared(&self, ctx: &Context<'_>) -> bool {
        self.is_declared(ctx)
    }

    /// How many of its jobs may run at once.
    async fn slots(&self, ctx: &Context<'_>) -> i32 {
        self.row(ctx).map_or(0, |row| int(row.slots))
    }

    /// How many may wait; 0 where it is no longer declared.
    async fn max_waiting(&self, ctx: &Context<'_>) -> i32 {
        let spec = ctx.handle().catalog().queues.get(&self.0);
        spec.map_or(0, |spec| int(spec.max_waiting))
    }

    /// Starts nothing at present.
    async fn paused(&self, ctx: &Context<'_>) -> bool {
        self.pause(ctx).is_some()
    }

    /// The name of the token that paused it; null without tokens.
    async fn paused_by(&self, ctx: &Context<'_>) -> Option<String> {
        self.pause(ctx)?.by.map(Into::into)
    }

    /// Since when it is paused.
    async fn paused_at(&self, ctx: &Context<'_>) -> Option<DateTime> {
        self.pause(ctx).map(|pause| DateTime(pause.at))
    }

    /// The note given with the pause.
    async fn paused_note(&self, ctx: &Context<'_>) -> Option<String> {
        self.pause(ctx)?.note
    }

    /// May the caller pause it and change its slots?
    async fn viewer_can_manage(&self, ctx: &Context<'_>) -> bool {
        self.is_declared(ctx) && ctx.access().caller().is_admin()
    }

    /// Its numbers now.
    async fn stats(&self, ctx: &Context<'_>) -> Result<QueueStats> {
        let counts = ctx.handle().reader().queue_counts(&self.0).await.map_err(refusal::store)?;
        let at: Timestamp = ctx.clock().now();
        let lately = ctx.handle().lately(&self.0);
        let millis = |duration: Option<Duration>| duration.map(|d| Long::of(d.as_millis()));
        Ok(QueueStats {
            at: DateTime(at),
            running: int(counts.open),
            waiting: int(counts.waiting),
            not_before: int(counts.delayed),
            oldest_wait_ms: counts
                .oldest
                .map(|since| Long::of((at - since).num_milliseconds().max(0))),
            wait_p50_ms: millis(lately.wait_p50),
            wait_p95_ms: millis(lately.wait_p95),
            run_p50_ms: millis(lately.run_p50),
            run_p95_ms: millis(lately.run_p95),
            ended_last_hour: int(lately.ended),
            failed_last_hour: int(lately.failed),
            drain_estimate_ms: millis(ctx.handle().drain_estimate(&self.0).await),
        })
    }
}

/// Numbers of a queue at one moment; percentiles and counts over the last hour, counts by whole minutes, percentiles of its last 500 ends at most.
#[derive(SimpleObject, Debug, Clone)]
pub(crate) struct QueueStats {
    /// The moment.
    at: DateTime,
    /// With a slot: starting, running or stopping.
    running: i32,
    /// In line.
    waiting: i32,
    /// Accepted, but not in line yet (`NOT_BEFORE`, `RETRY_BACKOFF`).
    not_before: i32,
    /// How long the first in line has waited.
    oldest_wait_ms: Option<Long>,
    /// Median wait.
    #[graphql(name = "waitP50Ms")]
    wait_p50_ms: Option<Long>,
    /// 95 of 100 waited less.
    #[graphql(name = "waitP95Ms")]
    wait_p95_ms: Option<Long>,
    /// Median run.
    #[graphql(name = "runP50Ms")]
    run_p50_ms: Option<Long>,
    /// 95 of 100 ran less.
    #[graphql(name = "runP95Ms")]
    run_p95_ms: Option<Long>,
    /// Ended in the last hour.
    ended_last_hour: i32,
    /// FAILED in the last hour.
    failed_last_hour: i32,
    /// Until all that are in line now have started, by estimate; null where the queue stands still.
    drain_estimate_ms: Option<Long>,
}
