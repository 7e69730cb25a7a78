//! Contract 8 on PostgreSQL: beside many jobs that ended, whatever is asked and written all the time reads rows by
//! an index: by the plans that it really took, of kept statements too, as `auto_explain` writes them down.

use std::collections::BTreeMap;
use std::sync::Arc;

use longhaul::domain::id::{AcceptNo, EventNo, JobId};
use longhaul::domain::job::{NewJob, Progress};
use longhaul::domain::state::{EndReason, JobState};
use longhaul::store::filter::JobFilter;
use longhaul::store::fleet::{LogPart, Said, Upload, Uploaded};
use longhaul::store::keep::{Prune, Settled};
use longhaul::store::postgres::{Options, PostgresStore};
use longhaul::store::query::{JobOrder, JobsQuery, Page};
use longhaul::store::{CommitSink, Store};

use super::batches::{end, start, together};
use super::bed::{Backend, Bed, at, done, exit, job, key, kind, labels, queue, worker};
use super::fleet::fleet;
use crate::support::filled_postgres::{add_ended, add_ended_behind};
use crate::support::postgres::{Cluster, client};

/// How many jobs wait in a line that nobody looked at yet.
const WAITING: i64 = 10_000;
/// How many wait in the line of another queue, or before what a worker takes.
const LONG: i64 = 100_000;
/// How many jobs ended before.
const ENDED: i64 = 100_000;

/// Has each plan written down.
const EXPLAINED: &str =
    "%20-csession_preload_libraries%3Dauto_explain%20-cauto_explain.log_min_duration%3D0";

struct Url(String);

