//! The SQLite backend: one file in the data folder, one thread that writes, a few connections
//! that read.
//!
//! - [`open`] readies the file: pragmas, migrations, refusals.
//! - `writer` owns the one connection that writes and commits whatever waits together.
//! - `write` says what each write does inside that transaction.
//! - [`copy`] makes a consistent copy of the file, for a backup; `export` reads all of it, for another
//!   backend.
//! - `checkpoint` copies the log into the file, beside the writer.
//! - `keep` says what is kept of jobs that ended.
//! - `tally` counts what waits, so that an acceptance need not.
//! - `readers`, `read` and `list` answer questions, each from one moment.
//! - `row` and `failure` translate rows and errors.
//!
//! That no second server opens the same file is for the lock of the data folder to see to.

mod checkpoint;
pub mod copy;
mod ends;
pub(super) mod export;
mod failure;
mod keep;
mod list;
pub mod open;
#[cfg(test)]
mod plans;
mod read;
mod readers;
mod row;
mod tally;
mod write;
mod writer;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::watch;

use super::meter::Meter;
use super::query::{JobsPage, JobsQuery};
use super::{
    AcceptLimits, Accepted, Cancel, CancelAnswer, CancelError, Claim, ClaimRequest, CommitSink,
    EndCount, EventsPage, Finish, Guarded, Health, QueueChange, QueueCounts, QueueError, QueueRow,
    Reader, StartError, Store, StoreError, TokenError, Waiting,
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
pub use open::OpenError;
use readers::Readers;
use write::{
    ChangeQueue, Check, CreateToken, DeclareQueues, Interrupt, RevokeToken, SeeWorker, Start,
    Started, TokensUsed,
};
use writer::Writer;

/// How to open it.
#[derive(Clone)]
pub struct Options {
    /// The file; made where there is none, in a folder that must be there.
    pub path: PathBuf,
    /// How many connections read, at least one; 2 to 4 serve.
    pub readers: usize,
    /// The most bytes that the file may take, without its log; `None`: as many as the disk has.
    /// Past it, writes are refused as by a full disk.
    pub max_bytes: Option<u64>,
    /// Is handed what each transaction made true.
    pub on_commit: CommitSink,
}

impl Options {
    /// The file at `path`, with three connections that read and no bound of its own.
    pub fn new(path: impl Into<PathBuf>, on_commit: CommitSink) -> Self {
        Self { path: path.into(), readers: 3, max_bytes: None, on_commit }
    }
}

/// The store in one SQLite file. Dropping it waits for the writes that were handed over, and
/// closes the file.
pub struct SqliteStore {
    // Dropped in this order: the connection that closes last copies the log into the file, and
    // only the writer's may.
    readers: Arc<Readers>,
    writer: Writer,
    meter: Arc<Meter>,
}

impl SqliteStore {
    /// Opens the file, brings its schema up to date and starts the thread that writes. Blocks
    /// while it does: the rows that wait are counted.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        let Options { path, readers, max_bytes, on_commit } = options;
        let sql = |source| OpenError::Sql { path: path.clone(), source };
        let conn = open::writer(&path)?;
        if let Some(bytes) = max_bytes {
            open::limit(&conn, bytes).map_err(sql)?;
        }
        let tally = tally::count(&conn).map_err(sql)?;
        let readers = Readers::open(&path, readers)?;
        let meter = Arc::<Meter>::default();
        let writer = Writer::spawn(&path, conn, tally, on_commit, Arc::clone(&meter));
        Ok(Self { readers, writer: writer.map_err(OpenError::Thread)?, meter })
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

#[async_trait]
impl Reader for SqliteStore {
    async fn job(&self, id: JobId) -> Result<Option<Arc<Job>>, StoreError> {
        self.readers.read(move |conn| read::job(conn, id)).await
    }

    async fn job_by_key(
        &self,
        caller: Option<&CallerName>,
        key: &str,
    ) -> Result<Option<Arc<Job>>, StoreError> {
        let (caller, key) = (caller.cloned(), key.to_owned());
        self.readers.read(move |conn| read::job_by_key(conn, caller.as_ref(), &key)).await
    }

    async fn args(&self, id: JobId) -> Result<Option<Value>, StoreError> {
        self.readers.read(move |conn| read::json(conn, read::ARGS, id)).await
    }

    async fn args_of(&self, jobs: Vec<JobId>) -> HashMap<JobId, Value> {
        let found = self.readers.read(move |conn| {
            let args = |id: JobId| Some((id, read::json(conn, read::ARGS, id).ok()??));
            Ok(jobs.into_iter().filter_map(args).collect())
        });
        found.await.unwrap_or_default()
    }

    async fn result(&self, id: JobId) -> Result<Option<Value>, StoreError> {
        self.readers.read(move |conn| read::json(conn, read::RESULT, id)).await
    }

    async fn jobs(&self, query: JobsQuery) -> Result<JobsPage, StoreError> {
        self.readers.read(move |conn| list::jobs(conn, &query)).await
    }

    async fn attempts(
        &self,
        id: JobId,
        up_to: u32,
        limit: u32,
    ) -> Result<Vec<Attempt>, StoreError> {
        self.readers.read(move |conn| read::attempts(conn, id, up_to, limit)).await
    }

    async fn job_events(
        &self,
        id: JobId,
        after: EventNo,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        self.readers.read(move |conn| read::job_events(conn, id, after, limit)).await
    }

    async fn events_after(&self, after: EventNo, limit: u32) -> Result<EventsPage, StoreError> {
        self.readers.read(move |conn| read::events_after(conn, after, limit)).await
    }

    async fn last_event(&self) -> Result<EventNo, StoreError> {
        self.readers.read(read::last_event).await
    }

    async fn queues(&self) -> Result<Vec<QueueRow>, StoreError> {
        self.readers.read(read::queues).await
    }

    async fn worker(&self, id: WorkerId) -> Result<Option<Worker>, StoreError> {
        self.readers.read(move |conn| read::worker(conn, id)).await
    }

    async fn workers(&self, since: Timestamp, limit: u32) -> Result<Vec<Worker>, StoreError> {
        self.readers.read(move |conn| read::workers(conn, since, limit)).await
    }

    async fn queue_counts(&self, queue: &QueueName) -> Result<QueueCounts, StoreError> {
        let queue = queue.clone();
        self.readers.read(move |conn| read::queue_counts(conn, &queue)).await
    }

    async fn end_counts(
        &self,
        queue: &QueueName,
        since: Timestamp,
        most: u32,
    ) -> Result<Vec<EndCount>, StoreError> {
        let queue = queue.clone();
        self.readers.read(move |conn| ends::counts(conn, &queue, since, most)).await
    }

    async fn waiting(&self) -> Result<Vec<Waiting>, StoreError> {
        self.readers.read(read::waiting).await
    }

    async fn open_attempts(&self) -> Result<Vec<(Arc<Job>, Attempt)>, StoreError> {
        self.readers.read(read::open_attempts).await
    }

    async fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        self.readers.read(read::tokens).await
    }

    async fn tokens_and_shares(&self) -> Result<Vec<Token>, StoreError> {
        self.readers.read(read::tokens_and_shares).await
    }

    fn health(&self) -> watch::Receiver<Health> {
        self.writer.health()
    }
}

#[async_trait]
impl Store for SqliteStore {
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
