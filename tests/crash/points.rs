//! The server killed at its Nth write, flush or other change of the disk, for every N of one
//! scripted history, and started again.
//!
//! strace counts for each thread by itself. One thread opens and migrates the store, another one
//! writes it; so the first start is a history of its own, and the second history begins with
//! enough commits that the counts of its thread are the higher ones.
//!
//! `LONGHAUL_CRASH_POINTS=all` tries every point; the default is a sample that grows like
//! Fibonacci's numbers.

use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use futures::{StreamExt as _, stream};

use super::api::{Api, Gone};
use super::bed::{Bed, count};
use super::server::{Point, Server};
use super::{ledger, processes};
use crate::support::print;

/// What a server does to the disk, or to become more than one process. (`rename` and the like are the
/// shims', but for folders of jobs that ended a second ago, which this history may not reach: see
/// `scheduler::keep`.)
const SYSCALLS: [&str; 7] = [
    "pwrite64",
    "fsync,fdatasync",
    "ftruncate",
    "rename,renameat,renameat2",
    "mkdir",
    "write",
    "vfork,clone3",
];
/// So many points are tried side by side.
const AT_ONCE: usize = 3;
/// So many histories in a row that no kill met are taken for the end of a syscall's points: group
/// commit makes their number vary a little.
const UNMET: usize = 3;

/// What the scripted history was told before the server died.
#[derive(Debug, Default)]
struct Told {
    /// Each key's job.
    ids: Vec<(&'static str, String)>,
    canceled: bool,
    /// `None`: nobody knows.
    paused: Option<bool>,
}

/// The keys of the history and their kinds, in order.
const JOBS: [(&str, &str); 5] =
    [("a", "quick"), ("b", "flaky"), ("c", "once"), ("d", "slow"), ("e", "quick")];

impl Told {
    async fn start(&mut self, api: &Api, key: &'static str) -> Result<(), Gone> {
        let kind = JOBS.iter().find(|(known, _)| *known == key).unwrap().1;
        let id = api.start(kind, key).await?;
        self.ids.push((key, id));
        Ok(())
    }

    fn id(&self, key: &str) -> Option<&String> {
        self.ids.iter().find(|(known, _)| *known == key).map(|(_, id)| id)
    }

    async fn pause(&mut self, api: &Api) -> Result<(), Gone> {
        self.paused = None;
        api.pause().await?;
        self.paused = Some(true);
        Ok(())
    }

    async fn resume(&mut self, api: &Api) -> Result<(), Gone> {
        self.paused = None;
        api.resume().await?;
        self.paused = Some(false);
        Ok(())
    }

    /// The history.
    async fn live(&mut self, bed: &Bed, api: &Api) -> Result<(), Gone> {
        // These commits bring the writer's counts past those of the thread that opened the store.
        for _ in 0..3 {
            self.pause(api).await?;
            self.resume(api).await?;
        }
        let mut feed = api.feed().await?;
        for key in ["a", "b", "c", "d"] {
            self.start(api, key).await?;
        }
        let store = bed.store();
        let slow_runs = || count(&store, "jobs WHERE kind = 'slow' AND state = 'RUNNING'") == 1;
        feed.until(slow_runs, bed).await?;
        let slow = self.id("d").unwrap().clone();
        api.cancel(&slow, "GRACEFUL").await?;
        self.canceled = true;
        self.pause(api).await?;
        self.start(api, "e").await?;
        self.resume(api).await?;
        feed.until(|| count(&store, "jobs WHERE ended_at IS NULL") == 0, bed).await
    }

