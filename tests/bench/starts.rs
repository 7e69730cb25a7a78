//! S1–S4: what a durable start takes.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::bullmq::BullMq;
use super::http::{Client, Clients, START, request, start};
use super::probe::Sync;
use super::row::{Bound, Measured, Outcome, Row, median, p99, spread};
use super::side::Side;

/// Each side is measured so often, in turns.
const PAIRS: usize = 5;
/// For so long each time.
const TIME: Duration = Duration::from_secs(2);
/// Clients of S1 and S4; of S2.
const CLIENTS: usize = 64;
const CLIENTS_BESIDE: usize = 32;
/// Requests of S3 in each pair, and how long nothing is asked between two.
const ROUNDS: usize = 100;
const GAP: Duration = Duration::from_millis(5);

/// Nothing runs: jobs are only accepted.
const CONFIG: &str = r#"
[queues.still]
slots = 0
max_waiting = 10_000_000
[kinds.still]
command = ["true"]
queue = "still"
[limits]
requests_per_second = 1_000_000
requests_at_once = 10_000
"#;

pub(crate) fn rows() -> Vec<Row> {
    vec![
        Row {
            name: "S1",
            what: "durable `startJob`/s ÷ the same mutation with nothing behind it, 64 clients",
            unit: "",
            bound: Bound::AtLeast { good: 0.7, goal: 0.9 },
            run: || Box::pin(rate()),
        },
        Row {
            name: "S2",
            what: "durable `startJob`/s ÷ BullMQ's `add`/s with AOF always, 32 clients",
            unit: "",
            bound: Bound::AtLeast { good: 2.0, goal: 4.0 },
            run: || Box::pin(beside_bullmq()),
        },
        Row {
            name: "S3",
            what: "acknowledged p50, 1 idle client ÷ (a flush + the same mutation with nothing behind it)",
            unit: "",
            bound: Bound::AtMost { good: 2.0, goal: 1.2 },
            run: || Box::pin(idle()),
        },
        Row {
            name: "S4",
            what: "acknowledged p99 at half the highest rate ÷ p99 of a flush at the same pace",
            unit: "",
            bound: Bound::AtMost { good: 3.0, goal: 2.0 },
            run: || Box::pin(half_the_rate()),
        },
    ]
}

/// The jobs that were acknowledged when the server was killed, and are there when it is back: all of
/// them, or no figure counts.
async fn survives(side: &mut Side) -> Result<usize, String> {
    let clients = Clients::open(&side.address, CLIENTS).await;
    let request = start("still");
    let killing = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        side.kill();
    };
    let (ids, ()) = futures::join!(clients.start_until_gone(&request), killing);
    side.start_again();
    let mut client = Client::open(&side.address).await;
    for id in &ids {
        let question = request_job(id);
        let body = client.try_ask(&question).await.expect("it is back");
        if !String::from_utf8_lossy(body).contains(&format!("\"id\":\"{id}\"")) {
            return Err(format!("job {id} was acknowledged, and is not there after a kill"));
        }
    }
    Ok(ids.len())
}

fn request_job(id: &str) -> Arc<[u8]> {
    request("/graphql", "query($id: ID!) { job(id: $id) { id } }", &json!({ "id": id }))
}

async fn rate() -> Outcome {
    let (mut longhaul, library) = (Side::longhaul(CONFIG), Side::library());
    let mut ours = Clients::open(&longhaul.address, CLIENTS).await;
    let mut theirs = Clients::open(&library.address, CLIENTS).await;
    let mut plain = Clients::open(&library.address, CLIENTS).await;
    let echo = request("/plain", START, &json!({ "kind": "still" }));
    let request = start("still");
    let mut pairs = Vec::new();
    for _ in 0..PAIRS {
        let ours = ours.rate(&request, TIME).await;
        let gql = theirs.rate(&request, TIME).await;
        pairs.push((ours, gql, plain.rate(&echo, TIME).await));
    }
    drop(ours);
    let kept = match survives(&mut longhaul).await {
        Ok(kept) => kept,
        Err(lost) => return Outcome::Failed(lost),
    };
    let shown =
        |of: fn(&(f64, f64, f64)) -> f64| spread(&pairs.iter().map(of).collect::<Vec<_>>(), "/s");
    let plain = shown(|pair| pair.2);
    Outcome::Measured(Measured {
        figure: median(pairs.iter().map(|(ours, gql, _)| ours / gql).collect()),
        ours: format!("{}; a kill lost 0 of {kept}", shown(|pair| pair.0)),
        other: format!("{}; plain HTTP {plain}", shown(|pair| pair.1)),
    })
}

