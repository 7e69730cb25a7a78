//! A consistent copy of the file, made while a server writes it, by another process or by this one.
//!
//! It is one read transaction: what is committed while it is made is not in it, and no writer waits.
//! The log grows as long, since it cannot begin again.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, InterruptHandle, OpenFlags};

use super::open::{BUSY_TIMEOUT, KNOWN};
use crate::domain::id::JobId;

/// What is in a copy.
#[derive(Debug)]
pub struct Copied {
    /// How many jobs.
    pub jobs: u64,
    /// Those of which a folder may be there that belongs to it.
    pub with_folders: Vec<JobId>,
}

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// There is nothing to copy.
    #[error("there is no database `{0}`")]
    Missing(PathBuf),
    /// Another Longhaul wrote it, or something else.
    #[error("the database has schema {found}, and this program knows schema {known}")]
    Schema {
        /// Its schema.
        found: u32,
        /// The one that this program knows.
        known: u32,
    },
    /// It was told to stop.
    #[error("it was interrupted")]
    Stopped,
    /// Somebody else reads it.
    #[error("another process reads the database")]
    Busy,
    /// A statement failed.
    #[error(transparent)]
    Sql(rusqlite::Error),
}

impl From<rusqlite::Error> for CopyError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::OperationInterrupted) => Self::Stopped,
            _ => Self::Sql(error),
        }
    }
}

impl CopyError {
    /// There is no room for the copy.
    pub fn is_disk_full(&self) -> bool {
        let Self::Sql(error) = self else { return false };
        error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
    }
}

/// Tells whoever copies to stop.
#[derive(Default)]
pub struct Stop {
    is_told: AtomicBool,
    statement: Mutex<Option<InterruptHandle>>,
}

impl Stop {
    /// Stops it soon.
    pub fn tell(&self) {
        self.is_told.store(true, Ordering::SeqCst);
        if let Some(statement) = &*self.statement.lock().unwrap_or_else(PoisonError::into_inner) {
            statement.interrupt();
        }
    }

    /// It was told to stop.
    pub fn is_told(&self) -> bool {
        self.is_told.load(Ordering::SeqCst)
    }

    fn may_interrupt(&self, conn: &Connection) -> Result<(), CopyError> {
        let mut statement = self.statement.lock().unwrap_or_else(PoisonError::into_inner);
        *statement = Some(conn.get_interrupt_handle());
        if self.is_told() { Err(CopyError::Stopped) } else { Ok(()) }
    }
}

/// Copies the file `from` to `to`, which is not there yet. Blocks.
pub fn copy(from: &Path, to: &Path, stop: &Stop) -> Result<Copied, CopyError> {
    if !from.exists() {
        return Err(CopyError::Missing(from.to_owned()));
    }
    let conn = connect(from)?;
    // Should the server end meanwhile, we are who closes last. What goes from the log into the file is
    // the writer's to see to (P13).
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    let found = conn.pragma_query_value(None, "user_version", |row| row.get::<_, u32>(0))?;
    if found != KNOWN {
        return Err(CopyError::Schema { found, known: KNOWN });
    }
    stop.may_interrupt(&conn)?;
    conn.execute("VACUUM INTO ?1", [to.to_string_lossy()])?;
    drop(conn);
    let conn = connect(to)?;
    stop.may_interrupt(&conn)?;
    // Whoever serves the copy must not take the processes of the original, which may run here, for what a
    // crash left of its own: to it they are of a machine that was restarted.
    conn.execute("UPDATE attempts SET boot_id = 'copied' WHERE ended_at IS NULL", [])?;
    let jobs: i64 = conn.query_one("SELECT count(*) FROM jobs", [], |row| row.get(0))?;
    let mut select = conn.prepare(WITH_FOLDERS)?;
    let rows = select.query_map([], |row| row.get(0).map(JobId::from_bytes))?;
    Ok(Copied { jobs: jobs.unsigned_abs(), with_folders: rows.collect::<Result<_, _>>()? })
}

/// All that was not settled as folderless. Walks over all jobs: nobody waits for it but the copy.
const WITH_FOLDERS: &str = "
SELECT id
FROM jobs
WHERE attempt > 0
  AND has_folder IS NOT 0
ORDER BY accept_no";

pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(BUSY_TIMEOUT)?;
    Ok(conn)
}
