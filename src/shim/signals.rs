//! The signals of the shim, so that its command begins with none of them blocked, ignored or handled.

use std::fs;
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use nix::sys::signal::SigSet;
use signal_hook::consts::{FORBIDDEN, SIGCHLD, SIGHUP, SIGINT, SIGPIPE, SIGTERM};

use super::complain::complain;

/// What the C library keeps for itself.
const INTERNAL: [i32; 2] = [32, 33];

/// Lets TERM, INT and HUP pass without effect, and makes `SIGCHLD` readable on the socket returned.
///
/// Handlers, never `SIG_IGN`: the command would inherit an ignored TERM and ignore ours. For the same
/// reason what was ignored before us (by `nohup`, or in a shell's background) gets a handler too. What
/// was blocked is let through, for us and for the command: std hands the mask of the thread on.
pub(super) fn catch() -> io::Result<UnixStream> {
    let unused = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&unused))?;
    }
    for signal in ignored() {
        if let Err(error) = signal_hook::flag::register(signal, Arc::clone(&unused)) {
            complain(format_args!("the command ignores signal {signal}: {error}"));
        }
    }
    let (deaths, signalled) = UnixStream::pair()?;
    deaths.set_nonblocking(true)?;
    signal_hook::low_level::pipe::register(SIGCHLD, signalled)?;
    // Only now: what was held back until here finds its handler.
    SigSet::empty().thread_set_mask()?;
    Ok(deaths)
}

/// What is ignored, but for what may not be handled, and for PIPE, of which std takes care.
fn ignored() -> Vec<i32> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).unwrap_or(0);
    (1..=64)
        .filter(|signal| ignored >> (signal - 1) & 1 == 1)
        .filter(|signal| *signal != SIGPIPE && !FORBIDDEN.contains(signal))
        .filter(|signal| !INTERNAL.contains(signal))
        .collect()
}
