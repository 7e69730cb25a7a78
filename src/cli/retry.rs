//! `longhaul retry`: a new job that repeats an ended one.

use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use serde_json::json;

use super::client::read;
use super::completions;
use super::exit::{DONE, Failure};
use super::ids::resolve;
use super::model::Job;
use super::operations::RETRY_JOB;
use super::start::fresh_key;
use super::{Context, output};

/// What `retry` takes.
#[derive(Debug, Args)]
pub(super) struct RetryArgs {
    /// The id of the ended job, or the beginning of it
    #[arg(add = ArgValueCompleter::new(completions::jobs))]
    id: String,
    /// Start at most one job with this key, however often this is repeated
    #[arg(long)]
    key: Option<String>,
}

/// Starts the same again and prints the new job's id.
pub(super) async fn run(context: &Context, args: &RetryArgs) -> Result<u8, Failure> {
    let key = args.key.clone().unwrap_or_else(fresh_key);
    let id = resolve(&context.client, &args.id).await?;
    let variables = json!({"id": id, "idempotencyKey": key});
    let mut payload = context.client.field(RETRY_JOB, &variables, "retryJob").await?;
    let row = payload["job"].take();
    if context.json {
        output::document(&row)?;
    } else {
        output::line(&read::<Job>(RETRY_JOB, &row)?.id)?;
    }
    Ok(DONE)
}
