//! Worker labels over several servers on one database: who has them runs what asks for them, in the order
//! of one line, and whoever is asked says what a job waits for.

use serde_json::{Value, json};

use super::fleet::{Fleet, job, reason, runs, until, waits};
use crate::support::graphql::Api;
use crate::support::server::Server;

/// A worker with these labels, as TOML has them, that knows a kind for those with `gpu = "a100"`.
async fn server(fleet: &Fleet, name: &str, labels: &str) -> Server {
    let config = fleet.config(name, 1).replace("[queues", &format!("labels = {labels}\n[queues"));
    let train = "[kinds.train]\ncommand = [\"true\"]\nworker_labels = { gpu = \"a100\" }\n";
    Server::start(&(config + train)).await
}

async fn estimate(api: &Api, id: &str) -> Value {
    let data =
        api.ask("query($id: ID!) { job(id: $id) { estimate { startAt } } }", json!({ "id": id }));
    data.await["job"]["estimate"].take()
}

/// P2: nobody is told a start before a worker comes that can run it; then it is claimed there, though a
/// worker without the labels is free, and those behind it were not held up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_waits_for_a_worker_with_its_labels() {
    let fleet = Fleet::new().await;
    let a = server(&fleet, "a", "{ gpu = \"h100\", zone = \"b\" }").await;
    let id = a.api.start("train", json!({})).await;
    let waits = job(&a.api, &id).await;
    let expected = json!({"reason": "NO_WORKER", "position": null,
        "reasonText": "no worker with gpu=a100 takes jobs of the kind `train`"});
    assert_eq!(waits["wait"], expected);
    let behind = fleet.start(&a.api, "open").await;
    let mut other = runs(&a.api, &behind, 1).await;
    assert_eq!(reason(&job(&a.api, &id).await), "NO_WORKER", "the one behind it was free to go");
    let mut watched = a.api.watch(&id).await;
    let b = server(&fleet, "b", "{ gpu = \"a100\" }").await;
    let end = watched.end().await;
    assert_eq!(end["state"], "SUCCEEDED");
    assert_eq!(job(&a.api, &id).await["worker"]["name"], "b");
    assert_eq!(estimate(&a.api, &id).await, Value::Null);

    let query =
        "{ workers { name labels { key value } kinds { name workerLabels { key value } } } }";
    let data = b.api.ask(query, json!({})).await;
    let gate = json!({"name": "gate", "workerLabels": []});
    let train = json!({"name": "train", "workerLabels": [{"key": "gpu", "value": "a100"}]});
    let of_a = json!([{"key": "gpu", "value": "h100"}, {"key": "zone", "value": "b"}]);
    assert_eq!(
        data["workers"],
        json!([{"name": "b", "labels": [{"key": "gpu", "value": "a100"}], "kinds": [gate, train]},
            {"name": "a", "labels": of_a, "kinds": [gate]}])
    );
    // Each declares the same, and has its own labels.
    let data = a.api.ask("{ kinds { differsOn } }", json!({})).await;
    assert_eq!(data, json!({"kinds": [{"differsOn": []}, {"differsOn": []}]}));
    fleet.open("open");
    assert_eq!(other.end().await["state"], "SUCCEEDED");
}

