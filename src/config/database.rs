//! Which database keeps the jobs.

use std::fmt;

use super::show::HIDDEN;

/// Where jobs are kept.
#[derive(Clone, PartialEq, Eq, Default)]
pub enum Database {
    /// SQLite in the data folder.
    #[default]
    Sqlite,
    /// A PostgreSQL at this address, which may hold a password and is never shown.
    Postgres(String),
}

/// The word for the first.
pub(super) const SQLITE: &str = "sqlite";
/// What the address of the second begins with.
pub(super) const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];
/// What is told of anything else. The value is never shown: an address may hold a password.
pub(super) const NO_DATABASE: &str = "expected `sqlite`, which keeps jobs in the data folder, or the address of a PostgreSQL, `postgres://USER:PASSWORD@HOST:PORT/DATABASE`";

impl Database {
    /// Reads what a person wrote; the rest of an address is for whoever connects.
    pub(super) fn read(text: &str) -> Option<Self> {
        if text == SQLITE {
            return Some(Self::Sqlite);
        }
        let is_address = SCHEMES.iter().any(|scheme| text.starts_with(scheme));
        is_address.then(|| Self::Postgres(text.to_owned()))
    }

    /// It is a PostgreSQL.
    pub fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }
}

/// Without the address.
impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite => f.write_str(SQLITE),
            Self::Postgres(_) => write!(f, "postgres://{HIDDEN}"),
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
