//! What a command says of its progress: lines in a file, or a pattern in what it prints.
//!
//! Both are the command's to write, so nothing here may fail the attempt, block, or grow with what
//! the command does (P12).

use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;

use regex::Regex;
use serde_json::Value;

use super::log::Follower;
use crate::shim::protocol::files;

/// A longer message is cut: it is meant to be a few words.
const MAX_MESSAGE_BYTES: usize = 1024;

/// What a command reported, without its instant.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Reported {
    pub(super) percent: Option<f64>,
    pub(super) current: Option<i64>,
    pub(super) total: Option<i64>,
    pub(super) message: Option<String>,
}

/// Looks for what is new in both places.
#[derive(Debug)]
pub(super) struct Watcher {
    file: ProgressFile,
    pattern: Option<Pattern>,
}

impl Watcher {
    pub(super) fn new(file: ProgressFile, pattern: Option<Pattern>) -> Self {
        Self { file, pattern }
    }

    /// The latest report since the last look; the file's where both have one. Blocks.
    pub(super) fn look(&mut self) -> Option<Reported> {
        let printed = self.pattern.as_mut().map(Pattern::look).transpose();
        let written = self.file.look();
        for error in [printed.as_ref().err(), written.as_ref().err()].into_iter().flatten() {
            tracing::debug!(%error, "the progress of an attempt cannot be read");
        }
        written.ok().flatten().or(printed.ok().flatten().flatten())
    }
}

/// The file that `LONGHAUL_PROGRESS` names.
#[derive(Debug)]
pub(super) struct ProgressFile {
    path: PathBuf,
    /// Read up to here: behind a whole line.
    at: u64,
    /// Nothing behind this is read.
    limit: u64,
}

impl ProgressFile {
    pub(super) fn new(path: PathBuf, limit: u64) -> Self {
        Self { path, at: 0, limit }
    }

    /// The last whole line that reports anything, of those that are new.
    fn look(&mut self) -> io::Result<Option<Reported>> {
        let Some(mut file) = files::open(&self.path)? else { return Ok(None) };
        if file.metadata()?.len() < self.at {
            // Written anew instead of appended to.
            self.at = 0;
        }
        file.seek(SeekFrom::Start(self.at))?;
        let mut bytes = Vec::new();
        file.take(self.limit.saturating_sub(self.at)).read_to_end(&mut bytes)?;
        let Some(end) = bytes.iter().rposition(|&byte| byte == b'\n') else { return Ok(None) };
        self.at += end as u64 + 1;
        Ok(bytes[..end].rsplit(|&byte| byte == b'\n').find_map(parse))
    }
}

/// A line of the file; `None` where it is not an object that reports anything.
fn parse(line: &[u8]) -> Option<Reported> {
    let value: Value = serde_json::from_slice(line).ok()?;
    let value = value.as_object()?;
    let number = |name| value.get(name).and_then(Value::as_f64).filter(|n| n.is_finite());
    let whole = |name| value.get(name).and_then(Value::as_i64).or_else(|| to_whole(number(name)?));
    let message = value.get("message").and_then(Value::as_str).map(shortened);
    let reported = Reported {
        percent: number("percent"),
        current: whole("current"),
        total: whole("total"),
        message,
    };
    (reported != Reported::default()).then_some(reported)
}

fn to_whole(number: f64) -> Option<i64> {
    /// Every whole number up to here has a double of its own.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and small enough")]
    let whole = (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64);
    whole
}

fn shortened(message: &str) -> String {
    let fits = |at: &usize| message.is_char_boundary(*at);
    let end = (0..=MAX_MESSAGE_BYTES.min(message.len())).rev().find(fits).unwrap_or(0);
    message[..end].to_owned()
}

/// A pattern with the group `percent`, or `done` and `total`, and the log that it is sought in.
#[derive(Debug)]
pub(super) struct Pattern {
    regex: Regex,
    log: Follower,
}

impl Pattern {
    /// `None` where it is no regular expression, which the configuration has refused before.
    pub(super) fn new(pattern: &str, log: Follower) -> Option<Self> {
        let regex = Regex::new(pattern)
            .inspect_err(|error| tracing::warn!(%error, "a progress pattern cannot be used"));
        Some(Self { regex: regex.ok()?, log })
    }

