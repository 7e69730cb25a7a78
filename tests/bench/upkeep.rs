//! S17 and S18: what the server takes when nothing happens, what it keeps of what happened, and a flood.

use std::time::{Duration, Instant};

use serde_json::json;

use super::folder;
use super::http::{Client, start};
use super::probe::cat_rate;
use super::row::{Bound, Measured, Outcome, Row, median, spread};
use super::runs::wait_for;
use super::side::Side;

/// Each side is measured so often, in turns.
const PAIRS: usize = 5;
/// Jobs of S17.
const JOBS: usize = 100_000;
/// How long S17 counts wake-ups, and waits before.
const COUNTING: Duration = Duration::from_secs(10);
/// Bytes of the flood of S18.
const FLOOD: u32 = 256 * 1024 * 1024;

const CONFIG: &str = r#"
[worker]
slots = 2
[queues.default]
max_waiting = 1_000_000
[kinds.true]
command = ["/bin/true"]
[kinds.flood]
command = ["/bin/sh", "-c", "FLOOD"]
[limits]
requests_per_second = 1_000_000
requests_at_once = 10_000
log_head_bytes = 1_073_741_824
"#;

pub(crate) fn rows() -> Vec<Row> {
    vec![
        Row {
            name: "S17",
            what: "memory when idle",
            unit: " MB",
            bound: Bound::AtMost { good: 20.0, goal: 10.0 },
            run: || Box::pin(idle()),
        },
        Row {
            name: "S17",
            what: "wake-ups a second when idle",
            unit: "",
            bound: Bound::AtMost { good: 1.0, goal: 0.0 },
            run: || Box::pin(wake_ups()),
        },
        Row {
            name: "S17",
            what: "memory after 100,000 jobs",
            unit: " MB",
            bound: Bound::AtMost { good: 40.0, goal: 20.0 },
            run: || Box::pin(after_many()),
        },
        Row {
            name: "S18",
            what: "a flooding command's log into the store ÷ the same through `cat` into a file",
            unit: "",
            bound: Bound::AtLeast { good: 0.5, goal: 0.8 },
            run: || Box::pin(flooded()),
        },
    ]
}

/// What floods: lines of a hundred bytes.
fn flood() -> String {
    format!("yes {} | head -c {FLOOD}", "x".repeat(99))
}

fn longhaul() -> Side {
    Side::longhaul(&CONFIG.replace("FLOOD", &flood()))
}

async fn rest() {
    tokio::time::sleep(COUNTING).await;
}

async fn idle() -> Outcome {
    let mut resident = Vec::new();
    for _ in 0..PAIRS {
        let side = longhaul();
        tokio::time::sleep(Duration::from_secs(1)).await;
        resident.push(side.resident() / 1e6);
    }
    let ours = spread(&resident, " MB");
    Outcome::Measured(Measured { figure: median(resident), ours, other: "–".into() })
}

async fn wake_ups() -> Outcome {
    let side = longhaul();
    // A thread that waits for work in vain ends after ten seconds, and takes its count along.
    rest().await;
    rest().await;
    let (before, begun) = (side.wake_ups(), Instant::now());
    rest().await;
    let woke: u64 =
        side.wake_ups().iter().map(|(thread, woke)| woke - before.get(thread).unwrap_or(&0)).sum();
    let figure = f64::from(u32::try_from(woke).unwrap()) / begun.elapsed().as_secs_f64();
    let ours = format!("{woke} in {} s", COUNTING.as_secs());
    Outcome::Measured(Measured { figure, ours, other: "–".into() })
}

async fn after_many() -> Outcome {
    let side = longhaul();
    let before = side.resident() / 1e6;
    let (mut client, request, mut last) = (Client::open(&side.address).await, start("true"), None);
    for _ in 0..JOBS {
        last = client.start(&request).await;
    }
    wait_for(&mut client, &last.unwrap()).await;
    let figure = side.resident() / 1e6;
    let ours = format!("{figure:.1} MB; {before:.1} MB before");
    Outcome::Measured(Measured { figure, ours, other: "–".into() })
}

/// How many bytes a second of a command's output are kept.
async fn log_rate(side: &Side, client: &mut Client) -> f64 {
    let (request, begun) = (start("flood"), Instant::now());
    let job = client.start(&request).await.unwrap();
    wait_for(client, &job).await;
    let took = begun.elapsed().as_secs_f64();
    let query = "query($id: ID!) { job(id: $id) { usage { logBytes } } }";
    let kept = side.ask(query, json!({ "id": job })).await;
    let kept = &kept["job"]["usage"]["logBytes"];
    assert_eq!(kept.to_string().trim_matches('"'), FLOOD.to_string(), "all of it is kept");
    f64::from(FLOOD) / took / 1e6
}

async fn flooded() -> Outcome {
    let (side, folder) = (longhaul(), folder::empty());
    let mut client = Client::open(&side.address).await;
    let (mut ours, mut other) = (Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        ours.push(log_rate(&side, &mut client).await);
        let into = folder.join("copy");
        let rate = || cat_rate(&flood(), f64::from(FLOOD) / 1e6, &into);
        other.push(tokio::task::block_in_place(rate));
    }
    Outcome::of_pairs(&ours, &other, " MB/s")
}
