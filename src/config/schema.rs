//! The JSON Schema (draft 2020-12) of the configuration file, for editors.
//!
//! It refuses what a schema can see: unknown keys, wrong types, numbers out of their range, words
//! that are no durations or names. What needs a look at the whole file (a queue that nobody
//! declares, a placeholder that nothing fills), at a schema inside it or at a regular expression is
//! for `longhaul config check`.

use std::ops::RangeInclusive;

use serde_json::{Map, Value, json};

use crate::domain::attempt::Policy;
use crate::domain::limits::Limits;

use super::database::{SCHEMES, SQLITE};
use super::kinds::{DEFAULT_ENV, MAX_RETRIES, OWN_VARIABLES};
use super::sections::{DEFAULT_MAX_WAITING, MAX_WAITING, RETAINED_JOBS, RETAINED_LOG_BYTES};
use super::sources::{DEFAULT_DRAIN_TIMEOUT, DEFAULT_LEASE, DEFAULT_LISTEN};
use super::value::{MAX_SLOTS, duration_text};
use super::{Retention, limits, object_store};

/// What a name is: see `domain::names`.
const NAME: &str = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$";
const HOST: &str = r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?";

/// The schema of the file.
pub fn schema() -> Value {
    let mut schema = Map::new();
    schema.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    schema.insert("title".to_owned(), json!("Longhaul"));
    schema.extend(table("The configuration of a Longhaul server: longhaul.toml", json!({
        "server": server(),
        "worker": worker(),
        "queues": named("The lines that jobs wait in, by name. `default` is always there.", &queue()),
        "kinds": named("What may run, by name.", &kind()),
        "retention": retention(),
        "object_store": object_store(),
        "limits": limits(),
    })));
    Value::Object(schema)
}

fn server() -> Value {
    let origin = format!("^[Hh][Tt][Tt][Pp][Ss]?://{HOST}$");
    table("How the server is reached and where it keeps its things.", json!({
        "listen": with(text(r"^([0-9]{1,3}(\.[0-9]{1,3}){3}|\[[0-9A-Fa-f:.]+(%[0-9]+)?\]):[0-9]{1,5}$"),
            "The address to listen on, an IP address and a port; port 0 is any free one.", json!(DEFAULT_LISTEN)),
        "data": about(folder(), "The data folder; a relative path begins beside this file. Default: longhaul in the XDG data folder."),
        "database": with(text(&format!("^({SQLITE}$|{})", SCHEMES.join("|"))), "Where jobs are kept: SQLite in the data folder, or the PostgreSQL at an address, `postgres://USER:PASSWORD@HOST:PORT/DATABASE`.", json!(SQLITE)),
        "database_direct": about(text(&format!("^({})", SCHEMES.join("|"))), "The address of the PostgreSQL itself, where `database` is that of a connection pooler in transaction mode, like PgBouncer: for whatever needs a session."),
        "drain_timeout": with(duration(), "The whole budget of a graceful stop.", json!(duration_text(DEFAULT_DRAIN_TIMEOUT))),
        "allowed_origins": with(array(&text(&origin)), "Pages of other origins that may send requests, like `http://localhost:5173`.", json!([])),
        "allowed_hosts": with(array(&text(&format!("^{HOST}$"))), "Names of this server beside the loopback ones.", json!([])),
        "introspection": with(json!({"type": "boolean"}), "Whether clients may ask for the schema, as GraphiQL does.", json!(true)),
    })).into()
}

fn worker() -> Value {
    table("What this process runs at once.", json!({
        "slots": about(whole(&(1..=i64::from(MAX_SLOTS))), "How many jobs may run at once. Default: the number of cores."),
        "name": about(text("^[^\\u0000-\\u001f\\u007f]{1,255}$"), "What it is called where workers are listed. Default: the host's name."),
        "lease": with(duration(), "How long it counts as living after it was heard of, from `2s` to `1h`: others take over its jobs after that. Only with PostgreSQL.", json!(duration_text(DEFAULT_LEASE))),
        "labels": with(labels(), "What kinds may ask for by their `worker_labels`, like `{ gpu = \"a100\" }`.", json!({})),
    })).into()
}

