//! Reads a TOML document key by key, so that every problem is found and each has its place.
//!
//! A [`Section`] gives out its fields by name; what nobody took when it is finished is an unknown
//! key. A [`Field`] gives its value as a type or tells its document what is wrong with it and gives
//! `None`; the reader goes on, and the file is refused at its end.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};

use serde_json::{Map, Number, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::Problem;
use super::secrets::Secrets;
use super::suggest::nearest;
use super::syntax;
use super::value::{Expected, grouped};

/// A file and what is wrong with it.
#[derive(Default)]
pub(super) struct Document<'d> {
    file: &'d str,
    source: &'d str,
    secrets: OnceCell<Secrets>,
    problems: RefCell<Vec<Problem>>,
    /// Where each field that was taken has its value.
    places: RefCell<BTreeMap<String, Range<usize>>>,
}

/// A table of a document.
pub(super) struct Section<'d> {
    document: &'d Document<'d>,
    path: String,
    place: Range<usize>,
    fields: Vec<(Field<'d>, Cell<bool>)>,
    known: RefCell<Vec<&'static str>>,
}

/// A key of a section with its value.
#[derive(Clone)]
pub(super) struct Field<'d> {
    document: &'d Document<'d>,
    /// The key itself.
    pub(super) name: &'d str,
    /// The key with those above it, as messages show it.
    path: String,
    key: Range<usize>,
    value: &'d Spanned<DeValue<'d>>,
}

impl<'d> Document<'d> {
    /// A document and the text that it stands for.
    pub(super) fn new(file: &'d str, source: &'d str) -> Self {
        Self { file, source, ..Self::default() }
    }

    /// Its tables, or `None` after telling why it is no TOML.
    pub(super) fn parse(&self) -> Option<Spanned<DeTable<'d>>> {
        let (table, errors) = DeTable::parse_recoverable(self.source);
        self.secrets.get_or_init(|| Secrets::find(self.source, table.get_ref()));
        let twice = errors.iter().filter(|error| error.message() == "duplicate key");
        let twice: Vec<_> = twice.filter_map(toml::de::Error::span).collect();
        for error in &errors {
            let span = error.span().unwrap_or_default();
            let message = match error.message() {
                "duplicate key" => syntax::stands_twice(self.source, &span, &twice),
                other => {
                    let lines: Vec<_> = other.lines().collect();
                    Some(format!("no valid TOML: {}", lines.join(", ")))
                }
            };
            if let Some(message) = message {
                self.tell(&span, None, message);
            }
        }
        errors.is_empty().then_some(table)
    }

    /// The root of its tables.
    pub(super) fn root(&'d self, table: &'d DeTable<'d>) -> Section<'d> {
        Section::new(self, String::new(), 0..0, table)
    }

    /// Adds a problem with its place and the key that it is about.
    fn tell(&self, span: &Range<usize>, key: Option<&str>, message: String) {
        let secrets = self.secrets.get();
        let hidden = secrets.is_none_or(|found| found.on_line_of(self.source, span.start));
        self.tell_hidden(span, key, hidden, message);
    }

    fn tell_hidden(&self, span: &Range<usize>, key: Option<&str>, hidden: bool, message: String) {
        let problem = Problem::at(self.file, self.source, span, hidden, message);
        self.problems.borrow_mut().push(problem.of_key(key));
    }

    /// What is wrong, in the order of the file.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(Problem::order);
        problems
    }

    /// The line of each field that was taken, by its path.
    pub(super) fn lines(&self) -> BTreeMap<String, usize> {
        let line = |span: &Range<usize>| self.source[..span.start].matches('\n').count() + 1;
        self.places.borrow().iter().map(|(path, span)| (path.clone(), line(span))).collect()
    }
}

impl<'d> Section<'d> {
    fn new(
        document: &'d Document<'d>,
        path: String,
        place: Range<usize>,
        table: &'d DeTable<'d>,
    ) -> Self {
        let fields = table
            .iter()
            .map(|(key, value)| {
                let name: &str = key.get_ref();
                let path = syntax::path(&path, name);
                (Field { document, name, path, key: key.span(), value }, Cell::new(false))
            })
            .collect();
        Self { document, path, place, fields, known: RefCell::default() }
    }

