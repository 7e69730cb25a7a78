//! The loop that holds a running command: it reads what is printed, hears the server, watches the
//! clock, reaps what ends, and leaves only when no process is left.
//!
//! # Concurrency
//!
//! One thread and one `poll` over all that can happen. Each turn reaps before it takes orders, so
//! that a command that ended before a stop was asked for keeps its own end (P9).

use std::io::{self, Read as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{ChildStderr, ChildStdout};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, OwnedFd};
use rustix::process::{Pid, WaitStatus};

use super::channel::{Lifeline, Status};
use super::command::Running;
use super::complain::complain;
use super::log::{Log, Read};
use super::progress::Progress;
use super::protocol::{
    ExitRecord, STREAM_STDERR, STREAM_STDOUT, Spec, StatusByte, StopCause, VERSION,
};
use super::record;
use super::stop::{Action, Stop};
use super::tree::{self, Reaped};
use crate::domain::clock::{Clock, SystemClock, since_boot};

/// What the pipes get after the command's own end, where something still holds them.
const LINGER: Duration = Duration::from_secs(1);
/// How long KILLs may fail before the attempt is recorded as unkillable.
const UNKILLABLE_AFTER: Duration = Duration::from_secs(60);
/// From one pass of KILLs to the next: a tenth of the time that they have failed for, within these.
const KILL_AGAIN: Duration = Duration::from_millis(10);
const KILL_AGAIN_AT_LEAST: Duration = Duration::from_secs(1);

/// How far the attempt is.
#[derive(Debug, Clone, Copy)]
enum Phase {
    /// The command lives.
    Running,
    /// It ended; its pipes get until then.
    Lingering(Instant),
    /// Whatever is left is being killed.
    Killing { since: Instant, next: Instant },
}

/// One running attempt.
#[derive(Debug)]
pub(super) struct Supervisor {
    spec: Spec,
    folder: PathBuf,
    /// `None` once it is reaped: its number may be anybody's then.
    command: Option<Pid>,
    pidfd: Option<OwnedFd>,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    lifeline: Lifeline,
    status: Status,
    deaths: UnixStream,
    log: Log,
    stop: Stop,
    phase: Phase,
    timeout_at: Option<Instant>,
    /// It may run until then, since the boot; `None`: for ever, or it is told to stop already.
    lease_until: Option<Duration>,
    progress: Progress,
    exit: ExitRecord,
    recorded: bool,
}

/// What `poll` can report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Lifeline,
    Deaths,
    Command,
    Stdout,
    Stderr,
}

impl Supervisor {
    /// Takes over a command that was just started.
    pub(super) fn new(
        spec: Spec,
        folder: &Path,
        running: Running,
        (lifeline, status, deaths): (Lifeline, Status, UnixStream),
    ) -> Self {
        let now = Instant::now();
        let timeout = spec.timeout_ms.map(Duration::from_millis);
        Self {
            log: Log::new(folder, &spec),
            stop: stop_of(&spec),
            lease_until: spec.lease.map(|lease| Duration::from_millis(lease.until_ms)),
            folder: folder.to_owned(),
            command: Some(running.pid),
            pidfd: running.pidfd,
            stdout: Some(running.stdout),
            stderr: Some(running.stderr),
            lifeline,
            status,
            deaths,
            phase: Phase::Running,
            timeout_at: timeout.and_then(|after| now.checked_add(after)),
            progress: Progress::new(now),
            exit: ExitRecord {
                version: VERSION,
                started_at_ms: SystemClock.now().timestamp_millis(),
                ..ExitRecord::default()
            },
            recorded: false,
            spec,
        }
    }

    /// Holds the attempt until its tree is empty and its end is recorded.
    pub(super) fn run(mut self) -> io::Result<()> {
        loop {
            let ready = self.wait();
            self.read_pipes(&ready);
            if self.reap() {
                break;
            }
            if ready.contains(&Source::Lifeline) {
                for heard in self.lifeline.read_if_ready() {
                    if let Some((cause, at_once)) = heard.stop() {
                        self.order(cause, at_once);
                    }
                    if let (Some(until), Some(known)) = (heard.lease(), &mut self.lease_until) {
                        *known = Duration::from_millis(until).max(*known);
                    }
                }
            }
            self.keep_time(Instant::now());
        }
        self.read_what_is_left();
        if self.progress.grew(&self.folder, Instant::now()) {
            self.status.send(StatusByte::Progress);
        }
        self.record(false)
    }

