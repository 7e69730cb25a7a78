//! An estimate is the same before and after a restart: it knows how jobs were asked for.

use chrono::TimeDelta;
use longhaul::domain::clock::Clock as _;
use longhaul::domain::estimate::Estimate;
use longhaul::domain::id::JobId;
use longhaul::domain::kind::Catalog;
use longhaul::domain::state::JobState;
use longhaul::scheduler::handle::StartRequest;
use serde_json::json;

use super::rig::{Rig, life, with};
use crate::support::kinds::kind;

/// A kind whose argument says how long it runs, one at a time.
fn sized() -> Catalog {
    with(kind("work", &["true", "{size}"]), 1)
}

async fn start(rig: &Rig, size: &str) -> JobId {
    let request = StartRequest {
        kind: "work".to_owned(),
        args: Some(json!({ "size": size })),
        ..StartRequest::default()
    };
    rig.handle.start_job(request).await.unwrap().job.id
}

/// Runs a job for so long by the clock.
async fn run(rig: &mut Rig, size: &str, seconds: i64) {
    let id = start(rig, size).await;
    assert_eq!(rig.spawned().await, id);
    rig.runner.begin(id).await;
    rig.reaches(id, JobState::Running).await;
    rig.clock.advance(TimeDelta::seconds(seconds));
    rig.ends(id, 0, JobState::Succeeded).await;
}

/// Half of those like it end so many seconds from now.
async fn ends_in(rig: &Rig, id: JobId) -> i64 {
    let Estimate { end, .. } = rig.handle.estimate(&*rig.job(id).await).await.unwrap();
    (end.0 - rig.clock.now()).num_seconds()
}

#[test]
fn what_waits_over_a_restart_is_told_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let large = "x".repeat(5_000);
    // Most are short; those of the large argument are not.
    life(async {
        let mut rig = Rig::new(folder.path(), sized()).await;
        for _ in 0..12 {
            run(&mut rig, "small", 10).await;
            run(&mut rig, "small", 10).await;
            run(&mut rig, &large, 200).await;
        }
    });
    let (jobs, before) = life(async {
        let mut rig = Rig::new(folder.path(), sized()).await;
        let first = start(&rig, &large).await;
        assert_eq!(rig.spawned().await, first);
        rig.runner.begin(first).await;
        rig.reaches(first, JobState::Running).await;
        let jobs = [first, start(&rig, "small").await, start(&rig, &large).await];
        let mut before = Vec::new();
        for id in jobs {
            before.push(ends_in(&rig, id).await);
        }
        (jobs, before)
    });
    let near = |seconds: i64, to: i64| (seconds - to).abs() <= 2;
    assert!(before[0] > 150 && before[2] > 350, "its kind alone runs for 10 s mostly: {before:?}");
    life(async {
        let mut rig = Rig::new(folder.path(), sized()).await;
        assert_eq!(rig.spawned().await, jobs[0], "it is given back, and runs again");
        rig.runner.begin(jobs[0]).await;
        rig.reaches(jobs[0], JobState::Running).await;
        for (id, before) in jobs.into_iter().zip(before).rev() {
            let after = ends_in(&rig, id).await;
            assert!(near(after, before), "{after} s, and {before} s before");
        }
    });
}
