//! One execution for all who asked the same: of many who watch jobs with the same document, each holds
//! only its own place in what happens, and the first to tell a moment of a job has it resolved and
//! written; the others send its bytes.
//!
//! Resolving and writing is most of what a message costs, and what the library keeps for a subscription is
//! most of what it would hold. So the library validates and executes a document once, for all who follow
//! whatever job with it, and is given one message after another.
//!
//! - [`plain`]: which documents are shared.
//!
//! # Invariants
//!
//! - Shared is only what is the same for everybody: fields that come from the message itself. What reads
//!   anything later, or depends on who asks, is executed for each, and so is what the library refuses.
//! - Whoever follows is judged by itself, and keeps its own order and its own pace. Who sees less is told
//!   another moment.
//! - A text is told for the very [`Moment`] and job that it was made of.

mod plain;
#[cfg(test)]
mod tests;

use std::any::TypeId;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use async_graphql::parser::types::ExecutableDocument;
use async_graphql::{ID, PathSegment, Pos, Request, Response, ServerError, Variables};
use futures::channel::mpsc;
use futures::future::FutureExt;
use futures::stream::{BoxStream, Stream, StreamExt};

use crate::api::access::Access;
use crate::api::error::{ApiError, Result};
use crate::api::subscription::{JobStatus, Source, StatusStream, Told, open_status};
use crate::domain::clock::Timestamp;
use crate::domain::estimate::Estimate;
use crate::domain::event::JobChange;
use crate::domain::id::{JobId, Seq};
use crate::domain::job::Progress;
use crate::domain::wait::Wait;
use plain::{Key, Plain};

/// What tells one message of a job from another: whatever it shows follows from it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Moment {
    pub(crate) seq: Seq,
    pub(crate) change: JobChange,
    pub(crate) at: Timestamp,
    pub(crate) wait: Option<Wait>,
    pub(crate) estimate: Option<Estimate>,
    pub(crate) progress: Option<Arc<Progress>>,
    pub(crate) coalesced: i64,
}

/// Executes a subscription.
type Execute = dyn Fn(Request) -> BoxStream<'static, Response> + Send + Sync;

/// Every question that somebody follows. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(crate) struct Questions(Arc<All>);

struct All {
    execute: Box<Execute>,
    open: Mutex<HashMap<Key, Weak<Question>>>,
}

/// A document with those of its variables that say what is selected. Lasts as long as somebody follows it.
struct Question {
    key: Key,
    all: Questions,
    /// Where its field stands.
    at: Pos,
    wants_estimate: bool,
    document: Arc<ExecutableDocument>,
    operation_name: Option<String>,
    /// Of whoever asked first: which job they name makes no difference.
    variables: Variables,
    execution: Mutex<Option<Execution>>,
    jobs: Mutex<HashMap<JobId, Weak<Latest>>>,
}

/// One job as a question sees it.
struct Latest {
    job: JobId,
    question: Arc<Question>,
    /// The latest message, while two or more follow it.
    told: Mutex<Option<(Moment, Arc<str>)>>,
}

/// Who asked, and does not follow yet.
pub(crate) struct Asked {
    question: Arc<Question>,
    access: Access,
    id: ID,
    min_interval_ms: Option<i32>,
}

/// One follower of a job.
pub(crate) struct Follower {
    status: StatusStream,
    latest: Arc<Latest>,
}

impl Questions {
    pub(crate) fn new(
        execute: impl Fn(Request) -> BoxStream<'static, Response> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(All { execute: Box::new(execute), open: Mutex::default() }))
    }

    /// Joins those who asked the same; `None` where nothing can be shared; the error: what the library
    /// says of the document. The request has its caller's [`Access`] in its data.
    pub(crate) fn join(
        &self,
        request: &Request,
        document: &Arc<ExecutableDocument>,
    ) -> Option<std::result::Result<Asked, Box<Response>>> {
        let access = request.data.get(&TypeId::of::<Access>())?.downcast_ref::<Access>()?;
        let plain = Plain::read(request, document)?;
        Some(self.question(&plain, request, document).map(|question| {
            let Plain { id, min_interval_ms, .. } = plain;
            Asked { question, access: access.clone(), id, min_interval_ms }
        }))
    }

    fn question(
        &self,
        plain: &Plain,
        request: &Request,
        document: &Arc<ExecutableDocument>,
    ) -> std::result::Result<Arc<Question>, Box<Response>> {
        if let Some(known) = lock(&self.0.open).get(&plain.key).and_then(Weak::upgrade) {
            return Ok(known);
        }
        let question = Arc::new(Question {
            key: plain.key,
            all: self.clone(),
            at: plain.at,
            wants_estimate: plain.wants_estimate,
            document: Arc::clone(document),
            operation_name: request.operation_name.clone(),
            variables: request.variables.clone(),
            execution: Mutex::default(),
            jobs: Mutex::default(),
        });
        *lock(&question.execution) = Some(question.begin()?);
        lock(&self.0.open).insert(plain.key, Arc::downgrade(&question));
        Ok(question)
    }
}

