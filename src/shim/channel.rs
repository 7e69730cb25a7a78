//! The two pipes between server and shim: orders come in on standard input, news go out on
//! standard output. Neither can block the shim: the folder is the truth, the pipes only hasten.

use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::BorrowedFd;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::{Errno, retry_on_intr};
use rustix::stdio::{stdin, stdout};

use super::complain::complain;
use super::protocol::{LifelineByte, StatusByte, StopCause};

/// The shortest time between two bytes that say that the log grew.
const LOG_GREW_INTERVAL: Duration = Duration::from_millis(10);

/// What came over the lifeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// An order.
    Order(LifelineByte),
    /// It may run until this instant, in milliseconds since the boot.
    Lease(u64),
    /// Its end: the server is gone.
    Gone,
}

impl Heard {
    /// Until when it may run, in milliseconds since the boot, where that is what it says.
    pub(super) fn lease(self) -> Option<u64> {
        match self {
            Self::Lease(until) => Some(until),
            Self::Order(_) | Self::Gone => None,
        }
    }

    /// The stop that it asks for, and whether at once.
    pub(super) fn stop(self) -> Option<(StopCause, bool)> {
        match self {
            Self::Gone => Some((StopCause::ServerGone, false)),
            Self::Order(LifelineByte::Cancel) => Some((StopCause::Cancel, false)),
            Self::Order(LifelineByte::CancelNow) => Some((StopCause::Cancel, true)),
            Self::Order(LifelineByte::Shutdown) => Some((StopCause::Shutdown, false)),
            Self::Order(LifelineByte::ShutdownNow) => Some((StopCause::Shutdown, true)),
            Self::Order(LifelineByte::LeaseRenewed | LifelineByte::Detach) | Self::Lease(_) => None,
        }
    }
}

/// Standard input: orders, and the server's life itself.
#[derive(Debug)]
pub(super) struct Lifeline {
    open: bool,
    /// What was read so far of a renewal.
    renewal: Option<u64>,
}

impl Lifeline {
    pub(super) fn new() -> Self {
        Self { open: true, renewal: None }
    }

    /// What to wait for; `None` after its end.
    pub(super) fn descriptor(&self) -> Option<BorrowedFd<'static>> {
        self.open.then(stdin)
    }

    /// What came so far, without waiting.
    pub(super) fn read_if_ready(&mut self) -> Vec<Heard> {
        let mut heard = Vec::new();
        while self.open && !heard.contains(&Heard::Gone) && readable(stdin()) {
            heard.extend(self.read());
        }
        heard
    }

    /// One read; waits where nothing is there. Bytes that no order has are passed over: a newer
    /// server may know more of them.
    fn read(&mut self) -> Vec<Heard> {
        let mut bytes = [0; 64];
        match rustix::io::read(stdin(), &mut bytes) {
            Ok(read) if read > 0 => {
                bytes[..read].iter().filter_map(|&byte| self.take(byte)).collect()
            }
            Err(Errno::INTR | Errno::AGAIN) => Vec::new(),
            Ok(_) | Err(_) => {
                self.open = false;
                vec![Heard::Gone]
            }
        }
    }

    /// One byte of what is said; an order where it is the last one of it.
    fn take(&mut self, byte: u8) -> Option<Heard> {
        match (byte, self.renewal) {
            (b'0'..=b'9', Some(until)) => {
                let digit = u64::from(byte - b'0');
                self.renewal = Some(until.saturating_mul(10).saturating_add(digit));
                None
            }
            (b'\n', Some(until)) => {
                self.renewal = None;
                Some(Heard::Lease(until))
            }
            _ => {
                let order = LifelineByte::from_byte(byte)?;
                self.renewal = (order == LifelineByte::LeaseRenewed).then_some(0);
                (order != LifelineByte::LeaseRenewed).then_some(Heard::Order(order))
            }
        }
    }
}

fn readable(descriptor: BorrowedFd<'_>) -> bool {
    let mut fds = [PollFd::new(&descriptor, PollFlags::IN)];
    let ready = retry_on_intr(|| poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })));
    matches!(ready, Ok(1..))
}

/// Standard output: news for the server.
#[derive(Debug)]
pub(super) struct Status {
    pipe: BorrowedFd<'static>,
    log_grew: bool,
    log_told: Option<Instant>,
}

impl Status {
    pub(super) fn new() -> Self {
        let pipe = stdout();
        let set = fcntl_getfl(pipe).and_then(|flags| fcntl_setfl(pipe, flags | OFlags::NONBLOCK));
        if let Err(error) = set {
            complain(format_args!("the status pipe may block: {error}"));
        }
        Self { pipe, log_grew: false, log_told: None }
    }

    /// Sends news; lost where the pipe is full (the server then has bytes left to read, and will
    /// look) or where nobody listens.
    pub(super) fn send(&self, news: StatusByte) {
        let _ = rustix::io::write(self.pipe, &[news as u8]);
    }

    /// Notes that the log grew; told by [`Status::tell_log`].
    pub(super) fn log_grew(&mut self) {
        self.log_grew = true;
    }

    /// When the growth of the log may be told; `None` where there is none to tell.
    pub(super) fn due(&self) -> Option<Instant> {
        let told = self.log_told?;
        self.log_grew.then(|| told + LOG_GREW_INTERVAL)
    }

    /// Tells that the log grew, at most every few milliseconds.
    pub(super) fn tell_log(&mut self, now: Instant) {
        if self.log_grew && self.log_told.is_none_or(|told| told + LOG_GREW_INTERVAL <= now) {
            self.log_grew = false;
            self.log_told = Some(now);
            self.send(StatusByte::LogGrew);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renewal_is_read_in_pieces_and_takes_no_order_with_it() {
        let mut lifeline = Lifeline::new();
        let mut heard = Vec::new();
        for byte in b"r1200\ncr7r35\nr9s\n4" {
            heard.extend(lifeline.take(*byte));
        }
        let order = Heard::Order;
        assert_eq!(
            heard,
            [
                Heard::Lease(1200),
                order(LifelineByte::Cancel),
                Heard::Lease(35),
                order(LifelineByte::Shutdown)
            ]
        );
    }
}
