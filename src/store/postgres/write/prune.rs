//! Removing jobs that ended, with all that belongs to them.
//!
//! As many as there is time for: the transaction is shared, and whoever waits for it must not wait
//! long. What was done of it is told in its answer, and whoever asked goes on from there.

use std::sync::{Arc, LazyLock};
use std::time::Instant;

use async_trait::async_trait;
use futures::future::join_all;
use uuid::Uuid;

use super::{Operation, Tx};
use crate::domain::event::{Change, Event, JobChange};
use crate::domain::id::{EventNo, JobId};
use crate::domain::job::Job;
use crate::store::StoreError;
use crate::store::keep::{Prune, Pruned, REMOVALS_KEPT};
use crate::store::postgres::failure::{Failure, rows_met};
use crate::store::postgres::row::{self, JOB_COLUMN_COUNT, JOB_COLUMNS, get, millis, uuid};
use crate::store::postgres::session::Parameters;

/// So many jobs share their statements, once the first is gone: few enough that the time is kept.
const AT_ONCE: usize = 16;

#[async_trait(?Send)]
impl Operation for Prune {
    type Answer = Pruned;
    type Refusal = StoreError;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Result<Pruned, StoreError>, Failure> {
        let begun = Instant::now();
        let mut pruned = Pruned::default();
        // Whoever has time for no more than one has time for that.
        let (first, others) = self.jobs.split_at(self.jobs.len().min(1));
        for jobs in first.chunks(1).chain(others.chunks(AT_ONCE)) {
            if pruned.looked_at > 0 && begun.elapsed() >= self.within {
                break;
            }
            pruned.looked_at += jobs.len();
            let going = prunable(tx, self, jobs).await?;
            pruned.removed += going.len();
            if !going.is_empty() {
                remove(tx, self, going).await?;
            }
        }
        if pruned.removed > 0 {
            forget_removals(tx).await?;
        }
        Ok(Ok(pruned))
    }
}

/// Those of the jobs that may go, in the order in which they were asked for, and whether each has a folder.
async fn prunable(tx: &Tx<'_>, prune: &Prune, jobs: &[JobId]) -> Result<Vec<(Job, bool)>, Failure> {
    let ids: Vec<Uuid> = jobs.iter().map(|id| uuid(id.as_bytes())).collect();
    let found = tx.session.rows(&PRUNABLE, &[&ids, &millis(prune.keys_before)]).await?;
    found.iter().map(|row| Ok((row::job(row)?, get(row, JOB_COLUMN_COUNT)?))).collect()
}

/// Removes them, for two ways to the database and back.
async fn remove(tx: &mut Tx<'_>, prune: &Prune, going: Vec<(Job, bool)>) -> Result<(), Failure> {
    let numbers: Vec<i64> = going.iter().map(|(job, _)| job.accepted.0).collect();
    let has_folder: Vec<bool> = going.iter().map(|&(_, has_folder)| has_folder).collect();
    let first = tx.numbers.event + 1;
    let removals: Vec<i64> = (first..).take(going.len()).collect();
    let (session, home) = (tx.session, &*tx.home);
    session.prepare(&[DOOM_FOLDERS, &KEEP_REMOVALS, DOOM_OBJECTS, DELETE_JOBS]).await?;
    session.prepare(&DELETE_ALL_OF_THEM).await?;
    let removed: Parameters<'_> = &[&removals, &millis(prune.at), &numbers];
    let folders: Parameters<'_> = &[&numbers, &has_folder, &home];
    let these: Parameters<'_> = &[&numbers];
    let deletes = DELETE_ALL_OF_THEM.iter().map(|sql| session.execute(sql, these));
    // Done in the order in which they stand here: after one that fails PostgreSQL does none of the rest.
    let (kept, folders, objects, deleted, jobs) = futures::join!(
        session.execute(&KEEP_REMOVALS, removed),
        session.execute(DOOM_FOLDERS, folders),
        session.execute(DOOM_OBJECTS, these),
        join_all(deletes),
        session.execute(DELETE_JOBS, these),
    );
    let deleted = deleted.into_iter().collect::<Result<Vec<_>, _>>();
    kept.and(folders).and(objects).and(deleted.map(drop))?;
    rows_met("the removal of jobs", jobs?, numbers.len())?;
    tx.numbers.event = removals.last().copied().unwrap_or(tx.numbers.event);
    for ((mut job, _), no) in going.into_iter().zip(removals) {
        job.seq.0 += 1;
        let event = Event {
            no: EventNo(no),
            job: job.id,
            seq: job.seq,
            at: prune.at,
            change: JobChange::Removed,
            state: job.state,
            before: Some(job.state),
            attempt: None,
        };
        tx.commit.changes.push(Change { event, job: Arc::new(job) });
    }
    Ok(())
}

