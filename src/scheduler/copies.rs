//! The logs of jobs whose folders are elsewhere, as far as somebody asked for them here.
//!
//! # Invariants
//!
//! - What was uploaded once is read once: a copy is brought up to date by what is new.
//! - A copy is not removed before whoever reads it is done. Of the others so many bytes are kept
//!   ([`KEPT_BYTES`]), those that were asked for last.
//! - An attempt of which less was uploaded than it is known to have printed is told as cut.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::logs::{LogError, blocking};
use crate::domain::id::{JobId, WorkerId};
use crate::domain::job::Job;
use crate::runner::log;
use crate::store::Store;
use crate::store::fleet::{Fleet, LogPart};

/// So many bytes of copies stay for whoever asks next.
const KEPT_BYTES: u64 = 256 * 1024 * 1024;
/// So many copies do.
const KEPT_JOBS: usize = 1_000;

/// The copies of this process.
pub(super) struct Copies {
    files: log::Copies,
    /// What an earlier process left was removed.
    cleared: OnceCell<()>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    jobs: HashMap<JobId, Arc<Entry>>,
    asked: u64,
}

/// The copy of one job. It goes when nobody holds this.
struct Entry {
    files: log::Copies,
    copy: tokio::sync::Mutex<Copy>,
    bytes: AtomicU64,
    /// When it was asked for last, counted by questions.
    last: AtomicU64,
}

impl Entry {
    async fn catch_up(
        &self,
        fleet: &dyn Fleet,
        job: JobId,
        copy: &mut Copy,
    ) -> Result<(), LogError> {
        loop {
            let place = copy.parts.last_key_value().map_or((0, 0), |(n, part)| (*n, part.until));
            let parts = fleet.uploaded(job, place).await?;
            let mut news = Vec::new();
            for part in parts {
                let known = copy.parts.entry(part.number).or_default();
                known.is_cut |= part.is_cut;
                if part.until > known.until {
                    let from = std::mem::replace(&mut known.until, part.until);
                    news.push((from, part));
                }
            }
            if news.is_empty() {
                return Ok(());
            }
            let bytes: usize = news.iter().map(|(_, part)| part.frames.len()).sum();
            self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
            let files = self.files.clone();
            let said = blocking(move || append(&files, job, news)).await?;
            for (number, said) in said {
                copy.parts.entry(number).or_default().said += said;
            }
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Err(error) = self.files.clear() {
            tracing::warn!(%error, "the copy of a log stays on the disk");
        }
    }
}

#[derive(Default)]
struct Copy {
    parts: BTreeMap<u32, Part>,
    /// How much ended attempts printed, and who ran them.
    ended: BTreeMap<u32, (u64, Option<WorkerId>)>,
    /// When the store was asked last.
    asked: Option<Instant>,
    /// The job had ended by then: nothing more comes.
    is_final: bool,
}

/// What is there of an attempt.
#[derive(Debug, Clone, Copy, Default)]
struct Part {
    until: u64,
    /// How much of that Longhaul said itself.
    said: u64,
    is_cut: bool,
}

/// A copy as of now.
pub(super) struct Brought {
    entry: Arc<Entry>,
    /// The attempts that it lacks the rest of, and who ran them.
    pub(super) cut: Vec<(u32, Option<WorkerId>)>,
}

impl Brought {
    /// Its files, which stay as long as this.
    pub(super) fn files(&self) -> log::Copies {
        self.entry.files.clone()
    }
}

impl Copies {
    pub(super) fn new(files: log::Copies) -> Self {
        Self { files, cleared: OnceCell::new(), known: Mutex::default() }
    }

    /// Brings the copy of a job up to date. `attempts`: those whose folders are not here.
    pub(super) async fn bring(
        &self,
        (store, fleet): (&dyn Store, &dyn Fleet),
        job: &Job,
        attempts: &[u32],
    ) -> Result<Brought, LogError> {
        let now = Instant::now();
        self.cleared.get_or_try_init(|| self.clear()).await?;
        let entry = self.entry(job.id);
        let mut copy = entry.copy.lock().await;
        // Who waited for another one's question, which began later than its own, has its answer.
        if !copy.is_final && copy.asked.is_none_or(|asked| asked < now) {
            let asked = Instant::now();
            if let Err(error) = entry.catch_up(fleet, job.id, &mut copy).await {
                if matches!(error, LogError::Io(_)) {
                    // Nothing is sure of it any more: whoever asks next begins another one.
                    self.lock().jobs.retain(|_, known| !Arc::ptr_eq(known, &entry));
                }
                return Err(error);
            }
            copy.asked = Some(asked);
            copy.is_final = job.state.is_terminal();
        }
        let has_ended = |attempt: u32| job.state.is_terminal() || attempt < job.attempt;
        if attempts.iter().any(|a| has_ended(*a) && !copy.ended.contains_key(a)) {
            for attempt in store.attempts(job.id, job.attempt, job.attempt).await? {
                let printed = attempt.usage.map_or(0, |usage| usage.log_bytes);
                if attempt.ended_at.is_some() {
                    let printed = u64::try_from(printed).unwrap_or_default();
                    copy.ended.insert(attempt.number, (printed, attempt.worker));
                }
            }
        }
        let mut cut = Vec::new();
        for &attempt in attempts {
            let part = copy.parts.get(&attempt).copied().unwrap_or_default();
            let (lacks, worker) = if has_ended(attempt) {
                // One that is not known any more went with its job.
                let ended = copy.ended.get(&attempt).ok_or(LogError::NotFound(job.id))?;
                (part.until - part.said < ended.0, ended.1)
            } else {
                (false, job.worker.as_ref().map(|worker| worker.id))
            };
            if lacks || part.is_cut {
                cut.push((attempt, worker));
            }
        }
        drop(copy);
        Ok(Brought { entry, cut })
    }

    async fn clear(&self) -> Result<(), LogError> {
        let files = self.files.clone();
        blocking(move || files.clear()).await
    }

    /// The copy of a job, and no more others than are kept.
    fn entry(&self, job: JobId) -> Arc<Entry> {
        let mut known = self.lock();
        known.asked += 1;
        let asked = known.asked;
        let files = &self.files;
        let entry = Arc::clone(known.jobs.entry(job).or_insert_with(|| {
            let (copy, bytes, last) = Default::default();
            Arc::new(Entry { files: files.named(asked), copy, bytes, last })
        }));
        entry.last.store(asked, Ordering::Relaxed);
        let bytes = |entry: &Arc<Entry>| entry.bytes.load(Ordering::Relaxed);
        let mut all: u64 = known.jobs.values().map(bytes).sum();
        let mut gone = Vec::new();
        while all > KEPT_BYTES || known.jobs.len() > KEPT_JOBS {
            let others = known.jobs.iter().filter(|(id, _)| **id != job);
            let oldest = others.min_by_key(|(_, entry)| entry.last.load(Ordering::Relaxed));
            let Some(id) = oldest.map(|(id, _)| *id) else { break };
            let removed = known.jobs.remove(&id);
            all -= removed.as_ref().map_or(0, bytes);
            gone.extend(removed);
        }
        drop(known);
        // Outside of the lock: its files may go with it.
        drop(gone);
        entry
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes parts down, each from where it is new; how much of each Longhaul said itself.
fn append(
    files: &log::Copies,
    job: JobId,
    news: Vec<(u64, LogPart)>,
) -> io::Result<Vec<(u32, u64)>> {
    let add = |(from, part): (u64, LogPart)| {
        Ok((part.number, files.append(job, part.number, from, &part.frames)?))
    };
    news.into_iter().map(add).collect()
}
