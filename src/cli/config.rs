//! `longhaul config`: is the configuration good, what is in force and who said so, and a schema of
//! the file for editors. Each reads what a server that starts now would read; none starts anything.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::config::error::Problem;
use crate::config::show::{Setting, Source};
use crate::config::{Config, ConfigError, Environment, Origin, Overrides, schema};
use crate::domain::names::{KindName, QueueName};

use super::exit::{CONFIGURATION, DONE, Failure};
use super::output;
use super::serve::ServeArgs;

/// What there is to do with a configuration.
#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Tell everything that is wrong with it, and end with 78; or that it is good
    Check(ServeArgs),
    /// Print each value that is in force, as TOML
    Show(ShowArgs),
    /// Print the JSON Schema of the file, for editors
    Schema,
}

/// What `config show` takes.
#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// Say where each value comes from: a flag, a variable, a line of the file, or the default
    #[arg(long)]
    origin: bool,
    #[command(flatten)]
    serve: ServeArgs,
}

/// Runs one of the commands.
pub(super) fn run(
    command: &ConfigCommand,
    overrides: Overrides,
    json: bool,
) -> Result<u8, Failure> {
    let load = |args: &ServeArgs| Config::load(&args.over(overrides), &Environment::of_process());
    match command {
        ConfigCommand::Check(args) => check(load(args), json)?,
        ConfigCommand::Show(args) => {
            let config = load(&args.serve).map_err(|error| invalid(&error))?;
            if json {
                output::document(&shown(&config))?;
            } else {
                output::text(&text(&config, args.origin))?;
            }
        }
        ConfigCommand::Schema => output::document(&schema())?,
    }
    Ok(DONE)
}

/// The failure of a command that needs a configuration and has none.
pub(super) fn invalid(error: &ConfigError) -> Failure {
    Failure::new(CONFIGURATION, error.to_string())
}

fn check(loaded: Result<Config, ConfigError>, json: bool) -> Result<(), Failure> {
    match loaded {
        Ok(config) => {
            for warning in config.warnings() {
                output::say(&format!("warning: {warning}"));
            }
            if json {
                return output::document(&json!({
                    "valid": true,
                    "file": file(&config),
                    "kinds": config.catalog.kinds.keys().collect::<Vec<_>>(),
                    "queues": config.catalog.queues.keys().collect::<Vec<_>>(),
                    "slots": config.worker.slots,
                    "warnings": config.warnings(),
                    "problems": [],
                }));
            }
            output::line(&summary(&config))
        }
        Err(error) => {
            if json {
                let problems: Vec<_> = error.problems().iter().map(problem).collect();
                output::document(&json!({"valid": false, "problems": problems}))?;
            }
            Err(invalid(&error))
        }
    }
}

fn problem(problem: &Problem) -> Value {
    let (file, line, column) = problem
        .place()
        .map_or((None, None, None), |(file, line, column)| (Some(file), Some(line), Some(column)));
    json!({
        "file": file,
        "line": line,
        "column": column,
        "key": problem.key(),
        "message": problem.message(),
    })
}

fn file(config: &Config) -> Value {
    match &config.origin {
        Origin::File(path) => json!(path.to_string_lossy()),
        Origin::BuiltIn(_) => Value::Null,
    }
}

fn summary(config: &Config) -> String {
    let origin = match &config.origin {
        Origin::File(path) => format!("{} is good", path.display()),
        Origin::BuiltIn(Some(path)) => {
            format!("there is no {}: the built-in configuration is good", path.display())
        }
        Origin::BuiltIn(None) => "the built-in configuration is good".to_owned(),
    };
    let catalog = &config.catalog;
    let kinds = count(catalog.kinds.keys().map(KindName::as_str), "kind");
    let queues = count(catalog.queues.keys().map(QueueName::as_str), "queue");
    let warnings = match config.warnings().len() {
        0 => String::new(),
        1 => ", 1 warning".to_owned(),
        n => format!(", {n} warnings"),
    };
    format!("{origin}: {kinds}, {queues}, {} slots{warnings}", config.worker.slots)
}

fn count<'a>(names: impl Iterator<Item = &'a str>, word: &str) -> String {
    let names: Vec<_> = names.collect();
    match names.len() {
        0 => format!("no {word}"),
        1 => format!("1 {word} ({})", names[0]),
        n => format!("{n} {word}s ({})", names.join(", ")),
    }
}

/// The values as TOML: but for what is hidden, a file that says the same.
fn text(config: &Config, with_origin: bool) -> String {
    let mut text = String::new();
    for setting in config.settings() {
        text.push_str(&line(config, &setting, with_origin));
        text.push('\n');
    }
    text
}

fn line(config: &Config, setting: &Setting, with_origin: bool) -> String {
    let key = &setting.key;
    match setting.toml() {
        None => format!("# {key} is not set"),
        Some(value) if with_origin => {
            format!("{key} = {value}  # {}", config.place_of(setting.source))
        }
        Some(value) => format!("{key} = {value}"),
    }
}

fn shown(config: &Config) -> Value {
    let values = config.settings().into_iter().map(|setting| {
        let origin = match (setting.source, &config.origin) {
            (Source::Flag(name), _) => json!({"from": "flag", "name": name}),
            (Source::Variable(name), _) => json!({"from": "variable", "name": name}),
            (Source::File(line), Origin::File(_)) => {
                json!({"from": "file", "file": file(config), "line": line})
            }
            (Source::File(_), Origin::BuiltIn(_)) => json!({"from": "builtIn"}),
            (Source::Default, _) => json!({"from": "default"}),
        };
        json!({"key": setting.key, "value": setting.value, "origin": origin})
    });
    json!({"file": file(config), "values": values.collect::<Vec<_>>(), "warnings": config.warnings()})
}
