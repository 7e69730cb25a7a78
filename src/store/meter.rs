//! What the writer did since the store was opened: for whoever watches the server.

use std::time::Duration;

use crate::domain::meter::{Count, Spread};

/// From a tenth of a millisecond to five seconds.
const BOUNDS: &[Duration] = &[
    Duration::from_micros(100),
    Duration::from_micros(250),
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_micros(2_500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(5),
];

/// All accounts.
#[derive(Debug)]
pub struct Meter {
    /// How long transactions took that changed something, until they were durable.
    pub commits: Spread,
    /// Writes that those did.
    pub writes: Count,
    /// Writes that failed because of the store.
    pub failures: Count,
}

impl Default for Meter {
    fn default() -> Self {
        Self { commits: Spread::new(BOUNDS), writes: Count::default(), failures: Count::default() }
    }
}
