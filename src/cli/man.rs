//! `longhaul man`: the pages for `man`, from the same tree as `--help`.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _};
use clap_mangen::Man;

use super::exit::{DONE, FAILED, Failure, USAGE};
use super::{Cli, output};

/// What `man` takes.
#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// The page of this command [default: that of longhaul itself]
    command: Option<String>,
    /// Write all pages into this folder instead
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    dir: Option<PathBuf>,
}

/// Prints a page, or writes all of them.
pub(super) fn run(args: &ManArgs) -> Result<u8, Failure> {
    let mut root = Cli::command();
    root.build();
    if let Some(dir) = &args.dir {
        clap_mangen::generate_to(root, dir).map_err(|error| {
            Failure::new(FAILED, format!("`{}` cannot be written: {error}", dir.display()))
        })?;
        return Ok(DONE);
    }
    let command = match &args.command {
        None => root,
        Some(name) => root.find_subcommand(name).cloned().ok_or_else(|| {
            Failure::new(USAGE, format!("there is no command `{name}`: see `longhaul --help`"))
        })?,
    };
    let mut page = Vec::new();
    Man::new(command)
        .render(&mut page)
        .map_err(|error| Failure::new(FAILED, format!("no page: {error}")))?;
    output::text(&String::from_utf8_lossy(&page)).map(|()| DONE)
}
