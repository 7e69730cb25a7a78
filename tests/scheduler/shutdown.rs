//! A graceful stop: claims end, what runs gets its time, what is stopped costs nothing.

use std::time::Duration;

use longhaul::domain::state::{EndReason, JobState};
use longhaul::domain::wait::WaitReason;
use longhaul::runner::Order;

use super::rig::{Rig, plain};
use crate::support::deadline::within;
use crate::support::gated::{Seen, ended, exit};

#[tokio::test]
async fn a_drain_starts_nothing_and_still_accepts() {
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::new(folder.path(), plain(1)).await;
    let running = rig.start().await;
    rig.spawned().await;
    rig.scheduler.drain().await;
    assert!(!rig.handle.is_accepting(), "readiness is off");
    let waiting = rig.start().await;
    rig.ends(running, 0, JobState::Succeeded).await;
    rig.is_quiet().await;
    let wait = rig.handle.wait(&*rig.job(waiting).await).unwrap();
    assert_eq!((wait.reason, wait.position), (WaitReason::Draining, Some(1)));
}

#[tokio::test]
async fn what_ends_within_the_budget_ends_as_it_does() {
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::new(folder.path(), plain(1)).await;
    let job = rig.start().await;
    rig.spawned().await;
    rig.runner.begin(job).await;
    let budget = Duration::from_secs(600);
    let stop = rig.scheduler.stop(budget);
    let end = async {
        rig.reaches(job, JobState::Running).await;
        rig.runner.end(job, exit(0)).await;
    };
    within("the stop", &"", futures::future::join(stop, end)).await;
    assert_eq!(rig.job(job).await.state, JobState::Succeeded);
}

#[tokio::test]
async fn what_is_stopped_is_given_back_and_burns_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::new(folder.path(), plain(1)).await;
    let job = rig.start().await;
    rig.spawned().await;
    rig.runner.begin(job).await;
    rig.reaches(job, JobState::Running).await;
    // A budget no longer than the grace: it is told at once.
    let (scheduler, runner) = (&rig.scheduler, rig.runner.clone());
    let seen = &mut rig.seen;
    let stop = scheduler.stop(Duration::ZERO);
    let obey = async {
        assert_eq!(seen.recv().await, Some(Seen::Ordered(job, Order::Shutdown)));
        // Should nobody be left to say how it ended, it is SHUTDOWN all the same.
        runner.end(job, ended(EndReason::Lost)).await;
    };
    within("the stop", &"", futures::future::join(stop, obey)).await;
    let row = rig.job(job).await;
    assert_eq!((row.state, row.failures, row.losses), (JobState::Queued, 0, 0));
    let attempts = rig.handle.reader().attempts(job, u32::MAX, 10).await.unwrap();
    assert_eq!(attempts[0].reason, Some(EndReason::Shutdown));
}

#[tokio::test]
async fn a_second_stop_kills_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::new(folder.path(), plain(1)).await;
    let job = rig.start().await;
    rig.spawned().await;
    let (scheduler, runner) = (&rig.scheduler, rig.runner.clone());
    let seen = &mut rig.seen;
    let stop = scheduler.stop(Duration::from_secs(3600));
    let hurry = async {
        scheduler.stop_now().await;
        assert_eq!(seen.recv().await, Some(Seen::Ordered(job, Order::ShutdownNow)));
        runner.end(job, ended(EndReason::Shutdown)).await;
    };
    within("the stop", &"", futures::future::join(stop, hurry)).await;
    assert_eq!(rig.job(job).await.state, JobState::Queued);
}
