//! What a job printed.

use async_graphql::{ComplexObject, Context, SimpleObject};

use super::enums::LogStream;
use super::int;
use super::page::PageInfo;
use super::scalar::{Cursor, DateTime, Long};
use crate::api::context::Parts;
use crate::api::cursor;
use crate::api::error::Result;
use crate::domain;
use crate::domain::id::JobId;

/// A line that a job printed.
#[derive(SimpleObject, Debug, Clone)]
#[graphql(complex)]
pub(crate) struct LogLine {
    /// Its position.
    cursor: Cursor,
    /// From 1 in its attempt, both streams together; goes on over what the cap left out. With `attempt` it names the line for ever.
    number: Long,
    /// When it was read.
    at: DateTime,
    /// Where it came from.
    stream: LogStream,
    /// The attempt that printed it.
    attempt: i32,
    #[graphql(skip)]
    text: String,
    /// The line was longer than the limit and is cut.
    cut: bool,
}

#[ComplexObject]
impl LogLine {
    /// The text without its end of line; what is no UTF-8 stands as U+FFFD. Escape sequences are kept.
    #[expect(clippy::unused_async, reason = "a resolver is async")]
    async fn text(&self, ctx: &Context<'_>) -> Result<&str> {
        ctx.budget().draw_text(&self.text)?;
        Ok(&self.text)
    }
}

/// A part of a job's log.
#[derive(SimpleObject, Debug, Clone)]
pub(crate) struct LogPage {
    /// The lines, oldest first.
    nodes: Vec<LogLine>,
    /// Where the part lies.
    page_info: PageInfo,
    /// Bytes that the cap left out, between head and tail.
    dropped_bytes: Long,
    /// No more lines can come.
    complete: bool,
}

/// Lines of a log, as they come.
#[derive(SimpleObject, Debug, Clone)]
pub(crate) struct LogChunk {
    /// Oldest first, at most 500; maybe none.
    pub(crate) lines: Vec<LogLine>,
    /// Resume here.
    pub(crate) cursor: Cursor,
    /// Bytes that the cap left out so far.
    pub(crate) dropped_bytes: Long,
    /// No more lines can come: the last message.
    pub(crate) complete: bool,
}

impl LogLine {
    pub(crate) fn new(job: JobId, line: domain::log::LogLine) -> Self {
        Self {
            cursor: cursor::of_line(job, Some(line.cursor)),
            number: Long::of(line.number),
            at: DateTime(line.at),
            stream: line.stream.into(),
            attempt: int(line.cursor.attempt),
            text: line.text,
            cut: line.cut,
        }
    }
}

impl LogPage {
    pub(crate) fn new(job: JobId, page: domain::log::LogPage) -> Self {
        let cursor = |line: Option<&domain::log::LogLine>| {
            line.map(|line| cursor::of_line(job, Some(line.cursor)))
        };
        Self {
            page_info: PageInfo {
                has_next_page: page.has_next,
                has_previous_page: page.has_previous,
                start_cursor: cursor(page.lines.first()),
                end_cursor: cursor(page.lines.last()),
            },
            nodes: page.lines.into_iter().map(|line| LogLine::new(job, line)).collect(),
            dropped_bytes: Long::of(page.dropped_bytes),
            complete: page.complete,
        }
    }
}
