//! Two servers behind one PgBouncer in transaction mode, which has fewer connections than they ask for.

use serde_json::Value;

use super::fleet::{Fleet, is_next, runs};
use super::fleet_logs::{Follower, Pipe, page, start, worker};
use crate::support::pgbouncer::Pooler;
use crate::support::postgres::{client, cluster};

/// How many connections the pooler has.
const SIZE: u32 = 2;

/// P2, P3, P7, and nothing is lost where it is started again in the middle: what runs goes on, what waits
/// starts, and what was printed meanwhile is seen on every server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_pooler_two_servers_have_one_line_and_one_limit() {
    let pooler = Pooler::before(cluster(), SIZE);
    let fleet = Fleet::behind(&pooler).await;
    let (a, b) = (worker(&fleet, "a").await, worker(&fleet, "b").await);
    let mut pipe = Pipe::new(&fleet);
    let mut ids = vec![start(&a.api, &pipe).await];
    for (number, server) in [&b, &a, &b].into_iter().enumerate() {
        ids.push(fleet.start(&server.api, &format!("gate-{number}")).await);
    }
    // Two run, and both servers know which and who is next.
    let mut watched = Vec::new();
    for id in &ids[..2] {
        watched.push((runs(&a.api, id, 1).await, runs(&b.api, id, 1).await));
    }
    for server in [&a, &b] {
        is_next(&server.api, &ids[2]).await;
    }
    for id in &ids[2..] {
        watched.push((a.api.watch(id).await, b.api.watch(id).await));
    }
    let mut logs = Vec::new();
    for server in [&a, &b] {
        logs.push(Follower::new(&server.api, &ids[0], Value::Null).await);
    }
    pipe.print("before");
    for log in &mut logs {
        log.has(1).await;
    }
    // It is gone: what is committed goes past it.
    pooler.crash();
    pipe.print("meanwhile");
    fleet.open("gate-0");
    assert_eq!(watched[1].0.end().await["state"], "SUCCEEDED");
    ids.push(fleet.start(&a.api, "gate-3").await);
    pooler.start_again();
    for log in &mut logs {
        log.has(2).await;
    }
    assert_eq!(watched[1].1.end().await["state"], "SUCCEEDED");
    watched.push((a.api.watch(&ids[4]).await, b.api.watch(&ids[4]).await));
    pipe.end();
    (1..4).for_each(|number| fleet.open(&format!("gate-{number}")));
    for (at, (on_a, on_b)) in watched.iter_mut().enumerate().filter(|(at, _)| *at != 1) {
        assert_eq!(on_a.end().await["state"], "SUCCEEDED", "{at}");
        assert_eq!(on_b.end().await["state"], "SUCCEEDED", "{at}");
    }
    for log in logs {
        let lines = log.into_lines().await;
        let texts: Vec<&str> = lines.iter().map(|line| line["text"].as_str().unwrap()).collect();
        assert_eq!(texts, ["before", "meanwhile"]);
    }
    assert_eq!(page(&a.api, &ids[0]).await, page(&b.api, &ids[0]).await);
    // One line, and each job ran once.
    let sql = "SELECT id::text, attempt FROM jobs JOIN attempts ON attempts.job = jobs.accept_no
               ORDER BY attempts.fence";
    let rows = client(&fleet.url).await.query(sql, &[]).await.unwrap();
    let ran: Vec<(String, i64)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(ran, ids.iter().map(|id| (id.clone(), 1)).collect::<Vec<_>>());
}
