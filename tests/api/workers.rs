//! Workers, things by their id, and what only old jobs still have.

use std::sync::Arc;

use longhaul::domain::clock::from_unix_millis;
use longhaul::domain::id::{JobId, WorkerId};
use longhaul::domain::job::NewJob;
use longhaul::domain::kind::QueueSpec;
use longhaul::domain::label::Labels;
use longhaul::domain::worker::Worker;
use longhaul::store::sqlite::{Options, SqliteStore};
use longhaul::store::{AcceptLimits, Store};
use serde_json::{Value, json};

use super::bed::{Server, serve, serve_in};

const NODE: &str = "query($id: ID!) { node(id: $id) { __typename id
    ... on Job { state } ... on JobKind { declared name } ... on Queue { declared slots } ... on Worker { live } } }";

/// A server whose store remembers a kind, a queue and a worker that are gone.
async fn with_a_past() -> (Server, JobId) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("longhaul.db");
    let store = SqliteStore::open(Options::new(&file, Arc::new(|_| {}))).unwrap();
    let queue = "former".parse::<longhaul::domain::names::QueueName>().unwrap();
    let spec = QueueSpec { name: queue.clone(), slots: 3, max_waiting: 9 };
    store.declare_queues(vec![spec]).await.unwrap();
    let at = from_unix_millis(1_700_000_000_000);
    let id = JobId::new(at, [7; 10]);
    let job = NewJob {
        id,
        kind: "gone".parse().unwrap(),
        queue,
        args: json!({}),
        labels: Labels::default(),
        created_at: at,
        not_before: None,
        timeout: None,
        max_attempts: 5,
        idempotency: None,
        retry_of: None,
        started_by: None,
    };
    let limits = AcceptLimits { max_waiting: 9, waiting_args_bytes: 999 };
    store.start(job, limits).await.unwrap();
    let worker = Worker {
        id: WorkerId::from_bytes([9; 16]),
        name: "elsewhere".into(),
        version: "0".to_owned(),
        slots: 2,
        labels: Labels::default(),
        started_at: at,
        last_seen_at: at,
    };
    store.see_worker(worker).await.unwrap();
    drop(store);
    let claimed = "UPDATE jobs SET worker = ?1, worker_name = 'elsewhere'";
    let worker = WorkerId::from_bytes([9; 16]);
    rusqlite::Connection::open(file).unwrap().execute(claimed, [worker.as_bytes()]).unwrap();
    (serve_in(folder).await, id)
}

#[tokio::test]
async fn this_process_is_the_worker() {
    let server = serve().await;
    let query =
        "{ workers { id name version startedAt lastSeenAt live draining slots busy kinds { name }
        running { id state worker { name } } } server { now } }";
    let data = server.data(query, json!({})).await;
    let [me] = data["workers"].as_array().unwrap().as_slice() else { panic!("{data}") };
    assert!(me["id"].as_str().unwrap().starts_with("worker:"), "{me}");
    assert_eq!((&me["name"], &me["version"]), (&json!("here"), &json!("0.0.0-test")));
    assert_eq!((&me["live"], &me["draining"]), (&json!(true), &json!(false)));
    assert_eq!((&me["slots"], &me["busy"]), (&json!(4), &json!(0)));
    assert_eq!((&me["running"], me["kinds"].as_array().unwrap().len()), (&json!([]), 6));
    assert!(me["lastSeenAt"].as_str() >= me["startedAt"].as_str(), "{me}");
    let id = server.start("work").await;
    let _running = server.spawned().await;
    let data = server.data(query, json!({})).await;
    assert_eq!(data["workers"][0]["busy"], 1);
    assert_eq!(data["workers"][0]["running"][0]["id"], json!(id));
    assert_eq!(data["workers"][0]["running"][0]["worker"]["name"], "here");
    server.scheduler.drain().await;
    let data = server.data(query, json!({})).await;
    assert_eq!(data["workers"][0]["draining"], true);
}

