//! Filters and orders of `jobs`, and the same filters on `jobFeed`.

use serde_json::{Value, json};

use super::bed::{Server, serve};

const LIST: &str = "query($filter: JobFilter, $orderBy: JobOrder, $first: Int, $after: Cursor) {
    jobs(filter: $filter, orderBy: $orderBy, first: $first, after: $after) {
        totalCount nodes { id } edges { cursor } pageInfo { endCursor hasNextPage } } }";

async fn start(server: &Server, kind: &str, labels: Value) -> String {
    let start = "mutation($input: StartJobInput!) { startJob(input: $input) { job { id } } }";
    let input = json!({"kind": kind, "labels": labels});
    let data = server.data(start, json!({ "input": input })).await;
    data["startJob"]["job"]["id"].as_str().unwrap().to_owned()
}

async fn listed(server: &Server, filter: Value, order: &str) -> Vec<String> {
    let data = server.data(LIST, json!({"filter": filter, "orderBy": order})).await;
    let nodes = data["jobs"]["nodes"].as_array().unwrap();
    assert_eq!(data["jobs"]["totalCount"], nodes.len(), "{data}");
    nodes.iter().map(|node| node["id"].as_str().unwrap().to_owned()).collect()
}

/// A job that ends well, then two that wait, of which one is canceled; all with labels.
async fn three(server: &Server) -> [String; 3] {
    let ended = start(server, "work", json!([{"key": "team", "value": "Blue"}])).await;
    let running = server.spawned().await;
    let id = json!({ "id": ended });
    let mut stream =
        server.subscribe("subscription($id: ID!) { jobStatus(id: $id) { terminal } }", id).await;
    running.end().await;
    while stream.value().await["terminal"] == false {}
    let labels = json!([{"key": "team", "value": "Red"}, {"key": "n", "value": "2"}]);
    let canceled = start(server, "narrow", labels).await;
    let waiting = start(server, "wide", json!([{"key": "team", "value": "Red"}])).await;
    server.cancel(&canceled).await;
    [ended, canceled, waiting]
}

#[tokio::test]
async fn each_condition_finds_its_jobs() {
    let server = serve().await;
    let [ended, canceled, waiting] = three(&server).await;
    let created = "query($id: ID!) { job(id: $id) { createdAt } }";
    let data = server.data(created, json!({ "id": waiting })).await;
    let at = &data["job"]["createdAt"];
    let red = json!([{"key": "team", "value": "Red"}]);
    let both = json!([{"key": "team", "value": "Red"}, {"key": "n", "value": "2"}]);
    let nothing: [&String; 0] = [];
    for (filter, found) in [
        (json!({"labels": red}), vec![&canceled, &waiting]),
        (json!({"labels": both}), vec![&canceled]),
        (json!({"labels": [{"key": "team", "value": "red"}]}), nothing.to_vec()),
        (json!({"reasons": ["CANCEL_REQUESTED", "TIMEOUT"]}), vec![&canceled]),
        (json!({"reasons": ["OK"], "states": ["CANCELED"]}), nothing.to_vec()),
        (json!({"workers": ["here"]}), vec![&ended]),
        (json!({"workers": ["there"]}), nothing.to_vec()),
        (json!({"startedBy": "me"}), nothing.to_vec()),
        (json!({"startedBy": null, "text": ""}), vec![&ended, &canceled, &waiting]),
        (json!({"text": "RED"}), vec![&canceled, &waiting]),
        (json!({"text": "arro"}), vec![&canceled]),
        (json!({"text": ended[..30].to_uppercase()}), vec![&ended]),
        (json!({"text": "%"}), nothing.to_vec()),
        (json!({"createdAfter": at}), vec![&waiting]),
        (json!({"createdBefore": at}), vec![&ended, &canceled]),
        (json!({"labels": red, "queues": ["wide"], "states": ["QUEUED"]}), vec![&waiting]),
    ] {
        // Whoever was accepted in the same millisecond as the last one is on its side.
        if filter.get("createdAfter").is_none() && filter.get("createdBefore").is_none() {
            let found: Vec<_> = found.into_iter().cloned().collect();
            assert_eq!(listed(&server, filter.clone(), "OLDEST").await, found, "{filter}");
        } else {
            let got = listed(&server, filter.clone(), "OLDEST").await;
            assert_eq!(got.contains(&waiting), found.contains(&&waiting), "{filter}");
        }
    }
}

