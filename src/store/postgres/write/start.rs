//! Accepting jobs. They are noted one by one and written together, as soon as somebody may look; what their keys
//! stand for is read together, too.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use async_trait::async_trait;

use super::{Operation, Reach, Tx};
use crate::domain::event::JobChange;
use crate::domain::id::{AcceptNo, JobId};
use crate::domain::job::{Idempotency, Job, NewJob};
use crate::domain::names::CallerName;
use crate::store::moves::{Happened, fresh};
use crate::store::postgres::failure::Failure;
use crate::store::postgres::row::{
    self, JOB_COLUMN_COUNT, JOB_COLUMNS, get, millis, stored, stored_labels, to_millis,
};
use crate::store::postgres::session::Session;
use crate::store::{AcceptLimits, Accepted, StartError};

/// A job to accept.
pub(in crate::store::postgres) struct Start {
    job: NewJob,
    /// The arguments as they are stored: made by the caller, not on the writer's thread.
    args: Arc<str>,
    limits: AcceptLimits,
}

/// Who chose a key, and which: one caller's keys are no other's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store::postgres) struct Key<'a> {
    /// Empty where nobody was asked for a token.
    caller: &'a str,
    key: &'a str,
}

/// What keys stand for, by caller and key; `None`: nothing yet.
pub(super) type Keys = HashMap<(String, String), Option<Made>>;

/// What a key made, and from which input.
pub(super) struct Made {
    job: Arc<Job>,
    fingerprint: Vec<u8>,
}

/// A job with its arguments and what its key stands for.
type Noted = (Job, Arc<str>, Option<Vec<u8>>);

/// Jobs that were accepted and are not written yet.
#[derive(Default)]
pub(super) struct Unwritten(Vec<Noted>);

/// What they are written by.
pub(super) const WRITES: [&str; 2] = [INSERT_JOBS, INSERT_LABELS];

impl Start {
    /// A job to accept within `limits`.
    pub(in crate::store::postgres) fn new(job: NewJob, limits: AcceptLimits) -> Self {
        Self { args: job.args.to_string().into(), job, limits }
    }

    fn key(&self) -> Option<Key<'_>> {
        let Idempotency { key, .. } = self.job.idempotency.as_ref()?;
        let caller = self.job.started_by.as_ref().map_or("", CallerName::as_str);
        Some(Key { caller, key })
    }

    fn reached(&self) -> Reach<'_> {
        self.key().map_or(Reach::New, Reach::Key)
    }

    /// What the key made before, where it was used: that job, or that it stands for other input.
    async fn made_before(
        &self,
        tx: &mut Tx<'_>,
    ) -> Result<Option<Result<Accepted, StartError>>, Failure> {
        let (Some(key), Some(asked)) = (self.key(), &self.job.idempotency) else {
            return Ok(None);
        };
        tx.read_keys(std::iter::once(key)).await?;
        let Some(Some(made)) = tx.noted.keys.get(&key.owned()) else { return Ok(None) };
        if made.fingerprint != asked.fingerprint {
            return Ok(Some(Err(StartError::IdempotencyConflict(made.job.id))));
        }
        // What another write of this batch made of it holds with this answer.
        let now = tx.noted.rows.job(made.job.id);
        let job = now.map_or_else(|| Arc::clone(&made.job), |job| Arc::new(job.clone()));
        Ok(Some(Ok(Accepted { job, created: false })))
    }

    fn args_bytes(&self) -> u64 {
        self.args.len().try_into().expect("a length fits 64 bits")
    }

    /// A key that is known is answered past any limit, so this is asked second.
    fn past_limit(&self, tx: &Tx<'_>) -> Option<StartError> {
        let queue = &self.job.queue;
        let waiting = tx.tally.waiting(queue);
        let limit = self.limits.max_waiting;
        if waiting >= limit {
            return Some(StartError::QueueFull { queue: queue.clone(), waiting, limit });
        }
        let bytes = tx.tally.args_bytes();
        let limit = self.limits.waiting_args_bytes;
        if bytes.saturating_add(self.args_bytes()) > limit {
            return Some(StartError::WaitingBytesFull { queue: queue.clone(), bytes, limit });
        }
        None
    }
}

