//! Moving the jobs of a data folder from its SQLite file into a PostgreSQL.
//!
//! The folder is held as a server holds it, so none works on the file meanwhile. What jobs left in their
//! folders stays there: a server on the PostgreSQL that has the same data folder goes on to show it.

use std::path::Path;

use super::StartError;
use super::data::DataFolder;
use crate::config::{Database, Postgres};
use crate::store::postgres::import;
use crate::store::sqlite::copy::CopyError;

pub use crate::store::postgres::import::{ImportError, Imported};

/// Why nothing was moved.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// No PostgreSQL is named.
    #[error("no PostgreSQL is named to move the jobs to")]
    NoTarget,
    /// The folder or the database cannot be used.
    #[error(transparent)]
    Start(#[from] StartError),
    /// It cannot be done.
    #[error(transparent)]
    Import(ImportError),
}

impl From<ImportError> for MigrateError {
    fn from(error: ImportError) -> Self {
        if let ImportError::Open(error) = error {
            return Self::Start(error.into());
        }
        Self::Import(error)
    }
}

/// Moves them, all or none.
pub async fn migrate(data: &Path, database: &Database) -> Result<Imported, MigrateError> {
    let Database::Postgres(Postgres { url, direct }) = database else {
        return Err(MigrateError::NoTarget);
    };
    let file = data.join(super::DATABASE);
    if !file.exists() {
        return Err(MigrateError::Import(CopyError::Missing(file).into()));
    }
    let folder = DataFolder::take(data).map_err(StartError::from)?;
    let home = folder.home().map_err(StartError::from)?;
    Ok(import::import(&file, (url, direct.as_deref()), &home).await?)
}
