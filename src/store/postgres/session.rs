//! The connection that writes, with the statements that it has prepared.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};
use tokio_util::task::TaskTracker;

use super::address::Address;
use super::failure::Failure;
use super::open::OpenError;

/// Until a connection must be ready.
pub(super) const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// What the session is told. The server lets go of its locks when we are gone, or frozen, however that
/// came: others wait for them. P1: a commit that is answered before it is durable is none, whatever the
/// server's own default is.
const SETTINGS: &str = "
    SET statement_timeout = '30s';
    SET lock_timeout = '10s';
    SET idle_in_transaction_session_timeout = '10s';
    SET tcp_keepalives_idle = 10;
    SET tcp_keepalives_interval = 3;
    SET tcp_keepalives_count = 3;
    SET tcp_user_timeout = '20s';
    SELECT set_config('synchronous_commit', 'on', false)
    WHERE current_setting('synchronous_commit') = 'off'";

/// The same for one that only reads.
pub(super) const READ_SETTINGS: &str = "
    SET statement_timeout = '30s';
    SET lock_timeout = '10s';
    SET default_transaction_read_only = on";

pub(super) type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

/// A connection and its prepared statements.
pub(super) struct Session {
    client: Client,
    statements: RefCell<HashMap<String, Statement>>,
    /// What drives the connection.
    driver: TaskTracker,
}

impl Session {
    /// Connects. Must be called where the session is used: its runtime drives it.
    pub(super) async fn connect(address: &Address) -> Result<Self, OpenError> {
        let shown = address.to_string();
        let connecting = address.config.connect(address.tls.clone());
        let Ok(connected) = timeout(CONNECT_WITHIN, connecting).await else {
            let error = format!("no answer within {} s", CONNECT_WITHIN.as_secs());
            return Err(OpenError::Unreachable { address: shown, error });
        };
        let (client, connection) = connected.map_err(|error| OpenError::of(&error, &shown))?;
        let driver = TaskTracker::new();
        driver.spawn(async move {
            // Whoever uses the client hears of it.
            drop(connection.await);
        });
        driver.close();
        client.batch_execute(SETTINGS).await.map_err(|error| OpenError::of(&error, &shown))?;
        Ok(Self { client, statements: RefCell::default(), driver })
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// It is lost.
    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Says good-bye, so that its locks are free at once.
    pub(super) async fn close(self) {
        const WITHIN: Duration = Duration::from_secs(2);
        let unlock = self.client.batch_execute("SELECT pg_advisory_unlock_all()");
        drop(timeout(WITHIN, unlock).await);
        drop(self.client);
        drop(timeout(WITHIN, self.driver.wait()).await);
    }

    /// Several statements at once, without parameters.
    pub(super) async fn batch(&self, sql: &str) -> Result<(), Failure> {
        Ok(self.client.batch_execute(sql).await?)
    }

    async fn prepared(&self, sql: &str) -> Result<Statement, Failure> {
        if let Some(statement) = self.statements.borrow().get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql).await?;
        self.statements.borrow_mut().insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    /// All rows.
    pub(super) async fn rows(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, Failure> {
        Ok(self.client.query(&self.prepared(sql).await?, parameters).await?)
    }

    /// The row, where there is one.
    pub(super) async fn maybe(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Option<Row>, Failure> {
        Ok(self.client.query_opt(&self.prepared(sql).await?, parameters).await?)
    }

    /// The one row that there must be.
    pub(super) async fn one(&self, sql: &str, parameters: Parameters<'_>) -> Result<Row, Failure> {
        Ok(self.client.query_one(&self.prepared(sql).await?, parameters).await?)
    }

    /// How many rows it met.
    pub(super) async fn execute(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<u64, Failure> {
        Ok(self.client.execute(&self.prepared(sql).await?, parameters).await?)
    }
}
