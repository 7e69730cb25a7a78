//! A value on its way from one database into the other.

use rusqlite::Row;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use crate::store::postgres::row::stored;

/// One value, of the type that its column has there.
pub(super) type Cell = Box<dyn ToSql + Sync>;

/// What a column holds, here and there.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// A count, a number, an instant.
    Big,
    /// An exit code, a signal.
    Int,
    /// Here 0 or 1.
    Flag,
    /// Here 16 bytes.
    Id,
    /// Bytes.
    Bytes,
    /// A word or JSON, which have no NUL.
    Text,
    /// What somebody wrote.
    Free,
}

impl Kind {
    /// Its type there.
    pub(super) fn sql(self) -> Type {
        match self {
            Self::Big => Type::INT8,
            Self::Int => Type::INT4,
            Self::Flag => Type::BOOL,
            Self::Id => Type::UUID,
            Self::Bytes => Type::BYTEA,
            Self::Text | Self::Free => Type::TEXT,
        }
    }

    /// The value that a row has at `at`.
    pub(super) fn read(self, row: &Row<'_>, at: usize) -> rusqlite::Result<Cell> {
        Ok(match self {
            Self::Big => Box::new(row.get::<_, Option<i64>>(at)?),
            Self::Int => Box::new(row.get::<_, Option<i32>>(at)?),
            Self::Flag => Box::new(row.get::<_, Option<bool>>(at)?),
            Self::Id => Box::new(row.get::<_, Option<[u8; 16]>>(at)?.map(Uuid::from_bytes)),
            Self::Bytes => Box::new(row.get::<_, Option<Vec<u8>>>(at)?),
            Self::Text => Box::new(row.get::<_, Option<String>>(at)?),
            Self::Free => Box::new(row.get::<_, Option<String>>(at)?.as_deref().map(stored)),
        })
    }
}
