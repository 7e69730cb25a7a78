//! What can be wrong with a JSON Schema in a configuration and is better said in our words: where it
//! stands, and what would be valid. Whatever else is wrong the library says.

use serde_json::Value;

use super::suggest::nearest;
use crate::domain::json::push_pointer;
use crate::domain::kind::SchemaError;

/// The only dialect.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";
const TYPES: [&str; 7] = ["array", "boolean", "integer", "null", "number", "object", "string"];
/// What holds values and no schemas.
const DATA: [&str; 5] = ["const", "default", "enum", "examples", "example"];

/// What holds schemas by names of the author's own, any of which may be that of a keyword.
const NAMED: [&str; 5] =
    ["$defs", "definitions", "dependentSchemas", "patternProperties", "properties"];

/// The first fault of a schema.
pub(super) fn check(schema: &Value) -> Result<(), SchemaError> {
    walk(schema, has_id(schema), &mut String::new())
}

/// Parts of it have names of their own, which references may use.
fn has_id(schema: &Value) -> bool {
    match schema {
        Value::Object(map) => map.contains_key("$id") || map.values().any(has_id),
        Value::Array(items) => items.iter().any(has_id),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// As [`check`], for a schema of arguments, which are always an object.
pub(super) fn check_args(schema: &Value) -> Result<(), SchemaError> {
    check(schema)?;
    let takes_objects = match schema.get("type") {
        Some(Value::String(name)) => name == "object",
        Some(Value::Array(names)) => names.iter().any(|name| name == "object"),
        _ => true,
    };
    if takes_objects {
        return Ok(());
    }
    fault("/type", "no arguments would ever fit, since they are an object: expected `\"object\"`")
}

fn fault(pointer: &str, message: impl Into<String>) -> Result<(), SchemaError> {
    Err(SchemaError { pointer: pointer.to_owned(), message: message.into() })
}

fn walk(schema: &Value, has_id: bool, pointer: &mut String) -> Result<(), SchemaError> {
    match schema {
        Value::Object(map) => map.iter().try_for_each(|(name, value)| {
            below(pointer, name, |pointer| member(name, value, has_id, pointer))
        }),
        Value::Array(items) => items.iter().enumerate().try_for_each(|(at, value)| {
            below(pointer, &at.to_string(), |pointer| walk(value, has_id, pointer))
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

/// A keyword of a schema, and the schemas below it.
fn member(
    name: &str,
    value: &Value,
    has_id: bool,
    pointer: &mut String,
) -> Result<(), SchemaError> {
    if DATA.contains(&name) {
        return Ok(());
    }
    if NAMED.contains(&name)
        && let Value::Object(schemas) = value
    {
        return schemas.iter().try_for_each(|(name, schema)| {
            below(pointer, name, |pointer| walk(schema, has_id, pointer))
        });
    }
    keyword(name, value, has_id, pointer)?;
    walk(value, has_id, pointer)
}

/// Looks at what stands at `name`, with a pointer that leads there.
fn below(
    pointer: &mut String,
    name: &str,
    look: impl FnOnce(&mut String) -> Result<(), SchemaError>,
) -> Result<(), SchemaError> {
    let length = pointer.len();
    push_pointer(pointer, name);
    let found = look(pointer);
    pointer.truncate(length);
    found
}

/// What is wrong with the text that a keyword has for a value.
fn keyword(name: &str, value: &Value, has_id: bool, pointer: &str) -> Result<(), SchemaError> {
    let Value::String(text) = value else { return Ok(()) };
    match name {
        "$ref" | "$dynamicRef" if !has_id && !text.starts_with('#') => fault(
            pointer,
            format!(
                "`{text}` is not in this schema, and none is fetched: expected a reference that begins with `#`"
            ),
        ),
        "$schema" if text.trim_end_matches('#') != DIALECT => fault(
            pointer,
            format!("`{text}` is no dialect that is known here: expected `{DIALECT}`"),
        ),
        "type" if !TYPES.contains(&text.as_str()) => {
            let valid = match nearest(text, TYPES) {
                Some(word) => format!("did you mean `{word}`?"),
                None => format!("expected one of {}", TYPES.join(", ")),
            };
            fault(pointer, format!("`{text}` is no type: {valid}"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_fault_has_a_place_and_says_what_would_be_valid() {
        let told = |schema: Value| match check_args(&schema) {
            Ok(()) => "good".to_owned(),
            Err(error) => format!("{}: {}", error.pointer, error.message),
        };
        for (schema, expected) in [
            (json!({}), "good"),
            (json!(true), "good"),
            (json!({"type": ["object", "null"], "$schema": DIALECT}), "good"),
            (json!({"$ref": "#/$defs/a", "$defs": {"a": {"type": "object"}}}), "good"),
            (json!({"$ref": "a", "$defs": {"a": {"$id": "a", "type": "object"}}}), "good"),
            // Data is no schema, and a property may have any name.
            (json!({"default": {"type": "x"}, "properties": {"type": {"enum": ["x"]}}}), "good"),
            (json!({"properties": {"$ref": {"type": "string"}, "type": {}}}), "good"),
            (
                json!({"properties": {"default": {"type": "sting"}}}),
                "/properties/default/type: `sting` is no type: did you mean `string`?",
            ),
            (
                json!({"$defs": {"properties": {"properties": {"enum": {"type": "sting"}}}}}),
                "/$defs/properties/properties/enum/type: `sting` is no type: did you mean `string`?",
            ),
            (
                json!({"type": "string"}),
                "/type: no arguments would ever fit, since they are an object: expected `\"object\"`",
            ),
            (
                json!({"type": ["string"]}),
                "/type: no arguments would ever fit, since they are an object: expected `\"object\"`",
            ),
            (
                json!({"properties": {"a/b": {"type": "sting"}}}),
                "/properties/a~1b/type: `sting` is no type: did you mean `string`?",
            ),
            (
                json!({"allOf": [{}, {"type": "file"}]}),
                "/allOf/1/type: `file` is no type: expected one of array, boolean, integer, null, number, object, string",
            ),
            (
                json!({"allOf": [{"$ref": "http://127.0.0.1:1/s.json"}]}),
                "/allOf/0/$ref: `http://127.0.0.1:1/s.json` is not in this schema, and none is fetched: expected a reference that begins with `#`",
            ),
            (
                json!({"$schema": "http://json-schema.org/draft-07/schema#"}),
                "/$schema: `http://json-schema.org/draft-07/schema#` is no dialect that is known here: expected `https://json-schema.org/draft/2020-12/schema`",
            ),
        ] {
            assert_eq!(told(schema.clone()), expected, "{schema}");
        }
        assert!(check(&json!({"type": "string"})).is_ok(), "a result may be anything");
    }
}
