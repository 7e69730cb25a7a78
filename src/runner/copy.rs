//! Copies the folders of jobs, for a backup.
//!
//! # Invariants
//!
//! - No link is followed, and nothing is opened but regular files; nothing is nested, however deep a
//!   folder stands.

use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::kept::Folders;
use crate::domain::id::JobId;
use crate::shim::protocol::{ENVIRONMENT, LOCK, files};

/// Why a folder was not copied as a whole.
#[derive(Debug, thiserror::Error)]
pub enum CopyFolderError {
    /// Something cannot be read.
    #[error("`{}` cannot be read", path.display())]
    Read {
        /// What.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Something cannot be written.
    #[error("`{}` cannot be written", path.display())]
    Write {
        /// What.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Nobody wants it any more.
    #[error("it was stopped")]
    Stopped,
}

impl Folders {
    /// Copies the folder of a job into the folder `to`, but for what only its processes are for. How many
    /// bytes; `None` where there is none.
    pub fn copy(
        &self,
        job: JobId,
        to: &Path,
        is_stopped: &dyn Fn() -> bool,
    ) -> Result<Option<u64>, CopyFolderError> {
        let from = self.of(job);
        if fs::symlink_metadata(&from).is_err() {
            return Ok(None);
        }
        copy_tree(&from, &to.join(job.to_string()), is_stopped).map(Some)
    }
}

fn copy_tree(
    from: &Path,
    to: &Path,
    is_stopped: &dyn Fn() -> bool,
) -> Result<u64, CopyFolderError> {
    let (mut bytes, mut folders) = (0, vec![(from.to_owned(), to.to_owned())]);
    while let Some((from, to)) = folders.pop() {
        let write = |source| CopyFolderError::Write { path: to.clone(), source };
        let read = |source| CopyFolderError::Read { path: from.clone(), source };
        DirBuilder::new().mode(0o700).create(&to).map_err(write)?;
        let entries = match fs::read_dir(&from) {
            Ok(entries) => entries,
            // A `work/` that was too large.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(read(error)),
        };
        for entry in entries {
            if is_stopped() {
                return Err(CopyFolderError::Stopped);
            }
            let entry = entry.map_err(read)?;
            let (kind, name) = (entry.file_type().map_err(read)?, entry.file_name());
            let (from, to) = (entry.path(), to.join(&name));
            if kind.is_dir() {
                folders.push((from, to));
            } else if kind.is_symlink() {
                copy_link(&from, &to)?;
            } else if kind.is_file() && name != LOCK && name != ENVIRONMENT {
                bytes += copy_file(&from, &to)?;
            }
        }
    }
    Ok(bytes)
}

fn copy_link(from: &Path, to: &Path) -> Result<(), CopyFolderError> {
    let read = |source| CopyFolderError::Read { path: from.to_owned(), source };
    let target = fs::read_link(from).map_err(read)?;
    symlink(target, to).map_err(|source| CopyFolderError::Write { path: to.to_owned(), source })
}

/// As long as the file is now: a log may grow as fast as it is copied.
fn copy_file(from: &Path, to: &Path) -> Result<u64, CopyFolderError> {
    let read = |source| CopyFolderError::Read { path: from.to_owned(), source };
    let write = |source| CopyFolderError::Write { path: to.to_owned(), source };
    let Some(file) = files::open(from).map_err(read)? else { return Ok(0) };
    let metadata = file.metadata().map_err(read)?;
    let mut copy = files::create(to).map_err(write)?;
    let bytes = io::copy(&mut file.take(metadata.len()), &mut copy).map_err(write)?;
    let mode = metadata.permissions().mode() & 0o700;
    copy.set_permissions(Permissions::from_mode(mode | 0o600)).map_err(write)?;
    Ok(bytes)
}