    /// The field of this name, where it stands in the file.
    pub(super) fn take(&self, name: &'static str) -> Option<Field<'d>> {
        self.known.borrow_mut().push(name);
        let (field, taken) = self.fields.iter().find(|(field, _)| field.name == name)?;
        taken.set(true);
        // A table's own span is its content; where it is declared stands its key.
        let is_table = matches!(field.value.get_ref(), DeValue::Table(_));
        let span = if is_table { field.key.clone() } else { field.value.span() };
        self.document.places.borrow_mut().insert(field.path.clone(), span);
        Some(field.clone())
    }

    /// The section of this name, where it stands in the file.
    pub(super) fn section(&self, name: &'static str) -> Option<Section<'d>> {
        self.take(name).and_then(|field| field.section())
    }

    /// All fields: their names are the user's own.
    pub(super) fn into_fields(self) -> Vec<Field<'d>> {
        self.fields.into_iter().map(|(field, _)| field).collect()
    }

    /// Tells that a key is missing.
    pub(super) fn missing(&self, name: &str, valid: &str) {
        let message = format!("[{}] has no `{name}`: {valid}", self.path);
        self.document.tell(&self.place, Some(&syntax::path(&self.path, name)), message);
    }

    /// Tells of every field that nobody took.
    pub(super) fn finish(&self) {
        let known = self.known.borrow();
        for (field, _) in self.fields.iter().filter(|(_, taken)| !taken.get()) {
            let place =
                if self.path.is_empty() { String::new() } else { format!(" in [{}]", self.path) };
            let valid = match nearest(field.name, known.iter().copied()) {
                Some(word) => format!("did you mean `{word}`?"),
                None => format!("expected one of {}", known.join(", ")),
            };
            let message = format!("unknown key `{}`{place}: {valid}", field.name);
            self.document.tell(&field.key, Some(&field.path), message);
        }
    }
}

impl<'d> Field<'d> {
    /// Tells what would be valid in its place.
    pub(super) fn refuse(&self, problem: &str) {
        self.refuse_at(&self.value.span(), problem);
    }

    /// Tells what is wrong with its key.
    pub(super) fn refuse_key(&self, problem: &str) {
        self.document.tell(&self.key, Some(&self.path), problem.to_owned());
    }

    /// Tells what would be valid in its place without showing the line: it may hold a secret.
    pub(super) fn refuse_hidden(&self, span: &Range<usize>, problem: &str) {
        let message = format!("`{}`: {problem}", self.path);
        self.document.tell_hidden(span, Some(&self.path), true, message);
    }

    /// Where its value stands.
    pub(super) fn span(&self) -> Range<usize> {
        self.value.span()
    }

    fn refuse_at(&self, span: &Range<usize>, problem: &str) {
        self.document.tell(span, Some(&self.path), format!("`{}`: {problem}", self.path));
    }

    fn refuse_type<T>(&self, expected: &str) -> Option<T> {
        self.refuse(&format!(
            "expected {expected}, found {}",
            syntax::describe(self.value.get_ref())
        ));
        None
    }

    /// Its value as a table.
    pub(super) fn section(&self) -> Option<Section<'d>> {
        let DeValue::Table(table) = self.value.get_ref() else {
            return self.refuse_type("a table");
        };
        Some(Section::new(self.document, self.path.clone(), self.key.clone(), table))
    }

