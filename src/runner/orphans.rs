//! The server's own children: shims, and what becomes a child of the server when a shim is killed.
//!
//! The server is a child subreaper, so nothing below a shim can leave it: when a shim ends without
//! having emptied its tree, what is left becomes a child of the server, whatever session or group
//! it is in. Every child that is no shim is such an orphan, and is killed (P8).
//!
//! # Invariants
//!
//! - A shim is known before anybody can look for orphans: both happen under one lock.
//! - Nothing is reaped but by its own number, and never a shim: its follower does that.
//!
//! # Concurrency
//!
//! What is below a process is a matter of the whole process, hence the one static. Children that a
//! program which embeds this library started itself are left alone: they are in the program's own
//! session, which nothing below a shim can ever be in, since a shim begins a session of its own.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::os::fd::OwnedFd;
use std::process::{Command, ExitStatus};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, getpid, kill_process, pidfd_open, pidfd_send_signal,
    waitpid,
};
use tokio::process::Child;

use super::procfs::{self, Process, Seen};
use crate::domain::id::AttemptKey;
use crate::shim::protocol::variables::ATTEMPT_KEY;

/// From one look for survivors to the next, where none of them ends in between.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// So many deaths are waited for at once; each takes a descriptor.
const MAX_WATCHED: usize = 64;

/// The shims that are not reaped yet, each with its number and, where that could be read, with when
/// it started.
static SHIMS: Mutex<BTreeSet<Known>> = Mutex::new(BTreeSet::new());

type Known = (i32, Option<u64>);

fn shims() -> MutexGuard<'static, BTreeSet<Known>> {
    SHIMS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A shim that is our child.
#[derive(Debug)]
pub(super) struct Shim {
    child: Child,
    known: Known,
}

impl Shim {
    /// Starts a shim. Blocks for the time of a spawn, and while orphans are looked for; needs the
    /// runtime's context. After an error a process may exist all the same, which nobody knows: it
    /// is an orphan then.
    pub(super) fn spawn(command: Command) -> io::Result<Self> {
        // The command goes with its copies of the pipe ends: else no pipe would ever end.
        let mut command = tokio::process::Command::from(command);
        let mut shims = shims();
        let child = command.spawn()?;
        let pid = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        let pid = pid.expect("a child that was just started has its number");
        // It is not reaped, so it is there to be seen, unless descriptors ran out.
        let seen = procfs::look(pid).ok().flatten();
        let known = (pid.as_raw_nonzero().get(), seen.map(|seen| seen.process.started));
        shims.insert(known);
        Ok(Self { child, known })
    }

    /// Its handle.
    pub(super) fn handle(&self) -> Handle {
        Handle(self.known)
    }

    /// Waits for its end and reaps it. Dropped before that, it stays a known shim: it stops by
    /// itself when its lifeline ends, and nobody may take it for an orphan.
    pub(super) async fn wait(mut self) -> io::Result<ExitStatus> {
        let ended = self.child.wait().await;
        shims().remove(&self.known);
        ended
    }
}

/// What can be done to a shim, as long as [`Shim::wait`] has not returned: it is not reaped before
/// that, so its number is its own. None of it waits for anybody.
#[derive(Debug, Clone, Copy)]
pub(super) struct Handle(Known);

impl Handle {
    fn pid(self) -> Option<Pid> {
        Pid::from_raw(self.0.0)
    }

    /// It was stopped by a signal or a tracer, and is.
    pub(super) fn is_stopped(self) -> bool {
        let seen = self.pid().and_then(|pid| procfs::look(pid).ok().flatten());
        seen.is_some_and(|seen| seen.is_stopped)
    }

    /// Lets it go on if it was stopped.
    pub(super) fn wake(self) {
        self.send(Signal::CONT);
    }

    /// Kills it; what it held becomes ours.
    pub(super) fn kill(self) {
        self.send(Signal::KILL);
    }

    fn send(self, signal: Signal) {
        if let Some(pid) = self.pid()
            && let Err(error) = kill_process(pid, signal)
        {
            tracing::warn!(%error, pid = self.0.0, "a supervisor cannot be signalled");
        }
    }
}

/// Lets everybody go on who carries the key: what was stopped may still end by itself. Blocks.
pub(super) fn wake(key: &AttemptKey) -> io::Result<()> {
    for seen in procfs::all()? {
        let pid = seen.process.pid;
        if pid != getpid() && procfs::has_variable(pid, ATTEMPT_KEY, key.as_str())? {
            signal(seen.process, Signal::CONT);
        }
    }
    Ok(())
}

