//! How long what ended is kept.

use std::time::Duration;

/// How long ended jobs and their logs are kept: past any of these, those that ended first go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// How long after their end.
    pub age: Duration,
    /// How many ended jobs.
    pub jobs: u64,
    /// How many bytes of logs.
    pub log_bytes: u64,
}

impl Default for Retention {
    fn default() -> Self {
        let age = Duration::from_secs(30 * 24 * 60 * 60);
        Self { age, jobs: 1_000_000, log_bytes: 10 * 1024 * 1024 * 1024 }
    }
}
