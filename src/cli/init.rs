//! `longhaul init`: writes a configuration file that explains itself, and says what to do next.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::config::{EXAMPLE, Environment, Overrides};

use super::exit::{DONE, FAILED, Failure, NOT_ALLOWED, USAGE};
use super::output;

/// What `init` takes.
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// Where to write it, a file or a folder [default: the file that `serve` reads]
    path: Option<PathBuf>,
    /// Replace a file that is there
    #[arg(long)]
    force: bool,
}

/// Writes the file.
pub(super) fn run(args: &InitArgs, overrides: &Overrides, json: bool) -> Result<u8, Failure> {
    let default = Environment::of_process().default_file();
    let path = args.path.as_ref().or(overrides.config.as_ref()).or(default.as_ref());
    let Some(path) = path else {
        return Err(Failure::new(USAGE, "there is no HOME, so no default place for the file")
            .hint("name one: `longhaul init longhaul.toml`"));
    };
    let path = if path.is_dir() { path.join("longhaul.toml") } else { path.clone() };
    let path = std::path::absolute(&path).map_err(|error| cannot(&path, &error))?;
    if !write(&path, args.force).map_err(|error| cannot(&path, &error))? {
        return Err(Failure::new(FAILED, format!("{} is there already", path.display()))
            .hint("it was left as it is; `--force` replaces it, and another path keeps both"));
    }
    if json {
        output::document(&json!({ "path": path.to_string_lossy() }))?;
    } else {
        output::line(&path.to_string_lossy())?;
    }
    let option = if default.as_deref() == Some(&*path) {
        String::new()
    } else {
        format!(" --config {}", quoted(&path))
    };
    output::say(&format!(
        "\nIt has three kinds to begin with, and every setting with its default as a comment. Next:\n  \
         longhaul config check{option}    # after each change\n  \
         longhaul serve{option}\n  \
         longhaul run countdown from=5    # in another terminal"
    ));
    Ok(DONE)
}

/// Writes the whole file or nothing; `false`: something is there and was left as it is.
fn write(path: &Path, force: bool) -> io::Result<bool> {
    // A link is followed: what it leads to is replaced, and it stays.
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    // A link to nothing is something, too.
    if !force && fs::symlink_metadata(path).is_ok() {
        return Ok(false);
    }
    let folder = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".new-{}", std::process::id()));
    let half = folder.join(name);
    let mut file = OpenOptions::new().write(true).create_new(true).open(&half)?;
    let written = fill(&mut file).and_then(|()| {
        if force {
            return fs::rename(&half, path).map(|()| true);
        }
        // A second name for the file fails where somebody else was faster than the look above.
        match fs::hard_link(&half, path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            linked => linked.map(|()| true),
        }
    });
    if !(force && written.is_ok()) {
        let _ = fs::remove_file(&half);
    }
    written
}

fn fill(file: &mut File) -> io::Result<()> {
    file.write_all(EXAMPLE.as_bytes())?;
    file.sync_all()
}

fn cannot(path: &Path, error: &io::Error) -> Failure {
    let code = if error.kind() == ErrorKind::PermissionDenied { NOT_ALLOWED } else { FAILED };
    Failure::new(code, format!("{} cannot be written", path.display()))
        .caused_by(error)
        .hint("name another path: `longhaul init PATH`")
}

/// A path that a shell reads as one word.
fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-');
    if text.chars().all(plain) {
        text.into_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}
