//! An estimate is the same before and after a restart: it knows how jobs were asked for.

use chrono::TimeDelta;
use longhaul::domain::clock::Clock as _;
use longhaul::domain::estimate::Estimate;
use longhaul::domain::id::JobId;
use longhaul::domain::job::Progress;
use longhaul::domain::kind::{Catalog, Kind};
use longhaul::domain::state::JobState;
use longhaul::events::{Heard, News};
use longhaul::runner::Report;
use longhaul::scheduler::handle::StartRequest;
use serde_json::json;

use super::rig::{Rig, life, with};
use crate::support::gated::Seen;
use crate::support::kinds::kind;

/// A kind whose argument says how long it runs, one at a time.
fn sized() -> Catalog {
    with(Kind { retries: 1, ..kind("work", &["true", "{size}"]) }, 1)
}

/// What ran before: most are short; those of the large argument are not.
async fn history(rig: &mut Rig, large: &str) {
    for _ in 0..12 {
        run(rig, "small", 10).await;
        run(rig, "small", 10).await;
        run(rig, large, 200).await;
    }
}

fn request(size: &str) -> StartRequest {
    let args = Some(json!({ "size": size }));
    StartRequest { kind: "work".to_owned(), args, ..StartRequest::default() }
}

async fn start(rig: &Rig, size: &str) -> JobId {
    rig.handle.start_job(request(size)).await.unwrap().job.id
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
    life(async { history(&mut Rig::new(folder.path(), sized()).await, &large).await });
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

#[test]
fn what_comes_back_into_line_is_told_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let large = "x".repeat(5_000);
    life(async { history(&mut Rig::new(folder.path(), sized()).await, &large).await });
    life(async {
        let mut rig = Rig::new(folder.path(), sized()).await;
        // Once all of before is known nothing is read from the store any more.
        assert!(rig.handle.check_job(request(&large)).await.unwrap().estimate.is_some());
        let id = start(&rig, &large).await;
        assert_eq!(rig.spawned().await, id);
        rig.ends(id, 1, JobState::Queued).await;
        rig.clock.advance(TimeDelta::seconds(10));
        assert_eq!(rig.next().await, Seen::Spawned(id, 2));
        rig.runner.begin(id).await;
        rig.reaches(id, JobState::Running).await;
        let told = ends_in(&rig, id).await;
        assert!(told > 150, "its kind alone runs for 10 s mostly: {told}");
    });
}

#[test]
fn all_who_ask_of_a_running_job_within_a_moment_are_told_the_same() {
    let folder = tempfile::tempdir().unwrap();
    life(async {
        let mut rig = Rig::new(folder.path(), sized()).await;
        run(&mut rig, "small", 10).await;
        let id = start(&rig, "small").await;
        assert_eq!(rig.spawned().await, id);
        rig.runner.begin(id).await;
        rig.reaches(id, JobState::Running).await;
        let job = rig.job(id).await;
        let told = rig.handle.estimate(&job).await.unwrap();
        rig.clock.advance(TimeDelta::milliseconds(100));
        assert_eq!(rig.handle.estimate(&job).await, Some(told));
        // What it says of itself is news.
        let updated_at = rig.clock.now();
        let (percent, current, total, message) = (Some(50.0), None, None, None);
        let progress = Progress { percent, current, total, message, updated_at };
        let mut watch = rig.handle.bus().watch(id);
        rig.runner.report(id, Report::Progress(progress)).await;
        while !matches!(watch.next().await, Heard::News(News::Progress(_))) {}
        assert_ne!(rig.handle.estimate(&job).await, Some(told));
    });
}
