//! Makes a job's arguments of what stands on a command line: `NAME=VALUE`, `NAME:=JSON`, and a
//! whole object from `--input`.
//!
//! A value is read as the type that the kind's schema gives its argument, so `seconds=3` is a
//! number where a number is wanted and a text where a text is. The server judges the whole; here
//! only what could not even be written is told, by the argument's name.

use serde_json::{Map, Value};

use crate::config::nearest;

/// So many arrays may lie in each other around a text.
const DEEPEST: u32 = 8;

/// Puts `pairs` over `input`. Each problem is a line for a person.
pub(super) fn build(
    input: Map<String, Value>,
    pairs: &[String],
    schema: &Value,
) -> Result<Map<String, Value>, Vec<String>> {
    let mut args = input;
    let mut problems = Vec::new();
    let mut given: Vec<&str> = Vec::new();
    for pair in pairs {
        let result = match split(pair) {
            Some((name, _, _)) if !known(schema, name) => Err(unknown(schema, name)),
            Some((name, text, true)) => match serde_json::from_str(text) {
                Ok(value) => Ok((name, value)),
                Err(error) => Err(format!("{name}: `{text}` is no JSON: {error}")),
            },
            Some((name, text, false)) => {
                let rule = resolve(schema, &schema["properties"][name]);
                read(schema, rule, text, 0).map(|value| (name, value)).map_err(|expected| {
                    format!("{name}: `{text}` is not valid: expected {expected}")
                })
            }
            None => Err(format!("`{pair}` is no argument: expected NAME=VALUE or NAME:=JSON")),
        };
        match result {
            Ok((name, value)) => {
                let again = given.contains(&name);
                given.push(name);
                if let Err(problem) = put(&mut args, name, value, again) {
                    problems.push(problem);
                }
            }
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(args) } else { Err(problems) }
}

/// Name, value and whether the value is JSON.
fn split(pair: &str) -> Option<(&str, &str, bool)> {
    let (name, text) = pair.split_once('=')?;
    let (name, json) = name.strip_suffix(':').map_or((name, false), |name| (name, true));
    (!name.is_empty()).then_some((name, text, json))
}

/// Sets an argument; arrays that are given again grow.
fn put(args: &mut Map<String, Value>, name: &str, value: Value, again: bool) -> Result<(), String> {
    match (args.get_mut(name).filter(|_| again), value) {
        (Some(Value::Array(items)), Value::Array(more)) => items.extend(more),
        (Some(_), _) => return Err(format!("{name}: it is given twice: expected one value")),
        (None, value) => {
            args.insert(name.to_owned(), value);
        }
    }
    Ok(())
}

/// The schema lets a job have an argument of this name, or does not say.
fn known(schema: &Value, name: &str) -> bool {
    schema["additionalProperties"] != Value::Bool(false)
        || schema.get("patternProperties").is_some()
        || schema["properties"].get(name).is_some()
}

fn unknown(schema: &Value, name: &str) -> String {
    let properties = schema["properties"].as_object();
    let names: Vec<&str> = properties.into_iter().flat_map(Map::keys).map(String::as_str).collect();
    match nearest(name, names.iter().copied()) {
        Some(word) => format!("{name}: there is no such argument: did you mean `{word}`?"),
        None if names.is_empty() => format!("{name}: the kind takes no arguments"),
        None => format!("{name}: there is no such argument: expected {}", names.join(", ")),
    }
}

/// The rule that a local `$ref` stands for.
fn resolve<'s>(schema: &'s Value, rule: &'s Value) -> &'s Value {
    let target = rule["$ref"].as_str().and_then(|r| schema.pointer(r.strip_prefix('#')?));
    target.unwrap_or(rule)
}

/// The value that `text` is under `rule`, or what was expected.
fn read(schema: &Value, rule: &Value, text: &str, depth: u32) -> Result<Value, String> {
    let types: Vec<&str> = match &rule["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    };
    let json: Option<Value> = serde_json::from_str(text).ok();
    // A rule without a type may still list its values, `enum = [1, 2]`.
    let listed =
        rule["enum"].as_array().is_some_and(|v| json.as_ref().is_some_and(|j| v.contains(j)));
    if listed && !types.contains(&"string") {
        return Ok(json.unwrap_or_default());
    }
    let mut expected = Vec::new();
    for &name in &types {
        let fits = |value: &Value| match name {
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            "boolean" => value.is_boolean(),
            "null" => value.is_null(),
            "object" => value.is_object(),
            "array" => value.is_array(),
            _ => false,
        };
        match json.as_ref().filter(|value| fits(value)) {
            Some(value) => return Ok(value.clone()),
            // A rule may refer to itself: an array of arrays without end takes no such text.
            None if name == "array" && depth < DEEPEST => {
                let item = read(schema, resolve(schema, &rule["items"]), text, depth + 1);
                return item.map(|item| Value::Array(vec![item]));
            }
            None => expected.push(expectation(name)),
        }
    }
    if types.is_empty() || types.contains(&"string") {
        return Ok(Value::String(text.to_owned()));
    }
    Err(expected.join(" or "))
}

fn expectation(name: &str) -> &'static str {
    match name {
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "`true` or `false`",
        "null" => "`null`",
        "object" => "a JSON object",
        "array" => "a JSON array",
        _ => "another type",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schema() -> Value {
        json!({
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "path": {"type": "string"},
                "seconds": {"type": "number"},
                "level": {"$ref": "#/$defs/level"},
                "fast": {"type": "boolean"},
                "maybe": {"type": ["integer", "null"]},
                "either": {"type": ["integer", "string"]},
                "files": {"type": "array", "items": {"type": "string"}},
                "sizes": {"type": "array", "items": {"type": "integer"}},
                "extra": {"type": "object"},
                "choice": {"enum": [1, "two"]},
                "anything": {},
            },
            "$defs": {"level": {"type": "integer"}},
        })
    }

    fn built(pairs: &[&str]) -> Result<Value, Vec<String>> {
        let pairs: Vec<_> = pairs.iter().map(|&pair| pair.to_owned()).collect();
        build(Map::new(), &pairs, &schema()).map(Value::Object)
    }

    #[test]
    fn a_rule_that_refers_to_itself_takes_no_text() {
        let tree = json!({"type": "array", "items": {"$ref": "#/$defs/tree"}});
        let schema = json!({
            "properties": {"tree": {"$ref": "#/$defs/tree"}}, "$defs": {"tree": tree},
        });
        let built = |pair: &str| build(Map::new(), &[pair.to_owned()], &schema);
        let problems = built("tree=x").unwrap_err();
        assert!(problems[0].contains("expected a JSON array"), "{problems:?}");
        assert_eq!(json!(built("tree=[[],[]]").unwrap()), json!({"tree": [[], []]}));
    }

    #[test]
    fn a_value_has_the_type_of_its_argument() {
        let pairs = [
            "path=007",
            "seconds=1.5",
            "level=-3",
            "fast=true",
            "maybe=null",
            "either=7",
            "files=a=b",
            "files=2",
            "sizes=[1,2]",
            "sizes=3",
            "extra={\"k\":1}",
            "choice=1",
            "anything=5",
            "path2:=1",
        ];
        assert_eq!(
            built(&pairs[..13]).unwrap(),
            json!({
                "path": "007", "seconds": 1.5, "level": -3, "fast": true, "maybe": null,
                "either": 7, "files": ["a=b", "2"], "sizes": [1, 2, 3], "extra": {"k": 1},
                "choice": 1, "anything": "5",
            })
        );
        assert_eq!(
            built(&["either=x", "choice=two", "path:=\"a\"", "anything:=[5]"]).unwrap(),
            json!({"either": "x", "choice": "two", "path": "a", "anything": [5]})
        );
        assert_eq!(built(&["path="]).unwrap(), json!({"path": ""}));
    }

    #[test]
    fn every_problem_is_told_by_the_name_of_its_argument() {
        let pairs = [
            "seconds=soon",
            "level=1.5",
            "fast=yes",
            "sizes=x",
            "pth=/x",
            "colour=red",
            "path",
            "=x",
            "extra:={",
            "path=a",
            "path=b",
            "maybe=x",
        ];
        assert_eq!(
            built(&pairs).unwrap_err(),
            [
                "seconds: `soon` is not valid: expected a number",
                "level: `1.5` is not valid: expected a whole number",
                "fast: `yes` is not valid: expected `true` or `false`",
                "sizes: `x` is not valid: expected a whole number",
                "pth: there is no such argument: did you mean `path`?",
                "colour: there is no such argument: expected path, seconds, level, fast, maybe, either, files, sizes, extra, choice, anything",
                "`path` is no argument: expected NAME=VALUE or NAME:=JSON",
                "`=x` is no argument: expected NAME=VALUE or NAME:=JSON",
                "extra: `{` is no JSON: EOF while parsing an object at line 1 column 1",
                "path: it is given twice: expected one value",
                "maybe: `x` is not valid: expected a whole number or `null`",
            ]
        );
    }

    #[test]
    fn pairs_win_over_the_input() {
        let input = json!({"path": "a", "files": ["x"]}).as_object().unwrap().clone();
        let pairs = ["path=b".to_owned(), "files=y".to_owned()];
        let args = build(input, &pairs, &schema()).unwrap();
        assert_eq!(Value::Object(args), json!({"path": "b", "files": ["y"]}));
    }
}
