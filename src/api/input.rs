//! What comes in, read once: inputs and arguments into the words of the domain.

use async_graphql::{InputObject, Number, Value};

use crate::api::cursor;
use crate::api::error::{ApiError, Result};
use crate::api::types::enums::LogStream;
use crate::api::types::scalar::{Cursor, DateTime, Json, Long};
use crate::domain::id::JobId;
use crate::domain::label::Label;
use crate::domain::limits::Limits;
use crate::domain::log::{LogFrom, LogQuery};
use crate::scheduler::handle::StartRequest;
use crate::store::query::{JobOrder, Page};

/// How many jobs a page holds where nobody says.
pub(crate) const DEFAULT_PAGE: u32 = 20;
/// How many lines a page of a log holds where nobody says.
pub(crate) const DEFAULT_LOG_PAGE: u32 = 100;

/// The number that a value is.
pub(crate) fn number(value: &Value) -> Option<&Number> {
    match value {
        Value::Number(number) => Some(number),
        Value::Null
        | Value::String(_)
        | Value::Boolean(_)
        | Value::Binary(_)
        | Value::Enum(_)
        | Value::List(_)
        | Value::Object(_) => None,
    }
}

/// A name and a value.
#[derive(InputObject)]
pub(crate) struct LabelInput {
    /// The name.
    key: String,
    /// The value.
    value: String,
}

impl From<LabelInput> for Label {
    fn from(label: LabelInput) -> Self {
        Self { key: label.key, value: label.value }
    }
}

/// What to start.
#[derive(InputObject)]
pub(crate) struct StartJobInput {
    /// The kind's name.
    kind: String,
    /// Its arguments; null: `{}`.
    args: Option<Json>,
    /// Same key and same input: the first job. Other input: `IDEMPOTENCY_CONFLICT`. Keys live as long as the job, 24 hours at least.
    idempotency_key: Option<String>,
    /// Attached to the job, at most 20, each key once.
    labels: Option<Vec<LabelInput>>,
    /// Not to start before; when the time comes it takes its place by when it was accepted.
    not_before: Option<DateTime>,
    /// How long an attempt may run; never more than the kind allows.
    timeout_ms: Option<Long>,
}

impl From<StartJobInput> for StartRequest {
    fn from(input: StartJobInput) -> Self {
        Self {
            kind: input.kind,
            args: input.args.map(|args| args.0),
            idempotency_key: input.idempotency_key,
            labels: input.labels.into_iter().flatten().map(Into::into).collect(),
            not_before: input.not_before.map(|at| at.0),
            timeout_ms: input.timeout_ms.map(|millis| millis.0),
        }
    }
}

/// The arguments of a page of jobs.
pub(crate) struct PageArguments {
    pub(crate) first: Option<i32>,
    pub(crate) after: Option<Cursor>,
    pub(crate) last: Option<i32>,
    pub(crate) before: Option<Cursor>,
}

impl PageArguments {
    pub(crate) fn page(self, order: JobOrder, limits: &Limits) -> Result<Page> {
        let size = |name, given| count(name, given, 0, limits.page_size);
        let place = |name, cursor: Option<Cursor>| {
            cursor.map(|cursor| cursor::job(order, name, &cursor)).transpose()
        };
        if direction(self.first, self.last, self.after.as_ref(), self.before.as_ref())? {
            let most = size("last", self.last)?.unwrap_or(limits.page_size.min(DEFAULT_PAGE));
            Ok(Page::Last(most, place("before", self.before)?))
        } else {
            let most = size("first", self.first)?.unwrap_or(limits.page_size.min(DEFAULT_PAGE));
            Ok(Page::First(most, place("after", self.after)?))
        }
    }
}

/// The arguments of a part of a log.
pub(crate) struct LogArguments {
    pub(crate) after: Option<Cursor>,
    pub(crate) before: Option<Cursor>,
    pub(crate) first: Option<i32>,
    pub(crate) last: Option<i32>,
    pub(crate) stream: Option<LogStream>,
    pub(crate) attempt: Option<i32>,
}