fn queue() -> Map<String, Value> {
    table(
        "A line that jobs wait in.",
        json!({
            "slots": about(whole(&(0..=i64::from(MAX_SLOTS))), "How many of its jobs may run at once. Default: those of the worker."),
            "max_waiting": with(whole(&MAX_WAITING), "How many jobs may wait in it.", json!(DEFAULT_MAX_WAITING)),
        }),
    )
}

fn kind() -> Map<String, Value> {
    let policy = Policy::default();
    let own = OWN_VARIABLES.map(|name| name.trim_start_matches("LONGHAUL_")).join("|");
    let env = format!("^(?!LONGHAUL_({own})(=|$))[A-Za-z_][A-Za-z0-9_]*(=[^\\u0000]*)?$");
    let schema = || json!({"type": "object"});
    let retries = || whole(&MAX_RETRIES);
    let mut kind = table(
        "A sort of work: a command and a schema for its arguments.",
        json!({
            "title": about(json!({"type": "string"}), "A short title for a page."),
            "description": about(json!({"type": "string"}), "What it does."),
            "command": {
                "description": "The command line, the program first. `{name}` stands for an argument; no shell sees it. `{{` and `}}` are plain braces.",
                "type": "array", "minItems": 1,
                "prefixItems": [text(r"^([^{}\u0000]|\{\{|\}\})+$")],
                "items": text(r"^([^{}\u0000]|\{\{|\}\}|\{[A-Za-z0-9_-]+\})*$"),
            },
            "queue": with(text(NAME), "The queue of its jobs, one of [queues].", json!("default")),
            "timeout": about(positive_duration(), "How long an attempt may run. Default: for ever."),
            "grace": with(duration(), "From the request to stop to the kill.", json!(duration_text(policy.grace))),
            "retries": with(retries(), "How many further attempts failures may cost.", json!(0)),
            "retry_backoff": with(duration(), "The longest pause before the second attempt; it doubles with each further one, up to an hour.", json!(duration_text(policy.retry_backoff))),
            "success_exit_codes": with(json!({"type": "array", "minItems": 1, "items": whole(&(0..=255))}), "The exit codes that mean success.", json!(policy.success_exit_codes)),
            "on_server_exit": with(json!({"enum": ["kill"]}), "What becomes of its processes when the server is gone: they end.", json!("kill")),
            "at_most_once": with(json!({"type": "boolean"}), "After a stop or a crash in which it may have started, it fails and is not tried again.", json!(policy.at_most_once)),
            "max_lost": with(retries(), "How many losses by crashes are forgiven; the one after that fails the job.", json!(policy.max_lost)),
            "worker_labels": with(labels(), "Its jobs run only on workers that have all of these labels, each with this value.", json!({})),
            "stdin": with(json!({"enum": ["none", "args"]}), "What the command reads: nothing, or its arguments as JSON.", json!("none")),
            "cwd": about(folder(), "The folder in which it works; a relative path begins beside this file. Default: a fresh, empty one."),
            "env": with(array(&text(&env)), "What it finds in its environment: names that are let through, or NAME=value.", json!(DEFAULT_ENV)),
            "allow_dash": with(json!({"type": "boolean"}), "Values may begin with `-` where they begin an argument.", json!(false)),
            "args": about(schema(), "JSON Schema (draft 2020-12) of its arguments. Default: each placeholder is a required string."),
            "result": about(schema(), "JSON Schema (draft 2020-12) of its result. Default: any result."),
            "progress": progress(),
        }),
    );
    kind.insert("required".to_owned(), json!(["command"]));
    kind
}

