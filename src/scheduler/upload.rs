//! Carries what an attempt prints into the store while it runs, so that any server can show it.
//!
//! # Invariants
//!
//! - All that an attempt printed is there before its end is recorded, or the end is recorded without it after
//!   [`LAST_WITHIN`]: who reads it elsewhere finds by the end that something is missing, and says so.
//! - A part is [so long](crate::runner::log::Chunk) and comes so often ([`EVERY`]); a job has [`JOB_BYTES`] in
//!   all.
//! - Nothing is carried while nobody else lives beside this server.
//!
//! # Concurrency
//!
//! One task for each open attempt, which nobody waits for but at its end. It reads on other threads.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::core::Core;
use crate::domain::id::{Fence, JobId};
use crate::runner::log::Chunks;
use crate::store::StoreError;
use crate::store::fleet::{LogPart, Upload, Uploaded};

/// The most bytes of a job's log that are carried, headers of frames included.
pub(super) const JOB_BYTES: u64 = 8 * 1024 * 1024;
/// From one part to the next.
const EVERY: Duration = Duration::from_millis(250);
/// How long the first lines of a burst wait for others.
const GATHER: Duration = Duration::from_millis(10);
/// How long the last parts may keep an end from being recorded (P10).
const LAST_WITHIN: Duration = Duration::from_millis(500);
/// How long to wait where the store is in the way.
const AGAIN: Duration = Duration::from_secs(1);

/// What carries the log of an open attempt.
pub(super) struct Uploader {
    grew: Arc<Notify>,
    /// Nothing more is printed.
    last: CancellationToken,
    task: JoinHandle<()>,
}

impl Uploader {
    /// Begins; `None` where nobody shares the store.
    pub(super) fn begin(core: &Arc<Core>, job: JobId, number: u32, fence: Fence) -> Option<Self> {
        core.store.fleet()?;
        let (grew, last) = (Arc::<Notify>::default(), CancellationToken::new());
        let chunks = core.logs.chunks(job, number, JOB_BYTES);
        let carrier = Carrier { core: Arc::clone(core), job, number, fence, chunks };
        let work = carrier.run(Arc::clone(&grew), last.clone()).in_current_span();
        Some(Self { grew, last, task: core.tasks.spawn(work) })
    }

    /// Something was printed.
    pub(super) fn grew(&self) {
        self.grew.notify_one();
    }

    /// Returns once all that was printed is there, or after its time.
    pub(super) async fn finish(&mut self) {
        self.last.cancel();
        if timeout(LAST_WITHIN, &mut self.task).await.is_err() {
            tracing::warn!("the end of a log was not carried to the other servers in time");
            self.task.abort();
        }
    }
}

impl Drop for Uploader {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Carrier {
    core: Arc<Core>,
    job: JobId,
    number: u32,
    fence: Fence,
    chunks: Chunks,
}

/// What became of a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tried {
    /// There may be more.
    Carried,
    /// Nothing new is there.
    Nothing,
    /// It may work later.
    Failed,
    /// Nothing more is carried.
    Over,
}

impl Carrier {
    async fn run(mut self, grew: Arc<Notify>, last: CancellationToken) {
        let mut tried = Tried::Nothing;
        while tried != Tried::Over {
            let due = async {
                match tried {
                    Tried::Carried | Tried::Over => sleep(EVERY).await,
                    Tried::Failed => sleep(AGAIN).await,
                    Tried::Nothing => {
                        grew.notified().await;
                        self.core.fleet.company().await;
                        sleep(GATHER).await;
                    }
                }
            };
            if last.run_until_cancelled(due).await.is_none() {
                return self.carry_the_rest().await;
            }
            tried = self.carry().await;
        }
    }

    async fn carry_the_rest(&mut self) {
        if !self.core.fleet.has_company() {
            return;
        }
        loop {
            match self.carry().await {
                Tried::Carried => {}
                Tried::Failed => sleep(EVERY).await,
                Tried::Nothing | Tried::Over => return,
            }
        }
    }

    /// Carries what comes next.
    async fn carry(&mut self) -> Tried {
        let chunks = self.chunks.clone();
        let next = tokio::task::spawn_blocking(move || chunks.next()).await;
        let chunk = match next {
            Ok(Ok(Some(chunk))) => chunk,
            Ok(Ok(None)) => return Tried::Nothing,
            Ok(Err(error)) => {
                tracing::debug!(%error, "a log cannot be read for other servers");
                return Tried::Failed;
            }
            Err(_) => return Tried::Over,
        };
        let Some(fleet) = self.core.store.fleet() else { return Tried::Over };
        let uploaded = fleet.upload(Upload {
            job: self.job,
            fence: self.fence,
            part: LogPart {
                number: self.number,
                start: chunk.start,
                until: chunk.until,
                frames: chunk.frames.clone(),
                is_cut: chunk.is_cut,
            },
            room: JOB_BYTES.saturating_sub(chunk.bytes_in_all()),
        });
        match uploaded.await {
            Ok(Uploaded::Done) => {
                self.chunks.carried(&chunk);
                if chunk.is_cut { Tried::Over } else { Tried::Carried }
            }
            Ok(Uploaded::Stale) => {
                self.core.board.meter.stale.add(1);
                tracing::warn!("a part of a log of an old claim was refused");
                Tried::Over
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
                Tried::Failed
            }
            Err(error) => {
                tracing::warn!(%error, "a log is not carried to the other servers any more");
                Tried::Over
            }
        }
    }
}
