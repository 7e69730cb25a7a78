//! `longhaul wait`: returns when jobs have ended.

use std::pin::pin;
use std::time::Duration;

use clap::Args;
use futures::FutureExt as _;
use futures::future::select_all;
use serde_json::{Map, Value, json};

use crate::config::value::{duration_text, positive_duration};

use super::client::read;
use super::exit::{DONE, Failure, INTERRUPTED, TIMEOUT, USAGE, of_job};
use super::ids::{Selection, resolve_all, unknown};
use super::live_line::{LiveLine, due};
use super::model::{Job, Status};
use super::operations::{JOB, JOB_STATUS};
use super::run::last_word;
use super::{Context, output};

/// So many jobs may be followed at once: each takes a connection here and on the server.
const MOST_AT_ONCE: usize = 500;

/// What `wait` takes.
#[derive(Debug, Args)]
pub(super) struct WaitArgs {
    #[command(flatten)]
    jobs: Selection,
    /// Return when the first of them has ended, and end as that one
    #[arg(long)]
    any: bool,
    /// Give up after so long, like 30s or 2h; the jobs go on
    #[arg(long, value_name = "TIME", value_parser = positive_duration)]
    timeout: Option<Duration>,
}

/// Waits for all jobs; ends as the first of them, in the order given, that did not succeed.
pub(super) async fn run(context: &Context, args: &WaitArgs) -> Result<u8, Failure> {
    let gave_up = async {
        match args.timeout {
            Some(timeout) => {
                tokio::time::sleep(timeout).await;
                timeout
            }
            None => std::future::pending().await,
        }
    };
    let interrupted = pin!(tokio::signal::ctrl_c());
    let ended = tokio::select! {
        ended = ended(context, args) => ended?,
        timeout = gave_up => {
            let text = format!("gave up after {}; the jobs go on", duration_text(timeout));
            return Err(Failure::new(TIMEOUT, text));
        }
        _ = interrupted => {
            output::say("longhaul: interrupted: the jobs go on");
            return Ok(INTERRUPTED);
        }
    };
    if ended.is_empty() {
        output::say("no jobs");
    }
    let code = ended.iter().map(|(job, _)| of_job(job)).find(|&code| code != DONE);
    output::beside(show(context, ended))?;
    Ok(code.unwrap_or(DONE))
}

fn show(context: &Context, ended: Vec<(Job, Value)>) -> Result<(), Failure> {
    if context.json {
        let rows: Vec<_> = ended.into_iter().map(|(_, row)| row).collect();
        return output::document(&one_or_all(rows));
    }
    ended.iter().try_for_each(|(job, _)| {
        let text = format!("{}  {}  {}", job.id, job.state, job.detail());
        output::line(output::one_line(&text).trim_end())
    })
}

/// Refuses to follow more jobs at once than there are connections for.
pub(super) fn few_enough(ids: &[String]) -> Result<(), Failure> {
    if ids.len() <= MOST_AT_ONCE {
        return Ok(());
    }
    let text = format!("{} jobs are too many to follow at once: at most {MOST_AT_ONCE}", ids.len());
    Err(Failure::new(USAGE, text)
        .hint("`longhaul status --watch` without ids follows all jobs by one connection"))
}

/// One document: the row itself where one was asked for.
pub(super) fn one_or_all(mut rows: Vec<Value>) -> Value {
    if rows.len() == 1 { rows.remove(0) } else { Value::Array(rows) }
}

async fn ended(context: &Context, args: &WaitArgs) -> Result<Vec<(Job, Value)>, Failure> {
    let ids = args.jobs.given(&context.client).await?;
    if args.any {
        few_enough(&ids)?;
    }
    let ids = resolve_all(&context.client, &ids).await?;
    // A wrong id is told before the wait for a right one.
    for id in &ids {
        if context.client.field(JOB, &json!({"id": id}), "job").await?.is_null() {
            return Err(unknown(id));
        }
    }
    if args.any && !ids.is_empty() {
        let waits = ids.iter().enumerate();
        // All lose the server at the same time; the first says so.
        let waits = waits.map(|(number, id)| end(context, id, number > 0, None).boxed_local());
        let (first, _, _) = select_all(waits).await;
        return Ok(vec![first?]);
    }
    let mut ended = Vec::with_capacity(ids.len());
    for (number, id) in ids.iter().enumerate() {
        let of =
            if ids.len() > 1 { format!("[{}/{}] ", number + 1, ids.len()) } else { String::new() };
        let line = if context.json { None } else { LiveLine::new(of) };
        ended.push(end(context, id, false, line).await?);
    }
    Ok(ended)
}

/// One job, once it has ended; until then the line shows where it is.
pub(super) async fn end(
    context: &Context,
    id: &str,
    quiet: bool,
    mut line: Option<LiveLine>,
) -> Result<(Job, Value), Failure> {
    let variables = Map::from_iter([("id".to_owned(), json!(id))]);
    let events = context.client.follow(JOB_STATUS, variables);
    let mut events = if quiet { events.quiet() } else { events };
    loop {
        tokio::select! {
            event = events.next() => {
                let Some(data) = event? else { break };
                let status: Status = read(JOB_STATUS, &data["jobStatus"])?;
                if status.terminal {
                    break;
                }
                if let Some(line) = &mut line {
                    line.show(status);
                }
            }
            () = due(line.as_ref()) => line.iter_mut().for_each(LiveLine::tick),
        }
    }
    last_word(&context.client, id).await
}
