//! The door to the scheduler: everything that anybody may ask of it.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures::poll;
use serde_json::Value;
use tokio::sync::watch;

use super::core::{Board, Core, Phase};
pub use super::estimates::Placed;
use super::recent::Lately;
use crate::domain::attempt::CancelMode;
use crate::domain::clock::Timestamp;
use crate::domain::id::{JobId, WorkerId};
use crate::domain::job::{Job, NewJob, Progress};
use crate::domain::kind::{ArgProblem, Catalog};
use crate::domain::label::Label;
use crate::domain::limits::Limits;
use crate::domain::names::{CallerName, KindName, QueueName};
use crate::domain::state::JobState;
use crate::domain::wait::Wait;
use crate::domain::worker::Worker;
use crate::events::Bus;
use crate::store::{self, Accepted, CancelAnswer, QueueRow, Reader, StoreError};

/// A request to start a job, not yet checked.
#[derive(Clone, Default)]
pub struct StartRequest {
    /// The kind's name.
    pub kind: String,
    /// Its arguments; `None`: `{}`.
    pub args: Option<Value>,
    /// Makes repeats of this request one job (P14).
    pub idempotency_key: Option<String>,
    /// Attached to the job.
    pub labels: Vec<Label>,
    /// Not to start before.
    pub not_before: Option<Timestamp>,
    /// How long an attempt may run, in milliseconds; never more than the kind allows.
    pub timeout_ms: Option<i64>,
}

/// Why a job was not started. Nothing was stored.
#[derive(Debug, thiserror::Error)]
pub enum StartRefusal {
    /// No such kind.
    #[error("no kind has the name `{name}`")]
    UnknownKind {
        /// What was asked for.
        name: String,
        /// What could have been.
        known: Vec<KindName>,
    },
    /// The arguments do not fit the kind.
    #[error("the arguments do not fit the kind `{kind}`")]
    InvalidArgs {
        /// Which kind.
        kind: KindName,
        /// What does not fit, at least one.
        problems: Vec<ArgProblem>,
    },
    /// Another part of the input is not allowed.
    #[error("{message}")]
    InvalidInput {
        /// The input field, as the API names it.
        argument: &'static str,
        /// What would be valid.
        message: String,
    },
    /// The server is stopping.
    #[error("the server is stopping and accepts nothing more")]
    NotAccepting,
    /// The store refused it.
    #[error(transparent)]
    Store(#[from] store::StartError),
}

impl From<StoreError> for StartRefusal {
    fn from(error: StoreError) -> Self {
        Self::Store(store::StartError::Store(error))
    }
}

/// Why a job was not started again. Nothing was stored.
#[derive(Debug, thiserror::Error)]
pub enum RetryRefusal {
    /// No such job.
    #[error("no job has the id `{0}`")]
    NotFound(JobId),
    /// It has not ended.
    #[error("the job is {0:?}: only a job that ended can be started again")]
    NotEnded(JobState),
    /// As for a start.
    #[error(transparent)]
    Start(#[from] StartRefusal),
}

/// A request that was judged.
struct Judged {
    job: NewJob,
    limits: store::AcceptLimits,
    /// What is wrong with it unless a job has its key.
    refusal: Option<StartRefusal>,
}

impl Judged {
    /// A refused request that may be the repeat of one that was accepted.
    fn unless_repeated(
        repeated: Option<NewJob>,
        refusal: StartRefusal,
    ) -> Result<Self, StartRefusal> {
        // No room for another job: should the old one be gone by then, nothing is stored unchecked.
        let limits = store::AcceptLimits { max_waiting: 0, waiting_args_bytes: 0 };
        match repeated {
            Some(job) => Ok(Self { job, limits, refusal: Some(refusal) }),
            None => Err(refusal),
        }
    }
}

/// What the arguments of a job say is noted for as long as this lives.
struct Noted<'b>(&'b Board, JobId);

impl Drop for Noted<'_> {
    fn drop(&mut self) {
        self.0.foresight().forget_args(self.1);
    }
}

/// The door to the scheduler, for one caller. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    pub(super) core: Arc<Core>,
    /// Whose name stands on what is done by it.
    pub(super) caller: Option<CallerName>,
}

impl Handle {
    /// The same door for this caller: what is started by it is the caller's, keys included (P14).
    /// Whether the caller may is for whoever hands it out to judge.
    #[must_use]
    pub fn by(&self, caller: Option<CallerName>) -> Self {
        Self { core: Arc::clone(&self.core), caller }
    }

    /// The time that changes are told with.
    pub fn now(&self) -> Timestamp {
        self.core.clock.now()
    }

