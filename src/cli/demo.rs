//! What the built-in kind `demo` runs: real work for a processor, with progress and a result, and
//! no tool that a machine might lack.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::exit::{DONE, FAILED, Failure};
use super::output;

/// So often it says how far it is.
const REPORT_PAUSE: Duration = Duration::from_secs(1);
/// So many hashes between two looks at the clock: a few milliseconds.
const BATCH: u32 = 10_000;

/// What it takes.
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// How long to run
    #[arg(long, default_value_t = 10.0, value_parser = seconds)]
    seconds: f64,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.0..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("expected a number from 0 to 3600".to_owned()),
    }
}

/// Hashes until the time is over.
pub(super) fn run(args: &DemoArgs) -> Result<u8, Failure> {
    let begun = Instant::now();
    let length = Duration::from_secs_f64(args.seconds);
    let mut hash = Sha256::digest(b"longhaul");
    let mut hashes: u64 = 0;
    let mut next_report = Duration::ZERO;
    loop {
        let elapsed = begun.elapsed();
        if elapsed >= next_report || elapsed >= length {
            let done =
                if length.is_zero() { 1.0 } else { elapsed.div_duration_f64(length).min(1.0) };
            let percent = (done * 100.0).floor();
            output::line(&format!("{percent:>3} %  {hashes} hashes"))?;
            let message = format!("{hashes} hashes");
            append("LONGHAUL_PROGRESS", &json!({"percent": percent, "message": message}))?;
            next_report = elapsed + REPORT_PAUSE;
        }
        if elapsed >= length {
            break;
        }
        for _ in 0..BATCH {
            hash = Sha256::digest(hash);
        }
        hashes += u64::from(BATCH);
    }
    append("LONGHAUL_RESULT", &json!({"hashes": hashes, "last": hex::encode(hash)}))?;
    Ok(DONE)
}

/// Appends a line to the file that a variable names; without the variable nobody asked for it.
fn append(variable: &str, value: &Value) -> Result<(), Failure> {
    let Some(path) = std::env::var_os(variable) else { return Ok(()) };
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .and_then(|mut file| file.write_all(format!("{value}\n").as_bytes()))
        .map_err(|e| Failure::new(FAILED, format!("`{}`: {e}", path.display())))
}
