//! Follows one attempt from its shim's start to the end of its last process.
//!
//! # Invariants
//!
//! - The folder is the truth. What comes over the status pipe only says when to look, and what is
//!   lost of it is made good at the end.
//! - `Ended` and `Gone` are reported once each, in this order, whatever fails meanwhile: what
//!   cannot be read now is tried again, and the slot stays taken until then (P3).
//!
//! # Concurrency
//!
//! One task for each attempt. It holds the lifeline, so the shim learns of the server's end by the
//! end of this task. Everything that blocks happens on other threads; what may block for long, on
//! threads that no shutdown waits for.

use std::io;
use std::pin::pin;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::{Fuse, FusedFuture, FutureExt};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, interval, sleep, sleep_until, timeout};

use super::Report;
use super::keeper::Keeper;
use super::launch::Launched;
use super::orphans::{self, Shim};
use super::progress::{Reported, Watcher};
use super::recovery::{Case, Found, ShimEnd};
use crate::domain::attempt::AttemptEnd;
use crate::domain::clock::Clock;
use crate::domain::job::Progress;
use crate::shim::protocol::StatusByte;

/// The shortest time between two looks at what a command reports.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// How long the last look may keep an end that is known.
const LAST_LOOK: Duration = Duration::from_secs(1);

/// How long processes are killed before they are told unkillable.
const PATIENCE: Duration = Duration::from_secs(60);

/// The pause before what failed is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// An attempt that is followed.
pub(super) struct Follow {
    pub(super) case: Case,
    pub(super) reports: mpsc::Sender<Report>,
    /// Only ever locked on the thread that looks.
    pub(super) watcher: Arc<Mutex<Watcher>>,
    /// The watcher reads the log too.
    pub(super) reads_log: bool,
    /// How long it may run, as its shim was told.
    pub(super) timeout: Option<Duration>,
    pub(super) clock: Arc<dyn Clock>,
}

/// What was seen and not yet reported.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is one thing to tell or to do")]
struct News {
    /// A process of the command may exist, or have existed.
    may_exist: bool,
    has_started: bool,
    started: bool,
    log_grew: bool,
    progress: Option<Progress>,
    /// Something may be there to be looked at.
    look: bool,
    ended: bool,
}

impl News {
    fn hear(&mut self, bytes: &[u8], reads_log: bool) {
        for &byte in bytes {
            if byte == StatusByte::Starting as u8 {
                self.may_exist = true;
            } else if byte == StatusByte::Started as u8 {
                self.may_exist = true;
                self.started |= !self.has_started;
                self.has_started = true;
            } else if byte == StatusByte::LogGrew as u8 {
                self.log_grew = true;
                self.look |= reads_log;
            } else if byte == StatusByte::Progress as u8 {
                self.look = true;
            } else if byte == StatusByte::Exited as u8 {
                self.ended = true;
            }
        }
    }

    fn next(&mut self) -> Option<Report> {
        if std::mem::take(&mut self.started) {
            return Some(Report::Started);
        }
        if let Some(progress) = self.progress.take() {
            return Some(Report::Progress(progress));
        }
        std::mem::take(&mut self.log_grew).then_some(Report::LogGrew)
    }

    fn is_empty(&self) -> bool {
        !self.started && !self.log_grew && self.progress.is_none()
    }
}

impl Follow {
    /// Follows a shim.
    pub(super) async fn run(self, launched: Launched) {
        let Launched { shim, status, lifeline } = launched;
        let mut news = News::default();
        let grace = self.case.policy.grace;
        let mut keeper = Keeper::new(shim.handle(), lifeline.hear(), self.timeout, grace);
        let (ended, exit) = self.while_it_lives(shim, status, &mut keeper, &mut news).await;
        // Held up to here, and no matter by whom else: its end would be an order to stop.
        drop(lifeline);
        if let Ok(looked) = timeout(LAST_LOOK, self.look()).await {
            self.take_in(looked, &mut news);
        }
        let case = Case {
            may_exist: news.may_exist,
            shim: match exit {
                Some(status) if status.success() => ShimEnd::Well,
                Some(_) if keeper.has_killed() => ShimEnd::Killed,
                Some(_) => ShimEnd::Badly,
                None => ShimEnd::Unknown,
            },
            ..self.case
        };
        settle(&case, &self.reports, ended, &mut news).await;
    }

