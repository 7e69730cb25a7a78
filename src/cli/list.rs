//! `longhaul list`: the newest jobs, a line each.

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use super::client::read;
use super::exit::{DONE, Failure};
use super::model::Job;
use super::operations::JOBS;
use super::{Context, output};

/// The most jobs of a page, unless the server allows fewer.
const PAGE: u32 = 100;

/// What `list` takes.
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Only those in this state; may be given again
    #[arg(long, value_enum, ignore_case = true)]
    state: Vec<State>,
    /// Only those of this kind; may be given again
    #[arg(long)]
    kind: Vec<String>,
    /// Only those of this queue; may be given again
    #[arg(long)]
    queue: Vec<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum State {
    Queued,
    Running,
    Canceling,
    Succeeded,
    Failed,
    Canceled,
}

/// Lists jobs.
pub(super) async fn run(context: &Context, args: &ListArgs) -> Result<u8, Failure> {
    let rows = rows(context, args).await?;
    if context.json {
        output::document(&rows)?;
        return Ok(DONE);
    }
    let cells = |row: &Value| {
        let job: Job = read(JOBS, row)?;
        let detail = job.detail();
        Ok(vec![job.id, job.state, job.kind.name, job.queue.name, job.created_at, detail])
    };
    let cells = rows.iter().map(cells).collect::<Result<Vec<_>, Failure>>()?;
    if cells.is_empty() {
        output::say("no jobs");
    } else {
        let titles = ["ID", "STATE", "KIND", "QUEUE", "CREATED", "DETAIL"];
        output::text(&output::table(&titles, &cells))?;
    }
    Ok(DONE)
}

async fn rows(context: &Context, args: &ListArgs) -> Result<Vec<Value>, Failure> {
    let filter = filter(args);
    let mut rows = Vec::new();
    let mut after = Value::Null;
    let (mut left, mut most) = (args.limit, PAGE);
    while left > 0 {
        let first = left.min(most);
        // A table shows neither args nor results, and both may be large.
        let variables =
            json!({"filter": filter, "first": first, "after": after, "whole": context.json});
        let mut page = match context.client.field(JOBS, &variables, "jobs").await {
            Ok(page) => page,
            Err(error) => {
                most =
                    error.most("first").filter(|&fewer| fewer > 0 && fewer < first).ok_or(error)?;
                continue;
            }
        };
        let Value::Array(nodes) = page["nodes"].take() else { break };
        rows.extend(nodes);
        let info = &mut page["pageInfo"];
        if info["hasNextPage"] != Value::Bool(true) {
            break;
        }
        after = info["endCursor"].take();
        left -= first;
    }
    Ok(rows)
}

/// The conditions; one that was not asked for is left out, since an empty list matches nothing.
fn filter(args: &ListArgs) -> Map<String, Value> {
    let name = |state: &State| state.to_possible_value().map(|v| v.get_name().to_uppercase());
    let states: Vec<_> = args.state.iter().filter_map(name).collect();
    [("states", json!(states)), ("kinds", json!(args.kind)), ("queues", json!(args.queue))]
        .into_iter()
        .filter(|(_, names)| *names != json!([]))
        .map(|(name, names)| (name.to_owned(), names))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_asked_for_is_a_condition() {
        let args = ListArgs { state: vec![State::Failed], kind: vec![], queue: vec![], limit: 1 };
        assert_eq!(Value::Object(filter(&args)), json!({"states": ["FAILED"]}));
    }
}