    fn wait(&self) -> Vec<Source> {
        let lifeline = self.lifeline.descriptor();
        let sources = [
            (Source::Deaths, Some(self.deaths.as_fd())),
            (Source::Lifeline, lifeline),
            (Source::Command, self.pidfd.as_ref().map(AsFd::as_fd)),
            (Source::Stdout, self.stdout.as_ref().map(AsFd::as_fd)),
            (Source::Stderr, self.stderr.as_ref().map(AsFd::as_fd)),
        ];
        let open: Vec<_> = sources.iter().filter_map(|(s, fd)| Some((*s, fd.as_ref()?))).collect();
        let mut fds: Vec<_> = open.iter().map(|(_, fd)| PollFd::new(*fd, PollFlags::IN)).collect();
        let left = self.next_due().map(|due| due.saturating_duration_since(Instant::now()));
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        if let Err(error) = poll(&mut fds, timeout.as_ref())
            && error != rustix::io::Errno::INTR
        {
            complain(format_args!("cannot wait for events: {error}"));
        }
        let ready = open.iter().zip(&fds).filter(|(_, fd)| !fd.revents().is_empty());
        ready.map(|((source, _), _)| *source).collect()
    }

    fn next_due(&self) -> Option<Instant> {
        let phase = match self.phase {
            Phase::Running => {
                let lease = self.lease_until.and_then(|until| {
                    Instant::now().checked_add(until.saturating_sub(since_boot()))
                });
                [self.timeout_at, self.stop.kill_at(), Some(self.progress.due()), lease]
            }
            Phase::Lingering(until) => [Some(until), None, None, None],
            Phase::Killing { next, .. } => [Some(next), None, None, None],
        };
        let output = [self.log.due(), self.status.due()];
        phase.into_iter().chain(output).flatten().min()
    }

    /// One read of each pipe that has something: a flood does not keep the loop from the rest.
    fn read_pipes(&mut self, ready: &[Source]) {
        let now = Instant::now();
        let mut wrote = false;
        if let Some(pipe) = self.stdout.as_ref().filter(|_| ready.contains(&Source::Stdout)) {
            let (read, written) = self.log.read(STREAM_STDOUT, pipe, now);
            wrote |= written;
            if read == Read::End {
                self.stdout = None;
            }
        }
        if let Some(pipe) = self.stderr.as_ref().filter(|_| ready.contains(&Source::Stderr)) {
            let (read, written) = self.log.read(STREAM_STDERR, pipe, now);
            wrote |= written;
            if read == Read::End {
                self.stderr = None;
            }
        }
        if wrote {
            self.status.log_grew();
        }
    }

    /// Reaps what ended. Returns whether nothing is left.
    fn reap(&mut self) -> bool {
        // First empty what tells of deaths, then look: one that comes between is told again.
        let mut told = [0; 64];
        while matches!((&self.deaths).read(&mut told), Ok(1..)) {}
        loop {
            match tree::reap() {
                Reaped::Ended(pid, status) if Some(pid) == self.command => {
                    self.command_ended(status);
                }
                Reaped::Ended(..) => {}
                Reaped::NoneEnded => return false,
                Reaped::NoneLeft => return true,
            }
        }
    }

    fn command_ended(&mut self, status: WaitStatus) {
        (self.command, self.pidfd) = (None, None);
        self.exit.exit_code = status.exit_status();
        self.exit.signal = status.terminating_signal();
        self.exit.ended_at_ms = SystemClock.now().timestamp_millis();
        let kill_at = self.stop.command_ended();
        if matches!(self.phase, Phase::Running) {
            let until = Instant::now() + LINGER;
            // A stop is over soon after its grace (P10), also where the command used up all of it.
            let bound = kill_at.map_or(until, |at| at + LINGER / 2);
            self.phase = Phase::Lingering(until.min(bound));
        }
    }

    fn order(&mut self, cause: StopCause, at_once: bool) {
        let now = Instant::now();
        if !matches!(self.phase, Phase::Running) {
            // The command has its own end already; what it left goes anyway.
            if at_once && matches!(self.phase, Phase::Lingering(_)) {
                self.kill(now);
            }
            return;
        }
        let first = self.stop.cause().is_none();
        let action = self.stop.order(cause, at_once, now);
        self.act(action, first, now);
    }

    fn act(&mut self, action: Action, first: bool, now: Instant) {
        let why = self.stop.cause().map_or("stopped", told);
        match action {
            Action::Nothing => {}
            Action::Terminate => {
                let grace = self.stop.kill_at().map(|at| at.saturating_duration_since(now));
                let then = grace.map_or_else(String::new, |after| format!(", KILL in {after:?}"));
                self.say(&format!("{why}: TERM{then}"));
                if let Some(command) = self.command {
                    tree::terminate(command);
                }
            }
            Action::Kill => {
                let still = if first { "" } else { "still running, " };
                self.say(&format!("{why}: {still}KILL"));
                self.kill(now);
            }
        }
    }

