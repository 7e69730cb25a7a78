//! Cuts a page out of the logs of a job's attempts.

use std::collections::VecDeque;
use std::io;

use crate::domain::id::JobId;
use crate::domain::log::{LogCursor, LogFrom, LogLine, LogPage, LogQuery};

use super::LogFiles;
use super::frames::{Frame, Frames, Position, is_of};
use super::lines::{Assembler, Line, Sink};
use super::resume::{Key, Place};
use super::walk::{Stop, Walk};

/// A question, with what is known of the job.
pub(super) struct Pager<'a> {
    pub(super) files: &'a LogFiles,
    pub(super) job: JobId,
    pub(super) attempts: u32,
    pub(super) ended: bool,
    pub(super) query: &'a LogQuery,
}

impl Pager<'_> {
    pub(super) fn page(&self) -> io::Result<LogPage> {
        let mut page = match self.query.from {
            LogFrom::Start => self.forward(None)?,
            LogFrom::After(cursor) => self.forward(Some(cursor))?,
            LogFrom::Before(cursor) => self.backward(Some(cursor))?,
            LogFrom::End => self.backward(None)?,
        };
        for attempt in self.scope() {
            page.dropped_bytes += self.dropped(attempt)?;
        }
        Ok(page)
    }

    /// The attempts asked for, oldest first.
    fn scope(&self) -> impl DoubleEndedIterator<Item = u32> {
        let only = self.query.attempt;
        (1..=self.attempts).filter(move |&attempt| only.is_none_or(|only| only == attempt))
    }

    fn has_ended(&self, attempt: u32) -> bool {
        self.ended || attempt < self.attempts
    }

    fn forward(&self, after: Option<LogCursor>) -> io::Result<LogPage> {
        let mut sink = Forward::new(self.query);
        let (mut refused, mut is_cut) = (false, false);
        for attempt in self.scope() {
            let after = after.filter(|cursor| cursor.attempt >= attempt);
            if after.is_some_and(|cursor| cursor.attempt > attempt) {
                sink.has_previous |= self.has_lines(attempt)?;
                continue;
            }
            sink.enter(attempt, after.map(|cursor| cursor.offset));
            refused = self.walk_forward(attempt, after, &mut sink)?;
            is_cut = !refused && self.files.is_cut(attempt);
            if refused || is_cut {
                break;
            }
        }
        Ok(LogPage {
            lines: sink.lines,
            has_next: refused || is_cut,
            has_previous: sink.has_previous,
            dropped_bytes: 0,
            complete: self.ended && !refused && !is_cut,
            is_cut,
        })
    }

    /// Walks through one attempt, from where an earlier page ended if that is known. `true`: a line
    /// was refused.
    fn walk_forward(
        &self,
        attempt: u32,
        after: Option<LogCursor>,
        sink: &mut Forward<'_>,
    ) -> io::Result<bool> {
        let place = after.and_then(|after| self.files.places().find(self.key(after)));
        if place.is_some() {
            sink.after = None;
            sink.has_previous = true;
        }
        let mut walk = self.walk(attempt, place)?;
        let stop = walk.run(sink, Forward::pass)?;
        // Remembered before the flush: lines that are open at the end of an attempt that has ended
        // are given out again to whoever takes the place up.
        let last = sink.lines.last().map(|line| line.cursor).filter(|c| c.attempt == attempt);
        if let (Some(place), Some(last)) = (walk.place(), last.or(after))
            && sink.after.is_none()
        {
            let began = after.map(|after| self.key(after));
            self.files.places().remember(self.key(last), place, began);
        }
        Ok(match stop {
            Stop::Refused => true,
            Stop::End if self.files.is_cut(attempt) => false,
            Stop::End => self.has_ended(attempt) && !walk.assembler.flush(false, sink),
        })
    }

    fn walk(&self, attempt: u32, place: Option<Place>) -> io::Result<Walk> {
        let source = self.files.source(self.job, attempt);
        Walk::open(&source, place.unwrap_or_else(|| Place::start(self.files.line_bytes)))
    }

    fn key(&self, after: LogCursor) -> Key {
        Key { job: self.job, after, stream: self.query.stream }
    }

    fn backward(&self, before: Option<LogCursor>) -> io::Result<LogPage> {
        let mut sink = Backward::new(self.query);
        let (mut has_next, mut is_cut) = (false, false);
        for attempt in self.scope().rev() {
            if before.is_some_and(|cursor| cursor.attempt < attempt) {
                has_next |= self.has_lines(attempt)?;
                continue;
            }
            if sink.is_full() {
                sink.has_previous |= self.has_lines(attempt)?;
                if sink.has_previous {
                    break;
                }
                continue;
            }
            sink.enter(attempt, before.filter(|c| c.attempt == attempt).map(|c| c.offset));
            let mut walk = self.walk(attempt, None)?;
            let refused = match walk.run(&mut sink, Backward::stop)? {
                Stop::Refused => true,
                Stop::End if self.files.is_cut(attempt) => {
                    is_cut = true;
                    true
                }
                Stop::End => self.has_ended(attempt) && !walk.assembler.flush(false, &mut sink),
            };
            has_next |= refused;
        }
        Ok(LogPage {
            has_previous: sink.has_previous,
            lines: sink.into_lines(),
            has_next,
            dropped_bytes: 0,
            complete: self.ended,
            is_cut,
        })
    }

    /// Something of the streams asked for is kept of this attempt.
    fn has_lines(&self, attempt: u32) -> io::Result<bool> {
        let source = self.files.source(self.job, attempt);
        let mut frames = Frames::open(&source, Position::default())?;
        while let Some(frame) = frames.next()? {
            if is_of(frame, self.query.stream) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Bytes that the cap has left out of one attempt.
    fn dropped(&self, attempt: u32) -> io::Result<u64> {
        let frames = Frames::open(&self.files.source(self.job, attempt), Position::default())?;
        let Some(tail_start) = frames.tail_start() else { return Ok(0) };
        let known = self.files.places().head_end(self.job, attempt);
        let head_end = if let Some(end) = known {
            end
        } else {
            let end = frames.head_end()?;
            self.files.places().remember_head_end(self.job, attempt, end);
            end
        };
        Ok(tail_start.saturating_sub(head_end))
    }
}

/// The first lines after a place.
struct Forward<'a> {
    query: &'a LogQuery,
    lines: Vec<LogLine>,
    bytes: usize,
    attempt: u32,
    /// The line that must come first and is not shown.
    after: Option<u64>,
    has_previous: bool,
}

