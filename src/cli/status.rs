//! `longhaul status`: jobs, each with all there is to say; with `--watch` each of their changes.

use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use futures::StreamExt as _;
use futures::stream::{select_all, unfold};
use serde_json::{Map, json};

use crate::domain::clock::{Clock as _, SystemClock, Timestamp};

use super::client::read;
use super::completions;
use super::exit::{DONE, Failure};
use super::ids::{resolve_all, unknown};
use super::list;
use super::model::{Job, Progress, Status, Wait};
use super::operations::{JOB, JOB_FEED, JOB_STATUS};
use super::wait::{few_enough, one_or_all};
use super::{Context, output};

/// What `status` takes.
#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// The ids of the jobs, or beginnings of ids [default: a line for each that has not ended]
    #[arg(value_name = "ID", add = ArgValueCompleter::new(completions::jobs))]
    ids: Vec<String>,
    /// Go on with a line for each change: until the jobs have ended, or without ids until Ctrl-C
    #[arg(short, long)]
    watch: bool,
}

/// Shows jobs.
pub(super) async fn run(context: &Context, args: &StatusArgs) -> Result<u8, Failure> {
    if args.watch {
        few_enough(&args.ids)?;
    }
    let ids = resolve_all(&context.client, &args.ids).await?;
    match (ids.is_empty(), args.watch) {
        (true, false) => return list::open(context).await.map(|_| DONE),
        (true, true) => return watch_all(context).await,
        (false, _) => {}
    }
    let mut rows = Vec::new();
    for id in &ids {
        let row = context.client.field(JOB, &json!({"id": id}), "job").await?;
        if row.is_null() {
            return Err(unknown(id));
        }
        rows.push(row);
    }
    if args.watch {
        return watch(context, &ids).await;
    }
    if context.json {
        output::document(&one_or_all(rows))?;
        return Ok(DONE);
    }
    let blocks: Vec<String> = rows
        .iter()
        .map(|row| Ok(block(&read(JOB, row)?, SystemClock.now())))
        .collect::<Result<_, Failure>>()?;
    output::text(&blocks.join("\n"))?;
    Ok(DONE)
}

/// A line for each change of these jobs, until all have ended.
async fn watch(context: &Context, ids: &[String]) -> Result<u8, Failure> {
    let follow = |(number, id): (usize, &String)| {
        let variables = Map::from_iter([("id".to_owned(), json!(id))]);
        let events = context.client.follow(JOB_STATUS, variables);
        // All lose the server at the same time; the first says so.
        let events = if number > 0 { events.quiet() } else { events };
        unfold(events, |mut events| async move { Some((events.next().await.transpose()?, events)) })
            .boxed_local()
    };
    let mut all = select_all(ids.iter().enumerate().map(follow));
    let mut told = std::collections::HashMap::new();
    while let Some(event) = all.next().await {
        let event = &event?["jobStatus"];
        if context.json {
            output::record(event)?;
            continue;
        }
        let id = event["id"].as_str().unwrap_or_default().to_owned();
        let status: Status = read(JOB_STATUS, event)?;
        let text = status.told();
        // An outage brings the same once more; how soon the next change comes moves by itself.
        if told.get(&id) != Some(&text) {
            let line = format!("{id}  {}", status.told_at(SystemClock.now()));
            output::line(&output::one_line(&line))?;
            told.insert(id, text);
        }
    }
    Ok(DONE)
}

/// A line for each change of every job.
async fn watch_all(context: &Context) -> Result<u8, Failure> {
    // What changes while they are listed is told behind them.
    let mut begin = Map::new();
    if !context.json {
        begin.insert("after".to_owned(), list::open(context).await?);
    }
    let mut feed = context.client.follow(JOB_FEED, begin);
    while let Some(mut data) = feed.next().await? {
        let message = &mut data["jobFeed"];
        if message["reset"] == json!(true) {
            skipped(context).await?;
        }
        for event in message["events"].as_array().into_iter().flatten() {
            if context.json {
                output::record(event)?;
            } else if !event["job"].is_null() {
                let job: Job = read(JOB_FEED, &event["job"])?;
                let line =
                    format!("{}  {}  {}  {}", job.id, job.state, job.kind.name, job.detail());
                output::line(output::one_line(&line).trim_end())?;
            }
        }
        // Where it stopped is where the next connection goes on.
        feed.set("after", message["cursor"].take());
    }
    Ok(DONE)
}

/// Changes were missed, which the server cannot tell of any more: what has not ended is listed anew.
async fn skipped(context: &Context) -> Result<(), Failure> {
    output::say("longhaul: changes were missed, of which the server knows no more");
    if context.json {
        return output::record(&json!({"reset": true}));
    }
    list::open(context).await.map(drop)
}

/// A job as lines of a name and a value; what is not there is left out.
fn block(job: &Job, now: Timestamp) -> String {
    let (next, soon) = job.outlook(now).map_or(("", None), |(next, soon)| (next, Some(soon)));
    let ended = job.reason_text.clone().or(job.reason.clone()).filter(|_| job.terminal);
    let attempt = (job.max_attempts > 1 || job.attempt > 1)
        .then(|| format!("{}, failures may cost {}", job.attempt, job.max_attempts));
    let rows = [
        ("id", Some(job.id.clone())),
        ("kind", Some(job.kind.name.clone())),
        ("queue", Some(job.queue.name.clone())),
        ("state", Some(job.state.clone())),
        ("wait", job.wait.as_ref().map(Wait::told)),
        (next, soon),
        ("progress", job.progress.as_ref().and_then(Progress::told)),
        ("reason", ended),
        ("labels", Some(job.labels()).filter(|labels| !labels.is_empty())),
        ("note", job.cancel_note.clone()),
        ("exit code", job.exit_code.map(|code| code.to_string())),
        ("signal", job.signal.clone()),
        ("attempt", attempt),
        ("created", Some(job.created_at.clone())),
        ("started", job.started_at.clone()),
        ("ended", job.ended_at.clone()),
        ("result", job.result.as_ref().map(ToString::to_string)),
    ];
    let rows: Vec<_> =
        rows.into_iter().filter_map(|(name, value)| Some(vec![name.to_owned(), value?])).collect();
    // The table's titles are the first line, and here there are none.
    output::aligned(&["", ""], &rows).trim_start_matches('\n').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_shown_without_what_is_not_there() {
        let job = json!({
            "id": "019", "kind": {"name": "demo"}, "queue": {"name": "default"},
            "state": "RUNNING", "terminal": false, "createdAt": "2026-11-25T04:44:34.120Z",
            "progress": {"percent": 50.0}, "attempt": 2, "maxAttempts": 3,
            "estimate": {"endAt": "2026-11-25T12:00:40Z", "endAtLatest": "2026-11-25T12:02:00Z"},
        });
        let now = "2026-11-25T12:00:00Z".parse().unwrap();
        insta::assert_snapshot!(block(&serde_json::from_value(job).unwrap(), now), @r"
        id        019
        kind      demo
        queue     default
        state     RUNNING
        ends      in ~40 s, 9 of 10 within 2 min
        progress  50 %
        attempt   2, failures may cost 3
        created   2026-11-25T04:44:34.120Z
        ");
    }
}