/// What only a worker may run that is full, drains or is gone: each is told, on the server that cannot run it,
/// as soon as it is so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_reason_follows_the_workers_that_have_the_labels() {
    let fleet = Fleet::new().await;
    let (a, mut b) =
        (server(&fleet, "a", "{}").await, server(&fleet, "b", "{ gpu = \"a100\" }").await);
    // One on each: the queue has two slots, each worker one.
    let gates = [fleet.start(&a.api, "gate").await, fleet.start(&a.api, "gate").await];
    for gate in &gates {
        drop(runs(&a.api, gate, 1).await);
    }
    a.api
        .ask("mutation { setQueueSlots(name: \"default\", slots: 9) { changed } }", json!({}))
        .await;
    let first = a.api.start("train", json!({})).await;
    let mut watched = waits(&a.api, &first).await;
    let full = until(&mut watched, "its worker is full", |s| reason(s) == "SLOTS_BUSY").await;
    let text = full["wait"]["reasonText"].as_str().unwrap();
    assert!(
        text.starts_with("1 of 1 slots of the workers with gpu=a100 are busy: gate "),
        "{text}"
    );
    assert!(!text.contains("more") && !text.contains(", gate"), "only what runs there: {text}");
    assert_eq!(full["wait"]["position"], 1);

    let data = a.api.ask("{ workers { name id } }", json!({})).await;
    let of_b = data["workers"].as_array().unwrap().iter().find(|w| w["name"] == "b").unwrap();
    let drain = "mutation($id: ID!) { drainWorker(id: $id) { changed } }";
    a.api.ask(drain, json!({ "id": of_b["id"] })).await;
    let stands = until(&mut watched, "its worker drains", |s| reason(s) == "NO_WORKER").await;
    assert_eq!(
        stands["wait"]["reasonText"],
        "no worker with gpu=a100 takes jobs of the kind `train`; `b` drains, and takes nothing more"
    );
    assert_eq!(estimate(&a.api, &first).await, Value::Null);
    let resume = "mutation($id: ID!) { resumeWorker(id: $id) { changed } }";
    a.api.ask(resume, json!({ "id": of_b["id"] })).await;
    until(&mut watched, "it goes on", |s| reason(s) == "SLOTS_BUSY").await;
    b.stop().await;
    // A worker that stops drains before it is gone.
    let nobody = "no worker with gpu=a100 takes jobs of the kind `train`";
    until(&mut watched, "its worker is gone", |s| s["wait"]["reasonText"] == nobody).await;
    fleet.open("gate");
    b.start_again().await;
    assert_eq!(watched.end().await["state"], "SUCCEEDED");
}

/// A kind that two workers declare differently is told by name on each, and looked at by `doctor`; who runs
/// the job decides.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kind_that_is_another_one_elsewhere_is_told() {
    let fleet = Fleet::new().await;
    let kind = |name: &str, slots, code: u32| {
        let command = format!(
            "[kinds.same]\ncommand = [\"true\"]\ntitle = \"{code}\"\n\
             [kinds.other]\ncommand = [\"sh\", \"-c\", \"exit {code}\"]\n"
        );
        fleet.config(name, slots) + &command
    };
    let a = Server::start(&kind("a", 1, 3)).await;
    let b = Server::start(&kind("b", 1, 4)).await;
    let differs = |name: &str| {
        json!({"kinds": [
            {"name": "gate", "differsOn": []},
            {"name": "other", "differsOn": [name]},
            {"name": "same", "differsOn": []},
        ]})
    };
    let query = "{ kinds { name differsOn } }";
    // The one that came first hears of the other with the jobs that it runs, or drains.
    let held = [fleet.start(&a.api, "gate").await, fleet.start(&a.api, "gate").await];
    for id in &held {
        drop(runs(&a.api, id, 1).await);
    }
    assert_eq!(b.api.ask(query, json!({})).await, differs("a"));
    let data = a.api.ask("{ workers { name id } }", json!({})).await;
    let of_a = data["workers"].as_array().unwrap().iter().find(|w| w["name"] == "a").unwrap();
    let drain = "mutation($id: ID!) { drainWorker(id: $id) { changed } }";
    a.api.ask(drain, json!({ "id": of_a["id"] })).await;
    assert_eq!(a.api.ask(query, json!({})).await, differs("b"));

    let mut doctor = std::process::Command::new(env!("CARGO_BIN_EXE_longhaul"));
    doctor.args(["doctor", "--data"]).arg(a.folder().join("data"));
    doctor.arg("--config").arg(a.folder().join("longhaul.toml"));
    doctor.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    let output = tokio::task::spawn_blocking(move || doctor.output().unwrap()).await.unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let expected = "warning  kinds: `other` is declared otherwise on b: the worker that runs a job decides what it runs";
    assert!(told.contains(expected), "{told}");

    fleet.open("gate");
    let id = a.api.start("other", json!({})).await;
    let end = a.api.watch(&id).await.end().await;
    assert_eq!((&end["state"], &end["job"]["exitCode"]), (&json!("FAILED"), &json!(4)));
}
