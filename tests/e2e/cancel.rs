//! Cancel at every point: whenever it comes, an acknowledged cancel ends in CANCELED, and one that
//! came too late is refused and changes nothing (P5, P10). `LONGHAUL_CANCELS` is how many tries,
//! `LONGHAUL_SEED` which ones.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;
use tokio::task::JoinSet;

use super::history::{Eligible, History};
use super::{report, script, size};
use crate::support::graphql::Api;
use crate::support::server::{Server, processes_with};

const CONFIG: &str = r#"
[worker]
slots = 4
[kinds.sh]
command = ["/bin/sh", "-c", "{script}"]
grace = "500ms"
"#;

/// Clients that try at the same time; more than slots, so that some wait in line.
const CLIENTS: u64 = 8;

/// What a job may be when its cancel comes.
const SCRIPTS: &[&str] = &[
    "exit 0",
    "sleep 0.01",
    "sleep 0.05",
    "sleep 0.2",
    "exec sleep 600",
    "trap 'exit 0' TERM; sleep 600 & wait",
    "trap '' TERM; sleep 600 & sleep 0.1",
    "setsid sleep 600 & sleep 0.02",
];

/// When the cancel comes.
#[derive(Debug)]
enum Moment {
    /// So many short requests after the acknowledgement: a pause of random length without a clock.
    Requests(u32),
    /// At so many messages of the job's status, and some requests more.
    Messages(u32, u32),
}

fn moment(random: &mut StdRng) -> Moment {
    match random.random_range(0..3) {
        0 => Moment::Requests(random.random_range(0..4)),
        1 => Moment::Requests(random.random_range(0..60)),
        _ => Moment::Messages(random.random_range(1..5), random.random_range(0..8)),
    }
}

/// Starts and cancels; what came of it in words.
async fn one_try(api: &Api, random: &mut StdRng) -> &'static str {
    let text = SCRIPTS[random.random_range(0..SCRIPTS.len())];
    let moment = moment(random);
    let id = api.start("sh", script(text)).await;
    let mut watch = api.watch(&id).await;
    let (messages, requests) = match moment {
        Moment::Requests(requests) => (0, requests),
        Moment::Messages(messages, requests) => (messages, requests),
    };
    let mut ended = None;
    for _ in 0..messages {
        let Some(status) = watch.next_status().await else { break };
        let (waits_for_us, terminal) = (status["state"] == "RUNNING", status["terminal"] == true);
        ended = terminal.then_some(status);
        if waits_for_us {
            // Nothing may come any more before the cancel.
            break;
        }
    }
    for _ in 0..requests {
        api.ask("{ __typename }", json!({})).await;
    }
    let mode = if random.random_bool(0.3) { "FORCE" } else { "GRACEFUL" };
    let answer = api.cancel(&id, mode).await;
    let end = match ended {
        Some(end) => end,
        None => watch.end().await,
    };
    let what = format!("`{text}`, {mode} at {moment:?}: {answer:?}, {end}");
    match (&answer, end["state"].as_str()) {
        (Ok(job), Some("CANCELED")) => match (job["state"].as_str(), job["attempt"].as_i64()) {
            (Some("CANCELED"), Some(0)) => "canceled in line",
            (Some("CANCELED"), _) => "canceled when the answer was read",
            (Some("CANCELING"), _) if end["job"]["exitCode"].is_null() => {
                "canceled with an attempt"
            }
            (Some("CANCELING"), _) => "canceled, its command ended by itself",
            _ => panic!("{what}"),
        },
        (Err(code), Some("SUCCEEDED")) if code == "INVALID_STATE" => "had ended before",
        _ => panic!("{what}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_at_any_moment_is_kept_or_refused() {
    let tries = size("LONGHAUL_CANCELS", 60);
    let seed = size("LONGHAUL_SEED", 20);
    let mut server = Server::start(CONFIG).await;
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let api = server.api.clone();
        let share = tries / CLIENTS + u64::from(client < tries % CLIENTS);
        clients.spawn(async move {
            let mut random = StdRng::seed_from_u64(seed * CLIENTS + client);
            let mut seen = Vec::new();
            for _ in 0..share {
                seen.push(one_try(&api, &mut random).await);
            }
            seen
        });
    }
    let mut distribution = BTreeMap::<&str, usize>::new();
    for what in clients.join_all().await.into_iter().flatten() {
        *distribution.entry(what).or_default() += 1;
    }
    report(&format!("  {tries} cancels, seed {seed}: {distribution:#?}"));
    let keys = server.attempt_keys();
    assert_eq!(processes_with(&keys), Vec::<String>::new(), "P8: at the last end");
    let points = points(&server);
    report(&format!("  by what the job had gone through: {points:#?}"));
    assert!(server.stop().await.success());
    let history = History::read(&server.database(), &Eligible::new());
    assert_eq!(u64::try_from(history.jobs), Ok(tries));
    let allowed = ["CANCELED", "SUCCEEDED"];
    assert!(history.states.keys().all(|s| allowed.contains(&s.as_str())), "{:?}", history.states);
    assert_eq!((history.inversions.len(), history.after_the_end), (0, 0), "{history:?}");
    assert!(history.most_open <= 4, "{history:?}");
}

/// How many jobs went which way.
fn points(server: &Server) -> BTreeMap<String, i64> {
    let database = server.database();
    let sql = "SELECT way, count(*) FROM (
                   SELECT group_concat(change, ' ' ORDER BY no) AS way FROM job_events GROUP BY job
               ) GROUP BY way";
    let mut select = database.prepare(sql).unwrap();
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}
