//! Several servers, two of them hosts of their own, on one PostgreSQL with a standby, of which in each round
//! one or two parts fail: a server is killed or frozen, its network is cut or bad, its clock jumps by an hour,
//! the database crashes, stands still, or dies for good and is followed by its standby. All under load, over
//! and over.
//!
//! Of each ten rounds the first six are the same: a server that dies, and one that stands still, with work
//! that takes longer, until the others have taken it over, a failover, a clock that is wrong while a job
//! runs, a line that loses and delays what passes, and a server that dies and is soon started again.
//! `LONGHAUL_FLEET_ROUNDS` says how many rounds there are, `LONGHAUL_KILL_SEED` repeats the same wishes.

mod database;
mod faults;
mod fleet;
mod network;
mod node;
mod rounds;
mod verdict;
mod witness;

use std::collections::BTreeMap;
use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio::sync::watch;

use self::fleet::Fleet;
use self::rounds::round;
use self::verdict::{
    all_ended, assert_counted, assert_nothing_is_left, percentile, taken_back, taken_over,
};
use super::bed::setting;
use super::clients::{Clients, Phase, Story, assert_kept, moment};
use super::ledger::{self, History};
use crate::support::print;

const NAMES: [&str; 3] = ["a", "b", "c"];
const LEASE_MS: u64 = 3_000;
/// Others take over what ran on a server within its lease and 10 s (P11). So long a server stays away:
/// what nobody has taken over by then it would take back itself.
const LONG: Duration = Duration::from_millis(LEASE_MS + 10_000);
/// What a server says of an end that came too late.
const REFUSED: &str = "an end of an old claim was refused";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_fails_of_several_servers_nothing_is_lost_or_run_twice() {
    // P1, P2, P3, P4, P8, P9, P11, P14
    let seed = setting("LONGHAUL_KILL_SEED", 2026);
    let wanted = setting("LONGHAUL_FLEET_ROUNDS", 5);
    let mut random = StdRng::seed_from_u64(seed);
    let mut fleet = Fleet::new().await;
    let (phases, _) = watch::channel(Phase::Serving(fleet.apis()));
    let clients = Clients::begin(seed, &phases);
    let mut longest = Duration::ZERO;
    let mut failed: BTreeMap<&str, u32> = BTreeMap::new();
    for number in 1..=wanted {
        moment(&mut random, 600).await;
        let round = round(&mut fleet, number, &mut random).await;
        longest = longest.max(round.gone_after);
        for fault in round.faults {
            *failed.entry(fault.into()).or_default() += 1;
        }
        phases.send_replace(Phase::Serving(fleet.apis()));
    }
    let api = fleet.nodes[0].server.api().clone().on_a_database();
    phases.send_replace(Phase::Last(api.clone()));
    let Story { mut acked, unanswered } = clients.end(&wanted).await;
    acked.append(&mut fleet.long);
    let client = fleet.database.client().await;
    all_ended(&api, &client).await;
    assert_kept(&api, &acked).await;
    let figures = ledger::judge(History::of_postgres(&client).await, fleet.ledger.path());
    assert_eq!(figures.jobs, acked.len(), "jobs and acknowledgements");
    let took = taken_over(&client, &fleet.killed).await;
    let back = taken_back(&client, &fleet.restarts).await;
    assert!(!back.is_empty() || wanted < 6, "P11: what a killed server ran runs again");
    assert!(!fleet.late.is_empty() || wanted < 2, "who was frozen was late");
    witness::assert_final(&client).await;
    assert_counted(&fleet).await;
    let network = fleet.lost(failed.contains_key("BadLine"));
    let refused = fleet.refused();
    let data = fleet.data();
    for node in fleet.nodes.drain(..) {
        node.server.stop().await;
    }
    assert_nothing_is_left(&data);
    print(&format!(
        "fleet loop: seed {seed}, {wanted} rounds {failed:?}; {} jobs acknowledged ({unanswered} asked \
         again), {} attempts, {} commands begun, ends {:?}; {} taken over by others, p99 {} ms, the \
         slowest {} ms; {} lost by a killed server that was started again ran again after p99 {} ms; \
         {refused} late results, all refused ({} looked up one by one); last process of a killed \
         server gone after {longest:?}; 0 lost, 0 doubled, 0 at once, 0 over the slots, 0 overtaken, \
         0 changed after the end, 0 left; {network}",
        acked.len(),
        figures.attempts,
        figures.starts,
        figures.ends,
        took.len(),
        percentile(&took, 99),
        took.last().copied().unwrap_or_default(),
        back.len(),
        percentile(&back, 99),
        fleet.late.len(),
    ));
}
