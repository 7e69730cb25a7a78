//! Labels in a file: what a worker has, and what a kind asks of one. Bounded like those of jobs.

use crate::domain::label::{Label, Labels};
use crate::domain::limits::Limits;

use super::table::Field;

/// Reads a table of names and values, all of them strings.
pub(super) fn labels(field: &Field<'_>, limits: &Limits) -> Option<Labels> {
    let fields = field.section()?.into_fields();
    if fields.len() > limits.labels {
        let most = limits.labels;
        field.refuse(&format!("{} labels: expected at most {most}", fields.len()));
        return None;
    }
    // All of them, so that each problem is told.
    let labels: Vec<_> = fields.iter().map(|field| label(field, limits)).collect();
    // TOML has no key twice.
    Labels::new(labels.into_iter().collect::<Option<_>>()?).ok()
}

fn label(field: &Field<'_>, limits: &Limits) -> Option<Label> {
    let (key, most) = (field.name, limits.label_key_bytes);
    if key.is_empty() || key.len() > most {
        let (begin, bytes) = (key.chars().take(80).collect::<String>(), key.len());
        field.refuse_key(&format!(
            "the name `{begin}` of a label is {bytes} bytes: expected 1 to {most}"
        ));
        return None;
    }
    let (value, most) = (field.text()?, limits.label_value_bytes);
    if value.len() > most {
        field.refuse(&format!("it is {} bytes: expected at most {most}", value.len()));
        return None;
    }
    Some(Label { key: key.to_owned(), value: value.to_owned() })
}