/// Forgets all removals but the last ones, and from where on none is missing.
async fn forget_removals(tx: &Tx<'_>) -> Result<(), Failure> {
    let Some(old) = tx.session.maybe(OLD_REMOVAL, &[&i64::from(REMOVALS_KEPT)]).await? else {
        return Ok(());
    };
    let no: i64 = get(&old, 0)?;
    tx.session.execute("DELETE FROM removed_jobs WHERE no <= $1", &[&no]).await?;
    let gap = "INSERT INTO feed_gap (id, no) VALUES (1, $1)
               ON CONFLICT (id) DO UPDATE SET no = excluded.no";
    tx.session.execute(gap, &[&no]).await?;
    Ok(())
}

/// By the unique index of `id`. What ended is what has an instant of its end (a CHECK holds it).
static PRUNABLE: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {JOB_COLUMNS}, has_folder
         FROM jobs
         WHERE id = ANY ($1)
           AND ended_at IS NOT NULL
           AND kept_log_bytes IS NOT NULL
           AND (idempotency_key IS NULL OR created_at < $2)
         ORDER BY array_position($1, id)"
    )
});

static KEEP_REMOVALS: LazyLock<String> = LazyLock::new(|| {
    let columns = JOB_COLUMNS.replace("jobs.", "");
    let values = JOB_COLUMNS.replace("jobs.seq", "jobs.seq + 1");
    format!(
        "INSERT INTO removed_jobs (no, removed_at, {columns})
         SELECT removal.no, $2, {values}
         FROM unnest($1::bigint[], $3::bigint[]) AS removal (no, job)
             JOIN jobs ON accept_no = removal.job"
    )
});

/// Each by the key or the index that begins with the job. What was uploaded of its log goes with its row.
const DELETE_ALL_OF_THEM: [&str; 6] = [
    "DELETE FROM job_args WHERE job = ANY ($1)",
    "DELETE FROM job_results WHERE job = ANY ($1)",
    "DELETE FROM job_logs WHERE job = ANY ($1)",
    "DELETE FROM job_labels WHERE job = ANY ($1)",
    "DELETE FROM job_events WHERE job = ANY ($1)",
    "DELETE FROM attempts WHERE job = ANY ($1)",
];

/// The data folders that each job left something in: those of all who claimed it, but where its log went into
/// the store not that of the last, which is told already. By the unique index of `(job, number)`, each worker
/// by its `id`, each job by its key.
const DOOM_FOLDERS: &str = "
WITH tried AS (
    SELECT
        going.job,
        going.has_folder,
        coalesce(workers.home, $3) AS home,
        row_number() OVER (PARTITION BY going.job ORDER BY attempts.number DESC) AS place
    FROM unnest($1::bigint[], $2::boolean[]) AS going (job, has_folder)
        JOIN attempts ON attempts.job = going.job
        LEFT JOIN workers ON workers.id = attempts.worker
)
INSERT INTO doomed_folders (job, home)
SELECT DISTINCT jobs.id, tried.home
FROM tried JOIN jobs ON jobs.accept_no = tried.job
WHERE tried.has_folder
   OR tried.home <> (SELECT home FROM tried AS last WHERE last.job = tried.job AND last.place = 1)
ON CONFLICT DO NOTHING";

/// By the keys.
const DOOM_OBJECTS: &str = "
INSERT INTO doomed_objects (job)
SELECT id
FROM jobs
WHERE accept_no = ANY ($1)
  AND EXISTS (SELECT FROM log_chunks WHERE job = jobs.accept_no AND object IS NOT NULL)
ON CONFLICT DO NOTHING";

/// By its key.
const DELETE_JOBS: &str = "DELETE FROM jobs WHERE accept_no = ANY ($1)";

/// By the key, from the end.
const OLD_REMOVAL: &str = "
SELECT no
FROM removed_jobs
ORDER BY no DESC
LIMIT 1 OFFSET $1";
