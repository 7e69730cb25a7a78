//! What is written how in TOML, where the library leaves it to us: paths of keys, values on one
//! line, and the words for a key that stands twice.

use std::fmt::Write as _;
use std::ops::Range;

use serde_json::Value;
use toml::de::DeValue;

/// A key below a path, quoted where it has to be.
pub(super) fn path(above: &str, name: &str) -> String {
    let name = key(name);
    if above.is_empty() { name } else { format!("{above}.{name}") }
}

fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !name.is_empty() && name.chars().all(bare) { name.to_owned() } else { string(name) }
}

/// A value on one line. `null` has no place in TOML and is left out of tables.
pub(super) fn value(value: &Value) -> String {
    match value {
        Value::String(text) => string(text),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(self::value).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(entries) => {
            let entry =
                |(name, item): (&String, &Value)| format!("{} = {}", key(name), self::value(item));
            let entries: Vec<_> =
                entries.iter().filter(|(_, item)| !item.is_null()).map(entry).collect();
            if entries.is_empty() {
                "{}".to_owned()
            } else {
                format!("{{ {} }}", entries.join(", "))
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// What sort of value this is, without the value.
pub(super) fn describe(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

fn string(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => {
                write!(quoted, "\\u{:04X}", u32::from(c)).expect("a string can be written");
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// What is told of the key at `span` that stands in the file a second time, and nothing where the
/// whole table that it stands in does and is among `all` that do: that is told by itself.
pub(super) fn stands_twice(
    source: &str,
    span: &Range<usize>,
    all: &[Range<usize>],
) -> Option<String> {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let line_of = |span: &Range<usize>| source[..span.start].matches('\n').count();
    let at = line_of(span);
    let again = lines.get(at).copied().unwrap_or_default();
    let name = source.get(span.clone()).unwrap_or_default();
    let (what, first, or) = if let Some(table) = header(again) {
        (table.to_owned(), first_header(&lines, at), ", or give one another name")
    } else {
        let begins = lines[..at].iter().rposition(|line| header(line).is_some());
        if begins.is_some_and(|begins| all.iter().any(|other| line_of(other) == begins)) {
            return None;
        }
        let is_key = |line: &&str| {
            line.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with('='))
        };
        let from = begins.unwrap_or(0);
        let first = lines[from..at].iter().position(is_key).map(|line| from + line);
        (name.to_owned(), first, "")
    };
    let first = first.map_or_else(String::new, |line| format!(", first in line {}", line + 1));
    Some(format!("`{what}` stands here a second time{first}: keep one of them{or}"))
}

/// The index of an earlier line with the header of the line at `at`, in the same item of an array.
fn first_header(lines: &[&str], at: usize) -> Option<usize> {
    let again = header(lines[at])?;
    let path = again.trim_matches(['[', ']']);
    let holds = |line: &&str| {
        let item = header(line).and_then(|header| header.strip_prefix("[[")?.strip_suffix("]]"));
        item.and_then(|item| path.strip_prefix(item)).is_some_and(|below| below.starts_with('.'))
    };
    let from = lines[..at].iter().rposition(holds).unwrap_or(0);
    let first = lines[from..at].iter().position(|line| header(line) == Some(again));
    first.map(|line| from + line)
}

/// The brackets, with what stands in them, of a line that begins a table.
fn header(line: &str) -> Option<&str> {
    let end = if line.starts_with("[[") { "]]" } else { "]" };
    line.starts_with('[').then(|| line.find(end).map(|at| &line[..at + end.len()]))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_value_is_read_as_it_was_written() {
        let all = json!({
            "a": [1, -2.5, true, "x\"\\\n\t\u{1}é", []],
            "two words": {"": {}, "b.c": {"d": 18_446_744_073_709_551_615_u64 / 4}},
        });
        let text = format!("{} = {}", path("", "the key"), value(&all));
        let read: Value = toml::from_str(&text).unwrap();
        assert_eq!(read, json!({ "the key": all }), "{text}");
    }

    #[test]
    fn null_is_left_out() {
        assert_eq!(value(&json!({"a": null, "b": 1})), "{ b = 1 }");
    }

    #[test]
    fn the_first_of_two_is_named() {
        let told = |source: &str, twice: &str| {
            let at = source.rfind(twice).unwrap();
            let table = source.rfind("x.a").map(|at| at..at + 3);
            let all: Vec<_> = table.into_iter().collect();
            stands_twice(source, &(at..at + twice.len()), &all).unwrap_or_default()
        };
        let words =
            |what, first| format!("`{what}` stands here a second time{first}: keep one of them");
        assert_eq!(told("a = 1\na = 2", "a"), words("a", ", first in line 1"));
        let keys = "[x]\na = 1\n[y]\n a=1\nb = 2\na = 2";
        assert_eq!(told(keys, "a"), words("a", ", first in line 4"));
        let tables = "[x.a]\n[y]\n[x.a] # again\nk = 1";
        assert_eq!(
            told("[x.a]\n[y]\n[x.a]", "a"),
            words("[x.a]", ", first in line 1") + ", or give one another name"
        );
        assert_eq!(told(tables, "k"), "", "the table was told of");
        assert_eq!(told("b.c = 1\nb = 2", "b"), words("b", ""));
    }
}
