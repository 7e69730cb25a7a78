//! The configuration in force, key by key, and where each value was told. Nothing secret: of a
//! variable that a kind sets only the name is given away.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::domain::kind::{EnvRule, Kind, Stdin};
use crate::domain::label::Labels;
use crate::domain::object_store::ObjectStore;

use super::syntax;
use super::value::duration_text;
use super::{Config, Environment, Origin, Overrides, limits};

/// The variables that stand for keys.
const VARIABLES: [(&str, &str); 9] = [
    ("server.listen", "LONGHAUL_SERVER_LISTEN"),
    ("server.data", "LONGHAUL_SERVER_DATA"),
    ("server.database", "LONGHAUL_SERVER_DATABASE"),
    ("server.database_direct", "LONGHAUL_SERVER_DATABASE_DIRECT"),
    ("server.drain_timeout", "LONGHAUL_SERVER_DRAIN_TIMEOUT"),
    ("server.introspection", "LONGHAUL_SERVER_INTROSPECTION"),
    ("worker.slots", "LONGHAUL_WORKER_SLOTS"),
    ("worker.name", "LONGHAUL_WORKER_NAME"),
    ("worker.lease", "LONGHAUL_WORKER_LEASE"),
];

/// What is shown in place of a value that may be a secret.
pub(super) const HIDDEN: &str = "(hidden)";

/// Who told a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A flag of the command line.
    Flag(&'static str),
    /// A variable of the environment.
    Variable(&'static str),
    /// The file, in this line, from 1; with the built-in kinds, the text that stands for a file.
    File(usize),
    /// Nobody.
    Default,
}

/// A key with its value in force.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// The key as TOML writes it, like `server.listen`.
    pub key: String,
    /// Its value; null: there is none.
    pub value: Value,
    /// Who told it.
    pub source: Source,
}

impl Setting {
    /// The value as TOML, on one line; `None`: there is none.
    pub fn toml(&self) -> Option<String> {
        (!self.value.is_null()).then(|| syntax::value(&self.value))
    }
}

/// Who told what, by key: a flag wins over a variable, that over the file.
pub(super) fn sources(
    lines: BTreeMap<String, usize>,
    overrides: &Overrides,
    environment: &Environment,
) -> BTreeMap<String, Source> {
    let mut sources: BTreeMap<_, _> =
        lines.into_iter().map(|(key, line)| (key, Source::File(line))).collect();
    let mut tell = |key: &str, source| sources.insert(key.to_owned(), source);
    for (key, variable) in VARIABLES {
        if environment.get(variable).is_some() {
            tell(key, Source::Variable(variable));
        }
    }
    for (key, flag, given) in [
        ("server.listen", "--listen", overrides.listen.is_some()),
        ("server.data", "--data", overrides.data.is_some()),
        ("server.database", "--database", overrides.database.is_some()),
        ("server.database_direct", "--database-direct", overrides.database_direct.is_some()),
        ("worker.slots", "--slots", overrides.slots.is_some()),
        ("worker.name", "--name", overrides.name.is_some()),
    ] {
        if given {
            tell(key, Source::Flag(flag));
        }
    }
    sources
}

