//! A worker that was not heard of for longer than its lease, and then goes on (P4, P11).

use std::time::Duration;

use longhaul::domain::id::JobId;
use longhaul::domain::state::JobState;
use longhaul::runner::Order;
use longhaul::scheduler::Options;
use longhaul::store::fleet::Lease;
use tokio::sync::mpsc;
use tokio_postgres::Client;

use super::rig::{Rig, plain};
use crate::store::bed::{Bed, at, worker};
use crate::store::fleet::{Folder, fleet, join};
use crate::support::deadline::within;
use crate::support::gated::Seen;
use crate::support::postgres::{client, cluster};

/// Another server of the store, as far as it gives back the jobs of the dead.
struct Other {
    bed: Bed,
    leases: mpsc::Receiver<Lease>,
    sql: Client,
}

impl Other {
    async fn beside(url: &str) -> Self {
        let bed = Bed::new(Folder { url: url.to_owned(), home: "elsewhere" });
        let leases = join(&bed, worker("elsewhere"), Duration::from_secs(1)).await.unwrap();
        Self { bed, leases, sql: client(url).await }
    }

    /// Waits until its own lease was renewed once more.
    async fn beat(&mut self) {
        let renewed = within("a renewal", &"", self.leases.recv()).await;
        assert!(matches!(renewed, Some(Lease::Renewed(_))));
    }

    /// Gives back the jobs of `here`, as if that had been silent for a minute.
    async fn reap(&mut self) {
        let silent = "UPDATE workers SET last_seen_at = last_seen_at - 60000 WHERE name = 'here'";
        loop {
            self.beat().await;
            self.sql.execute(silent, &[]).await.unwrap();
            if !fleet(&self.bed).reap(at(9)).await.unwrap().is_empty() {
                return;
            }
        }
    }

    /// Waits until `here` was renewed so often since it was reaped: after the second time it knows.
    async fn sees_renewals(&mut self, count: usize) {
        let sql = "SELECT last_seen_at FROM workers WHERE name = 'here' AND gone_at IS NULL";
        let (mut seen, mut renewals) = (None, 0);
        while renewals < count {
            self.beat().await;
            let now = self.sql.query_opt(sql, &[]).await.unwrap().map(|row| row.get::<_, i64>(0));
            renewals += usize::from(now.is_some() && now != seen);
            seen = now;
        }
    }
}

/// With a lease of so many seconds.
fn leased(seconds: u64) -> impl FnOnce(Options) -> Options {
    let lease = Duration::from_secs(seconds);
    move |options| Options { lease, ..options }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_claimed_before_the_lease_was_lost_does_not_run_under_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let url = cluster().schema().await;
    let mut rig = Rig::shared(folder.path(), plain(4), &url, leased(4)).await;
    let mut other = Other::beside(&url).await;
    let default = || "default".parse().unwrap();
    rig.handle.pause_queue(default(), None).await.unwrap();
    let jobs = rig.start_many(3).await;
    // One round claims all of them, and is held at the first.
    let held = rig.runner.hold_spawn();
    rig.handle.resume_queue(default()).await.unwrap();
    assert_eq!(rig.next().await, Seen::Spawned(jobs[0], 1));
    other.reap().await;
    other.sees_renewals(2).await;
    drop(held);
    assert_eq!(rig.next().await, Seen::Ordered(jobs[0], Order::ShutdownNow));
    // They are in line again, and so each comes with a claim of the new lease.
    let mut spawned: Vec<(JobId, u32)> = Vec::new();
    while spawned.len() < 3 {
        match rig.next().await {
            Seen::Spawned(job, number) => spawned.push((job, number)),
            Seen::Renewed(job) => {
                assert!(spawned.iter().any(|&(seen, _)| seen == job), "it is of before");
            }
            other @ Seen::Ordered(..) => panic!("{other:?}"),
        }
    }
    assert_eq!(spawned, jobs.iter().map(|&job| (job, 2)).collect::<Vec<_>>());
    for id in jobs {
        rig.ends(id, 0, JobState::Succeeded).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_whose_start_is_refused_is_stopped_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let url = cluster().schema().await;
    let mut rig = Rig::shared(folder.path(), plain(1), &url, leased(600)).await;
    let mut other = Other::beside(&url).await;
    let id = rig.start().await;
    assert_eq!(rig.spawned().await, id);
    other.reap().await;
    // It does not know yet: its own lease is renewed once in a minute.
    rig.runner.begin(id).await;
    assert_eq!(rig.next().await, Seen::Ordered(id, Order::ShutdownNow));
}
