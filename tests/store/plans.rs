//! Contract 8 on PostgreSQL: beside many jobs that ended, whatever is asked and written all the time reads rows by
//! an index: by the plans that it really took, of kept statements too, as `auto_explain` writes them down.

use std::sync::Arc;

use longhaul::domain::attempt::Policy;
use longhaul::domain::id::{AcceptNo, EventNo};
use longhaul::domain::job::NewJob;
use longhaul::domain::state::{EndReason, JobState};
use longhaul::store::filter::JobFilter;
use longhaul::store::keep::{Prune, Settled};
use longhaul::store::postgres::{Options, PostgresStore};
use longhaul::store::query::{JobOrder, JobsQuery, Page};
use longhaul::store::{CommitSink, Store};

use super::bed::{Backend, Bed, at, done, exit, job, key, kind, labels, queue, worker};
use crate::support::postgres::{Cluster, client};

/// How many jobs ended before.
const ENDED: i64 = 100_000;

struct Url(String);

impl Backend for Url {
    fn open(&self, on_commit: CommitSink) -> Arc<dyn Store> {
        Arc::new(PostgresStore::open(Options::new(&self.0, on_commit)).unwrap())
    }
}

/// As a server would have left them.
async fn fill(url: &str) {
    let policy = serde_json::to_string(&Policy::default()).unwrap();
    let sql = format!(
        "INSERT INTO jobs (accept_no, id, kind, queue, state, seq, created_at, started_at, ended_at, reason,
             reason_text, exit_code, attempt, max_attempts, args_bytes, cpu_ms, log_bytes, kept_log_bytes,
             has_folder)
         SELECT n, gen_random_uuid(), 'work', 'default', CASE WHEN n % 9 = 0 THEN 'FAILED' ELSE 'SUCCEEDED' END,
             4, at, at, at + 5, CASE WHEN n % 9 = 0 THEN 'EXIT_CODE' ELSE 'OK' END, 'it ended', n % 9, 1, 1, 2,
             1, 1, 1, false
         FROM (SELECT n, 1700000000000 + n * 10 AS at FROM generate_series(1, {ENDED}) AS n) AS made;
         INSERT INTO job_args SELECT accept_no, '{{}}' FROM jobs;
         INSERT INTO job_labels SELECT 'n', accept_no::text, accept_no FROM jobs;
         INSERT INTO attempts (fence, job, number, key, boot_id, argv, policy, started_at, spawned, ended_at,
             reason, reason_text, cpu_ms, log_bytes)
         SELECT accept_no, accept_no, 1, id::text, 'boot', '[]', '{policy}', started_at, true, ended_at, reason,
             'it ended', 1, 1
         FROM jobs;
         INSERT INTO job_events (no, job, seq, at, change, state, state_before, attempt)
         SELECT accept_no * 2 - 2 + n, accept_no, n, ended_at, 'UPDATED', state,
             CASE WHEN n > 1 THEN 'RUNNING' END, 1
         FROM jobs CROSS JOIN (VALUES (1), (2)) AS seqs (n);
         SELECT setval('accept_numbers', {ENDED}), setval('fence_numbers', {ENDED}),
             setval('event_numbers', 2 * {ENDED});
         ANALYZE"
    );
    client(url).await.batch_execute(&sql).await.unwrap();
}

