//! The command line. `serve` starts a server; every other command is a GraphQL client of one.
//!
//! Data goes to standard output and words to standard error; with `--json` the data is one JSON
//! document, or one a line where it is a stream. How a command ends: see `exit`.

mod args;
mod backup;
mod banner;
mod cancel;
mod client;
mod completions;
mod config;
mod demo;
mod doctor;
mod estimate;
mod exit;
mod filter;
mod healthcheck;
mod ids;
mod init;
mod kinds;
mod list;
mod live_line;
mod logs;
mod man;
mod migrate;
mod model;
mod not_started;
mod operations;
mod output;
mod paging;
mod progress_line;
mod query;
mod queue;
mod retry;
mod run;
mod serve;
mod start;
mod status;
mod status_line;
mod token;
mod token_row;
mod typed;
mod wait;
mod workers;

use std::ffi::OsString;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use serde_json::json;

use crate::config::{Environment, Overrides, data_folder};

use client::{Client, ClientError, Credentials, Endpoint};
use exit::{BUG, DONE, FAILED, Failure, USAGE};

/// One GraphQL API in front of long-running work: durable, first in first out, live.
#[derive(Debug, Parser)]
#[command(name = "longhaul", version, disable_help_subcommand = true, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

const SERVER_HELP: &str =
    "The server [default: LONGHAUL_URL, else the one that runs on the data folder]";

/// Options of every command.
#[derive(Debug, Args)]
struct Global {
    /// The server's address
    #[arg(long, global = true, value_name = "URL", help = SERVER_HELP)]
    server: Option<String>,
    /// The data folder [default: as the configuration says]
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The configuration file [default: longhaul/longhaul.toml in the XDG configuration folder]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print JSON: one document, or one a line where it is a stream
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start a server
    Serve(serve::ServeArgs),
    /// Run jobs of a PostgreSQL that servers share, without an API
    Work(serve::WorkArgs),
    /// Write a configuration file to begin with
    Init(init::InitArgs),
    /// Check and show the configuration
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Copy the data folder while it is served; serve the copy to restore it
    Backup(backup::BackupArgs),
    /// Move all jobs from the data folder's own database into a PostgreSQL
    Migrate(migrate::MigrateArgs),
    #[command(flatten)]
    Client(ClientCommand),
    /// Look at everything that a server needs, and say what is wrong
    Doctor,
    /// Print the GraphQL schema
    Schema,
    /// Print what makes a shell complete commands, live ids and kinds
    Completions(completions::CompletionsArgs),
    /// Print a page for man, or write all of them
    Man(man::ManArgs),
    /// Print the version
    Version,
    /// Keep a processor busy: what the built-in kind `demo` runs
    #[command(hide = true)]
    Demo(demo::DemoArgs),
}

/// The commands that ask a server.
#[derive(Debug, Subcommand)]
enum ClientCommand {
    /// Start a job, show its state and its log, and end with its exit code
    Run(run::RunArgs),
    /// Start a job and print its id
    Start(start::StartArgs),
    /// Show jobs
    Status(status::StatusArgs),
    /// List jobs, the newest first
    List(list::ListArgs),
    /// Print what a job printed
    Logs(logs::LogsArgs),
    /// Wait until jobs have ended, and end with the exit code of the first that failed
    Wait(wait::WaitArgs),
    /// Stop jobs
    Cancel(cancel::CancelArgs),
    /// Start the same again as a new job
    Retry(retry::RetryArgs),
    /// List what can be started
    Kinds,
    /// List the processes that run jobs
    Workers,
    /// Let a worker take nothing more; what it runs goes on
    Drain(workers::WorkerArgs),
    /// Let a worker take jobs again
    ResumeWorker(workers::WorkerArgs),
    /// Show queues and who waits in them, the next one first
    Queue(queue::QueueArgs),
    /// Let a queue start nothing more; what runs goes on
    Pause(queue::PauseArgs),
    /// Let a queue start jobs again
    Resume(queue::ResumeArgs),
    /// Send any GraphQL and print the answer; a subscription prints an event a line
    Query(query::QueryArgs),
    /// End with 0 when the server is ready
    Healthcheck,
    /// Make, list and revoke tokens
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Make a token that sees one job and nothing else, and print it
    Share(token::ShareArgs),
}

/// What the client commands work with.
struct Context {
    client: Client,
    json: bool,
}

/// Reads the command line, runs the command and says how it ended.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if completions::answer(&arguments) {
        return ExitCode::from(DONE);
    }
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let code = match catch_unwind(AssertUnwindSafe(|| dispatch(cli))) {
        Ok(Ok(code)) => code,
        Ok(Err(failure)) => {
            if !failure.is_silent() {
                output::say(&failure.to_string());
            }
            failure.code
        }
        Err(_) => {
            output::say("longhaul: this is a fault of Longhaul: please report the lines above");
            BUG
        }
    };
    ExitCode::from(code)
}

