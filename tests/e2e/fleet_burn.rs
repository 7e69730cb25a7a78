//! Several servers with a short lease while their jobs burn more than the machine has: who is slow is not
//! taken for dead.

use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::json;

use super::fleet::Fleet;
use super::{report, size};
use crate::support::graphql::Api;
use crate::support::ledger::Ledger;
use crate::support::postgres::client;
use crate::support::server::Server;

const NAMES: [&str; 3] = ["a", "b", "c"];
/// One more than there are slots, so that one always waits.
const CLIENTS: usize = NAMES.len() + 1;
/// That of each worker.
const LEASE: Duration = Duration::from_secs(4);
/// In seconds: shorter than a lease, and longer.
const SPANS: [u32; 2] = [1, 5];

/// So many processes, in sum, do nothing but compute for so many seconds. No braces: those are placeholders.
const BURN: &str = "perl -e '$end = time + $ARGV[0]; fork || last for 2..$ARGV[1]; 1 while time < $end; 1 while wait != -1' $1 $2";

/// Notes each renewal of a lease, whoever makes it.
const NOTE_RENEWALS: &str = "
    CREATE TABLE renewals (worker UUID NOT NULL, at TIMESTAMPTZ NOT NULL);
    CREATE FUNCTION note_renewal() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO renewals VALUES (NEW.id, clock_timestamp());
        RETURN NULL;
    END $$;
    CREATE TRIGGER renewed AFTER UPDATE OF last_seen_at ON workers
        FOR EACH ROW EXECUTE FUNCTION note_renewal();";
const GAPS: &str = "
    SELECT count(gap), (extract(epoch FROM max(gap)) * 1000)::bigint
    FROM (SELECT at - lag(at) OVER (PARTITION BY worker ORDER BY at) AS gap FROM renewals) AS gaps";

fn config(fleet: &Fleet, ledger: &Ledger, name: &str) -> String {
    let processes = 2 * std::thread::available_parallelism().unwrap().get();
    let command = ledger.command("burn", BURN, &["{seconds}", &processes.to_string()]);
    let config = fleet.config(name, 1);
    assert!(config.contains(&format!("lease = \"{}s\"", LEASE.as_secs())), "{config}");
    format!(
        "{config}[queues.burn]\nslots = {}\n[kinds.burn]\ncommand = {command}\nqueue = \"burn\"\n\
         [kinds.burn.args]\ntype = \"object\"\nproperties.seconds = {{ type = \"integer\" }}\n",
        NAMES.len()
    )
}

/// Runs one job after the other for so long; how many, and those that did not succeed at once.
async fn burn(apis: &[Api], client: usize, time: Duration) -> (usize, Vec<String>) {
    let (begun, mut count, mut wrong) = (Instant::now(), 0, Vec::new());
    while begun.elapsed() < time {
        let (start, watch) = (&apis[client % apis.len()], &apis[(client + count) % apis.len()]);
        let seconds = SPANS[(client + count) % SPANS.len()];
        let id = start.start("burn", json!({ "seconds": seconds })).await;
        let end = watch.watch(&id).await.end().await;
        count += 1;
        if end["state"] != "SUCCEEDED" || end["job"]["attempt"] != 1 {
            wrong.push(format!("{id}: {end}"));
        }
    }
    (count, wrong)
}

/// P4, P11: every job has one attempt, which nobody takes for lost. `LONGHAUL_BURN` says for how many seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_runs_twice_while_jobs_burn_every_core() {
    let time = Duration::from_secs(size("LONGHAUL_BURN", 3));
    let (fleet, ledger) = (Fleet::new().await, Ledger::new());
    let mut servers = Vec::new();
    for name in NAMES {
        servers.push(Server::start(&config(&fleet, &ledger, name)).await);
    }
    let database = client(&fleet.url).await;
    database.batch_execute(NOTE_RENEWALS).await.unwrap();
    let apis: Vec<_> = servers.iter().map(|server| server.api.clone()).collect();
    let burnt = join_all((0..CLIENTS).map(|number| burn(&apis, number, time))).await;
    let (counts, wrong): (Vec<_>, Vec<_>) = burnt.into_iter().unzip();
    let (jobs, wrong) = (counts.iter().sum::<usize>(), wrong.concat());
    let gaps = database.query_one(GAPS, &[]).await.unwrap();
    let (renewals, longest): (i64, i64) = (gaps.get(0), gaps.get(1));
    let ran = ledger.read();
    report(&format!(
        "{jobs} jobs in {time:?} and their rest: {} at once, {} again; {renewals} renewals of a lease of {LEASE:?}, the \
         longest {longest} ms after the one before",
        ran.at_once, ran.again
    ));
    assert_eq!((ran.at_once, ran.again, ran.unended), (0, 0, 0), "{ran:?}");
    assert_eq!(ran.jobs, jobs, "all that succeeded ran");
    assert!(ran.most["burn"] <= NAMES.len(), "P3: {ran:?}");
    assert_eq!(wrong, Vec::<String>::new());
    let lost = "SELECT count(*) FROM attempts WHERE number > 1 OR reason IS DISTINCT FROM 'OK'";
    assert_eq!(database.query_one(lost, &[]).await.unwrap().get::<_, i64>(0), 0, "P11");
}
