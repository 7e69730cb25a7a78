//! Where the words go: data to standard output, everything else to standard error. No colours of
//! our own.
//!
//! What others wrote, a job or a server, may hold what makes a terminal do something. A terminal is
//! shown such characters as `\x1b`; a pipe or a file gets every text as it is.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, ErrorKind, IsTerminal as _, Write as _};

use console::{Alignment, Term, measure_text_width, pad_str, truncate_str};
use serde::Serialize;
use serde_json::Value;

use super::exit::{FAILED, Failure};
use super::status_line::lifted;

/// Prints a line of data.
pub(super) fn line(text: &str) -> Result<(), Failure> {
    write_line(&shown(text, io::stdout().is_terminal(), Colours::Shown))
}

/// Prints a line that a job had printed on standard output. Its colours are its own affair.
pub(super) fn printed(text: &str) -> Result<(), Failure> {
    write_line(&shown(text, io::stdout().is_terminal(), Colours::Kept))
}

fn write_line(text: &str) -> Result<(), Failure> {
    lifted(|| {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())
            .and_then(|()| out.write_all(b"\n"))
            // A follower of our output wants each line when it comes, through a pipe too.
            .and_then(|()| out.flush())
            .map_err(|error| not_written(&error))
    })
}

/// Prints text that has its ends of line.
pub(super) fn text(text: &str) -> Result<(), Failure> {
    let text = shown(text, io::stdout().is_terminal(), Colours::Shown);
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

/// What is printed beside something that counts by itself, an exit code or what is done: who does not read it gets that
/// all the same.
pub(super) fn beside(printed: Result<(), Failure>) -> Result<(), Failure> {
    printed.or_else(|failure| if failure.is_silent() { Ok(()) } else { Err(failure) })
}

/// Prints a JSON document for a program, readable by a person too.
pub(super) fn document(value: &impl Serialize) -> Result<(), Failure> {
    line(&escaped(&serde_json::to_string_pretty(value).expect("plain data is JSON")))
}

/// Prints a JSON document as one line of a stream.
pub(super) fn record(value: &Value) -> Result<(), Failure> {
    line(&escaped(&value.to_string()))
}

/// JSON in which the controls that it may leave as they are, U+007F to U+009F, are escaped too.
/// They stand in strings only.
fn escaped(json: &str) -> Cow<'_, str> {
    let is_bare = |c: char| c.is_control() && !c.is_ascii_whitespace();
    if !json.contains(is_bare) {
        return Cow::Borrowed(json);
    }
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if is_bare(c) {
            write!(text, "\\u{:04x}", u32::from(c)).expect("a string can be written");
        } else {
            text.push(c);
        }
    }
    Cow::Owned(text)
}

/// Says something to the person; nobody listening is no failure.
pub(super) fn say(text: &str) {
    let text = shown(text, io::stderr().is_terminal(), Colours::Shown);
    lifted(|| {
        let _ = writeln!(io::stderr().lock(), "{text}");
    });
}

/// Says something that holds nobody else's words but cleaned ones, with colours of our own.
pub(super) fn say_styled(text: &str) {
    lifted(|| {
        let _ = writeln!(io::stderr().lock(), "{text}");
    });
}

/// Prints a line that a job had printed on standard error, as [`printed`] does.
pub(super) fn printed_error(text: &str) {
    let text = shown(text, io::stderr().is_terminal(), Colours::Kept);
    lifted(|| {
        let _ = writeln!(io::stderr().lock(), "{text}");
    });
}

/// What a terminal does with the sequences for colours and styles.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Colours {
    /// They are followed, up to the end of the text.
    Kept,
    /// They are characters like others.
    Shown,
}