#[async_trait(?Send)]
impl Operation for Start {
    type Answer = Accepted;
    type Refusal = StartError;

    fn reach(&self) -> Reach<'_> {
        self.reached()
    }

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Result<Accepted, StartError>, Failure> {
        if let Some(answer) = self.made_before(tx).await? {
            return Ok(answer);
        }
        if let Some(refusal) = self.past_limit(tx) {
            return Ok(Err(refusal));
        }
        let mut job = fresh(&self.job, tx.numbers.created);
        tx.numbers.created = Some(job.created_at);
        tx.numbers.accept += 1;
        job.accepted = AcceptNo(tx.numbers.accept);
        tx.tally.add(&job.queue, 1, length(&self.args));
        let fingerprint = self.job.idempotency.as_ref().map(|i| i.fingerprint.to_vec());
        tx.noted.starts.0.push((job.clone(), Arc::clone(&self.args), fingerprint.clone()));
        let what = Happened { change: JobChange::Queued, at: job.created_at, attempt: None };
        let job = tx.record(None, job, what);
        if let (Some(key), Some(fingerprint)) = (self.key(), fingerprint) {
            let made = Made { job: Arc::clone(&job), fingerprint };
            tx.noted.keys.insert(key.owned(), Some(made));
        }
        Ok(Ok(Accepted { job, created: true }))
    }
}

/// A job that is not accepted, but judged as if it were: on the writer's thread, which alone knows
/// how many wait.
pub(in crate::store::postgres) struct Check(pub(in crate::store::postgres) Start);

#[async_trait(?Send)]
impl Operation for Check {
    type Answer = Option<Arc<Job>>;
    type Refusal = StartError;

    fn reach(&self) -> Reach<'_> {
        self.0.reached()
    }

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Result<Self::Answer, StartError>, Failure> {
        if let Some(answer) = self.0.made_before(tx).await? {
            return Ok(answer.map(|accepted| Some(accepted.job)));
        }
        Ok(self.0.past_limit(tx).map_or(Ok(None), Err))
    }
}

/// One column of all of them.
fn all<'s, T>(starts: &'s [Noted], column: impl Fn(&'s Job) -> T) -> Vec<T> {
    starts.iter().map(|(job, ..)| column(job)).collect()
}

fn length(args: &str) -> i64 {
    i64::try_from(args.len()).expect("no text is so long")
}

impl Key<'_> {
    fn owned(self) -> (String, String) {
        (self.caller.to_owned(), self.key.to_owned())
    }
}

impl Tx<'_> {
    /// Reads what these keys stand for, as far as that is not known: one question for all.
    pub(super) async fn read_keys<'k>(
        &mut self,
        keys: impl Iterator<Item = Key<'k>>,
    ) -> Result<(), Failure> {
        let lacked: Vec<_> =
            keys.map(Key::owned).filter(|key| !self.noted.keys.contains_key(key)).collect();
        if lacked.is_empty() {
            return Ok(());
        }
        let callers: Vec<&str> = lacked.iter().map(|(caller, _)| caller.as_str()).collect();
        let keys: Vec<String> = lacked.iter().map(|(_, key)| stored(key)).collect();
        let found = self.session.rows(&MADE, &[&keys, &callers]).await?;
        self.noted.keys.extend(lacked.into_iter().map(|key| (key, None)));
        for found in &found {
            let job = Arc::new(row::job(found)?);
            let key = job.idempotency_key.clone().unwrap_or_default();
            let caller = job.started_by.as_ref().map_or("", CallerName::as_str).to_owned();
            let fingerprint = get(found, JOB_COLUMN_COUNT)?;
            self.noted.keys.insert((caller, key), Some(Made { job, fingerprint }));
        }
        Ok(())
    }
}

impl Unwritten {
    /// Whether one of these jobs is among them.
    pub(super) fn have(&self, ids: &[JobId]) -> bool {
        !ids.is_empty() && self.0.iter().any(|(job, ..)| ids.contains(&job.id))
    }

