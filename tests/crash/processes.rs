//! The processes of a data folder's attempts, found by what every command finds in its environment
//! and nothing takes away, a shim by its command line, and waited for by handle.

use std::collections::HashSet;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};

use longhaul::shim::protocol::variables;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::bed::is_below;

/// A process of an attempt: the command's, a descendant's, or the shim itself.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) pid: Pid,
    pub(super) parent: Option<Pid>,
    /// Of its attempt.
    pub(super) key: String,
    handle: OwnedFd,
}

/// All that are alive of this data folder.
pub(super) fn of(data: &Path) -> Vec<Process> {
    let entries = fs::read_dir("/proc").unwrap();
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| look(Pid::from_raw(pid)?, data)).collect()
}

fn look(pid: Pid, data: &Path) -> Option<Process> {
    // First the handle: what is read afterwards is of this process, or of none.
    let handle = pidfd_open(pid, PidfdFlags::empty()).ok()?;
    let number = pid.as_raw_nonzero();
    let environment = fs::read(format!("/proc/{number}/environ")).ok()?;
    let variable = |name: &str| {
        let mut entries = environment.split(|&byte| byte == 0);
        entries.find_map(|entry| entry.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
    };
    let of_command = variable(variables::ARGS).is_some_and(|path| is_below(path, data));
    if !of_command && !is_shim(number.get(), data) {
        return None;
    }
    let key = String::from_utf8(variable(variables::ATTEMPT_KEY)?.to_vec()).ok()?;
    let status = fs::read_to_string(format!("/proc/{number}/status")).ok()?;
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:")?.trim().parse().ok());
    Some(Process { pid, parent: parent.and_then(Pid::from_raw), key, handle })
}

/// `longhaul shim <folder>`: it has the key alone in its environment.
fn is_shim(number: i32, data: &Path) -> bool {
    let line = fs::read(format!("/proc/{number}/cmdline")).unwrap_or_default();
    let mut words = line.split(|&byte| byte == 0).skip(1);
    words.next() == Some(b"shim") && words.next().is_some_and(|folder| is_below(folder, data))
}

/// The attempts that they belong to.
pub(super) fn keys(processes: &[Process]) -> HashSet<String> {
    processes.iter().map(|process| process.key.clone()).collect()
}

/// Waits until none of these attempts has a process, and returns how long that took. Fails when one
/// is there after `bound`. Blocks.
pub(super) fn until_gone(data: &Path, keys: &HashSet<String>, bound: Duration) -> Duration {
    let begun = Instant::now();
    loop {
        let left: Vec<_> = of(data).into_iter().filter(|p| keys.contains(&p.key)).collect();
        let Some(first) = left.first() else { return begun.elapsed() };
        let mut fds = [PollFd::new(&first.handle, PollFlags::IN)];
        let ended = retry_on_intr(|| {
            let remaining = bound.saturating_sub(begun.elapsed());
            poll(&mut fds, Some(&Timespec::try_from(remaining).unwrap()))
        });
        let ended = ended.unwrap();
        assert!(ended > 0 || begun.elapsed() < bound, "left after {bound:?}: {left:#?}");
    }
}