    /// What must hold once a server is there again, whatever was told before.
    async fn check(&self, bed: &Bed, point: Point) {
        let server = bed.server().await;
        let api = server.api();
        let store = bed.store();
        if let Some(paused) = self.paused {
            let is = count(&store, "queues WHERE name = 'default' AND paused_at IS NOT NULL") == 1;
            assert_eq!(is, paused, "{point:?}: an acknowledged pause or resume is lost");
        }
        let mut feed = api.feed().await.unwrap();
        api.resume().await.unwrap();
        for (key, kind) in JOBS {
            let id = api.start(kind, key).await.unwrap();
            assert!(self.id(key).is_none_or(|told| *told == id), "{point:?}: {key} in {self:?}");
            if kind == "slow" && !self.canceled {
                api.cancel(&id, "GRACEFUL").await.unwrap();
            }
        }
        let open = || count(&store, "jobs WHERE ended_at IS NULL");
        feed.until(|| open() == 0, &(point, self, bed, &server)).await.unwrap();
        let figures = ledger::judge(ledger::History::of_sqlite(&store), &bed.ledger());
        assert_eq!(figures.jobs, JOBS.len(), "{point:?}: jobs after {self:?}");
        drop((store, feed));
        server.stop().await;
    }
}

/// Waits for the end of a server that was to die at `point`. Whether it did.
async fn met(mut server: Server, finished: bool) -> bool {
    let status = if finished { server.kill().await } else { server.end().await };
    assert_eq!(status.signal(), Some(9), "it ends by the kill or by ours: {status}");
    !finished
}

/// Waits until the trees of the dead server are gone.
async fn until_gone(bed: &Bed) {
    let data = bed.data();
    let gone = move || {
        let keys = processes::keys(&processes::of(&data));
        processes::until_gone(&data, &keys, Duration::from_secs(10))
    };
    tokio::task::spawn_blocking(gone).await.unwrap();
}

/// The first start of all. Whether the point was met.
async fn first_start(point: Point) -> bool {
    let bed = Bed::new("5s", "300ms");
    let met = match Server::launch_to_die(&bed, point).ready().await {
        Ok(server) => met(server, true).await,
        Err(_) => true,
    };
    Told::default().check(&bed, point).await;
    met
}

/// The scripted history on a store that was there before. Whether the point was met.
async fn history(point: Point) -> bool {
    let bed = Bed::new("5s", "300ms");
    bed.server().await.stop().await;
    let mut told = Told::default();
    let met = match Server::launch_to_die(&bed, point).ready().await {
        Ok(server) => {
            let api = server.api().clone();
            let lived = told.live(&bed, &api).await;
            met(server, lived.is_ok()).await
        }
        Err(_) => true,
    };
    until_gone(&bed).await;
    told.check(&bed, point).await;
    met
}

/// The points of a syscall that are tried.
fn moments() -> Box<dyn Iterator<Item = u32> + Send> {
    if std::env::var("LONGHAUL_CRASH_POINTS").is_ok_and(|which| which == "all") {
        return Box::new(1..);
    }
    let mut pair = (1, 2);
    Box::new(std::iter::from_fn(move || {
        let next = pair.0;
        pair = (pair.1, pair.0 + pair.1);
        Some(next)
    }))
}

/// Tries the points of one syscall until none is met any more. How many were, and the last.
async fn try_all(syscall: &'static str, first: bool) -> (usize, u32) {
    let tried = moments().map(|when| async move {
        let point = Point { syscall, when };
        (when, if first { first_start(point).await } else { history(point).await })
    });
    let mut results = Box::pin(stream::iter(tried).buffered(AT_ONCE));
    let (mut met, mut last, mut unmet) = (0, 0, 0);
    let enough = if std::env::var_os("LONGHAUL_CRASH_POINTS").is_some() { UNMET } else { 1 };
    while let Some((when, hit)) = results.next().await {
        if hit {
            (met, last, unmet) = (met + 1, when, 0);
        } else {
            unmet += 1;
            if unmet == enough {
                break;
            }
        }
    }
    (met, last)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_start_killed_at_any_write_is_made_good_by_the_next() {
    // P1
    for syscall in ["pwrite64", "fsync,fdatasync", "ftruncate"] {
        let (met, last) = try_all(syscall, true).await;
        print(&format!("crash points of the first start: {syscall}: {met} kills, last at {last}"));
        assert!(met > 0, "no {syscall} was met: is strace allowed to trace?");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_at_any_write_loses_nothing_and_runs_nothing_twice() {
    // P1, P3, P4, P9, P11, P14
    for syscall in SYSCALLS {
        let (met, last) = try_all(syscall, false).await;
        print(&format!("crash points: {syscall}: {met} kills, last at {last}; 0 lost, 0 twice"));
        assert!(met > 0 || syscall.starts_with("rename"), "no {syscall} was met");
    }
}