#[tokio::test]
async fn orders_list_what_they_are_for() {
    let server = serve().await;
    let [ended, canceled, waiting] = three(&server).await;
    let delayed = "mutation { startJob(input: {kind: \"narrow\", notBefore: \"2999-01-01T00:00:00Z\"}) { job { id } } }";
    let data = server.data(delayed, json!({})).await;
    let delayed = data["startJob"]["job"]["id"].as_str().unwrap().to_owned();
    let last = start(&server, "narrow", json!(null)).await;
    let all = json!({});
    let line = [waiting.clone(), last.clone(), delayed];
    assert_eq!(listed(&server, all.clone(), "QUEUE_ORDER").await, line);
    let of_narrow = json!({"queues": ["narrow"]});
    assert_eq!(listed(&server, of_narrow, "QUEUE_ORDER").await, line[1..]);
    let by_end = [canceled, ended];
    assert_eq!(listed(&server, all.clone(), "RECENTLY_ENDED").await, by_end);
    let running = json!({"states": ["RUNNING"]});
    for order in ["QUEUE_ORDER", "RECENTLY_ENDED"] {
        assert!(listed(&server, running.clone(), order).await.is_empty(), "{order}");
    }
    // A page goes on in its own order, and its cursor is refused in another.
    let first = json!({"orderBy": "QUEUE_ORDER", "first": 1});
    let first = server.data(LIST, first).await;
    let after = &first["jobs"]["pageInfo"]["endCursor"];
    let next = json!({"orderBy": "QUEUE_ORDER", "after": after});
    let rest = server.data(LIST, next).await;
    assert_eq!(rest["jobs"]["nodes"].as_array().unwrap().len(), 2, "{rest}");
    for order in ["NEWEST", "RECENTLY_ENDED"] {
        let answer = server.answer(LIST, json!({"orderBy": order, "after": after})).await;
        let error = &answer["errors"][0]["extensions"];
        assert_eq!(
            (&error["code"], &error["argument"]),
            (&json!("INVALID_INPUT"), &json!("after"))
        );
    }
}

#[tokio::test]
async fn conditions_are_bounded() {
    // P12: at and above the limits.
    let server = serve().await;
    let label = json!({"key": "k", "value": "v"});
    for (argument, at, above) in [
        ("kinds", json!(vec!["k"; 100]), json!(vec!["k"; 101])),
        ("workers", json!(vec!["w"; 100]), json!(vec!["w"; 101])),
        ("labels", json!(vec![label.clone(); 20]), json!(vec![label.clone(); 21])),
        ("text", json!("t".repeat(255)), json!("t".repeat(256))),
    ] {
        server.data(LIST, json!({"filter": {argument: at}})).await;
        let answer = server.answer(LIST, json!({"filter": {argument: above}})).await;
        let error = &answer["errors"][0]["extensions"];
        assert_eq!(error["code"], "INVALID_INPUT", "{answer}");
        assert_eq!(error["argument"], argument);
    }
}

#[tokio::test]
async fn a_feed_has_the_same_conditions() {
    let server = serve().await;
    let feed = "subscription($filter: JobFilter) { jobFeed(filter: $filter, minIntervalMs: 50) { events { jobId matches } } }";
    let label = json!([{"key": "team", "value": "Red"}]);
    let filter = json!({"labels": label, "text": "arrow"});
    let mut labelled = server.subscribe(feed, json!({ "filter": filter })).await;
    let filter = json!({"reasons": ["CANCEL_REQUESTED"]});
    let mut canceled = server.subscribe(feed, json!({ "filter": filter })).await;
    let mut worked = server.subscribe(feed, json!({"filter": {"workers": ["here"]}})).await;
    for stream in [&mut labelled, &mut canceled, &mut worked] {
        stream.value().await;
    }
    start(&server, "narrow", json!(null)).await;
    start(&server, "wide", label.clone()).await;
    let id = start(&server, "narrow", label).await;
    let event = json!([{"jobId": id, "matches": true}]);
    assert_eq!(labelled.value().await["events"], event, "neither another label nor kind");
    server.cancel(&id).await;
    assert_eq!(canceled.value().await["events"], event, "with its end, not before");
    let id = start(&server, "work", json!(null)).await;
    assert_eq!(worked.value().await["events"], json!([{"jobId": id, "matches": true}]));
}
