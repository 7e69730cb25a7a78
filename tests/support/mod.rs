//! What several areas share: a runner whose attempts end when the test says so, kinds made by
//! hand, the real server and its client, and one deadline that prints what was seen.

use std::io::Write;

pub(crate) mod appears;
pub(crate) mod deadline;
pub(crate) mod executable;
pub(crate) mod filled;
pub(crate) mod filled_postgres;
pub(crate) mod gated;
pub(crate) mod graphql;
pub(crate) mod hosts;
pub(crate) mod kinds;
pub(crate) mod ledger;
pub(crate) mod metrics;
pub(crate) mod paused;
pub(crate) mod pgbouncer;
pub(crate) mod ports;
pub(crate) mod postgres;
pub(crate) mod proxy;
pub(crate) mod s3;
pub(crate) mod server;
pub(crate) mod watch;

/// Prints what a run found, past the capture of the test harness.
pub(crate) fn print(line: &str) {
    writeln!(std::io::stdout().lock(), "{line}").unwrap();
}
