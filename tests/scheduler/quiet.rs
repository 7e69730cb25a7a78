//! When the folders of jobs that ended go: while nothing ends, or once there are many.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use longhaul::domain::clock::from_unix_millis;
use longhaul::domain::id::JobId;
use longhaul::store::sqlite::{Options, SqliteStore};
use rusqlite::Connection;
use tokio::sync::watch;
use tokio::time::advance;

use super::keep::{Removals, end, folder_of, keeping, moved, print};
use super::rig::{Rig, plain};
use crate::support::filled::add_ended;
use crate::support::paused::{stand_still, within_real_time};

/// After the start, and after an end, nothing is done for so long.
const SETTLE_AFTER: Duration = Duration::from_secs(1);
/// Nothing ended for so long.
const QUIET: Duration = Duration::from_secs(3);
/// With [`SETTLE_AFTER`] not quite so long.
const ALMOST: Duration = Duration::from_millis(1_999);
/// From so many on nobody waits for that.
const MANY: u32 = 4_096;

/// A rig that keeps so many jobs, and has done what was to do at its start.
async fn rig(data: &std::path::Path, jobs: u64) -> (Rig, watch::Receiver<u64>) {
    let rig = Rig::keeping(data, plain(1), keeping(jobs)).await;
    let mut kept = rig.handle.kept();
    rig.settle().await;
    advance(SETTLE_AFTER).await;
    within_real_time("the first round", kept.changed()).await.unwrap();
    (rig, kept)
}

#[tokio::test(start_paused = true)]
async fn folders_stay_while_jobs_end_and_go_once_it_is_quiet() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let _still = stand_still();
    let (mut rig, mut kept) = rig(data, 1).await;
    let mut removals = Removals::of(&rig);
    let mut jobs: Vec<JobId> = Vec::new();
    for count in 1..=4 {
        let id = rig.start().await;
        print(data, id, "one\n");
        end(&mut rig, id).await;
        jobs.push(id);
        rig.settle().await;
        advance(SETTLE_AFTER).await;
        if let [.., before, _] = jobs[..] {
            let gone = within_real_time("a removal", removals.next(1)).await;
            assert_eq!(gone, [before]);
        }
        // A clock that moves while a round works makes it rest for twice as long as that.
        within_real_time("a round", kept.wait_for(|kept| *kept == count)).await.unwrap();
        // That round looked for folders first.
        for id in &jobs {
            assert!(folder_of(data, *id).exists(), "it is not quiet: {id} of {jobs:?}");
        }
        advance(ALMOST).await;
    }
    // All four are in the store by now.
    advance(QUIET).await;
    for id in jobs {
        within_real_time("the removal of a folder", moved(data, id)).await;
    }
}

/// The ids of jobs, in the order of their ends.
fn ids(database: &std::path::Path) -> Vec<JobId> {
    let conn = Connection::open(database).unwrap();
    let mut select = conn.prepare("SELECT id FROM jobs ORDER BY ended_at").unwrap();
    let rows = select.query_map([], |row| row.get(0).map(JobId::from_bytes)).unwrap();
    rows.map(Result::unwrap).collect()
}

#[tokio::test(start_paused = true)]
async fn many_folders_go_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let database = data.join("longhaul.db");
    drop(SqliteStore::open(Options::new(&database, Arc::new(|_| {}))).unwrap());
    let past = from_unix_millis(1_800_000_000_000) - TimeDelta::days(31);
    // Pages of 64 are pruned: with the first one past the limit all go, and what comes then waits.
    add_ended(&database, MANY + 64 + 9, past.timestamp_millis(), 1);
    Connection::open(&database).unwrap().execute("UPDATE jobs SET has_folder = 1", []).unwrap();
    let jobs = ids(&database);
    let (first, last) = (jobs[0], *jobs.last().unwrap());
    print(data, first, "one\n");
    print(data, last, "one\n");
    let _still = stand_still();
    let (rig, _kept) = rig(data, 1_000_000).await;
    assert_eq!(rig.handle.reader().job(last).await.unwrap(), None);
    assert!(!folder_of(data, first).exists(), "there were too many to wait");
    assert!(folder_of(data, last).exists(), "these are few");
    advance(QUIET).await;
    within_real_time("the removal of a folder", moved(data, last)).await;
}
