//! The file that `longhaul init` writes: good as it is, and right about every default.

use std::collections::BTreeMap;

use longhaul::config::{Config, EXAMPLE};
use serde_json::Value;

use super::Home;

/// The settings that the example shows with a value that is no default: there is none, or it
/// differs from machine to machine.
const WITHOUT_DEFAULT: [&str; 11] = [
    "timeout",
    "cwd",
    "result",
    "data",
    "slots",
    "name",
    "database_direct",
    "[object_store",
    "url",
    "endpoint",
    "region",
];

/// The example with these of its commented settings set.
pub(super) fn uncommented(wanted: impl Fn(&str) -> bool) -> String {
    let line = |line: &str| {
        let setting =
            line.strip_prefix('#').filter(|l| !l.starts_with([' ', ':']) && !l.is_empty());
        let name = setting.and_then(|l| l.split([' ', ']']).next());
        match (setting, name) {
            (Some(setting), Some(name)) if wanted(name) => setting.to_owned(),
            _ => line.to_owned(),
        }
    };
    EXAMPLE.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn values(config: &Config) -> BTreeMap<String, Value> {
    config.settings().into_iter().map(|setting| (setting.key, setting.value)).collect()
}

#[test]
fn the_example_is_good_and_warns_of_nothing() {
    let home = Home::with(EXAMPLE);
    let config = home.load().unwrap();
    assert_eq!(config.warnings(), [""; 0]);
    assert_eq!(config.catalog.kinds.len(), 3);
}

#[test]
fn what_is_commented_out_is_the_default() {
    let plain = values(&Home::with(EXAMPLE).load().unwrap());
    let home = Home::with(&uncommented(|name| !WITHOUT_DEFAULT.contains(&name)));
    let mut set = values(&home.load().unwrap());
    // Each in a home of its own.
    set.insert("server.data".to_owned(), plain["server.data"].clone());
    assert_eq!(set, plain);
    let sources = home.load().unwrap();
    let told = sources.settings().iter().filter(|s| s.key.starts_with("limits.")).count();
    let from_file = sources
        .settings()
        .iter()
        .filter(|s| s.key.starts_with("limits.") && sources.place_of(s.source) != "default")
        .count();
    assert_eq!(from_file, told, "every limit stands in the example");
}

#[test]
fn every_setting_of_the_example_can_be_set() {
    // Only a PostgreSQL has a way past its pooler.
    let set = uncommented(|_| true).replace("\"sqlite\"", "\"postgres://pooler/x\"");
    let home = Home::with(&set);
    let config = home.load().unwrap();
    let fail = &config.catalog.kinds["fail"];
    assert!(fail.timeout.is_some() && fail.cwd.is_some() && fail.result.is_some());
    assert_eq!((config.worker.slots, config.catalog.queues["default"].slots), (4, 4));
}

#[test]
fn the_example_names_every_key() {
    let mut shown: Vec<_> = EXAMPLE
        .lines()
        .filter_map(|line| line.trim_start_matches('#').split_once(" = "))
        .map(|(name, _)| name.trim())
        .collect();
    shown.extend(["args", "progress"]);
    for (section, key, ..) in super::keys::KEYS {
        // There is nothing to set to it.
        let known = shown.contains(key);
        assert!(known, "[{section}] {key} is not in the example");
    }
}
