//! Many jobs over several servers, of which each history is judged: what the store says that it did, and what
//! the commands took down themselves.

use std::collections::HashSet;

use futures::StreamExt;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio_postgres::Client;

use super::fleet::Fleet;
use super::{report, size};
use crate::support::deadline::within;
use crate::support::graphql::{Api, Heard};
use crate::support::ledger::Ledger;
use crate::support::postgres::client;
use crate::support::server::Server;

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];
/// Of each worker: fewer than the queues have in sum, and more than a share of them.
const SLOTS: u32 = 2;
/// `default` and its slots stand in the configuration of every fleet.
const QUEUES: [(&str, u32); 3] = [("default", 2), ("narrow", 3), ("wide", 4)];
/// So many jobs are started and have not ended: what all sides hold does not grow with the number of jobs.
const UNDER_WAY: usize = 1_000;
/// So many are started at once.
const CLIENTS: usize = 16;

const ENDS: &str = "subscription($after: Cursor) { jobFeed(after: $after, minIntervalMs: 50,
    filter: { states: [SUCCEEDED, FAILED, CANCELED] }) { reset events { jobId job { state attempt reasonText } } } }";

fn config(fleet: &Fleet, ledger: &Ledger, name: &str) -> String {
    let sections = QUEUES.iter().map(|(queue, slots)| {
        let command = ledger.command(queue, "sleep 0.02", &[]);
        let kind = format!("[kinds.of_{queue}]\ncommand = {command}\nqueue = \"{queue}\"\n");
        if *queue == "default" {
            kind
        } else {
            format!("[queues.{queue}]\nslots = {slots}\n{kind}")
        }
    });
    fleet.config(name, SLOTS) + &sections.collect::<Vec<_>>().concat()
}

/// Starts jobs of all queues on all servers, none before there is room for it.
async fn start(servers: &[Server], count: usize, room: &Semaphore) {
    let starts = (0..count).map(|number| async move {
        room.acquire().await.unwrap().forget();
        let kind = format!("of_{}", QUEUES[number % QUEUES.len()].0);
        servers[number % servers.len()].api.start(&kind, json!({})).await;
    });
    futures::stream::iter(starts).buffer_unordered(CLIENTS).for_each(|()| async {}).await;
}

/// Hears of all ends, each of which makes room; those that were not the first success.
async fn hear(api: &Api, after: &Value, count: usize, room: &Semaphore) -> Vec<Value> {
    let mut socket = api.socket().await;
    socket.subscribe("feed", ENDS, json!({ "after": after })).await;
    let (mut ended, mut wrong) = (HashSet::new(), Vec::new());
    while ended.len() < count {
        let next = within("the end of a job", &ended.len(), socket.next()).await;
        let Heard::Next(_, data) = next else { panic!("a feed has no end: {next:?}") };
        assert_eq!(data["jobFeed"]["reset"], false, "{data}");
        for event in data["jobFeed"]["events"].as_array().unwrap() {
            if ended.insert(event["jobId"].as_str().unwrap().to_owned()) {
                room.add_permits(1);
            }
            if event["job"]["state"] != "SUCCEEDED" || event["job"]["attempt"] != 1 {
                wrong.push(event.clone());
            }
        }
    }
    wrong
}

/// A number that the database finds.
async fn number(database: &Client, sql: &str) -> i64 {
    database.query_one(sql, &[]).await.unwrap().get(0)
}

/// Claims of a job that was accepted before one that was claimed earlier from its queue: none waits for
/// anything but its place.
const INVERSIONS: &str = "
    SELECT count(*)
    FROM (
        SELECT job, lag(job) OVER (PARTITION BY queue ORDER BY fence) AS previous
        FROM attempts JOIN jobs ON jobs.accept_no = attempts.job
    ) AS claims
    WHERE job < previous";

/// The most attempts that were open at once, by the order of commit: of each queue, or of each worker.
async fn most_open(database: &Client, of: &str) -> Vec<(String, i64)> {
    let sql = format!(
        "SELECT name, max(open)::bigint
         FROM (
             SELECT {of}::text AS name,
                 sum(CASE change WHEN 'ENDED' THEN -1 ELSE 1 END) OVER (PARTITION BY {of} ORDER BY no) AS open
             FROM job_events
                 JOIN jobs ON jobs.accept_no = job_events.job
                 JOIN attempts ON attempts.job = job_events.job AND attempts.number = job_events.attempt
             WHERE change IN ('UPDATED', 'ENDED')
         ) AS counts
         GROUP BY 1"
    );
    let rows = database.query(&sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// P2, P3, P4: each job is claimed once and runs once, in its order, within the slots of its queue and of its
/// worker. `LONGHAUL_FLEET_JOBS` says how many.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_many_jobs_nothing_overtakes_and_no_limit_is_passed() {
    let count = usize::try_from(size("LONGHAUL_FLEET_JOBS", 120)).unwrap();
    let (fleet, ledger) = (Fleet::new().await, Ledger::new());
    let mut servers = Vec::new();
    for name in NAMES {
        servers.push(Server::start(&config(&fleet, &ledger, name)).await);
    }
    let (before, room) = (servers[0].api.feed_cursor().await, Semaphore::new(UNDER_WAY));
    let ended = hear(&servers[1].api, &before, count, &room);
    let ((), wrong) = tokio::join!(start(&servers, count, &room), ended);
    assert_eq!(wrong, Vec::<Value>::new(), "P4: each succeeds at once");
    let database = client(&fleet.url).await;
    let claims = number(&database, "SELECT count(*) FROM attempts").await;
    assert_eq!(claims, i64::try_from(count).unwrap(), "P4");
    assert_eq!(number(&database, INVERSIONS).await, 0, "P2");
    let (queues, workers) =
        (most_open(&database, "queue").await, most_open(&database, "attempts.worker").await);
    let ran = ledger.read();
    for (queue, slots) in QUEUES {
        let open = queues.iter().find(|(name, _)| name == queue).unwrap().1;
        assert!(open <= i64::from(slots), "P3: {open} of `{queue}` with {slots} slots");
        assert!(ran.most[queue] <= slots as usize, "P3, by the commands: {ran:?}");
    }
    assert!(workers.iter().all(|(_, open)| *open <= i64::from(SLOTS)), "P3: {workers:?}");
    assert_eq!((ran.jobs, ran.again, ran.at_once, ran.unended), (count, 0, 0, 0), "P4: {ran:?}");
    report(&format!(
        "{count} jobs by {} of {} workers, at most {:?} at once: 0 inversions, 0 over the limit, 0 run twice",
        workers.len(),
        servers.len(),
        ran.most
    ));
}
