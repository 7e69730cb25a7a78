//! A server that dies takes every process of its jobs with it, without another server's help (P8).

use std::time::Duration;

use tokio::time::timeout;

use super::bed::{Bed, count, told};
use super::processes;
use super::server::Server;
use crate::support::deadline::within;
use crate::support::print;

const JOBS: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_process_outlives_a_killed_server() {
    // P8. A grace far longer than what a killed server leaves of it.
    let bed = Bed::new("60s", "60s");
    let mut news = bed.news();
    let mut server = bed.server().await;
    for job in 0..JOBS {
        server.api().start("stubborn", &format!("{job}")).await.unwrap();
    }
    within("the start of all", &JOBS, told(&mut news, "ready", JOBS)).await;
    let alive = processes::of(&bed.data());
    let keys = processes::keys(&alive);
    // Each a shim, a command, and three daemons in sessions of their own.
    assert_eq!((alive.len(), keys.len()), (JOBS * 5, JOBS), "{alive:#?}");

    server.kill().await;
    let data = bed.data();
    let gone = move || processes::until_gone(&data, &keys, Duration::from_secs(10));
    let took = tokio::task::spawn_blocking(gone).await.unwrap();
    print(&format!("killed server: {} processes gone {took:?} after its end", alive.len()));

    // The next server finds how they ended, and gives them back.
    let server = bed.server().await;
    let store = bed.store();
    let lost = "attempts WHERE reason = 'LOST' AND number = 1";
    assert_eq!(count(&store, lost), u32::try_from(JOBS).unwrap());
    within("the second start of all", &JOBS, told(&mut news, "ready", JOBS)).await;
    let mut server = server;
    server.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_while_it_starts_a_process_can_start_again_at_once() {
    // P11. The process that is being started has copies of all that the server held open.
    let bed = Bed::new("5s", "300ms");
    let mut server = Server::launch_slow_to_execute(&bed, 700).ready().await.unwrap();
    let mut feed = server.api().feed().await.unwrap();
    server.api().start("quick", "a").await.unwrap();
    let claimed = || count(&bed.store(), "attempts") == 1;
    feed.until(claimed, &bed).await.unwrap();
    // Between the claim and the process lie a few files and no event.
    let _ = timeout(Duration::from_millis(200), std::future::pending::<()>()).await;
    server.kill().await;

    let server = bed.server().await;
    let mut feed = server.api().feed().await.unwrap();
    let store = bed.store();
    let ended = || count(&store, "jobs WHERE state = 'SUCCEEDED'") == 1;
    feed.until(ended, &bed).await.unwrap();
    drop((store, feed));
    server.stop().await;
}
