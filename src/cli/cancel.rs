//! `longhaul cancel`: asks jobs to stop.

use clap::Args;
use serde_json::{Value, json};

use super::client::{ClientError, GraphqlError, read};
use super::exit::{DONE, Failure};
use super::ids::{Selection, resolve};
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
    #[command(flatten)]
    jobs: Selection,
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
    for id in &args.jobs.given(&context.client).await? {
        match cancel(context, id, mode, args.note.as_deref()).await {
            Ok(mut payload) => {
                let row = payload["job"].take();
                if !context.json {
                    let job: Job = read(CANCEL_JOB, &row)?;
                    output::line(&format!("{}  {}", job.id, job.state))?;
                }
                rows.push(json!({"id": id, "changed": payload["changed"], "job": row}));
            }
            Err(error) => {
                let (code_of_api, failure) = told(error);
                let error = json!({"code": code_of_api, "message": failure.message()});
                rows.push(json!({"id": id, "error": error}));
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

async fn cancel(
    context: &Context,
    id: &str,
    mode: &str,
    note: Option<&str>,
) -> Result<Value, Refusal> {
    let id = resolve(&context.client, id).await.map_err(Refusal::Here)?;
    let variables = json!({"id": id, "mode": mode, "note": note});
    let payload = context.client.field(CANCEL_JOB, &variables, "cancelJob").await;
    payload.map_err(Refusal::There)
}

/// Why one of the jobs is not asked to stop.
enum Refusal {
    /// The id fits no job, or several.
    Here(Failure),
    /// The server says no.
    There(ClientError),
}

/// The server's code, where it said one, and the failure.
fn told(refusal: Refusal) -> (Option<String>, Failure) {
    match refusal {
        Refusal::Here(failure) => (None, failure),
        Refusal::There(error) => {
            let errors =
                if let ClientError::Refused(errors) = &error { errors.as_slice() } else { &[] };
            let code = errors.first().and_then(GraphqlError::code).map(str::to_owned);
            (code, Failure::from(error))
        }
    }
}
