//! Processes as `/proc` shows them.

use std::fs::{self, File};
use std::io::{self, Read};

use rustix::io::Errno;
use rustix::process::Pid;

/// So much of a file of a process is read. What hides the key behind a longer environment could as
/// well have wiped it.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// A process, told from a later one with the same number by when it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Process {
    pub(super) pid: Pid,
    /// In clock ticks since the boot.
    pub(super) started: u64,
}

/// What is seen of one process at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) process: Process,
    pub(super) parent: Option<Pid>,
    /// `None` for a session that began outside of this process's PID namespace, as with the kernel's
    /// threads, or with what `docker exec` starts.
    pub(super) session: Option<Pid>,
    /// It ended and waits to be reaped.
    pub(super) is_zombie: bool,
    /// A signal or a tracer stopped it.
    pub(super) is_stopped: bool,
}

/// Every process of the machine that is visible. One that ends meanwhile may be missing; none is
/// for want of descriptors, since somebody concludes from this that nothing is left.
pub(super) fn all() -> io::Result<Vec<Seen>> {
    let mut seen = Vec::new();
    for entry in fs::read_dir("/proc")? {
        if let Some(pid) = entry?.file_name().to_str().and_then(pid) {
            seen.extend(look(pid)?);
        }
    }
    Ok(seen)
}

/// One process; `None` where there is none of that number.
pub(super) fn look(pid: Pid) -> io::Result<Option<Seen>> {
    let stat = read(pid, "stat")?;
    Ok(stat.and_then(|stat| parse_stat(pid, &stat)))
}

/// The process was started with this variable. One whose environment is not ours to read was not.
pub(super) fn has_variable(pid: Pid, name: &str, value: &str) -> io::Result<bool> {
    let environment = read(pid, "environ")?.unwrap_or_default();
    Ok(environment
        .split(|&byte| byte == 0)
        .filter_map(|entry| entry.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
        .any(|found| found == value.as_bytes()))
}

/// A file of a process, as far as it is looked at; `None` where the process is gone, or another
/// user's.
fn read(pid: Pid, file: &str) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let opened = File::open(format!("/proc/{}/{file}", pid.as_raw_nonzero()));
    match opened.and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes)) {
        Ok(_) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(None),
        Err(error) if Errno::from_io_error(&error) == Some(Errno::SRCH) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads a `stat` line. The program's name, in parentheses, may hold anything, parentheses and
/// bytes that are no UTF-8 included; the fields begin behind the last one.
fn parse_stat(number: Pid, stat: &[u8]) -> Option<Seen> {
    let name_end = stat.iter().rposition(|&byte| byte == b')')?;
    let mut fields = std::str::from_utf8(&stat[name_end + 1..]).ok()?.split_whitespace();
    let state = fields.next()?;
    let parent = pid(fields.next()?);
    let session = pid(fields.nth(1)?);
    // Field 22 of proc(5); the state is 3 and the session 6.
    let started = fields.nth(15)?.parse().ok()?;
    let is_zombie = matches!(state, "Z" | "X" | "x");
    let is_stopped = matches!(state, "T" | "t");
    let process = Process { pid: number, started };
    Some(Seen { process, parent, session, is_zombie, is_stopped })
}

/// A process as it is named in `/proc`. The kernel says -1 for the session of one that is being
/// reaped at that moment: none.
fn pid(text: &str) -> Option<Pid> {
    text.parse().ok().filter(|&number| number > 0).and_then(Pid::from_raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_forge_a_stat_line() {
        let line = b"42 (a) Z 1 (\xff) S 7 41 40 0 -1 4194560 1 2 3 4 5 6 7 8 30 10 1 0 987 1 1\n";
        let number = Pid::from_raw(42).unwrap();
        let seen = parse_stat(number, line).unwrap();
        assert_eq!(seen.process, Process { pid: number, started: 987 });
        assert_eq!((seen.parent, seen.session), (Pid::from_raw(7), Pid::from_raw(40)));
        assert!(!seen.is_zombie && !seen.is_stopped);
    }

    #[test]
    fn what_is_being_reaped_has_no_session() {
        let line = b"42 (sh) X 0 -1 -1 0 -1 4194560 1 2 3 4 5 6 7 8 30 10 1 0 987 1 1\n";
        let seen = parse_stat(Pid::from_raw(42).unwrap(), line).unwrap();
        assert_eq!((seen.parent, seen.session), (None, None));
        assert!(seen.is_zombie);
    }

    #[test]
    fn this_process_sees_itself_and_its_variables() {
        let own = rustix::process::getpid();
        assert!(all().unwrap().iter().any(|seen| seen.process.pid == own));
        let path = std::env::var("PATH").unwrap();
        assert!(has_variable(own, "PATH", &path).unwrap());
        assert!(!has_variable(own, "PAT", &path).unwrap());
        assert!(!has_variable(own, "PATH", &path[1..]).unwrap());
    }
}
