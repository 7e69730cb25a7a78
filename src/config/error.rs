//! What is wrong with a configuration, told so that it can be mended without a manual: the place,
//! the key, the value that stands there and what would be valid. All problems of a file are told
//! at once.

use std::fmt;
use std::ops::Range;

/// Why there is no configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    place: Option<Place>,
    key: Option<String>,
    message: String,
}

/// Where in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    file: String,
    line: usize,
    column: usize,
    /// The line itself and how many characters of it are meant; `None` where it may hold a secret.
    excerpt: Option<(String, usize)>,
}

impl ConfigError {
    /// What is wrong, in the order of the file; what is not of a file comes first.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The error of at least one problem.
    pub(super) fn new(problems: Vec<Problem>) -> Self {
        Self { problems }
    }
}

impl Problem {
    /// A problem of a flag, a variable or a whole file.
    pub(super) fn general(message: impl Into<String>) -> Self {
        Self { place: None, key: None, message: message.into() }
    }

    /// A problem of what stands at `span`, in bytes, of a file. Its line is shown unless `hidden`.
    pub(super) fn at(
        file: &str,
        source: &str,
        span: &Range<usize>,
        hidden: bool,
        message: String,
    ) -> Self {
        let start = floor_char_boundary(source, span.start);
        let before = &source[..start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = source[line_start..].lines().next().unwrap_or_default();
        let end = floor_char_boundary(source, span.end.clamp(start, line_start + line.len()));
        let width = source[start..end.max(start)].chars().count().max(1);
        let place = Place {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: source[line_start..start].chars().count() + 1,
            excerpt: (!hidden).then(|| (line.to_owned(), width)),
        };
        Self { place: Some(place), key: None, message }
    }

    /// The same as a problem of a key, like `server.listen`.
    #[must_use]
    pub(super) fn of_key(mut self, key: Option<&str>) -> Self {
        self.key = key.map(str::to_owned);
        self
    }

    /// The key that it is about, like `server.listen`, where it is about one.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// The file, the line and the column, both from 1, where it stands in a file.
    pub fn place(&self) -> Option<(&str, usize, usize)> {
        self.place.as_ref().map(|place| (place.file.as_str(), place.line, place.column))
    }

    /// What is wrong and what would be valid, without the place.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Orders problems: those of no file first, then by line and column.
    pub(super) fn order(&self) -> (usize, usize) {
        self.place.as_ref().map_or((0, 0), |place| (place.line, place.column))
    }
}

fn floor_char_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(place) = &self.place else { return f.write_str(&self.message) };
        write!(f, "{}:{}:{}: {}", place.file, place.line, place.column, self.message)?;
        let Some((line, width)) = &place.excerpt else { return Ok(()) };
        // Tabs are kept, so that the marks stand below what they mark.
        let indent: String = line
            .chars()
            .take(place.column - 1)
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        write!(f, "\n    {line}\n    {indent}{}", "^".repeat(*width))
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.problems.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
