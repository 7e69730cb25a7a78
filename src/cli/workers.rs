//! `longhaul workers`: the processes that run jobs.

use serde::Deserialize;
use serde_json::json;

use super::client::read;
use super::exit::{DONE, Failure};
use super::model::Named;
use super::operations::WORKERS;
use super::{Context, output};

/// A worker, as its row shows it.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "camelCase")]
struct Worker {
    name: String,
    version: String,
    live: bool,
    draining: bool,
    slots: u32,
    busy: u32,
    last_seen_at: String,
    running: Vec<Running>,
}

/// A job that it runs.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
struct Running {
    id: String,
    kind: Named,
}

/// Lists workers.
pub(super) async fn run(context: &Context) -> Result<u8, Failure> {
    let workers = context.client.field(WORKERS, &json!({}), "workers").await?;
    if context.json {
        output::document(&workers)?;
        return Ok(DONE);
    }
    let rows: Vec<_> = read::<Vec<Worker>>(WORKERS, &workers)?.into_iter().map(cells).collect();
    output::table(&["WORKER", "STATE", "SLOTS", "VERSION", "LAST SEEN", "RUNNING"], &rows)?;
    Ok(DONE)
}

fn cells(worker: Worker) -> Vec<String> {
    let state = match (worker.live, worker.draining) {
        (false, _) => "gone",
        (true, true) => "draining",
        (true, false) => "live",
    };
    let running = worker.running.iter().map(|job| format!("{} {}", job.kind.name, job.id));
    vec![
        worker.name,
        state.to_owned(),
        format!("{}/{}", worker.busy, worker.slots),
        worker.version,
        worker.last_seen_at,
        running.collect::<Vec<_>>().join(", "),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_reads_what_its_document_selects() {
        super::super::operations::selected::<Worker>(WORKERS, "/workers/0");
    }
}