impl Config {
    /// Every key that has a value in force or could have one.
    pub fn settings(&self) -> Vec<Setting> {
        let mut settings = Vec::new();
        let mut add = |section: &str, entries: Vec<(&str, Value)>| {
            settings.extend(entries.into_iter().map(|(name, value)| {
                let key = syntax::path(section, name);
                let source = self.sources.get(&key).copied().unwrap_or(Source::Default);
                Setting { key, value, source }
            }));
        };
        let server = &self.server;
        add(
            "server",
            vec![
                ("listen", json!(server.listen)),
                ("data", path(&server.data)),
                ("database", json!(server.database.to_string())),
                ("database_direct", json!(server.database.shown_direct())),
                ("drain_timeout", json!(duration_text(server.drain_timeout))),
                ("allowed_origins", json!(server.allowed_origins)),
                ("allowed_hosts", json!(server.allowed_hosts)),
                ("introspection", json!(server.introspection)),
            ],
        );
        let worker = &self.worker;
        add(
            "worker",
            vec![
                ("slots", json!(worker.slots)),
                ("name", json!(worker.name)),
                ("lease", json!(duration_text(worker.lease))),
                ("labels", labels(&worker.labels)),
            ],
        );
        for queue in self.catalog.queues.values() {
            let section = syntax::path("queues", queue.name.as_str());
            let (slots, waiting) = (json!(queue.slots), json!(queue.max_waiting));
            add(&section, vec![("slots", slots), ("max_waiting", waiting)]);
        }
        for kind in self.catalog.kinds.values() {
            let section = syntax::path("kinds", kind.name.as_str());
            add(&section, of_kind(kind));
            let pattern = vec![("pattern", json!(kind.progress_pattern))];
            add(&syntax::path(&section, "progress"), pattern);
        }
        let retention = &self.retention;
        add(
            "retention",
            vec![
                ("age", json!(duration_text(retention.age))),
                ("jobs", json!(retention.jobs)),
                ("log_bytes", json!(retention.log_bytes)),
            ],
        );
        add("object_store", of_objects(self.object_store.as_ref()));
        add("limits", limits::values(&self.limits));
        settings
    }

    /// Where `source` is, for a person: a flag, a variable, a file with its line.
    pub fn place_of(&self, source: Source) -> String {
        match (source, &self.origin) {
            (Source::Flag(name) | Source::Variable(name), _) => name.to_owned(),
            (Source::File(line), Origin::File(file)) => format!("{}:{line}", file.display()),
            (Source::File(_), Origin::BuiltIn(_)) => "built in".to_owned(),
            (Source::Default, _) => "default".to_owned(),
        }
    }
}

fn of_objects(objects: Option<&ObjectStore>) -> Vec<(&'static str, Value)> {
    vec![
        ("url", json!(objects.map(|objects| objects.place.to_string()))),
        ("endpoint", json!(objects.and_then(|objects| objects.endpoint.as_deref()))),
        ("region", json!(objects.and_then(|objects| objects.region.as_deref()))),
    ]
}

fn path(path: &Path) -> Value {
    json!(path.to_string_lossy())
}

fn of_kind(kind: &Kind) -> Vec<(&'static str, Value)> {
    let policy = &kind.policy;
    let stdin = match kind.stdin {
        Stdin::None => "none",
        Stdin::Args => "args",
    };
    vec![
        ("title", json!(kind.title)),
        ("description", json!(kind.description)),
        ("command", json!(kind.command.texts())),
        ("queue", json!(kind.queue.as_str())),
        ("timeout", json!(kind.timeout.map(duration_text))),
        ("grace", json!(duration_text(policy.grace))),
        ("retries", json!(kind.retries)),
        ("retry_backoff", json!(duration_text(policy.retry_backoff))),
        ("success_exit_codes", json!(policy.success_exit_codes)),
        ("on_server_exit", json!("kill")),
        ("at_most_once", json!(policy.at_most_once)),
        ("max_lost", json!(policy.max_lost)),
        ("stdin", json!(stdin)),
        ("cwd", kind.cwd.as_deref().map_or(Value::Null, path)),
        ("env", kind.env.iter().map(env).collect()),
        ("allow_dash", json!(kind.allow_dash)),
        ("worker_labels", labels(&kind.worker_labels)),
        ("args", kind.args.source().clone()),
        ("result", kind.result.as_ref().map_or(Value::Null, |result| result.source().clone())),
    ]
}

fn labels(labels: &Labels) -> Value {
    labels.as_slice().iter().map(|label| (label.key.clone(), json!(label.value))).collect()
}

fn env(rule: &EnvRule) -> Value {
    match rule {
        EnvRule::Pass(name) => json!(name),
        EnvRule::Set(name, _) => json!(format!("{name}={HIDDEN}")),
    }
}
