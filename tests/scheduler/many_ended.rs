//! Very many jobs that are past their time, pruned while the server works: `LONGHAUL_PRUNED` of them.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use longhaul::domain::attempt::CancelMode;
use longhaul::domain::clock::{Clock, SystemClock};
use longhaul::domain::event::{Commit, JobChange};
use longhaul::domain::label::Labels;
use longhaul::domain::limits::Limits;
use longhaul::domain::retention::Retention;
use longhaul::runner::log::LogFiles;
use longhaul::scheduler::handle::StartRequest;
use longhaul::scheduler::{Board, Handle, Options, Scheduler};
use longhaul::store::sqlite::{self, SqliteStore};
use rusqlite::Connection;
use rusqlite::types::Value;
use tokio::sync::watch;

use super::rig::plain;
use crate::support::filled::add_ended;
use crate::support::gated::Gated;
use crate::support::print;

/// Those that are not past their time.
const OTHERS: u32 = 500;
const CLIENTS: usize = 8;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// What the commits were like.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    removed: u64,
    commits: u64,
}

/// Everything that is stored of the jobs up to a number, but for what is not theirs.
fn stored(database: &Path, from: i64, up_to: i64) -> Vec<Vec<Value>> {
    let conn = Connection::open(database).unwrap();
    let mut all = Vec::new();
    for (table, job) in [
        ("jobs", "accept_no"),
        ("job_args", "job"),
        ("job_logs", "job"),
        ("job_events", "job"),
        ("attempts", "job"),
    ] {
        let sql = format!("SELECT * FROM {table} WHERE {job} BETWEEN ?1 AND ?2 ORDER BY rowid");
        let mut select = conn.prepare(&sql).unwrap();
        let columns = select.column_count();
        let mut rows = select.query([from, up_to]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            all.push((0..columns).map(|column| row.get(column).unwrap()).collect());
        }
    }
    all
}

/// Starts jobs and cancels them, one after the other, until all that is to go is gone.
async fn client(handle: Handle, seen: watch::Receiver<Seen>, count: u64) -> Vec<Duration> {
    let mut waits = Vec::new();
    while seen.borrow().removed < count {
        let begun = Instant::now();
        let request = StartRequest { kind: "work".to_owned(), ..StartRequest::default() };
        let started = handle.start_job(request).await.unwrap();
        waits.push(begun.elapsed());
        handle.cancel_job(started.job.id, CancelMode::Graceful, None).await.unwrap();
    }
    waits
}

fn watched(board: &Board, seen: watch::Sender<Seen>) -> longhaul::store::CommitSink {
    let board = board.sink();
    Arc::new(move |commit: &Commit| {
        board(commit);
        let gone = commit.changes.iter().filter(|c| c.event.change == JobChange::Removed).count();
        seen.send_modify(|seen| {
            seen.commits += 1;
            seen.removed += gone as u64;
        });
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_past_their_time_go_under_load_and_no_other_is_touched() {
    let count: u32 = std::env::var("LONGHAUL_PRUNED").map_or(1_000, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("longhaul.db");
    drop(SqliteStore::open(sqlite::Options::new(&database, Arc::new(|_| {}))).unwrap());
    let now = SystemClock.now().timestamp_millis();
    add_ended(&database, count, now - 31 * DAY_MS, 1);
    add_ended(&database, OTHERS, now - DAY_MS, 1);
    let others = (i64::from(count) + 1, i64::from(count + OTHERS));
    let before = stored(&database, others.0, others.1);

    let (catalog, board) = (plain(1), Board::new(&plain(1)));
    let (sender, mut seen) = watch::channel(Seen::default());
    let store = SqliteStore::open(sqlite::Options::new(&database, watched(&board, sender)));
    let store = Arc::new(store.unwrap());
    let (runner, _spawns) = Gated::new();
    let scheduler = Scheduler::start(Options {
        board,
        store: Arc::clone(&store) as _,
        runner: Arc::new(runner),
        clock: Arc::new(SystemClock),
        catalog: Arc::new(catalog),
        limits: Limits::default(),
        retention: Retention::default(),
        logs: LogFiles::new(folder.path().join("attempts")),
        objects: None,
        boot_id: "boot".to_owned(),
        lease: Duration::from_secs(60),
        works: true,
        labels: Labels::default(),
        slots: 1,
        worker_name: "here".to_owned(),
        version: "0.0.0-test".to_owned(),
    });
    let handle = scheduler.await.unwrap().handle();
    handle.pause_queue("default".parse().unwrap(), None).await.unwrap();
    let begun = Instant::now();
    let clients = (0..CLIENTS).map(|_| client(handle.clone(), seen.clone(), count.into()));
    let deadline = Duration::from_secs(60 + u64::from(count) / 500);
    let ended = tokio::time::timeout(deadline, futures::future::join_all(clients)).await;
    let mut waits: Vec<_> = ended.expect("all that is past its time goes").concat();
    let took = begun.elapsed();
    waits.sort_unstable();
    let (Seen { removed, commits }, longest) = (*seen.borrow_and_update(), store.longest_commit());
    print(&format!(
        "pruned {removed} jobs in {took:.1?} beside {} starts (p50 {:.1?}, p99 {:.1?}, max {:.1?}); {commits} \
         commits, the longest took {longest:.1?}",
        waits.len(),
        waits[waits.len() / 2],
        waits[waits.len() * 99 / 100],
        waits[waits.len() - 1],
    ));
    assert_eq!(removed, u64::from(count));
    assert_eq!(
        stored(&database, 1, i64::from(count)),
        Vec::<Vec<Value>>::new(),
        "all of it is gone"
    );
    assert!(stored(&database, others.0, others.1) == before, "0 of the others are touched");
    // In a run of all tests others keep the disk busy; the full run is one of its own.
    if std::env::var_os("LONGHAUL_PRUNED").is_some() {
        assert!(longest < Duration::from_millis(50), "{longest:?}");
    }
}
