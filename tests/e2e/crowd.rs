//! Lists, counts and log pages beside very many jobs: each shows just what the filter means, and
//! what it costs is printed beside what it costs with few. `LONGHAUL_ROWS` is how many jobs there
//! are; the plans of the queries themselves stand in `src/store/sqlite/plans.rs`.

use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use futures::StreamExt;
use longhaul::domain::attempt::AttemptEnd;
use longhaul::domain::clock::Timestamp;
use longhaul::domain::id::JobId;
use longhaul::domain::job::NewJob;
use longhaul::domain::kind::QueueSpec;
use longhaul::domain::state::EndReason;
use longhaul::store::sqlite::{Options, SqliteStore};
use longhaul::store::{ClaimRequest, Finish, Store};
use serde_json::{Value, json};

use super::{report, script, size};
use crate::store::bed::{self, WIDE, done, exit, kind, labels, queue, unrecorded, worker};
use crate::support::server::Server;

/// A queue without slots only takes jobs: what the folder holds stays as it is.
/// What it stores ended long ago, and is to stay.
const CONFIG: &str = r#"
[retention]
age = "87600h"
[worker]
slots = 1
[queues.default]
slots = 0
max_waiting = 1000000
[queues.other]
slots = 0
max_waiting = 1000000
[queues.live]
[kinds.work]
command = ["true"]
[kinds.rare]
command = ["true"]
[kinds.sh]
queue = "live"
command = ["/bin/sh", "-c", "{script}"]
"#;

/// What one job is, so that the meaning of a filter can be told without asking.
struct Row {
    id: String,
    number: u64,
    at: Timestamp,
    state: &'static str,
    reason: Option<&'static str>,
}

impl Row {
    fn is_rare(&self) -> bool {
        self.number.is_multiple_of(100)
    }
    fn queue(&self) -> &'static str {
        if self.number % 4 == 1 { "other" } else { "default" }
    }
    fn team(&self) -> &'static str {
        if self.number % 50 == 49 { "blue" } else { "red" }
    }
}

/// When the first job was accepted; each next one a second later.
fn first_instant() -> Timestamp {
    DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(20_000)
}

/// Fills the data of a server that is to start: nearly all ended, a hundredth in line.
async fn fill(data: &Path, rows: u64) -> Vec<Row> {
    std::fs::create_dir(data).unwrap();
    let store = SqliteStore::open(Options::new(data.join("longhaul.db"), Arc::new(|_| {})));
    let store = Arc::new(store.unwrap());
    let spec = |name| QueueSpec { name: queue(name), slots: 0, max_waiting: 1_000_000 };
    store.declare_queues(vec![spec("default"), spec("other")]).await.unwrap();
    store.see_worker(worker("here")).await.unwrap();
    let mut known = Vec::new();
    for number in 0..rows {
        let at = first_instant() + TimeDelta::seconds(number.cast_signed());
        let id = JobId::new(at, rand::random()).to_string();
        known.push(Row { id, number, at, state: "QUEUED", reason: None });
    }
    accept(&store, &mut known).await;
    let waiting = rows / 100;
    end(&store, &mut known, rows - waiting).await;
    drop(Arc::into_inner(store).expect("nobody else holds it"));
    known
}

/// Many to a transaction; afterwards they stand in the order in which they were accepted.
async fn accept(store: &Arc<SqliteStore>, rows: &mut Vec<Row>) {
    let starts = std::mem::take(rows).into_iter().map(|row| async {
        let new = NewJob {
            id: row.id.parse().unwrap(),
            kind: kind(if row.is_rare() { "rare" } else { "work" }),
            queue: queue(row.queue()),
            labels: labels(&[("team", row.team())]),
            created_at: row.at,
            ..bed::job()
        };
        let job = store.start(new, WIDE).await.unwrap().job;
        (job.accepted, Row { at: job.created_at, ..row })
    });
    let mut accepted: Vec<_> = futures::stream::iter(starts).buffered(1_000).collect().await;
    accepted.sort_unstable_by_key(|(accepted, _)| *accepted);
    rows.extend(accepted.into_iter().map(|(_, row)| row));
}

/// Claims from the front of both queues until so many have ended, one in ten badly.
async fn end(store: &Arc<SqliteStore>, rows: &mut [Row], count: u64) {
    let at = first_instant() + TimeDelta::days(30);
    let mut left = count;
    while left > 0 {
        let each = u32::try_from(left.div_ceil(2).min(500)).unwrap();
        let request = ClaimRequest {
            kinds: Arc::new([kind("work"), kind("rare")]),
            ..bed::request(&[("default", each), ("other", each)], at)
        };
        let claims = store.claim(request).await.unwrap();
        left = left.saturating_sub(claims.len() as u64);
        let ends = claims.iter().map(|claim| async {
            let place = claim.job.accepted.0;
            let index = usize::try_from(place).unwrap() - 1;
            let (reason, end) = end_of(rows[index].number);
            // One after the other, as they were accepted.
            let at = at + TimeDelta::milliseconds(place);
            let (job, fence) = (claim.job.id, claim.fence);
            let ended =
                done(store.finish(Finish { job, fence, end, at, chance: 0.5 }).await.unwrap());
            assert_eq!(ended.id, job);
            (index, reason)
        });
        for (index, reason) in futures::future::join_all(ends).await {
            rows[index].reason = Some(reason);
            rows[index].state = if reason == "OK" { "SUCCEEDED" } else { "FAILED" };
        }
    }
}

