//! `longhaul kinds`: what can be started, and with which arguments.

use serde::Deserialize;
use serde_json::{Value, json};

use super::client::read;
use super::exit::{DONE, Failure};
use super::model::{Label, Named, labels};
use super::operations::KINDS;
use super::{Context, output};

/// A kind, as its row shows it.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "camelCase")]
struct Kind {
    name: String,
    description: Option<String>,
    args_schema: Value,
    queue: Named,
    worker_labels: Vec<Label>,
}

/// Lists kinds.
pub(super) async fn run(context: &Context) -> Result<u8, Failure> {
    let kinds = context.client.field(KINDS, &json!({}), "kinds").await?;
    if context.json {
        output::document(&kinds)?;
        return Ok(DONE);
    }
    let rows: Vec<_> = read::<Vec<Kind>>(KINDS, &kinds)?.into_iter().map(cells).collect();
    if rows.is_empty() {
        output::say("no kinds are declared");
    } else {
        output::table(&["KIND", "QUEUE", "WORKER LABELS", "ARGUMENTS", "DESCRIPTION"], &rows)?;
    }
    Ok(DONE)
}

fn cells(kind: Kind) -> Vec<String> {
    let arguments = arguments(&kind.args_schema);
    let (asks, description) = (labels(&kind.worker_labels), kind.description.unwrap_or_default());
    vec![kind.name, kind.queue.name, asks, arguments, description]
}

/// The arguments of a schema as a command line has them; those that may be left out in brackets.
fn arguments(schema: &Value) -> String {
    let Value::Object(properties) = &schema["properties"] else { return String::new() };
    let required = |name: &str| {
        schema["required"].as_array().is_some_and(|names| names.iter().any(|n| n == name))
    };
    let argument = |(name, rule): (&String, &Value)| {
        let value = match (rule.get("default"), rule["type"].as_str()) {
            (Some(default), _) => default.to_string(),
            (None, Some(kind)) => kind.to_uppercase(),
            (None, None) => "VALUE".to_owned(),
        };
        if required(name) { format!("{name}={value}") } else { format!("[{name}={value}]") }
    };
    properties.iter().map(argument).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_reads_what_its_document_selects() {
        super::super::operations::selected::<Kind>(KINDS, "/kinds/0");
    }

    #[test]
    fn arguments_are_shown_as_they_are_typed() {
        let schema = json!({
            "required": ["path"],
            "properties": {"path": {"type": "string"}, "level": {"type": "integer", "default": 6}, "x": {}},
        });
        assert_eq!(arguments(&schema), "path=STRING [level=6] [x=VALUE]");
        assert_eq!(arguments(&json!({})), "");
    }
}