/// A text as it is, or for a terminal with each control but ends of lines and tabs made visible.
fn shown(text: &str, on_terminal: bool, colours: Colours) -> Cow<'_, str> {
    let acts = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if !on_terminal || !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    let (mut shown, mut rest) = (String::with_capacity(text.len()), text);
    let mut is_coloured = false;
    while let Some(c) = rest.chars().next() {
        let mut length = c.len_utf8();
        if let Some(end) = colour(rest).filter(|_| colours == Colours::Kept) {
            length = end;
            is_coloured = !matches!(&rest[..end], "\u{1b}[m" | "\u{1b}[0m");
            shown.push_str(&rest[..end]);
        } else if acts(c) {
            write!(shown, "\\x{:02x}", u32::from(c)).expect("a string can be written");
        } else {
            shown.push(c);
        }
        rest = &rest[length..];
    }
    if is_coloured {
        // What follows is not the job's.
        shown.push_str("\u{1b}[0m");
    }
    Cow::Owned(shown)
}

/// The length of the sequence for a colour or a style that a text begins with.
fn colour(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\u{1b}[")?;
    let end = parameters.find(|c: char| !matches!(c, '0'..='9' | ';' | ':'))?;
    parameters[end..].starts_with('m').then_some(2 + end + 1)
}

/// Prints a table, each row on one line of the terminal; elsewhere nothing is cut.
pub(super) fn table(titles: &[&str], rows: &[Vec<String>]) -> Result<(), Failure> {
    let whole = aligned(titles, rows);
    let terminal = Term::stdout();
    if !terminal.features().is_attended() {
        return text(&whole);
    }
    text(&fitted(&whole, usize::from(terminal.size().1)))
}

/// The lines, none wider than this.
fn fitted(text: &str, width: usize) -> String {
    text.lines().flat_map(|line| [truncate_str(line, width, "…"), "\n".into()]).collect()
}

/// Rows below their titles, in columns as wide as their widest cell; the last one as it comes.
pub(super) fn aligned(titles: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = titles.iter().map(|title| measure_text_width(title)).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(measure_text_width(&one_line(cell)));
        }
    }
    let titles: Vec<String> = titles.iter().map(|&title| title.to_owned()).collect();
    let mut text = String::new();
    for row in std::iter::once(&titles).chain(rows) {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            line.push_str(&pad_str(&one_line(cell), *width, Alignment::Left, None));
            line.push_str("  ");
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
    fn a_terminal_gets_colours_and_nothing_else_that_moves_it() {
        let red = "\u{1b}[1;31mred\u{1b}[0m \u{1b}[38:5:1mx\u{1b}[m";
        for (text, kept) in [
            ("plain\ttext é\n", "plain\ttext é\n"),
            (red, red),
            ("\u{1b}[31mred", "\u{1b}[31mred\u{1b}[0m"),
            ("\u{1b}[2J\u{1b}]0;t\u{7}\u{9b}2J", r"\x1b[2J\x1b]0;t\x07\x9b2J"),
            ("a\u{8}\rb\u{7f}\u{1b}", r"a\x08\x0db\x7f\x1b"),
            ("\u{1b}[31", r"\x1b[31"),
        ] {
            assert_eq!(shown(text, true, Colours::Kept), kept, "{text:?}");
            assert_eq!(shown(text, false, Colours::Kept), text);
        }
        assert_eq!(shown("\u{1b}[31mred", true, Colours::Shown), r"\x1b[31mred");
    }

    #[test]
    fn json_holds_no_control() {
        let value = serde_json::json!({"a\u{9b}": "\u{7f}\u{1}é\n"});
        let text = escaped(&value.to_string()).into_owned();
        assert_eq!(text, r#"{"a\u009b":"\u007f\u0001é\n"}"#);
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&escaped(&pretty)).unwrap(), value);
    }

    #[test]
    fn a_line_is_cut_where_the_terminal_ends() {
        assert_eq!(fitted("0123456789\nab 漢字漢字\n", 8), "0123456…\nab 漢字…\n");
        assert_eq!(fitted("short\n", 20), "short\n");
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [
            vec!["1".to_owned(), "zwölf".to_owned(), "a\nb\u{1b}[2J".to_owned()],
            vec!["1234".to_owned(), "x".to_owned(), String::new()],
        ];
        assert_eq!(
            aligned(&["ID", "KIND", "DETAIL"], &rows),
            "ID    KIND   DETAIL\n1     zwölf  a b [2J\n1234  x\n"
        );
    }
}
