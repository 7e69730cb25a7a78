//! `longhaul logs`: what a job printed; what it printed on standard error goes there again.

use std::pin::pin;

use chrono::{DateTime, Utc};
use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use serde_json::{Map, Value, json};

use super::client::read;
use super::completions;
use super::exit::{DONE, Failure, INTERRUPTED};
use super::ids::{resolve, unknown};
use super::list::since;
use super::model::{LogChunk, LogLine, Page};
use super::operations::{JOB_LOG, JOB_LOG_PAGE};
use super::{Context, output};

/// The most lines of a page, unless the server allows fewer.
const PAGE: u32 = 5_000;

/// What `logs` takes.
#[derive(Debug, Args)]
pub(super) struct LogsArgs {
    /// The job's id, or the beginning of one
    #[arg(add = ArgValueCompleter::new(completions::jobs))]
    id: String,
    /// Go on with what comes until the job has ended
    #[arg(short, long)]
    follow: bool,
    /// Begin with the last N lines [default: all]
    #[arg(short = 'n', long = "lines", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=5_000))]
    lines: Option<u32>,
    /// Only what it printed on standard error
    #[arg(long)]
    stderr: bool,
    /// Only lines since then: an instant, or so long ago, like 5m
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<DateTime<Utc>>,
    /// Begin each line with when it was read
    #[arg(long)]
    timestamps: bool,
}

impl LogsArgs {
    /// The stream to ask for.
    fn stream(&self) -> Value {
        if self.stderr { json!("STDERR") } else { Value::Null }
    }
}

/// Prints a log.
pub(super) async fn run(context: &Context, args: &LogsArgs) -> Result<u8, Failure> {
    let id = &resolve(&context.client, &args.id).await?;
    if !args.follow {
        return print_pages(context, args, id).await.map(|()| DONE);
    }
    // Tells at once whether there is such a job, and whether anybody answers.
    page(context, json!({"id": id, "last": 1})).await?;
    let interrupted = pin!(tokio::signal::ctrl_c());
    tokio::select! {
        followed = follow(context, args, id) => followed.map(|()| DONE),
        _ = interrupted => {
            output::say("longhaul: interrupted: the job goes on");
            Ok(INTERRUPTED)
        }
    }
}

/// A page of the log; as many lines as the server allows where it allows fewer of all.
async fn page(context: &Context, mut variables: Value) -> Result<Value, Failure> {
    let mut job = match context.client.field(JOB_LOG_PAGE, &variables, "job").await {
        Err(error) if variables["first"] == PAGE => {
            let most = error.most("first").ok_or(error)?;
            variables["first"] = json!(most);
            context.client.field(JOB_LOG_PAGE, &variables, "job").await?
        }
        job => job?,
    };
    if job.is_null() {
        return Err(unknown(variables["id"].as_str().unwrap_or_default()));
    }
    Ok(job["log"].take())
}

async fn print_pages(context: &Context, args: &LogsArgs, id: &str) -> Result<(), Failure> {
    let mut variables = match args.lines {
        Some(lines) => json!({"id": id, "last": lines, "stream": args.stream()}),
        None => json!({"id": id, "first": PAGE, "stream": args.stream()}),
    };
    let mut dropped = 0;
    loop {
        let page = page(context, variables.clone()).await?;
        dropped = page["droppedBytes"].as_u64().unwrap_or(0).max(dropped);
        let page: Page = read(JOB_LOG_PAGE, &page)?;
        for line in &page.nodes {
            print(context, args, line)?;
        }
        match page.next() {
            Some(next) if args.lines.is_none() => variables["after"] = json!(next),
            _ => break,
        }
    }
    if dropped > 0 {
        output::say(&format!("{dropped} bytes of the log are left out: it grew past its limit"));
    }
    Ok(())
}

async fn follow(context: &Context, args: &LogsArgs, id: &str) -> Result<(), Failure> {
    let mut variables = Map::from_iter([("id".to_owned(), json!(id))]);
    if args.stderr {
        variables.insert("stream".to_owned(), args.stream());
    }
    if let Some(lines) = args.lines {
        variables.insert("tail".to_owned(), json!(lines));
    }
    let mut log = context.client.follow(JOB_LOG, variables);
    while let Some(data) = log.next().await? {
        let chunk: LogChunk = read(JOB_LOG, &data["jobLog"])?;
        for line in &chunk.lines {
            print(context, args, line)?;
        }
        log.set("after", json!(chunk.cursor));
        log.unset("tail");
        if chunk.complete {
            break;
        }
    }
    Ok(())
}

fn print(context: &Context, args: &LogsArgs, line: &Value) -> Result<(), Failure> {
    let at = line["at"].as_str().unwrap_or_default();
    // An instant that nobody can read is no reason to keep a line back.
    let read_at = DateTime::parse_from_rfc3339(at).ok();
    if args.since.is_some_and(|since| read_at.is_some_and(|at| at < since)) {
        return Ok(());
    }
    if context.json {
        return output::record(line);
    }
    let mut line: LogLine = read(JOB_LOG, line)?;
    if args.timestamps {
        line.text.insert_str(0, &format!("{at} "));
    }
    print_line(&line)
}

/// Prints a line where its job had printed it; Longhaul's own to standard error.
pub(super) fn print_line(line: &LogLine) -> Result<(), Failure> {
    let cut = if line.cut { " […]" } else { "" };
    let text = format!("{}{cut}", line.text);
    match line.stream.as_str() {
        "STDOUT" => output::printed(&text)?,
        "SYSTEM" => output::say(&format!("[longhaul] {text}")),
        _ => output::printed_error(&text),
    }
    Ok(())
}
