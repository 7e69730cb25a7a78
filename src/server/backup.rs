//! A copy of a data folder that a server can serve, made while the original is served, or while nobody
//! has it.
//!
//! # Invariants
//!
//! - It is all there or not at all: it is made beside its place, made durable, and then given its name.
//!   What was made is removed where it fails.
//! - The folders of jobs that its database knows are in it: nobody removes any while they are copied.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with, syncfs};

use crate::runner::kept::{CopyFolderError, Folders};
use crate::store::sqlite::copy::{self, CopyError};

pub use crate::store::sqlite::copy::Stop;

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// Where.
    pub path: PathBuf,
    /// How many jobs are in it.
    pub jobs: u64,
    /// How many folders of jobs.
    pub folders: u64,
    /// How many bytes its files have.
    pub bytes: u64,
}

/// Why there is no backup. Nothing is left of it.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Something is there already.
    #[error("`{}` is there already", .0.display())]
    Exists(PathBuf),
    /// It would become a part of what is copied.
    #[error("`{}` lies in the data folder itself", .0.display())]
    Inside(PathBuf),
    /// The database cannot be copied.
    #[error("the database cannot be copied: {0}")]
    Database(#[source] CopyError),
    /// A file cannot be read.
    #[error("`{}` cannot be read", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("`{}` cannot be written", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It was told to stop.
    #[error("it was interrupted")]
    Stopped,
}

impl BackupError {
    /// There is no room for it.
    pub fn is_disk_full(&self) -> bool {
        match self {
            Self::Database(error) => error.is_disk_full(),
            Self::Write { source, .. } => matches!(
                source.kind(),
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge
            ),
            Self::Exists(_) | Self::Inside(_) | Self::Read { .. } | Self::Stopped => false,
        }
    }

    /// A right is missing.
    pub fn is_not_allowed(&self) -> bool {
        match self {
            Self::Read { source, .. } | Self::Write { source, .. } => {
                matches!(source.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem)
            }
            Self::Exists(_) | Self::Inside(_) | Self::Database(_) | Self::Stopped => false,
        }
    }
}

impl From<CopyError> for BackupError {
    fn from(error: CopyError) -> Self {
        match error {
            CopyError::Stopped => Self::Stopped,
            CopyError::Missing(_)
            | CopyError::Schema { .. }
            | CopyError::Busy
            | CopyError::Sql(_) => Self::Database(error),
        }
    }
}

impl From<CopyFolderError> for BackupError {
    fn from(error: CopyFolderError) -> Self {
        match error {
            CopyFolderError::Read { path, source } => Self::Read { path, source },
            CopyFolderError::Write { path, source } => Self::Write { path, source },
            CopyFolderError::Stopped => Self::Stopped,
        }
    }
}

/// Copies the data folder `data` to `destination`, which must not be there. Blocks.
pub fn backup(data: &Path, destination: &Path, stop: &Stop) -> Result<Backup, BackupError> {
    let database = data.join(super::DATABASE);
    if !database.exists() {
        return Err(BackupError::Database(CopyError::Missing(database)));
    }
    let write = |source| BackupError::Write { path: destination.to_owned(), source };
    let destination = std::path::absolute(destination).map_err(write)?;
    if fs::symlink_metadata(&destination).is_ok() {
        return Err(BackupError::Exists(destination));
    }
    let parent = destination.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(parent).map_err(write)?;
    let lies_inside = fs::canonicalize(parent).map_err(write)?;
    if fs::canonicalize(data).is_ok_and(|data| lies_inside.starts_with(data)) {
        return Err(BackupError::Inside(destination));
    }
    let mut name = destination.file_name().unwrap_or_default().to_owned();
    name.push(format!(".partial-{}", std::process::id()));
    let half = parent.join(name);
    let made = make(data, &half, stop).and_then(|made| {
        // Fails where somebody else was faster than the look above.
        match renameat_with(CWD, &half, CWD, &destination, RenameFlags::NOREPLACE) {
            Err(rustix::io::Errno::EXIST) => Err(BackupError::Exists(destination.clone())),
            renamed => renamed.map_err(|error| write(error.into())),
        }?;
        File::open(parent).and_then(|parent| parent.sync_all()).map_err(write)?;
        Ok(Backup { path: destination.clone(), ..made })
    });
    if made.is_err() {
        // What cannot be removed is told by its name.
        let _ = fs::remove_dir_all(&half);
    }
    made
}

/// Makes all of it, durable.
fn make(data: &Path, half: &Path, stop: &Stop) -> Result<Backup, BackupError> {
    let write = |source| BackupError::Write { path: half.to_owned(), source };
    DirBuilder::new().mode(0o700).create(half).map_err(write)?;
    let path = data.join("attempts");
    let attempts = Folders::new(path.clone());
    // Before the database is read: what it knows from here on stays.
    let held = attempts.hold().map_err(|source| BackupError::Read { path, source })?;
    let database = half.join(super::DATABASE);
    // Made with its mode: what is made of it has the same.
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(&database).map_err(write)?;
    let copied = copy::copy(&data.join(super::DATABASE), &database, stop)?;
    let mut bytes = fs::metadata(&database).map_err(write)?.len();
    let (mut folders, to) = (0, half.join("attempts"));
    DirBuilder::new().mode(0o700).create(&to).map_err(write)?;
    for job in copied.with_folders {
        if let Some(copied) = attempts.copy(job, &to, &|| stop.is_told())? {
            folders += 1;
            bytes += copied;
        }
    }
    drop(held);
    File::open(half).and_then(|half| Ok(syncfs(half)?)).map_err(write)?;
    Ok(Backup { path: half.to_owned(), jobs: copied.jobs, folders, bytes })
}
