//! Which jobs, as a client says it.

use async_graphql::InputObject;

use crate::api::error::{ApiError, Result};
use crate::api::input::LabelInput;
use crate::api::types::enums::{EndReason, JobState};
use crate::api::types::scalar::DateTime;
use crate::domain::limits::Limits;
use crate::store::filter::{self, Text};

/// A longer text is in no id, kind or label.
const MAX_TEXT_BYTES: usize = 255;

/// Which jobs: all that is given must hold. null or absent: no condition; an empty list matches nothing.
#[derive(InputObject, Default)]
pub(crate) struct JobFilter {
    /// In one of these states.
    states: Option<Vec<JobState>>,
    /// Of one of these kinds, by name.
    kinds: Option<Vec<String>>,
    /// In one of these queues, by name.
    queues: Option<Vec<String>>,
    /// Run by one of these workers, by name.
    workers: Option<Vec<String>>,
    /// With every one of these labels.
    labels: Option<Vec<LabelInput>>,
    /// Ended in one of these ways.
    reasons: Option<Vec<EndReason>>,
    /// Started by the token of this name.
    started_by: Option<String>,
    /// Accepted at this instant or after.
    created_after: Option<DateTime>,
    /// Accepted before this instant.
    created_before: Option<DateTime>,
    /// The beginning of an id, or a part of a kind's name or of a label; case does not matter.
    text: Option<String>,
}

/// The filter in the words of the store.
pub(crate) fn filter(given: Option<JobFilter>, limits: &Limits) -> Result<filter::JobFilter> {
    let given = given.unwrap_or_default();
    let most = limits.filter_values;
    let text = given.text.unwrap_or_default();
    if text.len() > MAX_TEXT_BYTES {
        let message =
            format!("`text` may have at most {MAX_TEXT_BYTES} bytes, and has {}", text.len());
        return Err(ApiError::invalid_input("text", message));
    }
    Ok(filter::JobFilter {
        states: list("states", given.states, most)?,
        kinds: names(list("kinds", given.kinds, most)?),
        queues: names(list("queues", given.queues, most)?),
        workers: list("workers", given.workers, most)?,
        labels: list("labels", given.labels, limits.labels)?,
        reasons: list("reasons", given.reasons, most)?,
        started_by: given.started_by,
        created_after: given.created_after.map(|at| at.0),
        created_before: given.created_before.map(|at| at.0),
        text: Text::new(&text),
    })
}

/// A list of bounded length in the words of the store.
fn list<T, U: From<T>>(name: &str, given: Option<Vec<T>>, most: usize) -> Result<Option<Vec<U>>> {
    match given {
        Some(values) if values.len() > most => {
            let count = values.len();
            let message = format!("`{name}` may list at most {most} values, and lists {count}");
            Err(ApiError::invalid_input(name, message))
        }
        given => Ok(given.map(|values| values.into_iter().map(Into::into).collect())),
    }
}

/// What cannot be a name is the name of nothing: the list stays, the entry matches no job.
fn names<T: std::str::FromStr>(names: Option<Vec<String>>) -> Option<Vec<T>> {
    names.map(|names| names.iter().filter_map(|name| name.parse().ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_a_name_matches_nothing() {
        let given = JobFilter { kinds: Some(vec!["../x".into()]), ..JobFilter::default() };
        assert_eq!(filter(Some(given), &Limits::default()).unwrap().kinds, Some(Vec::new()));
    }

    #[test]
    fn a_condition_lists_so_many_values_and_no_more() {
        // P12: at and above the limits.
        let limits = Limits { filter_values: 2, labels: 1, ..Limits::default() };
        let kinds = |n| JobFilter { kinds: Some(vec!["k".into(); n]), ..JobFilter::default() };
        assert!(filter(Some(kinds(2)), &limits).is_ok());
        let error = filter(Some(kinds(3)), &limits).unwrap_err().into_server_error();
        assert!(error.message.contains("`kinds` may list at most 2"), "{}", error.message);
        let text = |n| JobFilter { text: Some("x".repeat(n)), ..JobFilter::default() };
        assert!(filter(Some(text(255)), &limits).is_ok());
        assert!(filter(Some(text(256)), &limits).is_err());
        assert_eq!(filter(Some(text(0)), &limits).unwrap().text, None, "every job has nothing");
    }
}
