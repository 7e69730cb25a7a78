//! What jobs printed, wherever it stands: in their folders, or in the store.
//!
//! # Invariants
//!
//! - A log that moves while it is read is read whole: its folder goes in one step, after the store has
//!   it, so that whoever finds no folder behind the read finds the log in the store.

use std::io;
use std::sync::Arc;

use super::core::Core;
use super::handle::Handle;
use super::raw_log::RawLog;
use crate::domain::id::JobId;
use crate::domain::job::Job;
use crate::domain::log::{LogPage, LogQuery, LogStream};
use crate::domain::worker::WorkerName;
use crate::runner::kept::Folders;
use crate::runner::log::LogFiles;
use crate::store::StoreError;

/// Why a log cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The store is in the way.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The files are.
    #[error("the log cannot be read")]
    Io(#[from] io::Error),
    /// Another worker has it, in its data folder.
    #[error("what the job printed is with the worker `{0}`, which ran it: ask that server")]
    Elsewhere(Arc<str>),
    /// The job was pruned meanwhile.
    #[error("no job has the id `{0}`")]
    NotFound(JobId),
}

impl Handle {
    /// A part of what a job printed.
    pub async fn log_page(&self, job: Arc<Job>, query: LogQuery) -> Result<LogPage, LogError> {
        let ended = job.open.is_none() && job.state.is_terminal();
        let (id, attempts) = (job.id, job.attempt);
        let read = move |logs: &LogFiles| logs.page(id, attempts, ended, &query);
        self.core.read_log(&job, read).await
    }

    /// The kept bytes of an attempt's log as of now; `stream`: only of that one.
    pub async fn raw_log(
        &self,
        job: Arc<Job>,
        attempt: u32,
        stream: Option<LogStream>,
    ) -> Result<RawLog, LogError> {
        let id = job.id;
        let read = move |logs: &LogFiles| logs.raw(id, attempt, stream);
        Ok(RawLog::new(self.core.read_log(&job, read).await?))
    }
}

impl Core {
    /// Reads from where the log of a job stands. `job` may be of an earlier moment.
    async fn read_log<T, F>(&self, job: &Job, read: F) -> Result<T, LogError>
    where
        T: Send + 'static,
        F: Fn(&LogFiles) -> io::Result<T> + Clone + Send + 'static,
    {
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
            None => match self.elsewhere(job) {
                Some(worker) => Err(LogError::Elsewhere(worker)),
                None => Ok(answer),
            },
        }
    }

    /// Who of the other workers ran the job last.
    fn elsewhere(&self, job: &Job) -> Option<Arc<str>> {
        let is_other =
            |worker: &&WorkerName| worker.id != self.me.id && worker.name != self.me.name;
        let worker = job.worker.as_ref().filter(is_other)?;
        self.store.fleet().map(|_| Arc::clone(&worker.name))
    }

    /// The log of a job, where it is in the store.
    async fn stored_log(&self, job: JobId) -> Result<Option<LogFiles>, LogError> {
        let stored = self.store.stored_logs(job).await?;
        Ok((!stored.is_empty()).then(|| self.logs.with_stored(stored)))
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, LogError> {
    Ok(tokio::task::spawn_blocking(work).await.map_err(io::Error::other)??)
}
