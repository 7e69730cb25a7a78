//! Opening the file: what must hold before the first statement, and the migrations.
//!
//! Each migration runs in one transaction together with the number that says it has run, so that
//! a crash in the middle of one leaves the schema before it. A newer schema than this program
//! knows is refused: an older program must not write what it does not understand.

use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

/// The migrations by number, from 1.
const MIGRATIONS: [&str; 7] = [
    include_str!("migrations/0001_jobs.sql"),
    include_str!("migrations/0002_labels.sql"),
    include_str!("migrations/0003_lists.sql"),
    include_str!("migrations/0004_tokens.sql"),
    include_str!("migrations/0005_kept.sql"),
    include_str!("migrations/0006_worker_labels.sql"),
    include_str!("migrations/0007_cancel_forced.sql"),
];

/// The schema that this program writes.
#[expect(clippy::cast_possible_truncation, reason = "there are few migrations")]
pub(super) const KNOWN: u32 = MIGRATIONS.len() as u32;

/// The oldest SQLite that is safe: before it, resetting the write-ahead log could race with a
/// checkpoint and damage the file.
const OLDEST_SQLITE: (i32, &str) = (3_051_003, "3.51.3");

/// How long to wait for somebody else's lock: a backup, or a person with the `sqlite3` shell.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How much of the write-ahead log stays on disk once all of it is in the file.
const WAL_KEPT_BYTES: i64 = 64 * 1024 * 1024;

/// Why the store was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file or its folder.
    #[error("cannot prepare the database file `{path}`")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A later Longhaul wrote it.
    #[error(
        "the database `{path}` has schema {found}, and this program knows schemas up to {known}: \
         use the Longhaul that wrote it, or a newer one"
    )]
    TooNew {
        /// Which file.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The newest that this program knows.
        known: u32,
    },
    /// Something else wrote it.
    #[error("`{0}` is the database of another program: expected one of Longhaul, or no file")]
    Foreign(PathBuf),
    /// It cannot be written ahead: a file system without shared memory, like a network's.
    #[error("`{path}` cannot use a write-ahead log (it stays `{mode}`): expected a local disk")]
    NoWal {
        /// Which file.
        path: PathBuf,
        /// The mode that it stays in.
        mode: String,
    },
    /// This program was built with an SQLite that may damage its file.
    #[error("SQLite {found} is too old: expected {} or newer", OLDEST_SQLITE.1)]
    OldSqlite {
        /// The version built in.
        found: &'static str,
    },
    /// A statement failed.
    #[error("cannot open the database `{path}`: {source}")]
    Sql {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// A thread could not be started.
    #[error("cannot start the thread that writes")]
    Thread(#[source] io::Error),
}

impl OpenError {
    /// There is no room for the file.
    pub fn is_disk_full(&self) -> bool {
        use io::ErrorKind as Kind;
        if let Self::File { source, .. } = self {
            let kind = source.kind();
            return matches!(kind, Kind::StorageFull | Kind::QuotaExceeded | Kind::FileTooLarge);
        }
        let Self::Sql { source: rusqlite::Error::SqliteFailure(error, _), .. } = self else {
            return false;
        };
        // The index of the log cannot grow: a full disk by another name.
        error.code == rusqlite::ErrorCode::DiskFull
            || error.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE
    }

    /// The file is no database, or one that is damaged.
    pub fn is_damaged(&self) -> bool {
        use rusqlite::ErrorCode as Code;
        let Self::Sql { source, .. } = self else { return false };
        matches!(source.sqlite_error_code(), Some(Code::NotADatabase | Code::DatabaseCorrupt))
    }

    /// The file may not be written.
    pub fn is_not_writable(&self) -> bool {
        use rusqlite::ErrorCode as Code;
        if let Self::File { source, .. } = self {
            let kind = source.kind();
            return kind == io::ErrorKind::PermissionDenied
                || kind == io::ErrorKind::ReadOnlyFilesystem;
        }
        let Self::Sql { source, .. } = self else { return false };
        matches!(
            source.sqlite_error_code(),
            Some(Code::ReadOnly | Code::PermissionDenied | Code::CannotOpen)
        )
    }
}

/// Opens the connection that writes: creates the file where there is none, and migrates it.
pub(super) fn writer(path: &Path) -> Result<Connection, OpenError> {
    if rusqlite::version_number() < OLDEST_SQLITE.0 {
        return Err(OpenError::OldSqlite { found: rusqlite::version() });
    }
    let io = |source| OpenError::File { path: path.to_owned(), source };
    create_private(path).map_err(io)?;
    let conn = prepare_writer(path)?;
    // The name of a file is durable once its folder is; the log's is by SQLite's own flush.
    sync_folder(path).map_err(io)?;
    Ok(conn)
}

/// Opens a connection that copies the log into the file, and does nothing else.
pub(super) fn copier(path: &Path) -> rusqlite::Result<Connection> {
    let conn = connect(path)?;
    conn.execute_batch("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;")?;
    Ok(conn)
}

/// Opens a connection that only reads.
pub(super) fn reader(path: &Path) -> Result<Connection, OpenError> {
    let sql = |source| OpenError::Sql { path: path.to_owned(), source };
    let conn = connect(path).map_err(sql)?;
    conn.pragma_update(None, "query_only", true).map_err(sql)?;
    Ok(conn)
}

/// Bounds the file to the whole pages within so many bytes.
pub(super) fn limit(conn: &Connection, bytes: u64) -> rusqlite::Result<()> {
    let page: u32 = conn.pragma_query_value(None, "page_size", |row| row.get(0))?;
    // The answer is the bound in force: never below what the file has already.
    let pages = u32::try_from(bytes / u64::from(page)).unwrap_or(u32::MAX - 1);
    conn.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
}

/// The log and its index take the mode of the file, so it is set before they exist.
fn create_private(path: &Path) -> io::Result<()> {
    let options = OpenOptions::new().read(true).write(true).create(true).mode(0o600).to_owned();
    options.open(path)?.set_permissions(Permissions::from_mode(0o600))
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    File::open(folder)?.sync_all()
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.set_prepared_statement_cache_capacity(64);
    // No plan depends on a value: without this, each new value of a `LIMIT` parses and plans a kept statement
    // anew, a quarter of what the writer does for a claim.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(conn)
}

fn prepare_writer(path: &Path) -> Result<Connection, OpenError> {
    let sql = |source| OpenError::Sql { path: path.to_owned(), source };
    let mut conn = connect(path).map_err(sql)?;
    let mode: String =
        conn.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0)).map_err(sql)?;
    if mode != "wal" {
        return Err(OpenError::NoWal { path: path.to_owned(), mode });
    }
    // FULL: a commit is flushed before it is answered (P1). Checkpoints are the writer's own, so
    // that their I/O errors are seen: SQLite's automatic ones swallow them (P13).
    let pragmas = format!(
        "PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = ON;
         PRAGMA wal_autocheckpoint = 0;
         PRAGMA journal_size_limit = {WAL_KEPT_BYTES};
         PRAGMA cache_size = -8192;"
    );
    conn.execute_batch(&pragmas).map_err(sql)?;
    migrate(&mut conn, path)?;
    Ok(conn)
}

