//! Kinds that ask for a worker with labels, on a store that has one worker: it runs them or nobody does.

use longhaul::domain::kind::{Catalog, Kind};
use longhaul::domain::label::Labels;
use longhaul::domain::state::JobState;
use longhaul::domain::wait::WaitReason;
use longhaul::scheduler::handle::StartRequest;

use super::rig::{Rig, life};
use crate::support::kinds::{catalog, kind, labels, queue};

/// `work` asks for nothing, `train` for a worker with a certain label; one slot.
fn two_kinds() -> Catalog {
    let train = Kind { worker_labels: labels(&[("gpu", "a100")]), ..kind("train", &["true"]) };
    catalog(vec![kind("work", &["true"]), train], vec![queue("default", 1), queue("aside", 1)])
}

/// P2: among what this worker may run the oldest is first, and what it may not run is not ahead of it.
#[tokio::test]
async fn what_it_has_no_labels_for_holds_nobody_up() {
    let folder = tempfile::tempdir().unwrap();
    let other_value = labels(&[("gpu", "h100")]);
    let mut rig = Rig::labeled(folder.path(), two_kinds(), other_value).await;
    let train = rig.start_kind("train").await;
    let works = rig.start_many(3).await;
    assert_eq!(rig.spawned().await, works[0]);
    let wait = rig.handle.wait(&*rig.job(train).await).unwrap();
    assert_eq!((wait.reason, wait.position), (WaitReason::NoWorker, None));
    assert_eq!(wait.text(), "no worker with gpu=a100 takes jobs of the kind `train`");
    let place = async |job| rig.handle.wait(&*rig.job(job).await).unwrap().position;
    assert_eq!((place(works[1]).await, place(works[2]).await), (Some(1), Some(2)));
    rig.ends(works[0], 0, JobState::Succeeded).await;
    assert_eq!(rig.spawned().await, works[1]);
    rig.ends(works[1], 0, JobState::Succeeded).await;
    assert_eq!(rig.spawned().await, works[2]);
    rig.ends(works[2], 0, JobState::Succeeded).await;
    rig.is_quiet().await;
}

/// A start is promised to nobody who waits for a worker that is not there, and what others are promised
/// does not count it.
#[test]
fn no_start_is_promised_without_a_worker() {
    let folder = tempfile::tempdir().unwrap();
    let both = || labels(&[("gpu", "a100"), ("zone", "b")]);
    life(async {
        let mut rig = Rig::labeled(folder.path(), two_kinds(), both()).await;
        for kind in ["train", "work"] {
            let job = rig.start_kind(kind).await;
            assert_eq!(rig.spawned().await, job);
            rig.runner.begin(job).await;
            rig.clock.advance(chrono::TimeDelta::seconds(100));
            rig.ends(job, 0, JobState::Succeeded).await;
        }
    });
    let (train, work) = life(async {
        let mut rig = Rig::labeled(folder.path(), two_kinds(), Labels::default()).await;
        let running = rig.start().await;
        assert_eq!(rig.spawned().await, running);
        let (train, work) = (rig.start_kind("train").await, rig.start().await);
        assert_eq!(rig.handle.estimate(&*rig.job(train).await).await, None);
        let check = |kind: &str| {
            let request = StartRequest { kind: kind.to_owned(), ..StartRequest::default() };
            rig.handle.check_job(request)
        };
        let placed = check("train").await.unwrap();
        assert_eq!((placed.position, placed.estimate), (None, None));
        assert_eq!(check("work").await.unwrap().position, Some(2));
        // Behind the one that runs, 100 s at most, and nobody else.
        let told = rig.handle.estimate(&*rig.job(work).await).await.unwrap();
        let now = longhaul::domain::clock::Clock::now(&rig.clock);
        assert!(told.start.unwrap().0 - now <= chrono::TimeDelta::seconds(100), "{told:?}");
        rig.handle.pause_queue("default".parse().unwrap(), None).await.unwrap();
        rig.ends(running, 0, JobState::Succeeded).await;
        (train, work)
    });
    // A worker that has what is asked for, and more: the older one is first again.
    life(async {
        let mut rig = Rig::labeled(folder.path(), two_kinds(), both()).await;
        rig.handle.resume_queue("default".parse().unwrap()).await.unwrap();
        assert_eq!(rig.spawned().await, train);
        rig.ends(train, 0, JobState::Succeeded).await;
        assert_eq!(rig.spawned().await, work);
    });
}
