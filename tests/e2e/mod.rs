//! The whole product: the real binary with its real shims and its real SQLite, asked over real
//! sockets. What it kept is read from its database, not only from its answers.
//!
//! Each test has a size that `make test` bears; the size of the full run is an environment
//! variable, named beside it.

mod abuse;
mod bad_input;
mod cancel;
mod crowd;
mod events;
mod fleet;
mod fleet_burn;
mod fleet_kill;
mod fleet_labels;
mod fleet_live;
mod fleet_logs;
mod fleet_objects;
mod fleet_order;
mod fleet_progress;
mod fleet_s3;
mod history;
mod hostile;
mod kept;
mod limits;
mod logs;
mod many;
mod metrics;
mod migrate;
mod outage;
mod output;
mod pooler;
mod positions;
mod postgres;
mod real;
mod stalled;
mod storm;
mod subscribers;
mod work;

use serde_json::{Value, json};

/// A number from the environment, for the full runs.
fn size(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap())
}

/// The arguments of a kind that runs a shell script.
fn script(text: &str) -> Value {
    json!({ "script": text })
}

/// A measurement that is worth reading; shown by `--nocapture`.
#[expect(clippy::print_stderr, reason = "the counts of a run are for whoever reads the run")]
fn report(line: &str) {
    eprintln!("{line}");
}