    /// Until the shim has ended. Returns whether an end was reported before (of an attempt that does
    /// not die), and how the shim ended.
    async fn while_it_lives(
        &self,
        shim: Shim,
        status: pipe::Receiver,
        keeper: &mut Keeper,
        news: &mut News,
    ) -> (bool, Option<ExitStatus>) {
        let mut status = Some(status);
        let mut exit = pin!(shim.wait());
        let mut next_look = Instant::now();
        // Beside everything else: a look that takes long keeps nobody from seeing the end.
        let mut look = pin!(Fuse::terminated());
        let mut ended = false;
        loop {
            let mut bytes = [0; 256];
            tokio::select! {
                biased;
                // First, so that nobody who floods the status pipe hides the end.
                exit = &mut exit => {
                    if let Err(error) = &exit {
                        tracing::error!(%error, "a supervisor cannot be waited for");
                    }
                    self.hear_the_rest(status.as_ref(), news);
                    return (ended, exit.ok());
                }
                // What is left of an unkillable end it may hold for as long as it takes.
                () = keeper.keep(), if !ended => {}
                read = hear(status.as_mut(), &mut bytes) => match read {
                    Ok(read @ 1..) => news.hear(&bytes[..read], self.reads_log),
                    Ok(0) | Err(_) => status = None,
                },
                permit = self.reports.reserve(), if !news.is_empty() => match (permit, news.next()) {
                    (Ok(permit), Some(report)) => permit.send(report),
                    // Nobody listens any more; the attempt is followed to its end all the same.
                    _ => *news = News { may_exist: true, has_started: true, ..News::default() },
                },
                looked = &mut look, if !look.is_terminated() => {
                    self.take_in(looked, news);
                    next_look = Instant::now() + LOOK_INTERVAL;
                }
                () = sleep_until(next_look), if news.look && look.is_terminated() => {
                    news.look = false;
                    look.set(self.look().fuse());
                }
            }
            if std::mem::take(&mut news.ended) && !ended {
                ended = report_unkillable(&self.case, &self.reports, news).await;
            }
        }
    }

    /// What stands in the status pipe once its shim has ended, no more than a pipe holds.
    fn hear_the_rest(&self, status: Option<&pipe::Receiver>, news: &mut News) {
        let mut bytes = [0; 4096];
        for _ in 0..16 {
            // Read as it is: the runtime may not have noticed yet that something came.
            match status.map(|status| rustix::io::read(status, &mut bytes)) {
                Some(Ok(read @ 1..)) => news.hear(&bytes[..read], self.reads_log),
                _ => break,
            }
        }
    }

    /// Looks for progress, on another thread.
    async fn look(&self) -> Option<Reported> {
        let watcher = Arc::clone(&self.watcher);
        let look = move || watcher.lock().unwrap_or_else(PoisonError::into_inner).look();
        tokio::task::spawn_blocking(look).await.ok().flatten()
    }

    fn take_in(&self, reported: Option<Reported>, news: &mut News) {
        if let Some(Reported { percent, current, total, message }) = reported {
            let updated_at = self.clock.now();
            news.progress = Some(Progress { percent, current, total, message, updated_at });
        }
    }
}

/// News over the status pipe; waits for ever where that has ended.
async fn hear(status: Option<&mut pipe::Receiver>, bytes: &mut [u8]) -> io::Result<usize> {
    match status {
        Some(status) => status.read(bytes).await,
        None => std::future::pending().await,
    }
}

/// Follows what an earlier server left, of which processes may be alive, to its end.
pub(super) async fn follow_left(case: Case, reports: mpsc::Sender<Report>) {
    settle(&case, &reports, false, &mut News { has_started: true, ..News::default() }).await;
}

