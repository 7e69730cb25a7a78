//! `longhaul cancel`: asks jobs to stop.

use clap::Args;
use serde_json::{Value, json};

use super::client::{ClientError, GraphqlError, read};
use super::exit::{DONE, Failure};
use super::model::Job;
use super::operations::CANCEL_JOB;
use super::{Context, output};

const JSON_HELP: &str = "With --json: an array with an object for each id, in the order given, also \
    of one. It has `id`, and either `changed` (whether this is what stops the job) and `job`, or \
    `error` with `code`, null where the server said none, and `message`.";

/// What `cancel` takes.
#[derive(Debug, Args)]
#[command(after_help = JSON_HELP)]
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
                rows.push(json!({"id": id, "changed": payload["changed"], "job": row}));
            }
            Err(error) => {
                rows.push(json!({"id": id, "error": told(&error)}));
                let failure = Failure::from(error);
                output::say(&format!("{failure}\n  job: {id}"));
                code = if code == DONE { failure.code } else { code };
            }
        }
    }
    if context.json {
        output::document(&rows)?;
    }
    Ok(code)
}

/// An error for a program: the server's first one has the code.
fn told(error: &ClientError) -> Value {
    let errors = if let ClientError::Refused(errors) = error { errors.as_slice() } else { &[] };
    let code = errors.first().and_then(GraphqlError::code);
    json!({"code": code, "message": error.to_string()})
}
