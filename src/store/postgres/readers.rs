//! The connections that read: a few, lent for the time of one answer.
//!
//! An answer of several statements is one transaction that repeats its reads, so each answer is one
//! moment; it begins after the call, so it sees every commit that was answered before.
//!
//! Behind a pooler nothing is prepared, since the next statement may be another connection's: each question is a
//! transaction of its own, told what connections of our own are told once, and parameters say their types.
//!
//! Whatever is asked has a deadline here too. A connection of which an answer is still to come, since it is
//! late or nobody waits for it any more, is lent to nobody else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use deadpool_postgres::{
    Client, ClientWrapper, Hook, HookError, Manager, ManagerConfig, Pool, PoolError,
    RecyclingMethod, Runtime, Transaction,
};
use tokio::time::timeout;
use tokio_postgres::error::Error;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{IsolationLevel, Row};

use super::address::Ways;
use super::failure::Failure;
use super::open::OpenError;
use super::pooler;
use super::session::CONNECT_WITHIN;
use super::settings::Settings;
use super::typed::{Asks, typed, untyped};

/// How long a read waits for a connection.
const LENT_WITHIN: Duration = Duration::from_secs(10);
/// Until a question must be answered. Longer than what the server itself gives one, which tells more.
const ANSWER_WITHIN: Duration = Duration::from_secs(16);

/// For those that only read.
pub(super) const READING: Settings = Settings {
    alike: &["statement_timeout = '15s'", "lock_timeout = '8s'", "jit = off"],
    session: &["default_transaction_read_only = on"],
    transaction: &["transaction_read_only = on"],
};

/// The connections that read.
pub(super) struct Readers {
    pool: Pool,
    /// What each transaction is told; `None`: nothing, the connections are ours.
    told: Option<Arc<str>>,
    answered: AtomicU64,
}

/// A connection, lent for the time of one answer.
pub(super) struct Lent {
    /// `None` only while it is dropped.
    client: Option<Client>,
    told: Option<Arc<str>>,
    asked: Asked,
}

/// Whether an answer is still to come.
#[derive(Default)]
struct Asked(AtomicBool);

/// One moment of the store.
pub(super) struct Moment<'a> {
    transaction: Transaction<'a>,
    is_pooled: bool,
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
    /// settings, or each of its transactions is.
    pub(super) fn new(
        ways: &Ways,
        schema: &str,
        count: usize,
        settings: &Settings,
    ) -> Result<Arc<Self>, OpenError> {
        let address = ways.pooled.as_ref().unwrap_or(&ways.session);
        let told =
            ways.pooled.as_ref().map(|_| pooler::told(&settings.for_transaction(), schema).into());
        let config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(address.config.clone(), address.tls.clone(), config);
        let mut pool = Pool::builder(manager)
            .max_size(count.max(1))
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(LENT_WITHIN))
            .create_timeout(Some(CONNECT_WITHIN))
            .recycle_timeout(Some(CONNECT_WITHIN));
        if told.is_none() {
            let settings: Arc<str> = settings.for_session().into();
            pool = pool.post_create(Hook::async_fn(move |client: &mut ClientWrapper, _| {
                let settings = Arc::clone(&settings);
                Box::pin(async move {
                    client.batch_execute(&settings).await.map_err(HookError::Backend)
                })
            }));
        }
        let pool = pool.build().map_err(|error| OpenError::Sql(error.to_string()))?;
        Ok(Arc::new(Self { pool, told, answered: AtomicU64::new(0) }))
    }

    /// A connection. Others wait while all are lent.
    pub(super) async fn lend(&self) -> Result<Lent, Failure> {
        self.answered.fetch_add(1, Ordering::Relaxed);
        match self.pool.get().await {
            Ok(client) => {
                let told = self.told.clone();
                Ok(Lent { client: Some(client), told, asked: Asked::default() })
            }
            Err(PoolError::Backend(error)) => Err(Failure::Sql(error)),
            Err(error) => Err(Failure::NoConnection(error.to_string())),
        }
    }

    /// All rows of one statement.
    pub(super) async fn rows(&self, sql: &str, parameters: Asks<'_>) -> Result<Vec<Row>, Failure> {
        let mut lent = self.lend().await?;
        let (client, asked) = lent.parts()?;
        let Some(told) = &self.told else {
            let values = untyped(parameters);
            let question =
                async { client.query(&client.prepare_cached(sql).await?, &values).await };
            return asked.answered(question).await;
        };
        let typed = typed(parameters);
        let begin = format!("BEGIN; {told}");
        // Sent together, in this order.
        let question = async {
            let (begun, rows, ended) = tokio::join!(
                client.batch_execute(&begin),
                client.query_typed(sql, &typed),
                client.batch_execute("COMMIT"),
            );
            begun.and(rows).and_then(|rows| ended.map(|()| rows))
        };
        asked.answered(question).await
    }

    /// The row of one statement, where there is one.
    pub(super) async fn maybe(
        &self,
        sql: &str,
        parameters: Asks<'_>,
    ) -> Result<Option<Row>, Failure> {
        Ok(self.rows(sql, parameters).await?.pop())
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
        let told = lent.told.clone();
        let (client, asked) = lent.parts()?;
        let level = IsolationLevel::RepeatableRead;
        let begun = client.build_transaction().isolation_level(level).read_only(true);
        let transaction = asked.answered(begun.start()).await?;
        if let Some(told) = &told {
            asked.answered(transaction.batch_execute(told)).await?;
        }
        Ok(Self { transaction, is_pooled: told.is_some(), asked })
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
    pub(super) async fn rows(&self, sql: &str, parameters: Asks<'_>) -> Result<Vec<Row>, Failure> {
        if self.is_pooled {
            return self.rows_of(sql, &typed(parameters)).await;
        }
        let (transaction, values) = (&self.transaction, untyped(parameters));
        let question =
            async { transaction.query(&transaction.prepare_cached(sql).await?, &values).await };
        self.asked.answered(question).await
    }

    /// The row, where there is one.
    pub(super) async fn maybe(
        &self,
        sql: &str,
        parameters: Asks<'_>,
    ) -> Result<Option<Row>, Failure> {
        Ok(self.rows(sql, parameters).await?.pop())
    }
}