    fn say(&mut self, line: &str) {
        self.log.say(line);
        self.status.log_grew();
    }

    fn kill(&mut self, now: Instant) {
        self.phase = Phase::Killing { since: now, next: now };
    }

    fn keep_time(&mut self, now: Instant) {
        match self.phase {
            Phase::Running => {
                if self.timeout_at.is_some_and(|at| at <= now) {
                    self.timeout_at = None;
                    self.order(StopCause::Timeout, false);
                }
                if self.lease_until.is_some_and(|until| until <= since_boot()) {
                    self.lease_until = None;
                    self.order(StopCause::Lease, false);
                }
                let due = self.stop.due(now);
                self.act(due, false, now);
                if self.progress.due() <= now && self.progress.grew(&self.folder, now) {
                    self.status.send(StatusByte::Progress);
                }
            }
            Phase::Lingering(until) => {
                if until <= now || (self.stdout.is_none() && self.stderr.is_none()) {
                    self.kill(now);
                }
            }
            Phase::Killing { .. } => {}
        }
        if let Phase::Killing { since, next } = self.phase
            && next <= now
        {
            self.kill_again(since);
        }
        if self.log.due().is_some_and(|due| due <= now) && self.log.flush() {
            self.status.log_grew();
        }
        self.status.tell_log(now);
    }

    fn kill_again(&mut self, since: Instant) {
        tree::kill_all();
        let now = Instant::now();
        let failed_for = now.saturating_duration_since(since);
        if failed_for >= UNKILLABLE_AFTER && !self.recorded {
            self.log.flush();
            if let Err(error) = self.record(true) {
                complain(format_args!("the end cannot be recorded: {error}"));
            }
        }
        let pause = (failed_for / 10).clamp(KILL_AGAIN, KILL_AGAIN_AT_LEAST);
        self.phase = Phase::Killing { since, next: now + pause };
    }

    /// What stands in the pipes once nobody is left to print. A pipe's end may have been handed to a
    /// stranger, so it is read no longer than it may linger.
    fn read_what_is_left(&mut self) {
        let until = Instant::now() + LINGER;
        if let Some(pipe) = self.stdout.take() {
            drain(&mut self.log, STREAM_STDOUT, &pipe, until);
        }
        if let Some(pipe) = self.stderr.take() {
            drain(&mut self.log, STREAM_STDERR, &pipe, until);
        }
        self.log.flush();
    }

    /// Writes the record, once: what stands there is what the server has read.
    fn record(&mut self, unkillable: bool) -> io::Result<()> {
        if self.recorded {
            return Ok(());
        }
        let (cpu_ms, peak_memory_bytes) = record::usage();
        let (result_bytes, result_sha256) = record::result(&self.folder, self.spec.result_bytes);
        let ended_at_ms = match self.exit.ended_at_ms {
            0 => SystemClock.now().timestamp_millis(),
            seen => seen,
        };
        let exit = ExitRecord {
            stop: self.stop.cause(),
            killed: self.stop.killed(),
            unkillable,
            cpu_ms,
            peak_memory_bytes,
            log_bytes: self.log.printed(),
            result_bytes,
            result_sha256,
            ended_at_ms,
            ..self.exit.clone()
        };
        record::write(&self.folder, exit)?;
        self.recorded = true;
        self.status.tell_log(Instant::now());
        self.status.send(StatusByte::Exited);
        Ok(())
    }
}

fn drain(log: &mut Log, stream: u8, pipe: &impl AsFd, until: Instant) {
    while Instant::now() < until && log.read(stream, pipe, Instant::now()).0 == Read::Some {}
}

fn stop_of(spec: &Spec) -> Stop {
    let stop = Stop::new(Duration::from_millis(spec.grace_ms));
    match spec.lease {
        Some(lease) => stop.within_lease(Duration::from_millis(lease.grace_ms)),
        None => stop,
    }
}

/// Why a tree is stopped, to a person.
fn told(cause: StopCause) -> &'static str {
    match cause {
        StopCause::Cancel => "canceled",
        StopCause::Timeout => "ran past its timeout",
        StopCause::Shutdown => "the server stops",
        StopCause::ServerGone => "the server is gone",
        StopCause::Lease => "the lease ran out",
    }
}
