//! What several servers keep together.

use std::time::Duration;

use longhaul::domain::retention::Retention;
use longhaul::scheduler::Options;
use tokio::sync::watch;

use super::keep::{Removals, end, folder_of, keeping, moved, print};
use super::rig::{Rig, plain};
use crate::support::deadline::within;
use crate::support::postgres::{client, cluster};

fn named(name: &str, retention: Retention) -> impl FnOnce(Options) -> Options {
    let worker_name = name.to_owned();
    move |options| Options { worker_name, retention, ..options }
}

/// Waits until the server has done all that is to be done after so many ends.
async fn idle(kept: &mut watch::Receiver<u64>, ends: u64) {
    let done = kept.wait_for(|&counted| counted >= ends);
    within("nothing is to be done", &ends, done).await.unwrap();
}

async fn run(rig: &mut Rig, count: usize) {
    for _ in 0..count {
        let id = rig.start().await;
        end(rig, id).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_of_several_removes_is_not_removed_by_each() {
    let folders = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let url = cluster().schema().await;
    let sql = client(&url).await;
    let left = async || {
        let row = sql.query_one("SELECT count(*) FROM jobs WHERE ended_at IS NOT NULL", &[]).await;
        row.unwrap().get::<_, i64>(0)
    };
    let before = named("before", Retention::default());
    let mut rig = Rig::shared(folders[0].path(), plain(1), &url, before).await;
    run(&mut rig, 10).await;
    idle(&mut rig.handle.kept(), 10).await;
    rig.scheduler.stop(Duration::ZERO).await;

    let a = named("a", keeping(3));
    let mut a = Rig::shared(folders[1].path(), plain(1), &url, a).await;
    let (mut of_a, mut removals) = (a.handle.kept(), Removals::of(&a));
    // It keeps, and runs nothing.
    let b = |options| Options { works: false, ..named("b", keeping(3))(options) };
    let b = Rig::shared(folders[2].path(), plain(1), &url, b).await;
    let mut of_b = b.handle.kept();
    for round in 1..=5 {
        run(&mut a, 5).await;
        for kept in [&mut of_a, &mut of_b] {
            idle(kept, 5 * round).await;
        }
        // One of them has counted anew by then, or will soon.
        loop {
            match left().await {
                3 => break,
                more @ 4.. => drop((more, removals.next(1).await)),
                fewer => panic!("{fewer} are left in round {round}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_ends_leaves_nothing_unsettled() {
    let folder = tempfile::tempdir().unwrap();
    let url = cluster().schema().await;
    let mut rig = Rig::shared(folder.path(), plain(1), &url, |options| options).await;
    run(&mut rig, 1).await;
    rig.scheduler.stop(Duration::ZERO).await;
    let sql = "SELECT kept_log_bytes FROM jobs";
    let kept: Option<i64> = client(&url).await.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(kept, Some(0), "no other server could settle it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_goes_whichever_server_removes_its_job() {
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let url = cluster().schema().await;
    let a = |options| Options { works: false, ..named("a", keeping(3))(options) };
    let _first = Rig::shared(folders[0].path(), plain(1), &url, a).await;
    let data = folders[1].path();
    let mut b = Rig::shared(data, plain(1), &url, named("b", keeping(3))).await;
    let mut jobs = Vec::new();
    for _ in 0..4 {
        let id = b.start().await;
        // Too long for the store.
        print(data, id, &"x".repeat(100_000));
        end(&mut b, id).await;
        jobs.push(id);
        // Only what is settled goes, and who removes it does not hear of that.
        idle(&mut b.handle.kept(), jobs.len() as u64).await;
    }
    moved(data, jobs[0]).await;
    assert!(folder_of(data, jobs[1]).exists());
}
