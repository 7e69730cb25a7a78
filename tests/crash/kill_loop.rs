//! The server killed with SIGKILL at random moments under load, and started again on the same data
//! folder, over and over.
//!
//! `LONGHAUL_KILL_ROUNDS` says how often, `LONGHAUL_KILL_SEED` repeats the same wishes: the kernel
//! decides what a moment hits, so a seed repeats a load and not a history.

use std::collections::HashSet;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::api::Api;
use super::bed::{Bed, count, setting};
use super::server::Server;
use super::{ledger, processes};
use crate::support::deadline::within;
use crate::support::print;

const CLIENTS: u64 = 4;
/// How many jobs a client starts at most between two kills: what accumulates must be done at last.
const BURST: usize = 6;
/// A tree may outlive the restart by so much.
const GONE_WITHIN: Duration = Duration::from_secs(2);

/// What the clients are to do.
#[derive(Clone)]
enum Phase {
    /// Start jobs here.
    Serving(Api),
    /// Bring what is unanswered to an answer here, then end.
    Last(Api),
}

/// A start that was acknowledged.
struct Acked {
    key: String,
    kind: &'static str,
    id: String,
}

/// What a client has seen.
#[derive(Default)]
struct Story {
    acked: Vec<Acked>,
    /// Starts that were never answered by the server that got them.
    unanswered: usize,
}

/// A client: starts jobs one after the other, and asks again with the same key where the answer
/// was lost.
async fn client(number: u64, seed: u64, mut phases: watch::Receiver<Phase>) -> Story {
    let mut random = StdRng::seed_from_u64(seed ^ number);
    let mut story = Story::default();
    let mut open: Option<(String, &'static str)> = None;
    loop {
        let (api, last) = match phases.borrow_and_update().clone() {
            Phase::Serving(api) => (api, false),
            Phase::Last(api) => (api, true),
        };
        for _ in 0..BURST {
            if last && open.is_none() {
                return story;
            }
            let (key, kind) = open.take().unwrap_or_else(|| {
                let kinds = ["quick", "quick", "children", "children", "daemon", "once", "flaky"];
                let key = format!("{number}-{}", story.acked.len());
                (key, kinds[random.random_range(0..kinds.len())])
            });
            let Ok(id) = api.start(kind, &key).await else {
                story.unanswered += 1;
                open = Some((key, kind));
                break;
            };
            story.acked.push(Acked { key, kind, id });
            // A pause to think, cut short by the next server.
            let pause = Duration::from_millis(random.random_range(0..60));
            if !last && timeout(pause, phases.changed()).await.is_ok() {
                phases.mark_changed();
                break;
            }
        }
        if !last {
            phases.changed().await.expect("the phases end with the last one");
        }
    }
}

/// A random moment: the one thing here that is measured by a clock, on purpose.
async fn moment(random: &mut StdRng, at_most: u64) {
    let at = Duration::from_micros(random.random_range(0..at_most * 1_000));
    let _ = timeout(at, std::future::pending::<()>()).await;
}

/// Kills the server after a moment. Returns the attempts of which something was alive then.
async fn cut(server: &mut Server, bed: &Bed, random: &mut StdRng, at_most: u64) -> HashSet<String> {
    moment(random, at_most).await;
    server.kill().await;
    processes::keys(&processes::of(&bed.data()))
}

/// What became of the kills.
#[derive(Default)]
struct Cuts {
    kills: u64,
    before_ready: u64,
    trees: usize,
    longest: Duration,
}

/// Rounds of restart and kill; returns the attempts that the last kill cut.
async fn rounds(
    bed: &Bed,
    random: &mut StdRng,
    phases: &watch::Sender<Phase>,
    first: Server,
) -> (HashSet<String>, Cuts) {
    let wanted = setting("LONGHAUL_KILL_ROUNDS", 10);
    let mut cuts = Cuts { kills: 1, ..Cuts::default() };
    let mut server = first;
    let mut old = cut(&mut server, bed, random, 400).await;
    cuts.trees += old.len();
    while cuts.kills < wanted {
        cuts.kills += 1;
        let mut next = Server::launch(bed);
        if random.random_ratio(1, 6) {
            // While it finds what the one before left.
            cuts.before_ready += 1;
            let more = cut(&mut next, bed, random, 80).await;
            old.extend(more);
            continue;
        }
        let mut next = next.ready().await.expect("a server comes up whatever it finds");
        phases.send_replace(Phase::Serving(next.api().clone()));
        let at_most = if random.random_bool(0.4) { 60 } else { 500 };
        let (took, new) = tokio::join!(until_gone(bed, &old), cut(&mut next, bed, random, at_most));
        cuts.longest = cuts.longest.max(took);
        cuts.trees += new.len();
        old = new;
    }
    (old, cuts)
}

/// How long after the restart the trees of the server before were gone (P8).
async fn until_gone(bed: &Bed, old: &HashSet<String>) -> Duration {
    let (data, old) = (bed.data(), old.clone());
    tokio::task::spawn_blocking(move || processes::until_gone(&data, &old, GONE_WITHIN))
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_at_any_moment_loses_nothing_and_runs_nothing_twice() {
    // P1, P2, P3, P4, P8, P9, P11, P14
    let seed = setting("LONGHAUL_KILL_SEED", 2026);
    let mut random = StdRng::seed_from_u64(seed);
    let bed = Bed::new("5s", "500ms");
    let server = bed.server().await;
    let (phases, _) = watch::channel(Phase::Serving(server.api().clone()));
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        clients.spawn(client(number, seed, phases.subscribe()));
    }
    let (old, mut cuts) = rounds(&bed, &mut random, &phases, server).await;

    let server = bed.server().await;
    phases.send_replace(Phase::Last(server.api().clone()));
    cuts.longest = cuts.longest.max(until_gone(&bed, &old).await);
    let mut acked = Vec::new();
    let mut unanswered = 0;
    let stories = within("the answers of all clients", &cuts.kills, clients.join_all()).await;
    for story in stories {
        acked.extend(story.acked);
        unanswered += story.unanswered;
    }
    let store = bed.store();
    let open = || count(&store, "jobs WHERE ended_at IS NULL");
    let mut feed = server.api().feed().await.unwrap();
    feed.until(|| open() == 0, &(&bed, &server)).await.unwrap();

    // P1, P14: each acknowledged start is one job, and there is no other.
    for Acked { key, kind, id } in &acked {
        assert_eq!(server.api().start(kind, key).await.as_ref(), Ok(id), "the job of key {key}");
    }
    let ids: HashSet<_> = acked.iter().map(|acked| &acked.id).collect();
    let figures = ledger::judge(&store, &bed.ledger());
    assert_eq!((figures.jobs, ids.len()), (acked.len(), acked.len()), "jobs and acknowledgements");
    drop(store);
    server.stop().await;
    assert!(processes::of(&bed.data()).is_empty(), "processes are left after a stop");
    print(&format!(
        "kill loop: seed {seed}, {} kills ({} before ready), {} trees cut; {} jobs acknowledged \
         ({unanswered} asked again), {} attempts, {} commands begun, ends {:?}; last old process \
         gone {:?} after ready; 0 lost, 0 doubled, 0 at once, 0 over the slots, 0 overtaken, 0 left",
        cuts.kills,
        cuts.before_ready,
        cuts.trees,
        acked.len(),
        figures.attempts,
        figures.starts,
        figures.ends,
        cuts.longest,
    ));
}
