//! Who may ask for what, and whom a job exists for: every root field of the schema by every sort of
//! caller, about a job of one of them.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::bed::{Server, serve};
use crate::support::deadline::within;

/// Stands on every job of `ann`, and in no answer to whom it does not exist for.
const MARK: &str = "mark-of-ann";

/// A server that asks for tokens, and the token that may do all.
pub(super) struct House {
    pub(super) server: Server,
    pub(super) root: String,
}

impl House {
    pub(super) async fn new() -> Self {
        let server = serve().await;
        let root = made(&server.data(CREATE, json!({"name": "root", "scopes": ["admin"]})).await);
        Self { server, root }
    }

    pub(super) async fn token(&self, name: &str, scopes: &[&str]) -> String {
        let variables = json!({"name": name, "scopes": scopes});
        made(&self.ask(&self.root, CREATE, &variables).await["data"])
    }

    /// The whole answer to who shows this.
    pub(super) async fn ask(&self, token: &str, query: &str, variables: &Value) -> Value {
        let text = self.post(token, query, variables, "application/json").await;
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{query}: {text}"))
    }

    /// The first message of a stream, or its refusal.
    pub(super) async fn follow(&self, token: &str, query: &str, variables: &Value) -> Value {
        let text = self.post(token, query, variables, "text/event-stream").await;
        let data = text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap_or(&text);
        serde_json::from_str(data).unwrap_or_else(|_| panic!("{query}: {text}"))
    }

    async fn post(&self, token: &str, query: &str, variables: &Value, accept: &str) -> String {
        let url = format!("http://{}/graphql", self.server.address);
        let mut request = reqwest::Client::new().post(url).header("accept", accept);
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        let request = request.json(&json!({"query": query, "variables": variables}));
        within(query, &self.server.address, async {
            let mut response = request.send().await.unwrap();
            if accept == "application/json" {
                return response.text().await.unwrap();
            }
            let piece = response.chunk().await.unwrap().unwrap_or_default();
            String::from_utf8(piece.to_vec()).unwrap()
        })
        .await
    }

    /// A job of `ann` that waits, or has ended.
    async fn job(&self, ann: &str, key: &str, ended: bool) -> String {
        let input = json!({
            "kind": "wide", "idempotencyKey": key, "labels": [{"key": "mark", "value": MARK}],
        });
        let query = "mutation($input: StartJobInput!) { startJob(input: $input) { job { id } } }";
        let started = self.ask(ann, query, &json!({"input": input})).await;
        let id = &started["data"]["startJob"]["job"]["id"];
        let id = id.as_str().unwrap_or_else(|| panic!("{started}")).to_owned();
        if ended {
            let query = "mutation($id: ID!) { cancelJob(id: $id) { changed } }";
            self.ask(&self.root, query, &json!({"id": id})).await;
        }
        id
    }

    pub(super) async fn share(&self, token: &str, id: &str) -> String {
        let query = "mutation($id: ID!) { shareJob(id: $id) { secret } }";
        let shared = self.ask(token, query, &json!({"id": id})).await;
        let secret = &shared["data"]["shareJob"]["secret"];
        secret.as_str().unwrap_or_else(|| panic!("{shared}")).to_owned()
    }
}

const CREATE: &str = "mutation($name: String!, $scopes: [String!]!) {
    createToken(input: {name: $name, scopes: $scopes}) { secret token { id } }
}";

fn made(data: &Value) -> String {
    data["createToken"]["secret"].as_str().unwrap_or_else(|| panic!("{data}")).to_owned()
}

