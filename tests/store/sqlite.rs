//! What only the SQLite backend can break: its file, its disk, its process.

use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use longhaul::domain::id::EventNo;
use longhaul::domain::job::NewJob;
use longhaul::domain::state::EndReason;
use longhaul::store::keep::{Prune, Settled};
use longhaul::store::sqlite::open::OpenError;
use longhaul::store::sqlite::{Options, SqliteStore};
use longhaul::store::{CommitSink, Health, Reader, StartError, Store, StoreError};
use serde_json::json;
use tempfile::TempDir;

use super::bed::{Backend, Bed, WIDE, at, done, exit, job, within};

/// A folder with the file in it.
struct Folder {
    path: PathBuf,
    max_bytes: Option<u64>,
    /// `None`: somebody else removes it.
    _owned: Option<TempDir>,
}

impl Folder {
    fn fresh() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { path: file(&folder), max_bytes: None, _owned: Some(folder) }
    }
}

impl Backend for Folder {
    fn open(&self, on_commit: CommitSink) -> Arc<dyn Store> {
        let max_bytes = self.max_bytes;
        let options = Options { max_bytes, ..Options::new(&self.path, on_commit) };
        Arc::new(SqliteStore::open(options).unwrap())
    }
}

fn file(folder: &TempDir) -> PathBuf {
    folder.path().join("longhaul.db")
}

/// A fresh file.
pub(crate) async fn open() -> Bed {
    Bed::new(Folder::fresh())
}

fn open_at(path: &Path) -> Result<SqliteStore, OpenError> {
    SqliteStore::open(Options::new(path, Arc::new(|_| {})))
}

/// A job with so many bytes of arguments.
fn large(bytes: usize) -> NewJob {
    NewJob { args: json!({"text": "x".repeat(bytes)}), ..job() }
}

#[test]
fn a_newer_or_foreign_database_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder);
    drop(open_at(&path).unwrap());
    let conn = rusqlite::Connection::open(&path).unwrap();
    conn.pragma_update(None, "user_version", 99).unwrap();
    let Err(refused) = open_at(&path) else { panic!("a newer schema was opened") };
    assert!(matches!(refused, OpenError::TooNew { found: 99, .. }), "{refused}");
    assert!(refused.to_string().contains("newer"), "{refused}");

    let path = folder.path().join("other.db");
    let conn = rusqlite::Connection::open(&path).unwrap();
    conn.execute_batch("CREATE TABLE songs (title TEXT)").unwrap();
    let Err(refused) = open_at(&path) else { panic!("a foreign database was opened") };
    assert!(matches!(refused, OpenError::Foreign(_)), "{refused}");
    let tables: i64 =
        conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap();
    assert_eq!(tables, 1);
}

#[tokio::test]
async fn nobody_else_may_read_the_file_or_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder);
    std::fs::write(&path, "").unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    let store = open_at(&path).unwrap();
    store.start(job(), WIDE).await.unwrap();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{entry:?}");
    }
}

/// Reliability F15: it is copied into the file and begun again.
#[tokio::test]
async fn the_log_does_not_grow_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder);
    let store = open_at(&path).unwrap();
    for _ in 0..1_000 {
        store.start(large(60_000), WIDE).await.unwrap();
    }
    let log = std::fs::metadata(path.with_extension("db-wal")).unwrap().len();
    // From 16 MiB on the writer copies it itself, unless the other thread is at it just then.
    assert!(log < 32 << 20, "60 MB were written, and the log has {log} bytes");
}

/// Reliability F12: a real `SQLITE_FULL`. Nothing of a refused write is stored, reads go on, and
/// room is noticed without any write.
#[tokio::test]
async fn a_full_disk_refuses_and_recovers_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder);
    let backend = Folder { path: path.clone(), max_bytes: Some(2 << 20), _owned: Some(folder) };
    let bed = Bed::new(backend);
    let mut stored = 0;
    let refused = loop {
        match bed.try_start(large(60_000)).await {
            Ok(_) => stored += 1,
            Err(refused) => break refused,
        }
    };
    assert!(matches!(refused, StartError::Store(StoreError::Unavailable(_))), "{refused:?}");
    assert!(stored > 20, "{stored}");
    let mut health = bed.store.health();
    assert!(matches!(*health.borrow(), Health::Refusing(_)));
    assert_eq!(bed.store.waiting().await.unwrap().len(), stored);
    assert_eq!(bed.stored_events().await.len(), stored);

    let janitor = rusqlite::Connection::open(&path).unwrap();
    janitor.execute("DELETE FROM job_args WHERE job < 5", []).unwrap();
    within(health.wait_for(|health| *health == Health::Serving)).await.unwrap();
    bed.start(large(60_000)).await;
}

/// One job that cannot be read must not keep the others from being claimed.
#[tokio::test]
async fn unreadable_arguments_fail_their_own_job_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder);
    let bed = Bed::new(Folder { path: path.clone(), max_bytes: None, _owned: Some(folder) });
    let bed = bed.declared().await;
    bed.start_one().await;
    bed.start_one().await;
    let vandal = rusqlite::Connection::open(&path).unwrap();
    vandal.execute("UPDATE job_args SET args = '{\"a\": ' WHERE job = 1", []).unwrap();
    let claims = bed.claim(2, at(1)).await;
    let why = claims[0].plan.as_ref().unwrap_err();
    assert!(why.starts_with("unreadable: EOF"), "{why}");
    assert!(claims[1].plan.is_ok());
}

