//! What attempts print, on its way to the servers that have not their folders: parts of logs, in rows.
//!
//! # Invariants
//!
//! - Only the open claim of a job adds to its log: that is asked and added in one statement, which holds the
//!   job's row for as long as it takes, so that a claim which ends meanwhile is over afterwards. What is late
//!   may be added by a claim whose own end is stored: the end says how much was printed, so that whoever reads
//!   it knows whether more will come. A claim that was lost adds nothing (P4).
//! - The parts of an attempt have no gap: one that would leave one is refused with the place to go on from.
//!
//! # Concurrency
//!
//! Connections of their own, which never touch the lock of those who write, and flush nothing: PostgreSQL
//! keeps commits in their order, so that an end is never durable without what was uploaded before it. One
//! row is one statement, so nobody holds two jobs at a time.

use tokio_postgres::Row;

use super::failure::Failure;
use super::readers::Readers;
use super::row::{count, get, uuid};
use super::settings::Settings;
use crate::domain::id::JobId;
use crate::store::fleet::{LogPart, Object, Segment, Upload, Uploaded};

/// What such a connection is told: it may not take long.
pub(super) const UPLOADING: Settings = Settings {
    alike: &["statement_timeout = '3s'", "lock_timeout = '2s'", "synchronous_commit = off"],
    session: &[
        "tcp_keepalives_idle = 5",
        "tcp_keepalives_interval = 2",
        "tcp_keepalives_count = 3",
    ],
    transaction: &[],
};

/// Words of growth have a channel beside that of other news.
pub(super) const CHANNEL_END: &str = "_logs";

/// So many parts are read together.
const PAGE: i64 = 8;

/// The job by the unique index of `id`, its parts by their key. What is added takes the place of the parts
/// that it holds: many small ones become one, and of the tail those are gone that the folder has no more.
const UPLOAD: &str = "
WITH open AS (
    SELECT accept_no AS job
    FROM jobs
    WHERE id = $1
      AND (open_fence = $2
        OR $13::boolean AND EXISTS (
            SELECT FROM attempts
            WHERE attempts.job = jobs.accept_no
              AND number = $3
              AND fence = $2
              AND log_bytes > 0))
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
      AND (c.start >= $4 AND c.until < $5::bigint AND c.until > $4
        OR c.segment < $12::bigint AND c.until < $5)
      AND known.joins
      AND known.fits
    RETURNING c.object
), mended AS (
    UPDATE log_chunks AS c
    SET is_cut = false
    FROM known
    WHERE c.job = known.job
      AND c.number = $3
      AND c.until = $4
      AND c.is_cut
      AND NOT $7::boolean
      AND known.joins
      AND known.fits
), added AS (
    INSERT INTO log_chunks AS c
        (job, number, start, until, frames, is_cut, object, object_bytes, segment, oldest)
    SELECT job, $3::bigint, $4::bigint, $5::bigint, $6::bytea, $7, $9::text, $10::bigint,
        $11::bigint, $12
    FROM known
    WHERE joins
      AND fits
    ON CONFLICT (job, number, until) DO UPDATE
    SET (start, frames, object, object_bytes) = (
            SELECT best.start, best.frames, best.object, best.object_bytes
            FROM (VALUES
                (c.start, c.frames, c.object, c.object_bytes),
                (excluded.start, excluded.frames, excluded.object, excluded.object_bytes)
            ) AS best (start, frames, object, object_bytes)
            ORDER BY best.start, best.object NULLS LAST
            LIMIT 1),
        is_cut = excluded.is_cut OR c.is_cut AND excluded.object IS NULL
    RETURNING pg_notify(
        'longhaul_' || current_schema()::regnamespace::oid || '_logs',
        $1::uuid::text)::text
)
SELECT until, joins, fits,
    (SELECT array_agg(object) FROM held WHERE object IS NOT NULL)
FROM known";

/// By the key.
const UPLOADED: &str = "
SELECT number, start, until, CASE WHEN number > $2 OR until > $3 THEN frames END, is_cut,
    object, object_bytes, segment, oldest
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
    let Upload { job, fence, part, room, is_late } = upload;
    let (start, until, room) = (number(part.start), number(part.until), number(*room));
    let (job, attempt) = (uuid(job.as_bytes()), i64::from(part.number));
    let (frames, is_cut) = (&part.frames[..], part.is_cut);
    let object = part.object.as_ref().map(|object| object.name.as_str());
    let object_bytes = part.object.as_ref().map(|object| number(object.bytes));
    let segment = part.segment.map(|segment| number(segment.start));
    let oldest = part.segment.map(|segment| number(segment.oldest));
    let known = uploads
        .maybe(
            UPLOAD,
            &[
                &job,
                &fence.0,
                &attempt,
                &start,
                &until,
                &frames,
                &is_cut,
                &room,
                &object,
                &object_bytes,
                &segment,
                &oldest,
                is_late,
            ],
        )
        .await?;
    let Some(known) = known else { return Ok(Uploaded::Stale) };
    let (until, joins, fits): (i64, bool, bool) =
        (get(&known, 0)?, get(&known, 1)?, get(&known, 2)?);
    Ok(match (joins, fits) {
        (false, _) => Uploaded::Apart(until.unsigned_abs()),
        (true, false) => Uploaded::Full,
        (true, true) => match get::<Option<Vec<String>>>(&known, 3)? {
            Some(objects) => Uploaded::Replaced(objects),
            None => Uploaded::Done,
        },
    })
}

fn object(row: &Row) -> Result<Option<Object>, Failure> {
    let Some(name) = get(row, 5)? else { return Ok(None) };
    Ok(Some(Object { name, bytes: get::<i64>(row, 6)?.unsigned_abs() }))
}

fn segment(row: &Row) -> Result<Option<Segment>, Failure> {
    let Some(start) = get::<Option<i64>>(row, 7)? else { return Ok(None) };
    let oldest = get::<i64>(row, 8)?.unsigned_abs();
    Ok(Some(Segment { start: start.unsigned_abs(), oldest }))
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
            object: object(row)?,
            segment: segment(row)?,
        })
    };
    rows.iter().map(part).collect()
}
