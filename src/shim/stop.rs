//! The law of stopping: which reason counts, and when TERM becomes KILL. Pure, so that every order
//! of events can be tried without a process.

use std::time::{Duration, Instant};

use super::protocol::StopCause;

/// The longest grace once no server is left: it would start again beside a tree that lingers.
const GRACE_WITHOUT_SERVER: Duration = Duration::from_secs(1);

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(super) enum Action {
    /// Nothing new.
    Nothing,
    /// TERM to the group.
    Terminate,
    /// KILL to everything.
    Kill,
}

/// The stop of one attempt, from none to KILL. It only ever goes forward.
#[derive(Debug)]
pub(super) struct Stop {
    grace: Duration,
    /// The longest grace once the lease is over: others may begin after it.
    of_lease: Duration,
    cause: Option<StopCause>,
    kill_at: Option<Instant>,
    killed: bool,
}

impl Stop {
    /// No stop yet.
    pub(super) fn new(grace: Duration) -> Self {
        Self { grace, of_lease: grace, cause: None, kill_at: None, killed: false }
    }

    /// The same with so long a grace, at most, once the lease is over.
    pub(super) fn within_lease(mut self, grace: Duration) -> Self {
        self.of_lease = grace;
        self
    }

    /// The first reason given; later ones can only hasten.
    pub(super) fn cause(&self) -> Option<StopCause> {
        self.cause
    }

    /// KILL was ordered, or needed.
    pub(super) fn killed(&self) -> bool {
        self.killed
    }

    /// When [`Stop::due`] must be asked again.
    pub(super) fn kill_at(&self) -> Option<Instant> {
        self.kill_at
    }

    /// From TERM to KILL for this reason.
    fn grace(&self, cause: StopCause) -> Duration {
        match cause {
            StopCause::ServerGone => self.grace.min(GRACE_WITHOUT_SERVER),
            StopCause::Lease => self.grace.min(self.of_lease),
            StopCause::Cancel | StopCause::Timeout | StopCause::Shutdown => self.grace,
        }
    }

    /// Takes an order to stop.
    pub(super) fn order(&mut self, cause: StopCause, at_once: bool, now: Instant) -> Action {
        let first = self.cause.is_none();
        self.cause.get_or_insert(cause);
        if self.killed {
            return Action::Nothing;
        }
        let grace = self.grace(cause);
        if at_once || grace.is_zero() {
            return self.kill();
        }
        // A grace past the end of time is one without end.
        let kill_at = now.checked_add(grace);
        if first {
            self.kill_at = kill_at;
            return Action::Terminate;
        }
        if matches!(cause, StopCause::ServerGone | StopCause::Lease) {
            self.kill_at = self.kill_at.min(kill_at).or(kill_at);
        }
        Action::Nothing
    }

    /// KILL, if the grace is over.
    pub(super) fn due(&mut self, now: Instant) -> Action {
        if self.kill_at.is_some_and(|at| at <= now) { self.kill() } else { Action::Nothing }
    }

    /// The command has ended: no KILL is needed for a stop any more. Returns when it would have come.
    pub(super) fn command_ended(&mut self) -> Option<Instant> {
        self.kill_at.take()
    }

    fn kill(&mut self) -> Action {
        self.kill_at = None;
        self.killed = true;
        Action::Kill
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(10);

    #[test]
    fn the_first_reason_stays_and_a_later_one_at_once_escalates() {
        let (mut stop, now) = (Stop::new(GRACE), Instant::now());
        assert_eq!(stop.order(StopCause::Timeout, false, now), Action::Terminate);
        assert_eq!(stop.order(StopCause::Cancel, false, now), Action::Nothing);
        assert_eq!(stop.kill_at(), Some(now + GRACE), "a second order gives no second grace");
        assert_eq!(stop.order(StopCause::Cancel, true, now), Action::Kill);
        assert_eq!(stop.order(StopCause::Shutdown, true, now), Action::Nothing);
        assert_eq!((stop.cause(), stop.killed()), (Some(StopCause::Timeout), true));
    }

    #[test]
    fn term_becomes_kill_after_the_grace_and_not_before() {
        let (mut stop, now) = (Stop::new(GRACE), Instant::now());
        let _ = stop.order(StopCause::Shutdown, false, now);
        assert_eq!(stop.due(now + GRACE.mul_f64(0.999)), Action::Nothing);
        assert_eq!(stop.due(now + GRACE), Action::Kill);
        assert_eq!(stop.due(now + GRACE), Action::Nothing);
    }

    #[test]
    fn without_a_server_the_grace_is_short_and_never_longer_than_what_is_left() {
        let now = Instant::now();
        let mut stop = Stop::new(GRACE);
        let _ = stop.order(StopCause::ServerGone, false, now);
        assert_eq!(stop.kill_at(), Some(now + GRACE_WITHOUT_SERVER));

        let mut stop = Stop::new(GRACE);
        let _ = stop.order(StopCause::Cancel, false, now);
        assert_eq!(stop.order(StopCause::ServerGone, false, now), Action::Nothing);
        assert_eq!(stop.kill_at(), Some(now + GRACE_WITHOUT_SERVER));
        let late = now + GRACE_WITHOUT_SERVER / 2;
        let _ = stop.order(StopCause::ServerGone, false, late);
        assert_eq!(stop.kill_at(), Some(now + GRACE_WITHOUT_SERVER));
    }

    #[test]
    fn past_the_lease_the_grace_is_what_the_lease_leaves() {
        // P11
        let now = Instant::now();
        let left = Duration::from_secs(3);
        let mut stop = Stop::new(GRACE).within_lease(left);
        let _ = stop.order(StopCause::Lease, false, now);
        assert_eq!(stop.kill_at(), Some(now + left));
        let mut stop = Stop::new(GRACE).within_lease(left);
        let _ = stop.order(StopCause::Cancel, false, now);
        assert_eq!(stop.order(StopCause::Lease, false, now), Action::Nothing);
        assert_eq!((stop.kill_at(), stop.cause()), (Some(now + left), Some(StopCause::Cancel)));
    }

    #[test]
    fn an_end_within_the_grace_needs_no_kill() {
        let (mut stop, now) = (Stop::new(GRACE), Instant::now());
        let _ = stop.order(StopCause::Cancel, false, now);
        assert_eq!(stop.command_ended(), Some(now + GRACE));
        assert_eq!(stop.due(now + GRACE), Action::Nothing);
        assert!(!stop.killed());
    }

    #[test]
    fn no_grace_is_kill_at_once_and_an_endless_one_no_overflow() {
        let now = Instant::now();
        assert_eq!(Stop::new(Duration::ZERO).order(StopCause::Cancel, false, now), Action::Kill);
        let mut stop = Stop::new(Duration::MAX);
        assert_eq!(stop.order(StopCause::Cancel, false, now), Action::Terminate);
        assert_eq!(stop.kill_at(), None);
        assert_eq!(stop.order(StopCause::ServerGone, false, now), Action::Nothing);
        assert_eq!(stop.kill_at(), Some(now + GRACE_WITHOUT_SERVER));
    }
}
