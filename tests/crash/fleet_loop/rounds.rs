//! One round: something fails, for a moment or until others have taken over, and is mended.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use futures::future::join_all;
use longhaul::domain::clock::{Clock as _, SystemClock};
use rand::Rng as _;
use rand::rngs::StdRng;

use super::super::clients::{self, moment};
use super::super::processes;
use super::LONG;
use super::faults::Fault;
use super::fleet::{Fleet, Killed};
use super::verdict::late_results;

/// An attempt's tree outlives its server by the grace and a moment, and no longer (P8).
const GONE_WITHIN: Duration = Duration::from_secs(10);

/// How long it lasts.
enum Span {
    AMoment,
    /// Until enough has passed to be lost.
    AWhile,
    /// Until others have taken over, by their own clocks.
    Long,
    /// Until this job has ended, which fails nothing.
    WhileItRuns(String),
}

/// What fails together, and for how long.
async fn wish(fleet: &mut Fleet, number: u64, random: &mut StdRng) -> (Vec<Fault>, Span) {
    match number % 10 {
        1 => {
            let (server, job) = fleet.busy(number).await;
            fleet.killed.push(Killed { at: SystemClock.now().timestamp_millis(), job });
            return (vec![Fault::Kill(server)], Span::Long);
        }
        2 => return (vec![Fault::Freeze(fleet.busy(number).await.0)], Span::Long),
        3 => return (vec![Fault::Failover], Span::AMoment),
        4 => {
            let (server, job) = fleet.busy(number).await;
            return (vec![Fault::Jump(server)], Span::WhileItRuns(job));
        }
        5 if fleet.hosts() > 0 => {
            let server = random.random_range(0..fleet.hosts());
            return (vec![Fault::BadLine(server)], Span::AWhile);
        }
        6 => return (vec![Fault::Kill(fleet.busy(number).await.0)], Span::AMoment),
        _ => {}
    }
    let mut faults = vec![Fault::any(random, fleet.hosts())];
    let more = Fault::any(random, fleet.hosts());
    if random.random_ratio(1, 4) && more.goes_with(faults[0]) {
        faults.push(more);
    }
    let slow = faults.iter().any(|fault| matches!(fault, Fault::BadLine(_)));
    let short = if slow { Span::AWhile } else { Span::AMoment };
    (faults, if random.random_ratio(1, 10) { Span::Long } else { short })
}

/// What a round was.
pub(super) struct Round {
    pub(super) faults: Vec<Fault>,
    /// How long the last process of a killed server was there.
    pub(super) gone_after: Duration,
}

/// One of them.
pub(super) async fn round(fleet: &mut Fleet, number: u64, random: &mut StdRng) -> Round {
    let (mut faults, span) = wish(fleet, number, random).await;
    let mut trees = Vec::new();
    for &fault in &faults {
        let keys = fleet.fail(fault, random).await;
        trees.push(gone(fleet.data(), keys));
        moment(random, 100).await;
    }
    let outage = async {
        match &span {
            Span::AMoment => moment(random, 1_200).await,
            Span::AWhile => clients::span(LONG / 4).await,
            Span::Long => clients::span(LONG).await,
            Span::WhileItRuns(job) => fleet.ends_well(job).await,
        }
    };
    let (longest, ()) = tokio::join!(join_all(trees), outage);
    // Whoever starts needs the database.
    faults.sort_by_key(|fault| fault.server().is_some());
    for &fault in &faults {
        fleet.mend(fault).await;
    }
    fleet.assert_alive(number, &faults);
    if let Span::Long = span {
        let late = late_results(fleet).await;
        fleet.late.extend(late);
    }
    Round { faults, gone_after: longest.into_iter().max().unwrap_or_default() }
}

/// How long the trees of what was killed are there from now on, whether it is awaited now or later.
fn gone(data: Vec<PathBuf>, keys: HashSet<String>) -> impl Future<Output = Duration> {
    let gone =
        move || data.iter().map(|data| processes::until_gone(data, &keys, GONE_WITHIN)).max();
    let gone = tokio::task::spawn_blocking(gone);
    async { gone.await.unwrap().unwrap_or_default() }
}
