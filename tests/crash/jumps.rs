//! A server's clock is set while something is timed by it.

use serde_json::json;

use super::bed::{Bed, Member};
use super::clock::WallClock;
use super::server::Surroundings;
use crate::support::deadline::within;
use crate::support::postgres::cluster;

/// What failed pauses as long as it was to, and not an hour more: servers of one database go by its clock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_set_back_makes_no_pause_longer() {
    let ledger = tempfile::tempdir().unwrap();
    let member = Member {
        name: "a",
        slots: 2,
        all_slots: 2,
        database: &cluster().schema().await,
        lease: "10s",
        backoff: "5s",
    };
    let mut bed = Bed::of_member(&member, "300ms", ledger.path());
    let clock = WallClock::in_folder(bed.folder());
    bed.surround(Surroundings { by: clock.starter(), ..Surroundings::default() });
    let server = bed.server().await;
    clock.set_of(&server, 3_600).await;
    let mut feed = server.api().feed().await.unwrap();
    let id = server.api().start("flaky", "once").await.unwrap();
    let query = "query ($id: ID!) { job(id: $id) { state terminal wait { reason } } }";
    let (mut is_right, mut job) = (false, json!(null));
    while job["terminal"] != true {
        within("a change", &job, feed.next()).await.unwrap();
        let mut data = server.api().ask(query, json!({ "id": id })).await.unwrap();
        job = data["job"].take();
        if job["wait"]["reason"] == "RETRY_BACKOFF" && !is_right {
            clock.set_of(&server, 0).await;
            is_right = true;
        }
    }
    assert!(is_right && job["state"] == "SUCCEEDED", "{job}");
    server.stop().await;
}
