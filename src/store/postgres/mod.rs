//! The PostgreSQL backend: one thread that writes over one connection, a few connections that read.
//!
//! - `address` reads where the database is, `open` readies it: checks, migrations, refusals.
//! - `session` is the connection that writes; `writer` owns it and commits whatever is `pending` together.
//! - `write` says what each write does inside that transaction.
//! - `keep` says what is kept of jobs that ended.
//! - `fleet` is what several servers share: `heart` keeps this one's lease, `follow` reads what others did.
//! - `uploads`, `objects` and `progress` are how what runs here is seen elsewhere.
//! - [`import`] takes over what an SQLite file holds.
//! - `pooler` is what holds where connections are lent for a transaction only.
//! - `readers`, `read`, `ends` and `list` answer questions, each from one moment.
//! - `row` and `failure` translate rows and errors.
//!
//! Several servers may work on one schema, each with a data folder of its own: a lock of the session holds
//! that. It speaks no SQL that is newer than PostgreSQL 13.

mod address;
mod away;
mod ends;
mod failure;
mod fleet;
mod follow;
mod heart;
mod held;
pub mod import;
pub mod inspect;
mod keep;
mod list;
mod objects;
mod open;
mod pending;
mod pooler;
mod progress;
mod read;
mod readers;
mod row;
mod session;
mod settings;
mod typed;
mod uploads;
mod write;
mod writer;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::watch;

use super::meter::Meter;
use super::query::{JobsPage, JobsQuery};
use super::{
    AcceptLimits, Accepted, Cancel, CancelAnswer, CancelError, Claim, ClaimRequest, CommitSink,
    EndCount, EventsPage, Finish, Fleet, Guarded, Health, Picture, QueueChange, QueueCounts,
    QueueError, QueueRow, Reader, StartError, Store, StoreError, TokenError, Waiting,
};
use crate::domain::attempt::Attempt;
use crate::domain::clock::Timestamp;
use crate::domain::event::Event;
use crate::domain::id::{EventNo, Fence, JobId, WorkerId};
use crate::domain::job::{Job, NewJob};
use crate::domain::kind::QueueSpec;
use crate::domain::names::{CallerName, QueueName};
use crate::domain::token::{Maker, Token, TokenId};
use crate::domain::worker::Worker;
use address::Ways;
use failure::Failure;
use fleet::Joined;
use held::Base;
pub use open::OpenError;
use readers::{READING, Readers};
use write::{
    ChangeQueue, Check, CreateToken, DeclareQueues, Interrupt, RevokeToken, SeeWorker, Start,
    Started, TokensUsed,
};
use writer::Writer;

/// So many parts of logs are uploaded at once.
const UPLOADS: usize = 2;

/// How to open it.
#[derive(Clone)]
pub struct Options {
    /// `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, with `sslmode` and `sslrootcert` as they are
    /// known; it is never shown.
    pub url: String,
    /// The same past the pooler that `url` leads to, where it does: for whatever needs a session.
    pub direct: Option<String>,
    /// What the data folder of this process calls itself: no two processes have one at a time.
    pub home: String,
    /// How many connections read at most, at least one.
    pub readers: usize,
    /// Is handed what each transaction made true.
    pub on_commit: CommitSink,
}

impl Options {
    /// The database at `url`, with eight connections that read, for a data folder without a name.
    pub fn new(url: impl Into<String>, on_commit: CommitSink) -> Self {
        Self { url: url.into(), direct: None, home: String::new(), readers: 8, on_commit }
    }
}

/// The store in one schema of a PostgreSQL database. Dropping it waits for the writes that were handed
/// over, and ends its connections.
pub struct PostgresStore {
    /// Before the writer: it ends first.
    joined: OnceLock<Joined>,
    readers: Arc<Readers>,
    /// The connections that upload logs.
    uploads: Arc<Readers>,
    writer: Writer,
    meter: Arc<Meter>,
    base: Base,
    home: Arc<str>,
}

