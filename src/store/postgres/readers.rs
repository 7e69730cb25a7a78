//! The connections that read: a few, lent for the time of one answer.
//!
//! An answer of several statements is one transaction that repeats its reads, so each answer is one
//! moment; it begins after the call, so it sees every commit that was answered before.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deadpool_postgres::{
    Client, Hook, HookError, Manager, ManagerConfig, Pool, PoolError, RecyclingMethod, Runtime,
    Transaction,
};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{IsolationLevel, Row};

use super::address::Address;
use super::failure::Failure;
use super::open::OpenError;
use super::session::{CONNECT_WITHIN, Parameters, READ_SETTINGS};

/// How long a read waits for a connection.
const LENT_WITHIN: Duration = Duration::from_secs(10);

/// The connections that read.
pub(super) struct Readers {
    pool: Pool,
    answered: AtomicU64,
}

/// One moment of the store.
pub(super) struct Moment<'a>(Transaction<'a>);

impl Readers {
    /// Makes room for `count` connections, at least one. Each is made when it is needed.
    pub(super) fn new(address: &Address, count: usize) -> Result<Arc<Self>, OpenError> {
        let config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(address.config.clone(), address.tls.clone(), config);
        let settings = Hook::async_fn(|client: &mut deadpool_postgres::ClientWrapper, _| {
            Box::pin(async move {
                client.batch_execute(READ_SETTINGS).await.map_err(HookError::Backend)
            })
        });
        let pool = Pool::builder(manager)
            .max_size(count.max(1))
            .post_create(settings)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(LENT_WITHIN))
            .create_timeout(Some(CONNECT_WITHIN))
            .recycle_timeout(Some(CONNECT_WITHIN))
            .build()
            .map_err(|error| OpenError::Sql(error.to_string()))?;
        Ok(Arc::new(Self { pool, answered: AtomicU64::new(0) }))
    }

    /// A connection. Others wait while all are lent.
    pub(super) async fn lend(&self) -> Result<Client, Failure> {
        self.answered.fetch_add(1, Ordering::Relaxed);
        let lent = self.pool.get().await;
        lent.map_err(|error| {
            if let PoolError::Backend(error) = error {
                return Failure::Sql(error);
            }
            Failure::NoConnection(error.to_string())
        })
    }

    /// All rows of one statement.
    pub(super) async fn rows(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, Failure> {
        let client = self.lend().await?;
        Ok(client.query(&client.prepare_cached(sql).await?, parameters).await?)
    }

    /// The row of one statement, where there is one.
    pub(super) async fn maybe(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Option<Row>, Failure> {
        let client = self.lend().await?;
        Ok(client.query_opt(&client.prepare_cached(sql).await?, parameters).await?)
    }

    /// How many questions were answered.
    pub(super) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Ends all connections.
    pub(super) fn close(&self) {
        self.pool.close();
    }
}

impl<'a> Moment<'a> {
    /// Begins one; it ends when it is dropped.
    pub(super) async fn begin(client: &'a mut Client) -> Result<Self, Failure> {
        let level = IsolationLevel::RepeatableRead;
        let begun = client.build_transaction().isolation_level(level).read_only(true).start();
        Ok(Self(begun.await?))
    }

    /// All rows of a statement that is made for this once.
    pub(super) async fn rows_of(
        &self,
        sql: &str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>, Failure> {
        Ok(self.0.query_typed(sql, parameters).await?)
    }

    /// All rows.
    pub(super) async fn rows(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, Failure> {
        Ok(self.0.query(&self.0.prepare_cached(sql).await?, parameters).await?)
    }

    /// The row, where there is one.
    pub(super) async fn maybe(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Option<Row>, Failure> {
        Ok(self.0.query_opt(&self.0.prepare_cached(sql).await?, parameters).await?)
    }
}
