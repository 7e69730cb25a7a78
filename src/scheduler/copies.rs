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

use futures::{StreamExt, TryStreamExt};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::logs::{LogError, blocking};
use crate::domain::id::{JobId, WorkerId};
use crate::domain::job::Job;
use crate::objects::{Name, ObjectError, Objects};
use crate::runner::log;
use crate::store::Store;
use crate::store::fleet::{Fleet, LogPart};

/// So many bytes of copies stay for whoever asks next.
const KEPT_BYTES: u64 = 256 * 1024 * 1024;
/// So many copies do.
const KEPT_JOBS: usize = 1_000;
/// So many objects are read at once for one copy.
const FETCHED_AT_ONCE: usize = 4;
/// No object that was written is longer: a part, with one frame of room.
const OBJECT_BYTES: usize = 2 * 1024 * 1024;
/// So often an object may have been replaced while it was asked for.
const MISSED: u32 = 3;

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
    /// What is new since it was asked last. Without an object store a part that is there is not to be had.
    async fn catch_up(
        &self,
        (fleet, objects): (&dyn Fleet, Option<&Objects>),
        job: JobId,
        copy: &mut Copy,
    ) -> Result<(), LogError> {
        let mut missed = 0;
        loop {
            let place = copy.parts.last_key_value().map_or((0, 0), |(n, part)| (*n, part.until));
            let parts = fleet.uploaded(job, place).await?;
            let is_known = |part: &LogPart| {
                copy.parts.get(&part.number).is_some_and(|known| part.until <= known.until)
            };
            let (known, news): (Vec<_>, Vec<_>) = parts.into_iter().partition(is_known);
            for part in known {
                if let Some(it) = copy.parts.get_mut(&part.number)
                    && part.until == it.until
                {
                    it.is_cut = part.is_cut;
                }
            }
            if news.is_empty() {
                return Ok(());
            }
            let fetched = futures::stream::iter(news)
                .map(|part| fetch(objects, job, part))
                .buffered(FETCHED_AT_ONCE)
                .try_collect::<Vec<LogPart>>();
            let news = match fetched.await {
                Ok(news) => news,
                // It was replaced between the two questions, or the job is gone.
                Err(LogError::Object(ObjectError::Missing { .. })) if missed < MISSED => {
                    missed += 1;
                    continue;
                }
                Err(error) => return Err(error),
            };
            missed = 0;
            let bytes: usize = news.iter().map(|part| part.frames.len()).sum();
            self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
            let steps = copy.plan(news)?;
            let files = self.files.clone();
            for (number, said) in blocking(move || write_down(&files, job, steps)).await? {
                copy.parts.entry(number).or_default().said += said;
            }
        }
    }
}

/// A part with its frames, wherever they are.
async fn fetch(
    objects: Option<&Objects>,
    job: JobId,
    mut part: LogPart,
) -> Result<LogPart, LogError> {
    if let Some(object) = part.object.take() {
        let objects = objects.ok_or(LogError::NoObjects)?;
        let length = usize::try_from(object.bytes).unwrap_or(usize::MAX).min(OBJECT_BYTES);
        part.frames = objects.get(job, &Name::from_stored(object.name), length).await?;
    }
    Ok(part)
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
    /// The job had ended by then, and all of it is here: nothing more comes.
    is_final: bool,
}

impl Copy {
    /// What is to be done with the files for these parts, in their order.
    fn plan(&mut self, news: Vec<LogPart>) -> Result<Vec<Step>, LogError> {
        let mut steps = Vec::new();
        for LogPart { number, until, frames, segment, is_cut, .. } in news {
            let part = self.parts.entry(number).or_default();
            let file = match segment {
                Some(segment) => {
                    let kept = part.segments.split_off(&segment.oldest);
                    let gone = std::mem::replace(&mut part.segments, kept);
                    steps.extend(gone.into_values().map(|file| Step::Remove { number, file }));
                    Some(part.file(segment.start)?)
                }
                None => None,
            };
            part.is_cut = is_cut;
            let from = std::mem::replace(&mut part.until, until);
            steps.push(Step::Append { number, file, from, frames });
        }
        Ok(steps)
    }
}

/// What is done with the files of a copy.
enum Step {
    /// A segment of the tail is kept no more.
    Remove { number: u32, file: u32 },
    /// What is new behind an offset.
    Append { number: u32, file: Option<u32>, from: u64, frames: Vec<u8> },
}

/// What is there of an attempt.
#[derive(Debug, Clone, Default)]
struct Part {
    until: u64,
    /// How much of that Longhaul said itself.
    said: u64,
    is_cut: bool,
    /// The segments of the tail by where they begin, each with the number of its file.
    segments: BTreeMap<u64, u32>,
}

impl Part {
    /// The number of a segment's file.
    fn file(&mut self, start: u64) -> Result<u32, LogError> {
        if let Some(file) = self.segments.get(&start) {
            return Ok(*file);
        }
        let is_free = |file: &u32| self.segments.values().all(|taken| taken != file);
        let file = (0..log::SEGMENTS).find(is_free);
        let file = file.ok_or_else(|| io::Error::other("a log has too many segments"))?;
        self.segments.insert(start, file);
        Ok(file)
    }
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
        (store, fleet, objects): (&dyn Store, &dyn Fleet, Option<&Objects>),
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
            if let Err(error) = entry.catch_up((fleet, objects), job.id, &mut copy).await {
                if matches!(error, LogError::Io(_)) {
                    // Nothing is sure of it any more: whoever asks next begins another one.
                    self.lock().jobs.retain(|_, known| !Arc::ptr_eq(known, &entry));
                }
                return Err(error);
            }
            copy.asked = Some(asked);
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
            let part = copy.parts.get(&attempt).cloned().unwrap_or_default();
            let (lacks, worker) = if has_ended(attempt) {
                // One that is not known any more went with its job.
                let ended = copy.ended.get(&attempt).ok_or(LogError::NotFound(job.id))?;
                (part.until.saturating_sub(part.said) < ended.0, ended.1)
            } else {
                (false, job.worker.as_ref().map(|worker| worker.id))
            };
            if lacks || part.is_cut {
                cut.push((attempt, worker));
            }
        }
        copy.is_final = job.state.is_terminal() && cut.is_empty();
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

/// Does what was planned; how much of each attempt Longhaul said itself.
fn write_down(files: &log::Copies, job: JobId, steps: Vec<Step>) -> io::Result<Vec<(u32, u64)>> {
    let mut said = Vec::new();
    for step in steps {
        match step {
            Step::Remove { number, file } => files.remove_segment(job, number, file)?,
            Step::Append { number, file, from, frames } => {
                said.push((number, files.append((job, number), file, from, &frames)?));
            }
        }
    }
    Ok(said)
}
