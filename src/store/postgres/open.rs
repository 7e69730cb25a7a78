//! Opening the database: what must hold before the first statement, and the migrations.
//!
//! All migrations that are missing run in one transaction, under a lock that whoever else starts waits
//! for. A newer schema than this program knows is refused, and so is one that is not ours: nothing is
//! changed then.

use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::Client;
use tokio_postgres::error::{Error, SqlState};

use super::failure::told;
use super::session::ANSWER_WITHIN;

/// The migrations by number, from 1.
const MIGRATIONS: [&str; 10] = [
    include_str!("migrations/0001_first.sql"),
    include_str!("migrations/0002_workers.sql"),
    include_str!("migrations/0003_log_chunks.sql"),
    include_str!("migrations/0004_progress.sql"),
    include_str!("migrations/0005_worker_labels.sql"),
    include_str!("migrations/0006_cancel_forced.sql"),
    include_str!("migrations/0007_declared.sql"),
    include_str!("migrations/0008_open_of_queue.sql"),
    include_str!("migrations/0009_lines.sql"),
    include_str!("migrations/0010_log_objects.sql"),
];

/// The schema that this program writes.
#[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "they are few")]
pub(super) const KNOWN: i32 = MIGRATIONS.len() as i32;

/// PostgreSQL 13.
const OLDEST: i32 = 130_000;

/// Why the store was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address is none. Nothing of it is shown: a part of it may be that of a password.
    #[error(
        "the address of the database cannot be read: expected \
         `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, special characters percent-encoded"
    )]
    Address,
    /// It asks for a way of TLS that is none.
    #[error(
        "the address of the database has an unknown `sslmode`: expected `disable`, `require` or \
         `verify-full`"
    )]
    TlsMode,
    /// The certificates to judge by.
    #[error("the certificates in `{file}` cannot be used: {error}")]
    Roots {
        /// Where they are.
        file: String,
        /// Why.
        error: String,
    },
    /// TLS was demanded, and did not come about.
    #[error("no TLS with the database: {0}")]
    Tls(String),
    /// Nobody answers there.
    #[error("the database at {address} cannot be reached: {error}")]
    Unreachable {
        /// Where.
        address: String,
        /// Why.
        error: String,
    },
    /// The user or its password is wrong.
    #[error("the database at {address} lets nobody in with this user and password: {error}")]
    Login {
        /// Where.
        address: String,
        /// What it said.
        error: String,
    },
    /// There is no such database.
    #[error("the database at {0} does not exist: make it with `createdb`")]
    NoDatabase(String),
    /// The user may not do what is needed.
    #[error("the user of {address} may not do what Longhaul needs in the database: {error}")]
    Rights {
        /// Where.
        address: String,
        /// What it said.
        error: String,
    },
    /// Its version is too old.
    #[error("PostgreSQL {0} is too old: expected 13 or newer")]
    OldServer(String),
    /// It stores text in another way.
    #[error("the database has the encoding {0}: expected UTF8, `createdb --encoding=UTF8`")]
    Encoding(String),
    /// No schema to make tables in.
    #[error("the user's `search_path` names no schema that exists: expected one, like `public`")]
    NoSchema,
    /// It follows another one and takes no writes.
    #[error("the database at {0} is a standby, which takes no writes: name the primary")]
    Standby(String),
    /// A later Longhaul wrote it.
    #[error(
        "the database has schema {found}, and this program knows schemas up to {known}: use the \
         Longhaul that wrote it, or a newer one"
    )]
    TooNew {
        /// Its schema.
        found: i32,
        /// The newest that this program knows.
        known: i32,
    },
    /// Something else has tables there.
    #[error(
        "the schema `{0}` of the database has tables of another program: expected an empty one, or \
         that of Longhaul"
    )]
    Foreign(String),
    /// What was there is there no more.
    #[error("the schema `{0}` of the database has the tables of Longhaul no more")]
    Gone(String),
    /// Another server works on it for the same data folder.
    #[error(
        "another Longhaul server works on the database at {0} with a copy of this data folder: \
         remove the file `home` of the copy"
    )]
    InUse(String),
    /// What needs a session has none.
    #[error(
        "a connection pooler in transaction mode answers at {0}, where nothing of a session lasts: \
         expected the address of the PostgreSQL itself in `server.database_direct` \
         (`--database-direct`, LONGHAUL_SERVER_DATABASE_DIRECT), \
         `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, or a pooler in session mode"
    )]
    Pooled(String),
    /// Neither has the way that should.
    #[error(
        "`server.database_direct` leads to a connection pooler in transaction mode ({0}): expected \
         the address of the PostgreSQL itself, `postgres://USER:PASSWORD@HOST:PORT/DATABASE`"
    )]
    DirectPooled(String),
    /// Two ways, and two databases.
    #[error(
        "`server.database` ({pooled}) and `server.database_direct` ({direct}) lead to different \
         databases: expected one, by the pooler and past it"
    )]
    Elsewhere {
        /// Where the one leads.
        pooled: String,
        /// Where the other does.
        direct: String,
    },
    /// A pooler takes no schema that is named that way.
    #[error(
        "a connection pooler answers at {0} and takes no `options`: expected an address without \
         them in `server.database`, and with them in `server.database_direct`, that of the \
         PostgreSQL itself"
    )]
    Options(String),
    /// A statement failed.
    #[error("the database cannot be opened: {0}")]
    Sql(String),
    /// A thread could not be started.
    #[error("cannot start the thread that writes: {0}")]
    Thread(String),
}

