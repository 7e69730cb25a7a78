//! A queue, as declared and as stored.

use async_graphql::{Context, ID, Object, SimpleObject};
use tokio::sync::OnceCell;

use super::int;
use super::scalar::DateTime;
use crate::api::context::Parts;
use crate::api::error::Result;
use crate::api::refusal;
use crate::domain::clock::Timestamp;
use crate::domain::names::QueueName;
use crate::store::{Pause, QueueRow};

/// Its name, and its row once somebody asks for a field of it.
pub(crate) struct Queue {
    name: QueueName,
    row: OnceCell<Option<QueueRow>>,
}

impl Queue {
    pub(crate) fn named(name: QueueName) -> Self {
        Self { name, row: OnceCell::new() }
    }

    async fn row(&self, ctx: &Context<'_>) -> Result<Option<&QueueRow>> {
        let read = || async {
            let rows = ctx.handle().reader().queues().await.map_err(refusal::store)?;
            Ok(rows.into_iter().find(|row| row.name == self.name))
        };
        self.row.get_or_try_init(read).await.map(Option::as_ref)
    }

    async fn pause(&self, ctx: &Context<'_>) -> Result<Option<&Pause>> {
        Ok(self.row(ctx).await?.and_then(|row| row.paused.as_ref()))
    }
}

impl From<QueueRow> for Queue {
    fn from(row: QueueRow) -> Self {
        Self { name: row.name.clone(), row: OnceCell::new_with(Some(Some(row))) }
    }
}

/// A line, first in, first out, with its own slots.
#[Object]
impl Queue {
    /// `queue:` and the name.
    async fn id(&self) -> ID {
        ID(format!("queue:{}", self.name))
    }

    /// As arguments take it.
    async fn name(&self) -> &str {
        self.name.as_str()
    }

    /// false: the configuration no longer has it; only old jobs have it.
    async fn declared(&self, ctx: &Context<'_>) -> bool {
        ctx.handle().catalog().queues.contains_key(&self.name)
    }

    /// How many of its jobs may run at once.
    async fn slots(&self, ctx: &Context<'_>) -> Result<i32> {
        Ok(self.row(ctx).await?.map_or(0, |row| int(row.slots)))
    }

    /// How many may wait; 0 where it is no longer declared.
    async fn max_waiting(&self, ctx: &Context<'_>) -> i32 {
        let spec = ctx.handle().catalog().queues.get(&self.name);
        spec.map_or(0, |spec| int(spec.max_waiting))
    }

    /// Starts nothing at present.
    async fn paused(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(self.row(ctx).await?.is_some_and(|row| row.paused.is_some()))
    }

    /// Since when it is paused.
    async fn paused_at(&self, ctx: &Context<'_>) -> Option<DateTime> {
        ctx.nullable(self.pause(ctx).await).map(|pause| DateTime(pause.at))
    }

    /// The note given with the pause.
    async fn paused_note(&self, ctx: &Context<'_>) -> Option<String> {
        ctx.nullable(self.pause(ctx).await)?.note.clone()
    }

    /// Its numbers now.
    async fn stats(&self, ctx: &Context<'_>) -> Result<QueueStats> {
        let counts =
            ctx.handle().reader().queue_counts(&self.name).await.map_err(refusal::store)?;
        let at: Timestamp = ctx.clock().now();
        Ok(QueueStats {
            at: DateTime(at),
            running: int(counts.open),
            waiting: int(counts.waiting),
            not_before: int(counts.delayed),
        })
    }
}

/// Numbers of a queue at one moment.
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
}
