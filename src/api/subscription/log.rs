//! `jobLog`: what a job printed, then what it prints, then complete.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::Source;
use crate::api::access::Access;
use crate::api::cursor;
use crate::api::error::{ApiError, Result};
use crate::api::refusal;
use crate::api::types::log::{LogChunk, LogLine};
use crate::api::types::scalar::{Cursor, Long};
use crate::api::wait::stopping;
use crate::domain::id::JobId;
use crate::domain::job::Job;
use crate::domain::log::{self, LogCursor, LogFrom, LogQuery, LogStream};
use crate::events::{Heard, News, Watch};
use crate::scheduler::Handle;

/// The most lines of one message.
const MAX_LINES: u32 = 500;
/// The most bytes of text that are kept for a message, but for one line that is longer: whoever stops
/// reading holds so much of the server's memory.
const MAX_BYTES: usize = 8 * 1024;
/// A log that grows all the time is read so often and no more.
const PACE: Duration = Duration::from_millis(50);

/// Which lines.
pub(super) struct TailArguments {
    pub(super) after: Option<Cursor>,
    pub(super) tail: Option<u32>,
    pub(super) stream: Option<LogStream>,
    pub(super) attempt: Option<u32>,
}

/// What lies after the last line that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// Lines, now.
    More,
    /// Maybe lines, later.
    Later,
    /// Nothing, ever.
    Nothing,
}

/// The follower of one log.
pub(super) struct LogTail {
    handle: Handle,
    watch: Watch,
    row: Arc<Job>,
    /// What is read next.
    query: LogQuery,
    /// The last line that was read.
    read: Option<LogCursor>,
    /// The last line that was told.
    told: Option<LogCursor>,
    lines: VecDeque<log::LogLine>,
    dropped_bytes: u64,
    /// What lies after `read`.
    rest: Rest,
    /// When the log may be read again.
    due: Instant,
    /// The first message was sent.
    begun: bool,
    /// The last message was sent.
    done: bool,
}

impl LogTail {
    pub(super) async fn open(access: &Access, id: JobId, arguments: TailArguments) -> Result<Self> {
        if arguments.after.is_some() && arguments.tail.is_some() {
            let message = "`tail` begins anew and `after` goes on: give one of them";
            return Err(ApiError::invalid_input("tail", message));
        }
        let after = arguments.after.map(|cursor| cursor::line("after", id, &cursor)).transpose()?;
        let after = after.flatten();
        // Watch first, read second: growth in between is heard.
        let handle = access.handle().clone();
        let watch = handle.bus().watch(id);
        let row = access.must(id).await?;
        // An end is looked for in one piece, and then read on like any other place.
        let page = handle.limits().log_page_bytes;
        let query = LogQuery {
            from: if arguments.tail.is_some() { LogFrom::End } else { cursor::after(after) },
            lines: arguments.tail.unwrap_or(MAX_LINES),
            bytes: if arguments.tail.is_some() { page } else { page.min(MAX_BYTES) },
            stream: arguments.stream,
            attempt: arguments.attempt,
        };
        Ok(Self {
            handle,
            watch,
            row,
            query,
            read: after,
            told: after,
            lines: VecDeque::new(),
            dropped_bytes: 0,
            rest: Rest::More,
            due: Instant::now(),
            begun: false,
            done: false,
        })
    }

    async fn read_on(&mut self) -> Result<()> {
        let page = self.handle.log_page(Arc::clone(&self.row), self.query.clone());
        let page = page.await.map_err(refusal::log)?;
        self.due = Instant::now() + PACE;
        self.dropped_bytes = page.dropped_bytes;
        self.rest = match (page.has_next, page.complete) {
            (true, _) => Rest::More,
            (false, false) => Rest::Later,
            (false, true) => Rest::Nothing,
        };
        let lines = page.lines.len();
        self.lines = kept(page.lines);
        if self.lines.len() < lines {
            self.rest = Rest::More;
        }
        self.read = self.lines.back().map(|line| line.cursor).or(self.read);
        self.query.from = cursor::after(self.read);
        self.query.lines = MAX_LINES;
        self.query.bytes = self.query.bytes.min(MAX_BYTES);
        Ok(())
    }

    /// An attempt that never was, once the job has ended, is not one that printed nothing.
    fn check_attempt(&self) -> Result<()> {
        match self.query.attempt {
            Some(attempt) if self.row.state.is_terminal() && attempt > self.row.attempt => {
                Err(ApiError::not_found("attempt of this job has the number", &attempt.to_string()))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Waits until there may be more to read.
    async fn growth(&mut self) -> Result<()> {
        let look = Instant::now();
        let look = self.handle.log_interval(&self.row).map(|interval| look + interval);
        loop {
            let heard = tokio::select! {
                heard = self.watch.next() => heard,
                // What another server runs is told by words that may be lost; the store is the truth.
                () = sleep_until(look.unwrap_or_else(Instant::now)), if look.is_some() => {
                    self.row = row(&self.handle, self.row.id).await?;
                    return Ok(());
                }
            };
            match heard {
                Heard::News(News::Progress(_)) => continue,
                Heard::News(News::LogGrew) => {}
                Heard::News(News::Change(change)) => {
                    if change.job.seq > self.row.seq {
                        self.row = Arc::clone(&change.job);
                    }
                }
                Heard::Lagged(_) => self.row = row(&self.handle, self.row.id).await?,
                Heard::Closed => return Err(stopping()),
            }
            // What is heard meanwhile is in the next page too.
            sleep_until(self.due).await;
            return Ok(());
        }
    }

    fn message(&mut self) -> LogChunk {
        let count = self.lines.len().min(MAX_LINES as usize);
        let id = self.row.id;
        let told = self.lines.drain(..count);
        let lines: Vec<_> = told
            .map(|line| {
                self.told = Some(line.cursor);
                LogLine::new(id, line)
            })
            .collect();
        self.begun = true;
        self.done = self.rest == Rest::Nothing && self.lines.is_empty();
        LogChunk {
            lines,
            cursor: cursor::of_line(id, self.told),
            dropped_bytes: Long::of(self.dropped_bytes),
            complete: self.done,
        }
    }
}

impl Source for LogTail {
    type Message = LogChunk;

    async fn next(&mut self) -> Result<Option<LogChunk>> {
        if self.done {
            return Ok(None);
        }
        loop {
            if self.lines.is_empty() {
                if self.rest == Rest::Later {
                    self.growth().await?;
                }
                self.check_attempt()?;
                self.read_on().await?;
            }
            if !self.lines.is_empty() || !self.begun || self.rest == Rest::Nothing {
                return Ok(Some(self.message()));
            }
        }
    }
}

/// The first of the lines, as many as a message may have.
fn kept(mut lines: Vec<log::LogLine>) -> VecDeque<log::LogLine> {
    let mut bytes = 0;
    let mut fits = |line: &log::LogLine| {
        bytes += line.text.len();
        bytes <= MAX_BYTES
    };
    let most = lines.iter().take(MAX_LINES as usize).take_while(|line| fits(line)).count().max(1);
    lines.truncate(most);
    lines.shrink_to_fit();
    lines.into()
}

async fn row(handle: &Handle, id: JobId) -> Result<Arc<Job>> {
    let row = handle.reader().job(id).await.map_err(refusal::store)?;
    row.ok_or_else(|| ApiError::not_found("job has the id", &id.to_string()))
}
