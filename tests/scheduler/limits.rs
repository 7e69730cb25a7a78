//! P3: never more attempts running than slots. P12: what may wait has a bound.

use std::pin::pin;

use chrono::TimeDelta;
use longhaul::domain::names::QueueName;
use longhaul::domain::state::{EndReason, JobState};
use longhaul::domain::wait::WaitReason;
use longhaul::runner::Report;
use longhaul::scheduler::handle::{StartRefusal, StartRequest};
use longhaul::store::StartError;

use super::rig::{Rig, plain};
use crate::support::deadline::within;
use crate::support::gated::{Gated, ended};
use crate::support::kinds::{catalog, kind, queue};

#[tokio::test]
async fn the_worker_limits_what_its_queues_allow() {
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::with(folder.path(), plain(5), 2, Gated::new()).await;
    let jobs = rig.start_many(4).await;
    assert_eq!([rig.spawned().await, rig.spawned().await], jobs[..2]);
    rig.is_quiet().await;
    let wait = rig.handle.wait(&*rig.job(jobs[3]).await).unwrap();
    assert_eq!((wait.reason, wait.position), (WaitReason::SlotsBusy, Some(2)));
}

#[tokio::test]
async fn slots_lowered_while_busy_start_nothing_until_fewer_run() {
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::new(folder.path(), plain(3)).await;
    let jobs = rig.start_many(6).await;
    for &job in &jobs[..3] {
        assert_eq!(rig.spawned().await, job);
    }
    let default: longhaul::domain::names::QueueName = "default".parse().unwrap();
    let (row, changed) = rig.handle.set_queue_slots(default.clone(), 1).await.unwrap();
    assert_eq!((row.slots, row.file_slots, changed), (1, 3, true));
    let wait = rig.handle.wait(&*rig.job(jobs[4]).await).unwrap();
    assert_eq!((wait.reason, wait.position), (WaitReason::QueueSlotsBusy, Some(2)));
    for &job in &jobs[..2] {
        rig.ends(job, 0, JobState::Succeeded).await;
        rig.is_quiet().await;
    }
    rig.ends(jobs[2], 0, JobState::Succeeded).await;
    assert_eq!(rig.spawned().await, jobs[3]);
    rig.is_quiet().await;
    rig.handle.set_queue_slots(default, 3).await.unwrap();
    assert_eq!([rig.spawned().await, rig.spawned().await], jobs[4..]);
}

#[tokio::test]
async fn a_paused_queue_starts_nothing_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::new(folder.path(), plain(1)).await;
    let default: longhaul::domain::names::QueueName = "default".parse().unwrap();
    let note = Some("the disk is being changed".to_owned());
    let (row, changed) = rig.handle.pause_queue(default.clone(), note.clone()).await.unwrap();
    assert!(changed);
    assert_eq!(row.paused.unwrap().note, note);
    assert!(!rig.handle.pause_queue(default.clone(), None).await.unwrap().1);
    let job = rig.start().await;
    rig.is_quiet().await;
    let wait = rig.handle.wait(&*rig.job(job).await).unwrap();
    assert_eq!((wait.reason, wait.position), (WaitReason::QueuePaused, Some(1)));
    rig.handle.resume_queue(default).await.unwrap();
    assert_eq!(rig.spawned().await, job);
}

#[tokio::test]
async fn a_slot_is_free_only_when_no_process_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::new(folder.path(), plain(1)).await;
    let jobs = rig.start_many(2).await;
    assert_eq!(rig.spawned().await, jobs[0]);
    rig.runner.begin(jobs[0]).await;
    let stubborn = Report::Ended(ended(EndReason::Unkillable));
    rig.runner.report(jobs[0], stubborn).await;
    let row = rig.reaches(jobs[0], JobState::Failed).await;
    assert_eq!(row.reason, Some(EndReason::Unkillable));
    rig.is_quiet().await;
    rig.runner.gone(jobs[0]).await;
    assert_eq!(rig.spawned().await, jobs[1], "P3, P10");
}

#[tokio::test]
async fn a_full_queue_refuses_and_stores_nothing() {
    // P12: at, below and above.
    let folder = tempfile::tempdir().unwrap();
    let mut default = queue("default", 1);
    default.max_waiting = 2;
    let catalog = catalog(vec![kind("work", &["true"])], vec![default, queue("aside", 1)]);
    let mut rig = Rig::new(folder.path(), catalog).await;
    let running = rig.start().await;
    assert_eq!(rig.spawned().await, running);
    rig.runner.begin(running).await;
    rig.reaches(running, JobState::Running).await;
    rig.start_many(2).await;
    let request = StartRequest { kind: "work".to_owned(), ..StartRequest::default() };
    let refusal = rig.handle.start_job(request).await.unwrap_err();
    let StartRefusal::Store(StartError::QueueFull { waiting, limit, .. }) = refusal else {
        panic!("{refusal:?}");
    };
    assert_eq!((waiting, limit), (2, 2));
    rig.ends(running, 0, JobState::Succeeded).await;
    let next = rig.spawned().await;
    rig.runner.begin(next).await;
    rig.reaches(next, JobState::Running).await;
    rig.start().await;
}

#[tokio::test]
async fn a_change_of_a_queue_is_carried_out_although_its_caller_goes_away() {
    // P3: what was committed is in force.
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::new(folder.path(), plain(2)).await;
    let default: QueueName = "default".parse().unwrap();
    {
        let mut pause = pin!(rig.handle.pause_queue(default.clone(), None));
        assert!(futures::poll!(&mut pause).is_pending());
        let mut slots = pin!(rig.handle.set_queue_slots(default.clone(), 1));
        assert!(futures::poll!(&mut slots).is_pending());
    }
    // Changes of one queue take turns, so this one comes after both.
    rig.handle.resume_queue(default).await.unwrap();
    rig.start_many(2).await;
    rig.spawned().await;
    rig.is_quiet().await;
}

#[tokio::test]
async fn a_job_that_comes_due_has_its_place_although_no_slot_is_free() {
    // P2, P7
    let folder = tempfile::tempdir().unwrap();
    let catalog = plain(1);
    let mut rig = Rig::with(folder.path(), catalog, 1, Gated::new()).await;
    rig.start().await;
    rig.spawned().await;
    let delayed = rig.start_in(TimeDelta::hours(1)).await;
    let row = rig.job(delayed).await;
    assert_eq!(rig.handle.wait(&row).unwrap().reason, WaitReason::NotBefore);
    rig.clock.advance(TimeDelta::hours(2));
    rig.settle().await;
    // By the row of before, too: a subscriber has no newer one, as nothing of the job was committed.
    let wait = rig.handle.wait(&row).unwrap();
    assert_eq!((wait.reason, wait.position), (WaitReason::QueueSlotsBusy, Some(1)));
    assert_eq!(rig.handle.wait(&*rig.job(delayed).await), Some(wait));
}

#[tokio::test]
async fn a_panic_of_the_dispatcher_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::new(folder.path(), plain(1)).await;
    rig.runner.panic_at_spawn();
    rig.start().await;
    let failure = rig.scheduler.failure();
    assert_eq!(within("the failure", &rig.history, failure).await, "the dispatcher");
}