/// P13: a damaged page of the file, met by a write. From then on nothing is written.
#[tokio::test]
async fn a_damaged_file_ends_all_writing() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder);
    let store = open_at(&path).unwrap();
    store.start(job(), WIDE).await.unwrap();
    drop(store);
    damage(&path, "job_args");

    let store = open_at(&path).unwrap();
    let mut health = store.health();
    let unknown = store.start(job(), WIDE).await.unwrap_err();
    assert!(matches!(unknown, StartError::Store(StoreError::OutcomeUnknown(_))), "{unknown:?}");
    within(health.wait_for(|health| matches!(health, Health::Broken(_)))).await.unwrap();
    let refused = store.declare_queues(Vec::new()).await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused:?}");
}

/// P6: a feed from before a removal that is forgotten is told that it cannot go on.
#[tokio::test]
async fn of_removals_the_last_ten_thousand_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder);
    let bed = Bed::new(Folder { path: path.clone(), max_bytes: None, _owned: Some(folder) });
    let bed = bed.declared().await;
    let mut pruned = Vec::new();
    for _ in 0..2 {
        let job = bed.start_one().await.id;
        bed.cancel(job).await.unwrap();
        let settled = Settled { job, log_bytes: 0, logs: Some(Vec::new()) };
        bed.store.settle(vec![settled]).await.unwrap();
        pruned.push(job);
    }
    let prune = |job| {
        let within = Duration::from_secs(9);
        bed.store.prune(Prune { jobs: vec![job], keys_before: at(0), at: at(5), within })
    };
    prune(pruned[0]).await.unwrap();
    let first = bed.store.last_event().await.unwrap();
    // So many more, without the work.
    let many = rusqlite::Connection::open(&path).unwrap();
    many.execute_batch(
        "CREATE TEMP TABLE one AS SELECT * FROM removed_jobs;
         WITH RECURSIVE more (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM more WHERE n < 9998)
         INSERT INTO one SELECT one.* FROM one, more;
         UPDATE one SET no = no + rowid - 1;
         INSERT INTO removed_jobs SELECT * FROM one WHERE rowid > 1;
         UPDATE sqlite_sequence SET seq = seq + 9998 WHERE name = 'job_events'",
    )
    .unwrap();
    drop(many);
    let page = bed.store.events_after(EventNo(0), 0).await.unwrap();
    assert_eq!((page.whole_from, page.last.0), (EventNo(0), first.0 + 9998));
    prune(pruned[1]).await.unwrap();
    let page = bed.store.events_after(EventNo(0), 20_000).await.unwrap();
    assert_eq!((page.whole_from, page.events.len()), (EventNo(0), 10_000));
    let third = bed.start_one().await.id;
    bed.cancel(third).await.unwrap();
    let settled = Settled { job: third, log_bytes: 0, logs: Some(Vec::new()) };
    bed.store.settle(vec![settled]).await.unwrap();
    prune(third).await.unwrap();
    let page = bed.store.events_after(EventNo(0), 20_000).await.unwrap();
    assert_eq!((page.whole_from, page.events.len()), (first, 10_000));
}

/// Overwrites the root page of a table.
fn damage(path: &Path, table: &str) {
    let conn = rusqlite::Connection::open(path).unwrap();
    let root = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
    let page: u64 = conn.query_row(root, [table], |row| row.get::<_, u32>(0)).unwrap().into();
    drop(conn);
    let mut file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start((page - 1) * 4096)).unwrap();
    file.write_all(&[0xff; 4096]).unwrap();
}

const CRASH_PATH: &str = "LONGHAUL_TEST_CRASH_PATH";

/// Not a test of its own: the process that `kill_9_loses_nothing_that_was_answered` kills.
#[tokio::test]
#[ignore = "is run by another test, in a process of its own"]
async fn writes_until_it_is_killed() {
    let Ok(path) = std::env::var(CRASH_PATH) else { return };
    let folder = Folder { path: path.into(), max_bytes: None, _owned: None };
    let bed = Bed::new(folder).declared().await;
    loop {
        let claim = bed.running(job()).await;
        let ended = done(bed.finish(&claim, exit(EndReason::Ok, 0)).await);
        // Whole lines to a pipe: a kill cuts none.
        writeln!(std::io::stdout(), "ended {}", ended.id).unwrap();
        let waiting = bed.try_start(large(2_000)).await.unwrap().job;
        bed.cancel(waiting.id).await.unwrap();
        writeln!(std::io::stdout(), "canceled {}", waiting.id).unwrap();
    }
}

/// P1: a real kill of a real process, at a moment that nobody chose.
#[tokio::test]
async fn kill_9_loses_nothing_that_was_answered() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder);
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::sqlite::writes_until_it_is_killed", "--ignored", "--nocapture"])
        .env(CRASH_PATH, &path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut answered = Vec::new();
    for line in lines {
        let line = line.unwrap();
        // The test harness prints too.
        if let Some((what, id)) = line.rsplit_once(' ')
            && let Ok(id) = id.parse()
        {
            answered.push((what.contains("ended"), id));
        }
        if answered.len() == 100 {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(answered.len() >= 100, "{} lines", answered.len());

    let bed = Bed::new(Folder { path, max_bytes: None, _owned: Some(folder) });
    for (succeeded, id) in answered {
        let job = bed.job(id).await;
        assert!(job.state.is_terminal(), "{job:?}");
        assert_eq!(job.reason == Some(EndReason::Ok), succeeded, "{job:?}");
    }
    let events = bed.stored_events().await;
    assert!(events.windows(2).all(|pair| pair[1].no.0 == pair[0].no.0 + 1));
    bed.start_one().await;
}