impl<'a> Forward<'a> {
    fn new(query: &'a LogQuery) -> Self {
        Self { query, lines: Vec::new(), bytes: 0, attempt: 0, after: None, has_previous: false }
    }

    fn enter(&mut self, attempt: u32, after: Option<u64>) {
        self.attempt = attempt;
        self.after = after;
    }

    /// A cursor that names no line any more (it fell into the cut) is passed by its offset.
    fn pass(&mut self, frame: Frame, assembler: &Assembler) -> bool {
        if self.after.is_some_and(|after| frame.header.offset > after && !assembler.is_open(after))
        {
            self.after = None;
        }
        true
    }
}

impl Sink for Forward<'_> {
    fn offer(&mut self, line: Line<'_>) -> bool {
        let wanted = self.query.stream.is_none_or(|stream| stream == line.stream);
        if let Some(after) = self.after {
            if line.offset == after {
                self.after = None;
            }
            self.has_previous |= wanted;
            return true;
        }
        if !wanted {
            return true;
        }
        if self.lines.len() >= self.query.lines as usize {
            return false;
        }
        let line = line.to_log_line(self.attempt);
        let bytes = self.bytes + line.text.len();
        if bytes > self.query.bytes && !self.lines.is_empty() {
            return false;
        }
        self.bytes = bytes;
        self.lines.push(line);
        true
    }
}

/// The last lines before a place: those of the attempt at hand, then those of later attempts.
struct Backward<'a> {
    query: &'a LogQuery,
    lines: VecDeque<LogLine>,
    later: VecDeque<LogLine>,
    bytes: usize,
    attempt: u32,
    before: Option<u64>,
    has_previous: bool,
}

impl<'a> Backward<'a> {
    fn new(query: &'a LogQuery) -> Self {
        Self {
            query,
            lines: VecDeque::new(),
            later: VecDeque::new(),
            bytes: 0,
            attempt: 0,
            before: None,
            has_previous: false,
        }
    }

    fn enter(&mut self, attempt: u32, before: Option<u64>) {
        self.attempt = attempt;
        self.before = before;
        self.lines.append(&mut self.later);
        std::mem::swap(&mut self.lines, &mut self.later);
    }

    fn is_full(&self) -> bool {
        self.has_previous || self.lines.len() + self.later.len() >= self.query.lines as usize
    }

    /// As for the other direction: a cursor that names no line ends the page by its offset.
    fn stop(&mut self, frame: Frame, assembler: &Assembler) -> bool {
        !self
            .before
            .is_some_and(|before| frame.header.offset > before && !assembler.is_open(before))
    }

    fn into_lines(mut self) -> Vec<LogLine> {
        self.lines.append(&mut self.later);
        self.lines.into()
    }
}

impl Sink for Backward<'_> {
    fn offer(&mut self, line: Line<'_>) -> bool {
        if self.before == Some(line.offset) {
            return false;
        }
        if self.query.stream.is_some_and(|stream| stream != line.stream) {
            return true;
        }
        let line = line.to_log_line(self.attempt);
        self.bytes += line.text.len();
        self.lines.push_back(line);
        let too_many = |s: &Self| s.lines.len() + s.later.len() > s.query.lines as usize;
        let too_long = |s: &Self| s.bytes > s.query.bytes && s.lines.len() + s.later.len() > 1;
        while too_many(self) || too_long(self) {
            let Some(first) = self.lines.pop_front() else { break };
            self.bytes -= first.text.len();
            self.has_previous = true;
        }
        true
    }
}
