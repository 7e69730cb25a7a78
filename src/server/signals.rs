//! How a person or a service manager asks the server to stop.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Stop;

/// TERM and INT, counted together.
pub(super) struct Signals {
    term: Signal,
    interrupt: Signal,
    first: bool,
}

impl Signals {
    /// Begins to listen: from now on, neither signal ends the process by itself.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            first: true,
        })
    }

    /// What the next signal asks for: the first one to drain, every further one to stop now.
    pub(super) async fn next(&mut self) -> Stop {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.interrupt.recv() => {}
        }
        if std::mem::take(&mut self.first) { Stop::Drain } else { Stop::Now }
    }
}
