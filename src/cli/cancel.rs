//! `longhaul cancel`: asks jobs to stop.

use clap::Args;
use serde_json::json;

use super::client::read;
use super::exit::{DONE, Failure};
use super::model::Job;
use super::operations::CANCEL_JOB;
use super::wait::one_or_all;
use super::{Context, output};

/// What `cancel` takes.
#[derive(Debug, Args)]
pub(super) struct CancelArgs {
    /// The ids of the jobs
    #[arg(required = true)]
    ids: Vec<String>,
    /// Kill at once, without the kind's grace
    #[arg(long)]
    force: bool,
    /// Why, for a person
    #[arg(long)]
    note: Option<String>,
}

/// Asks every job to stop, also after one that cannot; ends as the first that could not.
pub(super) async fn run(context: &Context, args: &CancelArgs) -> Result<u8, Failure> {
    let mode = if args.force { "FORCE" } else { "GRACEFUL" };
    let mut code = DONE;
    let mut rows = Vec::new();
    for id in &args.ids {
        let variables = json!({"id": id, "mode": mode, "note": args.note});
        match context.client.field(CANCEL_JOB, &variables, "cancelJob").await {
            Ok(mut payload) => {
                let row = payload["job"].take();
                if !context.json {
                    let job: Job = read(CANCEL_JOB, &row)?;
                    output::line(&format!("{}  {}", job.id, job.state))?;
                }
                rows.push(row);
            }
            Err(error) => {
                let failure = Failure::from(error);
                output::say(&format!("{failure}\n  job: {id}"));
                code = if code == DONE { failure.code } else { code };
            }
        }
    }
    if context.json {
        output::document(&one_or_all(rows))?;
    }
    Ok(code)
}
