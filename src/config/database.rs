//! Which database keeps the jobs.

use std::fmt;

use super::show::HIDDEN;

/// Where jobs are kept.
#[derive(Clone, PartialEq, Eq, Default)]
pub enum Database {
    /// SQLite in the data folder.
    #[default]
    Sqlite,
    /// A PostgreSQL.
    Postgres(Postgres),
}

/// Where a PostgreSQL is. An address may hold a password, and is never shown.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Postgres {
    /// Its address, or that of a pooler before it.
    pub url: String,
    /// Its own address, past that pooler.
    pub direct: Option<String>,
}

/// The word for the first.
pub(super) const SQLITE: &str = "sqlite";
/// What the address of the second begins with.
pub(super) const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];
/// What is told of anything else. The value is never shown: an address may hold a password.
pub(super) const NO_DATABASE: &str = "expected `sqlite`, which keeps jobs in the data folder, or the address of a PostgreSQL, `postgres://USER:PASSWORD@HOST:PORT/DATABASE`";

/// What is told of another way past a pooler.
pub(super) const NO_DIRECT: &str = "expected the address of the PostgreSQL itself, past the pooler in `database`, `postgres://USER:PASSWORD@HOST:PORT/DATABASE`";
/// What is told of one that leads past nothing.
pub(super) const NOTHING_DIRECT: &str = "`database_direct` in [server] is the way past the pooler of a PostgreSQL, and jobs are kept in SQLite: expected the address of the pooler in `database`, or no `database_direct`";

/// Reads the way past a pooler.
pub(super) fn read_direct(text: &str) -> Option<String> {
    is_address(text).then(|| text.to_owned())
}

fn is_address(text: &str) -> bool {
    SCHEMES.iter().any(|scheme| text.starts_with(scheme))
}

impl Database {
    /// Reads what a person wrote; the rest of an address is for whoever connects.
    pub(super) fn read(text: &str) -> Option<Self> {
        if text == SQLITE {
            return Some(Self::Sqlite);
        }
        is_address(text)
            .then(|| Self::Postgres(Postgres { url: text.to_owned(), ..Postgres::default() }))
    }

    /// With the way past its pooler; `None` where it is no PostgreSQL.
    pub(super) fn past(self, direct: String) -> Option<Self> {
        match self {
            Self::Sqlite => None,
            Self::Postgres(told) => Some(Self::Postgres(Postgres { direct: Some(direct), ..told })),
        }
    }

    /// The way past its pooler as it is shown: without the address.
    pub(super) fn shown_direct(&self) -> Option<String> {
        let Self::Postgres(told) = self else { return None };
        told.direct.as_ref().map(|_| format!("postgres://{HIDDEN}"))
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
