//! What the status line of `run` says: the state, the place or the progress, and the time.

use std::fmt::Write as _;
use std::time::Duration;

use console::{Style, measure_text_width};

use crate::domain::clock::Timestamp;

use super::model::{Job, Progress, Status, Wait};
use super::output::one_line;

const SPINNER: [char; 10] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
/// The width of the bar.
const BAR: usize = 10;

/// Draws the line.
#[derive(Debug)]
pub(super) struct Drawing {
    colours: bool,
}

impl Drawing {
    /// With colours where standard error may have them (`NO_COLOR`, `CLICOLOR`).
    pub(super) fn new() -> Self {
        Self { colours: console::colors_enabled_stderr() }
    }

    fn paint(&self, style: Style, text: &str) -> String {
        style.force_styling(self.colours).apply_to(text).to_string()
    }

    /// A job that has not ended, so long after its state began; `tick` moves the spinner.
    pub(super) fn running(
        &self,
        status: &Status,
        since: Duration,
        tick: usize,
        now: Timestamp,
    ) -> String {
        let text = match (status.state.as_str(), &status.wait) {
            (_, Some(wait)) => {
                let spinner = SPINNER[tick % SPINNER.len()].to_string();
                format!(
                    "{} {}",
                    self.paint(Style::new().cyan(), &spinner),
                    waiting(wait, status.soon(now))
                )
            }
            ("RUNNING", None) => {
                let mark = self.paint(Style::new().green(), "▶");
                let again = match status.job.attempt {
                    0 | 1 => String::new(),
                    number => format!(" (attempt {number})"),
                };
                let (amount, message) = status.progress.as_ref().map(progress).unwrap_or_default();
                let left = status.soon(now).map(|soon| format!(" · {soon} left"));
                let left = left.unwrap_or_default();
                format!("{mark} running{again}{amount} {}{left}{message}", clock(since))
            }
            (state, None) => {
                let mark = self.paint(Style::new().yellow(), "■");
                format!("{mark} {} {}", state.to_lowercase(), clock(since))
            }
        };
        text.trim_end().to_owned()
    }

    /// A job that has ended.
    pub(super) fn ended(&self, job: &Job, took: Option<Duration>) -> String {
        let (mark, style) = match job.state.as_str() {
            "SUCCEEDED" => ("✓", Style::new().green()),
            "CANCELED" => ("■", Style::new().yellow()),
            _ => ("✗", Style::new().red()),
        };
        let why = job.reason_text.as_ref().filter(|_| job.state != "SUCCEEDED");
        let why = why.map(|text| format!(": {}", one_line(text))).unwrap_or_default();
        let took = took.map(|took| format!(" in {}", clock(took))).unwrap_or_default();
        format!("{} {}{took}{why}", self.paint(style, mark), job.state.to_lowercase())
    }
}

/// Like `queued #3 · ~40 s · 2 slots are taken`.
fn waiting(wait: &Wait, soon: Option<String>) -> String {
    let mut text = "queued".to_owned();
    if let Some(position) = wait.position {
        write!(text, " #{position}").expect("a string can be written");
    }
    if let Some(soon) = soon {
        write!(text, " · {soon}").expect("a string can be written");
    }
    write!(text, " · {}", one_line(&wait.reason_text)).expect("a string can be written");
    text
}

/// The amount with its bar, and the message.
fn progress(progress: &Progress) -> (String, String) {
    let message = progress.message.as_deref().map(one_line).filter(|text| !text.is_empty());
    let message = message.map(|text| format!(" {text}")).unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "a bar of ten marks")]
    let percent = progress.percent.or_else(|| match (progress.current, progress.total) {
        (Some(current), Some(total)) if total > 0 => Some(current as f64 * 100.0 / total as f64),
        _ => None,
    });
    let amount = match (percent, progress.current) {
        // What a command says may go back, past 100 and below 0: the bar stays a bar.
        (Some(percent), _) => format!(" {:.0}% {}", percent.clamp(-999.0, 9_999.0), bar(percent)),
        (None, Some(current)) => format!(" {current}"),
        (None, None) => String::new(),
    };
    (amount, message)
}

fn bar(percent: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is between 0 and 10"
    )]
    let full = (percent.clamp(0.0, 100.0) / 10.0).round() as usize;
    let bar = "▇".repeat(full) + &"░".repeat(BAR - full.min(BAR));
    debug_assert_eq!(measure_text_width(&bar), BAR);
    bar
}

/// Like `00:12`, or `1:00:12` from an hour on.
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes:02}:{seconds:02}")
    }
}

/// A time as a person says it: `40 s`, `3 min`, `2.5 h`.
pub(super) fn rough(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 => format!("{} ms", time.as_millis()),
        1..=99 => format!("{seconds} s"),
        100..=5_999 => format!("{} min", (seconds + 30) / 60),
        _ => format!("{}.{} h", seconds / 3600, seconds % 3600 / 360),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn drawn(mut status: Value) -> String {
        let map = status.as_object_mut().unwrap();
        map.entry("terminal").or_insert(json!(false));
        map.entry("job").or_insert(json!({"attempt": 1}));
        let status: Status = serde_json::from_value(status).unwrap();
        let now = "2026-11-25T12:00:00Z".parse().unwrap();
        Drawing { colours: false }.running(&status, Duration::from_secs(12), 1, now)
    }

    #[test]
    fn each_state_has_its_line() {
        let wait =
            json!({"reason": "SLOTS_BUSY", "reasonText": "2 slots are taken", "position": 3});
        let running = |progress: Value| drawn(json!({"state": "RUNNING", "progress": progress}));
        let soon = json!({"startAt": "2026-11-25T12:00:40Z", "endAt": "2026-11-25T12:03:00Z"});
        let half = json!({"percent": 50.0, "message": "downloading"});
        let lines = [
            drawn(json!({"state": "QUEUED", "wait": wait, "estimate": soon})),
            drawn(json!({"state": "RUNNING", "progress": half, "estimate": soon})),
            drawn(json!({"state": "QUEUED", "wait": wait})),
            running(json!({"percent": 37.0, "message": "downloading\u{1b}[2J"})),
            running(json!({"current": 1, "total": 4})),
            running(json!({"current": 7})),
            running(json!({"percent": -5.0})),
            running(json!({"percent": 1e300})),
            running(json!({})),
            drawn(json!({"state": "RUNNING", "job": {"attempt": 2}})),
            drawn(json!({"state": "CANCELING"})),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r"
        ⠙ queued #3 · ~40 s · 2 slots are taken
        ▶ running 50% ▇▇▇▇▇░░░░░ 00:12 · ~3 min left downloading
        ⠙ queued #3 · 2 slots are taken
        ▶ running 37% ▇▇▇▇░░░░░░ 00:12 downloading [2J
        ▶ running 25% ▇▇▇░░░░░░░ 00:12
        ▶ running 7 00:12
        ▶ running -5% ░░░░░░░░░░ 00:12
        ▶ running 9999% ▇▇▇▇▇▇▇▇▇▇ 00:12
        ▶ running 00:12
        ▶ running (attempt 2) 00:12
        ■ canceling 00:12
        ");
    }

    #[test]
    fn a_time_is_told_as_long_as_it_matters() {
        let rough = |seconds| rough(Duration::from_secs(seconds));
        assert_eq!([40, 100, 180, 9_000].map(rough), ["40 s", "2 min", "3 min", "2.5 h"]);
        assert_eq!(clock(Duration::from_secs(3_612)), "1:00:12");
    }
}
