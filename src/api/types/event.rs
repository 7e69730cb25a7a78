//! A job's timeline: what was committed of it, in words for a person and for a program.
//!
//! The words of an event come from the attempt that it belongs to, which says how it ended, and from
//! what a job was asked for, which never changes.

use async_graphql::SimpleObject;
use serde_json::{Map, Value, json};

use super::enums::{JobChange, JobState};
use super::int;
use super::page::PageInfo;
use super::scalar::{Cursor, DateTime, Json};
use crate::api::cursor;
use crate::domain;
use crate::domain::attempt::{Attempt, signal_name};
use crate::domain::event::Event;
use crate::domain::job::Job;

/// A committed fact of a job's past.
#[derive(SimpleObject, Debug, Clone)]
pub(crate) struct JobEvent {
    /// The job's seq from then on.
    seq: i32,
    /// Its position in the timeline.
    cursor: Cursor,
    /// When it was committed.
    at: DateTime,
    /// What happened.
    change: JobChange,
    /// The state from then on.
    state: JobState,
    /// The attempt it belongs to.
    attempt: Option<i32>,
    /// One sentence for a person.
    text: Option<String>,
    /// More, by kind of change: `notBefore` of an acceptance, `worker` of a claim and a start, `note` of a cancel, `reason`, `exitCode`, `signal`, `cpuMs`, `peakMemoryBytes` and `logBytes` of an attempt's end. May grow.
    detail: Option<Json>,
}

/// A page of a job's timeline.
#[derive(SimpleObject, Debug, Clone)]
pub(crate) struct JobEventPage {
    /// The events, oldest first.
    nodes: Vec<JobEvent>,
    /// Where the page lies.
    page_info: PageInfo,
}

impl JobEventPage {
    /// The events of a job with the attempts that they belong to, as far as these are known.
    pub(crate) fn new(
        job: &Job,
        events: &[Event],
        attempts: &[Attempt],
        has_previous_page: bool,
        has_next_page: bool,
    ) -> Self {
        let of = |event: &Event| attempts.iter().find(|a| Some(a.number) == event.attempt);
        let cursor = |event: Option<&Event>| event.map(|e| cursor::of_timeline(job.id, e.no));
        Self {
            nodes: events.iter().map(|event| JobEvent::new(job, event, of(event))).collect(),
            page_info: PageInfo {
                has_next_page,
                has_previous_page,
                start_cursor: cursor(events.first()),
                end_cursor: cursor(events.last()),
            },
        }
    }
}

impl JobEvent {
    fn new(job: &Job, event: &Event, attempt: Option<&Attempt>) -> Self {
        Self {
            seq: int(event.seq.0),
            cursor: cursor::of_timeline(job.id, event.no),
            at: DateTime(event.at),
            change: event.change.into(),
            state: event.state.into(),
            attempt: event.attempt.map(int),
            text: text(event, attempt),
            detail: detail(job, event, attempt).map(Json),
        }
    }
}

fn text(event: &Event, attempt: Option<&Attempt>) -> Option<String> {
    use domain::event::JobChange as Change;
    use domain::state::JobState as State;
    let number = event.attempt.unwrap_or_default();
    let how = attempt.and_then(|attempt| attempt.reason_text.as_deref());
    let end = |what: &str| match how {
        Some(how) => format!("{what}: {how}"),
        None => what.to_owned(),
    };
    Some(match (event.change, event.state) {
        (Change::Queued, _) if event.attempt.is_none() => "accepted".to_owned(),
        (Change::Queued, _) => end(&format!("attempt {number} gave it back to its queue")),
        (Change::Updated, State::Queued) => format!("attempt {number} got a slot"),
        (Change::Started, _) => format!("attempt {number} began"),
        (Change::Updated, State::Canceling) => {
            format!("attempt {number} had begun when it was asked to stop")
        }
        (Change::Retrying, _) => end(&format!("attempt {number} failed, another one will come")),
        (Change::Canceling, _) if event.before == Some(State::Canceling) => {
            "asked to stop at once".to_owned()
        }
        (Change::Canceling, _) => "asked to stop".to_owned(),
        (Change::Ended, State::Succeeded) => end("succeeded"),
        (Change::Ended, State::Failed) => end("failed"),
        (Change::Ended, State::Canceled) if event.attempt.is_none() => {
            "canceled while it waited".to_owned()
        }
        (Change::Ended, State::Canceled) => end("canceled"),
        (Change::Removed, _) => "removed".to_owned(),
        (
            Change::Snapshot
            | Change::Position
            | Change::Progress
            | Change::Ended
            | Change::Updated,
            _,
        ) => return None,
    })
}

fn detail(job: &Job, event: &Event, attempt: Option<&Attempt>) -> Option<Value> {
    use domain::event::JobChange as Change;
    let of_attempt = |detail: fn(&Attempt) -> Map<String, Value>| attempt.map(detail);
    let map = match event.change {
        Change::Queued if event.attempt.is_none() => one("notBefore", job.not_before.map(instant)?),
        Change::Canceling if event.before == Some(event.state) => return None,
        Change::Canceling => one("note", json!(job.cancel_note.as_deref()?)),
        Change::Started | Change::Updated => of_attempt(claim)?,
        Change::Queued | Change::Retrying | Change::Ended => of_attempt(ending)?,
        Change::Snapshot | Change::Position | Change::Progress | Change::Removed => return None,
    };
    (!map.is_empty()).then_some(Value::Object(map))
}

fn one(key: &str, value: Value) -> Map<String, Value> {
    Map::from_iter([(key.to_owned(), value)])
}

fn instant(at: domain::clock::Timestamp) -> Value {
    json!(at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true))
}

fn claim(attempt: &Attempt) -> Map<String, Value> {
    let worker = attempt.worker.map(|id| ("worker".to_owned(), json!(format!("worker:{id}"))));
    Map::from_iter(worker)
}

fn ending(attempt: &Attempt) -> Map<String, Value> {
    let usage = attempt.usage;
    let entries = [
        ("reason", attempt.reason.map(|reason| json!(<&str>::from(reason)))),
        ("exitCode", attempt.exit_code.map(Value::from)),
        ("signal", attempt.signal.map(|signal| json!(signal_name(signal)))),
        ("cpuMs", usage.map(|usage| json!(usage.cpu_ms))),
        ("peakMemoryBytes", usage.and_then(|u| u.peak_memory_bytes).map(Value::from)),
        ("logBytes", usage.map(|usage| json!(usage.log_bytes))),
    ];
    entries.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}
