//! Where the words go: data to standard output, everything else to standard error. No colours.

use std::fmt::Write as _;
use std::io::{self, ErrorKind, Write as _};

use serde::Serialize;
use serde_json::Value;

use super::exit::{FAILED, Failure};

/// Prints a line of data.
pub(super) fn line(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.write_all(b"\n"))
        // A follower of our output wants each line when it comes, through a pipe too.
        .and_then(|()| out.flush())
        .map_err(|error| not_written(&error))
}

/// Prints text that has its ends of line.
pub(super) fn text(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| not_written(&error))
}

fn not_written(error: &io::Error) -> Failure {
    if error.kind() == ErrorKind::BrokenPipe {
        Failure::broken_pipe()
    } else {
        Failure::new(FAILED, format!("standard output cannot be written: {error}"))
    }
}

/// Prints a JSON document for a program, readable by a person too.
pub(super) fn document(value: &impl Serialize) -> Result<(), Failure> {
    line(&serde_json::to_string_pretty(value).expect("plain data is JSON"))
}

/// Prints a JSON document as one line of a stream.
pub(super) fn record(value: &Value) -> Result<(), Failure> {
    line(&value.to_string())
}

/// Says something to the person; nobody listening is no failure.
pub(super) fn say(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Rows below their titles, in columns as wide as their widest cell; the last one as it comes.
pub(super) fn table(titles: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = titles.iter().map(|title| title.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let titles: Vec<String> = titles.iter().map(|&title| title.to_owned()).collect();
    let mut text = String::new();
    for row in std::iter::once(&titles).chain(rows) {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            let cell = one_line(cell);
            write!(line, "{cell:<width$}  ").expect("a string can be written");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// The text with everything that could break a line or move the cursor as a space.
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [
            vec!["1".to_owned(), "zwölf".to_owned(), "a\nb\u{1b}[2J".to_owned()],
            vec!["1234".to_owned(), "x".to_owned(), String::new()],
        ];
        assert_eq!(
            table(&["ID", "KIND", "DETAIL"], &rows),
            "ID    KIND   DETAIL\n1     zwölf  a b [2J\n1234  x\n"
        );
    }
}
