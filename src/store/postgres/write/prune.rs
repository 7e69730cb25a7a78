//! Removing jobs that ended, with all that belongs to them.
//!
//! As many as there is time for: the transaction is shared, and whoever waits for it must not wait
//! long. What was done of it is told in its answer, and whoever asked goes on from there.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use async_trait::async_trait;
use futures::future::join_all;

use super::{Operation, Tx};
use crate::domain::event::{Change, Event, JobChange};
use crate::domain::id::{EventNo, JobId};
use crate::domain::job::Job;
use crate::store::StoreError;
use crate::store::keep::{Prune, Pruned, REMOVALS_KEPT};
use crate::store::postgres::failure::{Failure, one_row};
use crate::store::postgres::row::{self, JOB_COLUMN_COUNT, JOB_COLUMNS, get, millis, uuid};
use crate::store::postgres::session::{Parameters, Session};

/// So many jobs share the ways to the database and back, once the first is gone: few enough that the time is kept.
const AT_ONCE: usize = 16;

#[async_trait(?Send)]
impl Operation for Prune {
    type Answer = Pruned;
    type Refusal = StoreError;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Result<Pruned, StoreError>, Failure> {
        let begun = Instant::now();
        let session = tx.session;
        session
            .prepare(&[&PRUNABLE, &KEEP_REMOVAL, DOOM_FOLDERS, DOOM_OBJECTS, DELETE_JOB])
            .await?;
        session.prepare(&DELETE_ALL_OF_IT).await?;
        let mut pruned = Pruned::default();
        // Whoever has time for no more than one has time for that.
        let (first, others) = self.jobs.split_at(self.jobs.len().min(1));
        for jobs in first.chunks(1).chain(others.chunks(AT_ONCE)) {
            if pruned.looked_at > 0 && begun.elapsed() >= self.within {
                break;
            }
            pruned.looked_at += jobs.len();
            let found = join_all(jobs.iter().map(|&id| prunable(session, self, id))).await;
            let found = found.into_iter().collect::<Result<Vec<_>, _>>()?;
            let mut going: Vec<_> = found.into_iter().flatten().collect();
            // Who asks for one twice means it once.
            let mut asked = HashSet::new();
            going.retain(|(job, _)| asked.insert(job.id));
            pruned.removed += going.len();
            remove(tx, self, going).await?;
        }
        if pruned.removed > 0 {
            forget_removals(tx).await?;
        }
        Ok(Ok(pruned))
    }
}

/// The job, where it may go, and whether it has a folder.
async fn prunable(
    session: &Session,
    prune: &Prune,
    id: JobId,
) -> Result<Option<(Job, bool)>, Failure> {
    let asked = (uuid(id.as_bytes()), millis(prune.keys_before));
    let found = session.maybe(&PRUNABLE, &[&asked.0, &asked.1]).await?;
    found.map(|found| Ok((row::job(&found)?, get(&found, JOB_COLUMN_COUNT)?))).transpose()
}

/// Removes them, for one way to the database and back. Each has statements of its own, which find what they are
/// about by its key whatever the planner believes of the tables; those of many at once would not.
async fn remove(tx: &mut Tx<'_>, prune: &Prune, going: Vec<(Job, bool)>) -> Result<(), Failure> {
    let (session, home, first) = (tx.session, &*tx.home, tx.numbers.event + 1);
    let removals = going.iter().zip(first..).map(|((job, has_folder), no)| async move {
        let (job_no, id) = (job.accepted.0, uuid(job.id.as_bytes()));
        let removal: Parameters<'_> = &[&no, &millis(prune.at), &job_no];
        let folders: Parameters<'_> = &[&job_no, has_folder, &home, &id];
        let it: Parameters<'_> = &[&job_no];
        // Done in the order in which they stand here: after one that fails PostgreSQL does none of the rest.
        let (kept, folders, objects, deleted, job) = futures::join!(
            session.execute(&KEEP_REMOVAL, removal),
            session.execute(DOOM_FOLDERS, folders),
            session.execute(DOOM_OBJECTS, it),
            join_all(DELETE_ALL_OF_IT.iter().map(|sql| session.execute(sql, it))),
            session.execute(DELETE_JOB, it),
        );
        let deleted = deleted.into_iter().collect::<Result<Vec<_>, _>>().map(drop);
        kept.and(folders).and(objects).map(drop).and(deleted)?;
        one_row("the removal of a job", job?)
    });
    join_all(removals).await.into_iter().collect::<Result<(), _>>()?;
    for (mut job, _) in going {
        job.seq.0 += 1;
        tx.numbers.event += 1;
        let event = Event {
            no: EventNo(tx.numbers.event),
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
         WHERE id = $1
           AND ended_at IS NOT NULL
           AND kept_log_bytes IS NOT NULL
           AND (idempotency_key IS NULL OR created_at < $2)"
    )
});

static KEEP_REMOVAL: LazyLock<String> = LazyLock::new(|| {
    let columns = JOB_COLUMNS.replace("jobs.", "");
    let values = JOB_COLUMNS.replace("jobs.seq", "jobs.seq + 1");
    format!(
        "INSERT INTO removed_jobs (no, removed_at, {columns})
         SELECT $1, $2, {values} FROM jobs WHERE accept_no = $3"
    )
});

/// Each by the key or the index that begins with the job. What was uploaded of its log goes with its row.
const DELETE_ALL_OF_IT: [&str; 6] = [
    "DELETE FROM job_args WHERE job = $1",
    "DELETE FROM job_results WHERE job = $1",
    "DELETE FROM job_logs WHERE job = $1",
    "DELETE FROM job_labels WHERE job = $1",
    "DELETE FROM job_events WHERE job = $1",
    "DELETE FROM attempts WHERE job = $1",
];

/// The data folders that the job left something in: those of all who claimed it, but where its log went into
/// the store not that of the last, which is told already. By the unique index of `(job, number)`, each worker by
/// its `id`.
const DOOM_FOLDERS: &str = "
WITH tried AS (
    SELECT number, coalesce(workers.home, $3) AS home
    FROM attempts LEFT JOIN workers ON workers.id = attempts.worker
    WHERE attempts.job = $1
)
INSERT INTO doomed_folders (job, home)
SELECT DISTINCT $4::uuid, home
FROM tried
WHERE $2
   OR home <> (SELECT home FROM tried ORDER BY number DESC LIMIT 1)
ON CONFLICT DO NOTHING";

/// By the keys.
const DOOM_OBJECTS: &str = "
INSERT INTO doomed_objects (job)
SELECT id
FROM jobs
WHERE accept_no = $1
  AND EXISTS (SELECT FROM log_chunks WHERE job = $1 AND object IS NOT NULL)
ON CONFLICT DO NOTHING";

/// By its key.
const DELETE_JOB: &str = "DELETE FROM jobs WHERE accept_no = $1";

/// By the key, from the end.
const OLD_REMOVAL: &str = "
SELECT no
FROM removed_jobs
ORDER BY no DESC
LIMIT 1 OFFSET $1";
