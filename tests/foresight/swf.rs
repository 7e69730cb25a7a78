//! Logs in the Standard Workload Format: as text, gzipped, or the one file of a zip archive.

use std::fs::File;
use std::io::{Error, Read};
use std::path::Path;

use flate2::read::{DeflateDecoder, MultiGzDecoder};
use longhaul::domain::estimate::Traits;

/// A job of a log. Times are in seconds.
pub(crate) struct Job {
    pub(crate) accepted: f64,
    pub(crate) run: f64,
    pub(crate) traits: Traits,
    pub(crate) timeout: Option<f64>,
}

/// The fields that are used, by their place in a line; -1 in a log means that nobody knows.
const SUBMITTED: usize = 1;
const RUN: usize = 3;
const PROCESSORS: usize = 4;
const ASKED_PROCESSORS: usize = 7;
const ASKED_TIME: usize = 8;
const USER: usize = 11;
const EXECUTABLE: usize = 13;
const FIELDS: usize = 18;

/// The jobs of a log, in the order of their acceptance.
pub(crate) fn jobs(path: &Path) -> std::io::Result<Vec<Job>> {
    let text = text(path)?;
    let lines: Vec<Vec<f64>> = text.lines().filter_map(fields).collect();
    // Where a log names no executables, what its users start is what is alike.
    let has_executables = lines.iter().any(|fields| fields[EXECUTABLE] > 0.0);
    let kind = if has_executables { EXECUTABLE } else { USER };
    let mut jobs: Vec<Job> = lines.iter().map(|fields| job(fields, kind)).collect();
    jobs.sort_by(|a, b| a.accepted.total_cmp(&b.accepted));
    Ok(jobs)
}

/// A line that tells of a job which ran.
fn fields(line: &str) -> Option<Vec<f64>> {
    let fields: Vec<f64> = line.split_whitespace().map_while(|field| field.parse().ok()).collect();
    (fields.len() >= FIELDS && fields[SUBMITTED] >= 0.0 && fields[RUN] >= 0.0).then_some(fields)
}

#[expect(clippy::cast_possible_truncation, reason = "the numbers of a log are whole and small")]
fn job(fields: &[f64], kind: usize) -> Job {
    let whole = |field: usize| fields[field] as i64;
    let asked = whole(ASKED_PROCESSORS);
    let processors = if asked > 0 { asked } else { whole(PROCESSORS) };
    let traits = Traits {
        kind: Traits::key(&whole(kind)),
        caller: Traits::key(&whole(USER)),
        args: Traits::key(&(processors, whole(ASKED_TIME))),
        size: Traits::key(&processors),
        quarter: Traits::quarter(whole(SUBMITTED)),
    };
    let timeout = Some(fields[ASKED_TIME]).filter(|&most| most > 0.0);
    Job { accepted: fields[SUBMITTED], run: fields[RUN], traits, timeout }
}

fn text(path: &Path) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.read_to_end(&mut bytes)?;
    let mut text = Vec::new();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        MultiGzDecoder::new(&bytes[..]).read_to_end(&mut text)?;
    } else if bytes.starts_with(b"PK") {
        let (packed, is_deflated) = zipped(&bytes)
            .ok_or_else(|| Error::other("it is no zip archive with a plain or deflated file"))?;
        let mut packed: Box<dyn Read> =
            if is_deflated { Box::new(DeflateDecoder::new(packed)) } else { Box::new(packed) };
        packed.read_to_end(&mut text)?;
    } else {
        text = bytes;
    }
    // Comments may be in any encoding.
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// The first file of an archive, found by its directory. What else a zip may be no log is: a reader for
/// all of it would be a dependency for these lines. `true`: it is deflated.
fn zipped(bytes: &[u8]) -> Option<(&[u8], bool)> {
    let number = |at: usize, width: usize| {
        let part = bytes.get(at..at + width)?;
        Some(part.iter().rev().fold(0_usize, |all, &byte| all << 8 | usize::from(byte)))
    };
    let end = bytes.windows(4).rposition(|window| window == b"PK\x05\x06")?;
    let entry = number(end + 16, 4)?;
    let (method, packed) = (number(entry + 10, 2)?, number(entry + 20, 4)?);
    let header = number(entry + 42, 4)?;
    let data = header + 30 + number(header + 26, 2)? + number(header + 28, 2)?;
    let data = bytes.get(data..data + packed)?;
    matches!(method, 0 | 8).then_some((data, method == 8))
}
