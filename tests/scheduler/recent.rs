//! What ended lately: heard live, read again at a start, and forgotten after an hour.

use std::time::Duration;

use chrono::TimeDelta;
use longhaul::domain::state::JobState;
use longhaul::scheduler::Lately;

use super::rig::{Rig, life, plain};

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Waits and runs so many milliseconds, then ends with this code.
async fn job(rig: &mut Rig, wait: i64, run: i64, code: i32) {
    let id = rig.start().await;
    rig.clock.advance(TimeDelta::milliseconds(wait));
    rig.handle.resume_queue("default".parse().unwrap()).await.unwrap();
    assert_eq!(rig.spawned().await, id);
    rig.runner.begin(id).await;
    rig.reaches(id, JobState::Running).await;
    rig.clock.advance(TimeDelta::milliseconds(run));
    let state = if code == 0 { JobState::Succeeded } else { JobState::Failed };
    rig.ends(id, code, state).await;
    rig.handle.pause_queue("default".parse().unwrap(), None).await.unwrap();
}

#[test]
fn the_last_hour_is_told_live_and_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let queue = "default".parse().unwrap();
    let kind = "work".parse().unwrap();
    let told = life(async {
        let mut rig = Rig::new(folder.path(), plain(1)).await;
        assert_eq!(rig.handle.lately(&queue), Lately::default());
        assert_eq!(rig.handle.typical_run(&kind), None);
        rig.handle.pause_queue(queue.clone(), None).await.unwrap();
        job(&mut rig, 10, 100, 0).await;
        job(&mut rig, 20, 200, 0).await;
        job(&mut rig, 30, 900, 1).await;
        let lately = Lately {
            wait_p50: Some(millis(20)),
            wait_p95: Some(millis(30)),
            run_p50: Some(millis(200)),
            run_p95: Some(millis(900)),
            ended: 3,
            failed: 1,
        };
        assert_eq!(rig.handle.lately(&queue), lately);
        // What failed says nothing of how long a good run takes.
        assert_eq!(rig.handle.typical_run(&kind), Some(millis(100)));
        lately
    });
    life(async {
        let rig = Rig::new(folder.path(), plain(1)).await;
        assert_eq!(rig.handle.lately(&queue), told, "read from the store");
        assert_eq!(rig.handle.typical_run(&kind), Some(millis(100)));
        rig.clock.advance(TimeDelta::minutes(61));
        assert_eq!(rig.handle.lately(&queue), Lately::default(), "an hour later");
        assert_eq!(rig.handle.typical_run(&kind), Some(millis(100)));
    });
}
