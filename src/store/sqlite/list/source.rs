//! How a piece of an index is read in the order of the list.

use rusqlite::types::ToSql;

use crate::store::listing::{Range, Way};
use crate::store::query::Position;

/// The name of a parameter and its value.
pub(super) type Parameter<'a> = (&'static str, Box<dyn ToSql + 'a>);

impl Range {
    /// From the position (`:rank`, `:no`) on, which belongs to it. A range that goes by acceptance
    /// alone has the rank 0 and knows no `:rank`.
    pub(in crate::store::sqlite) fn sql(&self, way: Way) -> String {
        let (compare, order) = match way {
            Way::Up => (">=", "ASC"),
            Way::Down => ("<=", "DESC"),
        };
        let from = self.from();
        let no = if matches!(self, Self::Label(_)) { "job" } else { "accept_no" };
        match self.rank() {
            None => {
                format!("SELECT 0, {no} FROM {from} AND {no} {compare} :no ORDER BY {no} {order}")
            }
            Some(rank) => format!(
                "SELECT {rank}, {no} FROM {from} AND ({rank}, {no}) {compare} (:rank, :no) \
                 ORDER BY {rank} {order}, {no} {order}"
            ),
        }
    }

    fn from(&self) -> &'static str {
        match self {
            Self::All => "jobs WHERE true",
            Self::State(_) => "jobs INDEXED BY jobs_by_state WHERE state = :state",
            Self::QueueState(..) => {
                "jobs INDEXED BY jobs_by_queue WHERE queue = :queue AND state = :state"
            }
            Self::KindQueueState(..) => {
                "jobs INDEXED BY jobs_by_kind \
                 WHERE kind = :kind AND queue = :queue AND state = :state"
            }
            Self::Label(_) => "job_labels WHERE key = :key AND value = :value",
            Self::Reason(_) => {
                "jobs INDEXED BY jobs_by_reason WHERE reason = :reason AND state = 'FAILED'"
            }
            Self::StarterState(..) => {
                "jobs INDEXED BY jobs_by_starter WHERE started_by = :starter AND state = :state"
            }
            Self::Line(_) => {
                "jobs INDEXED BY jobs_line WHERE queue = :queue \
                 AND state = 'QUEUED' AND open_fence IS NULL AND delayed_until IS NULL"
            }
            Self::Delayed => "jobs INDEXED BY jobs_delayed WHERE delayed_until IS NOT NULL",
            Self::Ended(..) => {
                "jobs INDEXED BY jobs_by_end \
                 WHERE queue = :queue AND state = :state AND ended_at IS NOT NULL"
            }
        }
    }

    /// The parameters of [`Self::sql`], to read from `from` on; `None` where nothing lies there.
    pub(super) fn parameters(&self, way: Way, from: Position) -> Option<Vec<Parameter<'_>>> {
        let mut parameters: Vec<Parameter<'_>> = match self {
            Self::All | Self::Delayed => Vec::new(),
            Self::State(state) => vec![(":state", word(*state))],
            Self::QueueState(queue, state) | Self::Ended(queue, state) => {
                vec![(":queue", Box::new(queue.as_str())), (":state", word(*state))]
            }
            Self::KindQueueState(kind, queue, state) => vec![
                (":kind", Box::new(kind.as_str())),
                (":queue", Box::new(queue.as_str())),
                (":state", word(*state)),
            ],
            Self::Label(label) => {
                vec![(":key", Box::new(&label.key)), (":value", Box::new(&label.value))]
            }
            Self::Reason(reason) => vec![(":reason", word(*reason))],
            Self::StarterState(starter, state) => {
                vec![(":starter", Box::new(starter)), (":state", word(*state))]
            }
            Self::Line(queue) => vec![(":queue", Box::new(queue.as_str()))],
        };
        let no = if self.rank().is_some() {
            parameters.push((":rank", Box::new(from.rank)));
            from.accepted.0
        } else {
            // All of it has the rank 0.
            match (from.rank.cmp(&0), way) {
                (std::cmp::Ordering::Equal, _) => from.accepted.0,
                (std::cmp::Ordering::Less, Way::Up) => i64::MIN,
                (std::cmp::Ordering::Greater, Way::Down) => i64::MAX,
                (std::cmp::Ordering::Less | std::cmp::Ordering::Greater, _) => return None,
            }
        };
        parameters.push((":no", Box::new(no)));
        Some(parameters)
    }
}

fn word<'a>(value: impl Into<&'static str>) -> Box<dyn ToSql + 'a> {
    let word: &'static str = value.into();
    Box::new(word)
}
