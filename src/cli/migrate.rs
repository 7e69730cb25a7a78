//! `longhaul migrate`: all jobs of a data folder into a PostgreSQL, or none.

use std::path::Path;

use clap::Args;
use serde_json::json;

use super::config::invalid;
use super::exit::{
    CONFIGURATION, DONE, FAILED, Failure, INTERRUPTED, TRY_AGAIN, UNREACHABLE, USAGE,
};
use super::not_started::{self, Given};
use super::output;
use crate::config::{Config, Environment, Overrides};
use crate::server::{CopyError, ImportError, Imported, MigrateError, migrate};

/// What `migrate` takes.
#[derive(Debug, Args)]
pub(super) struct MigrateArgs {
    /// The PostgreSQL to move to, `postgres://USER:PASSWORD@HOST/DATABASE`
    /// [default: `server.database`]
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// The PostgreSQL itself, where `--database` is a connection pooler in transaction mode
    #[arg(long, value_name = "URL")]
    database_direct: Option<String>,
}

/// Moves them; Ctrl-C ends that and changes nothing.
pub(super) async fn run(
    args: MigrateArgs,
    overrides: Overrides,
    server: Option<&str>,
    json: bool,
) -> Result<u8, Failure> {
    if server.is_some() {
        let text = "the jobs of a data folder are moved, not those of a server over the network";
        return Err(Failure::new(USAGE, text).hint(
            "stop the server, run it there, and name the folder with `--data` or `--config`",
        ));
    }
    let overrides =
        Overrides { database: args.database, database_direct: args.database_direct, ..overrides };
    let config = Config::load(&overrides, &Environment::of_process()).map_err(|e| invalid(&e))?;
    let (data, listen) = (config.server.data, config.server.listen);
    let moved = tokio::select! {
        moved = migrate(&data, &config.server.database) => moved,
        _ = tokio::signal::ctrl_c() => {
            return Err(Failure::new(INTERRUPTED, "interrupted").hint(
                "nothing was moved, but for an end that just was: run it again, it goes on from what it finds",
            ));
        }
    };
    let moved = moved.map_err(|error| match error {
        MigrateError::Start(error) => {
            not_started::failure(&error, &error.trouble(), &Given { data: data.clone(), listen })
        }
        MigrateError::NoTarget => Failure::new(USAGE, error.to_string())
            .hint("name one with `--database`, LONGHAUL_SERVER_DATABASE or `server.database`"),
        MigrateError::Import(error) => failure(&error, &data),
    })?;
    tell(&moved, &data, json)
}

/// Says what was moved, and what to do now.
fn tell(moved: &Imported, data: &Path, json: bool) -> Result<u8, Failure> {
    let count = |name| moved.rows.iter().find(|(table, _)| *table == name).map_or(0, |row| row.1);
    let file = moved.file.as_ref().ok().map(|path| path.to_string_lossy());
    if json {
        let rows: serde_json::Map<_, _> =
            moved.rows.iter().map(|(table, rows)| ((*table).to_owned(), json!(rows))).collect();
        output::document(&json!({
            "database": moved.database, "jobs": count("jobs"), "waiting": moved.waiting,
            "rows": rows, "left": file, "before": moved.before,
        }))?;
    } else {
        output::line(&format!(
            "{}  {} jobs, {} of them waiting; {} attempts, {} events, {} logs, {} tokens{}",
            moved.database,
            count("jobs"),
            moved.waiting,
            count("attempts"),
            count("job_events"),
            count("job_logs"),
            count("tokens"),
            if moved.before { "; an earlier run had moved them" } else { "" },
        ))?;
    }
    let database = data.join("longhaul.db");
    let file = match &moved.file {
        Ok(file) => file,
        Err(error) => {
            let text = format!(
                "everything was moved, but `{}` is still in its place: {error}",
                database.display()
            );
            return Err(Failure::new(FAILED, text)
                .hint("rename it, so that no server runs the jobs that wait a second time"));
        }
    };
    output::say(&format!(
        "what jobs left in `{}` stays there: serve with this data folder and `--database`, and remove `{}` when all is well",
        data.join("attempts").display(),
        file.display(),
    ));
    Ok(DONE)
}

fn failure(error: &ImportError, data: &Path) -> Failure {
    let told = |code, message: &str| Failure::new(code, message).caused_by(error);
    let nothing = "nothing was moved";
    match error {
        ImportError::Source(CopyError::Missing(_)) => Failure::new(
            CONFIGURATION,
            format!("the data folder `{}` has no database", data.display()),
        )
        .hint("name the data folder of a server with `--data`, or its file with `--config`"),
        ImportError::Source(CopyError::Schema { .. }) => {
            told(CONFIGURATION, "the data folder is that of another version of Longhaul")
                .hint("start this version on it once, and stop it again; nothing was moved")
        }
        ImportError::Source(CopyError::Busy) => told(TRY_AGAIN, nothing)
            .hint("a backup may be under way: try again when it is done"),
        ImportError::Running(_) => Failure::new(TRY_AGAIN, error.to_string()).hint(
            "serve the data folder once more until they have ended, and stop the server; nothing was moved",
        ),
        ImportError::NotEmpty { .. } => Failure::new(CONFIGURATION, error.to_string()).hint(
            "name an empty database, or an empty schema by `?options=-csearch_path%3DNAME`; nothing was moved",
        ),
        ImportError::Unknown(_) => Failure::new(UNREACHABLE, error.to_string())
            .hint("run it again: it goes on from what it finds"),
        ImportError::Open(_) | ImportError::Source(_) | ImportError::Refused { .. } => {
            told(FAILED, nothing)
        }
    }
}
