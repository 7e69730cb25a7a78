//! The status line of one job: what it shows follows the job's events, and its clock moves by itself.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::domain::clock::{Clock as _, SystemClock};

use super::model::Status;
use super::progress_line::Drawing;
use super::status_line::StatusLine;

/// So often the spinner and the clock move.
const TICK: Duration = Duration::from_millis(200);

/// The line, until it is dropped.
#[derive(Debug)]
pub(super) struct LiveLine {
    line: StatusLine,
    drawing: Drawing,
    /// What stands before the state.
    prefix: String,
    /// What is shown, and since when it is in its state.
    shown: Option<Status>,
    since: Instant,
    ticks: usize,
    next_tick: Instant,
}

impl LiveLine {
    /// An empty line; `None` where there is no terminal for one.
    pub(super) fn new(prefix: String) -> Option<Self> {
        let now = Instant::now();
        Some(Self {
            line: StatusLine::new()?,
            drawing: Drawing::new(),
            prefix,
            shown: None,
            since: now,
            ticks: 0,
            next_tick: now + TICK,
        })
    }

    /// Shows an event at once; one that is the last stays as it was.
    pub(super) fn show(&mut self, status: Status) {
        if self.shown.as_ref().is_none_or(|shown| shown.state != status.state) {
            self.since = Instant::now();
        }
        if !status.terminal {
            self.shown = Some(status);
            self.draw();
        }
    }

    /// Moves the spinner and the clock.
    pub(super) fn tick(&mut self) {
        self.ticks += 1;
        self.next_tick = Instant::now() + TICK;
        self.draw();
    }

    fn draw(&self) {
        if let Some(status) = &self.shown {
            let (since, now) = (self.since.elapsed(), SystemClock.now());
            let text = self.drawing.running(status, since, self.ticks, now);
            self.line.set(&format!("{}{text}", self.prefix));
        }
    }
}

/// Returns when the line is to move; never where there is none.
pub(super) async fn due(line: Option<&LiveLine>) {
    match line {
        Some(line) => sleep_until(line.next_tick).await,
        None => std::future::pending().await,
    }
}
