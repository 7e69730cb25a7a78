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

use super::bed::{Bed, count, setting};
use super::clients::{Clients, Phase, Story, assert_kept, moment};
use super::server::Server;
use super::{ledger, processes};
use crate::support::print;

/// A tree may outlive the restart by so much.
const GONE_WITHIN: Duration = Duration::from_secs(10);

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
        phases.send_replace(Phase::Serving(vec![next.api().clone()]));
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
    let (phases, _) = watch::channel(Phase::Serving(vec![server.api().clone()]));
    let clients = Clients::begin(seed, &phases);
    let (old, mut cuts) = rounds(&bed, &mut random, &phases, server).await;

    let server = bed.server().await;
    phases.send_replace(Phase::Last(server.api().clone()));
    cuts.longest = cuts.longest.max(until_gone(&bed, &old).await);
    let Story { acked, unanswered } = clients.end(&cuts.kills).await;
    let store = bed.store();
    let open = || count(&store, "jobs WHERE ended_at IS NULL");
    let mut feed = server.api().feed().await.unwrap();
    feed.until(|| open() == 0, &(&bed, &server)).await.unwrap();

    assert_kept(server.api(), &acked).await;
    let figures = ledger::judge(ledger::History::of_sqlite(&store), &bed.ledger());
    assert_eq!(figures.jobs, acked.len(), "jobs and acknowledgements");
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
