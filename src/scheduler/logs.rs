//! What jobs printed, wherever it stands: in their folders, in the store, or in folders of other servers,
//! which upload it.
//!
//! # Invariants
//!
//! - A log that moves while it is read is read whole: its folder goes in one step, after the store has
//!   it, so that whoever finds no folder behind the read finds the log in the store.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::time::{Instant, timeout_at};

use super::copies::Brought;
use super::core::Core;
use super::handle::Handle;
use super::raw_log::RawLog;
use crate::domain::clock::Timestamp;
use crate::domain::id::{JobId, WorkerId};
use crate::domain::job::Job;
use crate::domain::log::{LogFrom, LogPage, LogQuery, LogStream};
use crate::events::Watch;
use crate::objects::ObjectError;
use crate::runner::kept::Folders;
use crate::runner::log::LogFiles;
use crate::store::StoreError;
use crate::store::fleet::Fleet;

/// How long whoever reads a log waits for a rest that is on its way to the object store.
const REST_WITHIN: Duration = Duration::from_secs(5);
/// How often it looks, though no word of it came.
const REST_LOOK: Duration = Duration::from_millis(500);
/// What ended longer ago is waited for no more.
const YOUNG: Duration = Duration::from_secs(60);

/// Why a log cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The store is in the way.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The files are.
    #[error("the log cannot be read")]
    Io(#[from] io::Error),
    /// Another worker has it, or its rest, in its data folder.
    #[error(
        "what the job printed from here on is with the worker `{0}`, which ran it: ask that server"
    )]
    Elsewhere(Arc<str>),
    /// A part of it is in the object store, which does not give it.
    #[error("a part of what the job printed is in the object store, {}", .0.for_clients())]
    Object(#[from] ObjectError),
    /// A part of it is in an object store that this server has not.
    #[error(
        "a part of what the job printed is in an object store, and this server has none: it needs the [object_store] of the others"
    )]
    NoObjects,
    /// The job was pruned meanwhile.
    #[error("no job has the id `{0}`")]
    NotFound(JobId),
}

impl Handle {
    /// A part of what a job printed.
    pub async fn log_page(&self, job: Arc<Job>, query: LogQuery) -> Result<LogPage, LogError> {
        let ended = job.open.is_none() && job.state.is_terminal();
        let (id, attempts) = (job.id, job.attempt);
        let goes_back = matches!(query.from, LogFrom::Before(_) | LogFrom::End);
        let read = move |logs: &LogFiles| logs.page(id, attempts, ended, &query);
        // What is here up to where it is cut is told first.
        let lacks = |page: &LogPage| page.is_cut && (goes_back || page.lines.is_empty());
        self.core.read_log(&job, read, lacks).await
    }

    /// The kept bytes of an attempt's log as of now; `stream`: only of that one.
    pub async fn raw_log(
        &self,
        job: Arc<Job>,
        attempt: u32,
        stream: Option<LogStream>,
    ) -> Result<RawLog, LogError> {
        let id = job.id;
        let read = move |logs: &LogFiles| {
            Ok((logs.is_cut(attempt), RawLog::new(logs.raw(id, attempt, stream)?)))
        };
        Ok(self.core.read_log(&job, read, |(is_cut, _)| *is_cut).await?.1)
    }

    /// How often to look for what a job printed, where another server runs it: a word of it may be lost.
    pub fn log_interval(&self, job: &Job) -> Option<Duration> {
        job.open?;
        let worker = job.worker.as_ref().filter(|w| self.core.is_other(w.id, &w.name));
        worker.and(self.core.fleet.look_interval())
    }
}

/// Where the log of a job stands that several servers may have run.
struct Places {
    files: LogFiles,
    /// Attempts whose folders are here.
    own: Vec<u32>,
    /// Who ran the first attempt of which not all is to be had.
    elsewhere: Option<Arc<str>>,
    /// Keeps what is read of others.
    _brought: Option<Brought>,
}

impl Core {
    /// Reads from where the log of a job stands. `job` may be of an earlier moment. `lacks`: what was read
    /// is no answer, since the rest is elsewhere.
    async fn read_log<T, F>(
        &self,
        job: &Job,
        read: F,
        lacks: impl Fn(&T) -> bool,
    ) -> Result<T, LogError>
    where
        T: Send + 'static,
        F: Fn(&LogFiles) -> io::Result<T> + Clone + Send + 'static,
    {
        if let Some(fleet) = self.store.fleet().filter(|_| job.attempt > 0) {
            return self.read_shared_log(fleet, job, read, lacks).await;
        }
        if job.state.is_terminal()
            && let Some(stored) = self.stored_log(job.id).await?
        {
            return blocking(move || read(&stored)).await;
        }
        let (files, again, id) = (self.logs.clone(), read.clone(), job.id);
        let (answer, is_there) = blocking(move || {
            let answer = read(&files)?;
            Ok((answer, Folders::new(files.root().to_owned()).exists(id)))
        })
        .await?;
        if is_there || job.attempt == 0 {
            return Ok(answer);
        }
        // It has moved meanwhile, or there never was one, or all of the job is gone.
        match self.stored_log(id).await? {
            Some(stored) => blocking(move || again(&stored)).await,
            None if self.store.job(id).await?.is_none() => Err(LogError::NotFound(id)),
            None => Ok(answer),
        }
    }

