//! S19, and S15 once more: what the same costs on a PostgreSQL that several servers share. It is started
//! for these rows, on the same disk.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use longhaul::domain::clock::{Clock, SystemClock};
use longhaul::store::Store;
use longhaul::store::postgres::{Options, PostgresStore};

use super::filled_postgres::add_ended;
use super::history::{Claims, FEW, compared, compared_in_line, many};
use super::http::{Clients, start};
use super::postgres::{Cluster, client, cluster, programs};
use super::row::{Bound, Measured, Outcome, Row, median, spread};
use super::runs::jobs_per_second;
use super::side::Side;

/// Each side is measured so often, in turns.
const PAIRS: usize = 3;
/// For so long each time.
const TIME: Duration = Duration::from_secs(2);
/// Clients, over all servers.
const CLIENTS: usize = 64;
/// Jobs in a row, for each worker.
const JOBS: u32 = 100;
/// How many servers share a schema.
const FLEETS: [usize; 4] = [1, 2, 4, 5];
/// Claims beside a transaction that stays open, before any is measured.
const CHURN: usize = 20;

const CONFIG: &str = r#"
[worker]
slots = 1
[queues.default]
slots = 100
max_waiting = 10_000_000
[queues.still]
slots = 0
max_waiting = 10_000_000
[kinds.still]
command = ["true"]
queue = "still"
[kinds.true]
command = ["/bin/true"]
[limits]
requests_per_second = 1_000_000
requests_at_once = 10_000
"#;

/// What a start writes, 64 in a statement: the same rows, in the same tables.
const INSERT: &str = "
WITH new AS MATERIALIZED (
    SELECT nextval('accept_numbers') AS no, nextval('event_numbers') AS event, args
    FROM unnest(array_fill('{}'::text, ARRAY[64])) AS args
), job AS (
    INSERT INTO jobs (accept_no, id, kind, queue, state, seq, created_at, max_attempts, args_bytes)
    SELECT no, lpad(to_hex(no), 32, '0')::uuid, 'still', 'still', 'QUEUED', 1, 1800000000000, 1, 2 FROM new
), args AS (
    INSERT INTO job_args (job, args) SELECT no, args FROM new
)
INSERT INTO job_events (no, job, seq, at, change, state)
SELECT event, no, 1, 1800000000000, 'QUEUED', 'QUEUED' FROM new;
";

pub(crate) fn rows() -> Vec<Row> {
    let flat = Bound::AtMost { good: 1.3, goal: 1.05 };
    vec![
        Row {
            name: "S15",
            what: "PostgreSQL: a claim with 1,000,000 ended jobs ÷ with 1,000",
            unit: "",
            bound: flat,
            run: || Box::pin(measured(beside_ended())),
        },
        Row {
            name: "S15",
            what: "PostgreSQL: a claim with 100,000 waiting jobs ÷ with 100",
            unit: "",
            bound: flat,
            run: || Box::pin(measured(in_line())),
        },
        Row {
            name: "S15",
            what: "PostgreSQL: a claim beside a transaction that stays open ÷ without one",
            unit: "",
            bound: flat,
            run: || Box::pin(measured(beside_a_transaction())),
        },
        Row {
            name: "S19",
            what: "PostgreSQL: durable `startJob`/s ÷ rows/s of `pgbench`, which inserts the same, 64 a statement",
            unit: "",
            bound: Bound::AtLeast { good: 0.25, goal: 0.4 },
            run: || Box::pin(measured(starts())),
        },
        Row {
            name: "S19",
            what: "PostgreSQL: `/bin/true` jobs/s, 4 workers of one slot ÷ 1",
            unit: "",
            bound: Bound::AtLeast { good: 3.0, goal: 3.8 },
            run: || Box::pin(measured(jobs())),
        },
    ]
}

async fn measured(row: impl Future<Output = Measured>) -> Outcome {
    if programs().is_none() {
        return Outcome::Missing("needs the programs of a PostgreSQL server".to_owned());
    }
    Outcome::Measured(row.await)
}

/// A schema with all tables, and its store.
fn open(url: &str) -> Arc<dyn Store> {
    Arc::new(PostgresStore::open(Options::new(url, Arc::new(|_| {}))).unwrap())
}

async fn opened(url: String) -> Arc<dyn Store> {
    tokio::task::spawn_blocking(move || open(&url)).await.unwrap()
}

async fn private() -> &'static Cluster {
    tokio::task::spawn_blocking(cluster).await.unwrap()
}

