//! `longhaul pause` and `longhaul resume`.

use clap::Args;
use serde_json::{Value, json};

use super::exit::{DONE, Failure};
use super::operations::{PAUSE_QUEUE, RESUME_QUEUE};
use super::{Context, output};

/// What `pause` takes.
#[derive(Debug, Args)]
pub(super) struct PauseArgs {
    /// The queue
    #[arg(default_value = "default")]
    queue: String,
    /// Why, for a person
    #[arg(long)]
    note: Option<String>,
}

/// What `resume` takes.
#[derive(Debug, Args)]
pub(super) struct ResumeArgs {
    /// The queue
    #[arg(default_value = "default")]
    queue: String,
}

/// Pauses a queue.
pub(super) async fn pause(context: &Context, args: &PauseArgs) -> Result<u8, Failure> {
    let variables = json!({"name": args.queue, "note": args.note});
    let payload = context.client.field(PAUSE_QUEUE, &variables, "pauseQueue").await?;
    show(context, &payload)
}

/// Resumes a queue.
pub(super) async fn resume(context: &Context, args: &ResumeArgs) -> Result<u8, Failure> {
    let variables = json!({"name": args.queue});
    let payload = context.client.field(RESUME_QUEUE, &variables, "resumeQueue").await?;
    show(context, &payload)
}

fn show(context: &Context, payload: &Value) -> Result<u8, Failure> {
    let queue = &payload["queue"];
    if context.json {
        output::document(queue)?;
    } else {
        let state = if queue["paused"] == Value::Bool(true) { "paused" } else { "open" };
        output::line(&format!("{}  {state}", queue["name"].as_str().unwrap_or_default()))?;
    }
    Ok(DONE)
}
