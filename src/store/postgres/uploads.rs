//! What attempts print, on its way to the servers that have not their folders: parts of logs, in rows.
//!
//! # Invariants
//!
//! - Only the open claim of a job adds to its log: that is asked and added in one statement, which holds the
//!   job's row for as long as it takes, so that a claim which ends meanwhile is over afterwards. So what is
//!   there once an end is known is all that will ever be.
//! - The parts of an attempt have no gap: one that would leave one is refused with the place to go on from.
//!
//! # Concurrency
//!
//! Connections of their own, which never touch the lock of those who write, and flush nothing: PostgreSQL
//! keeps commits in their order, so that an end is never durable without what was uploaded before it. One
//! row is one statement, so nobody holds two jobs at a time.

use super::failure::Failure;
use super::readers::Readers;
use super::row::{count, get, uuid};
use crate::domain::id::JobId;
use crate::store::fleet::{LogPart, Upload, Uploaded};

/// What such a connection is told.
pub(super) const SETTINGS: &str = "
    SET statement_timeout = '3s';
    SET lock_timeout = '2s';
    SET tcp_keepalives_idle = 5;
    SET tcp_keepalives_interval = 2;
    SET tcp_keepalives_count = 3;
    SET synchronous_commit = off";

/// Words of growth have a channel beside that of other news.
pub(super) const CHANNEL_END: &str = "_logs";

/// So many parts are read together.
const PAGE: i64 = 8;

/// The job by the unique index of `id`, its parts by their key. What is added takes the place of the parts
/// that it holds: many small ones become one.
const UPLOAD: &str = "
WITH open AS (
    SELECT accept_no AS job
    FROM jobs
    WHERE id = $1
      AND open_fence = $2
    FOR SHARE
), known AS (
    SELECT job,
        coalesce(
            (SELECT max(until) FROM log_chunks AS c WHERE c.job = open.job AND c.number = $3),
            0) AS until,
        $4::bigint = 0 OR EXISTS (
            SELECT FROM log_chunks AS c WHERE c.job = open.job AND c.number = $3 AND c.until = $4
        ) AS joins,
        coalesce(
            (SELECT sum(octet_length(frames)) FROM log_chunks AS c
             WHERE c.job = open.job AND c.number < $3),
            0) <= $8::bigint AS fits
    FROM open
), held AS (
    DELETE FROM log_chunks AS c
    USING known
    WHERE c.job = known.job
      AND c.number = $3
      AND c.start >= $4
      AND c.until < $5::bigint
      AND c.until > $4
      AND known.joins
      AND known.fits
), added AS (
    INSERT INTO log_chunks AS c (job, number, start, until, frames, is_cut)
    SELECT job, $3::bigint, $4::bigint, $5::bigint, $6::bytea, $7::boolean
    FROM known
    WHERE joins
      AND fits
    ON CONFLICT (job, number, until) DO UPDATE
    SET start = least(c.start, excluded.start),
        frames = CASE WHEN excluded.start < c.start THEN excluded.frames ELSE c.frames END,
        is_cut = c.is_cut OR excluded.is_cut
    RETURNING pg_notify(
        'longhaul_' || current_schema()::regnamespace::oid || '_logs',
        $1::uuid::text)::text
)
SELECT until, joins, fits FROM known";

/// By the key.
const UPLOADED: &str = "
SELECT number, start, until, CASE WHEN number > $2 OR until > $3 THEN frames END, is_cut
FROM log_chunks
WHERE job = (SELECT accept_no FROM jobs WHERE id = $1)
  AND (number, until) >= ($2, $3)
ORDER BY number, until
LIMIT $4";

fn number(offset: u64) -> i64 {
    i64::try_from(offset).unwrap_or(i64::MAX)
}

/// Adds a part.
pub(super) async fn upload(uploads: &Readers, upload: &Upload) -> Result<Uploaded, Failure> {
    let Upload { job, fence, part, room } = upload;
    let (start, until, room) = (number(part.start), number(part.until), number(*room));
    let (job, attempt) = (uuid(job.as_bytes()), i64::from(part.number));
    let (frames, is_cut) = (&part.frames[..], part.is_cut);
    let known = uploads
        .maybe(UPLOAD, &[&job, &fence.0, &attempt, &start, &until, &frames, &is_cut, &room])
        .await?;
    let Some(known) = known else { return Ok(Uploaded::Stale) };
    let (until, joins, fits): (i64, bool, bool) =
        (get(&known, 0)?, get(&known, 1)?, get(&known, 2)?);
    Ok(match (joins, fits) {
        (false, _) => Uploaded::Apart(until.unsigned_abs()),
        (true, false) => Uploaded::Full,
        (true, true) => Uploaded::Done,
    })
}

/// A few parts from a place on.
pub(super) async fn uploaded(
    readers: &Readers,
    job: JobId,
    (attempt, until): (u32, u64),
) -> Result<Vec<LogPart>, Failure> {
    let (job, attempt, until) = (uuid(job.as_bytes()), i64::from(attempt), number(until));
    let rows = readers.rows(UPLOADED, &[&job, &attempt, &until, &PAGE]).await?;
    let part = |row| {
        Ok(LogPart {
            number: count(row, 0)?,
            start: get::<i64>(row, 1)?.unsigned_abs(),
            until: get::<i64>(row, 2)?.unsigned_abs(),
            frames: get::<Option<&[u8]>>(row, 3)?.unwrap_or_default().to_vec(),
            is_cut: get(row, 4)?,
        })
    };
    rows.iter().map(part).collect()
}
