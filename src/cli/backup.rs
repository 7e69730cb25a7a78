//! `longhaul backup`: a copy of the data folder that can be served, made while it is served.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde_json::json;

use super::exit::{
    CONFIGURATION, DONE, FAILED, Failure, INTERRUPTED, NOT_ALLOWED, TRY_AGAIN, USAGE,
};
use super::output;
use crate::config::{Config, Environment, Overrides, data_folder};
use crate::server::{BackupError, Stop, backup};

/// What `backup` takes.
#[derive(Debug, Args)]
pub(super) struct BackupArgs {
    /// Where to write it: a folder that is not there yet
    #[arg(value_name = "DEST")]
    destination: PathBuf,
}

/// Writes the copy; Ctrl-C ends that and leaves nothing.
pub(super) async fn run(
    args: BackupArgs,
    overrides: &Overrides,
    server: Option<&str>,
    json: bool,
) -> Result<u8, Failure> {
    if server.is_some() {
        return Err(Failure::new(USAGE, "a backup is made of a data folder, not over the network")
            .hint(
                "run it where the server runs, and name the folder with `--data` or `--config`",
            ));
    }
    if Config::load(overrides, &Environment::of_process())
        .is_ok_and(|config| config.server.database.is_postgres())
    {
        let text = "jobs are kept in PostgreSQL, which has a backup of its own";
        return Err(Failure::new(USAGE, text).hint(
            "run `pg_dump` for the database; what jobs printed and made lies in `attempts` of the data folder",
        ));
    }
    let data = data_folder(overrides, &Environment::of_process())
        .map_err(|error| super::config::invalid(&error))?;
    let stop = Arc::new(Stop::default());
    let (told, destination) = (Arc::clone(&stop), args.destination);
    let from = data.clone();
    let mut made = tokio::task::spawn_blocking(move || backup(&from, &destination, &told));
    let made = tokio::select! {
        made = &mut made => made,
        _ = tokio::signal::ctrl_c() => {
            stop.tell();
            made.await
        }
    };
    let made = made.map_err(|error| Failure::new(FAILED, "the backup failed").caused_by(&error))?;
    let made = made.map_err(|error| failure(&error, &data))?;
    let path = made.path.to_string_lossy();
    if json {
        output::document(&json!({
            "path": path, "jobs": made.jobs, "folders": made.folders, "bytes": made.bytes,
        }))?;
    } else {
        output::line(&format!(
            "{path}  {} jobs, {} folders, {} bytes",
            made.jobs, made.folders, made.bytes
        ))?;
    }
    Ok(DONE)
}

fn failure(error: &BackupError, data: &std::path::Path) -> Failure {
    use crate::server::CopyError;
    let told = |code, message: &str| Failure::new(code, message).caused_by(error);
    match error {
        BackupError::Exists(path) => {
            Failure::new(FAILED, format!("{} is there already", path.display()))
                .hint("it was left as it is: name a folder that is not there yet")
        }
        BackupError::Inside(_) => Failure::new(USAGE, error.to_string())
            .hint("name a folder elsewhere, best on another disk"),
        BackupError::Database(CopyError::Missing(_)) => Failure::new(
            CONFIGURATION,
            format!("the data folder `{}` has no database", data.display()),
        )
        .hint("name the data folder of a server with `--data`, or its file with `--config`"),
        BackupError::Database(CopyError::Schema { .. }) => {
            told(CONFIGURATION, "the data folder is that of another version of Longhaul")
                .hint("use the `longhaul` of the version that serves it")
        }
        BackupError::Stopped => {
            Failure::new(INTERRUPTED, "interrupted: nothing is left of the backup")
        }
        error if error.is_disk_full() => told(TRY_AGAIN, "there is no room for the backup")
            .hint("make room, or name a folder on another disk; nothing is left of this one"),
        error if error.is_not_allowed() => told(NOT_ALLOWED, "the backup may not be made").hint(
            "run it as the user that runs the server, and name a folder that this user may write",
        ),
        BackupError::Database(_) | BackupError::Read { .. } | BackupError::Write { .. } => {
            told(FAILED, "the backup failed").hint("nothing is left of it")
        }
    }
}
