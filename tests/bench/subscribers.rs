//! S11–S14: what subscribers take, and how fast they hear.

use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt};
use serde_json::{Value, json};

use super::crowd::Crowd;
use super::row::{Bound, Measured, Outcome, Row, median, p99, spread};
use super::side::Side;

/// Each side is measured so often, in turns.
const PAIRS: usize = 5;
/// Clients of S11 and S13.
const CLIENTS: usize = 2_000;
/// Clients of each server of S12.
const READERS: usize = 1_000;
/// Events of S13.
const EVENTS: usize = 200;
/// Watchers of S14, and the events beside them.
const WATCHERS: usize = 5_000;
const EVENTS_BESIDE: usize = 1_000;
/// How long S12 counts.
const COUNTING: Duration = Duration::from_secs(5);

const CONFIG: &str = r#"
[worker]
slots = 4
[queues.default]
max_waiting = 100000
[queues.still]
slots = 0
max_waiting = 100000
[queues.other]
slots = 0
max_waiting = 100000
[kinds.progress]
command = ["/bin/sh", "-c", "while :; do i=$((i + 1)); printf '\\173\"percent\": %d\\175\\n' $((i % 100)) >> \"$LONGHAUL_PROGRESS\"; sleep 0.1; done"]
[kinds.still]
command = ["true"]
queue = "still"
[kinds.other]
command = ["true"]
queue = "other"
[limits]
requests_per_second = 1_000_000
"#;

/// The job of the library's side.
const JOB: &str = "019ab3c0-5a50-7c3e-8f00-3b6f2c1d9e77";

pub(crate) fn rows() -> Vec<Row> {
    vec![
        Row {
            name: "S11",
            what: "memory per idle `jobStatus` subscriber, beside the library's",
            unit: " KB",
            bound: Bound::AtMost { good: 15.0, goal: 5.0 },
            run: || Box::pin(memory()),
        },
        Row {
            name: "S12",
            what: "events delivered per second of a core ÷ the library's own service",
            unit: "",
            bound: Bound::AtLeast { good: 1.5, goal: 3.0 },
            run: || Box::pin(delivered()),
        },
        Row {
            name: "S13",
            what: "one event to 2,000 subscribers until the last has it, p99, beside the library's",
            unit: " ms",
            bound: Bound::AtMost { good: 60.0, goal: 25.0 },
            run: || Box::pin(until_the_last()),
        },
        Row {
            name: "S14",
            what: "processor time of an event with 5,000 watchers of other jobs ÷ with none",
            unit: "",
            bound: Bound::AtMost { good: 1.2, goal: 1.05 },
            run: || Box::pin(beside_watchers()),
        },
    ]
}

/// Starts a job; its id.
async fn start(side: &Side, kind: &str) -> String {
    let query = "mutation($kind: String!) { startJob(input: { kind: $kind }) { job { id } } }";
    let data = side.ask(query, json!({ "kind": kind })).await;
    data["startJob"]["job"]["id"].as_str().unwrap().to_owned()
}

async fn start_many(side: &Side, kind: &str, count: usize) -> Vec<String> {
    stream::iter(0..count).map(|_| start(side, kind)).buffer_unordered(16).collect().await
}

async fn cancel(side: &Side, id: &str) -> Value {
    let query = "mutation($id: ID!) { cancelJob(id: $id) { job { state } } }";
    side.ask(query, json!({ "id": id })).await
}

/// Tells one change on the library's side.
async fn tell(side: &Side, number: usize) -> Value {
    let query = "mutation($id: ID!, $number: Int!) { tell(id: $id, number: $number) }";
    side.ask(query, json!({ "id": JOB, "number": number })).await
}

/// What each of so many sockets with one subscription adds to the server.
async fn per_client(side: &Side, job: &str) -> f64 {
    let before = side.resident();
    let mut crowd = Crowd::open(&side.address, CLIENTS).await;
    crowd.watch(|_| job.to_owned()).await;
    (side.resident() - before) / f64::from(u32::try_from(CLIENTS).unwrap()) / 1_000.0
}

async fn memory() -> Outcome {
    let (mut ours, mut other) = (Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        // A server that had sockets before keeps what they left: each time a new one.
        let side = Side::longhaul(CONFIG);
        let job = start(&side, "still").await;
        ours.push(per_client(&side, &job).await);
        other.push(per_client(&Side::library(), JOB).await);
    }
    let (shown, beside) = (spread(&ours, " KB"), spread(&other, " KB"));
    Outcome::Measured(Measured { figure: median(ours), ours: shown, other: beside })
}

/// Messages per second of a core, for as long as is counted.
async fn rate(side: &Side, crowd: &Crowd) -> f64 {
    let (heard, cpu) = (crowd.heard(), side.cpu());
    let counted = tokio::time::timeout(COUNTING, std::future::pending::<()>()).await;
    assert!(counted.is_err(), "nothing ends it but the time");
    let messages = u32::try_from(crowd.heard() - heard).unwrap();
    f64::from(messages) / (side.cpu() - cpu)
}