/// Kills every orphan, and every process that carries the key with all below it, until none is
/// left. `false`: some outlived `patience`. Blocks.
pub(super) fn sweep(key: &AttemptKey, patience: Duration) -> io::Result<bool> {
    let begun = Instant::now();
    loop {
        let Some(dying) = kill_round(key)? else { return Ok(true) };
        if begun.elapsed() >= patience {
            return Ok(false);
        }
        wait_for_any(&dying);
    }
}

/// One look and one KILL to all that it found; `None`: nothing was found. Returns handles of some
/// that are to die.
fn kill_round(key: &AttemptKey) -> io::Result<Option<Vec<OwnedFd>>> {
    // Held throughout: no number that was seen as an orphan's can become a shim's meanwhile.
    let shims = shims();
    let is_shim = |process: Process| {
        let pid = process.pid.as_raw_nonzero().get();
        shims.contains(&(pid, Some(process.started))) || shims.contains(&(pid, None))
    };
    let strays = strays(&procfs::all()?, key, is_shim)?;
    if strays.is_empty() {
        return Ok(None);
    }
    let mut dying = Vec::new();
    for seen in strays {
        if !seen.is_zombie {
            if let Some(handle) = signal(seen.process, Signal::KILL)
                && dying.len() < MAX_WATCHED
            {
                dying.push(handle);
            }
        } else if seen.parent == Some(getpid()) {
            // Reaped by its own number, and it is no shim: what it was is over.
            let _ = waitpid(Some(seen.process.pid), WaitOptions::NOHANG);
        }
    }
    Ok(Some(dying))
}

/// The processes that must go: our children that are no shims, and whoever carries the key, with all
/// below them: what is below a supervisor that an earlier server left may have no key any more.
fn strays(
    all: &[Seen],
    key: &AttemptKey,
    is_shim: impl Fn(Process) -> bool,
) -> io::Result<Vec<Seen>> {
    let own = getpid();
    // As `/proc` tells it, like the others': in a container it may be a session from outside, which
    // has no number there.
    let Some(own_session) = procfs::look(own)?.map(|seen| seen.session) else {
        return Err(io::Error::other("this process is not to be seen in /proc"));
    };
    let mut family = HashSet::new();
    let others = || all.iter().filter(|seen| seen.process.pid != own);
    for seen in others() {
        let is_child = seen.parent == Some(own) && seen.session != own_session;
        if (is_child && !is_shim(seen.process))
            || procfs::has_variable(seen.process.pid, ATTEMPT_KEY, key.as_str())?
        {
            family.insert(seen.process.pid);
        }
    }
    loop {
        let before = family.len();
        let below = others().filter(|seen| seen.parent.is_some_and(|p| family.contains(&p)));
        let below: Vec<Pid> = below.map(|seen| seen.process.pid).collect();
        family.extend(below);
        if family.len() == before {
            break;
        }
    }
    Ok(others().filter(|seen| family.contains(&seen.process.pid)).copied().collect())
}

/// Sends a signal through a handle, after a second look that the number still is the process's.
fn signal(process: Process, signal: Signal) -> Option<OwnedFd> {
    match pidfd_open(process.pid, PidfdFlags::empty()) {
        Ok(handle) => {
            let seen = procfs::look(process.pid).ok().flatten();
            let same = seen.is_some_and(|seen| seen.process == process);
            if same && let Err(error) = pidfd_send_signal(&handle, signal) {
                complain(process, error);
            }
            same.then_some(handle)
        }
        Err(Errno::SRCH) => None,
        // No pidfd to be had, for want of descriptors: the number must do.
        Err(_) => {
            if let Err(error) = kill_process(process.pid, signal) {
                complain(process, error);
            }
            None
        }
    }
}

fn complain(process: Process, error: Errno) {
    if error != Errno::SRCH {
        let pid = process.pid.as_raw_nonzero();
        tracing::warn!(pid, %error, "a process that a job left behind cannot be signalled");
    }
}

fn wait_for_any(dying: &[OwnedFd]) {
    let mut fds: Vec<_> = dying.iter().map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
    let timeout = Timespec::try_from(LOOK_AGAIN).expect("a tenth of a second is a time");
    // Whatever the answer, the next look tells what is left.
    let _ = poll(&mut fds, Some(&timeout));
}
