//! Which lines of a file may hold a secret, so that no error shows them: a kind's environment, the
//! address of a database, and tokens, which no version has read from a file yet but people write.
//!
//! What was read as TOML tells where its values are. What could not be read is judged by its lines,
//! rather too many than too few: an error tells its line and column in any case.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

/// The ranges of a file, in bytes, that are not shown.
#[derive(Debug, Default)]
pub(super) struct Secrets(Vec<Range<usize>>);

impl Secrets {
    /// Those of a file, and of as much of it as could be read.
    pub(super) fn find(source: &str, table: &DeTable<'_>) -> Self {
        let mut secrets = Self::default();
        secrets.walk(table, false);
        secrets.scan(source);
        secrets
    }

    /// Whether the line on which `at` is, in bytes, must not be shown.
    pub(super) fn on_line_of(&self, source: &str, at: usize) -> bool {
        let bytes = source.as_bytes();
        let at = at.min(bytes.len());
        let start = bytes[..at].iter().rposition(|&b| b == b'\n').map_or(0, |end| end + 1);
        let end = bytes[at..].iter().position(|&b| b == b'\n').map_or(bytes.len(), |end| at + end);
        self.0.iter().any(|range| range.start <= end && range.end > start)
    }

    fn walk(&mut self, table: &DeTable<'_>, is_inside: bool) {
        for (key, value) in table {
            let is_secret = is_inside || is_name_of_secret(key.get_ref());
            if is_secret && !matches!(value.get_ref(), DeValue::Table(_)) {
                self.0.push(key.span().start..value.span().end);
            }
            self.walk_value(value.get_ref(), is_secret);
        }
    }

    fn walk_value(&mut self, value: &DeValue<'_>, is_secret: bool) {
        match value {
            DeValue::Table(table) => self.walk(table, is_secret),
            DeValue::Array(items) => {
                for item in items {
                    if is_secret {
                        self.0.push(item.span());
                    }
                    self.walk_value(item.get_ref(), is_secret);
                }
            }
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_) => {}
        }
    }

    /// A line that names a secret, what its brackets hold, and a table that is named so.
    fn scan(&mut self, source: &str) {
        let (mut start, mut is_table, mut depth) = (0, false, 0);
        for line in source.split_inclusive('\n') {
            let is_named = line.split(|c: char| !is_of_a_name(c)).any(is_name_of_secret);
            if is_header(line) {
                (is_table, depth) = (is_named, 0);
            }
            if is_named || is_table || depth > 0 {
                self.0.push(start..start + line.len());
                depth = (depth + opened(line)).max(0);
            }
            start += line.len();
        }
    }
}

fn is_of_a_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

/// `query_tokens` is the name of a limit, and none.
fn is_name_of_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    matches!(
        name.as_str(),
        "env" | "database" | "database_direct" | "tokens" | "secrets" | "passwords"
    ) || ["token", "secret", "password", "secret_access_key"]
        .iter()
        .any(|word| name.ends_with(word))
}

/// Whether a line begins a table; one that cannot be told from an item of an array does not.
fn is_header(line: &str) -> bool {
    let name = line.trim().trim_start_matches('[');
    line.trim().starts_with('[')
        && name.starts_with(is_of_a_name)
        && name.contains(']')
        && !name.contains([',', '='])
}

/// How many more brackets a line opens than it closes, those in strings not counted.
fn opened(line: &str) -> i32 {
    let (mut quote, mut is_escaped, mut depth) = (None, false, 0);
    for c in line.chars() {
        match (quote, c) {
            _ if is_escaped => is_escaped = false,
            (Some('"'), '\\') => is_escaped = true,
            (Some(open), _) if open == c => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '#') => break,
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => depth -= 1,
            _ => {}
        }
    }
    depth
}
