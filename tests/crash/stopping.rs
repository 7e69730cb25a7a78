//! A server that is told to stop gives back what it cannot finish, and that costs its jobs nothing,
//! whatever happens to the server meanwhile.

use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_process};

use super::bed::{Bed, count, told};
use super::processes;
use super::server::Server;
use crate::support::deadline::within;

const JOBS: u32 = 3;

/// A server with three jobs that run until they are stopped, and ignore TERM.
async fn busy(bed: &Bed, kind: &str) -> (Server, super::bed::News) {
    let mut news = bed.news();
    let server = bed.server().await;
    for job in 0..JOBS {
        server.api().start(kind, &format!("{job}")).await.unwrap();
    }
    within("the start of all", &JOBS, told(&mut news, "ready", JOBS as usize)).await;
    (server, news)
}

/// Every job is back in its queue or runs again, and its first attempt counts for nothing.
fn assert_given_back(bed: &Bed) {
    let store = bed.store();
    let stopped = count(&store, "attempts WHERE reason = 'SHUTDOWN' AND number = 1");
    let unharmed = count(&store, "jobs WHERE failures = 0 AND losses = 0 AND ended_at IS NULL");
    let mut select = store.prepare("SELECT number, reason, reason_text FROM attempts").unwrap();
    let rows = select.query_map([], |row| {
        Ok((
            row.get::<_, u32>(0)?,
            row.get::<_, Option<String>>(1)?,
            row.get::<_, Option<String>>(2)?,
        ))
    });
    let attempts: Vec<_> = rows.unwrap().map(Result::unwrap).collect();
    assert_eq!((stopped, unharmed), (JOBS, JOBS), "{attempts:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_gives_back_what_outlasts_its_budget() {
    // P8, P11
    for kind in ["slow", "stubborn"] {
        let bed = Bed::new("400ms", "200ms");
        let (server, _news) = busy(&bed, kind).await;
        server.stop().await;
        let left = processes::of(&bed.data());
        assert!(left.is_empty(), "{left:#?}");
        assert_given_back(&bed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_budget_is_the_whole_time_whatever_the_grace() {
    // P8
    let bed = Bed::new("400ms", "10m");
    let (server, _news) = busy(&bed, "stubborn").await;
    server.stop().await;
    let left = processes::of(&bed.data());
    assert!(left.is_empty(), "{left:#?}");
    assert_given_back(&bed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_terminal_that_closes_asks_for_a_stop() {
    let bed = Bed::new("400ms", "200ms");
    let (mut server, _news) = busy(&bed, "slow").await;
    server.signal(Signal::HUP);
    let status = server.end().await;
    assert!(status.success(), "{status}");
    assert_given_back(&bed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_third_signal_waits_for_nothing() {
    // P11: what cannot end, here because nothing can be recorded, is settled by the next start.
    let bed = Bed::new("10m", "10m");
    let (mut server, mut news) = busy(&bed, "stubborn").await;
    let other = rusqlite::Connection::open(bed.data().join("longhaul.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    server.terminate();
    server.says("stopping: nothing more starts").await;
    server.terminate();
    server.says("stopping now").await;
    server.stop().await;
    drop(other);
    let mut server = bed.server().await;
    within("the second start of all", &JOBS, told(&mut news, "ready", JOBS as usize)).await;
    let left = count(&bed.store(), "jobs WHERE ended_at IS NULL");
    assert_eq!(left, JOBS);
    server.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_stops_at_once() {
    // P8. Without it, the budget is a minute.
    let bed = Bed::new("60s", "30s");
    let (mut server, _news) = busy(&bed, "stubborn").await;
    server.terminate();
    server.says("stopping: nothing more starts").await;
    let begun = Instant::now();
    server.stop().await;
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
    let left = processes::of(&bed.data());
    assert!(left.is_empty(), "{left:#?}");
    assert_given_back(&bed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_that_is_killed_is_still_a_stop() {
    // P9, P11: also where the supervisor dies too and leaves no record.
    for with_shims in [false, true] {
        // Told at once, and not killed before it has said so.
        let bed = Bed::new("10m", "10m");
        let (mut server, mut news) = busy(&bed, "stubborn").await;
        let pid = server.pid();
        server.terminate();
        // Told to end: so it is committed that they are interrupted.
        within("TERM to all", &JOBS, told(&mut news, "term", JOBS as usize)).await;
        if with_shims {
            // Our server's children; frozen first, so that it cannot take part.
            kill_process(pid, Signal::STOP).unwrap();
            let alive = processes::of(&bed.data());
            for shim in alive.iter().filter(|process| process.parent == Some(pid)) {
                kill_process(shim.pid, Signal::KILL).unwrap();
            }
        }
        server.kill().await;
        let mut server = bed.server().await;
        within("the second start of all", &JOBS, told(&mut news, "ready", JOBS as usize)).await;
        assert_given_back(&bed);
        server.kill().await;
    }
}
