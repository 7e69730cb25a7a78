//! Which kinds, queues and labels there are: read off the indexes by one seek for each.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, Params};

use crate::domain::label::Label;
use crate::domain::names::{KindName, QueueName};
use crate::store::filter::{JobFilter, Text};
use crate::store::sqlite::failure::Failure;
use crate::store::sqlite::row;

/// So many ids, kinds or labels are looked through for a text, each.
pub(super) const LOOKS: usize = 1_000;
/// So many labels that have a text are followed.
const FOLLOWED: usize = 100;

/// By `jobs_by_kind`: the first queue past ?2 in which the kind has jobs.
const NEXT_QUEUE: &str = "
SELECT queue
FROM jobs INDEXED BY jobs_by_kind
WHERE kind = ?1
  AND queue > ?2
ORDER BY queue
LIMIT 1";

/// By `jobs_by_kind`: the first kind past ?1 that has jobs.
const NEXT_KIND: &str = "
SELECT kind
FROM jobs INDEXED BY jobs_by_kind
WHERE kind > ?1
ORDER BY kind
LIMIT 1";

/// By `jobs_by_end`: the first queue past ?1 in which a job ended.
pub(super) const NEXT_ENDED_QUEUE: &str = "
SELECT queue
FROM jobs INDEXED BY jobs_by_end
WHERE ended_at IS NOT NULL
  AND queue > ?1
ORDER BY queue
LIMIT 1";

/// By `jobs_line`: the first queue past ?1 in which a job is in line.
pub(super) const NEXT_LINE_QUEUE: &str = "
SELECT queue
FROM jobs INDEXED BY jobs_line
WHERE state = 'QUEUED' AND open_fence IS NULL AND delayed_until IS NULL
  AND queue > ?1
ORDER BY queue
LIMIT 1";

/// By the key: the first label past (?1, ?2).
const NEXT_LABEL: &str = "
SELECT key, value
FROM job_labels
WHERE (key, value) > (?1, ?2)
ORDER BY key, value
LIMIT 1";

/// All of them, for the test of their plans.
#[cfg(test)]
pub(in crate::store::sqlite) const SEEKS: [&str; 7] = [
    NEXT_QUEUE,
    NEXT_KIND,
    NEXT_ENDED_QUEUE,
    NEXT_LINE_QUEUE,
    NEXT_LABEL,
    super::sets::CLAIMED,
    super::sets::BY_ID,
];

/// The queues in which a kind ever had jobs: mostly one.
pub(super) fn queues_of(conn: &Connection, kind: &KindName) -> Result<Vec<QueueName>, Failure> {
    let mut queues: Vec<QueueName> = Vec::new();
    loop {
        let last = queues.last().map_or("", QueueName::as_str);
        match next(conn, NEXT_QUEUE, (kind.as_str(), last))? {
            Some(queue) => queues.push(queue),
            None => return Ok(queues),
        }
    }
}

/// The queues that the filter names, or all that `sql` finds.
pub(super) fn queues(
    conn: &Connection,
    filter: &JobFilter,
    sql: &str,
) -> Result<BTreeSet<QueueName>, Failure> {
    if let Some(queues) = &filter.queues {
        return Ok(queues.iter().cloned().collect());
    }
    let mut queues = BTreeSet::<QueueName>::new();
    loop {
        let last = queues.last().map_or("", QueueName::as_str);
        match next(conn, sql, [last])? {
            Some(queue) => queues.insert(queue),
            None => return Ok(queues),
        };
    }
}

/// The kinds that ever had jobs; `None`: too many to look through.
pub(super) fn kinds(conn: &Connection) -> Result<Option<Vec<KindName>>, Failure> {
    let mut kinds: Vec<KindName> = Vec::new();
    while kinds.len() <= LOOKS {
        let last = kinds.last().map_or("", KindName::as_str);
        match next(conn, NEXT_KIND, [last])? {
            Some(kind) => kinds.push(kind),
            None => return Ok(Some(kinds)),
        }
    }
    Ok(None)
}

/// The labels that have the text in them; `None`: too many to look through, or to follow.
pub(super) fn labels_with(conn: &Connection, text: &Text) -> Result<Option<Vec<Label>>, Failure> {
    let mut select = conn.prepare_cached(NEXT_LABEL)?;
    let mut found = Vec::new();
    let mut last = Label { key: String::new(), value: String::new() };
    for _ in 0..=LOOKS {
        let label = |row: &rusqlite::Row<'_>| Ok(Label { key: row.get(0)?, value: row.get(1)? });
        let Some(label) = select.query_one((&last.key, &last.value), label).optional()? else {
            return Ok((found.len() <= FOLLOWED).then_some(found));
        };
        if text.is_in(&label.key) || text.is_in(&label.value) {
            found.push(label.clone());
        }
        last = label;
    }
    Ok(None)
}

fn next<T: std::str::FromStr>(
    conn: &Connection,
    sql: &str,
    past: impl Params,
) -> Result<Option<T>, Failure> {
    Ok(conn.prepare_cached(sql)?.query_one(past, |row| row::must(row, 0)).optional()?)
}
