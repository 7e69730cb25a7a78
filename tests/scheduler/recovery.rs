//! P1, P3, P11: what a server finds of the one before it.

use std::path::Path;
use std::time::Duration;

use longhaul::domain::id::JobId;
use longhaul::domain::kind::{Catalog, Kind};
use longhaul::domain::state::{EndReason, JobState};
use longhaul::domain::wait::WaitReason;
use longhaul::scheduler::handle::{RetryRefusal, StartRefusal, StartRequest};
use longhaul::store::StartError;
use tokio::sync::mpsc;

use super::rig::{Rig, life, plain, with};
use crate::support::gated::{Found, Gated, Seen, ended, exit};
use crate::support::kinds::{catalog, kind, queue};

type Bench = (Gated, mpsc::Receiver<Seen>);

/// A server that starts `count` jobs of which `slots` run, and dies.
fn first_life(
    folder: &Path,
    catalog: Catalog,
    count: usize,
    running: usize,
) -> (Vec<JobId>, Bench) {
    life(async {
        let mut rig = Rig::new(folder, catalog).await;
        let jobs = rig.start_many(count).await;
        for &job in &jobs[..running] {
            assert_eq!(rig.spawned().await, job);
            rig.runner.begin(job).await;
            rig.reaches(job, JobState::Running).await;
        }
        (jobs, (rig.runner, rig.seen))
    })
}

async fn second_life(folder: &Path, catalog: Catalog, bench: Bench) -> Rig {
    Rig::with(folder, catalog, 64, bench).await
}

#[test]
fn ends_that_nobody_saw_are_recorded_and_the_line_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (jobs, bench) = first_life(folder.path(), plain(2), 4, 2);
    let found = [Found::Settled(exit(0)), Found::Settled(ended(EndReason::Lost))];
    bench.0.found.lock().unwrap().extend(jobs.iter().copied().zip(found));
    life(async {
        let mut rig = second_life(folder.path(), plain(2), bench).await;
        assert_eq!(rig.job(jobs[0]).await.state, JobState::Succeeded, "P1");
        // The lost one is back in its old place, before what was accepted after it.
        assert_eq!(rig.next().await, Seen::Spawned(jobs[1], 2), "P11");
        assert_eq!(rig.next().await, Seen::Spawned(jobs[2], 1));
        rig.is_quiet().await;
        let lost = &rig.handle.reader().attempts(jobs[1], u32::MAX, 10).await.unwrap()[0];
        assert_eq!(lost.reason, Some(EndReason::Lost));
        assert_eq!(rig.scheduler.found().settled.values().sum::<u32>(), 2);
    });
}

#[test]
fn a_record_that_cannot_be_true_does_not_keep_the_server_from_starting() {
    // P9: it says that the attempt was canceled, which nobody asked for.
    let folder = tempfile::tempdir().unwrap();
    let (jobs, bench) = first_life(folder.path(), plain(1), 1, 1);
    let forged = Found::Settled(ended(EndReason::CancelRequested));
    bench.0.found.lock().unwrap().insert(jobs[0], forged);
    life(async {
        let mut rig = second_life(folder.path(), plain(1), bench).await;
        assert_eq!(rig.next().await, Seen::Spawned(jobs[0], 2));
        assert_eq!(rig.job(jobs[0]).await.losses, 1);
    });
}

#[test]
fn a_repeat_is_answered_with_its_job_whatever_is_declared_today() {
    // P14
    let folder = tempfile::tempdir().unwrap();
    let request = StartRequest {
        kind: "work".to_owned(),
        idempotency_key: Some("key".to_owned()),
        timeout_ms: Some(60_000),
        ..StartRequest::default()
    };
    let start = async |catalog: Catalog, request: &StartRequest| {
        let rig = Rig::new(folder.path(), catalog).await;
        rig.handle.start_job(request.clone()).await
    };
    let first = life(start(plain(1), &request)).unwrap();
    assert!(first.created);
    let strict = Kind { timeout: Some(Duration::from_secs(30)), ..kind("work", &["true"]) };
    let gone = catalog(vec![kind("other", &["true"])], vec![queue("default", 1)]);
    for today in [with(strict, 1), gone.clone()] {
        let again = life(start(today, &request)).unwrap();
        assert_eq!((again.job.id, again.created), (first.job.id, false));
    }
    let other = StartRequest { timeout_ms: Some(50_000), ..request.clone() };
    let refusal = life(start(gone.clone(), &other)).unwrap_err();
    assert!(
        matches!(refusal, StartRefusal::Store(StartError::IdempotencyConflict(_))),
        "{refusal:?}"
    );
    let fresh = StartRequest { idempotency_key: Some("new".to_owned()), ..request };
    let refusal = life(start(gone, &fresh)).unwrap_err();
    assert!(matches!(refusal, StartRefusal::UnknownKind { .. }), "{refusal:?}");
}