impl OpenError {
    /// Nothing was heard for so long.
    pub(super) fn silent(address: &str, within: Duration) -> Self {
        let error = format!("no answer within {} s", within.as_secs());
        Self::Unreachable { address: address.to_owned(), error }
    }

    /// What a failed try to connect to `address`, or the first statements there, mean.
    pub(super) fn of(error: &Error, address: &str) -> Self {
        let (address, said) = (address.to_owned(), told(error));
        let Some(state) = error.code() else {
            return if said.contains("TLS") || said.contains("certificate") {
                Self::Tls(said)
            } else {
                Self::Unreachable { address, error: said }
            };
        };
        if *state == SqlState::PROTOCOL_VIOLATION && said.contains("startup parameter") {
            return Self::Options(address);
        }
        if *state == SqlState::INVALID_CATALOG_NAME {
            return Self::NoDatabase(address);
        }
        if *state == SqlState::INSUFFICIENT_PRIVILEGE {
            return Self::Rights { address, error: said };
        }
        match state.code().get(..2).unwrap_or_default() {
            "28" => Self::Login { address, error: said },
            // It starts, stops, or has no connection to spare.
            "57" | "53" | "08" => Self::Unreachable { address, error: said },
            _ => Self::Sql(said),
        }
    }
}

/// Checks the database, and brings its schema up to date; the name of the schema.
pub(super) async fn ready(client: &Client, address: &str) -> Result<String, OpenError> {
    let sql = |error: Error| OpenError::of(&error, address);
    let schema = look(client, address).await?;
    // Whoever starts on a schema that is as it should be waits for nobody.
    if version(client, &schema).await.map_err(sql)?? == Some(KNOWN) {
        return Ok(schema);
    }
    client.batch_execute("BEGIN; SET LOCAL statement_timeout = 0").await.map_err(sql)?;
    match migrate(client, &schema).await.map_err(sql).flatten() {
        Ok(()) => {
            client.batch_execute("COMMIT").await.map_err(sql)?;
            Ok(schema)
        }
        Err(error) => {
            // The session ends with the error, and its transaction with it.
            drop(client.batch_execute("ROLLBACK").await);
            Err(error)
        }
    }
}

/// Checks that the database is still ours to write: a primary, with the schema that this program writes.
/// Changes nothing: where the schema is gone, another database answers.
pub(super) async fn still(client: &Client, address: &str) -> Result<(), OpenError> {
    let sql = |error: Error| OpenError::of(&error, address);
    let schema = look(client, address).await?;
    match version(client, &schema).await.map_err(sql)?? {
        Some(KNOWN) => Ok(()),
        Some(_) | None => Err(OpenError::Gone(schema)),
    }
}

