//! The sets of sources that a plan may choose from.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::seek;
use crate::domain::id::AcceptNo;
use crate::domain::names::{KindName, QueueName};
use crate::domain::state::JobState;
use crate::store::filter::{JobFilter, Text};
use crate::store::listing::{Range, Source, states};
use crate::store::query::Position;
use crate::store::sqlite::failure::Failure;

/// By `jobs_open`, which holds as many entries as attempts are open.
pub(super) const CLAIMED: &str = "
SELECT accept_no
FROM jobs INDEXED BY jobs_open
WHERE open_fence IS NOT NULL
  AND state = 'QUEUED'";

/// By the unique index of `id`.
pub(super) const BY_ID: &str = "SELECT accept_no FROM jobs WHERE id BETWEEN ?1 AND ?2 LIMIT ?3";

/// What states, kinds and queues let through, each job in one source.
pub(super) fn structure(conn: &Connection, filter: &JobFilter) -> Result<Vec<Source>, Failure> {
    let states = states(filter);
    let queues: Option<BTreeSet<&QueueName>> = filter.queues.as_ref().map(|q| q.iter().collect());
    let kinds: Option<BTreeSet<&KindName>> = filter.kinds.as_ref().map(|k| k.iter().collect());
    let mut ranges = Vec::new();
    match (kinds, queues) {
        (None, None) if filter.states.is_none() && filter.reasons.is_none() => {
            ranges.push(Range::All);
        }
        (None, None) => ranges.extend(states.iter().map(|s| Range::State(*s))),
        (None, Some(queues)) => {
            for queue in queues {
                ranges.extend(states.iter().map(|s| Range::QueueState(queue.clone(), *s)));
            }
        }
        (Some(kinds), queues) => {
            for kind in kinds {
                for queue in seek::queues_of(conn, kind)? {
                    if queues.as_ref().is_none_or(|asked| asked.contains(&queue)) {
                        let range =
                            |s: &JobState| Range::KindQueueState(kind.clone(), queue.clone(), *s);
                        ranges.extend(states.iter().map(range));
                    }
                }
            }
        }
    }
    Ok(ranges.into_iter().map(Source::Index).collect())
}

/// What a caller started, each job in one source.
pub(super) fn of_starter(filter: &JobFilter, name: &str) -> Vec<Source> {
    let range = |state| Source::Index(Range::StarterState(name.to_owned(), state));
    states(filter).into_iter().map(range).collect()
}

/// What ended, by its end.
pub(super) fn by_end(conn: &Connection, filter: &JobFilter) -> Result<Vec<Source>, Failure> {
    let mut sources = Vec::new();
    for queue in seek::queues(conn, filter, seek::NEXT_ENDED_QUEUE)? {
        let ended = states(filter).into_iter().filter(|state| state.is_terminal());
        sources.extend(ended.map(|s| Source::Index(Range::Ended(queue.clone(), s))));
    }
    Ok(sources)
}

/// What is QUEUED: claims that are being started and what is in line by acceptance, then the rest.
pub(super) fn queue_order(conn: &Connection, filter: &JobFilter) -> Result<Vec<Source>, Failure> {
    if !states(filter).contains(&JobState::Queued) {
        return Ok(Vec::new());
    }
    let mut claimed = conn.prepare_cached(CLAIMED)?;
    let claimed = claimed.query_map([], |row| row.get(0).map(AcceptNo))?;
    let claimed: Result<Vec<_>, _> =
        claimed.map(|no| no.map(|accepted| Position { rank: 0, accepted })).collect();
    let mut claimed = claimed?;
    claimed.sort_unstable();
    let mut sources = vec![Source::List(claimed), Source::Index(Range::Delayed)];
    for queue in seek::queues(conn, filter, seek::NEXT_LINE_QUEUE)? {
        sources.push(Source::Index(Range::Line(queue)));
    }
    Ok(sources)
}

/// What has the text in its id, its kind or its labels; `None` where that is too much to look for.
pub(super) fn with_text(
    conn: &Connection,
    filter: &JobFilter,
    text: &Text,
) -> Result<Option<Vec<Source>>, Failure> {
    let mut sources = Vec::new();
    if let Some(digits) = text.digits() {
        let bound = |fill: &str| hex::decode(format!("{digits}{}", fill.repeat(32 - digits.len())));
        let (Ok(low), Ok(high)) = (bound("0"), bound("f")) else { return Ok(None) };
        let mut select = conn.prepare_cached(BY_ID)?;
        let most = u32::try_from(seek::LOOKS + 1).unwrap_or(u32::MAX);
        let numbers = select.query_map((low, high, most), |row| row.get(0))?;
        let positions = numbers.map(|no| no.map(|no| Position { rank: 0, accepted: AcceptNo(no) }));
        let mut list = positions.collect::<Result<Vec<_>, _>>()?;
        if list.len() > seek::LOOKS {
            return Ok(None);
        }
        list.sort_unstable();
        sources.push(Source::List(list));
    }
    let Some(kinds) = seek::kinds(conn)? else { return Ok(None) };
    let named: Vec<_> = kinds.into_iter().filter(|kind| text.is_in(kind.as_str())).collect();
    if !named.is_empty() {
        let of_kinds = JobFilter {
            kinds: Some(named),
            states: filter.states.clone(),
            reasons: filter.reasons.clone(),
            queues: filter.queues.clone(),
            ..JobFilter::default()
        };
        sources.extend(structure(conn, &of_kinds)?);
    }
    let Some(labels) = seek::labels_with(conn, text)? else { return Ok(None) };
    sources.extend(labels.into_iter().map(|label| Source::Index(Range::Label(label))));
    Ok(Some(sources))
}