    /// Accepts a job durably and returns it at once, before anything runs (P1).
    pub async fn start_job(&self, request: StartRequest) -> Result<Accepted, StartRefusal> {
        if self.core.phase() == Phase::Closed {
            return Err(StartRefusal::NotAccepting);
        }
        let judged = self.judge(request).await?;
        let accepted = self.accept(judged).await?;
        let (job, created) = (&accepted.job, accepted.created);
        tracing::debug!(job.id = %job.id, job.kind = %job.kind, created, "a job was accepted");
        Ok(accepted)
    }

    /// What a request is, for the store to start or to check.
    async fn judge(&self, request: StartRequest) -> Result<Judged, StartRefusal> {
        let keyed = request.idempotency_key.is_some().then(|| request.clone());
        let refusal = match self.core.admit(request, self.caller.clone()) {
            Ok(job) => return Ok(Judged { limits: self.accept_limits(&job), job, refusal: None }),
            Err(refusal) => refusal,
        };
        let repeated = match keyed {
            Some(keyed) => self.core.repeated(keyed, self.caller.clone()).await?,
            None => None,
        };
        Judged::unless_repeated(repeated, refusal)
    }

    /// Makes the wish to stop a job durable and passes it on (P10). Once this returns, nothing of
    /// the job starts any more.
    pub async fn cancel_job(
        &self,
        id: JobId,
        mode: CancelMode,
        note: Option<String>,
    ) -> Result<CancelAnswer, store::CancelError> {
        let (core, by) = (Arc::clone(&self.core), self.caller.clone());
        self.core.whole(async move { core.cancel_job(id, mode, note, by).await }).await
    }

    /// Starts a job that ended once more, as a new job.
    pub async fn retry_job(
        &self,
        id: JobId,
        idempotency_key: Option<String>,
    ) -> Result<Accepted, RetryRefusal> {
        if self.core.phase() == Phase::Closed {
            return Err(StartRefusal::NotAccepting.into());
        }
        let store = &self.core.store;
        let old = store.job(id).await.map_err(StartRefusal::from)?;
        let old = old.ok_or(RetryRefusal::NotFound(id))?;
        // A job that ended stays as it is (P5), so nothing can change between this and the start.
        if !old.state.is_terminal() {
            return Err(RetryRefusal::NotEnded(old.state));
        }
        let args = store.args(id).await.map_err(StartRefusal::from)?;
        let args = args.unwrap_or_default();
        let (key, by) = (idempotency_key, self.caller.clone());
        let judged = match self.core.admit_again(&old, args.clone(), key.clone(), by.clone()) {
            Ok(job) => Judged { limits: self.accept_limits(&job), job, refusal: None },
            Err(refusal) => {
                let repeated = self.core.repeated_again(&old, args, key, by);
                Judged::unless_repeated(repeated, refusal)?
            }
        };
        Ok(self.accept(judged).await?)
    }

    /// What [`start_job`](Self::start_job) would say now, and the place that the job would have. Stores
    /// nothing.
    pub async fn check_job(&self, request: StartRequest) -> Result<Placed, StartRefusal> {
        if self.core.phase() == Phase::Closed {
            return Err(StartRefusal::NotAccepting);
        }
        let Judged { job, limits, refusal } = self.judge(request).await?;
        let checked = match (self.core.store.check(job.clone(), limits).await, refusal) {
            (Err(full), Some(refusal)) if full.is_full() => return Err(refusal),
            (checked, _) => checked?,
        };
        if let Some(known) = checked {
            let position = self.wait(&known).and_then(|wait| wait.position);
            return Ok(Placed { position, estimate: self.estimate(&known).await });
        }
        Ok(Placed { position: self.place(&job), estimate: self.core.estimate_of(&job).await })
    }

    /// The place that a job would have; `None` where it would not be in line.
    fn place(&self, job: &NewJob) -> Option<u64> {
        let lines = self.core.board.lines();
        let is_in_line = job.not_before.is_none() && !lines.is_untaken(&job.kind);
        is_in_line.then(|| u64::try_from(lines.len(&job.queue) + 1).ok()).flatten()
    }

    async fn accept(&self, judged: Judged) -> Result<Accepted, StartRefusal> {
        let (board, id) = (&self.core.board, judged.job.id);
        // Before the commit: whoever follows it asks for them.
        board.foresight().know_args(id, &judged.job.args);
        // The commit takes them along; what is not accepted leaves none, nor does a caller who goes away.
        let _noted = Noted(board, id);
        let gate = self.core.open_gate(&judged.job);
        let mut start = self.core.store.start(judged.job, judged.limits);
        // Once it is asked for it is sent.
        let answer = match poll!(&mut start) {
            Poll::Ready(answer) => answer,
            Poll::Pending => {
                if let Some(gate) = gate {
                    self.core.expect(gate);
                }
                start.await
            }
        };
        match (answer, judged.refusal) {
            (Err(full), Some(refusal)) if full.is_full() => Err(refusal),
            (answer, _) => Ok(answer?),
        }
    }

