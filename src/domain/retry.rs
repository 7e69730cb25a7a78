//! How long a failed job pauses before its next attempt.

use std::time::Duration;

/// No pause is longer than this.
pub const MAX_BACKOFF: Duration = Duration::from_secs(60 * 60);

/// The ceiling of the first pause of a job that could not be started.
const FIRST_UNSTARTED: Duration = Duration::from_secs(1);

/// No pause of such a job is longer than this.
pub const MAX_UNSTARTED: Duration = Duration::from_secs(60);

/// The pause after the `failures`-th failure: exponential with full jitter, so that jobs that
/// failed together do not come back together. `base` doubles with every failure up to
/// [`MAX_BACKOFF`]; `chance` in `0.0..1.0` picks a point between nothing and that.
pub fn backoff(base: Duration, failures: u32, chance: f64) -> Duration {
    full_jitter(base, failures, MAX_BACKOFF, chance)
}

/// The pause after a job could not be started `times` times in a row: likewise, from a second up to
/// [`MAX_UNSTARTED`].
pub fn unstarted_pause(times: u32, chance: f64) -> Duration {
    full_jitter(FIRST_UNSTARTED, times, MAX_UNSTARTED, chance)
}

fn full_jitter(base: Duration, times: u32, most: Duration, chance: f64) -> Duration {
    let doublings = times.saturating_sub(1).min(32);
    let ceiling = base.saturating_mul(2u32.saturating_pow(doublings)).min(most);
    ceiling.mul_f64(chance.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_doubles_up_to_an_hour() {
        let base = Duration::from_secs(5);
        let ceilings = [1, 2, 3, 10, 11, 4_000_000].map(|n| backoff(base, n, 1.0).as_secs());
        assert_eq!(ceilings, [5, 10, 20, 2560, 3600, 3600]);
    }

    #[test]
    fn what_could_not_be_started_pauses_a_minute_at_most() {
        let ceilings = [1, 2, 6, 7, u32::MAX].map(|n| unstarted_pause(n, 1.0).as_secs());
        assert_eq!(ceilings, [1, 2, 32, 60, 60]);
    }

    #[test]
    fn the_jitter_is_full() {
        let base = Duration::from_secs(8);
        assert_eq!(backoff(base, 1, 0.0), Duration::ZERO);
        assert_eq!(backoff(base, 1, 0.25), Duration::from_secs(2));
    }
}
