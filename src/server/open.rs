//! Opening the store that the configuration names.

use std::sync::Arc;

use super::data::DataFolder;
use super::{DATABASE, StartError};
use crate::config::{Database, Postgres};
use crate::store::meter::Meter;
use crate::store::postgres::{self, PostgresStore};
use crate::store::sqlite::{self, SqliteStore};
use crate::store::{CommitSink, Store};

/// An open store, and what its writer does.
pub(super) struct Opened {
    pub(super) store: Arc<dyn Store>,
    pub(super) meter: Arc<Meter>,
    /// As the API names it.
    pub(super) name: &'static str,
}

/// Opens it; its file stands in `folder`, where it is one.
pub(super) async fn open(
    folder: &DataFolder,
    database: &Database,
    sink: CommitSink,
) -> Result<Opened, StartError> {
    match database {
        Database::Sqlite => {
            let path = folder.path().join(DATABASE);
            let aside = postgres::import::aside(&path);
            if aside.exists() && !path.exists() {
                // A new file would hide where the jobs are.
                return Err(StartError::Moved(aside));
            }
            let store = SqliteStore::open(sqlite::Options::new(path.clone(), sink));
            let store = store.map_err(|source| StartError::Open { path, source })?;
            let meter = Arc::clone(store.meter());
            Ok(Opened { store: Arc::new(store), meter, name: "sqlite" })
        }
        Database::Postgres(Postgres { url, direct }) => {
            let (home, direct) = (folder.home()?, direct.clone());
            let options = postgres::Options { direct, home, ..postgres::Options::new(url, sink) };
            // It waits for a network: whoever wants to stop meanwhile is heard.
            let opening = tokio::task::spawn_blocking(|| PostgresStore::open(options));
            let ended =
                |error: tokio::task::JoinError| postgres::OpenError::Thread(error.to_string());
            let store = opening.await.map_err(ended)??;
            let meter = Arc::clone(store.meter());
            Ok(Opened { store: Arc::new(store), meter, name: "postgres" })
        }
    }
}
