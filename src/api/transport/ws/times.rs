//! What must happen on a socket within its time: one timer for all of it.

use std::future::pending;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use crate::domain::limits::Limits;

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// The client has left something untaken for too long.
    Taken,
    /// The session must have begun.
    Begun,
    /// The client may be asked whether it is there.
    Ping,
}

/// The times of one socket.
pub(super) struct Times {
    alarm: Pin<Box<Sleep>>,
    /// `None`: that time has passed.
    must_begin: Option<Instant>,
    /// `None`: it is due.
    next_ping: Option<Instant>,
    ping: Duration,
    slow_reader: Duration,
}

impl Times {
    pub(super) fn new(limits: &Limits) -> Self {
        let Limits { init_timeout, ping, slow_reader, .. } = *limits;
        let now = Instant::now();
        let (must_begin, next_ping) = (now + init_timeout, Some(now + ping));
        let alarm = Box::pin(sleep_until(must_begin));
        Self { alarm, must_begin: Some(must_begin), next_ping, ping, slow_reader }
    }

    /// Waits for what is due next; `untaken`: since when something waits to be taken, while which nobody
    /// is asked. Safe to drop and call again.
    pub(super) async fn due(&mut self, untaken: Option<Instant>) -> Due {
        let taken = untaken.map(|since| (since + self.slow_reader, Due::Taken));
        let begun = self.must_begin.map(|at| (at, Due::Begun));
        let ping = self.next_ping.filter(|_| untaken.is_none()).map(|at| (at, Due::Ping));
        let first = [taken, begun, ping].into_iter().flatten().min_by_key(|(at, _)| *at);
        let Some((at, due)) = first else { return pending().await };
        if self.alarm.deadline() != at {
            self.alarm.as_mut().reset(at);
        }
        self.alarm.as_mut().await;
        match due {
            Due::Taken => {}
            Due::Begun => self.must_begin = None,
            Due::Ping => self.next_ping = None,
        }
        due
    }

    /// The client may be asked, and was not yet.
    pub(super) fn ping_is_due(&self) -> bool {
        self.next_ping.is_none()
    }

    /// It is asked now; how long it has to answer: until the next time.
    pub(super) fn pinged(&mut self) -> Duration {
        self.next_ping = Some(Instant::now() + self.ping);
        self.ping
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_comes_in_its_time() {
        let [init_timeout, ping, slow_reader] = [3, 15, 10].map(Duration::from_secs);
        let limits = Limits { init_timeout, ping, slow_reader, ..Limits::default() };
        let (begin, mut times) = (Instant::now(), Times::new(&limits));
        assert_eq!((times.due(None).await, begin.elapsed().as_secs()), (Due::Begun, 3));
        assert_eq!((times.due(None).await, begin.elapsed().as_secs()), (Due::Ping, 15));
        // It is due until it is sent, and nobody is asked who has something to take.
        let untaken = Some(Instant::now());
        assert_eq!((times.due(untaken).await, begin.elapsed().as_secs()), (Due::Taken, 25));
        assert!(times.ping_is_due());
        times.pinged();
        assert_eq!((times.due(None).await, begin.elapsed().as_secs()), (Due::Ping, 40));
    }
}