    /// Its value as a string.
    pub(super) fn text(&self) -> Option<&'d str> {
        let DeValue::String(text) = self.value.get_ref() else {
            return self.refuse_type("a string");
        };
        Some(text)
    }

    /// Its value where it is a string; nothing is told where it is none.
    pub(super) fn peek(&self) -> Option<&'d str> {
        let DeValue::String(text) = self.value.get_ref() else { return None };
        Some(text)
    }

    /// Its value as a string that `read` reads.
    pub(super) fn parsed<T>(&self, read: impl FnOnce(&str) -> Result<T, Expected>) -> Option<T> {
        let value = self.value.get_ref();
        if let DeValue::String(text) = value {
            return read(text)
                .map_err(|expected| self.refuse(&format!("`{text}` is not valid: {expected}")))
                .ok();
        }
        // None of them reads an empty text, and each then says what it would read.
        if let Err(expected) = read("") {
            self.refuse(&format!("{expected}, found {}", syntax::describe(value)));
        }
        None
    }

    /// Its value as one of the words.
    pub(super) fn word<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        let text = self.text()?;
        let found = words.iter().find(|(word, _)| *word == text).map(|&(_, value)| value);
        if found.is_none() {
            let words: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
            self.refuse(&format!("`{text}` is not valid: expected {}", words.join(" or ")));
        }
        found
    }

    /// Its value as a boolean.
    pub(super) fn boolean(&self) -> Option<bool> {
        let DeValue::Boolean(value) = self.value.get_ref() else {
            return self.refuse_type("true or false");
        };
        Some(*value)
    }

    /// Its value as a whole number of the range.
    pub(super) fn integer<T: TryFrom<i64>>(&self, range: RangeInclusive<i64>) -> Option<T> {
        self.integer_of(self.value, &range)
    }

    /// Its value as an array of whole numbers of the range.
    pub(super) fn integers<T: TryFrom<i64>>(&self, range: &RangeInclusive<i64>) -> Option<Vec<T>> {
        let DeValue::Array(items) = self.value.get_ref() else {
            return self.refuse_type("an array of whole numbers");
        };
        items.iter().map(|item| self.integer_of(item, range)).collect()
    }

    fn integer_of<T: TryFrom<i64>>(
        &self,
        value: &Spanned<DeValue<'_>>,
        range: &RangeInclusive<i64>,
    ) -> Option<T> {
        let (number, shown) = match value.get_ref() {
            DeValue::Integer(n) => (i64::from_str_radix(n.as_str(), n.radix()).ok(), n.to_string()),
            DeValue::String(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => (None, syntax::describe(value.get_ref()).to_owned()),
        };
        let found = number.filter(|n| range.contains(n)).and_then(|n| T::try_from(n).ok());
        if found.is_none() {
            let (least, most) = (grouped(*range.start()), grouped(*range.end()));
            let problem = format!("expected a whole number from {least} to {most}, found {shown}");
            self.refuse_at(&value.span(), &problem);
        }
        found
    }

    /// Its value as an array of strings, each with its place.
    pub(super) fn texts(&self) -> Option<Vec<(&'d str, Range<usize>)>> {
        let DeValue::Array(items) = self.value.get_ref() else {
            return self.refuse_type("an array of strings");
        };
        let text = |item: &'d Spanned<DeValue<'d>>| {
            if let DeValue::String(text) = item.get_ref() {
                return Some((text.as_ref(), item.span()));
            }
            let problem =
                format!("expected only strings, found {}", syntax::describe(item.get_ref()));
            self.refuse_at(&item.span(), &problem);
            None
        };
        items.iter().map(text).collect()
    }

    /// Its value as an array of strings that `read` reads.
    pub(super) fn parsed_texts<T>(
        &self,
        read: impl Fn(&str) -> Result<T, Expected>,
    ) -> Option<Vec<T>> {
        let read = |(text, span): (&str, Range<usize>)| {
            read(text)
                .map_err(|e| self.refuse_at(&span, &format!("`{text}` is not valid: {e}")))
                .ok()
        };
        self.texts()?.into_iter().map(read).collect()
    }

    /// Its value as JSON, keys in the order of the file.
    pub(super) fn json(&self) -> Option<Value> {
        self.json_of(self.value)
    }

    fn json_of(&self, value: &Spanned<DeValue<'_>>) -> Option<Value> {
        let number = match value.get_ref() {
            DeValue::String(text) => return Some(Value::String(text.to_string())),
            DeValue::Boolean(value) => return Some(Value::Bool(*value)),
            DeValue::Array(items) => return items.iter().map(|i| self.json_of(i)).collect(),
            DeValue::Table(table) => {
                let mut entries: Vec<_> = table.iter().collect();
                entries.sort_by_key(|(key, _)| key.span().start);
                let entry = |(key, item): (&Spanned<_>, _)| {
                    Some((AsRef::<str>::as_ref(key.get_ref()).to_owned(), self.json_of(item)?))
                };
                let map = entries.into_iter().map(|(k, v)| entry((k, v)));
                return map.collect::<Option<Map<_, _>>>().map(Value::Object);
            }
            DeValue::Integer(n) => {
                i64::from_str_radix(n.as_str(), n.radix()).ok().map(Number::from)
            }
            DeValue::Float(f) => f.as_str().parse().ok().and_then(Number::from_f64),
            DeValue::Datetime(_) => None,
        };
        if number.is_none() {
            let problem = format!(
                "{} has no place in JSON: write a string",
                syntax::describe(value.get_ref())
            );
            self.refuse_at(&value.span(), &problem);
        }
        number.map(Value::Number)
    }

    /// Tells of a problem at a JSON Pointer into its value; at the value itself where the pointer
    /// leads nowhere.
    pub(super) fn refuse_pointer(&self, pointer: &str, problem: &str) {
        let mut at = self.value;
        for step in pointer.split('/').skip(1) {
            let step = step.replace("~1", "/").replace("~0", "~");
            let next = match at.get_ref() {
                DeValue::Table(table) => table.get(step.as_str()),
                DeValue::Array(items) => step.parse::<usize>().ok().and_then(|n| items.get(n)),
                DeValue::String(_)
                | DeValue::Integer(_)
                | DeValue::Float(_)
                | DeValue::Boolean(_)
                | DeValue::Datetime(_) => None,
            };
            match next {
                Some(next) => at = next,
                None => break,
            }
        }
        // A table that is spread over several lines has no good place of its own.
        let is_table = matches!(at.get_ref(), DeValue::Table(_));
        let span = if is_table { self.key.clone() } else { at.span() };
        self.refuse_at(&span, problem);
    }
}
