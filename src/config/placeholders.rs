//! Which properties a schema lets a job have: a placeholder that none of them can fill is a typing
//! error in the configuration, and is told at start rather than by the first job.

use std::collections::BTreeSet;

use regex::Regex;
use serde_json::{Map, Value};

/// The properties that a schema names, and the patterns that it has for others.
#[derive(Debug, Default)]
pub(super) struct Properties {
    names: BTreeSet<String>,
    patterns: Vec<Regex>,
    /// The schema says that other properties may come, and what they hold.
    open: bool,
}

/// The properties of a schema and of what it is joined from. A schema that says nothing of further
/// properties admits them in JSON Schema; here it has to say so, or a typing error would pass.
pub(super) fn properties(schema: &Value) -> Properties {
    let mut found = Properties::default();
    found.add(schema, schema, &mut BTreeSet::new());
    found
}

impl Properties {
    /// A job can have a property of this name.
    pub(super) fn can_fill(&self, name: &str) -> bool {
        self.open || self.names.contains(name) || self.patterns.iter().any(|p| p.is_match(name))
    }

    /// The names, sorted.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    fn add(&mut self, root: &Value, schema: &Value, followed: &mut BTreeSet<String>) {
        let Value::Object(schema) = schema else { return };
        if let Some(Value::Object(properties)) = schema.get("properties") {
            let allowed = properties.iter().filter(|(_, rule)| **rule != Value::Bool(false));
            self.names.extend(allowed.map(|(name, _)| name.clone()));
        }
        if let Some(Value::Object(patterns)) = schema.get("patternProperties") {
            self.patterns.extend(patterns.keys().filter_map(|pattern| Regex::new(pattern).ok()));
        }
        self.open |= ["additionalProperties", "unevaluatedProperties"]
            .iter()
            .any(|&key| schema.get(key).is_some_and(|rule| *rule != Value::Bool(false)));
        for joined in joined_schemas(schema) {
            self.add(root, joined, followed);
        }
        if let Some(Value::String(reference)) = schema.get("$ref")
            && let Some(target) = reference.strip_prefix('#').and_then(|p| root.pointer(p))
            && followed.insert(reference.clone())
        {
            self.add(root, target, followed);
        }
    }
}

/// The schemas that judge the same value as the one they stand in.
fn joined_schemas(schema: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    let lists = ["allOf", "anyOf", "oneOf"]
        .into_iter()
        .filter_map(|key| schema.get(key)?.as_array())
        .flatten();
    let single = ["if", "then", "else"].into_iter().filter_map(|key| schema.get(key));
    let dependent =
        schema.get("dependentSchemas").and_then(Value::as_object).into_iter().flat_map(Map::values);
    lists.chain(single).chain(dependent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn properties_are_found_wherever_the_schema_is_joined_from() {
        let found = properties(&json!({
            "$ref": "#/$defs/base",
            "$defs": {"base": {"$ref": "#/$defs/base", "properties": {"a": {}}}},
            "allOf": [{"properties": {"b": {}}}, {"anyOf": [{"properties": {"c": {}}}]}],
            "if": {}, "then": {"properties": {"d": {}}},
            "dependentSchemas": {"a": {"properties": {"e": true, "f": false}}},
            "patternProperties": {"^x_": {}},
        }));
        assert_eq!(found.names().collect::<Vec<_>>(), ["a", "b", "c", "d", "e"]);
        assert!(found.can_fill("x_1") && !found.can_fill("f") && !found.can_fill("base"));
    }

    #[test]
    fn only_a_schema_that_says_so_is_open() {
        assert!(!properties(&json!({"type": "object"})).can_fill("x"));
        assert!(!properties(&json!({"additionalProperties": false})).can_fill("x"));
        assert!(properties(&json!({"additionalProperties": {"type": "string"}})).can_fill("x"));
        assert!(!properties(&json!(true)).can_fill("x"));
    }
}
