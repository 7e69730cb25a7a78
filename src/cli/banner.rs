//! What a server says when it has started: where it is, what it has, and a command to paste that
//! starts a job.

use std::net::SocketAddr;

use serde_json::{Map, Value, json};

use crate::config::value::duration_text;
use crate::config::{Config, Door, Origin};
use crate::domain::kind::Kind;
use crate::domain::names::KindName;
use crate::server::{Server, url};

/// The lines, of which the first one names the address where there is one; scripts may read that one.
pub(super) fn lines(config: &Config, address: Option<SocketAddr>, asks_for_tokens: bool) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let mut text = match address {
        Some(address) => format!("longhaul {version} listening on {}\n", url(address)),
        None => format!("longhaul {version} working, without a port\n"),
    };
    let with_api = config.server.door == Door::Whole;
    let api = address.filter(|_| with_api).map(url);
    let queues = config.catalog.queues.values();
    let queues: Vec<_> = queues.map(|q| format!("{} ({} slots)", q.name, q.slots)).collect();
    let of_worker: Vec<_> = config.catalog.runnable_with(&config.worker.labels).collect();
    let kinds = config.catalog.kinds.keys().filter(|kind| with_api || of_worker.contains(kind));
    let kinds: Vec<_> = kinds.map(KindName::as_str).collect();
    let access = address.map(|_| access(config, asks_for_tokens)).unwrap_or_default();
    let is_postgres = config.server.database.is_postgres();
    let rows = [
        ("page", api.as_deref().map(page).unwrap_or_default()),
        ("playground", api.as_deref().map(playground).unwrap_or_default()),
        ("answers", if with_api { "" } else { answers(address) }.to_owned()),
        ("data", config.server.data.display().to_string()),
        ("database", if is_postgres { "PostgreSQL" } else { "" }.to_owned()),
        ("configuration", origin(&config.origin)),
        ("worker", if with_api { String::new() } else { config.worker.name.clone() }),
        ("labels", config.worker.labels.to_string()),
        ("slots", config.worker.slots.to_string()),
        ("queues", queues.join(", ")),
        ("kinds", kinds.join(", ")),
        ("access", access.to_owned()),
        ("stop", format!("Ctrl-C, within {}", duration_text(config.server.drain_timeout))),
        ("start a job", api.map(|here| curl(config, &here)).unwrap_or_default()),
    ];
    for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
        text.push_str(&row(name, value));
    }
    text.trim_end().to_owned()
}

fn access(config: &Config, asks_for_tokens: bool) -> &'static str {
    if asks_for_tokens {
        "with a token: `longhaul token create`, `Authorization: Bearer lh_…`"
    } else if config.server.insecure_no_auth {
        "everybody who reaches the address may do everything, by IP address or a name in allowed_hosts"
    } else {
        "this machine only, no tokens"
    }
}

/// What a process without an API answers.
fn answers(address: Option<SocketAddr>) -> &'static str {
    match address {
        Some(_) => "/healthz, /readyz and /metrics: its servers have the API",
        None => "nobody: its servers have the API, and `--listen` opens a port for probes",
    }
}

fn playground(url: &str) -> String {
    if Server::has_pages() { format!("{url}/graphiql") } else { String::new() }
}

fn page(url: &str) -> String {
    if Server::has_pages() {
        format!("{url}/")
    } else {
        "not in this binary: `make run` with Node 20.19 or later builds it in".to_owned()
    }
}

fn row(name: &str, value: &str) -> String {
    format!("  {name:<14}{value}\n")
}

fn origin(origin: &Origin) -> String {
    match origin {
        Origin::File(path) => path.display().to_string(),
        Origin::BuiltIn(Some(path)) => {
            format!("built in, there is no {}: `longhaul init` writes it", path.display())
        }
        Origin::BuiltIn(None) => "built in".to_owned(),
    }
}

