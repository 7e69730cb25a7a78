//! Starts the command: in a process group of its own, with what its specification gives it and
//! nothing of the shim's.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStderr, ChildStdout, Command, Stdio};

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{
    Pid, PidfdFlags, Resource, Rlimit, getpriority_process, getrlimit, pidfd_open,
    setpriority_pgrp, setrlimit,
};

use super::complain::complain;
use super::protocol::environment::Variable;
use super::protocol::{ARGS, Spec, WORK, files};

/// How much nicer than the shim a command is: supervision and the server come first.
const NICER_BY: i32 = 10;
/// The nicest there is.
const NICEST: i32 = 19;
/// Where memory runs out the command goes, not the shim or the server.
const OOM_SCORE_ADJ: i32 = 500;

/// A command that was started.
#[derive(Debug)]
pub(super) struct Running {
    /// Its number and its group's, valid until it is reaped.
    pub(super) pid: Pid,
    /// Readable once it ended; `None` where the kernel has none, SIGCHLD tells it then.
    pub(super) pidfd: Option<OwnedFd>,
    /// Its standard output, never blocking.
    pub(super) stdout: ChildStdout,
    /// Its standard error, never blocking.
    pub(super) stderr: ChildStderr,
}

/// Starts it. An error is a sentence for a person; no process is left then.
pub(super) fn start(
    spec: &Spec,
    environment: &[Variable],
    folder: &Path,
) -> Result<Running, String> {
    let (name, arguments) = spec.argv.split_first().ok_or("the command line is empty")?;
    let cwd = working_folder(spec, folder)?;
    let stdin = if spec.stdin_args {
        files::open(&folder.join(ARGS))
            .and_then(|file| file.ok_or_else(|| io::ErrorKind::NotFound.into()))
            .and_then(blocking)
            .map(Stdio::from)
            .map_err(|error| format!("`{ARGS}` cannot be read: {}", reason(&error)))?
    } else {
        Stdio::null()
    };
    let mut command = Command::new(&spec.program);
    // Nothing here may need `pre_exec`: without it std starts by `posix_spawn`, which copies no
    // page tables.
    command
        .arg0(name)
        .args(arguments)
        .env_clear()
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .current_dir(&cwd)
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    limit_open_files(spec.open_files);
    let own_score = raise_oom_score();
    let spawned = command.spawn();
    restore_oom_score(own_score);
    let mut child = spawned.map_err(|error| could_not_start(name, &spec.program, &error))?;
    // The child is waited for by number, with all others; dropping the handle leaves it alone.
    let pid = Pid::from_child(&child);
    make_nice(pid);
    let stdout = child.stdout.take().expect("standard output is piped");
    let stderr = child.stderr.take().expect("standard error is piped");
    never_block(&stdout);
    never_block(&stderr);
    Ok(Running { pid, pidfd: pidfd_open(pid, PidfdFlags::empty()).ok(), stdout, stderr })
}

fn working_folder(spec: &Spec, folder: &Path) -> Result<PathBuf, String> {
    if let Some(cwd) = &spec.cwd {
        // Asked first: a spawn fails with the same words for a missing folder and a missing program.
        return match fs::metadata(cwd) {
            Ok(metadata) if metadata.is_dir() => Ok(cwd.clone()),
            Ok(_) => Err(format!("the working folder `{}` is not a folder", cwd.display())),
            Err(error) => Err(format!(
                "the working folder `{}` cannot be used: {}",
                cwd.display(),
                reason(&error)
            )),
        };
    }
    let work = folder.join(WORK);
    DirBuilder::new()
        .mode(0o700)
        .create(&work)
        .map_err(|error| format!("the working folder cannot be made: {}", reason(&error)))?;
    Ok(work)
}

fn could_not_start(name: &str, program: &Path, error: &io::Error) -> String {
    let because = if error.kind() == io::ErrorKind::NotFound && program.is_file() {
        "the interpreter that its first line names was not found".to_owned()
    } else {
        reason(error)
    };
    format!("`{name}` could not be started: {because}")
}

/// The words of an error without the number that std appends.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

/// Raises the shim's own score, which the child inherits at its start, and returns what it was. To
/// write the child's later would miss what it forks first.
fn raise_oom_score() -> Option<i32> {
    let own = fs::read_to_string("/proc/self/oom_score_adj").ok()?.trim().parse().ok()?;
    (own < OOM_SCORE_ADJ && set_oom_score(OOM_SCORE_ADJ)).then_some(own)
}

fn restore_oom_score(own: Option<i32>) {
    if let Some(own) = own
        && !set_oom_score(own)
    {
        complain(format_args!("the supervisor's oom_score_adj stays at {OOM_SCORE_ADJ}"));
    }
}

fn set_oom_score(score: i32) -> bool {
    fs::write("/proc/self/oom_score_adj", score.to_string()).is_ok()
}

fn make_nice(group: Pid) {
    let own = getpriority_process(None).unwrap_or(0);
    let nicer = setpriority_pgrp(Some(group), (own + NICER_BY).min(NICEST));
    // It may have ended or left its group already.
    if let Err(error) = nicer
        && error != rustix::io::Errno::SRCH
    {
        complain(format_args!("the command keeps the supervisor's niceness: {error}"));
    }
}

/// Gives back what the server took more of for itself: some programs take fright at a high limit, or
/// close all files up to it.
fn limit_open_files(limit: Option<u64>) {
    if let Some(limit) = limit {
        let own = getrlimit(Resource::Nofile);
        if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(limit), ..own }) {
            complain(format_args!("the command's limit of open files is the server's: {error}"));
        }
    }
}

/// As a command expects its standard input.
fn blocking(file: File) -> io::Result<File> {
    fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
    Ok(file)
}

fn never_block(pipe: &impl AsFd) {
    let set = fcntl_getfl(pipe).and_then(|flags| fcntl_setfl(pipe, flags | OFlags::NONBLOCK));
    if let Err(error) = set {
        complain(format_args!("a pipe of the command may block: {error}"));
    }
}
