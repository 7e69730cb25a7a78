//! `longhaul status`: jobs, each with all there is to say.

use clap::Args;
use serde_json::json;

use super::client::read;
use super::exit::{DONE, Failure};
use super::logs::unknown;
use super::model::{Job, Progress, Wait};
use super::operations::JOB;
use super::wait::one_or_all;
use super::{Context, output};

/// What `status` takes.
#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// The ids of the jobs
    #[arg(required = true)]
    ids: Vec<String>,
}

/// Shows jobs.
pub(super) async fn run(context: &Context, args: &StatusArgs) -> Result<u8, Failure> {
    let mut rows = Vec::new();
    for id in &args.ids {
        let row = context.client.field(JOB, &json!({"id": id}), "job").await?;
        if row.is_null() {
            return Err(unknown(id));
        }
        rows.push(row);
    }
    if context.json {
        output::document(&one_or_all(rows))?;
        return Ok(DONE);
    }
    let blocks: Vec<String> =
        rows.iter().map(|row| Ok(block(&read(JOB, row)?))).collect::<Result<_, Failure>>()?;
    output::text(&blocks.join("\n"))?;
    Ok(DONE)
}

/// A job as lines of a name and a value; what is not there is left out.
fn block(job: &Job) -> String {
    let ended = job.reason_text.clone().or(job.reason.clone()).filter(|_| job.terminal);
    let attempt = (job.max_attempts > 1 || job.attempt > 1)
        .then(|| format!("{}, failures may cost {}", job.attempt, job.max_attempts));
    let rows = [
        ("id", Some(job.id.clone())),
        ("kind", Some(job.kind.name.clone())),
        ("queue", Some(job.queue.name.clone())),
        ("state", Some(job.state.clone())),
        ("wait", job.wait.as_ref().map(Wait::told)),
        ("progress", job.progress.as_ref().and_then(Progress::told)),
        ("reason", ended),
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
    output::table(&["", ""], &rows).trim_start_matches('\n').to_owned()
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
        });
        insta::assert_snapshot!(block(&serde_json::from_value(job).unwrap()), @r"
        id        019
        kind      demo
        queue     default
        state     RUNNING
        progress  50 %
        attempt   2, failures may cost 3
        created   2026-11-25T04:44:34.120Z
        ");
    }
}
