//! Everything below the shim: found by descent from it, killed until nothing is left.
//!
//! The shim is a child subreaper, so whatever forks twice, leaves its group or its session stays a
//! descendant. That none is left is never concluded from a listing, which may miss what forks
//! meanwhile, but only from the kernel's word that we have no child (P8).
//!
//! # Concurrency
//!
//! The tree changes while it is read. A process is signalled through a pidfd, after a second look
//! that its number still names the process that was found: a number used anew is never hit.

use std::collections::HashSet;
use std::fs;

use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, WaitStatus, getpgid, getpid, kill_process,
    kill_process_group, pidfd_open, pidfd_send_signal, wait,
};

use super::complain::complain;

/// Rounds of one pass of KILLs. A tree that forks faster than this waits for the next pass.
const ROUNDS: usize = 64;

/// A process, told from a later one with the same number by when it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Process {
    pid: Pid,
    started: u64,
}

/// What a child did.
#[derive(Debug)]
pub(super) enum Reaped {
    /// It ended; it is reaped now.
    Ended(Pid, WaitStatus),
    /// Children live, none has ended since.
    NoneEnded,
    /// No child is left, hence no descendant.
    NoneLeft,
}

/// Takes note of one end, without waiting.
pub(super) fn reap() -> Reaped {
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) => return Reaped::Ended(pid, status),
            Ok(None) => return Reaped::NoneEnded,
            Err(Errno::CHILD) => return Reaped::NoneLeft,
            Err(Errno::INTR) => {}
            Err(error) => {
                complain(format_args!("cannot wait for children: {error}"));
                return Reaped::NoneEnded;
            }
        }
    }
}

/// Asks the command's group to end. The command must not be reaped yet: as long as it is not, its
/// number, which is its group's, cannot name anything else.
pub(super) fn terminate(command: Pid) {
    let own_group = getpgid(Some(command)) == Ok(command);
    // CONT too: a stopped process would act on TERM only after the grace had killed it.
    for signal in [Signal::TERM, Signal::CONT] {
        let _ = kill_process_group(command, signal);
        if !own_group {
            let _ = kill_process(command, signal);
        }
    }
}

/// One pass of KILLs: over and over until a look finds nothing that has not got its KILL.
pub(super) fn kill_all() {
    let mut killed = HashSet::new();
    for _ in 0..ROUNDS {
        let found: Vec<_> = descendants().into_iter().filter(|p| !killed.contains(p)).collect();
        if found.is_empty() {
            return;
        }
        for process in found {
            kill(process);
            killed.insert(process);
        }
    }
}

fn kill(process: Process) {
    let sent = match pidfd_open(process.pid, PidfdFlags::empty()) {
        Ok(handle) if look(process.pid).is_some_and(|seen| seen.process == process) => {
            pidfd_send_signal(&handle, Signal::KILL)
        }
        Ok(_) | Err(Errno::SRCH) => return,
        // No pidfd to be had, for want of descriptors or by an old kernel: the number must do.
        Err(_) => kill_process(process.pid, Signal::KILL),
    };
    if let Err(error) = sent
        && error != Errno::SRCH
    {
        let pid = process.pid.as_raw_nonzero();
        complain(format_args!("cannot kill process {pid}: {error}"));
    }
}

/// The living processes below the shim.
fn descendants() -> Vec<Process> {
    let own = getpid();
    let by_descent = by_descent(own);
    // A kernel without lists of children, or one whose list just changed.
    if by_descent.is_empty() { by_scan(own) } else { by_descent }
}

fn by_descent(root: Pid) -> Vec<Process> {
    let mut found = Vec::new();
    let mut visited = HashSet::from([root]);
    let mut parents = vec![root];
    while let Some(parent) = parents.pop() {
        for pid in children(parent) {
            if visited.insert(pid) {
                parents.push(pid);
                found.extend(look(pid).filter(|seen| seen.alive).map(|seen| seen.process));
            }
        }
    }
    found
}

