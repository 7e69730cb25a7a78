//! P10: an acknowledged cancel ends the job, and not in success. P9: an end after we asked for a
//! stop is never success.

use std::pin::pin;

use chrono::TimeDelta;
use longhaul::domain::attempt::CancelMode;
use longhaul::domain::state::{EndReason, JobState};
use longhaul::runner::Order;
use longhaul::store::CancelError;

use super::rig::{Rig, plain};
use crate::support::gated::{Seen, ended, exit};

const GRACEFUL: CancelMode = CancelMode::Graceful;

#[tokio::test]
async fn a_waiting_job_is_canceled_at_once_and_the_others_move_up() {
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::new(folder.path(), plain(1)).await;
    let jobs = rig.start_many(3).await;
    rig.spawned().await;
    let note = Some("no longer needed".to_owned());
    let answer = rig.handle.cancel_job(jobs[1], GRACEFUL, note.clone()).await.unwrap();
    assert!(answer.changed);
    let job = &answer.job;
    assert_eq!((job.state, job.reason), (JobState::Canceled, Some(EndReason::CancelRequested)));
    assert_eq!((&job.cancel_note, job.attempt), (&note, 0));
    let wait = rig.handle.wait(&*rig.job(jobs[2]).await).unwrap();
    assert_eq!(wait.position, Some(1));
    let again = rig.handle.cancel_job(jobs[1], GRACEFUL, None).await.unwrap();
    assert!(!again.changed);
    rig.ends(jobs[0], 0, JobState::Succeeded).await;
    assert_eq!(rig.spawned().await, jobs[2]);
}

#[tokio::test]
async fn a_delayed_job_can_be_canceled() {
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::new(folder.path(), plain(1)).await;
    let job = rig.start_in(TimeDelta::hours(1)).await;
    let answer = rig.handle.cancel_job(job, GRACEFUL, None).await.unwrap();
    assert_eq!(answer.job.state, JobState::Canceled);
    rig.clock.advance(TimeDelta::hours(2));
    rig.is_quiet().await;
}

#[tokio::test]
async fn a_running_job_is_canceling_until_it_is_gone_and_never_succeeds() {
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::new(folder.path(), plain(1)).await;
    let job = rig.start().await;
    rig.spawned().await;
    rig.runner.begin(job).await;
    rig.reaches(job, JobState::Running).await;
    let answer = rig.handle.cancel_job(job, GRACEFUL, None).await.unwrap();
    assert_eq!(answer.job.state, JobState::Canceling);
    assert_eq!(rig.next().await, Seen::Ordered(job, Order::Cancel));
    let again = rig.handle.cancel_job(job, GRACEFUL, None).await.unwrap();
    assert!(!again.changed);
    rig.is_quiet().await;
    let killed = rig.handle.cancel_job(job, CancelMode::Force, None).await.unwrap();
    assert!(killed.changed);
    assert_eq!(rig.next().await, Seen::Ordered(job, Order::CancelNow));
    // It was quicker than our signal: the kernel says 0, and it is no success.
    let row = rig.ends(job, 0, JobState::Canceled).await;
    assert_eq!((row.reason, row.exit_code), (Some(EndReason::CancelRequested), Some(0)));
    let attempts = rig.handle.reader().attempts(job, u32::MAX, 10).await.unwrap();
    assert_eq!(attempts[0].reason, Some(EndReason::CancelRequested));
}

#[tokio::test]
async fn a_cancel_between_claim_and_start_is_not_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::new(folder.path(), plain(1)).await;
    let job = rig.start().await;
    rig.spawned().await;
    // Spawned, and its start is not recorded.
    let answer = rig.handle.cancel_job(job, GRACEFUL, None).await.unwrap();
    assert_eq!(answer.job.state, JobState::Canceling);
    assert_eq!(rig.next().await, Seen::Ordered(job, Order::Cancel));
    rig.runner.begin(job).await;
    rig.runner.end(job, ended(EndReason::CancelRequested)).await;
    assert_eq!(rig.reaches(job, JobState::Canceled).await.attempt, 1);
}

#[tokio::test]
async fn a_cancel_that_races_with_the_claim_is_obeyed_wherever_it_lands() {
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::new(folder.path(), plain(1)).await;
    for _ in 0..200 {
        let job = rig.start().await;
        let answer = rig.handle.cancel_job(job, GRACEFUL, None).await.unwrap();
        // Once acknowledged, either nothing was started or what was started knows.
        let mut spawned = false;
        while let Ok(seen) = rig.seen.try_recv() {
            match seen {
                Seen::Spawned(id, _) if id == job => spawned = true,
                Seen::Ordered(id, Order::Cancel) if id == job => {
                    assert!(spawned, "an order without a process");
                    rig.runner.end(job, exit(0)).await;
                }
                other @ (Seen::Spawned(..) | Seen::Ordered(..) | Seen::Renewed(_)) => {
                    panic!("{other:?}")
                }
            }
        }
        let ended = rig.reaches(job, JobState::Canceled).await;
        assert_eq!(ended.reason, Some(EndReason::CancelRequested), "{answer:?}");
        rig.is_quiet().await;
    }
}

#[tokio::test]
async fn a_job_that_ended_cannot_be_canceled() {
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::new(folder.path(), plain(1)).await;
    let job = rig.start().await;
    rig.spawned().await;
    rig.ends(job, 3, JobState::Failed).await;
    let refusal = rig.handle.cancel_job(job, GRACEFUL, None).await.unwrap_err();
    assert!(matches!(refusal, CancelError::Ended(JobState::Failed)), "{refusal:?}");
}

#[tokio::test]
async fn a_stubborn_tree_fails_its_canceled_job_as_unkillable() {
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::new(folder.path(), plain(1)).await;
    let job = rig.start().await;
    rig.spawned().await;
    rig.runner.begin(job).await;
    rig.handle.cancel_job(job, GRACEFUL, None).await.unwrap();
    rig.runner.end(job, ended(EndReason::Unkillable)).await;
    assert_eq!(rig.reaches(job, JobState::Failed).await.reason, Some(EndReason::Unkillable));
}

#[tokio::test]
async fn a_cancel_is_carried_out_although_its_caller_goes_away() {
    // P10: it was committed, so the process must hear of it.
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::new(folder.path(), plain(1)).await;
    let job = rig.start().await;
    rig.spawned().await;
    {
        let mut cancel = pin!(rig.handle.cancel_job(job, GRACEFUL, None));
        assert!(futures::poll!(&mut cancel).is_pending(), "the store works on a thread of its own");
    }
    assert_eq!(rig.next().await, Seen::Ordered(job, Order::Cancel));
}
