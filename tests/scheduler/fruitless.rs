//! Lines that hold what the store does not: the loop claims in vain, and must not spin.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use longhaul::domain::attempt::CancelMode;
use longhaul::domain::clock::{Clock, SystemClock, Timestamp};
use longhaul::domain::event::Commit;
use longhaul::domain::label::Labels;
use longhaul::domain::limits::Limits;
use longhaul::domain::retention::Retention;
use longhaul::runner::log::LogFiles;
use longhaul::scheduler::handle::StartRequest;
use longhaul::scheduler::{Board, Options, Scheduler};
use longhaul::store::sqlite::{self, SqliteStore};
use longhaul::store::{Cancel, Store};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::rig::plain;
use crate::support::deadline::within;
use crate::support::gated::Gated;

/// Tells when the time was asked for: by the loop, that is at each claim.
struct Told(mpsc::Sender<Instant>);

impl Clock for Told {
    fn now(&self) -> Timestamp {
        // Nobody reads what comes before the test begins to.
        let _ = self.0.try_send(Instant::now());
        SystemClock.now()
    }
}

#[tokio::test]
async fn claims_that_give_nothing_pause() {
    let folder = tempfile::tempdir().unwrap();
    let (claimed, mut claims) = mpsc::channel(64);
    let board = Board::new(&plain(1));
    let (to_board, is_deaf) = (board.sink(), Arc::new(AtomicBool::new(false)));
    let deaf = Arc::clone(&is_deaf);
    let sink = Arc::new(move |commit: &Commit| {
        if !deaf.load(Ordering::Relaxed) {
            to_board(commit);
        }
    });
    let file = folder.path().join("longhaul.db");
    let store = Arc::new(SqliteStore::open(sqlite::Options::new(file, sink)).unwrap());
    let scheduler = Scheduler::start(Options {
        board,
        store: Arc::clone(&store) as _,
        runner: Arc::new(Gated::new().0),
        clock: Arc::new(Told(claimed)),
        catalog: Arc::new(plain(1)),
        logs: LogFiles::new(folder.path().join("attempts")),
        objects: None,
        limits: Limits::default(),
        retention: Retention::default(),
        boot_id: "boot".to_owned(),
        lease: std::time::Duration::from_secs(60),
        works: true,
        labels: Labels::default(),
        slots: 1,
        worker_name: "here".to_owned(),
        version: "0.0.0-test".to_owned(),
    });
    let handle = scheduler.await.unwrap().handle();
    let queue = || "default".parse().unwrap();
    handle.pause_queue(queue(), None).await.unwrap();
    let request = StartRequest { kind: "work".to_owned(), ..StartRequest::default() };
    let job = handle.start_job(request).await.unwrap().job.id;
    // The lines do not hear of it, and hold the job for one that waits.
    is_deaf.store(true, Ordering::Relaxed);
    let cancel =
        Cancel { job, mode: CancelMode::Graceful, note: None, by: None, at: SystemClock.now() };
    store.cancel(cancel).await.unwrap();
    is_deaf.store(false, Ordering::Relaxed);
    while claims.try_recv().is_ok() {}
    handle.resume_queue(queue()).await.unwrap();
    let mut times = Vec::new();
    // Eight in a row may come as fast as they can; from then on each waits. Whoever keeps what ended asks for
    // the time too, five times at most.
    while times.len() < 15 {
        let claim = within("a claim", &times, claims.recv()).await;
        times.push(claim.expect("the loop lives"));
    }
    let took = times[14] - times[0];
    assert!(took >= Duration::from_secs(1), "{took:?} for ten claims");
}