impl Question {
    /// What everybody is told of this message; `None` where it cannot be made, which is our fault.
    fn write(&self, message: JobStatus) -> Option<Arc<str>> {
        let mut execution = lock(&self.execution);
        let told = catch_unwind(AssertUnwindSafe(|| {
            if execution.is_none() {
                *execution = self.begin().ok();
            }
            execution.as_mut()?.resolve(message).filter(Response::is_ok)
        }));
        let text = told.ok().flatten().and_then(|told| serde_json::to_string(&told).ok());
        if text.is_none() {
            // What it was about to tell must not come instead of the next message.
            *execution = None;
        }
        text.map(Arc::from)
    }

    /// The error: the document does not fit.
    fn begin(&self) -> std::result::Result<Execution, Box<Response>> {
        let (messages, given) = mpsc::channel(0);
        let mut request = Request::new("").variables(self.variables.clone());
        request.operation_name.clone_from(&self.operation_name);
        request.set_parsed_query(ExecutableDocument::clone(&self.document));
        let request = request.data(Given(Mutex::new(Some(given))));
        let mut told = (self.all.0.execute)(request);
        match told.next().now_or_never() {
            // It waits for its first message.
            None => Ok(Execution { messages, told }),
            Some(refused) => Err(refused.unwrap_or_default().into()),
        }
    }

    fn follow(self: &Arc<Self>, job: JobId) -> Arc<Latest> {
        let mut jobs = lock(&self.jobs);
        jobs.get(&job).and_then(Weak::upgrade).unwrap_or_else(|| {
            let question = Arc::clone(self);
            let latest = Arc::new(Latest { job, question, told: Mutex::default() });
            jobs.insert(job, Arc::downgrade(&latest));
            latest
        })
    }

    /// As the library would say it.
    fn error(&self, error: ApiError) -> ServerError {
        ServerError {
            locations: vec![self.at],
            path: vec![PathSegment::Field(plain::ROOT.to_owned())],
            ..error.into_server_error()
        }
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        forget(&mut lock(&self.all.0.open), &self.key);
    }
}

impl Drop for Latest {
    fn drop(&mut self) {
        forget(&mut lock(&self.question.jobs), &self.job);
    }
}

impl Asked {
    /// Follows the job, if there is one for its caller.
    pub(crate) async fn open(self) -> std::result::Result<Follower, ServerError> {
        let Self { question, access, id, min_interval_ms } = self;
        match open_status(&access, &id, min_interval_ms, question.wants_estimate).await {
            Ok(status) => Ok(Follower { latest: question.follow(status.job()), status }),
            Err(error) => Err(question.error(error)),
        }
    }
}

impl Follower {
    /// The next message, as it is written; `None` at the end. After an error nothing more comes.
    pub(crate) async fn next(&mut self) -> Option<std::result::Result<Arc<str>, ServerError>> {
        let told = match self.status.next().await {
            Ok(told) => self.latest.tell(told?),
            Err(error) => Err(error),
        };
        Some(told.map_err(|error| self.latest.question.error(error)))
    }

    /// Its latest message was the last.
    pub(crate) fn has_ended(&self) -> bool {
        self.status.has_ended()
    }
}

impl Latest {
    fn tell(self: &Arc<Self>, (row, moment): Told) -> Result<Arc<str>> {
        // Held while it is written: whoever comes for the same waits for the text.
        let mut told = lock(&self.told);
        if let Some((known, text)) = &*told
            && *known == moment
        {
            return Ok(Arc::clone(text));
        }
        let text = self.question.write(JobStatus::new((row, moment.clone())));
        let text = text.ok_or_else(|| ApiError::internal_text("a message could not be written"))?;
        *told = (Arc::strong_count(self) > 1).then(|| (moment, Arc::clone(&text)));
        Ok(text)
    }
}

/// An execution that is given its messages.
struct Execution {
    messages: mpsc::Sender<JobStatus>,
    told: BoxStream<'static, Response>,
}

/// The messages that an execution is given. Lie in the data of its request, which has no caller.
pub(crate) struct Given(Mutex<Option<mpsc::Receiver<JobStatus>>>);

impl Execution {
    /// Nothing that is shared waits for anything, so it is resolved at once.
    fn resolve(&mut self, message: JobStatus) -> Option<Response> {
        self.messages.try_send(message).ok()?;
        self.told.next().now_or_never().flatten()
    }
}

impl Given {
    /// The messages; none where somebody took them already.
    pub(crate) fn messages(&self) -> impl Stream<Item = Result<JobStatus>> + Send + use<> {
        let messages = lock(&self.0).take();
        futures::stream::iter(messages).flatten().map(Ok)
    }
}

/// Forgets whatever nobody holds any more; another may have come anew meanwhile.
fn forget<K: Eq + std::hash::Hash, V>(open: &mut HashMap<K, Weak<V>>, key: &K) {
    if open.get(key).is_some_and(|held| held.strong_count() == 0) {
        open.remove(key);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