fn progress() -> Value {
    let group = |name: &str| json!({"pattern": format!(r"\(\?P?<{name}>")});
    let groups = json!({
        "type": "string",
        "anyOf": [group("percent"), {"allOf": [group("done"), group("total")]}],
    });
    let pattern = about(
        groups,
        "A regular expression with a group `percent`, or `done` and `total`, that is matched on what the command prints.",
    );
    let mut progress =
        table("Progress of a command that knows nothing of Longhaul.", json!({"pattern": pattern}));
    progress.insert("required".to_owned(), json!(["pattern"]));
    progress.into()
}

fn object_store() -> Value {
    let mut table = table(
        "Where long logs are kept beside a PostgreSQL, so that every server has them. Who may use a bucket is told by AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment.",
        json!({
            "url": about(text(object_store::URL), "A bucket of S3, or of what speaks like it, `s3://BUCKET/PREFIX`; or a folder that all servers see, `file:///PATH`."),
            "endpoint": about(text(object_store::ENDPOINT), "Where the bucket is reached, like `https://s3.example.org:9000`. Default: AWS."),
            "region": about(text(object_store::REGION), "The region of the bucket. Default: AWS_REGION of the environment, else us-east-1."),
        }),
    );
    table.insert("required".to_owned(), json!(["url"]));
    table.into()
}

fn retention() -> Value {
    let default = Retention::default();
    table("How long ended jobs are kept: past any of these, those that ended first go.", json!({
        "age": with(positive_duration(), "How long after their end.", json!(duration_text(default.age))),
        "jobs": with(whole(&RETAINED_JOBS), "How many ended jobs.", json!(default.jobs)),
        "log_bytes": with(whole(&RETAINED_LOG_BYTES), "How many bytes of logs.", json!(default.log_bytes)),
    })).into()
}

fn limits() -> Value {
    let values = limits::values(&Limits::default());
    let keys = limits::keys().into_iter().zip(values);
    let properties: Map<_, _> = keys
        .map(|(key, (_, default))| {
            let rule = key.range.as_ref().map_or_else(positive_duration, whole);
            (key.name.to_owned(), with(rule, key.about, default))
        })
        .collect();
    table("What is refused beyond.", Value::Object(properties)).into()
}

/// A table of these keys and no others.
fn table(about: &str, properties: Value) -> Map<String, Value> {
    let mut table = Map::new();
    table.insert("description".to_owned(), json!(about));
    table.insert("type".to_owned(), json!("object"));
    table.insert("additionalProperties".to_owned(), json!(false));
    table.insert("properties".to_owned(), properties);
    table
}

/// Tables with names of the user's own.
fn named(about: &str, each: &Map<String, Value>) -> Value {
    json!({
        "description": about,
        "type": "object",
        "propertyNames": text(NAME),
        "additionalProperties": each,
    })
}

fn about(mut rule: Value, about: &str) -> Value {
    rule["description"] = json!(about);
    rule
}

fn with(rule: Value, text: &str, default: Value) -> Value {
    let mut rule = about(rule, text);
    rule["default"] = default;
    rule
}

/// Names with values. The bounds are in `[limits]`, these are theirs.
fn labels() -> Value {
    let most = |name: &str| {
        let key = limits::keys().into_iter().find(|key| key.name == name);
        key.and_then(|key| key.range).map(|range| *range.end())
    };
    json!({
        "type": "object",
        "maxProperties": most("labels"),
        "propertyNames": {"minLength": 1, "maxLength": most("label_key_bytes")},
        "additionalProperties": {"type": "string", "maxLength": most("label_value_bytes")},
    })
}

fn text(pattern: &str) -> Value {
    json!({"type": "string", "pattern": pattern})
}

fn folder() -> Value {
    json!({"type": "string", "minLength": 1})
}

fn array(items: &Value) -> Value {
    json!({"type": "array", "items": items})
}

fn whole(range: &RangeInclusive<i64>) -> Value {
    json!({"type": "integer", "minimum": range.start(), "maximum": range.end()})
}

fn duration() -> Value {
    text("^[0-9]+(ms|s|m|h)$")
}

fn positive_duration() -> Value {
    text("^0*[1-9][0-9]*(ms|s|m|h)$")
}
