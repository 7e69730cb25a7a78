//! Keeps "nine of ten" true whatever the plays leave out: adaptive conformal prediction.
//!
//! How far the latest lies behind the likely is stretched a little whenever a job started later than it
//! was told, and drawn in by a ninth of that whenever it did not. So in the long run nine of ten come
//! before, whatever runs are like, for as long as they leave room for it.

use super::line::Spread;

/// How far one miss stretches: so slowly that one day does not undo another, and fast enough to hold
/// after a few hundred starts.
const STEP: f64 = 0.02;
/// The share of those that must come before.
const SHARE: f64 = 0.9;
/// It stretches and draws in at most so much, by its logarithm: what is told stays a number.
const MOST: f64 = 5.0;

/// The stretch of one queue, as a logarithm.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Scale(f64);

impl Scale {
    /// What to tell of what the plays say.
    pub fn told(self, played: Spread) -> Spread {
        let Spread { likely, latest } = played;
        Spread { likely, latest: likely + (latest - likely).max(0.0) * self.0.exp() }
    }

    /// Learns how it came out after what was told; both in seconds.
    pub fn learn(&mut self, told: Spread, came: f64) {
        let step = if came <= told.latest { SHARE - 1.0 } else { SHARE };
        self.0 = (self.0 + STEP * step).clamp(-MOST, MOST);
    }
}
