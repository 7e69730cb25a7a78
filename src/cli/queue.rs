//! `longhaul queue`, `longhaul pause` and `longhaul resume`.

use std::fmt::Write as _;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use crate::domain::clock::{Clock as _, SystemClock};

use super::client::read;
use super::exit::{DONE, Failure, USAGE};
use super::model::Job;
use super::operations::{PAUSE_QUEUE, QUEUED_JOBS, QUEUES, RESUME_QUEUE};
use super::progress_line::rough;
use super::{Context, output};

/// What `queue` takes.
#[derive(Debug, Args)]
pub(super) struct QueueArgs {
    /// The queue [default: all]
    name: Option<String>,
    /// At most so many of the jobs that wait in a queue
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=100))]
    limit: u32,
}

/// Shows queues and who waits in them, the next one first.
pub(super) async fn show_queues(context: &Context, args: &QueueArgs) -> Result<u8, Failure> {
    let mut queues = context.client.field(QUEUES, &json!({}), "queues").await?;
    let Value::Array(queues) = &mut queues else { return Ok(DONE) };
    if let Some(name) = &args.name {
        let names: Vec<_> = queues.iter().map(|queue| text(&queue["name"])).collect();
        if !names.contains(name) {
            let message =
                format!("there is no queue `{name}`: expected one of {}", names.join(", "));
            return Err(Failure::new(USAGE, message));
        }
        queues.retain(|queue| queue["name"] == name.as_str());
    }
    for queue in queues.iter_mut() {
        let variables = json!({"queue": queue["name"], "first": args.limit, "whole": context.json});
        let mut jobs = context.client.field(QUEUED_JOBS, &variables, "jobs").await?;
        queue["jobs"] = jobs["nodes"].take();
    }
    if context.json {
        output::document(&queues)?;
        return Ok(DONE);
    }
    for queue in queues {
        output::line(&heading(queue))?;
        let rows = queue["jobs"].as_array().into_iter().flatten().map(cells);
        let rows = rows.collect::<Result<Vec<_>, Failure>>()?;
        if !rows.is_empty() {
            output::table(&["#", "ID", "KIND", "CREATED", "STARTS", "WAITS"], &rows)?;
        }
    }
    Ok(DONE)
}

/// Like `default: 2 of 4 slots busy, 6 waiting`.
fn heading(queue: &Value) -> String {
    let stats = &queue["stats"];
    let mut line = format!(
        "{}: {} of {} slots busy, {} waiting",
        text(&queue["name"]),
        stats["running"],
        queue["slots"],
        stats["waiting"],
    );
    if stats["notBefore"].as_u64().is_some_and(|later| later > 0) {
        write!(line, ", {} later", stats["notBefore"]).expect("a string can be written");
    }
    if let Some(median) = stats["runP50Ms"].as_u64() {
        write!(line, ", median run {}", rough(Duration::from_millis(median)))
            .expect("a string can be written");
    }
    if queue["paused"] == Value::Bool(true) {
        let note = text(&queue["pausedNote"]);
        line.push_str(", paused");
        if !note.is_empty() {
            write!(line, ": {note}").expect("a string can be written");
        }
    }
    output::one_line(&line)
}

fn cells(row: &Value) -> Result<Vec<String>, Failure> {
    let job: Job = read(QUEUED_JOBS, row)?;
    let place = job.wait.as_ref().and_then(|wait| wait.position);
    let place = place.map_or_else(|| "-".to_owned(), |place| place.to_string());
    let starts = job.starts(SystemClock.now()).unwrap_or_else(|| "-".to_owned());
    let reason = job.wait.map(|wait| wait.reason_text).unwrap_or_default();
    Ok(vec![place, job.id, job.kind.name, job.created_at, starts, reason])
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// What `pause` takes.
#[derive(Debug, Args)]
pub(super) struct PauseArgs {
    /// The queue
    #[arg(default_value = "default")]
    queue: String,
    /// Why, for a person
    #[arg(long)]
    note: Option<String>,
}

/// What `resume` takes.
#[derive(Debug, Args)]
pub(super) struct ResumeArgs {
    /// The queue
    #[arg(default_value = "default")]
    queue: String,
}

/// Pauses a queue.
pub(super) async fn pause(context: &Context, args: &PauseArgs) -> Result<u8, Failure> {
    let variables = json!({"name": args.queue, "note": args.note});
    let payload = context.client.field(PAUSE_QUEUE, &variables, "pauseQueue").await?;
    show(context, &payload)
}

/// Resumes a queue.
pub(super) async fn resume(context: &Context, args: &ResumeArgs) -> Result<u8, Failure> {
    let variables = json!({"name": args.queue});
    let payload = context.client.field(RESUME_QUEUE, &variables, "resumeQueue").await?;
    show(context, &payload)
}

fn show(context: &Context, payload: &Value) -> Result<u8, Failure> {
    let queue = &payload["queue"];
    if context.json {
        output::document(queue)?;
    } else {
        let state = if queue["paused"] == Value::Bool(true) { "paused" } else { "open" };
        output::line(&format!("{}  {state}", queue["name"].as_str().unwrap_or_default()))?;
    }
    Ok(DONE)
}