impl PostgresStore {
    /// Connects, brings the schema up to date and starts the thread that writes. Blocks while it does:
    /// the rows that wait are counted.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        let Options { url, direct, home, readers: count, on_commit } = options;
        let (ways, home) = (Ways::parse(&url, direct.as_deref())?, Arc::<str>::from(home));
        let meter = Arc::<Meter>::default();
        let base = Base {
            ways: ways.clone(),
            home: Arc::clone(&home),
            follow: Arc::default(),
            committed: watch::Sender::new(0),
        };
        let (writer, schema) = Writer::spawn(base.clone(), on_commit, Arc::clone(&meter))?;
        let readers = Readers::new(&ways, &schema, count, &READING)?;
        let uploads = Readers::new(&ways, &schema, UPLOADS, &uploads::UPLOADING)?;
        Ok(Self { joined: OnceLock::new(), readers, uploads, writer, meter, base, home })
    }

    /// What its writer did.
    pub fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    /// How long the longest transaction took so far, from its beginning to its flush: a gauge.
    pub fn longest_commit(&self) -> Duration {
        self.writer.longest_commit()
    }

    /// How many questions it was asked since it was opened: a gauge.
    pub fn reads(&self) -> u64 {
        self.readers.answered()
    }
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        self.readers.close();
        self.uploads.close();
    }
}

#[async_trait]
impl Reader for PostgresStore {
    async fn job(&self, id: JobId) -> Result<Option<Arc<Job>>, StoreError> {
        read::job(&self.readers, id).await.map_err(Failure::of_read)
    }

    async fn job_by_key(
        &self,
        caller: Option<&CallerName>,
        key: &str,
    ) -> Result<Option<Arc<Job>>, StoreError> {
        read::job_by_key(&self.readers, caller, key).await.map_err(Failure::of_read)
    }

    async fn args(&self, id: JobId) -> Result<Option<Value>, StoreError> {
        read::json(&self.readers, read::ARGS, id).await.map_err(Failure::of_read)
    }

    async fn result(&self, id: JobId) -> Result<Option<Value>, StoreError> {
        read::json(&self.readers, read::RESULT, id).await.map_err(Failure::of_read)
    }

    async fn jobs(&self, query: JobsQuery) -> Result<JobsPage, StoreError> {
        list::jobs(&self.readers, &query).await.map_err(Failure::of_read)
    }

    async fn attempts(
        &self,
        id: JobId,
        up_to: u32,
        limit: u32,
    ) -> Result<Vec<Attempt>, StoreError> {
        read::attempts(&self.readers, id, up_to, limit).await.map_err(Failure::of_read)
    }

    async fn job_events(
        &self,
        id: JobId,
        after: EventNo,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        read::job_events(&self.readers, id, after, limit).await.map_err(Failure::of_read)
    }

    async fn events_after(&self, after: EventNo, limit: u32) -> Result<EventsPage, StoreError> {
        read::events_after(&self.readers, after, limit).await.map_err(Failure::of_read)
    }

    async fn last_event(&self) -> Result<EventNo, StoreError> {
        read::last_event_now(&self.readers).await.map_err(Failure::of_read)
    }

    async fn queues(&self) -> Result<Vec<QueueRow>, StoreError> {
        read::queues(&self.readers).await.map_err(Failure::of_read)
    }

    async fn worker(&self, id: WorkerId) -> Result<Option<Worker>, StoreError> {
        read::worker(&self.readers, id).await.map_err(Failure::of_read)
    }

    async fn workers(&self, since: Timestamp, limit: u32) -> Result<Vec<Worker>, StoreError> {
        read::workers(&self.readers, since, limit).await.map_err(Failure::of_read)
    }

    async fn queue_counts(&self, queue: &QueueName) -> Result<QueueCounts, StoreError> {
        read::queue_counts(&self.readers, queue).await.map_err(Failure::of_read)
    }