/// A document for each root field; `id` is a job of `ann`, and `key` its key.
const OPERATIONS: &[(&str, &str)] = &[
    ("Query.checkJob", "query { checkJob(input: {kind: \"wide\"}) { ok code } }"),
    ("Query.job", "query($id: ID!) { job(id: $id) { labels { value } } }"),
    (
        "Query.jobByIdempotencyKey",
        "query($key: String!) { jobByIdempotencyKey(key: $key) { labels { value } } }",
    ),
    ("Query.jobs", "query { jobs { totalCount nodes { labels { value } } } }"),
    ("Query.kind", "query { kind(name: \"wide\") { name } }"),
    ("Query.kinds", "query { kinds { name } }"),
    ("Query.node", "query($id: ID!) { node(id: $id) { ... on Job { labels { value } } } }"),
    ("Query.queue", "query { queue(name: \"wide\") { stats { waiting } } }"),
    ("Query.queues", "query { queues { name pausedNote } }"),
    ("Query.server", "query { server { version } }"),
    ("Query.tokens", "query { tokens { name } }"),
    ("Query.viewer", "query { viewer { name sharedJob { labels { value } } } }"),
    ("Query.waitJob", "query($id: ID!) { waitJob(id: $id, timeoutMs: 0) { labels { value } } }"),
    ("Query.workers", "query { workers { name running { labels { value } } } }"),
    (
        "Mutation.cancelJob",
        "mutation($id: ID!) { cancelJob(id: $id) { job { labels { value } } } }",
    ),
    (
        "Mutation.createToken",
        "mutation { createToken(input: {name: \"x\", scopes: [\"admin\"]}) { secret } }",
    ),
    ("Mutation.drainWorker", "mutation { drainWorker(id: \"worker:0\") { changed } }"),
    ("Mutation.pauseQueue", "mutation { pauseQueue(name: \"wide\") { changed } }"),
    ("Mutation.resumeQueue", "mutation { resumeQueue(name: \"wide\") { changed } }"),
    ("Mutation.resumeWorker", "mutation { resumeWorker(id: \"worker:0\") { changed } }"),
    ("Mutation.retryJob", "mutation($id: ID!) { retryJob(id: $id) { job { labels { value } } } }"),
    ("Mutation.revokeToken", "mutation { revokeToken(id: \"0000000000000000\") { changed } }"),
    ("Mutation.setQueueSlots", "mutation { setQueueSlots(name: \"wide\", slots: 0) { changed } }"),
    (
        "Mutation.shareJob",
        "mutation($id: ID!) { shareJob(id: $id) { token { sharedJob { labels { value } } } } }",
    ),
    ("Mutation.startJob", "mutation { startJob(input: {kind: \"wide\"}) { created } }"),
    ("Subscription.jobFeed", "subscription { jobFeed { cursor } }"),
    ("Subscription.jobLog", "subscription($id: ID!) { jobLog(id: $id) { complete } }"),
    (
        "Subscription.jobStatus",
        "subscription($id: ID!) { jobStatus(id: $id) { job { labels { value } } } }",
    ),
    ("Subscription.queueStats", "subscription { queueStats(name: \"wide\") { name } }"),
];