    /// The worker is another one than this, and no earlier start of it.
    fn is_other(&self, id: WorkerId, name: &str) -> bool {
        id != self.me.id && *name != *self.me.name
    }

    /// The log of a job, where it is in the store.
    async fn stored_log(&self, job: JobId) -> Result<Option<LogFiles>, LogError> {
        let stored = self.store.stored_logs(job).await?;
        Ok((!stored.is_empty()).then(|| self.logs.with_stored(stored)))
    }

    /// The same where each attempt may have its log in the store, in a folder here, or elsewhere. What moves
    /// while it is read is looked for once more.
    async fn read_shared_log<T, F>(
        &self,
        fleet: &dyn Fleet,
        job: &Job,
        read: F,
        lacks: impl Fn(&T) -> bool,
    ) -> Result<T, LogError>
    where
        T: Send + 'static,
        F: Fn(&LogFiles) -> io::Result<T> + Clone + Send + 'static,
    {
        let (id, attempts) = (job.id, job.attempt);
        let mut is_second = false;
        let mut patience = None;
        loop {
            let places = self.places(fleet, job, is_second || job.state.is_terminal()).await?;
            let (files, read) = (places.files.clone(), read.clone());
            let (answer, own) = blocking(move || {
                let answer = read(&files)?;
                Ok((answer, files.folders(id, attempts)))
            })
            .await?;
            let has_moved = places.own.iter().any(|attempt| !own.contains(attempt));
            if !lacks(&answer) && (is_second || !has_moved) {
                return Ok(answer);
            }
            if is_second && self.wait_for_rest(job, &mut patience).await {
                continue;
            }
            if is_second {
                return Err(places.elsewhere.map_or(LogError::NotFound(id), LogError::Elsewhere));
            }
            if self.store.job(id).await?.is_none() {
                return Err(LogError::NotFound(id));
            }
            is_second = true;
        }
    }

    /// Waits until there may be more of what a job printed that has ended just now, or may end at any time:
    /// its rest may still be on its way to the object store. `false`: it was waited for long enough.
    async fn wait_for_rest(&self, job: &Job, patience: &mut Option<(Instant, Watch)>) -> bool {
        let now = self.clock.now();
        let is_young = |at: Timestamp| now - at < TimeDelta::from_std(YOUNG).unwrap_or_default();
        if self.carrying.is_none() || !job.ended_at.is_none_or(is_young) {
            return false;
        }
        let (until, watch) = patience
            .get_or_insert_with(|| (Instant::now() + REST_WITHIN, self.board.bus.watch(job.id)));
        let until = *until;
        if until <= Instant::now() {
            return false;
        }
        let look = until.min(Instant::now() + REST_LOOK);
        drop(timeout_at(look, watch.next()).await);
        true
    }

    async fn places(
        &self,
        fleet: &dyn Fleet,
        job: &Job,
        is_settled: bool,
    ) -> Result<Places, LogError> {
        let stored = if is_settled { self.store.stored_logs(job.id).await? } else { Vec::new() };
        let (logs, id, attempts) = (self.logs.clone(), job.id, job.attempt);
        let own = blocking(move || Ok(logs.folders(id, attempts))).await?;
        let is_here = |attempt: &u32| {
            own.contains(attempt) || stored.iter().any(|log| log.attempt == *attempt)
        };
        let missing: Vec<u32> = (1..=attempts).filter(|attempt| !is_here(attempt)).collect();
        let files = self.logs.with_stored(stored);
        if missing.is_empty() {
            return Ok(Places { files, own, elsewhere: None, _brought: None });
        }
        let store = self.store.as_ref();
        let objects = self.carrying.as_ref().map(|carrying| carrying.objects.as_ref());
        let brought = self.copies.bring((store, fleet, objects), job, &missing).await?;
        // What this data folder itself has lost nobody has.
        let mut cut = Vec::new();
        let mut elsewhere = None;
        for &(attempt, worker) in &brought.cut {
            let Some(worker) = worker else { continue };
            let worker = self.store.worker(worker).await?.filter(|w| self.is_other(w.id, &w.name));
            if let Some(worker) = worker {
                elsewhere = elsewhere.or(Some(worker.name));
                cut.push(attempt);
            }
        }
        let files = files.with_copies(brought.files(), cut);
        Ok(Places { files, own, elsewhere, _brought: Some(brought) })
    }
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, LogError> {
    Ok(tokio::task::spawn_blocking(work).await.map_err(io::Error::other)??)
}
