//! `longhaul start`: a job that is accepted, and its id.

use std::io::Read as _;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use serde_json::{Map, Value, json};

use crate::config::nearest;
use crate::config::value::positive_duration;

use super::client::{Client, read};
use super::completions;
use super::exit::{DONE, Failure, USAGE};
use super::model::{Job, Named};
use super::operations::{KIND, START_JOB};
use super::{Context, args, output};

/// What a job is started with.
#[derive(Debug, Args)]
pub(super) struct StartArgs {
    /// The kind of work; `longhaul kinds` lists them
    #[arg(add = ArgValueCompleter::new(completions::kinds))]
    kind: String,
    /// Its arguments: NAME=VALUE, read as the type that the kind wants, or NAME:=JSON. An argument
    /// that is a list may be given again
    #[arg(value_name = "NAME=VALUE")]
    args: Vec<String>,
    /// All arguments as a JSON object: the text itself, @FILE, or - for standard input
    #[arg(long, value_name = "JSON")]
    input: Option<String>,
    /// Attach a name and a value to the job; may be given again
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    labels: Vec<(String, String)>,
    /// Start at most one job with this key, however often this is repeated
    #[arg(long)]
    key: Option<String>,
    /// How long an attempt may run, like 30s or 2h
    #[arg(long, value_name = "TIME", value_parser = positive_duration)]
    timeout: Option<Duration>,
    /// Not to start before, like 2026-11-25T18:00:00Z
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    not_before: Option<DateTime<Utc>>,
}

/// A label as it is written.
pub(super) fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// Labels as the API takes them.
pub(super) fn label_inputs(labels: &[(String, String)]) -> Value {
    labels.iter().map(|(key, value)| json!({"key": key, "value": value})).collect()
}

fn instant(text: &str) -> Result<DateTime<Utc>, String> {
    DateTime::parse_from_rfc3339(text)
        .map(|at| at.to_utc())
        .map_err(|_| "expected an instant like 2026-11-25T18:00:00Z".to_owned())
}

/// A key that no other request has.
pub(super) fn fresh_key() -> String {
    hex::encode(rand::random::<[u8; 16]>())
}

/// Starts a job and prints its id.
pub(super) async fn run(context: &Context, args: &StartArgs) -> Result<u8, Failure> {
    let (job, row) = start(&context.client, args).await?;
    if context.json {
        output::document(&row)?;
    } else {
        output::line(&job.id)?;
    }
    Ok(DONE)
}

/// Starts a job.
async fn start(client: &Client, args: &StartArgs) -> Result<(Job, Value), Failure> {
    let input = request(client, args).await?;
    send(client, args, input).await
}

/// What is asked of the server: nothing has begun yet.
pub(super) async fn request(client: &Client, args: &StartArgs) -> Result<Value, Failure> {
    let mut input = json!({
        "kind": args.kind,
        "args": arguments(client, args).await?,
        // A reply that is lost on the way is asked for again, and must find the same job (P14).
        "idempotencyKey": args.key.clone().unwrap_or_else(fresh_key),
    });
    if !args.labels.is_empty() {
        input["labels"] = label_inputs(&args.labels);
    }
    if let Some(timeout) = args.timeout {
        input["timeoutMs"] = json!(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX));
    }
    if let Some(at) = args.not_before {
        input["notBefore"] = json!(at.to_rfc3339_opts(SecondsFormat::Millis, true));
    }
    Ok(input)
}

/// Asks it. Where no answer is awaited the job may be accepted all the same.
pub(super) async fn send(
    client: &Client,
    args: &StartArgs,
    input: Value,
) -> Result<(Job, Value), Failure> {
    let mut payload = client.field(START_JOB, &json!({"input": input}), "startJob").await?;
    let row = payload["job"].take();
    if payload["created"] == Value::Bool(false) && args.key.is_some() {
        output::say("this key has started a job before: here it is");
    }
    Ok((read(START_JOB, &row)?, row))
}

async fn arguments(client: &Client, args: &StartArgs) -> Result<Map<String, Value>, Failure> {
    let input = args.input.as_deref().map_or_else(|| Ok(Map::new()), input)?;
    if args.args.is_empty() {
        return Ok(input);
    }
    let data = client.execute(KIND, &json!({"name": args.kind})).await?;
    if data["kind"].is_null() {
        let kinds: Vec<Named> = read(KIND, &data["kinds"])?;
        return Err(unknown_kind(&args.kind, &kinds));
    }
    args::build(input, &args.args, &data["kind"]["argsSchema"]).map_err(|problems| {
        let message =
            format!("the arguments do not fit `{}`\n  {}", args.kind, problems.join("\n  "));
        Failure::new(USAGE, message).hint("`longhaul kinds` shows what each kind takes")
    })
}

fn unknown_kind(name: &str, kinds: &[Named]) -> Failure {
    let names: Vec<&str> = kinds.iter().map(|kind| kind.name.as_str()).collect();
    let valid = match nearest(name, names.iter().copied()) {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("expected one of {}", names.join(", ")),
    };
    Failure::new(USAGE, format!("there is no kind `{name}`: {valid}"))
}

/// The object that `--input` names.
fn input(text: &str) -> Result<Map<String, Value>, Failure> {
    let unreadable =
        |name: &str, error| Failure::new(USAGE, format!("`{name}` cannot be read: {error}"));
    let json = match (text, text.strip_prefix('@')) {
        ("-", _) => {
            let mut json = String::new();
            std::io::stdin()
                .read_to_string(&mut json)
                .map_err(|error| unreadable("standard input", error))?;
            json
        }
        (_, Some(file)) => {
            std::fs::read_to_string(file).map_err(|error| unreadable(file, error))?
        }
        (text, None) => text.to_owned(),
    };
    match serde_json::from_str(&json) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(Failure::new(USAGE, "`--input` is not valid: expected a JSON object")),
        Err(error) => Err(Failure::new(USAGE, format!("`--input` is no JSON: {error}"))),
    }
}