    fn accept_limits(&self, job: &NewJob) -> store::AcceptLimits {
        let queue = self.core.catalog.queues.get(&job.queue);
        store::AcceptLimits {
            max_waiting: queue.map_or(u64::MAX, |queue| queue.max_waiting),
            waiting_args_bytes: self.core.limits.waiting_args_bytes,
        }
    }

    /// Lets running jobs finish and starts no other; the flag tells whether that is new. Once this
    /// returns, no job of the queue starts here; others of the store may begin what they had claimed.
    pub async fn pause_queue(
        &self,
        name: QueueName,
        note: Option<String>,
    ) -> Result<(QueueRow, bool), store::QueueError> {
        let pause = store::Pause { at: self.core.clock.now(), note, by: self.caller.clone() };
        self.change_queue(name, store::QueueChange::Pause(pause)).await
    }

    /// Starts jobs of the queue again; the flag tells whether that is new.
    pub async fn resume_queue(
        &self,
        name: QueueName,
    ) -> Result<(QueueRow, bool), store::QueueError> {
        self.change_queue(name, store::QueueChange::Resume).await
    }

    /// Changes how many jobs of the queue may run at once. None is stopped; none starts until fewer
    /// run. The flag tells whether the number is another one.
    pub async fn set_queue_slots(
        &self,
        name: QueueName,
        slots: u32,
    ) -> Result<(QueueRow, bool), store::QueueError> {
        self.change_queue(name, store::QueueChange::Slots(slots)).await
    }

    async fn change_queue(
        &self,
        name: QueueName,
        change: store::QueueChange,
    ) -> Result<(QueueRow, bool), store::QueueError> {
        let core = Arc::clone(&self.core);
        self.core.whole(async move { core.change_queue(name, change).await }).await
    }

    /// A queue as it was committed last; `None` for one that was never declared.
    pub fn queue(&self, name: &str) -> Option<QueueRow> {
        self.core.queues().get(name).cloned()
    }

    /// All queues that are declared.
    pub fn queues(&self) -> Vec<QueueRow> {
        let queues = self.core.queues();
        queues.values().filter(|row| self.core.gates.contains_key(&row.name)).cloned().collect()
    }

    /// How jobs of a queue fared in the last hour. Read from memory.
    pub fn lately(&self, queue: &QueueName) -> Lately {
        self.core.board.recent().lately(queue, self.core.clock.now())
    }

    /// The median of the last runs of a kind that ended well; `None` before the first.
    pub fn typical_run(&self, kind: &KindName) -> Option<Duration> {
        self.core.board.recent().typical_run(kind)
    }

    /// Why this job waits and where; `None` unless QUEUED.
    pub fn wait(&self, job: &Job) -> Option<Wait> {
        self.core.wait(job)
    }

    /// What the open attempt of this row last reported; `None` before its first report, and where
    /// none is open.
    pub fn progress(&self, job: &Job) -> Option<Arc<Progress>> {
        self.core.live.progress(job.id, job.open?)
    }

    /// Changes whenever a place or a reason to wait in this queue may have changed; `None` for a
    /// queue that is not declared, where neither ever does.
    pub fn line_changes(&self, queue: &QueueName) -> Option<watch::Receiver<u64>> {
        self.core.board.lines().changes(queue)
    }

    /// How many of the jobs that ended since the start are looked after: what is to be done about them
    /// now (see [`Retention`]) is done. Told anew whenever nothing is left to do.
    ///
    /// [`Retention`]: crate::domain::retention::Retention
    pub fn kept(&self) -> watch::Receiver<u64> {
        self.core.board.kept.subscribe()
    }

    /// What is declared.
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.core.catalog
    }

    /// What is refused beyond.
    pub fn limits(&self) -> &Limits {
        &self.core.limits
    }

    /// Who tells what happened.
    pub fn bus(&self) -> &Bus {
        &self.core.board.bus
    }

    /// Reads.
    pub fn reader(&self) -> &dyn Reader {
        self.core.store.as_ref()
    }

    /// The server is neither stopping nor stopped.
    pub fn is_accepting(&self) -> bool {
        self.core.phase() == Phase::Serving
    }

    /// This worker.
    pub fn me(&self) -> &Arc<Worker> {
        &self.core.me
    }

    /// A worker that ever worked on this store.
    pub async fn worker(&self, id: WorkerId) -> Result<Option<Arc<Worker>>, StoreError> {
        self.core.worker(id).await
    }

    /// The slots of this worker, and how many attempts hold one.
    pub fn worker_slots(&self) -> (u32, u32) {
        self.core.worker.usage()
    }
}
