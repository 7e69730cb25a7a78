//! `waitJob`: an answer that comes with the end of a job.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::Context;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::api::context::Parts;
use crate::api::deadline::Deadline;
use crate::api::error::{ApiError, Code, Result};
use crate::domain::id::JobId;
use crate::domain::job::Job;
use crate::events::{Heard, News};

/// Cancelled when the server stops, as it lies in the schema's data.
pub(crate) struct Closing(pub(crate) CancellationToken);

/// The job at its end, or as it is when the time is up. Nothing is asked again and again: the bus
/// tells of each change.
pub(crate) async fn until_end(ctx: &Context<'_>, id: JobId, time: Duration) -> Result<Arc<Job>> {
    let handle = ctx.handle();
    // Watch first, read second: an end in between is heard.
    let mut watch = handle.bus().watch(id);
    let mut row = ctx.access().must(id).await?;
    if let Some(deadline) = ctx.data_opt::<Deadline>() {
        deadline.allow(time);
    }
    let closing = &ctx.data_unchecked::<Closing>().0;
    let until = Instant::now() + time;
    while !row.state.is_terminal() {
        let heard = tokio::select! {
            heard = watch.next() => heard,
            () = sleep_until(until) => break,
            () = closing.cancelled() => Heard::Closed,
        };
        match heard {
            Heard::News(News::Change(change)) if change.job.seq > row.seq => {
                row = Arc::clone(&change.job);
            }
            Heard::News(_) => {}
            Heard::Lagged(_) => row = ctx.access().must(id).await?,
            Heard::Closed => return Err(stopping()),
        }
    }
    Ok(row)
}

/// Nothing more will be told: the server ends.
pub(crate) fn stopping() -> ApiError {
    ApiError::new(Code::Unavailable, "the server stops; ask again").retry_after_ms(1_000)
}
