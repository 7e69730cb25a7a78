//! The schema for editors agrees with the reader: what one refuses the other refuses, as far as a
//! JSON Schema can say it.

use serde_json::Value;

use longhaul::config::{EXAMPLE, schema};

use super::errors::ROWS;
use super::example::uncommented;
use super::sources::FULL;
use super::{Home, keys};

/// What stands in the rows that only the reader can refuse, and why.
const BEYOND: &[(&str, &str)] = &[
    ("127.0.0.1:65536", "a pattern that counts ports helps nobody"),
    ("87601h", "a pattern that counts hours helps nobody"),
    ("lease = \"1s\"", "a pattern that counts seconds helps nobody"),
    ("lease = \"61m\"", "a pattern that counts minutes helps nobody"),
    ("labels = 1\n", "how many labels there may be is elsewhere in the file"),
    ("label_value_bytes = 3", "how long they may be is elsewhere in the file"),
    ("defualt", "which queues there are is elsewhere in the file"),
    ("gpu", "which queues there are is elsewhere in the file"),
    ("queue = \"other\"", "which queues there are is elsewhere in the file"),
    ("strin\"", "the schema of a schema would be fetched"),
    ("\"text\"", "the schema of a schema would be fetched"),
    ("required = \"a\"", "the schema of a schema would be fetched"),
    ("minimum = \"1\"", "the schema of a schema would be fetched"),
    ("1979-05-27", "the schema of a schema would be fetched"),
    ("maximum = inf", "JSON has no such number"),
    ("\"$ref\"", "the schema of a schema would be fetched"),
    ("args.type = \"array\"", "the schema of a schema would be fetched"),
    ("\"$schema\"", "the schema of a schema would be fetched"),
    ("pattern = \"(\"", "the schema of a schema would be fetched"),
    ("{pth}", "which arguments there are is elsewhere in the file"),
    ("{x}", "which arguments there are is elsewhere in the file"),
];

fn validator() -> jsonschema::Validator {
    jsonschema::draft202012::new(&schema()).unwrap()
}

#[test]
fn the_schema_is_one_and_accepts_what_is_good() {
    assert!(jsonschema::draft202012::meta::is_valid(&schema()));
    for good in [EXAMPLE, FULL, &uncommented(|_| true)] {
        let value: Value = toml::from_str(good).unwrap();
        let errors: Vec<_> = validator().iter_errors(&value).map(|e| e.to_string()).collect();
        assert_eq!(errors, [""; 0]);
    }
}

#[test]
fn the_schema_refuses_what_the_reader_refuses() {
    let validator = validator();
    let rows = ROWS.iter().map(|row| (*row).to_owned());
    let (mut judged, mut used) = (0, vec![false; BEYOND.len()]);
    for row in rows.chain(keys::files().into_iter().map(|(_, file)| file)) {
        assert!(Home::with(&row).load().is_err(), "{row}");
        // What is no TOML has no value that a schema could judge.
        let Ok(value) = toml::from_str::<Value>(&row) else { continue };
        judged += 1;
        let accepted = validator.is_valid(&value);
        let beyond = BEYOND.iter().position(|(what, _)| row.contains(what));
        if let Some(at) = beyond.filter(|_| accepted) {
            used[at] = true;
        }
        assert!(!accepted || beyond.is_some(), "the schema accepts:\n{row}");
    }
    assert!(judged > 150, "{judged} rows");
    let stale: Vec<_> = BEYOND.iter().zip(used).filter(|(_, used)| !used).collect();
    assert!(stale.is_empty(), "not needed any more: {stale:?}");
}
