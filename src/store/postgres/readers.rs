//! The connections that read: a few, lent for the time of one answer.
//!
//! An answer of several statements is one transaction that repeats its reads, so each answer is one
//! moment; it begins after the call, so it sees every commit that was answered before.
//!
//! Whatever is asked has a deadline here too. A connection of which an answer is still to come, since it is
//! late or nobody waits for it any more, is lent to nobody else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use deadpool_postgres::{
    Client, Hook, HookError, Manager, ManagerConfig, Pool, PoolError, RecyclingMethod, Runtime,
    Transaction,
};
use tokio::time::timeout;
use tokio_postgres::error::Error;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{IsolationLevel, Row};

use super::address::Address;
use super::failure::Failure;
use super::open::OpenError;
use super::session::{CONNECT_WITHIN, Parameters};

/// How long a read waits for a connection.
const LENT_WITHIN: Duration = Duration::from_secs(10);
/// Until a question must be answered. Longer than what the server itself gives one, which tells more.
const ANSWER_WITHIN: Duration = Duration::from_secs(16);

/// The connections that read.
pub(super) struct Readers {
    pool: Pool,
    answered: AtomicU64,
}

/// A connection, lent for the time of one answer.
pub(super) struct Lent {
    /// `None` only while it is dropped.
    client: Option<Client>,
    asked: Asked,
}

/// Whether an answer is still to come.
#[derive(Default)]
struct Asked(AtomicBool);

/// One moment of the store.
pub(super) struct Moment<'a> {
    transaction: Transaction<'a>,
    asked: &'a Asked,
}

impl Asked {
    /// What `question` answers, within its time.
    async fn answered<T>(
        &self,
        question: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Failure> {
        self.0.store(true, Ordering::Relaxed);
        let answer = timeout(ANSWER_WITHIN, question).await;
        let answer = answer.map_err(|_| Failure::NoAnswer(ANSWER_WITHIN.as_secs()))?;
        self.0.store(false, Ordering::Relaxed);
        Ok(answer?)
    }
}

impl Lent {
    fn parts(&mut self) -> Result<(&mut Client, &Asked), Failure> {
        let gone = || Failure::NoConnection("it was given back".to_owned());
        Ok((self.client.as_mut().ok_or_else(gone)?, &self.asked))
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if self.asked.0.load(Ordering::Relaxed)
            && let Some(client) = self.client.take()
        {
            // It ends with this.
            drop(Client::take(client));
        }
    }
}

impl Readers {
    /// Makes room for `count` connections, at least one. Each is made when it is needed, and told its
    /// settings.
    pub(super) fn new(
        address: &Address,
        count: usize,
        settings: &'static str,
    ) -> Result<Arc<Self>, OpenError> {
        let config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(address.config.clone(), address.tls.clone(), config);
        let settings = Hook::async_fn(move |client: &mut deadpool_postgres::ClientWrapper, _| {
            Box::pin(
                async move { client.batch_execute(settings).await.map_err(HookError::Backend) },
            )
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
    pub(super) async fn lend(&self) -> Result<Lent, Failure> {
        self.answered.fetch_add(1, Ordering::Relaxed);
        match self.pool.get().await {
            Ok(client) => Ok(Lent { client: Some(client), asked: Asked::default() }),
            Err(PoolError::Backend(error)) => Err(Failure::Sql(error)),
            Err(error) => Err(Failure::NoConnection(error.to_string())),
        }
    }

    /// All rows of one statement.
    pub(super) async fn rows(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, Failure> {
        let mut lent = self.lend().await?;
        let (client, asked) = lent.parts()?;
        let question = async { client.query(&client.prepare_cached(sql).await?, parameters).await };
        asked.answered(question).await
    }

    /// The row of one statement, where there is one.
    pub(super) async fn maybe(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Option<Row>, Failure> {
        let mut lent = self.lend().await?;
        let (client, asked) = lent.parts()?;
        let question =
            async { client.query_opt(&client.prepare_cached(sql).await?, parameters).await };
        asked.answered(question).await
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
    pub(super) async fn begin(lent: &'a mut Lent) -> Result<Self, Failure> {
        let (client, asked) = lent.parts()?;
        let level = IsolationLevel::RepeatableRead;
        let begun = client.build_transaction().isolation_level(level).read_only(true);
        Ok(Self { transaction: asked.answered(begun.start()).await?, asked })
    }

    /// All rows of a statement that is made for this once.
    pub(super) async fn rows_of(
        &self,
        sql: &str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>, Failure> {
        self.asked.answered(self.transaction.query_typed(sql, parameters)).await
    }

    /// All rows.
    pub(super) async fn rows(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, Failure> {
        let transaction = &self.transaction;
        let question =
            async { transaction.query(&transaction.prepare_cached(sql).await?, parameters).await };
        self.asked.answered(question).await
    }

    /// The row, where there is one.
    pub(super) async fn maybe(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Option<Row>, Failure> {
        let transaction = &self.transaction;
        let question = async {
            transaction.query_opt(&transaction.prepare_cached(sql).await?, parameters).await
        };
        self.asked.answered(question).await
    }
}
