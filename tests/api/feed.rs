//! `jobFeed`: nothing missed and nothing twice, live or resumed.

use std::time::Duration;

use longhaul::domain::clock::{Clock, SystemClock};
use longhaul::domain::event::{Change, Commit};
use longhaul::domain::id::{EventNo, JobId};
use longhaul::scheduler::handle::StartRequest;
use longhaul::store::keep::{Keep, Prune, Settled};
use serde_json::{Value, json};

use super::bed::{Server, serve};

const FEED: &str = "subscription($after: Cursor, $filter: JobFilter) { jobFeed(after: $after, filter: $filter, minIntervalMs: 50) {
    cursor reset events { jobId change matches coalesced job { state } } } }";

async fn cancel(server: &Server, id: &str) {
    let cancel = "mutation($id: ID!) { cancelJob(id: $id) { changed } }";
    server.data(cancel, json!({ "id": id })).await;
}

#[tokio::test]
async fn a_feed_goes_on_where_a_page_was_read() {
    let server = serve().await;
    server.start("narrow").await;
    let page = server.data("{ jobs { feedCursor } }", json!({})).await;
    // Both lie between the page and the subscription: they are replayed.
    let id = server.start("narrow").await;
    cancel(&server, &id).await;
    let after = &page["jobs"]["feedCursor"];
    let mut feed = server.subscribe(FEED, json!({ "after": after })).await;
    let first = feed.value().await;
    assert_eq!(
        (&first["events"], &first["reset"], &first["cursor"]),
        (&json!([]), &json!(false), after)
    );
    let replayed = feed.value().await;
    let event = json!({"jobId": id, "change": "ENDED", "matches": true, "coalesced": 1, "job": {"state": "CANCELED"}});
    assert_eq!(replayed["events"], json!([event]), "one a job, the last change");
    // Live from here on, and nothing again.
    let id = server.start("narrow").await;
    let live = feed.value().await;
    assert_eq!(live["events"][0]["jobId"], json!(id));
    assert_eq!(live["events"].as_array().unwrap().len(), 1);
    let mut resumed = server.subscribe(FEED, json!({ "after": replayed["cursor"] })).await;
    assert_eq!(resumed.value().await["events"], json!([]));
    assert_eq!(resumed.value().await["events"], live["events"]);
}

#[tokio::test]
async fn a_job_that_stops_to_match_is_told_once_more() {
    let server = serve().await;
    let filter = json!({"states": ["QUEUED"], "queues": ["narrow"]});
    let mut feed = server.subscribe(FEED, json!({ "filter": filter })).await;
    feed.value().await;
    let other = server.start("work").await;
    let id = server.start("narrow").await;
    let begun = feed.value().await;
    assert_eq!(begun["events"][0]["jobId"], json!(id), "`{other}` is of another queue");
    assert_eq!(begun["events"][0]["matches"], true);
    cancel(&server, &id).await;
    let left = feed.value().await;
    assert_eq!(
        (&left["events"][0]["jobId"], &left["events"][0]["matches"]),
        (&json!(id), &json!(false))
    );
}

#[tokio::test]
async fn what_lies_before_the_position_is_not_told_again() {
    // An event may be heard after it was counted in the position, or read from the store.
    let server = serve().await;
    let old = server.start("narrow").await;
    let mut feed = server.subscribe(FEED, json!({})).await;
    feed.value().await;
    let handle = server.scheduler.handle();
    let page = handle.reader().events_after(EventNo(0), 1).await.unwrap();
    let (event, job) = page.events.into_iter().next().unwrap();
    assert_eq!(event.job.to_string(), old);
    let change = Change { event, job };
    handle.bus().publish(&Commit { changes: vec![change], ..Commit::default() });
    let new = server.start("narrow").await;
    let told = feed.value().await;
    assert_eq!(told["events"][0]["jobId"], json!(new), "{told}");
}

#[tokio::test]
async fn a_position_of_another_past_begins_anew() {
    let server = serve().await;
    let mut feed = server.subscribe(FEED, json!({"after": "e0000000000001000"})).await;
    let first = feed.value().await;
    assert_eq!(first["reset"], true);
    server.start("narrow").await;
    assert_eq!(feed.value().await["events"].as_array().map(Vec::len), Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_that_lags_reads_on_from_the_store() {
    // More events than the channel and a message hold, while a full message waits for its time.
    const JOBS: usize = 5_000;
    let server = serve().await;
    let query = FEED.replace("minIntervalMs: 50", "minIntervalMs: 500");
    let mut feed = server.subscribe(&query, json!({})).await;
    let mut cursor = feed.value().await["cursor"].clone();
    let handle = server.scheduler.handle();
    let start = || handle.start_job(StartRequest { kind: "wide".to_owned(), ..Default::default() });
    let accepted = futures::future::try_join_all((0..JOBS).map(|_| start())).await.unwrap();
    let mut jobs: Vec<_> = accepted.iter().map(|a| (a.job.accepted, a.job.id)).collect();
    jobs.sort_unstable();
    let mut told: Vec<Value> = Vec::new();
    while told.len() < JOBS {
        let message = feed.value().await;
        let events = message["events"].as_array().unwrap();
        assert!(events.len() <= 500, "{} events in one message", events.len());
        assert_ne!(message["cursor"], cursor, "the cursor moves with every message");
        cursor = message["cursor"].clone();
        told.extend(events.iter().map(|event| event["jobId"].clone()));
    }
    let ids: Vec<_> = jobs.iter().map(|(_, id)| json!(id.to_string())).collect();
    assert!(told == ids, "each once, in the order of commit");
}

#[tokio::test]
async fn a_job_that_goes_is_told_live_and_to_who_comes_back() {
    let server = serve().await;
    let id = server.start("narrow").await;
    let mut feed = server.subscribe(FEED, json!({})).await;
    let before = feed.value().await["cursor"].clone();
    cancel(&server, &id).await;
    assert_eq!(feed.value().await["events"][0]["change"], "ENDED");
    let job: JobId = id.parse().unwrap();
    let settled = Settled { job, log_bytes: 0, logs: Some(Vec::new()) };
    server.store.settle(vec![settled]).await.unwrap();
    let now = SystemClock.now();
    let within = Duration::from_secs(9);
    let prune = Prune { jobs: vec![job], keys_before: now, at: now, within };
    assert_eq!(server.store.prune(prune).await.unwrap().removed, 1);
    let live = feed.value().await["events"][0].clone();
    let mut late = server.subscribe(FEED, json!({ "after": before })).await;
    let first = late.value().await;
    assert_eq!((&first["reset"], &first["events"]), (&json!(false), &json!([])));
    let caught_up = late.value().await["events"].take();
    assert_eq!(caught_up, json!([live]), "its other events are gone with it");
    assert_eq!((&live["change"], &live["matches"]), (&json!("REMOVED"), &json!(false)));
    assert_eq!((&live["jobId"], &live["job"]), (&json!(id), &json!(null)));
    let gone =
        server.answer("query($id: ID!) { job(id: $id) { state } }", json!({ "id": id })).await;
    assert_eq!(gone["data"], json!({ "job": null }));
    let query = "mutation($id: ID!) { cancelJob(id: $id) { changed } }";
    let refused = server.answer(query, json!({ "id": id })).await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "NOT_FOUND");
}