/// Checks the database, whatever it holds; the name of the schema to work in.
pub(super) async fn look(client: &Client, address: &str) -> Result<String, OpenError> {
    let asked = client.query_one(
        "SELECT current_setting('server_version_num')::int, current_setting('server_version'),
                current_setting('server_encoding'), current_schema()::text, pg_is_in_recovery()",
        &[],
    );
    let Ok(row) = timeout(ANSWER_WITHIN, asked).await else {
        return Err(OpenError::silent(address, ANSWER_WITHIN));
    };
    let row = row.map_err(|error| OpenError::of(&error, address))?;
    if row.get::<_, i32>(0) < OLDEST {
        return Err(OpenError::OldServer(row.get(1)));
    }
    let encoding: String = row.get(2);
    if encoding != "UTF8" {
        return Err(OpenError::Encoding(encoding));
    }
    let schema = row.get::<_, Option<String>>(3).ok_or(OpenError::NoSchema)?;
    if row.get(4) {
        return Err(OpenError::Standby(address.to_owned()));
    }
    Ok(schema)
}

/// The schema's number; `None` where there is none. An error where it is none that can be brought up to
/// date.
pub(super) async fn version(
    client: &Client,
    schema: &str,
) -> Result<Result<Option<i32>, OpenError>, Error> {
    // Not by `to_regclass`: that remembers that there was none, also once somebody else has made one.
    let sql = "SELECT EXISTS (
        SELECT FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE nspname = $1
          AND relname = 'longhaul_schema')";
    if client.query_one(sql, &[&schema]).await?.get(0) {
        let sql = "SELECT coalesce(max(version), 0) FROM longhaul_schema";
        let found: i32 = client.query_one(sql, &[]).await?.get(0);
        return Ok(if found > KNOWN {
            Err(OpenError::TooNew { found, known: KNOWN })
        } else {
            Ok(Some(found))
        });
    }
    Ok(Ok(None))
}

/// Something stands in the schema. Asked only where no version does, under the lock: between the two
/// questions somebody else may have migrated.
pub(super) async fn is_foreign(client: &Client, schema: &str) -> Result<bool, Error> {
    let sql = "SELECT EXISTS (
        SELECT FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE nspname = $1
          AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S'))";
    Ok(client.query_one(sql, &[&schema]).await?.get(0))
}

/// Brings the schema up to date, inside of a transaction.
pub(super) async fn migrate(client: &Client, schema: &str) -> Result<Result<(), OpenError>, Error> {
    let lock = "SELECT pg_advisory_xact_lock(1279804482, hashtext($1))";
    client.execute(lock, &[&schema]).await?;
    // Somebody else may have done it while we waited.
    let found = match version(client, schema).await? {
        Ok(found) => found,
        Err(error) => return Ok(Err(error)),
    };
    if found.is_none() {
        if is_foreign(client, schema).await? {
            return Ok(Err(OpenError::Foreign(schema.to_owned())));
        }
        client
            .batch_execute(
                "CREATE TABLE longhaul_schema (
                     version     INTEGER     PRIMARY KEY,
                     migrated_at TIMESTAMPTZ NOT NULL DEFAULT now()
                 )",
            )
            .await?;
    }
    let found = found.unwrap_or(0);
    for (number, migration) in (1..).zip(MIGRATIONS).filter(|(number, _)| *number > found) {
        client.batch_execute(migration).await?;
        let insert = "INSERT INTO longhaul_schema (version) VALUES ($1)";
        client.execute(insert, &[&number]).await?;
    }
    Ok(Ok(()))
}

/// Makes this session the only one that works on the schema for a data folder, as long as it lives. Waits
/// a little for one that is about to end: the database hears of a killed server a moment after it is gone.
pub(super) async fn take(client: &Client, home: &str, patience: Duration) -> Result<bool, Error> {
    const AGAIN: Duration = Duration::from_millis(10);
    let deadline = tokio::time::Instant::now() + patience;
    let lock = "SELECT pg_try_advisory_lock(1279804483, hashtext(current_schema() || $1::text))";
    loop {
        if client.query_one(lock, &[&home]).await?.get(0) {
            return Ok(true);
        }
        if tokio::time::Instant::now() >= deadline {
            return Ok(false);
        }
        tokio::time::sleep(AGAIN).await;
    }
}
