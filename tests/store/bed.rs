//! What a promise is tried on: an open store, a record of its commits, and short ways to say what
//! happens to a job.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use longhaul::domain::attempt::{AttemptEnd, CancelMode, Policy};
use longhaul::domain::clock::Timestamp;
use longhaul::domain::event::{Commit, Event};
use longhaul::domain::id::{AttemptKey, EventNo, Fence, JobId, WorkerId};
use longhaul::domain::job::{Idempotency, Job, NewJob};
use longhaul::domain::kind::QueueSpec;
use longhaul::domain::label::{Label, Labels};
use longhaul::domain::names::{KindName, QueueName};
use longhaul::domain::state::EndReason;
use longhaul::domain::worker::Worker;
use longhaul::store::{
    AcceptLimits, Accepted, Cancel, CancelAnswer, CancelError, Claim, ClaimRequest, CommitSink,
    Finish, Guarded, Plan, Planner, StartError, Store,
};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

/// No limit that a test could meet by chance.
pub(crate) const WIDE: AcceptLimits =
    AcceptLimits { max_waiting: 1_000_000, waiting_args_bytes: 1 << 30 };

/// A backend, and the data that it opens each time.
pub(crate) trait Backend: Send + Sync {
    /// Opens the same data again.
    fn open(&self, on_commit: CommitSink) -> Arc<dyn Store>;
}

/// An open store.
pub(crate) struct Bed {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) record: Arc<Record>,
    backend: Box<dyn Backend>,
}

/// What the sink heard; it can be held, and with it the writer.
#[derive(Default)]
pub(crate) struct Record {
    commits: Mutex<Vec<Commit>>,
    held: Mutex<bool>,
    released: Condvar,
    entered: Entered,
}

/// A permit for each commit that reached the sink.
struct Entered(Semaphore);

impl Default for Entered {
    fn default() -> Self {
        Self(Semaphore::new(0))
    }
}

impl Record {
    fn hear(&self, commit: &Commit) {
        self.commits.lock().unwrap().push(commit.clone());
        self.entered.0.add_permits(1);
        let held = self.held.lock().unwrap();
        drop(self.released.wait_while(held, |held| *held).unwrap());
    }

    /// The next commit stays in the sink until [`Self::release`].
    pub(crate) fn hold(&self) {
        self.entered.0.forget_permits(usize::MAX);
        *self.held.lock().unwrap() = true;
    }

    pub(crate) fn release(&self) {
        *self.held.lock().unwrap() = false;
        self.released.notify_all();
    }

    /// Waits until a commit has reached the sink.
    pub(crate) async fn entered(&self) {
        within(self.entered.0.acquire()).await.unwrap().forget();
    }

    pub(crate) fn commits(&self) -> Vec<Commit> {
        self.commits.lock().unwrap().clone()
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.commits().into_iter().flat_map(|c| c.changes).map(|c| c.event).collect()
    }
}

/// The one deadline of whatever a test waits for.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("20 s are over")
}

/// So many milliseconds after the tests' beginning of time.
pub(crate) fn at(millis: i64) -> Timestamp {
    DateTime::UNIX_EPOCH + TimeDelta::milliseconds(1_800_000_000_000 + millis)
}

pub(crate) fn queue(name: &str) -> QueueName {
    name.parse().unwrap()
}

pub(crate) fn kind(name: &str) -> KindName {
    name.parse().unwrap()
}

/// An id that no other call returns.
pub(crate) fn fresh_id() -> JobId {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut random = [0; 10];
    // Another process may write the same database before this one: a crash test's child does.
    random[..2].copy_from_slice(&std::process::id().to_be_bytes()[2..]);
    random[2..].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    JobId::new(at(0), random)
}

/// A job of kind `work` for the queue `default`, without retries.
pub(crate) fn job() -> NewJob {
    NewJob {
        id: fresh_id(),
        kind: kind("work"),
        queue: queue("default"),
        args: json!({"z": 1, "a": "ü"}),
        labels: Labels::default(),
        created_at: at(0),
        not_before: None,
        timeout: None,
        max_attempts: 1,
        idempotency: None,
        retry_of: None,
        started_by: None,
    }
}

/// Labels by key and value.
pub(crate) fn labels(pairs: &[(&str, &str)]) -> Labels {
    let label =
        |(key, value): &(&str, &str)| Label { key: key.to_string(), value: value.to_string() };
    Labels::new(pairs.iter().map(label).collect()).unwrap()
}

/// What a key stands for.
pub(crate) fn key(key: &str, content: u8) -> Idempotency {
    Idempotency { key: key.to_owned(), fingerprint: [content; 32] }
}

/// An end with an exit code.
pub(crate) fn exit(reason: EndReason, code: i32) -> AttemptEnd {
    AttemptEnd { exit_code: Some(code), ..unrecorded(reason) }
}

/// An end of a command that may have begun, without a record of the kernel.
pub(crate) fn unrecorded(reason: EndReason) -> AttemptEnd {
    AttemptEnd::unrecorded(reason, format!("it ended as {reason:?}"), true)
}

/// Plans every job with the same policy.
pub(crate) struct Fixed(pub(crate) Result<Plan, String>);

impl Planner for Fixed {
    fn plan(&self, _: &KindName, _: &Value) -> Result<Plan, String> {
        self.0.clone()
    }

    fn attempt_key(&self) -> AttemptKey {
        AttemptKey::new(rand::random())
    }
}

