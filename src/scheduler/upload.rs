//! Carries what an attempt prints to where any server finds it, while it runs: into the store, and what is
//! beyond its room there into the object store, where there is one.
//!
//! # Invariants
//!
//! - All that an attempt printed is there before its end is recorded, or the end is recorded without it after
//!   [`LAST_WITHIN`]: who reads it elsewhere finds by the end that something is missing, and says so. With an
//!   object store the rest follows.
//! - A part is [so long](crate::runner::log::Chunk) and comes so often ([`EVERY`]); a job has [`JOB_BYTES`] in
//!   the store, and no more than one part of each attempt beside that. An object store has what the folder has:
//!   what the tail has lost goes there, too.
//! - Nobody waits for an object store but what carries to it (P12): it holds one part, and tries again.
//! - Nothing is carried while nobody else lives beside this server.
//!
//! # Concurrency
//!
//! One task for each open attempt, which nobody waits for but at its end. It reads on other threads.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::core::Core;
use crate::domain::id::{Fence, JobId};
use crate::objects::Name;
use crate::runner::log::{Chunk, Chunks};
use crate::store::StoreError;
use crate::store::carried::Printed;
use crate::store::fleet::{LogPart, Object, Segment, Upload, Uploaded};

/// The most bytes of a job's log that are in the store, headers of frames included.
pub(super) const JOB_BYTES: u64 = 8 * 1024 * 1024;
/// From one part to the next.
const EVERY: Duration = Duration::from_millis(250);
/// How long the first lines of a burst wait for others.
const GATHER: Duration = Duration::from_millis(10);
/// How long the last parts may keep an end from being recorded (P10).
const LAST_WITHIN: Duration = Duration::from_millis(500);
/// How long to wait where the store is in the way. For an object store it doubles.
const AGAIN: Duration = Duration::from_secs(1);
/// The longest such pause.
const AGAIN_AT_LAST: Duration = Duration::from_secs(30);
/// Whoever reads a log elsewhere is told that more of it is with its worker, once it was not carried for so
/// long.
const STUCK: Duration = Duration::from_secs(10);
/// How long the rest of an attempt that ended is carried for. What is missing then is looked for once the job
/// has ended.
const LATE_WITHIN: Duration = Duration::from_secs(60);

/// What carries the log of an open attempt.
pub(super) struct Uploader {
    core: Arc<Core>,
    grew: Arc<Notify>,
    /// Nothing more is printed.
    last: CancellationToken,
    /// Its end is recorded by now.
    late: CancellationToken,
    task: JoinHandle<()>,
}

impl Uploader {
    /// Begins; `None` where nobody shares the store.
    pub(super) fn begin(core: &Arc<Core>, job: JobId, number: u32, fence: Fence) -> Option<Self> {
        core.store.fleet()?;
        let (grew, last) = (Arc::<Notify>::default(), CancellationToken::new());
        let chunks = core.logs.chunks(job, number, JOB_BYTES);
        let carrier = Carrier::new(core, (job, number, fence), chunks);
        let late = carrier.late.clone();
        let work = carrier.run(Arc::clone(&grew), last.clone()).in_current_span();
        Some(Self { core: Arc::clone(core), grew, last, late, task: core.tasks.spawn(work) })
    }

    /// Something was printed.
    pub(super) fn grew(&self) {
        self.grew.notify_one();
    }

    /// Returns once all that was printed is there, or after its time. With an object store it goes on then.
    pub(super) async fn finish(&mut self) {
        self.last.cancel();
        if timeout(LAST_WITHIN, &mut self.task).await.is_ok() {
            return;
        }
        if self.core.carrying.is_some() {
            self.late.cancel();
        } else {
            tracing::warn!("the end of a log was not carried to the other servers in time");
        }
    }
}

impl Drop for Uploader {
    fn drop(&mut self) {
        if !self.late.is_cancelled() {
            self.task.abort();
        }
    }
}

/// Carries the log of one attempt.
pub(super) struct Carrier {
    core: Arc<Core>,
    job: JobId,
    number: u32,
    fence: Fence,
    chunks: Chunks,
    /// Its end is recorded by now, or soon.
    late: CancellationToken,
    /// Since when nothing was carried, and how long to wait.
    stuck: Option<(Instant, Duration)>,
    /// Whoever reads it was told.
    is_told: bool,
}

