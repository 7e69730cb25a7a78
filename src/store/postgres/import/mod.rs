//! Taking over everything that an SQLite file holds: all of it, or nothing.
//!
//! # Invariants
//!
//! - One transaction makes the schema where there is none, and fills it. Whatever fails, the database is as
//!   before.
//! - Nothing is added to what is there: a database that holds anything of Longhaul is refused, but for a
//!   copy of this same file, which an earlier try has left that could not tell of its end.
//! - No number is drawn a second time: the counters go on where the file's stood.

mod cell;
mod tables;

use std::io;
use std::path::{Path, PathBuf};
use std::pin::pin;

use tokio_postgres::Client;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::error::Error;
use tokio_postgres::types::Type;

use super::address::Ways;
use super::failure::told;
use super::held::PATIENCE;
use super::open::{self, OpenError};
use super::pooler;
use super::writer::LOCK;
use crate::store::sqlite::copy::CopyError;
use crate::store::sqlite::export::{Drawn, Export, Left};
use tables::{TABLES, Table};

/// What was taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Where to: user, host and database.
    pub database: String,
    /// How many rows of each table, in the order of the tables; what is empty is left out.
    pub rows: Vec<(&'static str, u64)>,
    /// How many jobs wait.
    pub waiting: u64,
    /// Where the file is from now on, or why it is still where it was.
    pub file: Result<PathBuf, String>,
    /// An earlier try had done it, and could not tell.
    pub before: bool,
}

/// Why nothing was taken over.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The database cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The file cannot be read.
    #[error("the SQLite database cannot be read: {0}")]
    Source(#[source] CopyError),
    /// Attempts are open.
    #[error("{0} jobs run, or ran when their server was killed")]
    Running(u64),
    /// It holds something already.
    #[error("the database at {address} holds something of Longhaul already: {tables}")]
    NotEmpty {
        /// Where.
        address: String,
        /// In which tables.
        tables: String,
    },
    /// It did not take a row.
    #[error("the database did not take the rows of `{table}`: {error}")]
    Refused {
        /// Of which table.
        table: &'static str,
        /// What it said.
        error: String,
    },
    /// The connection was lost at the COMMIT.
    #[error("the database may have taken all of it, or nothing: {0}")]
    Unknown(String),
}

impl From<CopyError> for ImportError {
    fn from(error: CopyError) -> Self {
        Self::Source(error)
    }
}

impl From<rusqlite::Error> for ImportError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Source(error.into())
    }
}

/// Where the file goes once it was taken over.
pub fn aside(file: &Path) -> PathBuf {
    Left::aside(file)
}

/// Takes over the file, which nobody else has, into the database at `url`, and sets it aside; past the pooler
/// where `direct` is a way. `home` is the name of its data folder: what jobs left stays there.
pub async fn import(
    file: &Path,
    (url, direct): (&str, Option<&str>),
    home: &str,
) -> Result<Imported, ImportError> {
    let source = Export::open(file)?;
    match source.open_attempts()? {
        0 => {}
        open => return Err(ImportError::Running(open)),
    }
    let ways = Ways::parse(url, direct)?;
    let shown = ways.session.to_string();
    let session = pooler::past(&ways).await?;
    let target = Target { client: session.client(), address: &shown, home };
    let taken = target.take_over(&source).await;
    let imported = match taken {
        Ok((rows, before)) => {
            let sql = "SELECT count(*) FROM jobs WHERE state = 'QUEUED'";
            let waiting: i64 = source.conn().query_one(sql, [], |row| row.get(0))?;
            // Nothing is committed yet: a file that cannot be closed is not parted with.
            let left = source.leave()?;
            if !before {
                target.commit().await?;
            }
            let file = left.set_aside().map_err(|error: io::Error| error.to_string());
            let waiting = waiting.unsigned_abs();
            Ok(Imported { database: shown.clone(), rows, waiting, file, before })
        }
        Err(error) => Err(error),
    };
    // An open transaction ends with the session.
    session.close().await;
    imported
}

/// The database that takes it.
struct Target<'a> {
    client: &'a Client,
    address: &'a str,
    home: &'a str,
}