#[tokio::test]
async fn everything_with_an_id_is_found_by_it() {
    let (server, old) = with_a_past().await;
    let former = WorkerId::from_bytes([9; 16]);
    let id = server.start("narrow").await;
    let me = format!("worker:{}", server.scheduler.handle().me().id);
    for (id, found) in [
        (id.as_str(), json!({"__typename": "Job", "id": id, "state": "QUEUED"})),
        (&old.to_string(), json!({"__typename": "Job", "id": old.to_string(), "state": "QUEUED"})),
        (
            "kind:work",
            json!({"__typename": "JobKind", "id": "kind:work", "declared": true, "name": "work"}),
        ),
        (
            "kind:gone",
            json!({"__typename": "JobKind", "id": "kind:gone", "declared": false, "name": "gone"}),
        ),
        (
            "queue:default",
            json!({"__typename": "Queue", "id": "queue:default", "declared": true, "slots": 1}),
        ),
        (
            "queue:former",
            json!({"__typename": "Queue", "id": "queue:former", "declared": false, "slots": 3}),
        ),
        (&me, json!({"__typename": "Worker", "id": me, "live": true})),
        (
            &format!("worker:{former}"),
            json!({"__typename": "Worker", "id": format!("worker:{former}"), "live": false}),
        ),
        ("kind:nothing", Value::Null),
        ("kind:../x", Value::Null),
        ("queue:nothing", Value::Null),
        ("019ab3c0-5a50-7c3e-8f00-3b6f2c1d9e77", Value::Null),
        ("worker:019ab3c0-5a50-7c3e-8f00-3b6f2c1d9e77", Value::Null),
    ] {
        assert_eq!(server.data(NODE, json!({ "id": id })).await["node"], found, "{id}");
    }
    for id in ["42", "", "worker:42", "slot:1"] {
        let answer = server.answer(NODE, json!({ "id": id })).await;
        assert_eq!(answer["data"]["node"], Value::Null);
        assert_eq!(answer["errors"][0]["extensions"]["code"], "INVALID_INPUT", "{answer}");
    }
}

#[tokio::test]
async fn what_only_old_jobs_have_is_still_served() {
    let (server, _) = with_a_past().await;
    let query = r#"{ kind(name: "gone") { declared maxAttempts argsSchema viewerCanStart queue { name declared } }
        queue(name: "former") { declared slots maxWaiting viewerCanManage stats { waiting } }
        kinds { name } queues { name } jobs { nodes { wait { reason } worker { name busy running { id } } } } workers { name } }"#;
    let data = server.data(query, json!({})).await;
    let kind = json!({"declared": false, "maxAttempts": 5, "argsSchema": {}, "viewerCanStart": false,
        "queue": {"name": "former", "declared": false}});
    assert_eq!(data["kind"], kind);
    let queue = json!({"declared": false, "slots": 3, "maxWaiting": 0, "viewerCanManage": false, "stats": {"waiting": 1}});
    assert_eq!(data["queue"], queue);
    assert!(!data["kinds"].to_string().contains("gone"), "{data}");
    assert!(!data["queues"].to_string().contains("former"), "{data}");
    assert_eq!(
        data["jobs"]["nodes"],
        json!([{"wait": {"reason": "NO_WORKER"}, "worker": {"name": "elsewhere", "busy": 0, "running": []}}])
    );
    assert_eq!(data["workers"], json!([{"name": "here"}]), "seen more than a day ago");
}

#[tokio::test]
async fn a_page_asks_the_store_no_more_than_a_row_does() {
    let (server, _) = with_a_past().await;
    for _ in 0..19 {
        server.start("wide").await;
    }
    let query =
        "query($first: Int) { jobs(first: $first, orderBy: OLDEST) { nodes { id labels { key }
        kind { name declared queue { name } } queue { name slots paused pausedNote maxWaiting }
        worker { name version live } usage { cpuMs } wait { reason } viewerCan { retry } } } }";
    let mut reads = Vec::new();
    for first in [20, 1, 20] {
        let before = server.store.reads();
        let data = server.data(query, json!({ "first": first })).await;
        assert_eq!(data["jobs"]["nodes"].as_array().map(Vec::len), Some(first));
        reads.push(server.store.reads() - before);
    }
    // The page, and once for ever the worker that is gone.
    assert_eq!(reads, [2, 1, 1]);
}

/// Who drains takes nothing more, says why, and goes on when it is told to.
#[tokio::test]
async fn a_worker_drains_and_resumes() {
    let server = serve().await;
    let me = format!("worker:{}", server.scheduler.handle().me().id);
    let order = async |order: &str, id: &str| {
        let query = format!(
            "mutation($id: ID!) {{ {order}(id: $id) {{ changed worker {{ id draining }} }} }}"
        );
        let mut answer = server.answer(&query, json!({ "id": id })).await;
        match answer["errors"][0]["extensions"]["code"].as_str() {
            Some(code) => json!(code),
            None => answer["data"][order].take(),
        }
    };
    let told =
        |changed, draining| json!({"changed": changed, "worker": {"id": me, "draining": draining}});
    assert_eq!(order("drainWorker", &me).await, told(true, true));
    assert_eq!(order("drainWorker", &me).await, told(false, true));
    let id = server.start("work").await;
    let query = "query($id: ID!) { job(id: $id) { state wait { reason reasonText } } }";
    let waits = json!({"reason": "DRAINING", "reasonText": "the worker drains, and takes nothing more; it is next"});
    let job = server.data(query, json!({ "id": id })).await;
    assert_eq!(job["job"], json!({"state": "QUEUED", "wait": waits}));
    assert_eq!(order("resumeWorker", &me).await, told(true, false));
    let _running = server.spawned().await;
    for (id, code) in
        [("worker:019ab3c0-5a50-7c3e-8f00-3b6f2c1d9e77", "NOT_FOUND"), ("me", "INVALID_INPUT")]
    {
        assert_eq!(order("drainWorker", id).await, code);
    }
}