/// The children of all threads of a process.
fn children(parent: Pid) -> Vec<Pid> {
    let tasks = fs::read_dir(format!("/proc/{}/task", parent.as_raw_nonzero()));
    let lists = tasks
        .into_iter()
        .flatten()
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(pid).collect::<Vec<_>>()).collect()
}

/// The same by a look at every process of the machine.
fn by_scan(root: Pid) -> Vec<Process> {
    let all: Vec<Seen> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| look(pid(entry.ok()?.file_name().to_str()?)?))
        .collect();
    let mut family = HashSet::from([root]);
    loop {
        let before = family.len();
        for seen in &all {
            if seen.parent.is_some_and(|parent| family.contains(&parent)) {
                family.insert(seen.process.pid);
            }
        }
        if family.len() == before {
            break;
        }
    }
    family.remove(&root);
    let below = all.iter().filter(|seen| seen.alive && family.contains(&seen.process.pid));
    below.map(|seen| seen.process).collect()
}

/// One process as `/proc` shows it.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    process: Process,
    parent: Option<Pid>,
    alive: bool,
}

fn look(pid: Pid) -> Option<Seen> {
    let stat = fs::read(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    parse_stat(pid, &stat)
}

/// Reads a `stat` line. The program's name, in parentheses, may hold anything, parentheses and
/// bytes that are no UTF-8 included; the fields begin behind the last one.
fn parse_stat(number: Pid, stat: &[u8]) -> Option<Seen> {
    let name_end = stat.iter().rposition(|&byte| byte == b')')?;
    let mut fields = std::str::from_utf8(&stat[name_end + 1..]).ok()?.split_whitespace();
    let state = fields.next()?;
    let parent = pid(fields.next()?);
    // Field 22 of proc(5); state is 3 and the parent 4.
    let started = fields.nth(17)?.parse().ok()?;
    let alive = !matches!(state, "Z" | "X" | "x");
    Some(Seen { process: Process { pid: number, started }, parent, alive })
}

/// A process as it is named in `/proc`; none for a number that cannot be one.
fn pid(text: &str) -> Option<Pid> {
    text.parse().ok().filter(|&number| number > 0).and_then(Pid::from_raw)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_name_cannot_forge_a_stat_line() {
        let line = b"42 (a) Z 1 (\xff) S 7 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 30 10 1 0 987 1 1\n";
        let number = Pid::from_raw(42).unwrap();
        let seen = parse_stat(number, line).unwrap();
        assert_eq!(seen.process, Process { pid: number, started: 987 });
        assert_eq!((seen.parent, seen.alive), (Pid::from_raw(7), true));
    }

    #[test]
    fn what_is_being_reaped_is_nobodys_child() {
        for parent in ["0", "-1"] {
            let line =
                format!("42 (sh) X {parent} -1 -1 0 -1 4194560 1 2 3 4 5 6 7 8 9 10 1 0 987");
            let seen = parse_stat(Pid::from_raw(42).unwrap(), line.as_bytes()).unwrap();
            assert_eq!((seen.parent, seen.alive), (None, false));
        }
    }

    #[test]
    fn descent_and_scan_find_the_same_family() {
        // A shell with a child of its own, which ends it when its standard input ends.
        let mut shell = Command::new("sh")
            .args(["-c", "sleep 60 & echo; read line; kill $!; wait"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Read::read_exact(shell.stdout.as_mut().unwrap(), &mut [0]).unwrap();
        let root = Pid::from_child(&shell);
        let (mut descended, mut scanned) = (by_descent(root), by_scan(root));
        descended.sort_by_key(|p| p.pid.as_raw_nonzero());
        scanned.sort_by_key(|p| p.pid.as_raw_nonzero());
        assert_eq!(descended.len(), 1);
        assert_eq!(descended, scanned);
        drop(shell.stdin.take());
        shell.wait().unwrap();
    }
}
