//! What is in force, and who said so.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use longhaul::config::{Config, Overrides};

use super::Home;
use super::sources::FULL;

fn places(config: &Config, home: &Home) -> BTreeMap<String, String> {
    let folder = home.path("").display().to_string();
    let place = |source| config.place_of(source).replace(&folder, "");
    config.settings().into_iter().map(|s| (s.key, place(s.source))).collect()
}

#[test]
fn each_value_has_its_source() {
    let home = Home::with(
        "[server]\nlisten = \"127.0.0.1:3\"\ndrain_timeout = \"3s\"\n[worker]\nslots = 3\n[queues.q]\n\
         slots = 3\n[kinds.\"v1.2\"]\ncommand = [\"true\"]\nargs.type = \"object\"\n[kinds.\"v1.2\".progress]\n\
         pattern = '(?P<percent>.)'\n[limits]\npage_size = 3\n",
    );
    let environment = home.environment([
        ("LONGHAUL_SERVER_DRAIN_TIMEOUT", "2s"),
        ("LONGHAUL_WORKER_SLOTS", "2"),
        ("LONGHAUL_SERVER_DATABASE", "sqlite"),
        ("LONGHAUL_SERVER_INTROSPECTION", "false"),
    ]);
    let flags = Overrides { slots: Some(1), data: Some("/srv".into()), ..home.overrides() };
    let config = Config::load(&flags, &environment).unwrap();
    let places = places(&config, &home);
    for (key, place) in [
        ("server.listen", "longhaul.toml:2"),
        ("server.data", "--data"),
        ("server.database", "LONGHAUL_SERVER_DATABASE"),
        ("server.drain_timeout", "LONGHAUL_SERVER_DRAIN_TIMEOUT"),
        ("server.introspection", "LONGHAUL_SERVER_INTROSPECTION"),
        ("server.allowed_hosts", "default"),
        ("worker.slots", "--slots"),
        ("queues.default.slots", "default"),
        ("queues.q.slots", "longhaul.toml:7"),
        ("kinds.\"v1.2\".command", "longhaul.toml:9"),
        ("kinds.\"v1.2\".args", "longhaul.toml:10"),
        ("kinds.\"v1.2\".progress.pattern", "longhaul.toml:12"),
        ("kinds.\"v1.2\".grace", "default"),
        ("limits.page_size", "longhaul.toml:14"),
        ("limits.query_depth", "default"),
    ] {
        assert_eq!(places.get(key).map(String::as_str), Some(place), "{key}");
    }
    let built_in = Config::load(&Overrides::default(), &home.environment([])).unwrap();
    assert_eq!(self::places(&built_in, &home)["kinds.demo.command"], "built in");
}

#[test]
fn what_is_shown_is_a_file_that_says_the_same() {
    let home = Home::with(&FULL.replace("\"MODE=fast=1\"", "\"LANG\""));
    let shown = |config: &Config| {
        let mut text = String::new();
        for setting in config.settings() {
            if let Some(value) = setting.toml() {
                writeln!(text, "{} = {value}", setting.key).unwrap();
            }
        }
        text
    };
    let first = shown(&home.load().unwrap());
    let again = Home::with(&first).load().unwrap_or_else(|error| panic!("{error}\n{first}"));
    assert_eq!(shown(&again), first);
}

#[test]
fn no_secret_is_shown() {
    let home = Home::with("[kinds.k]\ncommand = [\"true\"]\nenv = [\"PATH\", \"TOKEN=hunter2\"]\n");
    let settings = home.load().unwrap().settings();
    let env = settings.iter().find(|s| s.key == "kinds.k.env").unwrap();
    assert_eq!(env.toml().unwrap(), r#"["PATH", "TOKEN=(hidden)"]"#);
    assert!(!format!("{settings:?}").contains("hunter2"));
}