/// A command that starts a job of the first kind for which arguments can be made up.
fn curl(config: &Config, url: &str) -> String {
    let kinds = config.catalog.kinds.values();
    let sample = kinds.into_iter().find_map(|kind| Some((kind, sample(kind)?)));
    let Some((kind, args)) = sample else {
        return "`longhaul kinds` lists what can be started, and what each kind takes".to_owned();
    };
    let mut input = json!({"kind": kind.name.as_str()});
    if args != json!({}) {
        input["args"] = args;
    }
    let body = json!({
        "query": "mutation($input: StartJobInput!) { startJob(input: $input) { job { id state } } }",
        "variables": { "input": input },
    });
    // The only character that ends a quoted word of a shell.
    let body = body.to_string().replace('\'', r"'\''");
    format!("curl -s {url}/graphql -H 'Content-Type: application/json' -d '{body}'")
}

/// Arguments that the kind takes: none, or the required ones as its schema suggests them.
fn sample(kind: &Kind) -> Option<Value> {
    let fits = |args: &Value| kind.problems(args).is_empty();
    let none = json!({});
    if fits(&none) {
        return Some(none);
    }
    let schema = kind.args.source();
    let required = schema.get("required")?.as_array()?;
    let args = required.iter().map(|name| {
        let name = name.as_str()?;
        Some((name.to_owned(), suggested(schema.get("properties")?.get(name)?)?))
    });
    Some(Value::Object(args.collect::<Option<Map<_, _>>>()?)).filter(fits)
}

fn suggested(rule: &Value) -> Option<Value> {
    let first = |key: &str| rule.get(key)?.as_array()?.first().cloned();
    rule.get("const")
        .or(rule.get("default"))
        .cloned()
        .or_else(|| first("examples"))
        .or_else(|| first("enum"))
        .or_else(|| rule.get("minimum").cloned())
        .or_else(|| match rule.get("type")?.as_str()? {
            "string" => Some(json!("text")),
            "integer" | "number" => Some(json!(1)),
            "boolean" => Some(json!(true)),
            _ => None,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Environment, Overrides};

    fn config(source: &str) -> Config {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("longhaul.toml");
        std::fs::write(&file, source).unwrap();
        let overrides = Overrides { config: Some(file), ..Overrides::default() };
        Config::load(&overrides, &Environment::of([("HOME", "/h"), ("PATH", "/bin")])).unwrap()
    }

    #[test]
    fn the_command_to_paste_has_arguments_that_fit() {
        let curl = |source: &str| super::curl(&config(source), "http://127.0.0.1:1");
        assert_eq!(
            curl(
                "[kinds.a]\ncommand = ['x', '{y}']\nargs.required = ['y']\nargs.properties.y = { type = 'string', pattern = '^/' }\n[kinds.b]\ncommand = ['x', '{n}', '{t}']\nargs.required = ['n', 't']\nargs.properties.n = { type = 'integer', minimum = 3 }\nargs.properties.t = { examples = [\"it's\"] }"
            ),
            r#"curl -s http://127.0.0.1:1/graphql -H 'Content-Type: application/json' -d '{"query":"mutation($input: StartJobInput!) { startJob(input: $input) { job { id state } } }","variables":{"input":{"kind":"b","args":{"n":3,"t":"it'\''s"}}}}'"#
        );
        assert!(
            curl("[kinds.a]\ncommand = ['x']").ends_with(r#""variables":{"input":{"kind":"a"}}}'"#)
        );
        assert!(curl("").contains("`longhaul kinds`"), "no kind, no command");
    }

    #[test]
    fn an_address_of_every_interface_is_reached_at_the_loopback() {
        let config = config("");
        for (every, here) in [("[::]:8080", "[::1]:8080"), ("0.0.0.0:8080", "127.0.0.1:8080")] {
            let text = lines(&config, Some(every.parse().unwrap()), false);
            let first =
                format!("longhaul {} listening on http://{here}\n", env!("CARGO_PKG_VERSION"));
            assert!(text.starts_with(&first), "{text}");
            assert!(!text.contains(every), "{text}");
        }
    }
}