/// Help and version go to standard output, errors in our own words to standard error.
fn usage(error: &clap::Error) -> ExitCode {
    let text = error.to_string();
    if !error.use_stderr() {
        return ExitCode::from(output::text(&text).map_or_else(|failure| failure.code, |()| DONE));
    }
    let text = text.trim_end();
    output::say(&format!("longhaul: {}", text.strip_prefix("error: ").unwrap_or(text)));
    ExitCode::from(USAGE)
}

fn dispatch(cli: Cli) -> Result<u8, Failure> {
    let Cli { global, command } = cli;
    match command {
        Command::Serve(args) => serve::run(&args.over(overrides(&global))),
        Command::Work(args) => serve::run(&args.over(overrides(&global))),
        Command::Init(args) => init::run(&args, &overrides(&global), global.json),
        Command::Config(command) => config::run(&command, overrides(&global), global.json),
        Command::Backup(args) => {
            let server = global.server.as_deref();
            block_on(backup::run(args, &overrides(&global), server, global.json))
        }
        Command::Migrate(args) => {
            let server = global.server.as_deref();
            block_on(migrate::run(args, overrides(&global), server, global.json))
        }
        Command::Schema => output::text(&crate::server::sdl()).map(|()| DONE),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
        Command::Version => version(global.json).map(|()| DONE),
        Command::Demo(args) => demo::run(&args),
        Command::Client(command) => client_command(command, &global),
        Command::Doctor => {
            let way = doctor::Way { endpoint: endpoint(&global), credentials: credentials() };
            block_on(doctor::run(way, &overrides(&global), global.json))
        }
    }
}

fn client_command(command: ClientCommand, global: &Global) -> Result<u8, Failure> {
    let credentials = credentials()?;
    let client = Client::new(endpoint(global)?, credentials);
    let context = Context { client, json: global.json };
    let context = &context;
    block_on(async {
        match command {
            ClientCommand::Run(args) => run::run(context, args).await,
            ClientCommand::Start(args) => start::run(context, &args).await,
            ClientCommand::Status(args) => status::run(context, &args).await,
            ClientCommand::List(args) => list::run(context, &args).await,
            ClientCommand::Logs(args) => logs::run(context, &args).await,
            ClientCommand::Wait(args) => wait::run(context, &args).await,
            ClientCommand::Cancel(args) => cancel::run(context, &args).await,
            ClientCommand::Retry(args) => retry::run(context, &args).await,
            ClientCommand::Kinds => kinds::run(context).await,
            ClientCommand::Workers => workers::run(context).await,
            ClientCommand::Drain(args) => workers::drain(context, &args).await,
            ClientCommand::ResumeWorker(args) => workers::resume(context, &args).await,
            ClientCommand::Queue(args) => queue::show_queues(context, &args).await,
            ClientCommand::Query(args) => query::run(context, &args).await,
            ClientCommand::Healthcheck => healthcheck::run(context).await,
            ClientCommand::Pause(args) => queue::pause(context, &args).await,
            ClientCommand::Resume(args) => queue::resume(context, &args).await,
            ClientCommand::Token(command) => {
                token::run(context, &overrides(global), &command).await
            }
            ClientCommand::Share(args) => token::share(context, &args).await,
        }
    })
}

/// A client does one thing after another: one thread is enough.
fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::new(FAILED, format!("no runtime: {error}")))?.block_on(work)
}

fn overrides(global: &Global) -> Overrides {
    Overrides { config: global.config.clone(), data: global.data.clone(), ..Overrides::default() }
}

/// `--server`, else `--data` or `--config`, else `LONGHAUL_URL`, else what the default
/// configuration says.
fn endpoint(global: &Global) -> Result<Endpoint, ClientError> {
    let named = global.data.is_some() || global.config.is_some();
    let variable = std::env::var("LONGHAUL_URL").ok().filter(|url| !url.is_empty() && !named);
    match global.server.clone().or(variable) {
        Some(url) => Endpoint::parse(&url),
        None => data_folder(&overrides(global), &Environment::of_process())
            .map(Endpoint::DataFolder)
            .map_err(ClientError::Configuration),
    }
}

fn credentials() -> Result<Option<Credentials>, ClientError> {
    Credentials::of_environment(|name| std::env::var(name).ok())
}

fn version(json: bool) -> Result<(), Failure> {
    let version = env!("CARGO_PKG_VERSION");
    if json {
        output::document(&json!({"version": version}))
    } else {
        output::line(&format!("longhaul {version}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn verify_cli() {
        Cli::command().debug_assert();
    }
}