/// What an answer amounts to.
fn verdict(answer: &Value) -> String {
    if let Some(error) = answer["errors"].get(0) {
        let of = |key: &str| error["extensions"][key].as_str().unwrap_or_default().to_owned();
        return format!("{} {}", of("code"), of("scope")).trim_end().to_owned();
    }
    let root = answer["data"].as_object().and_then(|data| data.values().next());
    match root {
        _ if answer.to_string().contains(MARK) => "seen".to_owned(),
        None | Some(Value::Null) => "null".to_owned(),
        Some(_) => "ok".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_caller_gets_what_is_its_own_and_no_more() {
    let house = House::new().await;
    let ann = house.token("ann", &["start:wide"]).await;
    let mark = house.job(&ann, "shared", false).await;
    let query = "mutation { startJob(input: {kind: \"wide\"}) { job { id } } }";
    let other = house.ask(&house.root, query, &json!({})).await;
    let other = other["data"]["startJob"]["job"]["id"].as_str().unwrap().to_owned();
    let revoked = house.share(&ann, &mark).await;
    let query = "mutation($id: ID!) { revokeToken(id: $id) { changed } }";
    house.ask(&house.root, query, &json!({"id": &revoked[3..19]})).await;
    let callers = [
        ("nobody", String::new(), false),
        ("revoked", revoked, false),
        ("ann start:wide", ann.clone(), true),
        ("ann read", house.token("ann", &["read"]).await, true),
        ("bob start:*", house.token("bob", &["start:*"]).await, false),
        ("bob start:narrow cancel", house.token("bob", &["start:narrow", "cancel"]).await, false),
        ("eve read cancel", house.token("eve", &["read", "cancel"]).await, true),
        ("root", house.root.clone(), true),
        ("share of it", house.share(&ann, &mark).await, true),
        ("share of another", house.share(&house.root, &other).await, false),
    ];
    let mut table = String::new();
    for (field, document) in OPERATIONS {
        writeln!(table, "{field}").unwrap();
        for (caller, token, may_see) in &callers {
            let key = format!("{field} {caller}");
            // A share is of one job; everybody else finds one that nobody has changed yet.
            let id = match *caller {
                "share of it" if *field != "Mutation.retryJob" => mark.clone(),
                _ => house.job(&ann, &key, *field == "Mutation.retryJob").await,
            };
            let variables = json!({"id": id, "key": key});
            let answer = if field.starts_with("Subscription") {
                house.follow(token, document, &variables).await
            } else {
                house.ask(token, document, &variables).await
            };
            assert!(
                *may_see || !answer.to_string().contains(MARK),
                "{field} by {caller}: {answer}"
            );
            writeln!(table, "    {caller}: {}", verdict(&answer)).unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_root_field_is_tried() {
    let house = House::new().await;
    let query = "{ __schema { queryType { fields { name } } mutationType { fields { name } }
                 subscriptionType { fields { name } } } }";
    let schema = house.ask(&house.root, query, &json!({})).await;
    let mut fields = BTreeSet::new();
    for (key, root) in
        [("queryType", "Query"), ("mutationType", "Mutation"), ("subscriptionType", "Subscription")]
    {
        for field in schema["data"]["__schema"][key]["fields"].as_array().unwrap() {
            fields.insert(format!("{root}.{}", field["name"].as_str().unwrap()));
        }
    }
    let tried: BTreeSet<_> = OPERATIONS.iter().map(|(field, _)| (*field).to_owned()).collect();
    assert_eq!(tried, fields);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_leads_from_one_job_to_another_ends_where_that_is_not_to_be_seen() {
    let house = House::new().await;
    let ann = house.token("ann", &["start:wide"]).await;
    let origin = house.job(&ann, "k", true).await;
    let query = "mutation($id: ID!) { retryJob(id: $id) { job { id } } }";
    let retried = house.ask(&house.root, query, &json!({"id": origin})).await;
    let retried = retried["data"]["retryJob"]["job"]["id"].as_str().unwrap().to_owned();
    let query = "query($id: ID!) { job(id: $id) { startedBy retryOf { id idempotencyKey } worker { name } } }";
    let seen = async |token: &str| {
        let mut answer = house.ask(token, query, &json!({"id": retried})).await;
        assert!(answer.get("errors").is_none(), "{answer}");
        answer["data"]["job"].take()
    };
    let root = seen(&house.root).await;
    let of_origin = json!({"id": origin, "idempotencyKey": null});
    assert_eq!(root, json!({"startedBy": "root", "retryOf": of_origin, "worker": null}));
    let share = house.share(&house.root, &retried).await;
    assert_eq!(seen(&share).await, json!({"startedBy": "root", "retryOf": null, "worker": null}));
    assert_eq!(seen(&ann).await, Value::Null, "a retry is the job of who retried");
    // The key is told to who started it.
    let query = "query($id: ID!) { job(id: $id) { idempotencyKey } }";
    let own = house.ask(&ann, query, &json!({"id": origin})).await;
    assert_eq!(own["data"]["job"]["idempotencyKey"], "k");
    let share = house.share(&ann, &origin).await;
    let shared = house.ask(&share, query, &json!({"id": origin})).await;
    assert_eq!(shared["data"]["job"], json!({"idempotencyKey": null}), "a share started nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_and_feeds_hold_what_a_get_would_give() {
    let house = House::new().await;
    let ann = house.token("ann", &["start:*"]).await;
    let bob = house.token("bob", &["start:*", "cancel"]).await;
    let own = house.job(&bob, "own", false).await;
    house.job(&ann, "hers", false).await;
    let list = async |token: &str, filter: Value| {
        let query =
            "query($filter: JobFilter) { jobs(filter: $filter) { totalCount nodes { id } } }";
        house.ask(token, query, &json!({"filter": filter})).await["data"]["jobs"].take()
    };
    let only_own = json!({"totalCount": 1, "nodes": [{"id": own}]});
    assert_eq!(list(&bob, Value::Null).await, only_own);
    assert_eq!(list(&bob, json!({"startedBy": "bob"})).await, only_own);
    assert_eq!(
        list(&bob, json!({"startedBy": "ann"})).await,
        json!({"totalCount": 0, "nodes": []})
    );
    assert_eq!(list(&house.root, Value::Null).await["totalCount"], 2);
    assert_eq!(list(&house.root, json!({"startedBy": "ann"})).await["totalCount"], 1);

    // A feed from the beginning of all tells of them what a list shows.
    let query = "subscription { jobFeed(after: \"e0\") { events { jobId } } }";
    let url = format!("http://{}/graphql", house.server.address);
    let first = house.ask(&bob, "{ jobs(first: 0) { feedCursor } }", &json!({})).await;
    let cursor = first["data"]["jobs"]["feedCursor"].as_str().unwrap().to_owned();
    let query = query.replace("e0", &cursor);
    let request = reqwest::Client::new().post(url).header("accept", "text/event-stream");
    let request = request.bearer_auth(&bob).json(&json!({"query": query}));
    let mut feed = request.send().await.unwrap();
    feed.chunk().await.unwrap();
    house.job(&ann, "hers, too", false).await;
    let next = house.job(&bob, "and another", false).await;
    let told = within("the feed", &cursor, feed.chunk()).await.unwrap().unwrap();
    let told = String::from_utf8(told.to_vec()).unwrap();
    assert_eq!(told.matches("jobId").count(), 1, "{told}");
    assert!(told.contains(&next), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kind_that_may_not_be_started_is_none_or_forbidden() {
    let house = House::new().await;
    let start = "mutation($kind: String!) { startJob(input: {kind: $kind}) { created } }";
    let told = async |token: &str, kind: &str| {
        let answer = house.ask(token, start, &json!({"kind": kind})).await;
        (verdict(&answer), answer["errors"][0]["extensions"]["kinds"].clone())
    };
    let blind = house.token("ann", &["start:wide"]).await;
    assert_eq!(told(&blind, "wide").await.0, "ok");
    for kind in ["narrow", "none"] {
        let known = json!(["wide"]);
        assert_eq!(told(&blind, kind).await, ("UNKNOWN_KIND".to_owned(), known), "{kind}");
    }
    let seeing = house.token("bob", &["start:wide", "read"]).await;
    assert_eq!(told(&seeing, "narrow").await.0, "FORBIDDEN start:narrow");
    let query = "{ kinds { name viewerCanStart } workers { kinds { name } } }";
    let seen = house.ask(&seeing, query, &json!({})).await;
    let can: Vec<_> = seen["data"]["kinds"].as_array().unwrap().iter().collect();
    let able: Vec<_> = can.iter().filter(|kind| kind["viewerCanStart"] == true).collect();
    assert!(can.len() > 1 && able.len() == 1 && able[0]["name"] == "wide", "{seen}");
    let blind = house.ask(&blind, "{ kinds { name } }", &json!({})).await;
    assert_eq!(blind["data"]["kinds"], json!([{"name": "wide"}]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_token_says_what_would_be() {
    let house = House::new().await;
    let refused = async |name: &str, scopes: Value, expires: Value| {
        let query = "mutation($input: CreateTokenInput!) { createToken(input: $input) { secret } }";
        let input = json!({"name": name, "scopes": scopes, "expiresAt": expires});
        let answer = house.ask(&house.root, query, &json!({"input": input})).await;
        let error = &answer["errors"][0];
        assert_eq!(error["extensions"]["code"], "INVALID_INPUT", "{answer}");
        let argument = error["extensions"]["argument"].as_str().unwrap();
        format!("{argument}: {}", error["message"].as_str().unwrap())
    };
    let read = json!(["read"]);
    let told = refused("two words", read.clone(), Value::Null).await;
    assert!(told.starts_with("name: `two words` is not a name: expected 1 to 63 of"), "{told}");
    let told = refused("a", json!(["write"]), Value::Null).await;
    let expected = "scopes: `write` is not a scope: expected `read`, `start:KIND`, `start:*`, `cancel` or `admin`";
    assert_eq!(told, expected);
    let told = refused("a", json!([]), Value::Null).await;
    assert!(told.starts_with("scopes: `scopes` must list 1 to 100 of `read`"), "{told}");
    let told = refused("a", json!(["job:019ab3c0-5a50-7c3e-8f00-3b6f2c1d9e77"]), Value::Null).await;
    assert!(told.contains("is what a share has: use `shareJob`"), "{told}");
    let told = refused("a", read, json!("2001-01-01T00:00:00Z")).await;
    assert!(told.starts_with("expiresAt: `expiresAt` is 2001-01-01"), "{told}");
    let id = house.job(&house.root, "k", false).await;
    let query =
        "mutation($id: ID!) { shareJob(id: $id, expiresAt: \"2999-01-01T00:00:00Z\") { secret } }";
    let answer = house.ask(&house.root, query, &json!({"id": id})).await;
    let message = answer["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("(`limits.share_time`)"), "{message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_makes_the_first_token_gets_to_see_it_by_whatever_way() {
    let query = "mutation { createToken(input: {name: \"root\", scopes: [\"admin\"]}) { secret } }";
    let server = serve().await;
    let mut stream = server.subscribe(query, json!({})).await;
    let made = stream.value().await;
    assert!(made["secret"].as_str().unwrap().starts_with("lh_"), "{made}");
    let house = House { server: serve().await, root: String::new() };
    let made = house.follow("", query, &json!({})).await;
    assert!(made["data"]["createToken"]["secret"].as_str().unwrap().starts_with("lh_"), "{made}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_tells_of_its_kind_and_worker_what_its_caller_may_see() {
    let house = House::new().await;
    let query = "mutation { startJob(input: {kind: \"work\"}) { job { id } } }";
    let started = house.ask(&house.root, query, &json!({})).await;
    let id = started["data"]["startJob"]["job"]["id"].as_str().unwrap().to_owned();
    house.server.spawned().await.end().await;
    let query = "query($id: ID!) { job(id: $id) { worker { name } kind { name declared argsSchema } attempts { worker { name } } } }";
    let seen = async |token: &str| {
        let mut answer = house.ask(token, query, &json!({"id": id})).await;
        assert!(answer.get("errors").is_none(), "{answer}");
        answer["data"]["job"].take()
    };
    let whole = seen(&house.root).await;
    assert_eq!(whole["worker"]["name"], "here");
    assert_eq!(whole["kind"]["argsSchema"]["type"], "object");
    let share = house.share(&house.root, &id).await;
    let hidden = json!({"name": "work", "declared": true, "argsSchema": {}});
    let part = json!({"worker": null, "kind": hidden, "attempts": [{"worker": null}]});
    assert_eq!(seen(&share).await, part);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_asks_for_no_token_shares_nothing_and_makes_an_admin_first() {
    let server = serve().await;
    let id = server.start("wide").await;
    let query = "mutation($id: ID!) { shareJob(id: $id) { secret } }";
    let answer = server.answer(query, json!({"id": id})).await;
    assert_eq!(verdict(&answer), "FORBIDDEN read");
    let answer = server.answer(CREATE, json!({"name": "a", "scopes": ["read"]})).await;
    let message = answer["errors"][0]["message"].as_str().unwrap();
    assert!(message.starts_with("no token has the scope `admin` yet"), "{message}");
    let data = server.data("{ viewer { name } tokens { name } }", json!({})).await;
    assert_eq!(data, json!({"viewer": null, "tokens": []}));
}
