//! A job that finds a free slot is claimed in the very commit that accepts it: one flush lies between the request and
//! its process, not two.

use chrono::TimeDelta;
use tokio::task::yield_now;

use super::rig::{Rig, life, plain};

/// Far more turns of the runtime than the dispatcher needs to hear of a start.
const TURNS: usize = 100;

#[test]
fn a_start_that_finds_a_free_slot_is_claimed_in_the_commit_that_accepts_it() {
    // P1, P2
    let folder = tempfile::tempdir().unwrap();
    life(async {
        let mut rig = Rig::new(folder.path(), plain(1)).await;
        // While a commit is held back, what is sent meanwhile comes together.
        let open = rig.commits.hold();
        let start = async {
            rig.commits.entered.notified().await;
            let go_on = async {
                for _ in 0..TURNS {
                    yield_now().await;
                }
                drop(open);
            };
            tokio::join!(rig.start(), go_on).0
        };
        let (_, job) = tokio::join!(rig.start_in(TimeDelta::hours(1)), start);
        assert_eq!(rig.spawned().await, job);
        let told = rig.commits.told.lock().unwrap().clone();
        let of_it = told.into_iter().find(|commit| commit.contains(&(job, false)));
        assert_eq!(of_it.unwrap(), [(job, false), (job, true)]);
    });
}
