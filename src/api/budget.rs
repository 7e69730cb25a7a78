//! What one answer may hold of what may be large: arguments, results, lines of logs (P12).
//!
//! A page holds a hundred jobs and a message of a feed five hundred, each with a result of a
//! megabyte, under any number of aliases: rows and fields bound none of that. So whatever is large
//! is drawn from a budget before it goes into the answer. Each request has one; in a subscription
//! each message has all of it anew.
//!
//! # Concurrency
//!
//! The library resolves the rows of a page together. What is large is read by one of them at a
//! time, so that never more lies in memory than the budget and one value.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, timeout};

use crate::api::error::{ApiError, Code, Result};
use crate::domain::limits::Limits;

/// What each value in a JSON value counts at least: in memory it takes more than its text.
const PER_VALUE: usize = 16;
/// How much more than its bytes a JSON text can count: `0,` in an array is two bytes and a value.
const JSON_GROWTH: usize = 8;
/// The same for a line of a log: JSON writes a control character as `\u0001`.
const TEXT_GROWTH: usize = 6;

/// The budget of one answer. Lies in the data of its request.
#[derive(Debug)]
pub(crate) struct Budget {
    max: usize,
    drawn: AtomicUsize,
    /// Held by whoever reads something large.
    turn: Mutex<()>,
    /// Since when an answer is being made; `None` while a stream waits for its next event.
    since: watch::Sender<Option<Instant>>,
}

impl Budget {
    /// A full one. Never smaller than what one job can hold, or that job could not be read at all.
    pub(crate) fn new(limits: &Limits) -> Self {
        let result = usize::try_from(limits.result_bytes).unwrap_or(usize::MAX);
        // Two, since the last value of args and of the result has no comma after it.
        let json = limits.args_bytes.saturating_add(result).saturating_add(2);
        let page = limits.log_page_bytes.saturating_mul(TEXT_GROWTH);
        let job = json.saturating_mul(JSON_GROWTH).saturating_add(page);
        Self {
            max: limits.response_bytes.max(job),
            drawn: AtomicUsize::new(0),
            turn: Mutex::new(()),
            since: watch::Sender::new(Some(Instant::now())),
        }
    }

    /// Reads something large once its turn has come; nothing more, once too much was drawn.
    pub(crate) async fn read<F: Future>(&self, read: F) -> Result<F::Output> {
        let _turn = self.turn.lock().await;
        match self.exceeded() {
            Some(error) => Err(error),
            None => Ok(read.await),
        }
    }

    /// Takes what a JSON value counts.
    pub(crate) fn draw_json(&self, value: &Value) -> Result<()> {
        self.draw(weight(value))
    }

    /// Takes what a text counts.
    pub(crate) fn draw_text(&self, text: &str) -> Result<()> {
        self.draw(escaped(text))
    }

    fn draw(&self, bytes: usize) -> Result<()> {
        // All rows of an answer are resolved by one task: nothing is drawn in between.
        let drawn = self.drawn.load(Ordering::Relaxed);
        if drawn <= self.max {
            self.drawn.store(drawn.saturating_add(bytes), Ordering::Relaxed);
        }
        self.exceeded().map_or(Ok(()), Err)
    }

    /// Why there can be no answer: more was drawn than there was.
    pub(crate) fn exceeded(&self) -> Option<ApiError> {
        let (max, found) = (self.max, self.drawn.load(Ordering::Relaxed));
        let message = || {
            format!(
                "the answer is too large: its args, results, schemas and lines of logs may have at most {max} bytes in all, and have {found} or more: ask for fewer rows, or for these of one job at a time"
            )
        };
        (found > max).then(|| {
            ApiError::new(Code::QueryTooLarge, message())
                .with("limit", "responseBytes")
                .with("max", max)
                .with("found", found)
        })
    }

    /// A stream waits for its next event, which may take for ever.
    pub(crate) fn wait_for_event(&self) {
        self.since.send_replace(None);
    }