impl Target<'_> {
    fn sql(&self, error: &Error) -> ImportError {
        ImportError::Open(OpenError::of(error, self.address))
    }

    /// Fills the database in a transaction that stays open; the flag says that there is nothing to fill.
    async fn take_over(
        &self,
        source: &Export,
    ) -> Result<(Vec<(&'static str, u64)>, bool), ImportError> {
        let (client, sql) = (self.client, |error: Error| self.sql(&error));
        let schema = open::look(client, self.address).await?;
        if !open::take(client, self.home, PATIENCE).await.map_err(sql)? {
            return Err(OpenError::InUse(self.address.to_owned()).into());
        }
        client.batch_execute("BEGIN; SET LOCAL statement_timeout = 0").await.map_err(sql)?;
        open::migrate(client, &schema).await.map_err(sql)??;
        client.batch_execute(LOCK).await.map_err(sql)?;
        let drawn = source.drawn()?;
        let filled = self.filled().await.map_err(sql)?;
        if !filled.is_empty() {
            if self.is_copy(source, drawn).await? {
                client.batch_execute("ROLLBACK").await.map_err(sql)?;
                return Ok((count(source)?, true));
            }
            let (address, tables) = (self.address.to_owned(), filled.join(", "));
            return Err(ImportError::NotEmpty { address, tables });
        }
        let mut rows = Vec::new();
        for table in &TABLES {
            match self.copy(source, table).await? {
                0 => {}
                copied => rows.push((table.name, copied)),
            }
        }
        self.draw(drawn).await.map_err(sql)?;
        for name in NAME_FOLDER {
            client.execute(name, &[&self.home]).await.map_err(sql)?;
        }
        // A server that has just begun to work there reads what it has read of nothing.
        client.batch_execute("UPDATE settings SET no = no + 1").await.map_err(sql)?;
        // Whoever asks first must not be answered by a plan for empty tables.
        let names: Vec<_> = TABLES.iter().map(|table| table.name).collect();
        client.batch_execute(&format!("ANALYZE {}", names.join(", "))).await.map_err(sql)?;
        Ok((rows, false))
    }

    /// The tables that hold anything.
    async fn filled(&self) -> Result<Vec<&'static str>, Error> {
        let mut filled = Vec::new();
        for Table { name, .. } in &TABLES {
            let sql = format!("SELECT EXISTS (SELECT FROM {name})");
            if self.client.query_one(&sql, &[]).await?.get(0) {
                filled.push(*name);
            }
        }
        Ok(filled)
    }

    /// It is what an earlier try made of this file, and no server has worked on it since: a worker's id is
    /// drawn at random at each start of one.
    async fn is_copy(&self, source: &Export, drawn: Drawn) -> Result<bool, ImportError> {
        let sql = "SELECT (SELECT last_value FROM event_numbers),
                          (SELECT id FROM workers ORDER BY no DESC LIMIT 1)";
        let row = self.client.query_one(sql, &[]).await.map_err(|error| self.sql(&error))?;
        let worker = row.get::<_, Option<uuid::Uuid>>(1).map(uuid::Uuid::into_bytes);
        Ok(worker.is_some()
            && worker == source.last_worker()?
            && row.get::<_, i64>(0) == drawn.event)
    }

    /// All rows of one table.
    async fn copy(&self, source: &Export, table: &Table) -> Result<u64, ImportError> {
        let refused =
            |error: Error| ImportError::Refused { table: table.name, error: told(&error) };
        let names: Vec<_> = table.columns.iter().map(|(name, _)| *name).collect();
        let (name, names) = (table.name, names.join(", "));
        let into = format!("COPY {name} ({names}) FROM STDIN (FORMAT binary)");
        let types: Vec<Type> = table.columns.iter().map(|(_, kind)| kind.sql()).collect();
        let sink = self.client.copy_in(&into).await.map_err(refused)?;
        let mut writer = pin!(BinaryCopyInWriter::new(sink, &types));
        let mut select =
            source.conn().prepare(&format!("SELECT {names} FROM {name} ORDER BY 1"))?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let cells = table.columns.iter().enumerate().map(|(at, (_, kind))| kind.read(row, at));
            let cells = cells.collect::<rusqlite::Result<Vec<_>>>()?;
            writer.as_mut().write_raw(cells).await.map_err(refused)?;
        }
        writer.finish().await.map_err(refused)
    }

    /// Lets the counters go on from there.
    async fn draw(&self, drawn: Drawn) -> Result<(), Error> {
        let Drawn { accepted, fence, event, worker, token } = drawn;
        let own =
            [("accept_numbers", accepted), ("fence_numbers", fence), ("event_numbers", event)];
        for (sequence, last) in own {
            let sql = format!("SELECT setval('{sequence}', $1)");
            self.client.execute(&sql, &[&last]).await?;
        }
        // These begin with 1, which is not drawn while nothing was.
        for (table, last) in [("workers", worker), ("tokens", token)] {
            let sql = format!("SELECT setval(pg_get_serial_sequence('{table}', 'no'), $1, $2)");
            self.client.execute(&sql, &[&last.max(1), &(last > 0)]).await?;
        }
        Ok(())
    }

    async fn commit(&self) -> Result<(), ImportError> {
        let done = self.client.batch_execute("COMMIT").await;
        done.map_err(|error| ImportError::Unknown(told(&error)))
    }
}

/// Whose folders they are: no other server that comes first takes them for its own.
const NAME_FOLDER: [&str; 2] =
    ["UPDATE workers SET home = $1", "UPDATE doomed_folders SET home = $1"];

/// How many rows a file holds.
fn count(source: &Export) -> Result<Vec<(&'static str, u64)>, ImportError> {
    let mut rows = Vec::new();
    for Table { name, .. } in &TABLES {
        let sql = format!("SELECT count(*) FROM {name}");
        let count: i64 = source.conn().query_one(&sql, [], |row| row.get(0))?;
        if count > 0 {
            rows.push((*name, count.unsigned_abs()));
        }
    }
    Ok(rows)
}
