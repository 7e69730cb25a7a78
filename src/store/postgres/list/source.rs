//! How a piece of an index is read in the order of the list.

use std::cmp::Ordering;

use tokio_postgres::types::{ToSql, Type};

use crate::domain::state::{EndReason, JobState};
use crate::store::listing::{Range, Way};
use crate::store::postgres::row::stored;
use crate::store::query::Position;

/// The parameters of a statement that is put together.
#[derive(Default)]
pub(super) struct Parameters(Vec<Parameter>);

enum Parameter {
    Number(i64),
    Text(String),
}

impl Parameters {
    fn number(&mut self, number: i64) -> String {
        self.0.push(Parameter::Number(number));
        format!("${}", self.0.len())
    }

    fn text(&mut self, text: &str) -> String {
        self.0.push(Parameter::Text(text.to_owned()));
        format!("${}", self.0.len())
    }

    /// With their types.
    pub(super) fn typed(&self) -> Vec<(&(dyn ToSql + Sync), Type)> {
        fn typed(parameter: &Parameter) -> (&(dyn ToSql + Sync), Type) {
            match parameter {
                Parameter::Number(number) => (number, Type::INT8),
                Parameter::Text(text) => (text, Type::TEXT),
            }
        }
        self.0.iter().map(typed).collect()
    }
}

impl Range {
    /// A query for at most `limit` positions from `from` on, which belongs to them; `None` where nothing
    /// lies there.
    pub(super) fn branch(
        &self,
        way: Way,
        from: Position,
        limit: usize,
        parameters: &mut Parameters,
    ) -> Option<String> {
        let (compare, order) = match way {
            Way::Up => (">=", "ASC"),
            Way::Down => ("<=", "DESC"),
        };
        let no = match self {
            Self::Label(_) => "job",
            // As `jobs_line` has it.
            Self::Line(_) => "accept_no + 0",
            Self::All
            | Self::State(_)
            | Self::QueueState(..)
            | Self::KindQueueState(..)
            | Self::Reason(_)
            | Self::StarterState(..)
            | Self::Delayed
            | Self::Ended(..) => "accept_no",
        };
        let Some(rank) = self.rank() else {
            // All of it has the rank 0.
            let accepted = match (from.rank.cmp(&0), way) {
                (Ordering::Equal, _) => from.accepted.0,
                (Ordering::Less, Way::Up) => i64::MIN,
                (Ordering::Greater, Way::Down) => i64::MAX,
                (Ordering::Less | Ordering::Greater, _) => return None,
            };
            let place = self.place(parameters);
            let accepted = parameters.number(accepted);
            return Some(format!(
                "SELECT 0::bigint AS rank, {no} AS no FROM {place} AND {no} {compare} {accepted} \
                 ORDER BY {no} {order} LIMIT {limit}"
            ));
        };
        let place = self.place(parameters);
        let (at, accepted) = (parameters.number(from.rank), parameters.number(from.accepted.0));
        Some(format!(
            "SELECT {rank} AS rank, {no} AS no FROM {place} AND ({rank}, {no}) {compare} ({at}, \
             {accepted}) ORDER BY {rank} {order}, {no} {order} LIMIT {limit}"
        ))
    }

    /// The table, and the conditions that hold for all of an index or for a piece of it: those of a
    /// partial index stand as they do there, so that it is seen to fit.
    fn place(&self, parameters: &mut Parameters) -> String {
        let mut equal = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter();
            let pairs = pairs.map(|(name, value)| format!("{name} = {}", parameters.text(value)));
            pairs.collect::<Vec<_>>().join(" AND ")
        };
        let state = |state: JobState| <&str>::from(state);
        match self {
            Self::All => "jobs WHERE true".to_owned(),
            Self::State(s) => format!("jobs WHERE {}", equal(&[("state", state(*s))])),
            Self::QueueState(queue, s) => {
                let pairs = [("queue", queue.as_str()), ("state", state(*s))];
                format!("jobs WHERE {}", equal(&pairs))
            }
            Self::KindQueueState(kind, queue, s) => {
                let pairs =
                    [("kind", kind.as_str()), ("queue", queue.as_str()), ("state", state(*s))];
                format!("jobs WHERE {}", equal(&pairs))
            }
            Self::Label(label) => {
                let (key, value) = (stored(&label.key), stored(&label.value));
                format!("job_labels WHERE {}", equal(&[("key", &key), ("value", &value)]))
            }
            Self::Reason(reason) => {
                let reason = <&str>::from(EndReason::clone(reason));
                format!("jobs WHERE {} AND state = 'FAILED'", equal(&[("reason", reason)]))
            }
            Self::StarterState(starter, s) => {
                let pairs = [("started_by", starter.as_str()), ("state", state(*s))];
                format!("jobs WHERE {}", equal(&pairs))
            }
            Self::Line(queue) => format!(
                "jobs WHERE {} AND state = 'QUEUED' AND open_fence IS NULL \
                 AND delayed_until IS NULL",
                equal(&[("queue", queue.as_str())])
            ),
            Self::Delayed => "jobs WHERE delayed_until IS NOT NULL".to_owned(),
            Self::Ended(queue, s) => {
                let pairs = [("queue", queue.as_str()), ("state", state(*s))];
                format!("jobs WHERE {} AND ended_at IS NOT NULL", equal(&pairs))
            }
        }
    }
}
