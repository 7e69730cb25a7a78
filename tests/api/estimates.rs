//! When a job will start and end, as the API tells it.

use serde_json::{Value, json};

use super::bed::serve;

const ESTIMATE: &str = "estimate { startAt startAtLatest endAt endAtLatest basedOnRuns }";

fn job(id: &str) -> (String, Value) {
    let query =
        format!("query($id: ID!) {{ job(id: $id) {{ {ESTIMATE} wait {{ reasonText }} }} }}");
    (query, json!({ "id": id }))
}

#[tokio::test]
async fn an_estimate_comes_with_the_first_run_and_goes_with_the_end() {
    let server = serve().await;
    let check = format!("{{ checkJob(input: {{kind: \"work\"}}) {{ position {ESTIMATE} }} }}");
    let ids = [server.start("work").await, server.start("work").await, server.start("work").await];
    let first = server.spawned().await;
    let (read, variables) = job(&ids[2]);
    let waiting = server.data(&read, variables.clone()).await;
    let text = waiting["job"]["wait"]["reasonText"].as_str().unwrap();
    assert!(text.ends_with("; no estimate: no run of `work` has ended yet"), "{text}");
    assert_eq!(
        server.data(&check, json!({})).await["checkJob"],
        json!({"position": 3, "estimate": null})
    );
    first.end().await;
    let second = server.spawned().await;
    let at = |estimate: &Value, field: &str| estimate[field].as_str().unwrap().to_owned();
    let told = server.data(&read, variables).await["job"]["estimate"].take();
    assert_eq!(told["basedOnRuns"], 1);
    assert!(at(&told, "startAt") <= at(&told, "startAtLatest"), "{told}");
    assert!(
        at(&told, "startAt") <= at(&told, "endAt")
            && at(&told, "endAt") <= at(&told, "endAtLatest")
    );
    let (read, variables) = job(&ids[1]);
    let running = server.data(&read, variables.clone()).await["job"]["estimate"].take();
    assert_eq!((&running["startAt"], running["endAt"].is_string()), (&Value::Null, true));
    let placed = server.data(&check, json!({})).await["checkJob"].take();
    assert_eq!(placed["position"], 2);
    assert!(at(&placed["estimate"], "startAt") <= at(&placed["estimate"], "endAt"));
    second.end().await;
    server.ended(&ids[1]).await;
    assert_eq!(server.data(&read, variables).await["job"]["estimate"], Value::Null);
}

#[tokio::test]
async fn a_queue_tells_when_it_will_be_drained_unless_it_stands_still() {
    let server = serve().await;
    let drain = "{ queue(name: \"default\") { stats { drainEstimateMs } } }";
    let read = || async {
        server.data(drain, json!({})).await["queue"]["stats"]["drainEstimateMs"].take()
    };
    assert_eq!(read().await, 0, "nothing waits");
    server.data("mutation { pauseQueue { changed } }", json!({})).await;
    assert_eq!(read().await, Value::Null);
    let none = "{ queue(name: \"narrow\") { stats { drainEstimateMs } } }";
    assert_eq!(
        server.data(none, json!({})).await["queue"]["stats"]["drainEstimateMs"],
        Value::Null
    );
}