    /// What the last line that matches says, of those that are new.
    fn look(&mut self) -> io::Result<Option<Reported>> {
        let mut last = None;
        let regex = &self.regex;
        self.log.read(|line| {
            if let Some(found) = matched(regex, line) {
                last = Some(found);
            }
        })?;
        Ok(last)
    }
}

fn matched(regex: &Regex, line: &str) -> Option<Reported> {
    let groups = regex.captures_iter(line).last()?;
    let number = |name| groups.name(name)?.as_str().parse().ok().filter(|n: &f64| n.is_finite());
    let (done, total) = (number("done"), number("total"));
    let share = || Some(done? / total.filter(|&total| total > 0.0)? * 100.0);
    let reported = Reported {
        percent: number("percent").or_else(share),
        current: done.and_then(to_whole),
        total: total.and_then(to_whole),
        message: None,
    };
    (reported != Reported::default()).then_some(reported)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn percent(percent: f64) -> Reported {
        Reported { percent: Some(percent), ..Reported::default() }
    }

    #[test]
    fn the_last_whole_line_that_says_something_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("progress");
        let mut file = ProgressFile::new(path.clone(), 1_000);
        assert_eq!(file.look().unwrap(), None);
        fs::write(&path, "{\"percent\":1}\n{\"percent\":2.5}\nnonsense\n{}\n{\"per").unwrap();
        assert_eq!(file.look().unwrap(), Some(percent(2.5)));
        assert_eq!(file.look().unwrap(), None);
        let text = fs::read_to_string(&path).unwrap() + "cent\":3}\n";
        fs::write(&path, text).unwrap();
        assert_eq!(file.look().unwrap(), Some(percent(3.0)));
        fs::write(&path, "{\"percent\":4}\n").unwrap();
        assert_eq!(file.look().unwrap(), Some(percent(4.0)), "written anew");
    }

    #[test]
    fn the_file_is_read_no_further_than_its_limit() {
        // P12
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("progress");
        let lines = "{\"percent\":1}\n{\"percent\":2}\n";
        fs::write(&path, lines).unwrap();
        let look = |limit| ProgressFile::new(path.clone(), limit).look().unwrap();
        let whole = lines.len() as u64;
        assert_eq!(look(whole + 1), Some(percent(2.0)));
        assert_eq!(look(whole), Some(percent(2.0)));
        assert_eq!(look(whole - 1), Some(percent(1.0)));
    }

    #[test]
    fn values_are_taken_where_they_are_what_they_should_be() {
        let line = br#"{"percent":"7","current":3.0,"total":4.5,"message":"half way"}"#;
        let expected = Reported {
            current: Some(3),
            message: Some("half way".to_owned()),
            ..Reported::default()
        };
        assert_eq!(parse(line), Some(expected));
        let long = format!(r#"{{"message":"{}"}}"#, "\u{e9}".repeat(600));
        assert_eq!(parse(long.as_bytes()).unwrap().message.unwrap().len(), 1024);
    }

    #[test]
    fn a_pattern_gives_a_percentage_or_done_of_total() {
        let regex = Regex::new(r"(?P<percent>[\d.]+)%").unwrap();
        assert_eq!(matched(&regex, "10% then 45.5%"), Some(percent(45.5)));
        assert_eq!(matched(&regex, "...%"), None);
        let regex = Regex::new(r"(?P<done>\d+)/(?P<total>\d+)").unwrap();
        let half = Reported { current: Some(2), total: Some(4), ..percent(50.0) };
        assert_eq!(matched(&regex, "test 2/4"), Some(half));
        let none = Reported { current: Some(0), total: Some(0), ..Reported::default() };
        assert_eq!(matched(&regex, "0/0"), Some(none));
    }

    #[test]
    fn a_progress_file_that_is_a_pipe_blocks_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("progress");
        let (cwd, fifo) = (rustix::fs::CWD, rustix::fs::FileType::Fifo);
        rustix::fs::mknodat(cwd, &path, fifo, rustix::fs::Mode::RUSR, 0).unwrap();
        assert!(ProgressFile::new(path, 1_000).look().is_err());
    }
}
