//! What running jobs say of their progress, on its way to the servers that do not run them.
//!
//! A word carries it, for whoever listens; a row has what was said last, for whoever comes later or missed a
//! word. Over the connections that upload logs: no lock of who writes is touched, and nothing is flushed.

use super::failure::Failure;
use super::readers::Readers;
use super::row::{get, job_id, uuid};
use crate::domain::id::Fence;
use crate::store::Guarded;
use crate::store::fleet::Said;

/// Such words have a channel beside that of other news.
pub(super) const CHANNEL_END: &str = "_progress";

/// By the unique index of `id`, then by the key. What is said meanwhile of a claim that ends is of no open
/// claim, and so stands for nothing.
const SAY: &str = "
INSERT INTO job_progress (job, fence, said)
SELECT accept_no, $2, $3::text
FROM jobs
WHERE id = $1
  AND open_fence = $2
ON CONFLICT (job) DO UPDATE
SET fence = excluded.fence,
    said = excluded.said
RETURNING pg_notify(
    'longhaul_' || current_schema()::regnamespace::oid || '_progress',
    $4::text)::text";

/// By `jobs_open`, then by the key.
const SAID: &str = "
SELECT jobs.id, job_progress.fence, job_progress.said
FROM jobs JOIN job_progress ON job_progress.job = jobs.accept_no
WHERE jobs.open_fence IS NOT NULL
  AND job_progress.fence = jobs.open_fence";

/// Tells the other servers.
pub(super) async fn say(uploads: &Readers, said: &Said) -> Result<Guarded<()>, Failure> {
    let (row, word) = (serde_json::to_string(&said.progress)?, serde_json::to_string(said)?);
    let job = uuid(said.job.as_bytes());
    let told = uploads.maybe(SAY, &[&job, &said.fence.0, &row, &word]).await?;
    Ok(told.map_or(Guarded::Stale, |_| Guarded::Done(())))
}

/// What the open jobs said last.
pub(super) async fn said(readers: &Readers) -> Result<Vec<Said>, Failure> {
    let said = |row| {
        let progress = serde_json::from_str(get(row, 2)?)?;
        Ok(Said { job: job_id(row, 0)?, fence: Fence(get(row, 1)?), progress })
    };
    readers.rows(SAID, &[]).await?.iter().map(said).collect()
}
