//! The supervisor process: one for each attempt, `longhaul shim <folder>`. It holds a command and
//! everything below it, so that nothing of it outlives the attempt (P8) and its end is recorded as
//! the kernel said it (P9), whatever becomes of the server.
//!
//! # Invariants
//!
//! - Whoever holds the lock owns the attempt. The shim takes it before it starts anything and
//!   keeps it until no process of the attempt is left.
//! - `started` stands, and is told, before the command can exist; a folder with `started`, `void` or a lifeline
//!   at its end never starts a command (again).
//! - The reason of a stop is recorded before its first signal; the first reason stays.
//! - Memory is bounded, whatever the command prints, leaves behind or forks.
//!
//! # Concurrency
//!
//! One thread, one loop (`supervise`), no runtime: it is re-executed from the server's binary for
//! every attempt and lives as long, so it touches little. The server may die, read the folder or
//! send orders at any moment.

mod channel;
mod command;
mod complain;
mod log;
mod progress;
pub mod protocol;
mod record;
mod signals;
mod stop;
mod supervise;
mod tree;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::process::{getpid, set_child_subreaper, setsid};

use self::channel::{Heard, Lifeline, Status};
use self::command::Running;
use self::complain::complain;
use self::protocol::environment::{self, Variable};
use self::protocol::{
    ENVIRONMENT, ExitRecord, LOCK, SPEC, STARTED, Spec, StatusByte, StopCause, VERSION, VOID, files,
};
use self::supervise::Supervisor;
use crate::domain::clock::{Clock, SystemClock, since_boot};

/// The most characters of a sentence in the record, names of files included.
const SENTENCE: usize = 1_000;

/// More than any specification has.
const MAX_SPEC_BYTES: u64 = 4 * 1024 * 1024;

/// More than the kernel gives any program: what is cut off was too large anyway.
const MAX_ENVIRONMENT_BYTES: u64 = 8 * 1024 * 1024;

/// How the shim ends. The folder says more; these are for whoever looks at the process alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// The attempt's end is recorded.
    Recorded,
    /// Nothing was started and nothing recorded: the attempt is not ours, or must not start.
    NothingStarted,
    /// Something of ours failed; `shim.err` says what.
    Failed,
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Recorded => Self::SUCCESS,
            Ending::NothingStarted => Self::from(3),
            Ending::Failed => Self::FAILURE,
        }
    }
}

/// Runs the attempt in `folder` to its end. Takes over the whole process: its session, its signals,
/// its standard streams and every other descriptor.
pub fn main(folder: &OsStr) -> ExitCode {
    close_what_was_inherited();
    // By the path that it was started by, the kernel calls it `exe`.
    let _ = fs::write("/proc/self/comm", "longhaul");
    let ending = attempt(Path::new(folder)).unwrap_or_else(|error| {
        complain(format_args!("the supervisor failed: {error}"));
        Ending::Failed
    });
    ending.into()
}

fn attempt(folder: &Path) -> io::Result<Ending> {
    // Refused where we lead a session already, which is as good.
    let _ = setsid();
    set_child_subreaper(Some(getpid()))?;
    let deaths = signals::catch()?;
    let Some(_lock) = take_lock(&folder.join(LOCK))? else {
        return Ok(Ending::NothingStarted);
    };
    if files::exists(&folder.join(VOID))? || files::exists(&folder.join(STARTED))? {
        return Ok(Ending::NothingStarted);
    }
    let mut lifeline = Lifeline::new();
    let heard = lifeline.read_if_ready();
    if heard.contains(&Heard::Gone) {
        return Ok(Ending::NothingStarted);
    }
    record::reserve(folder)?;
    let status = Status::new();
    match start(folder, &heard, &status)? {
        Ok((spec, running)) => {
            status.send(StatusByte::Started);
            Supervisor::new(spec, folder, running, (lifeline, status, deaths)).run()?;
        }
        Err(record) => {
            record::write(folder, record)?;
            status.send(StatusByte::Exited);
        }
    }
    Ok(Ending::Recorded)
}

