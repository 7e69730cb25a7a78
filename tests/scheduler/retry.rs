//! Failures with retries left come back after a pause, in their old place; stops and crashes cost
//! no attempt.

use chrono::TimeDelta;
use longhaul::domain::id::JobId;
use longhaul::domain::kind::Kind;
use longhaul::domain::state::{EndReason, JobState};
use longhaul::domain::wait::WaitReason;
use longhaul::scheduler::handle::RetryRefusal;

use super::rig::{Rig, plain, with};
use crate::support::gated::{Seen, ended, exit};
use crate::support::kinds::kind;

fn stubborn(retries: u32) -> Kind {
    Kind { retries, ..kind("work", &["true"]) }
}

#[tokio::test]
async fn a_failure_with_a_retry_left_comes_back_in_its_old_place() {
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::new(folder.path(), with(stubborn(1), 1)).await;
    let jobs = rig.start_many(3).await;
    assert_eq!(rig.spawned().await, jobs[0]);
    let row = rig.ends(jobs[0], 1, JobState::Queued).await;
    assert_eq!((row.attempt, row.failures, row.max_attempts), (1, 1, 2));
    assert_eq!(row.exit_code, Some(1));
    let wait = rig.handle.wait(&row).unwrap();
    assert_eq!((wait.reason, wait.position), (WaitReason::RetryBackoff, None));
    assert_eq!(rig.spawned().await, jobs[1]);
    rig.clock.advance(TimeDelta::seconds(10));
    rig.ends(jobs[1], 0, JobState::Succeeded).await;
    assert_eq!(rig.next().await, Seen::Spawned(jobs[0], 2), "P2: before the third");
    let row = rig.ends(jobs[0], 1, JobState::Failed).await;
    assert_eq!((row.reason, row.failures), (Some(EndReason::ExitCode), 2));
    assert_eq!(rig.spawned().await, jobs[2]);
}

#[tokio::test]
async fn a_command_that_cannot_be_spawned_fails_its_job() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::new(folder.path(), plain(1)).await;
    let end = longhaul::domain::attempt::AttemptEnd::unrecorded(
        EndReason::SpawnFailed,
        "`true` was not found",
        false,
    );
    rig.runner.refuse.lock().unwrap().push(end);
    let job = rig.start().await;
    let row = rig.reaches(job, JobState::Failed).await;
    assert_eq!(row.reason, Some(EndReason::SpawnFailed));
    assert_eq!(row.reason_text.as_deref(), Some("`true` was not found"));
}

#[tokio::test]
async fn a_loss_costs_no_attempt_but_the_fourth_fails_the_job() {
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::new(folder.path(), plain(1)).await;
    let job = rig.start().await;
    for number in 1..=3 {
        assert_eq!(rig.next().await, Seen::Spawned(job, number));
        rig.runner.end(job, ended(EndReason::Lost)).await;
    }
    assert_eq!(rig.next().await, Seen::Spawned(job, 4));
    rig.runner.end(job, ended(EndReason::Lost)).await;
    let row = rig.reaches(job, JobState::Failed).await;
    assert_eq!((row.reason, row.losses, row.failures), (Some(EndReason::Lost), 4, 0));
}

#[tokio::test]
async fn at_most_once_is_not_run_again_after_a_loss() {
    let folder = tempfile::tempdir().unwrap();
    let mut once = kind("work", &["true"]);
    once.policy.at_most_once = true;
    let mut rig = Rig::new(folder.path(), with(once, 1)).await;
    let job = rig.start().await;
    rig.spawned().await;
    // It never began: that is no run.
    rig.runner.end(job, ended(EndReason::NotStarted)).await;
    assert_eq!(rig.next().await, Seen::Spawned(job, 2));
    rig.runner.end(job, ended(EndReason::Lost)).await;
    assert_eq!(rig.reaches(job, JobState::Failed).await.reason, Some(EndReason::Lost));
    rig.is_quiet().await;
}

#[tokio::test]
async fn a_retry_by_hand_is_a_new_job_that_names_the_old_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::new(folder.path(), plain(1)).await;
    let old = rig.start().await;
    rig.spawned().await;
    let refusal = rig.handle.retry_job(old, None).await.unwrap_err();
    assert!(matches!(refusal, RetryRefusal::NotEnded(JobState::Queued)), "{refusal:?}");
    rig.ends(old, 1, JobState::Failed).await;
    let key = Some("again".to_owned());
    let first = rig.handle.retry_job(old, key.clone()).await.unwrap();
    let second = rig.handle.retry_job(old, key).await.unwrap();
    assert_eq!((first.created, second.created), (true, false), "P14");
    assert_eq!((first.job.id, first.job.retry_of), (second.job.id, Some(old)));
    assert_eq!(rig.spawned().await, first.job.id);
    rig.runner.end(first.job.id, exit(0)).await;
    let unknown: JobId = "019ab3c0-5a50-7c3e-8f00-3b6f2c1d9e77".parse().unwrap();
    let refusal = rig.handle.retry_job(unknown, None).await.unwrap_err();
    assert!(matches!(refusal, RetryRefusal::NotFound(id) if id == unknown), "{refusal:?}");
}