/// Reports how the attempt ended, once nothing of it is left. `ended`: its end was reported before.
async fn settle(case: &Case, reports: &mpsc::Sender<Report>, mut ended: bool, news: &mut News) {
    loop {
        let looked = {
            let case = case.clone();
            apart("attempt-settle", move || case.settle(PATIENCE)).await
        };
        match looked {
            Ok(Found::Ended(end)) => {
                if !ended {
                    report_end(end, reports, news).await;
                }
                break;
            }
            Ok(Found::Held) => {
                ended |= wait_for_lock(case, reports, ended, news).await;
            }
            Ok(Found::Surviving) => {
                tracing::error!(folder = %case.folder.path().display(), "processes do not die");
                if !ended {
                    report_end(Case::surviving(), reports, news).await;
                    ended = true;
                }
            }
            Err(error) => {
                let folder = case.folder.path().display();
                tracing::error!(%error, %folder, "an attempt cannot be settled, its slot stays taken");
                sleep(PAUSE).await;
            }
        }
    }
    case.tidier.note(&case.folder);
    // Nobody to tell it to is no reason to fail.
    let _ = reports.send(Report::Gone).await;
    // Only now: it may take long, and nobody's slot should wait for it.
    case.tidier.look_at(&case.folder);
}

/// Until whoever holds the lock lets it go: an earlier server's shim, which stops by itself, as long
/// as it can; or another process of the attempt. Returns whether an end was reported meanwhile.
async fn wait_for_lock(
    case: &Case,
    reports: &mpsc::Sender<Report>,
    mut ended: bool,
    news: &mut News,
) -> bool {
    let folder = case.folder.clone();
    let mut lock = pin!(apart("attempt-lock", move || folder.wait_for_lock().map(drop)));
    let mut again = interval(PAUSE);
    let key = case.key.clone();
    let woken = tokio::task::spawn_blocking(move || orphans::wake(&key)).await;
    if let Ok(Err(error)) = woken {
        tracing::warn!(%error, "what is left of an attempt cannot be woken");
    }
    let sweep_at = Instant::now() + case.shim.may_hold();
    let mut swept = false;
    loop {
        tokio::select! {
            taken = &mut lock => {
                if let Err(error) = taken {
                    tracing::error!(%error, "the lock of an attempt cannot be waited for");
                    sleep(PAUSE).await;
                }
                return ended;
            }
            () = sleep_until(sweep_at), if !swept => {
                swept = true;
                sweep_holders(case).await;
            }
            _ = again.tick(), if !ended => {
                ended = report_unkillable(case, reports, news).await;
            }
        }
    }
}

/// Kills whoever carries the key, a shim too: it had its time.
async fn sweep_holders(case: &Case) {
    let key = case.key.clone();
    let swept = apart("attempt-sweep", move || orphans::sweep(&key, PATIENCE)).await;
    match swept {
        Ok(true) => {}
        Ok(false) => {
            tracing::error!(folder = %case.folder.path().display(), "processes do not die");
        }
        Err(error) => tracing::error!(%error, "what holds an attempt's lock cannot be killed"),
    }
}

/// Reports the end of an attempt whose processes do not die, where one is recorded.
async fn report_unkillable(case: &Case, reports: &mpsc::Sender<Report>, news: &mut News) -> bool {
    let looked = {
        let case = case.clone();
        tokio::task::spawn_blocking(move || case.unkillable()).await
    };
    match looked {
        Ok(Ok(Some(end))) => {
            report_end(end, reports, news).await;
            true
        }
        // None, or not readable now: `settle` looks again.
        _ => false,
    }
}

async fn report_end(end: AttemptEnd, reports: &mpsc::Sender<Report>, news: &mut News) {
    if !news.has_started && (end.exit_code.is_some() || end.signal.is_some()) {
        news.started = true;
        news.has_started = true;
    }
    while let Some(report) = news.next() {
        match report {
            Report::Started => {
                let _ = reports.send(report).await;
            }
            Report::Progress(_) | Report::LogGrew | Report::Ended(_) | Report::Gone => {
                let _ = reports.try_send(report);
            }
        }
    }
    let _ = reports.send(Report::Ended(end)).await;
}

/// Runs something that may block for long on a thread of its own, which nobody waits for at the
/// server's end: it ends with the process.
pub(super) async fn apart<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let (answer, answered) = oneshot::channel();
    std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        // Dropped where nobody asks any more.
        let _ = answer.send(work());
    })?;
    answered.await.map_err(io::Error::other)?
}