/// Starts the command, or says why none exists: an order that came first, or an error.
fn start(
    folder: &Path,
    heard: &[Heard],
    status: &Status,
) -> io::Result<Result<(Spec, Running), ExitRecord>> {
    let now = SystemClock.now().timestamp_millis();
    let never_ran = ExitRecord {
        version: VERSION,
        started_at_ms: now,
        ended_at_ms: now,
        ..ExitRecord::default()
    };
    if let Some((cause, _)) = heard.iter().find_map(|heard| heard.stop()) {
        return Ok(Err(ExitRecord { stop: Some(cause), ..never_ran }));
    }
    let too_late = ExitRecord { stop: Some(StopCause::Lease), ..never_ran.clone() };
    let failed = |error: String| {
        let spawn_error = Some(error.chars().take(SENTENCE).collect());
        Ok(Err(ExitRecord { spawn_error, ..never_ran }))
    };
    let mut spec = match read_spec(&folder.join(SPEC)) {
        Ok(spec) => spec,
        Err(error) => return failed(error),
    };
    if let Some(lease) = &mut spec.lease {
        // A renewal may be said before anybody listens.
        lease.until_ms =
            heard.iter().filter_map(|heard| heard.lease()).fold(lease.until_ms, u64::max);
    }
    if spec.lease.is_some_and(|lease| Duration::from_millis(lease.until_ms) <= since_boot()) {
        return Ok(Err(too_late));
    }
    let environment = match take_environment(&folder.join(ENVIRONMENT)) {
        Ok(environment) => environment,
        Err(error) => return failed(error),
    };
    // Before the command can exist: without this file the attempt may be tried again.
    files::create(&folder.join(STARTED))?;
    status.send(StatusByte::Starting);
    match command::start(&spec, &environment, folder) {
        Ok(running) => Ok(Ok((spec, running))),
        Err(error) => failed(error),
    }
}

/// Closes what a careless ancestor left open (a shell's `flock`, a make's job server): it would
/// reach the command. Ours are all close-on-exec.
fn close_what_was_inherited() {
    let Ok(entries) = fs::read_dir("/proc/self/fd") else { return };
    let open: Vec<i32> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|&descriptor| descriptor > 2)
        .collect();
    for descriptor in open {
        // The listing's own one is among them and closed by now.
        let _ = nix::unistd::close(descriptor);
    }
}

/// The lock, or `None` where somebody else holds it. It is let go when the process ends.
fn take_lock(path: &Path) -> io::Result<Option<File>> {
    let lock = files::open_to_write(path)?;
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(lock)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn read_spec(path: &Path) -> Result<Spec, String> {
    let unreadable = |error: &dyn std::fmt::Display| {
        format!("the supervisor cannot read what it is to run: {error}")
    };
    let text = files::read(path, MAX_SPEC_BYTES).map_err(|error| unreadable(&error))?;
    let text = text.ok_or_else(|| unreadable(&"it is not there"))?;
    let spec: Spec = serde_json::from_slice(&text).map_err(|error| unreadable(&error))?;
    if spec.version != VERSION {
        return Err(unreadable(&format_args!(
            "version {} of the folder, expected {VERSION}",
            spec.version
        )));
    }
    Ok(spec)
}

/// Reads the command's environment, and empties its file: it has served, and may hold secrets. (A file that is
/// removed right before others are made costs those time, on some file systems.)
fn take_environment(path: &Path) -> Result<Vec<Variable>, String> {
    let unreadable = |error: &dyn std::fmt::Display| {
        format!("the supervisor cannot read the command's environment: {error}")
    };
    let bytes = files::read(path, MAX_ENVIRONMENT_BYTES).map_err(|error| unreadable(&error))?;
    if let Err(error) = files::empty(path) {
        complain(format_args!("`{ENVIRONMENT}` stays: {error}"));
    }
    bytes.map(|bytes| environment::decode(&bytes)).ok_or_else(|| unreadable(&"it is not there"))
}
