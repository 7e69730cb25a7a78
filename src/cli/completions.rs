//! `longhaul completions`: completions for a shell that ask the server for live ids and kinds.
//!
//! The shell calls this binary back with `LONGHAUL_COMPLETE` set; whatever goes wrong then, there are no
//! candidates, and never a word on the terminal in the middle of somebody's typing.

use std::ffi::{OsStr, OsString};
use std::time::Duration;

use clap::{Args, CommandFactory as _, ValueEnum};
use clap_complete::CompleteEnv;
use clap_complete::engine::CompletionCandidate;
use clap_complete::env::{Bash, EnvCompleter, Fish, Shells, Zsh};
use serde_json::{Value, json};

use super::client::{Client, Credentials};
use super::exit::{DONE, FAILED, Failure};
use super::operations::{JOB_IDS, KINDS};
use super::typed::{self, WholeWords};
use super::{Cli, endpoint, output};

/// By which the shell calls back. A name of its own: a job's command may itself complete something.
const VARIABLE: &str = "LONGHAUL_COMPLETE";
/// Longer than that nobody waits for a candidate.
const PATIENCE: Duration = Duration::from_secs(1);

/// What `completions` takes.
#[derive(Debug, Args)]
#[command(
    after_help = "bash: source <(longhaul completions bash)\nzsh:  source <(longhaul completions zsh)\nfish: longhaul completions fish | source"
)]
pub(super) struct CompletionsArgs {
    /// For which shell
    shell: Shell,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// Prints what the shell reads at its start.
pub(super) fn run(args: &CompletionsArgs) -> Result<u8, Failure> {
    let mut script = Vec::new();
    let shell: &dyn EnvCompleter = match args.shell {
        Shell::Bash => &Bash,
        Shell::Zsh => &Zsh,
        Shell::Fish => &Fish,
    };
    // By its name, not its path: the script outlives an upgrade.
    shell
        .write_registration(VARIABLE, "longhaul", "longhaul", "longhaul", &mut script)
        .map_err(|error| Failure::new(FAILED, format!("no script: {error}")))?;
    output::text(&String::from_utf8_lossy(&script)).map(|()| DONE)
}

/// Answers the shell, where it is one that asks; `true`: it was.
pub(super) fn answer(arguments: &[OsString]) -> bool {
    let folder = std::env::current_dir().ok();
    let shells = Shells(&[&WholeWords, &Zsh, &Fish]);
    let asked = CompleteEnv::with_factory(Cli::command).var(VARIABLE).shells(shells);
    std::env::var_os(VARIABLE).is_some()
        && asked.try_complete(arguments.iter().cloned(), folder.as_deref()).unwrap_or(true)
}

/// The ids that begin as `current` does, the newest first.
pub(super) fn jobs(current: &OsStr) -> Vec<CompletionCandidate> {
    let start = current.to_string_lossy().to_ascii_lowercase();
    let filter = if start.is_empty() { json!({}) } else { json!({"text": start}) };
    let page = ask(|client| async move {
        client.field(JOB_IDS, &json!({"filter": filter}), "jobs").await.ok()
    });
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rows = page.as_ref().and_then(|page| page["nodes"].as_array()).into_iter().flatten();
    rows.filter(|row| text(&row["id"]).starts_with(&start))
        .map(|row| {
            let help = format!("{} {}", text(&row["kind"]["name"]), text(&row["state"]));
            CompletionCandidate::new(text(&row["id"])).help(Some(help.into()))
        })
        .collect()
}

/// The kinds that begin as `current` does.
pub(super) fn kinds(current: &OsStr) -> Vec<CompletionCandidate> {
    let start = current.to_string_lossy();
    let kinds = ask(|client| async move { client.field(KINDS, &json!({}), "kinds").await.ok() });
    let rows = kinds.as_ref().and_then(Value::as_array).into_iter().flatten();
    rows.filter_map(|kind| {
        let name = kind["name"].as_str().filter(|name| name.starts_with(&*start))?;
        let help = kind["description"].as_str().map(|text| output::one_line(text).into());
        Some(CompletionCandidate::new(name).help(help))
    })
    .collect()
}

/// Asks the server that the line would ask once it is complete.
fn ask<F: Future<Output = Option<Value>>>(question: impl FnOnce(Client) -> F) -> Option<Value> {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let endpoint = endpoint(&typed::global(&arguments)).ok()?;
    let credentials = Credentials::of_environment(|name| std::env::var(name).ok()).ok()?;
    let client = Client::new(endpoint, credentials);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    let asked = async { tokio::time::timeout(PATIENCE, question(client)).await };
    runtime.block_on(asked).ok().flatten()
}
