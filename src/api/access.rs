//! What one caller reaches: every resolver reads and writes jobs through it, so that a job which the
//! caller may not see does not exist by any path.
//!
//! Which fields a caller may ask for at all is judged before, at the gate, by [`rules`](super::rules);
//! here it is judged object by object. Whose a job is never changes, so who saw it once may follow it.

use std::sync::Arc;

use crate::api::error::{ApiError, Code, Result};
use crate::api::refusal;
use crate::auth::Caller;
use crate::domain::attempt::CancelMode;
use crate::domain::id::JobId;
use crate::domain::job::Job;
use crate::domain::names::{CallerName, KindName};
use crate::domain::token::Scope;
use crate::domain::wait::{Holder, Wait};
use crate::scheduler::Handle;
use crate::scheduler::handle::{Placed, RetryRefusal, StartRefusal, StartRequest};
use crate::store::filter::JobFilter;
use crate::store::query::{JobsPage, JobsQuery};
use crate::store::{Accepted, CancelAnswer};

/// The jobs of the store, as far as they exist for one caller.
#[derive(Clone)]
pub(crate) struct Access {
    /// What is done by it bears the caller's name.
    handle: Handle,
    caller: Caller,
}

impl Access {
    pub(crate) fn new(handle: &Handle, caller: Caller) -> Self {
        Self { handle: handle.by(caller.name().cloned()), caller }
    }

    pub(crate) fn caller(&self) -> &Caller {
        &self.caller
    }

    /// For what is asked of a job that was reached by here, and of what is no job.
    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Why a job waits, if it does; it names no other that this caller does not see.
    pub(crate) fn wait(&self, job: &Job) -> Option<Wait> {
        let sees = |holder: &Holder| self.caller.sees_what(holder.job, holder.started_by.as_ref());
        self.handle.wait(job).map(|wait| wait.seen_by(sees))
    }

    /// The job; `None`: unknown, or not to be seen.
    pub(crate) async fn job(&self, id: JobId) -> Result<Option<Arc<Job>>> {
        let job = self.handle.reader().job(id).await.map_err(refusal::store)?;
        Ok(job.filter(|job| self.caller.sees(job)))
    }

    /// As [`job`](Self::job); the error is the same whether it is unknown or not to be seen.
    pub(crate) async fn must(&self, id: JobId) -> Result<Arc<Job>> {
        let unknown = || ApiError::not_found("job has the id", &id.to_string());
        self.job(id).await?.ok_or_else(unknown)
    }

    /// The job that the caller started with this key.
    pub(crate) async fn job_by_key(&self, key: &str) -> Result<Option<Arc<Job>>> {
        let found = self.handle.reader().job_by_key(self.caller.name(), key).await;
        Ok(found.map_err(refusal::store)?.filter(|job| self.caller.sees(job)))
    }

    /// A page of those that match.
    pub(crate) async fn jobs(&self, query: JobsQuery) -> Result<JobsPage> {
        let query = JobsQuery { filter: self.narrow(query.filter), ..query };
        self.handle.reader().jobs(query).await.map_err(refusal::store)
    }

    /// The filter, for those jobs only that the caller sees.
    pub(crate) fn narrow(&self, filter: JobFilter) -> JobFilter {
        if self.caller.sees_all() {
            return filter;
        }
        let own = self.caller.name().filter(|_| !self.caller.is_share()).map(CallerName::as_str);
        match (own, &filter.started_by) {
            (Some(own), None) => JobFilter { started_by: Some(own.to_owned()), ..filter },
            (Some(own), Some(asked)) if asked == own => filter,
            // An empty list matches nothing.
            (Some(_) | None, _) => JobFilter { states: Some(Vec::new()), ..filter },
        }
    }

    /// The jobs with an open attempt.
    pub(crate) async fn open_jobs(&self) -> Result<Vec<Arc<Job>>> {
        let open = self.handle.reader().open_attempts().await.map_err(refusal::store)?;
        let jobs = open.into_iter().map(|(job, _)| job);
        Ok(jobs.filter(|job| self.caller.sees(job)).collect())
    }

    /// Starts a job.
    pub(crate) async fn start(&self, request: StartRequest) -> Result<Accepted> {
        self.may_start(&request.kind)?.map_err(refusal::start)?;
        let started = self.handle.start_job(request).await;
        started.map_err(|refusal| refusal::start(self.blind(refusal)))
    }

    /// What [`start`](Self::start) would say.
    pub(crate) async fn check(
        &self,
        request: StartRequest,
    ) -> Result<std::result::Result<Placed, StartRefusal>> {
        if let Err(unknown) = self.may_start(&request.kind)? {
            return Ok(Err(unknown));
        }
        Ok(self.handle.check_job(request).await.map_err(|refusal| self.blind(refusal)))
    }

    /// Starts a job that ended once more.
    pub(crate) async fn retry(&self, id: JobId, key: Option<String>) -> Result<Accepted> {
        let job = self.must(id).await?;
        self.may_start(job.kind.as_str())?.map_err(refusal::start)?;
        self.handle.retry_job(id, key).await.map_err(|refusal| {
            refusal::retry(match refusal {
                RetryRefusal::Start(refusal) => RetryRefusal::Start(self.blind(refusal)),
                refusal @ (RetryRefusal::NotFound(_) | RetryRefusal::NotEnded(_)) => refusal,
            })
        })
    }

    /// Asks a job to stop. That the caller may stop jobs at all was judged at the gate.
    pub(crate) async fn cancel(
        &self,
        id: JobId,
        mode: CancelMode,
        note: Option<String>,
    ) -> Result<CancelAnswer> {
        self.must(id).await?;
        self.handle.cancel_job(id, mode, note).await.map_err(refusal::cancel)
    }

    /// The error says which scope is missing; the one inside, that there is no such kind: one that the
    /// caller does not see is told of like one that never was.
    fn may_start(&self, name: &str) -> Result<std::result::Result<(), StartRefusal>> {
        let kind: Option<KindName> = name.parse().ok();
        match kind {
            Some(kind) if self.caller.may_start(&kind) => Ok(Ok(())),
            Some(kind) if self.handle.catalog().kinds.contains_key(&kind) => {
                if self.caller.sees_kind(&kind) {
                    return Err(forbidden(&Scope::Start(Some(kind)).to_string()));
                }
                Ok(Err(StartRefusal::UnknownKind { name: name.to_owned(), known: self.known() }))
            }
            // It is refused later, as any unknown kind.
            Some(_) | None => Ok(Ok(())),
        }
    }

    /// A refusal that names no kind which the caller does not see.
    fn blind(&self, refusal: StartRefusal) -> StartRefusal {
        match refusal {
            StartRefusal::UnknownKind { name, .. } => {
                StartRefusal::UnknownKind { name, known: self.known() }
            }
            StartRefusal::InvalidArgs { .. }
            | StartRefusal::InvalidInput { .. }
            | StartRefusal::NotAccepting
            | StartRefusal::Store(_) => refusal,
        }
    }

    fn known(&self) -> Vec<KindName> {
        let kinds = self.handle.catalog().kinds.keys();
        kinds.filter(|kind| self.caller.may_start(kind)).cloned().collect()
    }
}

/// The token may not do it.
pub(crate) fn forbidden(scope: &str) -> ApiError {
    let message = format!("the token may not do this: it needs the scope `{scope}`");
    ApiError::new(Code::Forbidden, message).with("scope", scope)
}
