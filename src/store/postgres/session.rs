//! The connection that writes, with the statements that it has prepared.
//!
//! Whatever is asked has a deadline here too: a network that swallows what is sent says nothing of it, and a
//! database that was stopped takes it and never answers. A session that missed one is lost.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_postgres::error::Error;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};
use tokio_util::task::TaskTracker;

use super::address::Address;
use super::failure::Failure;
use super::open::OpenError;
use super::settings::Settings;

/// Until a connection must be ready.
pub(super) const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// Until a statement must be answered. Longer than what the server itself gives one, which tells more.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// What the session is told. The server lets go of its locks when we are gone, or frozen, however that
/// came: others wait for them, and do so for longer than we may sleep with one. Whatever is written is planned once.
const WRITING: Settings = Settings {
    alike: &[],
    session: &[
        "statement_timeout = '8s'",
        "lock_timeout = '8s'",
        "idle_in_transaction_session_timeout = '4s'",
        "tcp_keepalives_idle = 10",
        "tcp_keepalives_interval = 3",
        "tcp_keepalives_count = 3",
        "tcp_user_timeout = '20s'",
        "plan_cache_mode = force_generic_plan",
        "jit = off",
    ],
    transaction: &[],
};

/// P1: a commit that is answered before it is durable is none, whatever the server's own default is.
const DURABLE: &str = "SELECT set_config('synchronous_commit', 'on', false)
    WHERE current_setting('synchronous_commit') = 'off'";

pub(super) type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

/// A connection and its prepared statements.
pub(super) struct Session {
    client: Client,
    statements: RefCell<HashMap<String, Statement>>,
    backend: Backend,
    /// What drives the connection.
    driver: TaskTracker,
    /// Ends that at once.
    cut: AbortHandle,
    /// An answer did not come.
    is_deaf: Cell<bool>,
}

/// A process of the server, which no later one is taken for: its number, and when it began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Backend {
    pid: i32,
    since: String,
}

impl Session {
    /// Connects. Must be called where the session is used: its runtime drives it.
    pub(super) async fn connect(address: &Address) -> Result<Self, OpenError> {
        let shown = address.to_string();
        let connecting = address.config.connect(address.tls.clone());
        let Ok(connected) = timeout(CONNECT_WITHIN, connecting).await else {
            return Err(OpenError::silent(&shown, CONNECT_WITHIN));
        };
        let (client, connection) = connected.map_err(|error| OpenError::of(&error, &shown))?;
        let driver = TaskTracker::new();
        let cut = driver.spawn(async move {
            // Whoever uses the client hears of it.
            drop(connection.await);
        });
        let cut = cut.abort_handle();
        driver.close();
        let ready = async {
            client.batch_execute(&format!("{}; {DURABLE}", WRITING.for_session())).await?;
            client.query_one(BACKEND, &[]).await
        };
        let Ok(ready) = timeout(CONNECT_WITHIN, ready).await else {
            cut.abort();
            return Err(OpenError::silent(&shown, CONNECT_WITHIN));
        };
        let row = ready.map_err(|error| OpenError::of(&error, &shown))?;
        let backend = Backend { pid: row.get(0), since: row.get(1) };
        let (statements, is_deaf) = (RefCell::default(), Cell::new(false));
        Ok(Self { client, statements, backend, driver, cut, is_deaf })
    }

    /// Which process of the server serves it.
    pub(super) fn backend(&self) -> &Backend {
        &self.backend
    }

    /// Ends the process of an earlier session, which the server may not know to be lost; `true`: it was
    /// there.
    pub(super) async fn end(&self, earlier: &Backend) -> Result<bool, Failure> {
        let Backend { pid, since } = earlier;
        Ok(!self.rows(END, &[pid, since]).await?.is_empty())
    }

    /// Ends once the connection is lost.
    pub(super) async fn gone(&self) {
        self.driver.wait().await;
    }

    /// What `asked` answers, within its time.
    async fn answered<T>(
        &self,
        asked: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Failure> {
        let late = || Failure::NoAnswer(ANSWER_WITHIN.as_secs());
        if self.is_deaf.get() {
            return Err(late());
        }
        let Ok(answer) = timeout(ANSWER_WITHIN, asked).await else {
            self.is_deaf.set(true);
            return Err(late());
        };
        Ok(answer?)
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// It is lost.
    pub(super) fn is_closed(&self) -> bool {
        self.is_deaf.get() || self.client.is_closed()
    }

    /// Says good-bye, so that its locks are free at once.
    pub(super) async fn close(self) {
        const WITHIN: Duration = Duration::from_secs(2);
        if self.is_closed() {
            return;
        }
        let unlock = self.client.batch_execute("SELECT pg_advisory_unlock_all()");
        drop(timeout(WITHIN, unlock).await);
        let Self { client, driver, cut, .. } = self;
        drop(client);
        drop(timeout(WITHIN, driver.wait()).await);
        cut.abort();
    }

    /// An answer did not come in time.
    pub(super) fn is_deaf(&self) -> bool {
        self.is_deaf.get()
    }

    /// It is of no use any more.
    pub(super) fn lose(&self) {
        self.is_deaf.set(true);
    }

    /// Ends it without a word: nobody may be there to hear it.
    pub(super) fn cut(self) {
        self.cut.abort();
    }

    /// Several statements at once, without parameters.
    pub(super) async fn batch(&self, sql: &str) -> Result<(), Failure> {
        self.answered(self.client.batch_execute(sql)).await
    }

    /// Prepares what is not yet: each of these is sent at once then, when its future is first polled, and
    /// several that are polled in one order are done in that order, for one way there and back.
    pub(super) async fn prepare(&self, statements: &[&str]) -> Result<(), Failure> {
        for sql in statements {
            self.prepared(sql).await?;
        }
        Ok(())
    }

    async fn prepared(&self, sql: &str) -> Result<Statement, Failure> {
        if let Some(statement) = self.statements.borrow().get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.answered(self.client.prepare(sql)).await?;
        self.statements.borrow_mut().insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    /// All rows.
    pub(super) async fn rows(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, Failure> {
        let statement = self.prepared(sql).await?;
        self.answered(self.client.query(&statement, parameters)).await
    }

    /// The row, where there is one.
    pub(super) async fn maybe(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Option<Row>, Failure> {
        let statement = self.prepared(sql).await?;
        self.answered(self.client.query_opt(&statement, parameters)).await
    }

    /// The one row that there must be.
    pub(super) async fn one(&self, sql: &str, parameters: Parameters<'_>) -> Result<Row, Failure> {
        let statement = self.prepared(sql).await?;
        self.answered(self.client.query_one(&statement, parameters)).await
    }

    /// How many rows it met.
    pub(super) async fn execute(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<u64, Failure> {
        let statement = self.prepared(sql).await?;
        self.answered(self.client.execute(&statement, parameters)).await
    }
}

const BACKEND: &str = "
SELECT pid, extract(epoch FROM backend_start)::text
FROM pg_stat_activity
WHERE pid = pg_backend_pid()";

const END: &str = "
SELECT pg_terminate_backend(pid)
FROM pg_stat_activity
WHERE pid = $1
  AND extract(epoch FROM backend_start)::text = $2";
