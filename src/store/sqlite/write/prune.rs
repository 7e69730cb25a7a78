//! Removing jobs that ended, with all that belongs to them.
//!
//! As many as there is time for: the transaction is shared, and whoever waits for it must not wait
//! long. What was done of it is told in its answer, and whoever asked goes on from there.

use std::sync::LazyLock;
use std::time::Instant;

use rusqlite::OptionalExtension;

use super::settle::doom;
use super::{Operation, Tx};
use crate::domain::event::{Event, JobChange};
use crate::domain::id::{EventNo, JobId};
use crate::domain::job::Job;
use crate::store::StoreError;
use crate::store::keep::{Prune, Pruned, REMOVALS_KEPT};
use crate::store::sqlite::failure::{Failure, one_row};
use crate::store::sqlite::row::{self, JOB_COLUMN_COUNT, JOB_COLUMNS};

impl Operation for Prune {
    type Answer = Pruned;
    type Refusal = StoreError;

    fn apply(&self, tx: &mut Tx<'_>) -> Result<Result<Pruned, StoreError>, Failure> {
        let begun = Instant::now();
        let mut pruned = Pruned::default();
        for &id in &self.jobs {
            if pruned.looked_at > 0 && begun.elapsed() >= self.within {
                break;
            }
            pruned.looked_at += 1;
            if let Some((job, has_folder)) = self.prunable(tx, id)? {
                self.remove(tx, job, has_folder)?;
                pruned.removed += 1;
            }
        }
        if pruned.removed > 0 {
            forget_removals(tx)?;
        }
        Ok(Ok(pruned))
    }
}

impl Prune {
    /// The job, where it may go, and whether it has a folder.
    fn prunable(&self, tx: &Tx<'_>, id: JobId) -> Result<Option<(Job, bool)>, Failure> {
        let mut select = tx.prepare(&PRUNABLE)?;
        let found = select.query_one((id.as_bytes(), self.keys_before.timestamp_millis()), |row| {
            Ok((row::job(row)?, row.get(JOB_COLUMN_COUNT)?))
        });
        Ok(found.optional()?)
    }

    fn remove(&self, tx: &mut Tx<'_>, mut job: Job, has_folder: bool) -> Result<(), Failure> {
        job.seq.0 += 1;
        let no: i64 = tx.prepare(NEXT_EVENT)?.query_one([], |row| row.get(0))?;
        tx.prepare(&KEEP_REMOVAL)?.execute((no, self.at.timestamp_millis(), job.accepted.0))?;
        for delete in DELETE_ALL_OF_IT {
            tx.prepare(delete)?.execute([job.accepted.0])?;
        }
        let rows = tx.prepare(DELETE_JOB)?.execute([job.accepted.0])?;
        one_row("the removal of a job", rows)?;
        if has_folder {
            doom(tx, job.id)?;
        }
        let event = Event {
            no: EventNo(no),
            job: job.id,
            seq: job.seq,
            at: self.at,
            change: JobChange::Removed,
            state: job.state,
            before: Some(job.state),
            attempt: None,
        };
        tx.removed(event, job);
        Ok(())
    }
}

/// Forgets all removals but the last ones, and from where on none is missing.
fn forget_removals(tx: &Tx<'_>) -> Result<(), Failure> {
    let mut select = tx.prepare(OLD_REMOVAL)?;
    let Some(no) = select.query_one([REMOVALS_KEPT], |row| row.get::<_, i64>(0)).optional()? else {
        return Ok(());
    };
    tx.prepare("DELETE FROM removed_jobs WHERE no <= ?1")?.execute([no])?;
    tx.prepare("INSERT OR REPLACE INTO feed_gap (id, no) VALUES (1, ?1)")?.execute([no])?;
    Ok(())
}

/// By the unique index of `id`. What ended is what has an instant of its end (a CHECK holds it).
static PRUNABLE: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {JOB_COLUMNS}, has_folder
         FROM jobs
         WHERE id = ?1
           AND ended_at IS NOT NULL
           AND kept_log_bytes IS NOT NULL
           AND (idempotency_key IS NULL OR created_at < ?2)"
    )
});

/// AUTOINCREMENT's own counter, so that no event ever has the number of a removal.
const NEXT_EVENT: &str = "
UPDATE sqlite_sequence
SET seq = seq + 1
WHERE name = 'job_events'
RETURNING seq";

static KEEP_REMOVAL: LazyLock<String> = LazyLock::new(|| {
    let columns = JOB_COLUMNS.replace("jobs.", "");
    let values = JOB_COLUMNS.replace("jobs.seq", "jobs.seq + 1");
    format!(
        "INSERT INTO removed_jobs (no, removed_at, {columns})
         SELECT ?1, ?2, {values} FROM jobs WHERE accept_no = ?3"
    )
});

/// Each by the key or the index that begins with the job.
pub(in crate::store::sqlite) const DELETE_ALL_OF_IT: [&str; 6] = [
    "DELETE FROM job_args WHERE job = ?1",
    "DELETE FROM job_results WHERE job = ?1",
    "DELETE FROM job_logs WHERE job = ?1",
    "DELETE FROM job_labels INDEXED BY job_labels_of WHERE job = ?1",
    "DELETE FROM job_events INDEXED BY job_events_of WHERE job = ?1",
    "DELETE FROM attempts WHERE job = ?1",
];

/// By its key.
const DELETE_JOB: &str = "DELETE FROM jobs WHERE accept_no = ?1";

/// By `removed_jobs_numbers`, from the end.
pub(in crate::store::sqlite) const OLD_REMOVAL: &str = "
SELECT no
FROM removed_jobs INDEXED BY removed_jobs_numbers
ORDER BY no DESC
LIMIT 1 OFFSET ?1";