fn migrate(conn: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let sql = |source| OpenError::Sql { path: path.to_owned(), source };
    let version = |conn: &Connection| {
        conn.pragma_query_value(None, "user_version", |row| row.get::<_, u32>(0)).map_err(sql)
    };
    let found = version(conn)?;
    if found > KNOWN {
        return Err(OpenError::TooNew { path: path.to_owned(), found, known: KNOWN });
    }
    let tables = "SELECT count(*) FROM sqlite_schema";
    if found == 0 && conn.query_one(tables, [], |row| row.get::<_, i64>(0)).map_err(sql)? > 0 {
        return Err(OpenError::Foreign(path.to_owned()));
    }
    for (number, migration) in (1u32..).zip(MIGRATIONS).filter(|(number, _)| *number > found) {
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql)?;
        tx.execute_batch(migration).map_err(sql)?;
        tx.pragma_update(None, "user_version", number).map_err(sql)?;
        tx.commit().map_err(sql)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    #[test]
    fn a_statement_is_planned_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        File::create(&path).unwrap();
        let conn = connect(&path).unwrap();
        conn.execute_batch("CREATE TABLE t (n INTEGER PRIMARY KEY)").unwrap();
        let mut select = conn.prepare("SELECT n FROM t ORDER BY n LIMIT ?1").unwrap();
        for limit in [1, 2, 3] {
            assert!(select.query([limit]).unwrap().next().unwrap().is_none());
        }
        assert_eq!(select.get_status(StatementStatus::RePrepare), 0);
    }
}
