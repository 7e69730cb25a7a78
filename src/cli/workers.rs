//! `longhaul workers`, `longhaul drain` and `longhaul resume-worker`: the processes that run jobs.

use clap::Args;
use serde::Deserialize;
use serde_json::json;

use super::client::read;
use super::exit::{DONE, Failure, USAGE};
use super::model::{Label, Named, labels};
use super::operations::{DRAIN_WORKER, Operation, RESUME_WORKER, WORKERS};
use super::{Context, output};

/// A worker, as its row shows it.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "camelCase")]
struct Worker {
    id: String,
    name: String,
    version: String,
    live: bool,
    draining: bool,
    slots: u32,
    busy: u32,
    last_seen_at: String,
    labels: Vec<Label>,
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
    output::table(
        &["WORKER", "STATE", "SLOTS", "VERSION", "LAST SEEN", "LABELS", "RUNNING"],
        &rows,
    )?;
    Ok(DONE)
}

/// What `drain` and `resume-worker` take.
#[derive(Debug, Args)]
pub(super) struct WorkerArgs {
    /// The worker, by its name or its id
    worker: String,
}

/// A worker that drains, or goes on.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
struct Changed {
    name: String,
    draining: bool,
}

/// Has a worker take nothing more.
pub(super) async fn drain(context: &Context, args: &WorkerArgs) -> Result<u8, Failure> {
    order(context, args, DRAIN_WORKER, "drainWorker").await
}

/// Has a worker take jobs again.
pub(super) async fn resume(context: &Context, args: &WorkerArgs) -> Result<u8, Failure> {
    order(context, args, RESUME_WORKER, "resumeWorker").await
}

async fn order(
    context: &Context,
    args: &WorkerArgs,
    operation: Operation,
    field: &str,
) -> Result<u8, Failure> {
    let workers = context.client.field(WORKERS, &json!({}), "workers").await?;
    let live = read::<Vec<Worker>>(WORKERS, &workers)?.into_iter().filter(|worker| worker.live);
    let live: Vec<Worker> = live.collect();
    let asked = &args.worker;
    let Some(worker) = live.iter().find(|w| w.name == *asked || w.id == *asked) else {
        let names: Vec<_> = live.iter().map(|worker| worker.name.as_str()).collect();
        let message =
            format!("no live worker is called `{asked}`: expected one of {}", names.join(", "));
        return Err(Failure::new(USAGE, message));
    };
    let payload = context.client.field(operation, &json!({"id": worker.id}), field).await?;
    let Changed { name, draining } = read(operation, &payload["worker"])?;
    if context.json {
        output::document(&payload["worker"])?;
    } else {
        output::line(&format!("{name}  {}", if draining { "draining" } else { "live" }))?;
    }
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
        labels(&worker.labels),
        running.collect::<Vec<_>>().join(", "),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_reads_what_its_document_selects() {
        super::super::operations::selected::<Worker>(WORKERS, "/workers/0");
        super::super::operations::selected::<Changed>(DRAIN_WORKER, "/drainWorker/worker");
        super::super::operations::selected::<Changed>(RESUME_WORKER, "/resumeWorker/worker");
    }
}