    async fn end_counts(
        &self,
        queue: &QueueName,
        since: Timestamp,
        most: u32,
    ) -> Result<Vec<EndCount>, StoreError> {
        ends::counts(&self.readers, queue, since, most).await.map_err(Failure::of_read)
    }

    async fn waiting(&self) -> Result<Vec<Waiting>, StoreError> {
        read::waiting(&self.readers).await.map_err(Failure::of_read)
    }

    async fn open_attempts(&self) -> Result<Vec<(Arc<Job>, Attempt)>, StoreError> {
        read::open_attempts(&self.readers).await.map_err(Failure::of_read)
    }

    async fn own_attempts(&self) -> Result<Vec<(Arc<Job>, Attempt)>, StoreError> {
        read::own_attempts(&self.readers, &self.home).await.map_err(Failure::of_read)
    }

    async fn picture(&self) -> Result<Picture, StoreError> {
        read::picture(&self.readers).await.map_err(Failure::of_read)
    }

    async fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        read::tokens(&self.readers, "parent IS NULL").await.map_err(Failure::of_read)
    }

    async fn tokens_and_shares(&self) -> Result<Vec<Token>, StoreError> {
        read::tokens(&self.readers, "true").await.map_err(Failure::of_read)
    }

    fn health(&self) -> watch::Receiver<Health> {
        self.writer.health()
    }
}

#[async_trait]
impl Store for PostgresStore {
    fn fleet(&self) -> Option<&dyn Fleet> {
        Some(self)
    }

    async fn start(&self, job: NewJob, limits: AcceptLimits) -> Result<Accepted, StartError> {
        self.writer.write(Start::new(job, limits)).await
    }

    async fn check(
        &self,
        job: NewJob,
        limits: AcceptLimits,
    ) -> Result<Option<Arc<Job>>, StartError> {
        self.writer.write(Check(Start::new(job, limits))).await
    }

    async fn see_worker(&self, worker: Worker) -> Result<(), StoreError> {
        self.writer.write(SeeWorker(worker)).await
    }

    async fn claim(&self, request: ClaimRequest) -> Result<Vec<Claim>, StoreError> {
        self.writer.write(request).await
    }

    async fn started(
        &self,
        job: JobId,
        fence: Fence,
        at: Timestamp,
    ) -> Result<Guarded<Arc<Job>>, StoreError> {
        self.writer.write(Started { job, fence, at }).await
    }

    async fn finish(&self, finish: Finish) -> Result<Guarded<Arc<Job>>, StoreError> {
        self.writer.write(finish).await
    }

    async fn interrupt(&self, attempts: Vec<(JobId, Fence)>) -> Result<(), StoreError> {
        self.writer.write(Interrupt(attempts)).await
    }

    async fn cancel(&self, cancel: Cancel) -> Result<CancelAnswer, CancelError> {
        self.writer.write(cancel).await
    }

    async fn declare_queues(&self, queues: Vec<QueueSpec>) -> Result<Vec<QueueRow>, StoreError> {
        self.writer.write(DeclareQueues(queues)).await
    }

    async fn change_queue(
        &self,
        name: QueueName,
        change: QueueChange,
    ) -> Result<(QueueRow, bool), QueueError> {
        self.writer.write(ChangeQueue { name, change }).await
    }

    async fn create_token(
        &self,
        token: Token,
        maker: Maker,
        most: u64,
    ) -> Result<Token, TokenError> {
        self.writer.write(CreateToken { token, maker, most }).await
    }

    async fn revoke_token(&self, id: TokenId, at: Timestamp) -> Result<(Token, bool), TokenError> {
        self.writer.write(RevokeToken { id, at }).await
    }

    async fn tokens_used(&self, used: Vec<(TokenId, Timestamp)>) -> Result<(), StoreError> {
        self.writer.write(TokensUsed(used)).await
    }
}