/// What is written all the time. Each kept statement is planned for any value from the sixth time on.
async fn writes(bed: &Bed, round: u32) {
    let store = &bed.store;
    let keyed = NewJob { idempotency: Some(key(&round.to_string(), 1)), max_attempts: 3, ..job() };
    let labelled = NewJob { labels: labels(&[("a", "b")]), ..job() };
    let delayed = NewJob { not_before: Some(at(i64::from(round))), ..job() };
    for new in [keyed.clone(), labelled, delayed, job()] {
        bed.start(new).await;
    }
    bed.start(NewJob { id: super::bed::fresh_id(), ..keyed }).await;
    for claim in bed.claim(4, at(i64::from(round))).await {
        done(bed.started(&claim).await);
        store.interrupt(vec![(claim.job.id, claim.fence)]).await.unwrap();
        let reason = if claim.job.max_attempts > 1 { EndReason::ExitCode } else { EndReason::Ok };
        let ended = done(bed.finish(&claim, exit(reason, 0)).await);
        if ended.state.is_terminal() {
            store
                .settle(vec![Settled { job: ended.id, log_bytes: 1, logs: Some(Vec::new()) }])
                .await
                .unwrap();
            let within = std::time::Duration::from_secs(9);
            let prune = Prune { jobs: vec![ended.id], keys_before: at(0), at: at(9), within };
            store.prune(prune).await.unwrap();
            store.folders_gone(vec![ended.id]).await.unwrap();
        }
    }
    let canceled = bed.start_one().await.id;
    bed.cancel(canceled).await.unwrap();
    store.see_worker(worker("here")).await.unwrap();
}

/// What is asked all the time.
async fn reads(bed: &Bed) {
    let store = &bed.store;
    let filters = [
        JobFilter::default(),
        JobFilter { states: Some(vec![JobState::Failed]), ..JobFilter::default() },
        JobFilter { queues: Some(vec![queue("default")]), ..JobFilter::default() },
        JobFilter { kinds: Some(vec![kind("work")]), ..JobFilter::default() },
        JobFilter { reasons: Some(vec![EndReason::Timeout]), ..JobFilter::default() },
    ];
    let orders =
        [JobOrder::Newest, JobOrder::Oldest, JobOrder::QueueOrder, JobOrder::RecentlyEnded];
    for filter in &filters {
        for order in orders {
            for page in [Page::First(9, None), Page::Last(9, None)] {
                let filter = filter.clone();
                let query = JobsQuery { filter, order, page, count_up_to: None, examine: 999 };
                store.jobs(query).await.unwrap();
            }
        }
    }
    let some = store.ended(None, 9).await.unwrap()[0].job;
    store.job(some).await.unwrap();
    store.args(some).await.unwrap();
    store.result(some).await.unwrap();
    store.attempts(some, 9, 9).await.unwrap();
    store.job_events(some, EventNo(0), 9).await.unwrap();
    store.stored_logs(some).await.unwrap();
    store.job_by_key(None, "1").await.unwrap();
    store.events_after(store.last_event().await.unwrap(), 9).await.unwrap();
    store.events_after(EventNo(5), 9).await.unwrap();
    store.queue_counts(&queue("default")).await.unwrap();
    store.end_counts(&queue("default"), at(0), 99).await.unwrap();
    store.waiting().await.unwrap();
    store.open_attempts().await.unwrap();
    store.unsettled(AcceptNo::default(), 9).await.unwrap();
    store.workers(at(0), 9).await.unwrap();
}

/// What reads a large table from its beginning to its end, with its statement.
fn scans(log: &str) -> Vec<String> {
    let plans = log.split("Query Text: ").skip(1);
    let scans = plans.filter(|plan| {
        let tables = ["jobs", "job_args", "attempts", "job_events", "job_labels"];
        tables.iter().any(|table| plan.contains(&format!("Seq Scan on {table} ")))
    });
    scans.map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beside_many_jobs_that_ended_every_row_is_found_by_an_index() {
    let cluster = tokio::task::spawn_blocking(Cluster::own).await.unwrap();
    let schema = cluster.schema().await;
    drop(Bed::new(Url(schema.clone())));
    fill(&schema).await;
    let explained =
        "%20-csession_preload_libraries%3Dauto_explain%20-cauto_explain.log_min_duration%3D0";
    let url = format!("{schema}{explained}");
    let bed = Bed::new(Url(url.clone())).declared().await;
    for round in 0..8 {
        writes(&bed, round).await;
        reads(&bed).await;
    }
    drop(bed);
    let found = scans(&cluster.log());
    assert!(found.is_empty(), "{}", found.join("\n\n"));
    // It would be seen.
    let count = "SELECT count(*) FROM job_args WHERE args = 'x'";
    client(&url).await.query(count, &[]).await.unwrap();
    assert_eq!(scans(&cluster.log()).len(), 1);
}