/// The worker of this name.
pub(crate) fn worker(name: &str) -> Worker {
    let mut id = [0; 16];
    id[..name.len()].copy_from_slice(name.as_bytes());
    Worker {
        id: WorkerId::from_bytes(id),
        name: name.into(),
        version: "1".to_owned(),
        slots: 4,
        labels: Labels::default(),
        started_at: at(0),
        last_seen_at: at(0),
    }
}

/// A request for so many jobs of each of these queues, kind `work`, with the default policy.
pub(crate) fn request(queues: &[(&str, u32)], now: Timestamp) -> ClaimRequest {
    let plan = Plan { argv: vec!["true".to_owned()], policy: Policy::default() };
    ClaimRequest {
        queues: queues.iter().map(|(name, limit)| (queue(name), *limit)).collect(),
        kinds: Arc::new([kind("work")]),
        planner: Arc::new(Fixed(Ok(plan))),
        worker: worker("here").name(),
        boot_id: "boot".into(),
        due: Vec::new(),
        now,
    }
}

impl Bed {
    /// The backend, just opened, with the queues `default` and `other` declared.
    pub(crate) async fn declared(mut self) -> Self {
        self.declare().await;
        self
    }

    pub(crate) fn new(backend: impl Backend + 'static) -> Self {
        let record = Arc::<Record>::default();
        let store = backend.open(sink(&record));
        Self { store, record, backend: Box::new(backend) }
    }

    /// Closes the store and opens the same data again, with a fresh record.
    pub(crate) fn reopened(self) -> Self {
        let Self { store, backend, .. } = self;
        assert_eq!(Arc::strong_count(&store), 1, "the store is still used");
        drop(store);
        let record = Arc::<Record>::default();
        Self { store: backend.open(sink(&record)), record, backend }
    }

    async fn declare(&mut self) {
        let spec = |name| QueueSpec { name: queue(name), slots: 4, max_waiting: 100 };
        self.store.declare_queues(vec![spec("default"), spec("other")]).await.unwrap();
    }

    pub(crate) async fn try_start(&self, job: NewJob) -> Result<Accepted, StartError> {
        within(self.store.start(job, WIDE)).await
    }

    pub(crate) async fn start(&self, job: NewJob) -> Arc<Job> {
        self.try_start(job).await.unwrap().job
    }

    /// Starts one more job of [`job`].
    pub(crate) async fn start_one(&self) -> Arc<Job> {
        self.start(job()).await
    }

    /// Claims at most `limit` jobs of `default`.
    pub(crate) async fn claim(&self, limit: u32, now: Timestamp) -> Vec<Claim> {
        within(self.store.claim(request(&[("default", limit)], now))).await.unwrap()
    }

    /// Claims the one job that must come next, under `policy`.
    pub(crate) async fn claim_as(&self, policy: Policy, now: Timestamp) -> Claim {
        let plan = Plan { argv: Vec::new(), policy };
        let planner = Arc::new(Fixed(Ok(plan)));
        let request = ClaimRequest { planner, ..request(&[("default", 1)], now) };
        within(self.store.claim(request)).await.unwrap().pop().expect("a job is in line")
    }

    /// Claims the one job that must come next.
    pub(crate) async fn claim_one(&self) -> Claim {
        self.claim_as(Policy::default(), at(1)).await
    }

    pub(crate) async fn started(&self, claim: &Claim) -> Guarded<Arc<Job>> {
        within(self.store.started(claim.job.id, claim.fence, at(2))).await.unwrap()
    }

    /// Starts, claims and runs a job.
    pub(crate) async fn running(&self, job: NewJob) -> Claim {
        self.start(job).await;
        let claim = self.claim_one().await;
        done(self.started(&claim).await);
        claim
    }

    pub(crate) async fn finish(&self, claim: &Claim, end: AttemptEnd) -> Guarded<Arc<Job>> {
        within(self.store.finish(finish(claim.job.id, claim.fence, end))).await.unwrap()
    }

    pub(crate) async fn cancel(&self, job: JobId) -> Result<CancelAnswer, CancelError> {
        let cancel = Cancel {
            job,
            mode: CancelMode::Graceful,
            note: Some("enough".to_owned()),
            by: None,
            at: at(3),
        };
        within(self.store.cancel(cancel)).await
    }

    pub(crate) async fn job(&self, id: JobId) -> Arc<Job> {
        within(self.store.job(id)).await.unwrap().expect("the job is stored")
    }

    /// All events, as they are stored.
    pub(crate) async fn stored_events(&self) -> Vec<Event> {
        let page = self.store.events_after(EventNo(0), u32::MAX).await.unwrap();
        page.events.into_iter().map(|(event, _)| event).collect()
    }
}

fn sink(record: &Arc<Record>) -> CommitSink {
    let record = Arc::clone(record);
    Arc::new(move |commit| record.hear(commit))
}

/// The end of a claim at `at(4)`, in the middle of its pause.
pub(crate) fn finish(job: JobId, fence: Fence, end: AttemptEnd) -> Finish {
    Finish { job, fence, end, at: at(4), chance: 0.5 }
}

/// What was done, where it must have been.
pub(crate) fn done<T: std::fmt::Debug>(guarded: Guarded<T>) -> T {
    match guarded {
        Guarded::Done(done) => done,
        Guarded::Stale => panic!("the fence is the open one"),
    }
}
