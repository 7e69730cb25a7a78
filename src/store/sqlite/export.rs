//! Reading a whole file that no server has, so that another backend takes it over.
//!
//! What is read is one moment. The file stays as it is until it is set aside, whole in one piece.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension};

use super::copy::{CopyError, connect};
use super::open::KNOWN;

/// The file, open to be read.
pub(in crate::store) struct Export {
    conn: Connection,
    path: PathBuf,
}

/// The numbers that were drawn last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct Drawn {
    pub(in crate::store) accepted: i64,
    pub(in crate::store) fence: i64,
    pub(in crate::store) event: i64,
    pub(in crate::store) worker: i64,
    pub(in crate::store) token: i64,
}

impl Export {
    /// Opens it. Whoever does holds the data folder.
    pub(in crate::store) fn open(path: &Path) -> Result<Self, CopyError> {
        if !path.exists() {
            return Err(CopyError::Missing(path.to_owned()));
        }
        let conn = connect(path)?;
        // What goes from the log into the file is for `leave` to see to: a close swallows its errors (P13).
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        let found = conn.pragma_query_value(None, "user_version", |row| row.get::<_, u32>(0))?;
        if found != KNOWN {
            return Err(CopyError::Schema { found, known: KNOWN });
        }
        conn.execute_batch("BEGIN")?;
        Ok(Self { conn, path: path.to_owned() })
    }

    /// What it is read by.
    pub(in crate::store) fn conn(&self) -> &Connection {
        &self.conn
    }

    /// How many attempts are open: of jobs that run, or that a crash left.
    pub(in crate::store) fn open_attempts(&self) -> Result<u64, CopyError> {
        let sql = "SELECT count(*) FROM jobs WHERE open_fence IS NOT NULL";
        let count: i64 = self.conn.query_one(sql, [], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    /// Which numbers must not be drawn again.
    pub(in crate::store) fn drawn(&self) -> Result<Drawn, CopyError> {
        let last = |table: &str| {
            let sql = "SELECT seq FROM sqlite_sequence WHERE name = ?1";
            let seq = self.conn.query_one(sql, [table], |row| row.get(0)).optional();
            seq.map(Option::unwrap_or_default)
        };
        Ok(Drawn {
            accepted: last("jobs")?,
            fence: last("attempts")?,
            event: last("job_events")?,
            worker: last("workers")?,
            token: last("tokens")?,
        })
    }

    /// The id of whoever worked on it last.
    pub(in crate::store) fn last_worker(&self) -> Result<Option<[u8; 16]>, CopyError> {
        let sql = "SELECT id FROM workers ORDER BY no DESC LIMIT 1";
        Ok(self.conn.query_one(sql, [], |row| row.get(0)).optional()?)
    }

    /// Brings all of it into the one file and closes it: no log beside it, which a new name would part from
    /// it.
    pub(in crate::store) fn leave(self) -> Result<Left, CopyError> {
        let Self { conn, path } = self;
        conn.execute_batch("COMMIT")?;
        let busy: i64 = conn.query_one("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        if busy != 0 {
            return Err(CopyError::Busy);
        }
        conn.close().map_err(|(_, error)| error)?;
        Ok(Left(path))
    }
}

/// A file that was read and closed.
pub(in crate::store) struct Left(PathBuf);

impl Left {
    /// Where it goes.
    pub(in crate::store) fn aside(path: &Path) -> PathBuf {
        let mut name = path.as_os_str().to_owned();
        name.push(".migrated");
        name.into()
    }

    /// Takes it out of the way of a server, durably; where it is from then on.
    pub(in crate::store) fn set_aside(self) -> io::Result<PathBuf> {
        let Self(path) = self;
        let aside = Self::aside(&path);
        fs::rename(&path, &aside)?;
        // Empty by now, but of no use to whoever makes a new file.
        for ending in ["-wal", "-shm"] {
            let mut name = path.as_os_str().to_owned();
            name.push(ending);
            match fs::remove_file(PathBuf::from(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(aside)
    }
}