async fn beside_bullmq() -> Outcome {
    let mut bullmq = match BullMq::start() {
        Ok(bullmq) => bullmq,
        Err(why) => return Outcome::Missing(why),
    };
    let longhaul = Side::longhaul(CONFIG);
    let mut clients = Clients::open(&longhaul.address, CLIENTS_BESIDE).await;
    let request = start("still");
    let (mut ours, mut other) = (Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        ours.push(clients.rate(&request, TIME).await);
        other.push(bullmq.ask(&format!("adds {CLIENTS_BESIDE} {}", TIME.as_millis())));
    }
    Outcome::of_pairs(&ours, &other, "/s")
}

async fn idle() -> Outcome {
    let (longhaul, library, mut disk) = (Side::longhaul(CONFIG), Side::library(), Sync::new());
    let mut ours = Client::open(&longhaul.address).await;
    let mut theirs = Client::open(&library.address).await;
    let request = start("still");
    let mut pairs = Vec::new();
    for _ in 0..PAIRS {
        let (mut start, mut gql, mut sync) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            tokio::time::sleep(GAP).await;
            start.push(ours.ask(&request).await.as_secs_f64() * 1_000.0);
            tokio::time::sleep(GAP).await;
            gql.push(theirs.ask(&request).await.as_secs_f64() * 1_000.0);
            tokio::time::sleep(GAP).await;
            sync.push(tokio::task::block_in_place(|| disk.once()).as_secs_f64() * 1_000.0);
        }
        pairs.push((median(start), median(gql), median(sync)));
    }
    let of = |of: fn(&(f64, f64, f64)) -> f64| pairs.iter().map(of).collect::<Vec<_>>();
    let (gql, sync) = (spread(&of(|pair| pair.1), " ms"), spread(&of(|pair| pair.2), " ms"));
    Outcome::Measured(Measured {
        figure: median(of(|(start, gql, sync)| start / (gql + sync))),
        ours: spread(&of(|pair| pair.0), " ms"),
        other: format!("{sync} + {gql}"),
    })
}

async fn half_the_rate() -> Outcome {
    let (longhaul, mut disk) = (Side::longhaul(CONFIG), Sync::new());
    let mut clients = Clients::open(&longhaul.address, CLIENTS).await;
    let request = start("still");
    let half = clients.rate(&request, TIME).await / 2.0;
    let (mut ours, mut other) = (Vec::new(), Vec::new());
    let (mut same, mut written) = (Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        let before = longhaul.written();
        let took = clients.paced(&request, half, TIME).await;
        let bytes = (longhaul.written() - before) / f64::from(u32::try_from(took.len()).unwrap());
        ours.push(p99(took));
        other.push(p99(tokio::task::block_in_place(|| disk.paced(half, TIME))));
        same.push(p99(tokio::task::block_in_place(|| disk.grouped(half, bytes, TIME))));
        written.push(bytes / 1_000.0);
    }
    let (bytes, same) = (median(written), spread(&same, " ms"));
    let unit = format!(" ms at {half:.0}/s");
    let outcome = Outcome::of_pairs(&ours, &other, &unit);
    let Outcome::Measured(measured) = outcome else { return outcome };
    let other = format!(
        "{}; {bytes:.1} KB for each, as ours writes, one flush for all that are due: {same}",
        measured.other
    );
    Outcome::Measured(Measured { other, ..measured })
}
