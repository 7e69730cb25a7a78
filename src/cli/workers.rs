//! `longhaul workers`: the processes that run jobs.

use serde_json::{Value, json};

use super::exit::{DONE, Failure};
use super::operations::WORKERS;
use super::{Context, output};

/// Lists workers.
pub(super) async fn run(context: &Context) -> Result<u8, Failure> {
    let workers = context.client.field(WORKERS, &json!({}), "workers").await?;
    if context.json {
        output::document(&workers)?;
        return Ok(DONE);
    }
    let rows: Vec<_> = workers.as_array().into_iter().flatten().map(cells).collect();
    output::table(&["WORKER", "STATE", "SLOTS", "VERSION", "LAST SEEN", "RUNNING"], &rows)?;
    Ok(DONE)
}

fn cells(worker: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let state = match (&worker["live"], &worker["draining"]) {
        (Value::Bool(false), _) => "gone",
        (_, Value::Bool(true)) => "draining",
        _ => "live",
    };
    let running = worker["running"].as_array().into_iter().flatten();
    let running = running.map(|job| format!("{} {}", text(&job["kind"]["name"]), text(&job["id"])));
    vec![
        text(&worker["name"]),
        state.to_owned(),
        format!("{}/{}", worker["busy"], worker["slots"]),
        text(&worker["version"]),
        text(&worker["lastSeenAt"]),
        running.collect::<Vec<_>>().join(", "),
    ]
}
