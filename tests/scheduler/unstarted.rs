//! Jobs that this server cannot start keep their slots for a pause that grows, and for no longer than
//! anybody needs them (P10).

use std::time::Duration;

use longhaul::domain::attempt::CancelMode;
use longhaul::domain::state::{EndReason, JobState};
use tokio::time::Instant;

use super::rig::{Rig, plain};
use crate::support::gated::{Seen, ended};
use crate::support::paused::{stand_still, within_real_time};

/// So many starts fail, and the next one does not.
const FAILURES: u32 = 10;

/// The next so many starts fail.
fn break_starts(rig: &Rig, times: usize) {
    *rig.runner.refuse.lock().unwrap() = vec![ended(EndReason::NotStarted); times];
}

#[tokio::test(start_paused = true)]
async fn the_pause_of_a_job_that_cannot_be_started_grows_and_has_an_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::new(folder.path(), plain(1)).await;
    break_starts(&rig, FAILURES as usize);
    let begun = Instant::now();
    let job = rig.start().await;
    assert_eq!(
        within_real_time("a spawn", rig.seen.recv()).await,
        Some(Seen::Spawned(job, FAILURES + 1))
    );
    // With a second each it would be ten at most; by chance it is so little once in a million.
    let took = begun.elapsed();
    assert!(took > Duration::from_secs(10), "{took:?}");
    assert!(took < Duration::from_secs(1 + 2 + 4 + 8 + 16 + 32 + 4 * 60 + 1), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_ran_pauses_from_the_beginning_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::new(folder.path(), plain(1)).await;
    break_starts(&rig, FAILURES as usize);
    let job = rig.start().await;
    assert_eq!(
        within_real_time("a spawn", rig.seen.recv()).await,
        Some(Seen::Spawned(job, FAILURES + 1))
    );
    let begun = Instant::now();
    break_starts(&rig, 1);
    rig.runner.end(job, ended(EndReason::Lost)).await;
    assert_eq!(
        within_real_time("a spawn", rig.seen.recv()).await,
        Some(Seen::Spawned(job, FAILURES + 3))
    );
    assert!(begun.elapsed() <= Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_cancel_does_not_wait_for_the_pause() {
    // P10
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::new(folder.path(), plain(1)).await;
    break_starts(&rig, 1);
    let _still = stand_still();
    let job = rig.start().await;
    rig.settle().await;
    let answer = rig.handle.cancel_job(job, CancelMode::Graceful, None).await.unwrap();
    assert_eq!(answer.job.state, JobState::Canceling, "its attempt is open");
    let ended = rig.reaches(job, JobState::Canceled);
    let row = within_real_time("the end", ended).await;
    assert_eq!(row.reason, Some(EndReason::CancelRequested));
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_server_does_not_wait_for_the_pause() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::new(folder.path(), plain(1)).await;
    break_starts(&rig, 1);
    let _still = stand_still();
    let job = rig.start().await;
    rig.settle().await;
    within_real_time("the stop", rig.scheduler.stop(Duration::from_secs(600))).await;
    let row = rig.job(job).await;
    assert_eq!((row.state, row.open), (JobState::Queued, None));
}
