//! What only the PostgreSQL backend can break: its server, its connections, its schema.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use longhaul::domain::id::EventNo;
use longhaul::domain::job::NewJob;
use longhaul::domain::state::EndReason;
use longhaul::store::keep::{Prune, Settled};
use longhaul::store::postgres::{OpenError, Options, PostgresStore};
use longhaul::store::{CommitSink, Health, StartError, Store, StoreError};
use serde_json::json;

use super::bed::{Backend, Bed, at, done, exit, job, within};
use crate::support::postgres::{Cluster, client, cluster};

/// A schema of the run's cluster.
struct Schema(String);

impl Backend for Schema {
    fn open(&self, on_commit: CommitSink) -> Arc<dyn Store> {
        Arc::new(PostgresStore::open(Options::new(&self.0, on_commit)).unwrap())
    }
}

/// An empty schema.
pub(crate) async fn open() -> Bed {
    Bed::new(Schema(cluster().schema().await))
}

fn open_at(url: &str) -> Result<PostgresStore, OpenError> {
    PostgresStore::open(Options::new(url, Arc::new(|_| {})))
}

/// Why a store is not opened.
fn refusal(url: &str) -> OpenError {
    let Err(refused) = open_at(url) else { panic!("it was opened") };
    assert!(!refused.to_string().contains("hunter2"), "{refused}");
    refused
}