#[test]
fn a_repeated_retry_is_answered_although_its_kind_is_gone() {
    // P14
    let folder = tempfile::tempdir().unwrap();
    let key = || Some("again".to_owned());
    let (old, again, bench) = life(async {
        let mut rig = Rig::new(folder.path(), plain(1)).await;
        let old = rig.start().await;
        rig.spawned().await;
        rig.ends(old, 1, JobState::Failed).await;
        let again = rig.handle.retry_job(old, key()).await.unwrap().job.id;
        assert_eq!(rig.spawned().await, again);
        rig.ends(again, 0, JobState::Succeeded).await;
        (old, again, (rig.runner, rig.seen))
    });
    life(async {
        let other = with(kind("other", &["true"]), 1);
        let mut rig = second_life(folder.path(), other, bench).await;
        let repeated = rig.handle.retry_job(old, key()).await.unwrap();
        assert_eq!((repeated.created, repeated.job.id), (false, again));
        for fresh in [None, Some("fresh".to_owned())] {
            let refusal = rig.handle.retry_job(old, fresh).await.unwrap_err();
            let is_told = matches!(refusal, RetryRefusal::Start(StartRefusal::UnknownKind { .. }));
            assert!(is_told, "{refusal:?}");
        }
        // The key stands for the retry of that job and of no other.
        let refusal = rig.handle.retry_job(again, key()).await.unwrap_err();
        let is_conflict = matches!(&refusal, RetryRefusal::Start(StartRefusal::Store(
            StartError::IdempotencyConflict(id),
        )) if *id == again);
        assert!(is_conflict, "{refusal:?}");
        rig.is_quiet().await;
    });
}

#[test]
fn what_is_still_there_holds_its_slot() {
    let folder = tempfile::tempdir().unwrap();
    let (jobs, bench) = first_life(folder.path(), plain(2), 4, 2);
    let found = [Found::Alive, Found::Alive];
    bench.0.found.lock().unwrap().extend(jobs.iter().copied().zip(found));
    life(async {
        // One slot less than what lives: the shortfall is paid before anything starts (P3).
        let mut rig = second_life(folder.path(), plain(1), bench).await;
        assert_eq!(rig.scheduler.found().alive, 2);
        rig.is_quiet().await;
        rig.ends(jobs[0], 0, JobState::Succeeded).await;
        rig.is_quiet().await;
        rig.runner.end(jobs[1], ended(EndReason::Lost)).await;
        assert_eq!(rig.next().await, Seen::Spawned(jobs[1], 2));
        rig.is_quiet().await;
    });
}

#[test]
fn a_claim_that_never_ran_counts_for_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut once = kind("work", &["true"]);
    once.policy.at_most_once = true;
    let (jobs, bench) = life(async {
        let mut rig = Rig::new(folder.path(), with(once.clone(), 1)).await;
        let job = rig.start().await;
        rig.spawned().await;
        (job, (rig.runner, rig.seen))
    });
    life(async {
        let mut rig = second_life(folder.path(), with(once, 1), bench).await;
        assert_eq!(rig.next().await, Seen::Spawned(jobs, 2), "even under at_most_once");
        let row = rig.job(jobs).await;
        assert_eq!((row.failures, row.losses), (0, 0));
    });
}

#[test]
fn a_cancel_outlives_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let (jobs, bench) = life(async {
        let mut rig = Rig::new(folder.path(), plain(1)).await;
        let jobs = rig.start_many(2).await;
        rig.spawned().await;
        let mode = longhaul::domain::attempt::CancelMode::Graceful;
        rig.handle.cancel_job(jobs[0], mode, None).await.unwrap();
        (jobs, (rig.runner, rig.seen))
    });
    bench.0.found.lock().unwrap().insert(jobs[0], Found::Settled(ended(EndReason::Lost)));
    life(async {
        let rig = second_life(folder.path(), plain(1), bench).await;
        let row = rig.job(jobs[0]).await;
        assert_eq!(row.state, JobState::Canceled, "P10: canceled, not given back");
        assert_eq!(row.reason, Some(EndReason::CancelRequested));
    });
}

#[test]
fn pause_and_slots_outlive_the_server_until_the_file_changes() {
    let folder = tempfile::tempdir().unwrap();
    let default: longhaul::domain::names::QueueName = "default".parse().unwrap();
    life(async {
        let rig = Rig::new(folder.path(), plain(2)).await;
        rig.handle.pause_queue(default.clone(), None).await.unwrap();
        rig.handle.set_queue_slots(default.clone(), 5).await.unwrap();
        rig.start().await;
    });
    life(async {
        let mut rig = Rig::new(folder.path(), plain(2)).await;
        rig.is_quiet().await;
        let (row, _) = rig.handle.resume_queue(default.clone()).await.unwrap();
        assert_eq!((row.slots, row.file_slots), (5, 2));
        rig.spawned().await;
    });
    life(async {
        let rig = Rig::new(folder.path(), plain(3)).await;
        let (row, _) = rig.handle.resume_queue(default.clone()).await.unwrap();
        assert_eq!((row.slots, row.file_slots), (3, 3));
    });
}

#[test]
fn a_job_whose_kind_is_gone_waits_and_holds_nobody_up() {
    let folder = tempfile::tempdir().unwrap();
    let job = life(async {
        let rig = Rig::new(folder.path(), plain(0)).await;
        rig.start().await
    });
    life(async {
        let other =
            catalog(vec![kind("other", &["true"])], vec![queue("default", 1), queue("aside", 1)]);
        let mut rig = Rig::new(folder.path(), other).await;
        let wait = rig.handle.wait(&*rig.job(job).await).unwrap();
        assert_eq!((wait.reason, wait.position), (WaitReason::NoWorker, None));
        let default: longhaul::domain::names::QueueName = "default".parse().unwrap();
        rig.handle.pause_queue(default.clone(), None).await.unwrap();
        let first = rig.start_kind("other").await;
        let place = rig.handle.wait(&*rig.job(first).await).unwrap().position;
        assert_eq!(place, Some(1), "nobody is ahead of it");
        rig.handle.resume_queue(default).await.unwrap();
        assert_eq!(rig.spawned().await, first);
        rig.ends(first, 0, JobState::Succeeded).await;
        let behind = rig.start_kind("other").await;
        assert_eq!(rig.spawned().await, behind);
    });
}
