//! The sets of sources that a plan may choose from.

use std::collections::BTreeSet;

use tokio_postgres::Row;
use uuid::Uuid;

use super::seek;
use crate::domain::id::AcceptNo;
use crate::domain::names::{KindName, QueueName};
use crate::domain::state::JobState;
use crate::store::filter::{JobFilter, Text};
use crate::store::listing::{Range, Source, states};
use crate::store::postgres::failure::Failure;
use crate::store::postgres::readers::Moment;
use crate::store::postgres::row::get;
use crate::store::query::Position;

/// By `jobs_open`, which holds as many entries as attempts are open.
pub(super) const CLAIMED: &str = "
SELECT accept_no
FROM jobs
WHERE open_fence IS NOT NULL
  AND state = 'QUEUED'";

/// By the unique index of `id`.
pub(super) const BY_ID: &str = "SELECT accept_no FROM jobs WHERE id BETWEEN $1 AND $2 LIMIT $3";

/// What states, kinds and queues let through, each job in one source.
pub(super) async fn structure(
    moment: &Moment<'_>,
    filter: &JobFilter,
) -> Result<Vec<Source>, Failure> {
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
                for queue in seek::queues_of(moment, kind).await? {
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
pub(super) async fn by_end(
    moment: &Moment<'_>,
    filter: &JobFilter,
) -> Result<Vec<Source>, Failure> {
    let mut sources = Vec::new();
    for queue in seek::queues(moment, filter, seek::NEXT_ENDED_QUEUE).await? {
        let ended = states(filter).into_iter().filter(|state| state.is_terminal());
        sources.extend(ended.map(|s| Source::Index(Range::Ended(queue.clone(), s))));
    }
    Ok(sources)
}

/// What is QUEUED: claims that are being started and what is in line by acceptance, then the rest.
pub(super) async fn queue_order(
    moment: &Moment<'_>,
    filter: &JobFilter,
) -> Result<Vec<Source>, Failure> {
    if !states(filter).contains(&JobState::Queued) {
        return Ok(Vec::new());
    }
    let mut claimed = positions(&moment.rows(CLAIMED, &[]).await?)?;
    claimed.sort_unstable();
    let mut sources = vec![Source::List(claimed), Source::Index(Range::Delayed)];
    for queue in seek::queues(moment, filter, seek::NEXT_LINE_QUEUE).await? {
        sources.push(Source::Index(Range::Line(queue)));
    }
    Ok(sources)
}

/// What has the text in its id, its kind or its labels; `None` where that is too much to look for.
pub(super) async fn with_text(
    moment: &Moment<'_>,
    filter: &JobFilter,
    text: &Text,
) -> Result<Option<Vec<Source>>, Failure> {
    let mut sources = Vec::new();
    if let Some(digits) = text.digits() {
        let bound = |fill: &str| format!("{digits}{}", fill.repeat(32 - digits.len())).parse();
        let (Ok::<Uuid, _>(low), Ok::<Uuid, _>(high)) = (bound("0"), bound("f")) else {
            return Ok(None);
        };
        let most = i64::try_from(seek::LOOKS + 1).unwrap_or(i64::MAX);
        let mut list = positions(&moment.rows(BY_ID, &[&low, &high, &most]).await?)?;
        if list.len() > seek::LOOKS {
            return Ok(None);
        }
        list.sort_unstable();
        sources.push(Source::List(list));
    }
    let Some(kinds) = seek::kinds(moment).await? else { return Ok(None) };
    let named: Vec<_> = kinds.into_iter().filter(|kind| text.is_in(kind.as_str())).collect();
    if !named.is_empty() {
        let of_kinds = JobFilter {
            kinds: Some(named),
            states: filter.states.clone(),
            reasons: filter.reasons.clone(),
            queues: filter.queues.clone(),
            ..JobFilter::default()
        };
        sources.extend(structure(moment, &of_kinds).await?);
    }
    let Some(labels) = seek::labels_with(moment, text).await? else { return Ok(None) };
    sources.extend(labels.into_iter().map(|label| Source::Index(Range::Label(label))));
    Ok(Some(sources))
}

fn positions(rows: &[Row]) -> Result<Vec<Position>, Failure> {
    let position = |row| Ok(Position { rank: 0, accepted: AcceptNo(get(row, 0)?) });
    rows.iter().map(position).collect()
}