impl LogArguments {
    pub(crate) fn query(self, job: JobId, limits: &Limits) -> Result<LogQuery> {
        let size = |name, given| count(name, given, 1, limits.log_page_lines);
        let from_start = self.first.is_some() || self.after.is_some();
        let backwards =
            direction(self.first, self.last, self.after.as_ref(), self.before.as_ref())?;
        let (lines, from) = if backwards || !from_start {
            let before = self.before.map(|cursor| cursor::line("before", job, &cursor));
            let from = match before.transpose()? {
                // Before the first line there is nothing; the first line's own place says so.
                Some(line) => LogFrom::Before(line.unwrap_or(FIRST_LINE)),
                None => LogFrom::End,
            };
            (size("last", self.last)?, from)
        } else {
            let after = self.after.map(|cursor| cursor::line("after", job, &cursor)).transpose()?;
            (size("first", self.first)?, cursor::after(after.flatten()))
        };
        Ok(LogQuery {
            from,
            lines: lines.unwrap_or(limits.log_page_lines.min(DEFAULT_LOG_PAGE)),
            bytes: limits.log_page_bytes,
            stream: self.stream.map(Into::into),
            attempt: attempt(self.attempt)?,
        })
    }
}

const FIRST_LINE: crate::domain::log::LogCursor =
    crate::domain::log::LogCursor { attempt: 1, offset: 0 };

/// The number of an attempt.
pub(crate) fn attempt(given: Option<i32>) -> Result<Option<u32>> {
    match given.map(u32::try_from) {
        None => Ok(None),
        Some(Ok(number)) if number > 0 => Ok(Some(number)),
        Some(_) => {
            Err(ApiError::invalid_input("attempt", "`attempt` must be 1 or more, or null for all"))
        }
    }
}

/// The size of a page: from `least` to `most`.
pub(crate) fn count(
    name: &'static str,
    given: Option<i32>,
    least: u32,
    most: u32,
) -> Result<Option<u32>> {
    let Some(given) = given else { return Ok(None) };
    match u32::try_from(given) {
        Ok(size) if (least..=most).contains(&size) => Ok(Some(size)),
        _ => {
            let message = format!("`{name}` must be from {least} to {most}, and is {given}");
            Err(ApiError::invalid_input(name, message).with("max", most))
        }
    }
}

/// `true`: from the end. One direction a page: `first` and `after`, or `last` and `before`.
fn direction(
    first: Option<i32>,
    last: Option<i32>,
    after: Option<&Cursor>,
    before: Option<&Cursor>,
) -> Result<bool> {
    let forward = first.is_some() || after.is_some();
    let backward = last.is_some() || before.is_some();
    if forward && backward {
        let argument = if last.is_some() { "last" } else { "before" };
        let message = "a page goes one way: give `first` and `after`, or `last` and `before`";
        return Err(ApiError::invalid_input(argument, message));
    }
    Ok(backward)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::query::Position;

    fn page(first: Option<i32>, last: Option<i32>) -> Result<Page> {
        let arguments = PageArguments { first, after: None, last, before: None };
        arguments.page(JobOrder::Newest, &Limits::default())
    }

    #[test]
    fn a_page_has_a_size_within_its_limit_and_one_direction() {
        // P12: below, at and above the limit.
        assert_eq!(page(None, None).unwrap(), Page::First(20, None::<Position>));
        assert_eq!(page(Some(0), None).unwrap(), Page::First(0, None));
        assert_eq!(page(Some(100), None).unwrap(), Page::First(100, None));
        assert_eq!(page(None, Some(100)).unwrap(), Page::Last(100, None));
        for (first, last) in [(Some(-1), None), (Some(101), None), (None, Some(i32::MAX))] {
            let error = page(first, last).unwrap_err().into_server_error();
            assert!(error.message.contains("from 0 to 100"), "{}", error.message);
        }
        assert!(page(Some(1), Some(1)).is_err());
    }
}
