//! When a shim that should have ended is not waited for any longer. Pure, so that every order of
//! events can be tried without a process.
//!
//! A command can stop its own supervisor, which then neither hears an order nor keeps its timeout
//! (P10). It is woken when it has something to do; one that is found stopped all the same is killed
//! soon after the grace, and one that only does not end once its own patience is long over.

use std::time::Duration;

use tokio::time::Instant;

/// How long after its last KILL a shim may be found stopped: it should have ended within one.
const STOPPED_FOR: Duration = Duration::from_secs(3);
/// How long any shim may take: it kills for a minute before it records an unkillable end.
const SILENT_FOR: Duration = Duration::from_secs(70);
/// From one look at a shim that should have ended to the next.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// What is to be done to the shim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(super) enum Action {
    /// Nothing.
    Nothing,
    /// CONT: it has something to do.
    Wake,
    /// KILL: it does not do it.
    Kill,
}

/// The watch over one shim.
#[derive(Debug)]
pub(super) struct Guard {
    grace: Duration,
    /// When it should notice by itself that its command runs too long.
    timeout_at: Option<Instant>,
    /// When it should have sent its KILL.
    kill_at: Option<Instant>,
    /// When it is looked at again.
    look_at: Option<Instant>,
}

impl Guard {
    /// Over a shim that starts now. A span past the end of time is one without end.
    pub(super) fn new(timeout: Option<Duration>, grace: Duration, now: Instant) -> Self {
        let timeout_at = timeout.and_then(|after| now.checked_add(after));
        Self { grace, timeout_at, kill_at: None, look_at: None }
    }

    /// It was told to stop.
    pub(super) fn ordered(&mut self, at_once: bool, now: Instant) -> Action {
        let grace = if at_once { Duration::ZERO } else { self.grace };
        self.expect_kill(now.checked_add(grace));
        Action::Wake
    }

    /// When [`Guard::due`] must be asked.
    pub(super) fn next(&self) -> Option<Instant> {
        [self.timeout_at, self.look_at].into_iter().flatten().min()
    }

    /// What is due; `is_stopped` is asked for where it matters.
    pub(super) fn due(&mut self, now: Instant, is_stopped: impl FnOnce() -> bool) -> Action {
        if self.timeout_at.is_some_and(|at| at <= now) {
            self.timeout_at = None;
            self.expect_kill(now.checked_add(self.grace));
            return Action::Wake;
        }
        match (self.kill_at, self.look_at) {
            (Some(kill_at), Some(look_at)) if look_at <= now => {
                self.look_at = Some(now + LOOK_AGAIN);
                if is_stopped() || now.saturating_duration_since(kill_at) >= SILENT_FOR {
                    return Action::Kill;
                }
                Action::Nothing
            }
            _ => Action::Nothing,
        }
    }

    /// The first stop counts, but a later one may shorten it.
    fn expect_kill(&mut self, at: Option<Instant>) {
        let Some(at) = at.filter(|at| self.kill_at.is_none_or(|known| *at < known)) else { return };
        self.kill_at = Some(at);
        self.look_at = at.checked_add(STOPPED_FOR);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(10);
    const TIMEOUT: Duration = Duration::from_secs(60);

    fn stopped() -> bool {
        true
    }

    fn runs() -> bool {
        false
    }

    #[test]
    fn nobody_is_watched_who_has_nothing_to_do() {
        let now = Instant::now();
        assert_eq!(Guard::new(None, GRACE, now).next(), None);
        assert_eq!(Guard::new(Some(Duration::MAX), GRACE, now).next(), None);
        let mut endless = Guard::new(None, Duration::MAX, now);
        assert_eq!(endless.ordered(false, now), Action::Wake);
        assert_eq!(endless.next(), None);
    }

    #[test]
    fn a_stopped_shim_is_killed_soon_after_the_grace_and_another_much_later() {
        let now = Instant::now();
        let mut guard = Guard::new(None, GRACE, now);
        assert_eq!(guard.ordered(false, now), Action::Wake);
        let look = now + GRACE + STOPPED_FOR;
        assert_eq!(guard.next(), Some(look));
        assert_eq!(guard.due(look, runs), Action::Nothing);
        assert_eq!(guard.next(), Some(look + LOOK_AGAIN));
        assert_eq!(guard.due(look, stopped), Action::Nothing, "not asked before");
        assert_eq!(guard.due(look + LOOK_AGAIN, stopped), Action::Kill);
        let last = now + GRACE + SILENT_FOR;
        assert_eq!(guard.due(last - LOOK_AGAIN, runs), Action::Nothing);
        assert_eq!(guard.due(last, runs), Action::Kill);
    }

    #[test]
    fn an_order_at_once_shortens_the_wait_and_no_other_does() {
        let now = Instant::now();
        let mut guard = Guard::new(None, GRACE, now);
        let _ = guard.ordered(false, now);
        let later = now + Duration::from_secs(1);
        assert_eq!(guard.ordered(false, later), Action::Wake);
        assert_eq!(guard.next(), Some(now + GRACE + STOPPED_FOR));
        assert_eq!(guard.ordered(true, later), Action::Wake);
        assert_eq!(guard.next(), Some(later + STOPPED_FOR));
    }

    #[test]
    fn a_shim_is_woken_for_its_timeout_and_then_watched() {
        let now = Instant::now();
        let mut guard = Guard::new(Some(TIMEOUT), GRACE, now);
        let at = now + TIMEOUT;
        assert_eq!(guard.next(), Some(at));
        assert_eq!(guard.due(at, stopped), Action::Wake);
        assert_eq!(guard.next(), Some(at + GRACE + STOPPED_FOR));
        assert_eq!(guard.due(at + GRACE + STOPPED_FOR, stopped), Action::Kill);
    }
}
