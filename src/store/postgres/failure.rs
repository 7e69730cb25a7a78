//! What a failed statement means: for the caller who waits, and for every write after it.

use std::error::Error as _;

use tokio_postgres::error::{Error, Severity, SqlState};

use crate::domain::state::IllegalTransition;
use crate::store::StoreError;

/// Why a write or a read could not be done.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// PostgreSQL said no, or is not there.
    #[error("{}", told(.0))]
    Sql(#[from] Error),
    /// No connection was free in time, or none could be made.
    #[error("no connection to the database: {0}")]
    NoConnection(String),
    /// Nothing was heard of a statement in time: it may have been done.
    #[error("the database has not answered for {0} s")]
    NoAnswer(u64),
    /// The database knows less than it had acknowledged: another copy of it answers.
    #[error(
        "the database has lost what it had acknowledged: its last event is {found}, and {known} was told"
    )]
    Behind {
        /// The last event that it knows.
        found: i64,
        /// The last one that it had acknowledged.
        known: i64,
    },
    /// The same, where others have written since.
    #[error("the database has lost what it had acknowledged: its event {0} is another one")]
    Replaced(i64),
    /// The connection was lost while a COMMIT was under way.
    #[error("the connection was lost at a commit: {0}")]
    Unknown(String),
    /// Another server has the database by now.
    #[error("another server has taken the database meanwhile")]
    Taken,
    /// A stored text is no JSON.
    #[error("a stored value is not the JSON that it should be")]
    Json(#[from] serde_json::Error),
    /// A stored value is none of its type.
    #[error("a stored value is not one of its type: {0}")]
    Value(String),
    /// A caller said that something happened which the law does not know.
    #[error(transparent)]
    Law(#[from] IllegalTransition),
    /// A guarded statement met another number of rows than it must.
    #[error("{what} met {rows} rows instead of {expected}")]
    Guard {
        /// Which statement.
        what: &'static str,
        /// How many rows it met.
        rows: u64,
        /// How many it must.
        expected: u64,
    },
}

/// How far a failure reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// The same would fail again, and nothing else is touched.
    Alone,
    /// Nothing was stored; it may work later.
    ForNow,
    /// Nobody can tell what is durable (P13).
    Broken,
}

/// What PostgreSQL said, in one line; the driver's own text leaves out why.
pub(super) fn told(error: &Error) -> String {
    if let Some(said) = error.as_db_error() {
        if is_of_another_connection(said.code()) {
            return format!(
                "{} (SQLSTATE {}): a connection pooler in transaction mode may stand before the \
                 database, which needs `server.database_direct` too",
                said.message(),
                said.code().code()
            );
        }
        return format!("{} (SQLSTATE {})", said.message(), said.code().code());
    }
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

/// A statement that was prepared is not there, or one that was not is: somebody else's connection answers.
fn is_of_another_connection(state: &SqlState) -> bool {
    [SqlState::INVALID_SQL_STATEMENT_NAME, SqlState::DUPLICATE_PSTATEMENT].contains(state)
}

/// A constraint, or a conflict with another transaction.
fn is_rolled_back(state: &SqlState) -> bool {
    matches!(state.code().get(..2), Some("23" | "40"))
}

/// Whether PostgreSQL ended the session with it.
fn is_end(severity: Option<Severity>) -> bool {
    matches!(severity, Some(Severity::Fatal | Severity::Panic))
}

/// By what PostgreSQL said. Where it ended the session that was not the statement's fault: a server was silent in
/// a transaction for too long (25P03), for one.
fn of_said(severity: Option<Severity>, state: &SqlState) -> Reach {
    let reach = of_state(state);
    if reach == Reach::Alone && is_end(severity) { Reach::ForNow } else { reach }
}

/// By the class of what PostgreSQL said.
fn of_state(state: &SqlState) -> Reach {
    match state.code().get(..2).unwrap_or_default() {
        // Connections, resources (a full disk), operators (a restart), and rolled-back transactions.
        "08" | "53" | "57" | "40" | "55" => Reach::ForNow,
        // It stands by: another one writes now.
        "25" if *state == SqlState::READ_ONLY_SQL_TRANSACTION => Reach::ForNow,
        "58" | "XX" => Reach::Broken,
        _ => Reach::Alone,
    }
}

impl Failure {
    /// What a failed COMMIT is: only what PostgreSQL says of the transaction itself tells that it was
    /// rolled back. A session that is ended from elsewhere may have committed before it says so.
    pub(super) fn of_commit(self) -> Self {
        let (Self::Sql(_) | Self::NoAnswer(_)) = &self else { return self };
        let said = if let Self::Sql(error) = &self { error.code() } else { None };
        if said.is_some_and(|state| is_rolled_back(state) || of_state(state) == Reach::Broken) {
            self
        } else {
            Self::Unknown(self.to_string())
        }
    }

    /// Whether what it was about was stored can be found out later.
    pub(super) fn is_in_doubt(&self) -> bool {
        matches!(self, Self::Unknown(_))
    }

    /// The database ended the session, and said so.
    pub(super) fn is_end_of_session(&self) -> bool {
        let Self::Sql(error) = self else { return false };
        error.as_db_error().is_some_and(|said| is_end(said.parsed_severity()))
    }

    /// How far it reaches.
    pub(super) fn reach(&self) -> Reach {
        match self {
            Self::Sql(error) => error
                .as_db_error()
                .map_or(Reach::ForNow, |said| of_said(said.parsed_severity(), said.code())),
            Self::NoConnection(_) | Self::NoAnswer(_) => Reach::ForNow,
            Self::Unknown(_) | Self::Taken | Self::Behind { .. } | Self::Replaced(_) => {
                Reach::Broken
            }
            Self::Json(_) | Self::Value(_) | Self::Law(_) | Self::Guard { .. } => Reach::Alone,
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
pub(super) fn one_row(what: &'static str, rows: u64) -> Result<(), Failure> {
    rows_met(what, rows, 1)
}

/// A statement that must meet so many rows met `rows`.
pub(super) fn rows_met(what: &'static str, rows: u64, expected: usize) -> Result<(), Failure> {
    let expected = expected as u64;
    if rows == expected { Ok(()) } else { Err(Failure::Guard { what, rows, expected }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_passes_and_a_damaged_page_does_not() {
        // P13
        for state in [SqlState::ADMIN_SHUTDOWN, SqlState::DISK_FULL, SqlState::QUERY_CANCELED] {
            assert_eq!(of_state(&state), Reach::ForNow, "{state:?}");
        }
        for state in [SqlState::IO_ERROR, SqlState::DATA_CORRUPTED] {
            assert_eq!(of_state(&state), Reach::Broken, "{state:?}");
        }
        assert_eq!(of_state(&SqlState::UNIQUE_VIOLATION), Reach::Alone);
        let silent = &SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT;
        assert_eq!(of_said(Some(Severity::Fatal), silent), Reach::ForNow);
        assert_eq!(of_said(Some(Severity::Error), &SqlState::UNIQUE_VIOLATION), Reach::Alone);
        assert_eq!(of_said(Some(Severity::Panic), &SqlState::IO_ERROR), Reach::Broken);
        assert!(is_of_another_connection(&SqlState::DUPLICATE_PSTATEMENT));
        assert!(!is_of_another_connection(&SqlState::UNDEFINED_TABLE));
        assert!(is_rolled_back(&SqlState::UNIQUE_VIOLATION));
        assert!(!is_rolled_back(&SqlState::ADMIN_SHUTDOWN));
    }
}