/// The tables of a schema.
async fn tables(url: &str) -> Vec<String> {
    let sql = "SELECT relname::text FROM pg_class
               WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
               ORDER BY relname";
    client(url).await.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn a_newer_or_foreign_schema_is_refused_and_left_alone() {
    let url = cluster().schema().await;
    drop(open_at(&url).unwrap());
    let person = client(&url).await;
    person.batch_execute("INSERT INTO longhaul_schema (version) VALUES (99)").await.unwrap();
    let refused = refusal(&url);
    assert!(matches!(refused, OpenError::TooNew { found: 99, .. }), "{refused}");

    let url = cluster().schema().await;
    let person = client(&url).await;
    person.batch_execute("CREATE TABLE songs (title text)").await.unwrap();
    let refused = refusal(&url);
    assert!(matches!(refused, OpenError::Foreign(_)), "{refused}");
    assert_eq!(tables(&url).await, ["songs"]);
}

/// Ten at once on an empty schema: the migrations run once, and one works.
#[tokio::test]
async fn ten_that_start_at_once_migrate_once() {
    let url = cluster().schema().await;
    let starts: Vec<_> = (0..10)
        .map(|_| {
            let url = url.clone();
            std::thread::spawn(move || open_at(&url))
        })
        .collect();
    let opened: Vec<_> = starts.into_iter().map(|start| start.join().unwrap()).collect();
    let works = opened.iter().filter(|opened| opened.is_ok()).count();
    let others: Vec<_> = opened.iter().filter_map(|opened| opened.as_ref().err()).collect();
    assert!(works == 1 && others.iter().all(|e| matches!(e, OpenError::InUse(_))), "{others:?}");
    let sql = "SELECT count(*) = max(version) AND count(*) > 0 FROM longhaul_schema";
    let row = client(&url).await.query_one(sql, &[]).await.unwrap();
    assert!(row.get::<_, bool>(0), "each once");
}

/// Each in its own words, and none with the password.
#[tokio::test]
async fn a_database_that_cannot_be_used_is_told() {
    let cluster = cluster();
    let admin = cluster.admin().await;
    let roles = "CREATE ROLE guest LOGIN PASSWORD 'right'; CREATE ROLE \"hunter2\" NOLOGIN";
    admin.batch_execute(roles).await.unwrap();
    let (own, none) = (cluster.by_tcp("longhaul", "postgres"), cluster.by_tcp("longhaul", "none"));
    let refused = refusal(&none);
    assert!(matches!(refused, OpenError::NoDatabase(_)), "{refused}");
    let refused = refusal(&cluster.by_tcp("guest:hunter2", "postgres"));
    assert!(matches!(refused, OpenError::Login { .. }), "{refused}");
    let refused = refusal(&format!("{own}?sslmode=require"));
    assert!(matches!(refused, OpenError::Tls(_)), "{refused}");
    let refused = refusal("postgres://me:hunter2@127.0.0.1:1/longhaul");
    assert!(matches!(refused, OpenError::Unreachable { .. }), "{refused}");
    let refused = refusal("postgres://me:hunter2@[::1/longhaul");
    assert!(matches!(refused, OpenError::Address), "{refused}");
    admin
        .batch_execute("CREATE SCHEMA of_others; GRANT USAGE ON SCHEMA of_others TO guest")
        .await
        .unwrap();
    let guest = cluster.by_tcp("guest:right", "postgres");
    let refused = refusal(&format!("{guest}?options=-csearch_path%3Dof_others"));
    assert!(matches!(refused, OpenError::Rights { .. }), "{refused}");
    let refused = refusal(&format!("{own}?options=-csearch_path%3Dnowhere"));
    assert!(matches!(refused, OpenError::NoSchema), "{refused}");
    admin
        .batch_execute("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
        .await
        .unwrap();
    let refused = refusal(&cluster.by_tcp("longhaul", "latin"));
    assert!(matches!(&refused, OpenError::Encoding(name) if name == "LATIN1"), "{refused}");
}

/// Ends the connection that writes to a schema.
async fn cut(cluster: &Cluster, url: &str) {
    let sql = "SELECT pg_terminate_backend(pid)
               FROM pg_locks
               WHERE locktype = 'advisory'
                 AND classid = 1279804483
                 AND objid::bigint = (hashtext($1)::bigint & 4294967295)";
    let name = url.rsplit_once("%3D").unwrap().1;
    assert_eq!(cluster.admin().await.query(sql, &[&name]).await.unwrap().len(), 1);
}

/// Nothing that was answered is lost, what was refused is not stored, and it goes on by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_connection_is_made_again() {
    let url = cluster().schema().await;
    let bed = Bed::new(Schema(url.clone()));
    let mut stored = vec![bed.start_one().await.id];
    for _ in 0..3 {
        cut(cluster(), &url).await;
        match bed.try_start(job()).await {
            Ok(accepted) => stored.push(accepted.job.id),
            Err(StartError::Store(StoreError::Unavailable(_))) => {}
            Err(error) => panic!("{error:?}"),
        }
        let mut health = bed.store.health();
        within(health.wait_for(|health| *health == Health::Serving)).await.unwrap();
        stored.push(bed.start_one().await.id);
    }
    let waiting = bed.store.waiting().await.unwrap();
    assert_eq!(waiting.iter().map(|waiting| waiting.job).collect::<Vec<_>>(), stored);
    let events = bed.stored_events().await;
    assert_eq!(events.len(), stored.len());
    assert_eq!(bed.record.events(), events);
}

/// One job that cannot be read must not keep the others from being claimed.
#[tokio::test]
async fn unreadable_arguments_fail_their_own_job_alone() {
    let url = cluster().schema().await;
    let bed = Bed::new(Schema(url.clone())).declared().await;
    bed.start_one().await;
    bed.start_one().await;
    let vandal = client(&url).await;
    vandal.execute("UPDATE job_args SET args = '{\"a\": ' WHERE job = 1", &[]).await.unwrap();
    let claims = bed.claim(2, at(1)).await;
    let why = claims[0].plan.as_ref().unwrap_err();
    assert!(why.starts_with("unreadable: EOF"), "{why}");
    assert!(claims[1].plan.is_ok());
}

/// P6: a feed from before a removal that is forgotten is told that it cannot go on.
#[tokio::test]
async fn of_removals_the_last_ten_thousand_are_kept() {
    let url = cluster().schema().await;
    let bed = Bed::new(Schema(url.clone())).declared().await;
    let settled = async || {
        let job = bed.start_one().await.id;
        bed.cancel(job).await.unwrap();
        let settled = Settled { job, log_bytes: 0, logs: Some(Vec::new()) };
        bed.store.settle(vec![settled]).await.unwrap();
        job
    };
    let prune = async |job| {
        let within = Duration::from_secs(9);
        let prune = Prune { jobs: vec![job], keys_before: at(0), at: at(5), within };
        bed.store.prune(prune).await.unwrap();
    };
    let (first_job, second) = (settled().await, settled().await);
    prune(first_job).await;
    let first = bed.store.last_event().await.unwrap();
    // So many more, without the work.
    let many = client(&url).await;
    many.batch_execute(
        "CREATE TEMP TABLE one AS SELECT * FROM removed_jobs;
         CREATE TEMP TABLE more AS SELECT one.*, n FROM one, generate_series(1, 9998) AS n;
         UPDATE more SET no = no + n;
         ALTER TABLE more DROP COLUMN n;
         INSERT INTO removed_jobs SELECT * FROM more;
         SELECT setval('event_numbers', (SELECT max(no) FROM removed_jobs))",
    )
    .await
    .unwrap();
    let page = bed.store.events_after(EventNo(0), 0).await.unwrap();
    assert_eq!((page.whole_from, page.last.0), (EventNo(0), first.0 + 9998));
    prune(second).await;
    let page = bed.store.events_after(EventNo(0), 20_000).await.unwrap();
    assert_eq!((page.whole_from, page.events.len()), (EventNo(0), 10_000));
    prune(settled().await).await;
    let page = bed.store.events_after(EventNo(0), 20_000).await.unwrap();
    assert_eq!((page.whole_from, page.events.len()), (first, 10_000));
}

const CRASH_URL: &str = "LONGHAUL_TEST_CRASH_URL";

/// Not a test of its own: the process that `kill_9_loses_nothing_that_was_answered` kills.
#[tokio::test]
#[ignore = "is run by another test, in a process of its own"]
async fn writes_until_it_is_killed() {
    let Ok(url) = std::env::var(CRASH_URL) else { return };
    let bed = Bed::new(Schema(url)).declared().await;
    loop {
        let claim = bed.running(job()).await;
        let ended = done(bed.finish(&claim, exit(EndReason::Ok, 0)).await);
        // Whole lines to a pipe: a kill cuts none.
        writeln!(std::io::stdout(), "ended {}", ended.id).unwrap();
        let large = NewJob { args: json!({"text": "x".repeat(2_000)}), ..job() };
        let waiting = bed.try_start(large).await.unwrap().job;
        bed.cancel(waiting.id).await.unwrap();
        writeln!(std::io::stdout(), "canceled {}", waiting.id).unwrap();
    }
}

/// P1, P6: a real kill of a real process, at a moment that nobody chose; the next one has the database
/// at once, and draws no number a second time.
#[tokio::test]
async fn kill_9_loses_nothing_that_was_answered() {
    let url = cluster().schema().await;
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::postgres::writes_until_it_is_killed", "--ignored", "--nocapture"])
        .env(CRASH_URL, &url)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut answered = Vec::new();
    for line in lines {
        let line = line.unwrap();
        // The test harness prints too.
        if let Some((what, id)) = line.rsplit_once(' ')
            && let Ok(id) = id.parse()
        {
            answered.push((what.contains("ended"), id));
        }
        if answered.len() == 100 {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(answered.len() >= 100, "{} lines", answered.len());

    let bed = Bed::new(Schema(url));
    for (succeeded, id) in answered {
        let job = bed.job(id).await;
        assert!(job.state.is_terminal(), "{job:?}");
        assert_eq!(job.reason == Some(EndReason::Ok), succeeded, "{job:?}");
    }
    let before = bed.stored_events().await;
    assert!(before.windows(2).all(|pair| pair[1].no.0 > pair[0].no.0));
    bed.start_one().await;
    assert!(bed.record.events()[0].no > before.last().unwrap().no);
}