/// How the job of this number ends, and what the API calls it.
fn end_of(number: u64) -> (&'static str, AttemptEnd) {
    match number % 10 {
        3 => ("EXIT_CODE", exit(EndReason::ExitCode, 1)),
        _ if number % 1_000 == 500 => ("TIMEOUT", unrecorded(EndReason::Timeout)),
        _ => ("OK", exit(EndReason::Ok, 0)),
    }
}

/// A list to look at: what is asked, and what that means.
struct Look {
    name: &'static str,
    filter: Value,
    order: &'static str,
    means: fn(&Row) -> bool,
}

fn looks(rows: &[Row]) -> Vec<Look> {
    let middle = |n: usize| rows[rows.len() / 2 + n].at.to_rfc3339();
    let window = json!({ "createdAfter": middle(0), "createdBefore": middle(100) });
    let failed: fn(&Row) -> bool = |row| row.state == "FAILED";
    let look = |name, filter, order, means| Look { name, filter, order, means };
    let blue = json!([{ "key": "team", "value": "blue" }]);
    vec![
        look("all, newest first", Value::Null, "NEWEST", |_| true),
        look("all, oldest first", Value::Null, "OLDEST", |_| true),
        look("the line", Value::Null, "QUEUE_ORDER", |row| row.state == "QUEUED"),
        look("ended last", Value::Null, "RECENTLY_ENDED", |row| row.reason.is_some()),
        look("one state", json!({ "states": ["FAILED"] }), "NEWEST", failed),
        look("one state, ended last", json!({ "states": ["FAILED"] }), "RECENTLY_ENDED", failed),
        look("a rare kind", json!({ "kinds": ["rare"] }), "NEWEST", Row::is_rare),
        look("a queue", json!({ "queues": ["other"] }), "NEWEST", |row| row.queue() == "other"),
        look(
            "a kind, a queue, two states",
            json!({ "kinds": ["work"], "queues": ["default"], "states": ["FAILED", "QUEUED"] }),
            "NEWEST",
            |row| {
                let state = row.state == "FAILED" || row.state == "QUEUED";
                !row.is_rare() && row.queue() == "default" && state
            },
        ),
        look("a label", json!({ "labels": blue }), "NEWEST", |row| row.team() == "blue"),
        look(
            "a label and a state",
            json!({ "labels": blue, "states": ["QUEUED"] }),
            "OLDEST",
            |row| row.team() == "blue" && row.state == "QUEUED",
        ),
        look("a reason", json!({ "reasons": ["TIMEOUT"] }), "NEWEST", |row| {
            row.reason == Some("TIMEOUT")
        }),
        look("a part of a kind", json!({ "text": "rar" }), "NEWEST", Row::is_rare),
        look("a part of a label", json!({ "text": "blu" }), "NEWEST", |row| row.team() == "blue"),
        look("a worker", json!({ "workers": ["here"] }), "NEWEST", |row| row.reason.is_some()),
        look("hours of acceptance", window, "NEWEST", |_| true),
    ]
}

const LIST: &str = "query($f: JobFilter, $o: JobOrder!, $after: Cursor, $n: Int, $last: Int,
    $before: Cursor, $count: Boolean!) {
  jobs(filter: $f, orderBy: $o, first: $n, after: $after, last: $last, before: $before) {
    nodes { id } totalCount @include(if: $count) } }";

/// Pages from the start, from the end and after a job in the middle, each against its meaning; how
/// long the slowest answer took.
async fn look_at(server: &Server, rows: &[Row], look: &Look) -> (usize, Duration) {
    let window = look.name == "hours of acceptance";
    let half = &rows[rows.len() / 2..];
    let mut expected: Vec<&Row> = rows.iter().filter(|row| (look.means)(row)).collect();
    // By time: whoever was overtaken on the way in shares the instant of who came before.
    expected.retain(|row| !window || (half[0].at..half[100].at).contains(&row.at));
    if matches!(look.order, "NEWEST" | "RECENTLY_ENDED") {
        expected.reverse();
    }
    let ids = |rows: &[&Row]| rows.iter().map(|row| row.id.clone()).collect::<Vec<_>>();
    let mut slowest = Duration::ZERO;
    let start = json!({ "f": look.filter, "o": look.order, "n": 50, "count": true });
    let (found, page) = list(server, &mut slowest, start).await;
    assert_eq!(found, ids(&expected[..expected.len().min(50)]), "{}: the start", look.name);
    let total = &page["totalCount"];
    let countable = expected.len() <= 10_000 && look.name != "a worker";
    assert!(!countable || *total == expected.len(), "{}: {total}", look.name);
    let last = json!({ "f": look.filter, "o": look.order, "last": 50, "count": false });
    let (found, _) = list(server, &mut slowest, last).await;
    let tail = &expected[expected.len().saturating_sub(50)..];
    assert_eq!(found, ids(tail), "{}: the end", look.name);
    if look.order == "NEWEST" && expected.len() > 2 {
        let middle = expected.len() / 2;
        let after = cursor_of(server, &expected[middle].id).await;
        let from =
            json!({ "f": look.filter, "o": "NEWEST", "n": 50, "after": after, "count": false });
        let (found, _) = list(server, &mut slowest, from).await;
        let rest = &expected[middle + 1..];
        assert_eq!(found, ids(&rest[..rest.len().min(50)]), "{}: the middle", look.name);
    }
    (expected.len(), slowest)
}

