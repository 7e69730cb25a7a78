//! Brings a shim into being: folder, program, environment, spawn.
//!
//! The shim is started by `posix_spawn` alone: nothing here may need `pre_exec`, a user or a process
//! group, or std would fork and copy the server's page tables. (With a group of its own the shim
//! could not begin a session either.)

use std::env;
use std::fs::File;
use std::io::{self, PipeWriter, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{Access, OFlags, access, fcntl_getfl, fcntl_setfl};
use tokio::net::unix::pipe;
use tokio::sync::watch;

use super::folder::Folder;
use super::orphans::Shim;
use super::process::Options;
use super::{AttemptSpec, Control, Lease, Order};
use crate::domain::kind::{ArgsSchema, EnvRule, Kind, Stdin};
use crate::shim::protocol::environment::Variable;
use crate::shim::protocol::{self, environment};
use crate::shim::protocol::{
    ARGS, LifelineByte, PROGRESS, RESULT, SHIM_ERR, Spec, VERSION, variables,
};

/// A shim that was started.
#[derive(Debug)]
pub(super) struct Launched {
    pub(super) shim: Shim,
    pub(super) lifeline: Arc<Lifeline>,
    pub(super) status: pipe::Receiver,
}

/// Why none was.
#[derive(Debug, thiserror::Error)]
pub(super) enum LaunchError {
    /// The kind is to blame: its jobs fail.
    #[error("{0}")]
    Command(String),
    /// The server or its machine is: its jobs wait.
    #[error("{what}")]
    Server {
        what: &'static str,
        #[source]
        error: io::Error,
    },
    /// Likewise, but only the folder tells whether a shim exists.
    #[error("its process cannot be started")]
    Spawn(#[source] io::Error),
}

fn server(what: &'static str) -> impl FnOnce(io::Error) -> LaunchError {
    move |error| LaunchError::Server { what, error }
}

/// Makes the folder and starts the shim in it. Blocks for a few milliseconds; needs the runtime's
/// context.
pub(super) fn launch(
    options: &Options,
    spec: &AttemptSpec,
    folder: &Folder,
    open_files: Option<u64>,
) -> Result<Launched, LaunchError> {
    let name = spec.argv.first().map_or("", String::as_str);
    let path = env::var_os("PATH").unwrap_or_default();
    let program = resolve(name, &path, &options.base_dir).map_err(LaunchError::Command)?;
    folder.create().map_err(server("its folder cannot be made"))?;
    let schema = spec.kind.result.as_ref().map(ArgsSchema::source);
    folder
        .write(&Spec { open_files, ..shim_spec(options, spec, program) }, &spec.args, schema)
        .map_err(server("its folder cannot be written"))?;
    let errors =
        File::create(folder.file(SHIM_ERR)).map_err(server("its folder cannot be written"))?;
    let (orders, lifeline) = Lifeline::pair().map_err(server("no pipe can be made"))?;
    let (status, news) = io::pipe().map_err(server("no pipe can be made"))?;
    let status = pipe::Receiver::from_owned_fd(OwnedFd::from(status))
        .map_err(server("its status cannot be read"))?;
    // Last of all: it may hold secrets, and nobody would remove it where a later step fails.
    let variables = environment::encode(&environment_of(spec, folder)).map_err(|error| {
        LaunchError::Command(format!("its environment cannot be used: {error}"))
    })?;
    folder.write_environment(&variables).map_err(server("its folder cannot be written"))?;
    let mut command = Command::new(&options.shim_program);
    command
        .arg0("longhaul")
        .arg("shim")
        .arg(folder.path())
        .env_clear()
        .env(variables::ATTEMPT_KEY, spec.key.as_str())
        .stdin(orders)
        .stdout(Stdio::from(OwnedFd::from(news)))
        .stderr(errors);
    let shim = Shim::spawn(command).map_err(LaunchError::Spawn)?;
    Ok(Launched { shim, lifeline: Arc::new(lifeline), status })
}

fn shim_spec(options: &Options, spec: &AttemptSpec, program: PathBuf) -> Spec {
    let limits = &options.limits;
    Spec {
        version: VERSION,
        job: spec.job,
        attempt: spec.number,
        fence: spec.fence,
        program,
        argv: spec.argv.clone(),
        cwd: spec.kind.cwd.as_ref().map(|cwd| options.base_dir.join(cwd)),
        stdin_args: spec.kind.stdin == Stdin::Args,
        open_files: None,
        timeout_ms: spec.timeout.map(millis),
        grace_ms: millis(spec.policy.grace),
        log_head_bytes: limits.log_head_bytes,
        log_tail_bytes: limits.log_tail_bytes,
        result_bytes: limits.result_bytes,
        lease: spec.lease.map(of_shim),
    }
}

fn of_shim(lease: Lease) -> protocol::Lease {
    protocol::Lease::of(lease.begun, lease.length)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The command's environment: what the kind lets through or sets, then ours.
fn environment_of(spec: &AttemptSpec, folder: &Folder) -> Vec<Variable> {
    let Kind { env, .. } = spec.kind.as_ref();
    let of_kind = env.iter().filter_map(|rule| match rule {
        EnvRule::Pass(name) => Some((name.into(), env::var_os(name)?)),
        EnvRule::Set(name, value) => Some((name.into(), value.into())),
    });
    let ours = [
        (variables::JOB_ID, spec.job.to_string().into()),
        (variables::ATTEMPT, spec.number.to_string().into()),
        (variables::ATTEMPT_KEY, spec.key.as_str().into()),
        (variables::ARGS, folder.file(ARGS).into()),
        (variables::PROGRESS, folder.file(PROGRESS).into()),
        (variables::RESULT, folder.file(RESULT).into()),
    ];
    of_kind.chain(ours.map(|(name, value)| (name.into(), value))).collect()
}

/// The file of a program, as an absolute path: without a slash by the server's PATH, else beside
/// `base`. An error is a sentence.
fn resolve(name: &str, path: &std::ffi::OsStr, base: &Path) -> Result<PathBuf, String> {
    if name.contains('/') {
        let program = base.join(name);
        return match usable(&program) {
            Ok(()) => Ok(program),
            Err(why) => Err(format!("the program `{}` {why}", program.display())),
        };
    }
    let mut refused = None;
    // An entry that is empty or relative would mean the server's own working folder.
    for folder in env::split_paths(path).filter(|folder| folder.is_absolute() && !name.is_empty()) {
        let program = folder.join(name);
        match usable(&program) {
            Ok(()) => return Ok(program),
            Err(NOT_THERE) => {}
            Err(why) => {
                refused.get_or_insert_with(|| format!("the program `{}` {why}", program.display()));
            }
        }
    }
    Err(refused.unwrap_or_else(|| {
        format!("the program `{name}` was not found: no folder of the server's PATH has it")
    }))
}

const NOT_THERE: &str = "does not exist";

fn usable(program: &Path) -> Result<(), &'static str> {
    let Ok(metadata) = program.metadata() else { return Err(NOT_THERE) };
    if !metadata.is_file() {
        return Err("is not a file");
    }
    access(program, Access::EXEC_OK).map_err(|_| "is not executable by the server")
}

/// The server's end of a shim's standard input. Its closing is what a shim takes for the death of
/// the server, so it lives as long as the attempt is followed.
#[derive(Debug)]
pub(super) struct Lifeline {
    pipe: PipeWriter,
    told: watch::Sender<Told>,
}

/// What a shim was told so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Told {
    stop: bool,
    /// To stop at once.
    pub(super) now: bool,
}

impl Lifeline {
    fn pair() -> io::Result<(io::PipeReader, Self)> {
        let (reader, writer) = io::pipe()?;
        // A shim that is frozen may never read: the writer must not wait for it.
        fcntl_setfl(&writer, fcntl_getfl(&writer)? | OFlags::NONBLOCK)?;
        Ok((reader, Self { pipe: writer, told: watch::Sender::default() }))
    }

    /// Hears of what the shim is told, and at once of what it was told before: an order may come
    /// before anybody follows the shim, which its command may have stopped by then (P10).
    pub(super) fn hear(&self) -> watch::Receiver<Told> {
        let mut told = self.told.subscribe();
        if *told.borrow() != Told::default() {
            told.mark_changed();
        }
        told
    }
}

impl Control for Arc<Lifeline> {
    fn order(&self, order: Order) {
        let byte = match order {
            Order::Cancel => LifelineByte::Cancel,
            Order::CancelNow => LifelineByte::CancelNow,
            Order::Shutdown => LifelineByte::Shutdown,
            Order::ShutdownNow => LifelineByte::ShutdownNow,
        };
        // The shim is gone, or so far behind that 64 KiB of orders wait for it already.
        if let Err(error) = (&self.as_ref().pipe).write_all(&[byte as u8]) {
            tracing::debug!(%error, ?order, "an order came too late for its attempt");
        }
        let now = matches!(order, Order::CancelNow | Order::ShutdownNow);
        self.told.send_if_modified(|told| {
            let before = std::mem::replace(told, Told { stop: true, now: told.now | now });
            before != *told
        });
    }

    fn renew(&self, lease: Lease) {
        // Whole or not at all: it is shorter than what a pipe takes in one piece.
        let said = of_shim(lease).renewal();
        if let Err(error) = (&self.as_ref().pipe).write_all(said.as_bytes()) {
            tracing::debug!(%error, "a renewal came too late for its attempt");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn an_order_is_heard_by_who_listens_later() {
        // P10: the shim is woken for it.
        let (_reader, lifeline) = Lifeline::pair().unwrap();
        let lifeline = Arc::new(lifeline);
        assert!(!lifeline.hear().has_changed().unwrap(), "it was told nothing");
        lifeline.order(Order::Cancel);
        assert!(lifeline.hear().has_changed().unwrap());
    }

    #[test]
    fn a_program_is_found_by_path_or_beside_the_configuration() {
        let base = tempfile::tempdir().unwrap();
        let tool = base.path().join("tool");
        let path = OsStr::new(base.path());
        let missing = resolve("tool", path, base.path()).unwrap_err();
        assert!(missing.contains("`tool` was not found"), "{missing}");
        fs::write(&tool, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&tool, fs::Permissions::from_mode(0o644)).unwrap();
        for name in ["tool", "./tool"] {
            // Root may execute only what somebody may.
            let refused = resolve(name, path, base.path()).unwrap_err();
            assert!(refused.ends_with("is not executable by the server"), "{refused}");
        }
        fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(resolve("tool", path, Path::new("/")).unwrap(), tool);
        assert_eq!(
            resolve("./tool", OsStr::new(""), base.path()).unwrap(),
            base.path().join("./tool")
        );
        assert!(resolve("tool", OsStr::new("::relative"), base.path()).is_err());
        assert!(resolve("./", path, base.path()).unwrap_err().ends_with("is not a file"));
        assert!(resolve("", path, base.path()).is_err());
    }
}
