//! `longhaul queue`, `longhaul pause` and `longhaul resume`.

use std::fmt::Write as _;
use std::time::Duration;

use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::domain::clock::{Clock as _, SystemClock};

use super::client::read;
use super::completions;
use super::exit::{DONE, Failure, USAGE};
use super::model::{Job, Named};
use super::operations::{Operation, PAUSE_QUEUE, QUEUED_JOBS, QUEUES, RESUME_QUEUE};
use super::paging::Paging;
use super::progress_line::rough;
use super::{Context, output};

/// A queue, as its heading shows it.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "camelCase")]
struct Queue {
    name: String,
    slots: u32,
    paused: bool,
    paused_note: Option<String>,
    stats: Stats,
}

/// What goes on in it.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "camelCase")]
struct Stats {
    waiting: u64,
    running: u64,
    not_before: u64,
    run_p50_ms: Option<u64>,
}

/// A queue that was paused or resumed.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
struct Changed {
    name: String,
    paused: bool,
}

/// What `queue` takes.
#[derive(Debug, Args)]
pub(super) struct QueueArgs {
    /// The queue [default: all]
    #[arg(add = ArgValueCompleter::new(completions::queues))]
    name: Option<String>,
    /// At most so many of the jobs that wait in a queue
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=100))]
    limit: u32,
}

/// Shows queues and who waits in them, the next one first.
pub(super) async fn show_queues(context: &Context, args: &QueueArgs) -> Result<u8, Failure> {
    let queues = context.client.field(QUEUES, &json!({}), "queues").await?;
    let mut queues = read::<Vec<Value>>(QUEUES, &queues)?
        .into_iter()
        .map(|row| Ok((read(QUEUES, &row)?, row)))
        .collect::<Result<Vec<(Queue, Value)>, Failure>>()?;
    if let Some(name) = &args.name {
        let names: Vec<_> = queues.iter().map(|(queue, _)| queue.name.as_str()).collect();
        if !names.contains(&name.as_str()) {
            let message =
                format!("there is no queue `{name}`: expected one of {}", names.join(", "));
            return Err(Failure::new(USAGE, message));
        }
        queues.retain(|(queue, _)| queue.name == *name);
    }
    let mut documents = Vec::new();
    for (queue, mut row) in queues {
        let whole = ("whole".to_owned(), json!(context.json));
        let variables = [("queue".to_owned(), json!(queue.name)), whole].into_iter().collect();
        let nodes =
            Paging::new(&context.client, QUEUED_JOBS, variables).up_to(args.limit).await?.rows;
        if context.json {
            row["jobs"] = Value::Array(nodes);
            documents.push(row);
            continue;
        }
        output::line(&heading(&queue))?;
        let rows = nodes.iter().map(cells).collect::<Result<Vec<_>, Failure>>()?;
        if !rows.is_empty() {
            output::table(&["#", "ID", "KIND", "CREATED", "STARTS", "WAITS"], &rows)?;
        }
    }
    if context.json {
        output::document(&documents)?;
    }
    Ok(DONE)
}

/// Like `default: 2 of 4 slots busy, 6 waiting`.
fn heading(queue: &Queue) -> String {
    let stats = &queue.stats;
    let mut line = format!(
        "{}: {} of {} slots busy, {} waiting",
        queue.name, stats.running, queue.slots, stats.waiting,
    );
    if stats.not_before > 0 {
        write!(line, ", {} later", stats.not_before).expect("a string can be written");
    }
    if let Some(median) = stats.run_p50_ms {
        write!(line, ", median run {}", rough(Duration::from_millis(median)))
            .expect("a string can be written");
    }
    if queue.paused {
        line.push_str(", paused");
        if let Some(note) = queue.paused_note.as_ref().filter(|note| !note.is_empty()) {
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

/// Which queue.
#[derive(Debug, Args)]
struct Which {
    /// The queue
    #[arg(default_value = "default", add = ArgValueCompleter::new(completions::queues))]
    queue: String,
    /// Every queue, one after the other
    #[arg(long, conflicts_with = "queue")]
    all: bool,
}

/// What `pause` takes.
#[derive(Debug, Args)]
pub(super) struct PauseArgs {
    #[command(flatten)]
    which: Which,
    /// Why, for a person
    #[arg(long)]
    note: Option<String>,
}

/// What `resume` takes.
#[derive(Debug, Args)]
pub(super) struct ResumeArgs {
    #[command(flatten)]
    which: Which,
}

/// Pauses a queue, or all.
pub(super) async fn pause(context: &Context, args: &PauseArgs) -> Result<u8, Failure> {
    let variables = |name: &str| json!({"name": name, "note": args.note});
    each(context, &args.which, PAUSE_QUEUE, "pauseQueue", variables).await
}

/// Resumes a queue, or all.
pub(super) async fn resume(context: &Context, args: &ResumeArgs) -> Result<u8, Failure> {
    let variables = |name: &str| json!({"name": name});
    each(context, &args.which, RESUME_QUEUE, "resumeQueue", variables).await
}

/// Does it with every queue that is meant, also after one with which it fails; ends as the first of those.
async fn each(
    context: &Context,
    which: &Which,
    operation: Operation,
    field: &str,
    variables: impl Fn(&str) -> Value,
) -> Result<u8, Failure> {
    let client = &context.client;
    if !which.all {
        let mut payload = client.field(operation, &variables(&which.queue), field).await?;
        if let Some(row) = show(context, operation, payload["queue"].take())? {
            output::document(&row)?;
        }
        return Ok(DONE);
    }
    let queues = client.field(QUEUES, &json!({}), "queues").await?;
    let (mut rows, mut code) = (Vec::new(), DONE);
    for Named { name } in read::<Vec<Named>>(QUEUES, &queues)? {
        match client.field(operation, &variables(&name), field).await {
            Ok(mut payload) => rows.extend(show(context, operation, payload["queue"].take())?),
            Err(error) => {
                let failure = Failure::from(error);
                output::say(&format!("{failure}\n  queue: {name}"));
                code = if code == DONE { failure.code } else { code };
            }
        }
    }
    if context.json {
        output::beside(output::document(&rows))?;
    }
    Ok(code)
}

/// Tells of a queue that was changed; for a program the row is handed back.
fn show(context: &Context, operation: Operation, row: Value) -> Result<Option<Value>, Failure> {
    let Changed { name, paused } = read(operation, &row)?;
    if context.json {
        return Ok(Some(row));
    }
    let state = if paused { "paused" } else { "open" };
    // Whoever stops reading did not ask for fewer.
    output::beside(output::line(&format!("{name}  {state}")))?;
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::super::operations::selected;
    use super::*;

    #[test]
    fn a_heading_reads_what_its_document_selects() {
        selected::<Queue>(QUEUES, "/queues/0");
        selected::<Changed>(PAUSE_QUEUE, "/pauseQueue/queue");
        selected::<Changed>(RESUME_QUEUE, "/resumeQueue/queue");
    }
}