impl Backend for Url {
    fn open(&self, on_commit: CommitSink) -> Arc<dyn Store> {
        Arc::new(PostgresStore::open(Options::new(&self.0, on_commit)).unwrap())
    }
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
        let part = LogPart { number: 1, until: 1, frames: vec![1], ..LogPart::default() };
        let (job, fence) = (claim.job.id, claim.fence);
        let upload = Upload { job, fence, part, room: 9, is_late: false };
        assert_eq!(fleet(bed).upload(upload).await.unwrap(), Uploaded::Done);
        let (percent, current, total, message) = (Some(1.0), None, None, None);
        let progress = Progress { percent, current, total, message, updated_at: at(0) };
        done(fleet(bed).say(Said { job, fence, progress }).await.unwrap());
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

/// The same of several jobs at once.
async fn writes_together(bed: &Bed, round: u32) {
    const JOBS: usize = 12;
    let keyed = |n: usize| {
        let key = key(&format!("{round}.{n}"), 1);
        NewJob { idempotency: Some(key), labels: labels(&[("a", "b")]), ..job() }
    };
    together(bed, (0..JOBS).map(|n| start(bed, keyed(n))).collect()).await;
    let mut claims = Vec::new();
    while claims.len() < JOBS {
        claims.extend(bed.claim(16, at(i64::from(round))).await);
    }
    let ok = || exit(EndReason::Ok, 0);
    together(bed, claims.iter().map(|claim| end(bed, claim, ok())).collect()).await;
    let ended: Vec<_> = claims.iter().map(|claim| claim.job.id).collect();
    let settled = |&job: &JobId| Settled { job, log_bytes: 1, logs: Some(Vec::new()) };
    bed.store.settle(ended.iter().map(settled).collect()).await.unwrap();
    let within = std::time::Duration::from_secs(9);
    let prune = Prune { jobs: ended.clone(), keys_before: at(9), at: at(9), within };
    bed.store.prune(prune).await.unwrap();
    bed.store.folders_gone(ended).await.unwrap();
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
    store.doomed_folders(9).await.unwrap();
    let fleet = fleet(bed);
    fleet.members().await.unwrap();
    fleet.said().await.unwrap();
    fleet.uploaded(some, (0, 0)).await.unwrap();
    fleet.may_lack(vec![some]).await.unwrap();
    fleet.rests(AcceptNo::default(), 9).await.unwrap();
    fleet.printed(some).await.unwrap();
    fleet.is_carried(some).await.unwrap();
    fleet.unknown(vec![some]).await.unwrap();
    fleet.doomed_objects(9).await.unwrap();
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
    add_ended(&client(&schema).await, ENDED, 1_700_001_000_000).await;
    let url = format!("{schema}{EXPLAINED}");
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

/// What one step of a plan may come by, in rows; what it looks at for one and at each of its beginnings, in pages.
const ROWS: u64 = 1_200;
const PAGES: (u64, u64) = (4, 50);

/// The first number behind `name` in a line.
fn number(line: &str, name: &str) -> Option<u64> {
    let digits = line.split_once(name)?.1;
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().ok()
}

/// The step of a plan that looks through more of a table or an index than it was to find.
fn walk(plan: &str) -> Option<&str> {
    let mut lines = plan.lines().peekable();
    while let Some(step) = lines.next() {
        let Some((what, actual)) = step.split_once("(actual ") else { continue };
        let loops = number(actual, "loops=")?;
        let mut rows = number(actual, "rows=")? * loops;
        let mut pages = 0;
        while let Some(line) = lines.next_if(|line| !line.contains("(cost=")) {
            if line.contains("Rows Removed by") {
                rows += number(line, ": ")? * loops;
            } else if line.contains("Buffers: shared") && pages == 0 {
                pages = [" hit=", " read="].iter().filter_map(|name| number(line, name)).sum();
            }
        }
        let is_stored = ["Seq Scan on ", "Index Scan ", "Index Only Scan ", "Heap Scan on "];
        let is_walk = rows > ROWS || pages > PAGES.0 * rows + PAGES.1 * loops;
        if is_walk && is_stored.iter().any(|scan| what.contains(scan)) {
            return Some(step);
        }
    }
    None
}

/// Statements are planned once and kept, perhaps while there was nothing: a server that begins on an empty database
/// must not read through all that came since, before PostgreSQL has taken note of how much it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_planned_for_empty_tables_reads_little_of_full_ones() {
    let cluster = tokio::task::spawn_blocking(Cluster::own).await.unwrap();
    let schema = cluster.schema().await;
    let person = client(&schema).await;
    for sql in ["ALTER SYSTEM SET autovacuum = off", "SELECT pg_reload_conf()"] {
        person.batch_execute(sql).await.unwrap();
    }
    let analyzed = "%20-cauto_explain.log_analyze%3Don%20-cauto_explain.log_timing%3Doff\
                    %20-cauto_explain.log_buffers%3Don%20-cauto_explain.log_nested_statements%3Don";
    let bed = Bed::new(Url(format!("{schema}{EXPLAINED}{analyzed}"))).declared().await;
    for round in 0..8 {
        writes(&bed, round).await;
        writes_together(&bed, round).await;
        reads(&bed).await;
    }
    add_ended_behind(&person, 1_000, ENDED, 1_700_001_000_000).await;
    let before = cluster.log().len();
    for round in 8..12 {
        writes(&bed, round).await;
        writes_together(&bed, round).await;
        reads(&bed).await;
    }
    drop(bed);
    let log = cluster.log();
    let plans: Vec<_> = log[before..].split("Query Text: ").skip(1).collect();
    assert!(plans.len() > 100, "{log}");
    let walks: BTreeMap<&str, &str> =
        plans.iter().filter_map(|plan| Some((walk(plan)?.trim(), *plan))).collect();
    assert!(walks.is_empty(), "{walks:#?}");
    // It would be seen.
    let all = "SELECT count(*) FROM jobs WHERE timeout_ms = 7";
    client(&format!("{schema}{EXPLAINED}{analyzed}")).await.query(all, &[]).await.unwrap();
    let log = cluster.log();
    assert!(walk(log.rsplit("Query Text: ").next().unwrap()).is_some(), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_does_not_look_through_the_line_for_what_runs() {
    let cluster = tokio::task::spawn_blocking(Cluster::own).await.unwrap();
    let schema = cluster.schema().await;
    drop(Bed::new(Url(schema.clone())));
    // Nothing is known of the tables: they filled up just now.
    let fill = format!(
        "INSERT INTO jobs (accept_no, id, kind, queue, state, seq, created_at, max_attempts, args_bytes)
         SELECT n, gen_random_uuid(), 'work', 'default', 'QUEUED', 1, 1700000000000, 1, 2
         FROM generate_series(1, {WAITING}) AS n;
         INSERT INTO job_args SELECT accept_no, '{{}}' FROM jobs;
         SELECT setval('accept_numbers', {WAITING})"
    );
    client(&schema).await.batch_execute(&fill).await.unwrap();
    let bed = Bed::new(Url(format!("{schema}{EXPLAINED}"))).declared().await;
    for round in 0..8 {
        assert_eq!(bed.claim(1, at(round)).await.len(), 1);
    }
    drop(bed);
    let log = cluster.log();
    let plans =
        log.split("Query Text: ").filter(|plan| plan.contains("slots_override, file_slots"));
    let counts: Vec<_> = plans.filter(|plan| plan.contains(" on jobs ")).collect();
    assert!(counts.len() >= 8, "{log}");
    for plan in counts {
        assert!(plan.contains(" jobs_open"), "{plan}");
    }
}

/// So many writes share a transaction in the test below.
const SHARED: usize = 40;

/// While one transaction holds the lock of the schema everybody else waits for it: what many writes need to know is
/// asked by one statement, and so is what they make of it written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_shares_a_transaction_shares_its_statements() {
    let cluster = tokio::task::spawn_blocking(Cluster::own).await.unwrap();
    let schema = cluster.schema().await;
    let bed = Bed::new(Url(format!("{schema}{EXPLAINED}"))).declared().await;
    let mut running = Vec::new();
    for _ in 0..SHARED {
        running.push(bed.running(job()).await);
    }
    let before = cluster.log().len();
    let ok = || exit(EndReason::Ok, 0);
    let told = together(&bed, running.iter().map(|claim| end(&bed, claim, ok())).collect()).await;
    assert_eq!(told, vec!["Succeeded Seq(4)"; SHARED]);
    let keyed = |n: usize| NewJob { idempotency: Some(key(&n.to_string(), 1)), ..job() };
    together(&bed, (0..SHARED).map(|n| start(&bed, keyed(n))).collect()).await;
    drop(bed);
    let log = cluster.log();
    let asked = |what: &str| log[before..].matches(what).count();
    let read = asked("attempts.interrupted, jobs.args_bytes");
    let written = (asked("SET ended_at = ended.ended_at"), asked("SET state = new.state"));
    assert_eq!((read, written), (1, (1, 1)), "{log}");
    let (keys, jobs) = (asked("AS asked (key, caller)"), asked("INSERT INTO job_args (job, args)"));
    // Each time before them is a job that makes them wait.
    assert_eq!((keys, jobs), (1, 3), "{log}");
}

/// Adds jobs that wait, numbered from `from` on.
fn waiting(from: i64, count: i64, kind: &str, queue: &str) -> String {
    let until = from + count - 1;
    format!(
        "INSERT INTO jobs (accept_no, id, kind, queue, state, seq, created_at, max_attempts, args_bytes)
         SELECT n, gen_random_uuid(), '{kind}', '{queue}', 'QUEUED', 1, 1700000000000, 1, 2
         FROM generate_series({from}, {until}) AS n;
         INSERT INTO job_args
         SELECT n, '{{}}' FROM generate_series({from}, {until}) AS n;
         SELECT setval('accept_numbers', {until});"
    )
}

/// P2 at its price: a claim reads what it takes, whatever waits in other lines, or before it in its own, and
/// whatever is known of the table: all of it, nothing, or what it was when it was small.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_passes_over_no_other_line_and_no_other_kind() {
    let cluster = tokio::task::spawn_blocking(Cluster::own).await.unwrap();
    let schema = cluster.schema().await;
    let bed = Bed::new(Url(format!("{schema}{EXPLAINED}%20-cauto_explain.log_analyze%3Don")))
        .declared()
        .await;
    // Planned while there is next to nothing.
    for round in 0..8 {
        bed.start_one().await;
        assert_eq!(bed.claim(1, at(round)).await.len(), 1);
    }
    let person = client(&schema).await;
    let (other, own) = (1_000, 1_000 + LONG);
    let long = waiting(other, LONG, "work", "other") + &waiting(own, LONG, "alien", "default");
    let mut next = own + LONG;
    let mut come = async |claims: i64| {
        person.batch_execute(&waiting(next, claims, "work", "default")).await.unwrap();
        next += claims;
        for round in 0..claims {
            let claimed = bed.claim(1, at(round)).await;
            assert_eq!(claimed[0].job.kind, kind("work"));
        }
    };
    person.batch_execute(&long).await.unwrap();
    come(3).await;
    // All is known, and most is elsewhere.
    person.batch_execute("ANALYZE").await.unwrap();
    come(8).await;
    drop(bed);
    let log = cluster.log();
    let plans = log.split("Query Text: ").skip(1).filter(|plan| plan.contains("WITH ORDINALITY"));
    let plans: Vec<_> = plans.collect();
    assert!(plans.len() >= 19, "{log}");
    for plan in plans {
        let is_passed_over = plan.contains("Rows Removed") || plan.contains("Seq Scan");
        assert!(plan.contains(" using jobs_line_of ") && !is_passed_over, "{plan}");
    }
}