    /// An event came: its message is being made from now on, out of a full budget.
    pub(crate) fn begin_message(&self) {
        self.drawn.store(0, Ordering::Relaxed);
        self.since.send_replace(Some(Instant::now()));
    }

    /// Ends when an answer has been in the making for longer than `most`.
    pub(crate) async fn overdue(&self, most: Duration) {
        let mut since = self.since.subscribe();
        loop {
            let begun = *since.borrow_and_update();
            let left = begun.map_or(Duration::MAX, |begun| most.saturating_sub(begun.elapsed()));
            if timeout(left, since.changed()).await.is_err() {
                return;
            }
        }
    }
}

/// The length of a text as JSON has it.
fn escaped(text: &str) -> usize {
    let of = |byte| match byte {
        b'"' | b'\\' => 2,
        0..=0x1f => 6,
        _ => 1,
    };
    text.bytes().map(of).sum()
}

fn weight(value: &Value) -> usize {
    let below: usize = match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => escaped(text),
        Value::Array(values) => values.iter().map(weight).sum(),
        Value::Object(fields) => fields.iter().map(|(key, v)| escaped(key) + weight(v)).sum(),
    };
    PER_VALUE + below
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn limits() -> Limits {
        let small =
            Limits { args_bytes: 0, result_bytes: 0, log_page_bytes: 0, ..Limits::default() };
        Limits { response_bytes: 1_000, ..small }
    }

    #[test]
    fn a_budget_ends_at_its_very_number() {
        // P12
        let budget = Budget::new(&limits());
        budget.draw_text(&"x".repeat(999)).unwrap();
        budget.draw_text("x").unwrap();
        let refused = budget.draw_text("x").unwrap_err().into_server_error();
        let extensions = refused.extensions.unwrap();
        for (key, value) in [
            ("code", async_graphql::Value::from("QUERY_TOO_LARGE")),
            ("limit", "responseBytes".into()),
            ("max", 1_000.into()),
            ("found", 1_001.into()),
        ] {
            assert_eq!(extensions.get(key), Some(&value), "{key}");
        }
        // What was refused stays so; a message begins anew.
        assert!(budget.draw_text("").is_err() && budget.exceeded().is_some());
        budget.begin_message();
        budget.draw_text(&"x".repeat(1_000)).unwrap();
    }

    #[test]
    fn what_one_job_may_hold_always_fits() {
        let limits = Limits { args_bytes: 0, log_page_bytes: 0, result_bytes: 5_001, ..limits() };
        let result = format!("[{}]", vec!["0"; 2_500].join(","));
        assert_eq!(result.len(), 5_001);
        Budget::new(&limits).draw_json(&serde_json::from_str(&result).unwrap()).unwrap();
        let page = Limits { log_page_bytes: 1_000, ..self::limits() };
        Budget::new(&page).draw_text(&"\u{1}".repeat(1_000)).unwrap();
    }

    #[test]
    fn a_value_counts_what_it_takes() {
        let text = json!("a\"\n");
        assert_eq!(weight(&text), PER_VALUE + 1 + 2 + 6);
        assert_eq!(weight(&json!([0, null])), 3 * PER_VALUE);
        assert_eq!(weight(&json!({"ab": true})), 2 * PER_VALUE + 2);
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_time_that_an_answer_takes_counts() {
        const MOST: Duration = Duration::from_secs(30);
        let budget = Budget::new(&limits());
        let begun = Instant::now();
        let overdue = async {
            budget.overdue(MOST).await;
            begun.elapsed()
        };
        let events = async {
            tokio::time::advance(Duration::from_secs(20)).await;
            budget.wait_for_event();
            tokio::time::advance(Duration::from_secs(100)).await;
            budget.begin_message();
        };
        let (after, ()) = tokio::join!(overdue, events);
        assert!(after >= Duration::from_secs(150) && after < Duration::from_secs(151), "{after:?}");
    }
}