/// The ids of a page, and the page.
async fn list(server: &Server, slowest: &mut Duration, variables: Value) -> (Vec<String>, Value) {
    let began = Instant::now();
    let page = server.api.ask(LIST, variables).await["jobs"].take();
    *slowest = began.elapsed().max(*slowest);
    let nodes = page["nodes"].as_array().unwrap();
    (nodes.iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect(), page)
}

async fn cursor_of(server: &Server, id: &str) -> Value {
    let query = "query($id: String!) { jobs(filter: { text: $id }) { edges { cursor } } }";
    server.api.ask(query, json!({ "id": id })).await["jobs"]["edges"][0]["cursor"].take()
}

const LOG: &str = "query($id: ID!, $first: Int, $after: Cursor, $last: Int, $before: Cursor) {
    job(id: $id) { log(first: $first, after: $after, last: $last, before: $before) {
    nodes { text } pageInfo { startCursor endCursor } } } }";

/// The lines of a page, how long it took, and where it lies.
async fn log(server: &Server, page: Value) -> (Vec<String>, Duration, Value) {
    let began = Instant::now();
    let mut log = server.api.ask(LOG, page).await["job"]["log"].take();
    let took = began.elapsed();
    let nodes = log["nodes"].as_array().unwrap();
    let lines = nodes.iter().map(|line| line["text"].as_str().unwrap().to_owned()).collect();
    (lines, took, log["pageInfo"].take())
}

/// A log of so many lines is paged from both ends, in pages that join; how long each took.
async fn look_at_log(server: &Server, lines: u64) -> [Duration; 4] {
    let text = format!("seq -f 'line %.0f of a log that is long enough to fill a row' {lines}");
    let id = server.api.start("sh", script(&text)).await;
    assert_eq!(server.api.watch(&id).await.end().await["state"], "SUCCEEDED");
    let line = |n: u64| format!("line {n} of a log that is long enough to fill a row");
    let numbers = |range: RangeInclusive<u64>| range.map(line).collect::<Vec<_>>();
    let (head, first, place) = log(server, json!({ "id": id, "first": 100 })).await;
    assert_eq!(head, numbers(1..=100));
    let next = json!({ "id": id, "first": 100, "after": place["endCursor"] });
    let (second, next, _) = log(server, next).await;
    assert_eq!(second, numbers(101..=200));
    let (tail, last, place) = log(server, json!({ "id": id, "last": 100 })).await;
    assert_eq!(tail, numbers(lines - 99..=lines));
    let before = json!({ "id": id, "last": 100, "before": place["startCursor"] });
    let (one_before, before, _) = log(server, before).await;
    assert_eq!(one_before, numbers(lines - 199..=lines - 100));
    [first, next, last, before]
}

/// A server on so many jobs.
async fn crowded(rows: u64) -> (Server, Vec<Row>) {
    let folder = tempfile::tempdir().unwrap();
    let rows = fill(&folder.path().join("data"), rows).await;
    (Server::start_in(folder, CONFIG).await, rows)
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_and_logs_beside_many_jobs_show_what_the_filter_means() {
    let rows = size("LONGHAUL_ROWS", 2_000);
    let began = Instant::now();
    let (few, few_rows) = crowded(1_000).await;
    let (many, many_rows) = crowded(rows).await;
    report(&format!("  1000 and {rows} jobs stored in {:?}", began.elapsed()));
    // Without statistics a plan does not depend on the rows: it is the one that `plans.rs` holds.
    let statistics = "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'sqlite_stat%'";
    assert_eq!(many.database().query_row(statistics, [], |row| row.get::<_, u32>(0)).unwrap(), 0);
    for (small, look) in looks(&few_rows).iter().zip(&looks(&many_rows)) {
        let (_, before) = look_at(&few, &few_rows, small).await;
        let (matches, now) = look_at(&many, &many_rows, look).await;
        let ratio = now.as_secs_f64() / before.as_secs_f64();
        report(&format!(
            "  {:28} {:14} {matches:6} match  {before:8.1?} {now:8.1?}  x{ratio:.1}",
            look.name, look.order
        ));
    }
    let (short, long) = (look_at_log(&many, 1_000).await, look_at_log(&many, 8 * rows).await);
    let pages = "first, next, last, before the last";
    report(&format!("  {pages}: of 1000 lines {short:.1?}, of {} {long:.1?}", 8 * rows));
}
