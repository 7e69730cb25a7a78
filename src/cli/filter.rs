//! `--filter NAME=VALUE`: jobs by what they are, with the names of the options of `list`.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::config::nearest;

use super::exit::{Failure, USAGE};
use super::ids::OPEN;
use super::list::since;
use super::start::{label, label_inputs};

/// What a condition can be about.
const NAMES: [&str; 6] = ["state", "kind", "queue", "label", "since", "text"];

/// One of the conditions; all that are given must hold, and of states, kinds and queues any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Condition {
    State(String),
    Kind(String),
    Queue(String),
    Label((String, String)),
    Since(DateTime<Utc>),
    Text(String),
}

/// A condition as it is written.
pub(super) fn condition(text: &str) -> Result<Condition, String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE, like kind=demo")?;
    if value.is_empty() {
        return Err(format!("`{name}` has no value"));
    }
    Ok(match name {
        "state" => Condition::State(state(value)?),
        "kind" => Condition::Kind(value.to_owned()),
        "queue" => Condition::Queue(value.to_owned()),
        "label" => Condition::Label(label(value)?),
        "since" => Condition::Since(since(value)?),
        "text" => Condition::Text(value.to_owned()),
        _ => {
            return Err(match nearest(name, NAMES) {
                Some(word) => format!("there is no `{name}`: did you mean `{word}`?"),
                None => format!("there is no `{name}`: expected one of {}", NAMES.join(", ")),
            });
        }
    })
}

/// A state in which a job can still be stopped or waited for.
fn state(word: &str) -> Result<String, String> {
    let state = word.to_uppercase();
    if OPEN.contains(&state.as_str()) {
        return Ok(state);
    }
    Err(format!("no job that has not ended is `{word}`: expected queued, running or canceling"))
}

/// The filter of the API that holds these conditions, and one of these kinds.
pub(super) fn filter(conditions: &[Condition], kinds: &[String]) -> Result<Value, Failure> {
    let (mut states, mut kinds) = (Vec::new(), kinds.iter().collect::<Vec<_>>());
    let (mut queues, mut labels) = (Vec::new(), Vec::new());
    let (mut after, mut text): (Option<DateTime<Utc>>, Option<&String>) = (None, None);
    for condition in conditions {
        match condition {
            Condition::State(state) => states.push(state.as_str()),
            Condition::Kind(kind) => kinds.push(kind),
            Condition::Queue(queue) => queues.push(queue),
            Condition::Label(label) => labels.push(label.clone()),
            Condition::Since(at) => after = after.max(Some(*at)),
            Condition::Text(_) if text.is_some() => {
                return Err(Failure::new(USAGE, "`--filter text=` is given twice: expected one"));
            }
            Condition::Text(words) => text = Some(words),
        }
    }
    if states.is_empty() {
        states = OPEN.to_vec();
    }
    let mut filter = json!({"states": states});
    // An empty list would match nothing.
    let mut put = |name: &str, value: Value| {
        if value != json!([]) && !value.is_null() {
            filter[name] = value;
        }
    };
    put("kinds", json!(kinds));
    put("queues", json!(queues));
    put("labels", label_inputs(&labels));
    put("createdAfter", json!(after.map(|at| at.to_rfc3339_opts(SecondsFormat::Millis, true))));
    put("text", json!(text));
    Ok(filter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &[&str], kinds: &[&str]) -> Result<Value, String> {
        let conditions = words.iter().map(|word| condition(word)).collect::<Result<Vec<_>, _>>()?;
        let kinds: Vec<_> = kinds.iter().map(|&kind| kind.to_owned()).collect();
        filter(&conditions, &kinds).map_err(|failure| failure.to_string())
    }

    #[test]
    fn conditions_make_one_filter() {
        assert_eq!(of(&[], &[]).unwrap(), json!({"states": OPEN}));
        let words = [
            "state=queued",
            "state=Running",
            "kind=a",
            "queue=q",
            "label=team=film",
            "label=a=",
            "since=2026-11-25T00:00:00Z",
            "since=2026-11-24T00:00:00Z",
            "text=x=y",
        ];
        assert_eq!(
            of(&words, &["b"]).unwrap(),
            json!({
                "states": ["QUEUED", "RUNNING"], "kinds": ["b", "a"], "queues": ["q"],
                "labels": [{"key": "team", "value": "film"}, {"key": "a", "value": ""}],
                "createdAfter": "2026-11-25T00:00:00.000Z", "text": "x=y",
            })
        );
    }

    #[test]
    fn a_condition_that_is_none_is_told() {
        for (word, told) in [
            ("demo", "expected NAME=VALUE"),
            ("kind=", "`kind` has no value"),
            ("kid=demo", "did you mean `kind`?"),
            ("colour=red", "expected one of state, kind, queue, label, since, text"),
            ("state=failed", "expected queued, running or canceling"),
            ("label=team", "expected KEY=VALUE"),
            ("since=noon", "expected an instant like"),
        ] {
            let error = of(&[word], &[]).unwrap_err();
            assert!(error.contains(told), "{word}: {error}");
        }
        assert!(of(&["text=a", "text=b"], &[]).unwrap_err().contains("given twice"));
    }
}