/// What became of a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tried {
    /// There may be more.
    Carried,
    /// The same once more: there is room elsewhere.
    Beyond,
    /// Nothing new is there.
    Nothing,
    /// It may work later.
    Failed,
    /// The same; what is in the way is this log alone.
    Unread,
    /// Nothing more is carried.
    Over,
}

impl Carrier {
    fn new(core: &Arc<Core>, (job, number, fence): (JobId, u32, Fence), chunks: Chunks) -> Self {
        let (core, late) = (Arc::clone(core), CancellationToken::new());
        Self { core, job, number, fence, chunks, late, stuck: None, is_told: false }
    }

    /// For what is missing of an attempt that ended.
    pub(super) fn of_rest(core: &Arc<Core>, job: JobId, printed: Printed) -> Self {
        let mut chunks = core.logs.chunks(job, printed.number, JOB_BYTES);
        chunks.go_beyond_from(printed.until);
        let carrier = Self::new(core, (job, printed.number, printed.fence), chunks);
        carrier.late.cancel();
        carrier
    }

    async fn run(mut self, grew: Arc<Notify>, last: CancellationToken) {
        let mut tried = Tried::Nothing;
        while tried != Tried::Over {
            let due = async {
                match tried {
                    Tried::Beyond => {}
                    Tried::Carried | Tried::Over => sleep(EVERY).await,
                    Tried::Failed | Tried::Unread => sleep(self.pause()).await,
                    Tried::Nothing => {
                        grew.notified().await;
                        self.core.fleet.company().await;
                        sleep(GATHER).await;
                    }
                }
            };
            if last.run_until_cancelled(due).await.is_none() {
                if self.core.fleet.has_company() {
                    let (core, late) = (Arc::clone(&self.core), self.late.clone());
                    // Whoever stops waits for no object store; the next start goes on.
                    let stopping = async {
                        late.cancelled().await;
                        core.stopping.cancelled().await;
                    };
                    tokio::select! {
                        _ = timeout(LATE_WITHIN, self.carry_the_rest()) => {}
                        () = stopping => {}
                    }
                }
                return;
            }
            tried = self.carry().await;
        }
    }

    async fn carry_the_rest(&mut self) {
        let carrying = self.core.carrying.clone();
        let mut turn = None;
        loop {
            match self.carry().await {
                Tried::Carried | Tried::Beyond => {}
                Tried::Failed | Tried::Unread => sleep(EVERY.max(self.pause() / 4)).await,
                Tried::Nothing | Tried::Over => return,
            }
            // Who is late stands in a line.
            if turn.is_none()
                && self.late.is_cancelled()
                && let Some(carrying) = &carrying
            {
                turn = Some(carrying.turn().await);
            }
        }
    }

    /// Carries what comes next.
    pub(super) async fn carry(&mut self) -> Tried {
        let chunks = self.chunks.clone();
        let next = tokio::task::spawn_blocking(move || chunks.next()).await;
        let mut chunk = match next {
            Ok(Ok(Some(chunk))) => chunk,
            Ok(Ok(None)) => return Tried::Nothing,
            Ok(Err(error)) => {
                tracing::debug!(%error, "a log cannot be read for other servers");
                self.failed(AGAIN).await;
                return Tried::Unread;
            }
            Err(_) => return Tried::Over,
        };
        if chunk.is_cut && self.core.carrying.is_some() {
            if chunk.frames.is_empty() {
                self.chunks.go_beyond();
                return Tried::Beyond;
            }
            chunk.is_cut = false;
        }
        let mut part = LogPart {
            number: self.number,
            start: chunk.start,
            until: chunk.until,
            segment: chunk.segment.map(|(start, oldest)| Segment { start, oldest }),
            is_cut: chunk.is_cut,
            ..LogPart::default()
        };
        let is_late = self.late.is_cancelled();
        if chunk.is_full || is_late && self.chunks.is_beyond() {
            let Some(object) = self.put(&chunk).await else {
                let pause = self.stuck.map_or(AGAIN, |(_, pause)| pause * 2);
                return self.failed(pause.min(AGAIN_AT_LAST)).await;
            };
            part.object = Some(object);
        } else {
            part.frames.clone_from(&chunk.frames);
        }
        let room = if self.chunks.is_beyond() {
            u64::MAX
        } else {
            JOB_BYTES.saturating_sub(chunk.bytes_in_all())
        };
        self.upload(part, room, &chunk).await
    }