async fn beside_ended() -> Measured {
    let cluster = private().await;
    let mut sides = Vec::new();
    for ended in [many(), FEW] {
        let url = cluster.schema().await;
        drop(opened(url.clone()).await);
        let now = SystemClock.now().timestamp_millis();
        add_ended(&client(&url).await, ended.into(), now - 60_000).await;
        sides.push(Claims::of(opened(url).await).await);
    }
    compared(&sides[0], &sides[1]).await
}

async fn in_line() -> Measured {
    let cluster = private().await;
    let (ours, other) = (cluster.schema().await, cluster.schema().await);
    compared_in_line(opened(ours).await, opened(other).await).await
}

async fn beside_a_transaction() -> Measured {
    let cluster = private().await;
    // A database of its own: within one, it keeps the old rows of every schema.
    cluster.admin().await.batch_execute("CREATE DATABASE held").await.unwrap();
    let held = cluster.address("longhaul", "held");
    let ours = Claims::of(opened(held.clone()).await).await;
    let other = Claims::of(opened(cluster.schema().await).await).await;
    let open = client(&held).await;
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM jobs";
    open.batch_execute(begin).await.unwrap();
    for _ in 0..CHURN {
        ours.measure().await;
        other.measure().await;
    }
    let measured = compared(&ours, &other).await;
    open.batch_execute("ROLLBACK").await.unwrap();
    measured
}

/// Servers that share a schema.
async fn fleet(count: usize) -> Vec<Side> {
    let url = private().await.schema().await;
    // The first one makes the tables.
    let begin = move |number| Side::longhaul_on(&url, &format!("worker-{number}"), CONFIG);
    tokio::task::spawn_blocking(move || (0..count).map(begin).collect()).await.unwrap()
}

/// Starts a second, by as many clients whatever the number of servers.
async fn starts_per_second(fleet: &[Side]) -> f64 {
    let request = start("still");
    let asked = fleet.iter().map(|side| async {
        let mut clients = Clients::open(&side.address, CLIENTS / fleet.len()).await;
        clients.rate(&request, TIME).await
    });
    join_all(asked).await.into_iter().sum()
}

/// Rows that `pgbench` inserts a second.
fn bench(url: &str) -> f64 {
    let script = super::folder::empty().join("insert.sql");
    std::fs::write(&script, INSERT).unwrap();
    let mut command = Command::new(programs().unwrap().join("pgbench"));
    command.args(["--no-vacuum", "--protocol=prepared", "--client=4", "--jobs=2"]);
    command.arg(format!("--time={}", TIME.as_secs())).arg("--file").arg(script).arg(url);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let rate = said.lines().find_map(|line| line.strip_prefix("tps = "));
    let rate = rate.and_then(|rate| rate.split(' ').next()).unwrap_or_else(|| {
        panic!("pgbench: {said}{}", String::from_utf8_lossy(&output.stderr));
    });
    64.0 * rate.parse::<f64>().unwrap()
}

/// What came of each number of servers, in words.
fn by_number(rates: &[Vec<f64>]) -> String {
    let words = FLEETS.iter().zip(rates).map(|(n, rates)| format!("{n}: {}", spread(rates, "/s")));
    words.collect::<Vec<_>>().join("; ")
}

async fn starts() -> Measured {
    let bare = private().await.schema().await;
    drop(opened(bare.clone()).await);
    let mut fleets = Vec::new();
    for count in FLEETS {
        fleets.push(fleet(count).await);
    }
    let (mut rates, mut others) = (vec![Vec::new(); FLEETS.len()], Vec::new());
    for _ in 0..PAIRS {
        for (fleet, rates) in fleets.iter().zip(&mut rates) {
            rates.push(starts_per_second(fleet).await);
        }
        others.push(tokio::task::block_in_place(|| bench(&bare)));
    }
    let ratios = rates[0].iter().zip(&others).map(|(ours, other)| ours / other).collect();
    let ours = format!("servers {}", by_number(&rates));
    Measured { figure: median(ratios), ours, other: spread(&others, "/s") }
}

async fn jobs() -> Measured {
    let mut fleets = Vec::new();
    for count in FLEETS {
        fleets.push(fleet(count).await);
    }
    let mut rates = vec![Vec::new(); FLEETS.len()];
    for _ in 0..PAIRS {
        for (fleet, rates) in fleets.iter().zip(&mut rates) {
            let count = u32::try_from(fleet.len()).unwrap();
            rates.push(jobs_per_second(&fleet[0], count * JOBS, count).await);
        }
    }
    let ratios = rates[2].iter().zip(&rates[0]).map(|(four, one)| four / one).collect();
    let ours = format!("workers {}", by_number(&rates));
    Measured { figure: median(ratios), ours, other: spread(&rates[0], "/s") }
}
