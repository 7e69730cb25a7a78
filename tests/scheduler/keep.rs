//! What becomes of jobs that ended: which go, which stay, and where their logs stand, over a crash at
//! any step too.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use longhaul::domain::event::{Change, JobChange};
use longhaul::domain::id::{AcceptNo, JobId};
use longhaul::domain::job::Job;
use longhaul::domain::log::{LogFrom, LogPage, LogQuery, StoredLog};
use longhaul::domain::retention::Retention;
use longhaul::domain::state::JobState;
use longhaul::scheduler::LogError;
use longhaul::scheduler::handle::StartRequest;
use longhaul::shim::protocol::FrameHeader;
use longhaul::store::keep::{Keep, Settled};
use longhaul::store::sqlite::{Options, SqliteStore};
use tempfile::TempDir;
use tokio::sync::broadcast;

use super::rig::{Rig, life, plain};
use crate::support::appears::changes_until;
use crate::support::deadline::within;

pub(super) fn keeping(jobs: u64) -> Retention {
    Retention { jobs, ..Retention::default() }
}

/// Runs a job of the kind `work` to its end.
async fn run(rig: &mut Rig) -> JobId {
    let id = rig.start().await;
    end(rig, id).await;
    id
}

pub(super) async fn end(rig: &mut Rig, id: JobId) {
    assert_eq!(rig.spawned().await, id);
    rig.runner.begin(id).await;
    rig.ends(id, 0, JobState::Succeeded).await;
}

pub(super) fn folder_of(data: &Path, job: JobId) -> PathBuf {
    data.join("attempts").join(job.to_string())
}

/// Writes the log of a first attempt, as its shim does.
pub(super) fn print(data: &Path, job: JobId, text: &str) {
    let length = u32::try_from(text.len()).unwrap();
    let header = FrameHeader {
        stream: 0,
        continues: false,
        length,
        at_ms: 1_000,
        offset: 0,
        first_line: 1,
        next_line: 2,
    };
    let attempt = folder_of(data, job).join("1");
    fs::create_dir_all(&attempt).unwrap();
    fs::write(attempt.join("lock"), "").unwrap();
    fs::write(attempt.join("log.head"), [&header.encode()[..], text.as_bytes()].concat()).unwrap();
}

fn text(page: &LogPage) -> String {
    page.lines.iter().map(|line| line.text.clone() + "\n").collect()
}

async fn log(rig: &Rig, job: &Arc<Job>) -> Result<LogPage, LogError> {
    let query =
        LogQuery { from: LogFrom::Start, lines: 9, bytes: 1 << 20, stream: None, attempt: None };
    rig.handle.log_page(Arc::clone(job), query).await
}

/// Hears of jobs that go, from its making on.
pub(super) struct Removals(broadcast::Receiver<Arc<Change>>);

impl Removals {
    pub(super) fn of(rig: &Rig) -> Self {
        Self(rig.handle.bus().feed())
    }

    /// The next ones.
    pub(super) async fn next(&mut self, count: usize) -> Vec<JobId> {
        let gone = async {
            let mut gone = Vec::new();
            while gone.len() < count {
                let change = self.0.recv().await.unwrap();
                if change.event.change == JobChange::Removed {
                    gone.push(change.event.job);
                }
            }
            gone
        };
        within("removals", &count, gone).await
    }
}

#[test]
fn the_jobs_that_ended_first_go_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    life(async {
        let mut rig = Rig::keeping(folder.path(), plain(1), keeping(2)).await;
        let mut removals = Removals::of(&rig);
        let mut jobs = Vec::new();
        for _ in 0..5 {
            jobs.push(run(&mut rig).await);
        }
        let running = rig.start().await;
        assert_eq!(rig.spawned().await, running);
        jobs.extend([running, rig.start().await]);
        assert_eq!(removals.next(3).await, jobs[..3]);
        for id in &jobs[..3] {
            assert_eq!(rig.handle.reader().job(*id).await.unwrap(), None);
        }
        for id in &jobs[3..] {
            rig.job(*id).await;
        }
    });
}

#[test]
fn a_lowered_limit_holds_for_what_was_there_before() {
    let folder = tempfile::tempdir().unwrap();
    let jobs = life(async {
        let mut rig = Rig::new(folder.path(), plain(1)).await;
        let mut jobs = Vec::new();
        for _ in 0..4 {
            let id = rig.start().await;
            // Half of the limit below, which is the lowest that may be configured.
            print(folder.path(), id, &"x".repeat(600_000));
            end(&mut rig, id).await;
            jobs.push(id);
        }
        jobs
    });
    let retention = Retention { log_bytes: 1 << 20, ..Retention::default() };
    life(async {
        let rig = Rig::keeping(folder.path(), plain(1), retention).await;
        let gone = Removals::of(&rig).next(3).await;
        assert_eq!(gone, jobs[..3], "by the bytes of logs");
        let attempts = folder.path().join("attempts");
        tokio::task::spawn_blocking(move || {
            let left = |name: &JobId| attempts.join(name.to_string()).exists();
            changes_until(&attempts, "three folders go", || !jobs[..3].iter().any(left));
            assert!(left(&jobs[3]));
        })
        .await
        .unwrap();
    });
}