/// A server with a job that reports progress all the time, and a crowd that hears of it.
async fn reporting(apart: bool) -> (Side, Crowd) {
    let side = Side::longhaul(CONFIG);
    let job = start(&side, "progress").await;
    let mut crowd = Crowd::open(&side.address, READERS).await;
    if apart {
        crowd.watch_apart(&job).await;
    } else {
        crowd.watch(|_| job.clone()).await;
    }
    // It has run, and told all of them so.
    crowd.until(crowd.heard() + 2 * READERS as u64).await;
    (side, crowd)
}

async fn delivered() -> Outcome {
    let (longhaul, our_crowd) = reporting(false).await;
    let (apart, apart_crowd) = reporting(true).await;
    let library = Side::library();
    let mut their_crowd = Crowd::open(&library.address, READERS).await;
    their_crowd.watch(|_| JOB.to_owned()).await;
    // All go on all the time, so that the processor is as busy for one as for the others.
    let telling = async {
        let mut pace = tokio::time::interval(Duration::from_millis(110));
        for number in 0.. {
            pace.tick().await;
            tell(&library, number).await;
        }
    };
    let counting = async {
        let mut pairs = Vec::new();
        for _ in 0..PAIRS {
            let ours = rate(&longhaul, &our_crowd).await;
            let other = rate(&library, &their_crowd).await;
            pairs.push((ours, other, rate(&apart, &apart_crowd).await));
        }
        pairs
    };
    let pairs = tokio::select! {
        pairs = counting => pairs,
        () = telling => unreachable!("there is always one more to tell"),
    };
    let figure = median(pairs.iter().map(|(ours, other, _)| ours / other).collect());
    let shown = |rates: Vec<f64>| spread(&rates, " k/s");
    let apart = shown(pairs.iter().map(|(.., apart)| apart / 1_000.0).collect());
    let ours = shown(pairs.iter().map(|(ours, ..)| ours / 1_000.0).collect());
    let other = shown(pairs.iter().map(|(_, other, _)| other / 1_000.0).collect());
    let ours = format!("{ours}; each by its own document {apart}");
    Outcome::Measured(Measured { figure, ours, other })
}

/// How long it takes from asking for the event until all have heard of it, in milliseconds.
async fn timed(crowd: &Crowd, event: impl Future<Output = Value>) -> f64 {
    let heard = crowd.heard() + CLIENTS as u64;
    let begun = Instant::now();
    let ((), _) = futures::join!(crowd.until(heard), event);
    begun.elapsed().as_secs_f64() * 1_000.0
}

async fn until_the_last() -> Outcome {
    let (longhaul, library) = (Side::longhaul(CONFIG), Side::library());
    let mut our_crowd = Crowd::open(&longhaul.address, CLIENTS).await;
    let mut their_crowd = Crowd::open(&library.address, CLIENTS).await;
    their_crowd.watch(|_| JOB.to_owned()).await;
    let (mut ours, mut other) = (Vec::new(), Vec::new());
    for number in 0..EVENTS {
        let job = start(&longhaul, "still").await;
        our_crowd.watch(|_| job.clone()).await;
        ours.push(timed(&our_crowd, cancel(&longhaul, &job)).await);
        other.push(timed(&their_crowd, tell(&library, number)).await);
    }
    let beside = format!("{}, p99 {:.1}", spread(&other, " ms"), p99(other));
    let shown = spread(&ours, " ms");
    Outcome::Measured(Measured { figure: p99(ours), ours: shown, other: beside })
}

/// What an event takes of the server's processor, in microseconds, with the request that makes it.
async fn event(side: &Side, jobs: &[String]) -> f64 {
    let before = side.cpu();
    for job in jobs {
        cancel(side, job).await;
    }
    (side.cpu() - before) * 1e6 / f64::from(u32::try_from(jobs.len()).unwrap())
}

async fn beside_watchers() -> Outcome {
    let (alone, watched) = (Side::longhaul(CONFIG), Side::longhaul(CONFIG));
    let others = start_many(&watched, "other", WATCHERS).await;
    // As many jobs are stored on the other side.
    start_many(&alone, "other", WATCHERS).await;
    let mut crowd = Crowd::open(&watched.address, WATCHERS).await;
    crowd.watch(|number| others[number].clone()).await;
    let (mut with, mut without, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        let here = start_many(&alone, "still", EVENTS_BESIDE).await;
        let there = start_many(&watched, "still", EVENTS_BESIDE).await;
        let (none, some) = (event(&alone, &here).await, event(&watched, &there).await);
        ratios.push(some / none);
        without.push(none);
        with.push(some);
    }
    let figure = median(ratios);
    let (ours, other) = (spread(&with, " µs"), spread(&without, " µs with none"));
    Outcome::Measured(Measured { figure, ours, other })
}