    /// Writes them: one statement for all.
    pub(super) async fn write(&self, session: &Session) -> Result<(), Failure> {
        let Self(starts) = self;
        if starts.is_empty() {
            return Ok(());
        }
        let labels: Result<Vec<_>, _> =
            starts.iter().map(|(job, ..)| stored_labels(&job.labels)).collect();
        let args: Vec<&str> = starts.iter().map(|(_, args, _)| &**args).collect();
        let bytes: Vec<i64> = args.iter().map(|args| length(args)).collect();
        let fingerprints: Vec<&Option<Vec<u8>>> = starts.iter().map(|(.., print)| print).collect();
        session
            .execute(
                INSERT_JOBS,
                &[
                    &all(starts, |job| job.accepted.0),
                    &all(starts, |job| row::uuid(job.id.as_bytes())),
                    &all(starts, |job| job.kind.as_str()),
                    &all(starts, |job| job.queue.as_str()),
                    &all(starts, |job| <&str>::from(job.state)),
                    &all(starts, |job| job.seq.0),
                    &all(starts, |job| millis(job.created_at)),
                    &all(starts, |job| job.not_before.map(millis)),
                    &all(starts, |job| job.delayed.map(|(until, _)| millis(until))),
                    &all(starts, |job| job.delayed.map(|(_, why)| <&str>::from(why))),
                    &all(starts, |job| i64::from(job.max_attempts)),
                    &all(starts, |job| job.timeout.map(to_millis)),
                    &bytes,
                    &all(starts, |job| job.idempotency_key.as_deref().map(stored)),
                    &fingerprints,
                    &all(starts, |job| job.retry_of.map(|id| row::uuid(id.as_bytes()))),
                    &labels?,
                    &all(starts, |job| job.started_by.as_ref().map(CallerName::as_str)),
                    &args,
                ],
            )
            .await?;
        Ok(())
    }

    /// Writes their labels, after them.
    pub(super) async fn write_labels(&self, session: &Session) -> Result<(), Failure> {
        let (mut keys, mut values, mut of) = (Vec::new(), Vec::new(), Vec::new());
        for (job, ..) in &self.0 {
            for label in job.labels.as_slice() {
                keys.push(stored(&label.key));
                values.push(stored(&label.value));
                of.push(job.accepted.0);
            }
        }
        if !of.is_empty() {
            session.execute(INSERT_LABELS, &[&keys, &values, &of]).await?;
        }
        Ok(())
    }
}

/// By `jobs_key`.
static MADE: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {JOB_COLUMNS}, fingerprint
         FROM unnest($1::text[], $2::text[]) AS asked (key, caller)
             JOIN jobs ON idempotency_key = asked.key AND coalesce(started_by, '') = asked.caller
         WHERE idempotency_key IS NOT NULL"
    )
});

/// All rows of a batch, each with its arguments.
const INSERT_JOBS: &str = "
WITH new AS (
    SELECT *
    FROM unnest($1::bigint[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::bigint[],
        $7::bigint[], $8::bigint[], $9::bigint[], $10::text[], $11::bigint[], $12::bigint[],
        $13::bigint[], $14::text[], $15::bytea[], $16::uuid[], $17::text[], $18::text[], $19::text[])
    AS new (
        accept_no, id, kind, queue, state, seq, created_at, not_before, delayed_until, delay,
        max_attempts, timeout_ms, args_bytes, idempotency_key, fingerprint, retry_of, labels,
        started_by, args)
), inserted AS (
    INSERT INTO jobs (
        accept_no, id, kind, queue, state, seq, created_at, not_before, delayed_until, delay,
        max_attempts, timeout_ms, args_bytes, idempotency_key, fingerprint, retry_of, labels,
        started_by)
    SELECT
        accept_no, id, kind, queue, state, seq, created_at, not_before, delayed_until, delay,
        max_attempts, timeout_ms, args_bytes, idempotency_key, fingerprint, retry_of, labels,
        started_by
    FROM new
)
INSERT INTO job_args (job, args)
SELECT accept_no, args
FROM new";

const INSERT_LABELS: &str = "
INSERT INTO job_labels (key, value, job)
SELECT *
FROM unnest($1::text[], $2::text[], $3::bigint[])";
