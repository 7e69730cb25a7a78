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
use serde::Deserialize;
use serde_json::json;

use super::client::{Client, Credentials, read};
use super::exit::{DONE, FAILED, Failure};
use super::ids::{SMALL, matching, may_begin};
use super::model::{JobId, Named};
use super::operations::{KINDS, QUEUES};
use super::typed::{self, WholeWords};
use super::{Cli, endpoint, output};

/// By which the shell calls back. A name of its own: a job's command may itself complete something.
const VARIABLE: &str = "LONGHAUL_COMPLETE";
/// So many ids are offered.
const CANDIDATES: usize = SMALL as usize;
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
    if !may_begin(&start) {
        return Vec::new();
    }
    let filter = if start.is_empty() { json!({}) } else { json!({"text": start}) };
    let jobs = ask(|client| async move {
        let fits = |job: &JobId| job.id.starts_with(&start);
        matching(&client, &filter, SMALL, fits, CANDIDATES).await
    });
    let candidate = |job: JobId| {
        let help = output::one_line(&format!("{} {}", job.kind.name, job.state));
        CompletionCandidate::new(job.id).help(Some(help.into()))
    };
    jobs.into_iter().map(candidate).collect()
}

/// A kind, as its candidate shows it.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
struct Described {
    name: String,
    description: Option<String>,
}

/// The kinds that begin as `current` does.
pub(super) fn kinds(current: &OsStr) -> Vec<CompletionCandidate> {
    let start = current.to_string_lossy();
    let kinds: Vec<Described> =
        ask(|client| async move { read(KINDS, &client.field(KINDS, &json!({}), "kinds").await?) });
    let kinds = kinds.into_iter().filter(|kind| kind.name.starts_with(&*start));
    kinds
        .map(|kind| {
            let help = kind.description.map(|text| output::one_line(&text).into());
            CompletionCandidate::new(kind.name).help(help)
        })
        .collect()
}

/// The queues that begin as `current` does.
pub(super) fn queues(current: &OsStr) -> Vec<CompletionCandidate> {
    let start = current.to_string_lossy();
    let queues: Vec<Named> = ask(|client| async move {
        read(QUEUES, &client.field(QUEUES, &json!({}), "queues").await?)
    });
    let names = queues.into_iter().map(|queue| queue.name);
    names.filter(|name| name.starts_with(&*start)).map(CompletionCandidate::new).collect()
}

/// Asks the server that the line would ask once it is complete; nothing, where it does not answer as expected.
fn ask<T, E, F: Future<Output = Result<Vec<T>, E>>>(question: impl FnOnce(Client) -> F) -> Vec<T> {
    let asked = || {
        let arguments: Vec<OsString> = std::env::args_os().collect();
        let endpoint = endpoint(&typed::global(&arguments)).ok()?;
        let credentials = Credentials::of_environment(|name| std::env::var(name).ok()).ok()?;
        let client = Client::new(endpoint, credentials);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
        let asked = async { tokio::time::timeout(PATIENCE, question(client)).await };
        runtime.block_on(asked).ok()?.ok()
    };
    asked().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::operations::{JOB_IDS, selected};
    use super::*;

    #[test]
    fn candidates_are_what_their_documents_select() {
        selected::<JobId>(JOB_IDS, "/jobs/nodes/0");
        selected::<Described>(KINDS, "/kinds/0");
        selected::<Named>(QUEUES, "/queues/0");
    }
}
