//! Which kinds, queues and labels there are: read off the indexes by one seek for each.

use std::collections::BTreeSet;

use crate::domain::label::Label;
use crate::domain::names::{KindName, QueueName};
use crate::store::filter::{JobFilter, Text};
use crate::store::postgres::failure::Failure;
use crate::store::postgres::readers::Moment;
use crate::store::postgres::row::{get, must, read_back};
use crate::store::postgres::typed::Asks;

/// So many ids, kinds or labels are looked through for a text, each.
pub(super) const LOOKS: usize = 1_000;
/// So many labels that have a text are followed.
const FOLLOWED: usize = 100;

/// By `jobs_by_kind`: the first queue past $2 in which the kind has jobs.
const NEXT_QUEUE: &str = "
SELECT queue
FROM jobs
WHERE kind = $1
  AND queue > $2
ORDER BY kind, queue
LIMIT 1";

/// By `jobs_by_kind`: the first kind past $1 that has jobs.
const NEXT_KIND: &str = "
SELECT kind
FROM jobs
WHERE kind > $1
ORDER BY kind
LIMIT 1";

/// By `jobs_by_end`: the first queue past $1 in which a job ended.
pub(super) const NEXT_ENDED_QUEUE: &str = "
SELECT queue
FROM jobs
WHERE ended_at IS NOT NULL
  AND queue > $1
ORDER BY queue
LIMIT 1";

/// By `jobs_line`: the first queue past $1 in which a job is in line.
pub(super) const NEXT_LINE_QUEUE: &str = "
SELECT queue
FROM jobs
WHERE state = 'QUEUED' AND open_fence IS NULL AND delayed_until IS NULL
  AND queue > $1
ORDER BY queue
LIMIT 1";

/// By the key: all labels, each by one seek from the one before.
const LABELS: &str = "
WITH RECURSIVE labels AS (
    (SELECT key, value FROM job_labels ORDER BY key, value LIMIT 1)
    UNION ALL
    SELECT next.key, next.value
    FROM labels, LATERAL (
        SELECT key, value
        FROM job_labels
        WHERE (key, value) > (labels.key, labels.value)
        ORDER BY key, value
        LIMIT 1
    ) AS next
)
SELECT key, value
FROM labels
LIMIT $1";

/// The queues in which a kind ever had jobs: mostly one.
pub(super) async fn queues_of(
    moment: &Moment<'_>,
    kind: &KindName,
) -> Result<Vec<QueueName>, Failure> {
    let mut queues: Vec<QueueName> = Vec::new();
    loop {
        let last = queues.last().map_or("", QueueName::as_str);
        match next(moment, NEXT_QUEUE, &[&kind.as_str(), &last]).await? {
            Some(queue) => queues.push(queue),
            None => return Ok(queues),
        }
    }
}

/// The queues that the filter names, or all that `sql` finds.
pub(super) async fn queues(
    moment: &Moment<'_>,
    filter: &JobFilter,
    sql: &str,
) -> Result<BTreeSet<QueueName>, Failure> {
    if let Some(queues) = &filter.queues {
        return Ok(queues.iter().cloned().collect());
    }
    let mut queues = BTreeSet::<QueueName>::new();
    loop {
        let last = queues.last().map_or("", QueueName::as_str);
        match next(moment, sql, &[&last]).await? {
            Some(queue) => queues.insert(queue),
            None => return Ok(queues),
        };
    }
}

/// The kinds that ever had jobs; `None`: too many to look through.
pub(super) async fn kinds(moment: &Moment<'_>) -> Result<Option<Vec<KindName>>, Failure> {
    let mut kinds: Vec<KindName> = Vec::new();
    while kinds.len() <= LOOKS {
        let last = kinds.last().map_or("", KindName::as_str);
        match next(moment, NEXT_KIND, &[&last]).await? {
            Some(kind) => kinds.push(kind),
            None => return Ok(Some(kinds)),
        }
    }
    Ok(None)
}

/// The labels that have the text in them; `None`: too many to look through, or to follow.
pub(super) async fn labels_with(
    moment: &Moment<'_>,
    text: &Text,
) -> Result<Option<Vec<Label>>, Failure> {
    let most = i64::try_from(LOOKS + 1).unwrap_or(i64::MAX);
    let rows = moment.rows(LABELS, &[&most]).await?;
    if rows.len() > LOOKS {
        return Ok(None);
    }
    let label = |row| Ok(Label { key: read_back(get(row, 0)?), value: read_back(get(row, 1)?) });
    let labels = rows.iter().map(label).collect::<Result<Vec<_>, Failure>>()?;
    let has = |label: &Label| text.is_in(&label.key) || text.is_in(&label.value);
    let found: Vec<_> = labels.into_iter().filter(has).collect();
    Ok((found.len() <= FOLLOWED).then_some(found))
}

async fn next<T: std::str::FromStr>(
    moment: &Moment<'_>,
    sql: &str,
    past: Asks<'_>,
) -> Result<Option<T>, Failure> {
    moment.maybe(sql, past).await?.map(|row| must(&row, 0)).transpose()
}
