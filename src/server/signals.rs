//! How a person or a service manager asks the server to stop.

use std::fs;
use std::io;

use nix::sys::signal::SigSet;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// Let what runs end within the drain timeout.
    Drain,
    /// Now.
    Now,
}

/// TERM, INT and, of a terminal that closes, HUP, counted together.
pub(super) struct Signals {
    term: Signal,
    interrupt: Signal,
    /// `None` where whoever started us had it ignored, as `nohup` does.
    hangup: Option<Signal>,
    first: bool,
}

impl Signals {
    /// Begins to listen: from now on, none of them ends the process by itself.
    pub(super) fn new() -> io::Result<Self> {
        // One thread that blocks nothing is enough for a signal to get through, whatever was blocked
        // when we were started. Other threads still block it, so each shim sees to its own.
        SigSet::empty().thread_set_mask()?;
        let hangup = SignalKind::hangup();
        let is_ignored = is_ignored(&fs::read_to_string("/proc/self/status")?, hangup);
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: if is_ignored { None } else { Some(signal(hangup)?) },
            first: true,
        })
    }

    /// What the next signal asks for: the first one to drain, every further one to stop now.
    pub(super) async fn next(&mut self) -> Stop {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = hangup => {}
        }
        if std::mem::take(&mut self.first) { Stop::Drain } else { Stop::Now }
    }
}

/// Whether a process ignores a signal, by its `status` of proc(5): in `SigIgn`, a set in
/// hexadecimal digits, signal 1 is the lowest bit.
fn is_ignored(status: &str, signal: SignalKind) -> bool {
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|set| u64::from_str_radix(set.trim(), 16).ok());
    ignored.is_some_and(|set| set >> (signal.as_raw_value() - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ignored_signal_is_a_bit_of_the_set() {
        let status = "Name:\tsh\nSigBlk:\t0000000000000001\nSigIgn:\t0000000000001004\n";
        let ignored = |kind| is_ignored(status, kind);
        assert!(ignored(SignalKind::quit()) && ignored(SignalKind::pipe()));
        assert!(!ignored(SignalKind::hangup()) && !ignored(SignalKind::interrupt()));
        assert!(is_ignored("SigIgn:\t0000000000000001\n", SignalKind::hangup()));
    }
}
