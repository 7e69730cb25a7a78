//! When a job will probably start and end, as a person is told: from now on, not by the clock.

use std::time::Duration;

use serde::Deserialize;

use crate::domain::clock::Timestamp;

use super::model::{Job, Status};
use super::progress_line::rough;

/// What the server expects of a job. The instants stay text: one that nobody can read is no reason to keep the rest
/// back.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "camelCase")]
pub(super) struct Estimate {
    start_at: Option<String>,
    start_at_latest: Option<String>,
    end_at: Option<String>,
    end_at_latest: Option<String>,
}

impl Estimate {
    /// Until half of such jobs have started, and nine of ten. What was expected before now says nothing any more.
    fn start(&self, now: Timestamp) -> Option<Ahead> {
        Ahead::of(self.start_at.as_deref(), self.start_at_latest.as_deref(), now)
    }

    /// Until half of such jobs have ended, and nine of ten.
    fn end(&self, now: Timestamp) -> Option<Ahead> {
        Ahead::of(self.end_at.as_deref(), self.end_at_latest.as_deref(), now)
    }

    /// The change that comes next: the start of what waits, the end of what runs.
    fn next(&self, state: &str, now: Timestamp) -> Option<(&'static str, Ahead)> {
        match state {
            "QUEUED" => Some(("starts", self.start(now)?)),
            "RUNNING" => Some(("ends", self.end(now)?)),
            _ => None,
        }
    }
}

/// How long something probably still takes, and how long in nine cases of ten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ahead(Duration, Option<Duration>);

impl Ahead {
    fn of(likely: Option<&str>, latest: Option<&str>, now: Timestamp) -> Option<Self> {
        let until = |at: &str| {
            let at = chrono::DateTime::parse_from_rfc3339(at).ok()?.to_utc();
            let ahead = (at - now).to_std().ok()?;
            // A second is as exact as an estimate gets.
            Some(Duration::from_secs(ahead.as_millis().div_ceil(1_000).try_into().ok()?))
        };
        let likely = likely.and_then(until).filter(|ahead| !ahead.is_zero())?;
        Some(Self(likely, latest.and_then(until).filter(|latest| *latest > likely)))
    }

    /// Like `~40 s`.
    fn short(self) -> String {
        format!("~{}", rough(self.0))
    }

    /// Like `~40 s, 9 of 10 within 2 min`.
    fn long(self) -> String {
        let latest = self.1.map(|latest| format!(", 9 of 10 within {}", rough(latest)));
        self.short() + &latest.unwrap_or_default()
    }
}

impl Status {
    /// As a line shows it, with how soon the next change comes.
    pub(super) fn told_at(&self, now: Timestamp) -> String {
        let outlook = self.outlook(now).map(|outlook| format!(", {outlook}"));
        self.told() + &outlook.unwrap_or_default()
    }

    /// What comes next and how soon, like `starts in ~40 s, 9 of 10 within 2 min`; `None` where nobody knows.
    fn outlook(&self, now: Timestamp) -> Option<String> {
        let (what, ahead) = self.estimate()?.next(&self.state, now)?;
        Some(format!("{what} in {}", ahead.long()))
    }

    /// How soon the next change comes, like `~40 s`.
    pub(super) fn soon(&self, now: Timestamp) -> Option<String> {
        self.estimate()?.next(&self.state, now).map(|(_, ahead)| ahead.short())
    }
}

impl Job {
    /// When it will start, like `~40 s`.
    pub(super) fn starts(&self, now: Timestamp) -> Option<String> {
        self.estimate.as_ref()?.start(now).map(Ahead::short)
    }

    /// What comes next and how soon, `("starts", "in ~40 s, 9 of 10 within 2 min")`.
    pub(super) fn outlook(&self, now: Timestamp) -> Option<(&'static str, String)> {
        let (what, ahead) = self.estimate.as_ref()?.next(&self.state, now)?;
        Some((what, format!("in {}", ahead.long())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn outlook(state: &str, estimate: &Value) -> Option<String> {
        let status = json!({
            "state": state, "terminal": false, "estimate": estimate, "job": {"attempt": 1},
        });
        let now = "2026-11-25T12:00:00Z".parse().unwrap();
        serde_json::from_value::<Status>(status).unwrap().outlook(now)
    }

    #[test]
    fn what_comes_next_is_told_with_how_soon_it_may_come() {
        let at = |start: &str, start_latest: &str| {
            json!({
                "startAt": start, "startAtLatest": start_latest,
                "endAt": "2026-11-25T12:00:18.200Z", "endAtLatest": "2026-11-25T12:00:18.400Z",
            })
        };
        let soon = at("2026-11-25T12:00:40Z", "2026-11-25T12:02:00Z");
        let told = outlook("QUEUED", &soon);
        assert_eq!(told.as_deref(), Some("starts in ~40 s, 9 of 10 within 2 min"));
        assert_eq!(outlook("RUNNING", &soon).as_deref(), Some("ends in ~19 s"));
        // Nothing is known, of no use any more, or not to be read.
        assert_eq!(outlook("QUEUED", &Value::Null), None);
        assert_eq!(outlook("CANCELING", &soon), None);
        let past = at("2026-11-25T12:00:00Z", "2026-11-25T12:02:00Z");
        assert_eq!(outlook("QUEUED", &past), None);
        assert_eq!(outlook("QUEUED", &at("soon", "2026-11-25T12:02:00Z")), None);
        let only = at("2026-11-25T12:00:40Z", "later");
        assert_eq!(outlook("QUEUED", &only).as_deref(), Some("starts in ~40 s"));
        let far = at("+262142-01-01T00:00:00Z", "+262142-01-01T00:00:00Z");
        assert_eq!(outlook("QUEUED", &far), None);
    }
}
