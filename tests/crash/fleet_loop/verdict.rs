//! What is asked of the history once every job has ended.

use std::path::PathBuf;

use tokio_postgres::Client;

use super::super::api::Api;
use super::super::processes;
use super::fleet::{Fleet, Killed, Restart};
use super::{LONG, NAMES, REFUSED};
use crate::support::deadline::within;

/// How long it took until what ran on a killed server was begun again by another one (P11), in
/// milliseconds, by rising length.
pub(super) async fn taken_over(client: &Client, killed: &[Killed]) -> Vec<i64> {
    let sql = "SELECT begun.at, next.worker <> lost.worker FROM attempts AS lost
               JOIN attempts AS next ON next.job = lost.job AND next.number = lost.number + 1
               JOIN witnessed AS begun ON begun.fence = next.fence AND begun.what = 'BEGUN'
               JOIN jobs ON jobs.accept_no = lost.job
               WHERE jobs.id::text = $1 AND lost.reason = 'LOST' AND begun.at > $2
               ORDER BY next.number LIMIT 1";
    let mut took = Vec::new();
    for Killed { at, job } in killed {
        let row = client.query_opt(sql, &[job, at]).await.unwrap();
        let row = row.expect("a job of a killed server runs again");
        let (after, is_other) = (row.get::<_, i64>(0) - at, row.get::<_, bool>(1));
        let in_time = after <= i64::try_from(LONG.as_millis()).unwrap();
        assert!(
            is_other && in_time,
            "P11: job {job} ran again after {after} ms, elsewhere: {is_other}"
        );
        took.push(after);
    }
    took.sort_unstable();
    took
}

/// How long it took from the start of a server that had been killed until what it had lost was begun again,
/// by it or by another, in milliseconds, by rising length.
pub(super) async fn taken_back(client: &Client, restarts: &[Restart]) -> Vec<i64> {
    let sql = "SELECT workers.name, ended.at, begun.at FROM attempts AS lost
               JOIN workers ON workers.id = lost.worker
               JOIN attempts AS next ON next.job = lost.job AND next.number = lost.number + 1
               JOIN witnessed AS ended ON ended.fence = lost.fence AND ended.what = 'ENDED'
               JOIN witnessed AS begun ON begun.fence = next.fence AND begun.what = 'BEGUN'
               WHERE lost.reason = 'LOST' AND lost.reason_text = 'stopped because the server was gone'";
    let mut took = Vec::new();
    for row in client.query(sql, &[]).await.unwrap() {
        let (name, ended, begun): (String, i64, i64) = (row.get(0), row.get(1), row.get(2));
        let earlier = restarts.iter().filter(|restart| restart.name == name && restart.at <= ended);
        took.extend(earlier.map(|restart| begun - restart.at).min());
    }
    took.sort_unstable();
    took
}

/// P4: whatever a server that lives says late, of an attempt that was taken from it, is refused. Waits until
/// it has said it all; the fences of that.
pub(super) async fn late_results(fleet: &Fleet) -> Vec<i64> {
    // Its latest start: what was killed says nothing any more.
    let sql = "SELECT workers.name, attempts.fence FROM attempts
               JOIN workers ON workers.id = attempts.worker
               WHERE attempts.reason_text LIKE 'its worker%was not heard of for%'
                 AND workers.no = (SELECT max(no) FROM workers AS starts WHERE starts.name = workers.name)";
    let client = fleet.database.client().await;
    let mut fences = Vec::new();
    for row in client.query(sql, &[]).await.unwrap() {
        let (name, fence): (&str, i64) = (row.get(0), row.get(1));
        fences.push(fence);
        let number = NAMES.iter().position(|known| *known == name).unwrap();
        let fence = format!("\"fence\":\"{fence}\"");
        let refused = |line: &str| line.contains(REFUSED) && line.contains(&fence);
        let what = format!("P4: that server {name} was refused the end of {fence}");
        fleet.nodes[number].server.says_line(&what, refused).await;
    }
    fences
}

/// Waits until every job has ended.
pub(super) async fn all_ended(api: &Api, client: &Client) {
    let mut feed = api.feed().await.unwrap();
    loop {
        let sql = "SELECT count(*) FROM jobs WHERE ended_at IS NULL";
        let open: i64 = client.query_one(sql, &[]).await.unwrap().get(0);
        if open == 0 {
            return;
        }
        within("a change", &open, feed.next()).await.unwrap();
    }
}

/// What each server was refused, it has counted.
pub(super) async fn assert_counted(fleet: &Fleet) {
    for node in &fleet.nodes {
        // Parts of logs and starts are refused, too.
        let refused = ["of an old claim was refused", "its end was refused as stale"];
        let is_told = |line: &str| refused.iter().any(|what| line.contains(what));
        let counted = node.server.api().metric("longhaul_stale_reports_total").await;
        let counted = usize::try_from(counted).unwrap();
        let told = node.server.says_so_often("what it refused", counted, is_told).await;
        assert_eq!(told, counted, "what was told to be refused, and what was counted");
    }
}

/// The share `of` a hundred is no longer than this, of what rises.
pub(super) fn percentile(rising: &[i64], of: usize) -> i64 {
    let at = (rising.len() * of / 100).min(rising.len().saturating_sub(1));
    rising.get(at).copied().unwrap_or_default()
}

pub(super) fn assert_nothing_is_left(data: &[PathBuf]) {
    let left: Vec<_> = data.iter().flat_map(|data| processes::of(data)).collect();
    assert!(left.is_empty(), "left after a stop: {left:#?}");
}