    /// Puts a chunk into the object store.
    async fn put(&self, chunk: &Chunk) -> Option<Object> {
        let carrying = self.core.carrying.as_ref()?;
        let place = (chunk.start, chunk.until);
        let name = Name::new(self.number, self.fence, place, &chunk.frames);
        match carrying.objects.put(self.job, &name, chunk.frames.clone()).await {
            Ok(()) => {
                let bytes = chunk.frames.len() as u64;
                Some(Object { name: name.as_str().to_owned(), bytes })
            }
            Err(error) => {
                carrying.tell(&error);
                None
            }
        }
    }

    /// Has a part stored, and takes note of what became of it.
    async fn upload(&mut self, part: LogPart, room: u64, chunk: &Chunk) -> Tried {
        let Some(fleet) = self.core.store.fleet() else { return Tried::Over };
        let (job, fence, is_late) = (self.job, self.fence, self.late.is_cancelled());
        let object = part.object.as_ref().map(|object| object.name.clone());
        match fleet.upload(Upload { job, fence, part, room, is_late }).await {
            Ok(done @ (Uploaded::Done | Uploaded::Replaced(_))) => {
                self.chunks.carried(chunk);
                (self.stuck, self.is_told) = (None, false);
                if let Uploaded::Replaced(objects) = done {
                    self.remove(objects).await;
                }
                if chunk.is_cut { Tried::Over } else { Tried::Carried }
            }
            Ok(Uploaded::Stale) => {
                self.core.board.meter.stale.add(1);
                tracing::warn!("a part of a log of an old claim was refused");
                self.remove(object.into_iter().collect()).await;
                Tried::Over
            }
            Ok(Uploaded::Apart(until)) if is_late && self.chunks.is_beyond() => {
                self.chunks.go_beyond_from(until);
                Tried::Carried
            }
            Ok(Uploaded::Apart(until)) => {
                self.chunks.go_on_from(until);
                Tried::Carried
            }
            Ok(Uploaded::Full) => {
                self.chunks.close();
                Tried::Carried
            }
            Err(StoreError::Unavailable(why)) => {
                tracing::debug!(why, "a part of a log is not carried yet");
                self.failed(AGAIN).await
            }
            Err(error) => {
                tracing::warn!(%error, "a log is not carried to the other servers any more");
                Tried::Over
            }
        }
    }

    /// Removes objects that nobody needs. Those that stay go with the job.
    async fn remove(&self, objects: Vec<String>) {
        let Some(carrying) = self.core.carrying.as_ref().filter(|_| !objects.is_empty()) else {
            return;
        };
        let names: Vec<Name> = objects.into_iter().map(Name::from_stored).collect();
        if let Err(error) = carrying.objects.remove(self.job, &names).await {
            carrying.tell(&error);
        }
    }

    /// Takes note that nothing was carried, and has whoever reads it told once that lasts.
    async fn failed(&mut self, pause: Duration) -> Tried {
        let since = self.stuck.map_or_else(Instant::now, |(since, _)| since);
        self.stuck = Some((since, pause));
        let is_late = self.late.is_cancelled();
        if since.elapsed() >= STUCK && !self.is_told && !is_late && self.chunks.is_beyond() {
            let (start, until) = (self.chunks.at(), self.chunks.at());
            let part =
                LogPart { number: self.number, start, until, is_cut: true, ..LogPart::default() };
            let (job, fence) = (self.job, self.fence);
            let upload = Upload { job, fence, part, room: u64::MAX, is_late };
            if let Some(fleet) = self.core.store.fleet() {
                self.is_told = fleet.upload(upload).await.is_ok();
            }
        }
        Tried::Failed
    }

    fn pause(&self) -> Duration {
        self.stuck.map_or(AGAIN, |(_, pause)| pause)
    }
}
