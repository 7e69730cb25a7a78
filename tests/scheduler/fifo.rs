//! P2: in a queue, among jobs that may run, the one accepted first is claimed first.

use chrono::TimeDelta;
use longhaul::domain::id::JobId;
use longhaul::domain::state::JobState;
use longhaul::domain::wait::WaitReason;

use super::rig::{Rig, plain};
use crate::support::kinds::{catalog, kind, queue};

#[tokio::test]
async fn jobs_start_in_acceptance_order_one_slot_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::new(folder.path(), plain(2)).await;
    let jobs = rig.start_many(6).await;
    assert_eq!([rig.spawned().await, rig.spawned().await], jobs[..2]);
    rig.is_quiet().await;
    for (&ends, &follows) in jobs.iter().zip(&jobs[2..]) {
        rig.ends(ends, 0, JobState::Succeeded).await;
        assert_eq!(rig.spawned().await, follows, "P2");
        rig.is_quiet().await;
    }
}

#[tokio::test]
async fn fifty_clients_at_once_are_served_in_commit_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::new(folder.path(), plain(3)).await;
    rig.handle.pause_queue("default".parse().unwrap(), None).await.unwrap();
    let clients = futures::future::join_all((0..50).map(|_| rig.start_many(6))).await;
    let mut jobs = Vec::new();
    for id in clients.into_iter().flatten() {
        jobs.push((rig.job(id).await.accepted, id));
    }
    jobs.sort_unstable();
    rig.handle.resume_queue("default".parse().unwrap()).await.unwrap();
    for (_, id) in jobs {
        assert_eq!(rig.spawned().await, id, "P2");
        rig.runner.end(id, crate::support::gated::exit(0)).await;
    }
}

#[tokio::test]
async fn a_delayed_job_takes_its_place_by_its_acceptance_number() {
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::new(folder.path(), plain(1)).await;
    let first = rig.start().await;
    assert_eq!(rig.spawned().await, first);
    let delayed = rig.start_in(TimeDelta::seconds(60)).await;
    let third = rig.start().await;

    let wait = rig.handle.wait(&*rig.job(delayed).await).unwrap();
    assert_eq!((wait.reason, wait.position), (WaitReason::NotBefore, None));
    assert_eq!(position(&rig, third).await, Some(1));

    rig.clock.advance(TimeDelta::seconds(60));
    let fourth = rig.start().await;
    rig.ends(first, 0, JobState::Succeeded).await;
    assert_eq!(rig.spawned().await, delayed, "P2: accepted before the third");
    assert_eq!([position(&rig, third).await, position(&rig, fourth).await], [Some(1), Some(2)]);
}

#[tokio::test]
async fn a_delayed_job_that_is_alone_starts_when_it_is_due() {
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::new(folder.path(), plain(1)).await;
    let delayed = rig.start_in(TimeDelta::seconds(60)).await;
    rig.is_quiet().await;
    rig.clock.advance(TimeDelta::seconds(60));
    rig.settle().await;
    assert_eq!(rig.spawned().await, delayed);
}

#[tokio::test]
async fn the_next_slot_goes_to_the_queue_with_the_least_share_then_to_the_oldest_head() {
    let folder = tempfile::tempdir().unwrap();
    let in_queue = |name: &str, queue: &str| {
        let mut kind = kind(name, &["true"]);
        kind.queue = queue.parse().unwrap();
        kind
    };
    let catalog = catalog(
        vec![in_queue("a", "wide"), in_queue("b", "narrow")],
        vec![queue("wide", 4), queue("narrow", 2), queue("aside", 1)],
    );
    let mut rig = Rig::with(folder.path(), catalog, 3, crate::support::gated::Gated::new()).await;
    for name in ["wide", "narrow"] {
        rig.handle.pause_queue(name.parse().unwrap(), None).await.unwrap();
    }
    let mut jobs = Vec::new();
    for kind in ["a", "a", "a", "a", "b", "b"] {
        jobs.push(rig.start_kind(kind).await);
    }
    // `wide` has the worker to itself first.
    rig.handle.resume_queue("wide".parse().unwrap()).await.unwrap();
    let mut started: Vec<JobId> =
        vec![rig.spawned().await, rig.spawned().await, rig.spawned().await];
    assert_eq!(started, jobs[..3]);
    rig.handle.resume_queue("narrow".parse().unwrap()).await.unwrap();
    rig.is_quiet().await;
    // 2 of 4 against 0 of 2: the slot goes to `narrow`, although the head of `wide` is older.
    rig.ends(jobs[0], 0, JobState::Succeeded).await;
    started.push(rig.spawned().await);
    assert_eq!(started[3], jobs[4]);
}

async fn position(rig: &Rig, id: JobId) -> Option<u64> {
    rig.handle.wait(&*rig.job(id).await).and_then(|wait| wait.position)
}
