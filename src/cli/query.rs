//! `longhaul query`: any GraphQL operation, and the answer as it came. A subscription prints an event a
//! line.

use std::io::Read as _;

use async_graphql::parser::parse_query;
use async_graphql::parser::types::{
    BaseType, DocumentOperations, OperationDefinition, OperationType, Type,
};
use clap::Args;
use serde_json::{Map, Value, json};

use super::client::ClientError;
use super::exit::{DONE, Failure, USAGE};
use super::operations::Operation;
use super::{Context, output};

/// What `query` takes.
#[derive(Debug, Args)]
pub(super) struct QueryArgs {
    /// The document: the text itself, @FILE, or - for standard input
    document: String,
    /// A variable: NAME=VALUE, read as the type that the operation declares, or NAME:=JSON
    #[arg(long = "var", short = 'v', value_name = "NAME=VALUE")]
    variables: Vec<String>,
    /// All variables as a JSON object: the text itself, @FILE, or - for standard input
    #[arg(long = "variables", value_name = "JSON")]
    input: Option<String>,
    /// Which operation of a document with several
    #[arg(long, value_name = "NAME")]
    operation: Option<String>,
}

/// Sends it; ends as the first error of the answer.
pub(super) async fn run(context: &Context, args: &QueryArgs) -> Result<u8, Failure> {
    let text = text(&args.document, "the document")?;
    let name = args.operation.as_deref().unwrap_or_default();
    // One that does not parse goes to the server all the same: its answer says where and why.
    let document = parse_query(&text).ok();
    let definition = document.as_ref().and_then(|document| chosen(&document.operations, name));
    let mut variables = match &args.input {
        Some(input) => object(input)?,
        None => Map::new(),
    };
    for pair in &args.variables {
        let (name, value) = variable(pair, definition)?;
        variables.insert(name, value);
    }
    // What a command sends lives as long as its process; this is sent once.
    let operation = Operation { name: leaked(name), text: leaked(&text) };
    if definition.is_some_and(|definition| definition.ty == OperationType::Subscription) {
        let mut events = context.client.follow(operation, variables).once();
        while let Some(data) = events.next().await.map_err(failure)? {
            output::record(&json!({"data": data}))?;
        }
        return Ok(DONE);
    }
    let answer = context.client.answer(operation, &Value::Object(variables)).await?;
    output::document(&answer.raw)?;
    answer.failure().map_or(Ok(DONE), |error| Err(failure(error)))
}

/// What does not fit the schema is not our document, so it is no bug of ours.
fn failure(error: ClientError) -> Failure {
    let is_theirs = matches!(&error, ClientError::Refused(errors) if errors.iter().all(|error| {
        matches!(
            error.code(),
            Some("GRAPHQL_PARSE_FAILED" | "GRAPHQL_VALIDATION_FAILED" | "QUERY_TOO_LARGE")
        )
    }));
    let mut failure = Failure::from(error);
    if is_theirs {
        failure.code = USAGE;
    }
    failure
}

fn leaked(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

fn chosen<'d>(operations: &'d DocumentOperations, name: &str) -> Option<&'d OperationDefinition> {
    match operations {
        DocumentOperations::Single(operation) => Some(&operation.node),
        DocumentOperations::Multiple(operations) if name.is_empty() && operations.len() == 1 => {
            operations.values().next().map(|operation| &operation.node)
        }
        DocumentOperations::Multiple(operations) => operations.get(name).map(|o| &o.node),
    }
}

/// A variable as its declared type wants it: what is a text to GraphQL is not read as JSON.
fn variable(
    pair: &str,
    definition: Option<&OperationDefinition>,
) -> Result<(String, Value), Failure> {
    let wrong = |message: String| Failure::new(USAGE, message);
    let (name, text) = pair.split_once('=').ok_or_else(|| {
        wrong(format!("`{pair}` is no variable: expected NAME=VALUE or NAME:=JSON"))
    })?;
    let (name, is_json) = name.strip_suffix(':').map_or((name, false), |name| (name, true));
    let mut declared = definition.iter().flat_map(|d| &d.variable_definitions);
    let declared = declared.find(|d| d.node.name.node == name).map(|d| &d.node.var_type.node);
    if let (Some(definition), None) = (definition, declared) {
        let names: Vec<_> =
            definition.variable_definitions.iter().map(|d| d.node.name.node.as_str()).collect();
        let valid = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        return Err(wrong(format!(
            "{name}: the operation declares no such variable: expected {valid}"
        )));
    }
    let value = match (serde_json::from_str(text), declared) {
        (Ok(value), _) if is_json => value,
        (Ok(value), Some(of)) if !is_text(of, &value) => value,
        (Err(error), _) if is_json => {
            return Err(wrong(format!("{name}: `{text}` is no JSON: {error}")));
        }
        (Ok(_) | Err(_), _) => Value::String(text.to_owned()),
    };
    Ok((name.to_owned(), value))
}

/// The type takes the value's own text.
fn is_text(of: &Type, value: &Value) -> bool {
    match &of.base {
        BaseType::Named(name) => match name.as_str() {
            "Int" | "Float" | "Boolean" | "Long" | "JSON" => false,
            // An input object, or nothing at all.
            _ => !value.is_object() && !value.is_null(),
        },
        BaseType::List(_) => false,
    }
}

/// What an argument names.
pub(super) fn text(given: &str, what: &str) -> Result<String, Failure> {
    let unreadable =
        |error: std::io::Error| Failure::new(USAGE, format!("{what} cannot be read: {error}"));
    match (given, given.strip_prefix('@')) {
        ("-", _) => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map_err(unreadable)?;
            Ok(text)
        }
        (_, Some(file)) => std::fs::read_to_string(file).map_err(unreadable),
        (text, None) => Ok(text.to_owned()),
    }
}

fn object(given: &str) -> Result<Map<String, Value>, Failure> {
    match serde_json::from_str(&text(given, "the variables")?) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(Failure::new(USAGE, "`--variables` is not valid: expected a JSON object")),
        Err(error) => Err(Failure::new(USAGE, format!("`--variables` is no JSON: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_read_as_the_operation_declares_it() {
        let text = "query Q($id: ID!, $n: Int, $of: [String!], $in: In, $x: JSON) { a }";
        let document = parse_query(text).unwrap();
        let definition = chosen(&document.operations, "");
        let read = |pair| variable(pair, definition).map(|(_, value)| value);
        for (pair, value) in [
            ("id=7", json!("7")),
            ("n=7", json!(7)),
            ("n=x", json!("x")),
            ("of=[\"a\"]", json!(["a"])),
            ("in={\"a\": 1}", json!({"a": 1})),
            ("in=WORD", json!("WORD")),
            ("x=true", json!(true)),
            ("id:=7", json!(7)),
        ] {
            assert_eq!(read(pair), Ok(value), "{pair}");
        }
        let told = read("m=7").unwrap_err().to_string();
        assert!(told.ends_with("no such variable: expected id, n, of, in, x"), "{told}");
    }
}