#[test]
fn what_ended_too_long_ago_goes_but_not_before_its_key_is_a_day_old() {
    // P14
    let folder = tempfile::tempdir().unwrap();
    let (plain_one, keyed) = life(async {
        let mut rig = Rig::new(folder.path(), plain(1)).await;
        rig.clock.advance(-TimeDelta::hours(23));
        let request = StartRequest {
            kind: "work".to_owned(),
            idempotency_key: Some("k".to_owned()),
            ..StartRequest::default()
        };
        let keyed = rig.handle.start_job(request).await.unwrap().job.id;
        end(&mut rig, keyed).await;
        (run(&mut rig).await, keyed)
    });
    let age = Duration::from_millis(1);
    life(async {
        let retention = Retention { age, ..Retention::default() };
        let rig = Rig::keeping(folder.path(), plain(1), retention).await;
        assert_eq!(Removals::of(&rig).next(1).await, [plain_one]);
        rig.job(keyed).await;
    });
}

/// Waits until the folder of a job has gone.
pub(super) async fn moved(data: &Path, job: JobId) {
    let (attempts, folder) = (data.join("attempts"), folder_of(data, job));
    let wait = move || changes_until(&attempts, "the folder goes", || !folder.exists());
    tokio::task::spawn_blocking(wait).await.unwrap();
}

#[test]
fn a_small_log_is_read_alike_before_and_after_it_moved() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    life(async {
        let mut rig = Rig::new(data, plain(1)).await;
        let id = rig.start().await;
        print(data, id, "one\ntwo\nthr");
        assert_eq!(rig.spawned().await, id);
        rig.runner.begin(id).await;
        let running = rig.reaches(id, JobState::Running).await;
        assert_eq!(text(&log(&rig, &running).await.unwrap()), "one\ntwo\n");
        let ended = rig.ends(id, 0, JobState::Succeeded).await;
        let before = log(&rig, &ended).await.unwrap();
        moved(data, id).await;
        let after = log(&rig, &ended).await.unwrap();
        assert_eq!((text(&after), after.complete), ("one\ntwo\nthr\n".to_owned(), true));
        assert_eq!(after.lines, before.lines);
        // Whoever knows the job as it was sees no hole.
        assert_eq!(text(&log(&rig, &running).await.unwrap()), "one\ntwo\n");
        let raw = rig.handle.raw_log(ended, 1, None).await.unwrap();
        assert_eq!(raw.length(), 11);
    });
}

#[test]
fn the_log_of_a_job_that_is_gone_is_not_found() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    life(async {
        let mut rig = Rig::keeping(data, plain(1), keeping(1)).await;
        let mut removals = Removals::of(&rig);
        let id = rig.start().await;
        print(data, id, "one\n");
        end(&mut rig, id).await;
        let ended = rig.job(id).await;
        assert_eq!(text(&log(&rig, &ended).await.unwrap()), "one\n");
        run(&mut rig).await;
        assert_eq!(removals.next(1).await, [id]);
        moved(data, id).await;
        assert!(matches!(log(&rig, &ended).await, Err(LogError::NotFound(of)) if of == id));
    });
}

/// The store of a data folder that no server has.
async fn with_store<T>(data: &Path, work: impl AsyncFnOnce(&SqliteStore) -> T) -> T {
    let options = Options::new(data.join("longhaul.db"), Arc::new(|_| {}));
    let store = SqliteStore::open(options).unwrap();
    work(&store).await
}

/// A job that ended, with its log in its folder, and a server that was killed at once.
fn crashed(data: &TempDir) -> JobId {
    life(async {
        let mut rig = Rig::new(data.path(), plain(1)).await;
        let id = rig.start().await;
        print(data.path(), id, "one\n");
        end(&mut rig, id).await;
        id
    })
}

/// What a server makes of it: the log is whole, the folder is gone, and nothing is left to do.
fn is_made_good(data: &TempDir, id: JobId) {
    life(async {
        let mut rig = Rig::new(data.path(), plain(1)).await;
        // What ends now is settled after what an earlier server left.
        let marker = rig.start().await;
        print(data.path(), marker, "two\n");
        end(&mut rig, marker).await;
        moved(data.path(), marker).await;
        moved(data.path(), id).await;
        let job = rig.job(id).await;
        assert_eq!(text(&log(&rig, &job).await.unwrap()), "one\n");
    });
    life(with_store(data.path(), async |store| {
        assert_eq!(store.unsettled(AcceptNo::default(), 9).await.unwrap(), []);
    }));
}

/// Puts the log of a job into the store, and leaves its folder.
fn store_log(data: &TempDir, job: JobId) {
    let frames = fs::read(folder_of(data.path(), job).join("1/log.head")).unwrap().into();
    let logs = Some(vec![StoredLog { attempt: 1, frames }]);
    life(with_store(data.path(), async |store| {
        store.settle(vec![Settled { job, log_bytes: 4, logs }]).await.unwrap();
    }));
}

/// A server that is killed between two steps leaves one of these; there is no other.
#[test]
fn a_crash_at_any_step_of_a_move_costs_nothing() {
    // Before the log was in the store.
    let data = tempfile::tempdir().unwrap();
    let id = crashed(&data);
    is_made_good(&data, id);

    // Before its folder was taken out of the way.
    let data = tempfile::tempdir().unwrap();
    let id = crashed(&data);
    store_log(&data, id);
    assert!(folder_of(data.path(), id).exists());
    is_made_good(&data, id);

    // Before all of it was removed, and before that was recorded.
    for emptied in [false, true] {
        let data = tempfile::tempdir().unwrap();
        let id = crashed(&data);
        store_log(&data, id);
        let gone = data.path().join("attempts/.gone");
        fs::create_dir_all(&gone).unwrap();
        fs::rename(folder_of(data.path(), id), gone.join("0123")).unwrap();
        fs::remove_file(gone.join("0123/1/lock")).unwrap();
        if emptied {
            fs::remove_dir_all(gone.join("0123")).unwrap();
        }
        is_made_good(&data, id);
        assert!(fs::read_dir(&gone).unwrap().next().is_none());
    }
}
