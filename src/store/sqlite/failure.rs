//! What a failed statement means: for the caller who waits, and for every write after it.

use rusqlite::ffi;

use crate::domain::state::IllegalTransition;
use crate::store::StoreError;

/// Why a write or a read could not be done.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// SQLite said no.
    #[error(transparent)]
    Sql(#[from] rusqlite::Error),
    /// A stored text is no JSON.
    #[error("a stored value is not the JSON that it should be")]
    Json(#[from] serde_json::Error),
    /// A caller said that something happened which the law does not know.
    #[error(transparent)]
    Law(#[from] IllegalTransition),
    /// A guarded statement met another number of rows than it must.
    #[error("{what} met {rows} rows instead of one")]
    Guard {
        /// Which statement.
        what: &'static str,
        /// How many rows it met.
        rows: usize,
    },
}

/// How far a failure reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// The same would fail again, and nothing else is touched.
    Alone,
    /// Nothing was stored; there may be room, or the lock, later.
    ForNow,
    /// Nobody can tell what is durable: fsync and the file itself cannot be asked again (P13).
    Broken,
}

impl Failure {
    /// How far it reaches.
    pub(super) fn reach(&self) -> Reach {
        let Self::Sql(rusqlite::Error::SqliteFailure(error, _)) = self else {
            return Reach::Alone;
        };
        match error.extended_code {
            // The index of the log could not grow: a full disk by another name, before any commit.
            ffi::SQLITE_IOERR_SHMSIZE => Reach::ForNow,
            code => match code & 0xff {
                ffi::SQLITE_FULL
                | ffi::SQLITE_BUSY
                | ffi::SQLITE_LOCKED
                | ffi::SQLITE_READONLY
                | ffi::SQLITE_NOMEM
                | ffi::SQLITE_CANTOPEN
                | ffi::SQLITE_PROTOCOL => Reach::ForNow,
                ffi::SQLITE_IOERR | ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB => Reach::Broken,
                _ => Reach::Alone,
            },
        }
    }

    /// What those are told whose write met it.
    pub(super) fn of_write(&self) -> StoreError {
        match self.reach() {
            Reach::Alone => StoreError::Internal {
                message: format!("a write was rolled back: {self}"),
                source: None,
            },
            Reach::ForNow => StoreError::Unavailable(self.to_string()),
            Reach::Broken => StoreError::OutcomeUnknown(self.to_string()),
        }
    }

    /// What the caller of the read that met it is told.
    pub(super) fn of_read(self) -> StoreError {
        match self.reach() {
            Reach::ForNow => StoreError::Unavailable(self.to_string()),
            Reach::Alone | Reach::Broken => StoreError::Internal {
                message: "a read failed".to_owned(),
                source: Some(Box::new(self)),
            },
        }
    }
}

/// Checks that a guarded statement met its one row.
pub(super) fn one_row(what: &'static str, rows: usize) -> Result<(), Failure> {
    if rows == 1 { Ok(()) } else { Err(Failure::Guard { what, rows }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(code: i32) -> Reach {
        Failure::Sql(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)).reach()
    }

    #[test]
    fn an_io_error_breaks_the_store_and_a_full_disk_does_not() {
        // P13
        for code in [ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_CORRUPT_INDEX] {
            assert_eq!(reach(code), Reach::Broken, "{code}");
        }
        for code in [ffi::SQLITE_FULL, ffi::SQLITE_BUSY_SNAPSHOT, ffi::SQLITE_IOERR_SHMSIZE] {
            assert_eq!(reach(code), Reach::ForNow, "{code}");
        }
        assert_eq!(reach(ffi::SQLITE_CONSTRAINT_UNIQUE), Reach::Alone);
    }
}
