//! What a file means, and which source wins.

use std::time::Duration;

use longhaul::config::error::Problem;
use longhaul::config::{
    Config, Database, Door, Environment, Origin, Overrides, Retention, data_folder,
};
use longhaul::domain::kind::{EnvRule, Stdin};
use longhaul::domain::names::KindName;
use serde_json::json;

use super::Home;

pub(super) const FULL: &str = r#"
[server]
listen = "127.0.0.1:0"
data = "data"
drain_timeout = "5s"
introspection = false
allowed_origins = ["http://LOCALHOST:5173"]
allowed_hosts = ["jobs.example"]

[worker]
name = "bench 1"
slots = 3
labels = { zone = "b", "gpu" = "a100" }

[queues.default]
max_waiting = 1_000

[queues.slow]
slots = 0

[kinds.media]
title = "Media"
description = "All keys"
command = ["bin/tool", "--out={out}", "{files}"]
queue = "slow"
timeout = "90m"
grace = "1s"
retries = 2
retry_backoff = "500ms"
success_exit_codes = [0, 3]
on_server_exit = "kill"
at_most_once = true
max_lost = 1
stdin = "args"
cwd = "/tmp"
env = ["PATH", "MODE=fast=1"]
allow_dash = true
worker_labels = { gpu = "a100" }

[kinds.media.args]
required = ["out"]
additionalProperties = false
properties.out = { type = "string" }
properties.files = { type = "array", items = { type = "string" } }

[kinds.media.result]
type = "object"

[kinds.media.progress]
pattern = '(?P<done>\d+) of (?P<total>\d+)'

[retention]
age = "24h"

[limits]
page_size = 7
request_timeout = "1s"
"#;

fn kind(config: &Config, name: &str) -> std::sync::Arc<longhaul::domain::kind::Kind> {
    config.catalog.kinds[name].clone()
}

#[test]
fn every_key_is_read() {
    let home = Home::with(FULL);
    let config = home.load().unwrap();
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:0");
    assert_eq!(config.server.data, home.path("data"), "beside the file");
    assert_eq!(config.server.drain_timeout, Duration::from_secs(5));
    assert_eq!(config.server.allowed_origins, ["http://localhost:5173"]);
    assert_eq!(config.server.allowed_hosts, ["jobs.example"]);
    assert!(!config.server.introspection);
    assert_eq!(config.origin, Origin::File(home.path("longhaul.toml")));
    assert_eq!(config.worker.name, "bench 1");
    assert_eq!(config.worker.labels.to_string(), "gpu=a100, zone=b");
    assert_eq!((config.limits.page_size, config.limits.query_depth), (7, 16));
    assert_eq!(config.limits.request_timeout, Duration::from_secs(1));
    let queue =
        |name: &str| (config.catalog.queues[name].slots, config.catalog.queues[name].max_waiting);
    assert_eq!(
        (config.worker.slots, queue("default"), queue("slow")),
        (3, (3, 1_000), (0, 100_000))
    );

    let media = kind(&config, "media");
    let args = json!({"out": "o", "files": ["-a", "b"]});
    let program = home.path("bin/tool").to_str().unwrap().to_owned();
    assert_eq!(
        media.argv(args.as_object().unwrap()).unwrap(),
        [program.as_str(), "--out=o", "-a", "b"],
        "a program with a slash lies beside the file"
    );
    assert_eq!(media.timeout, Some(Duration::from_secs(5_400)));
    assert_eq!((media.max_attempts(), media.policy.max_lost), (3, 1));
    assert_eq!(
        (media.policy.grace, media.policy.retry_backoff),
        (Duration::from_secs(1), Duration::from_millis(500))
    );
    assert_eq!(media.policy.success_exit_codes, [0, 3]);
    assert!(media.policy.at_most_once && media.allow_dash);
    assert_eq!(media.worker_labels.to_string(), "gpu=a100");
    assert_eq!((media.stdin, media.queue.as_str()), (Stdin::Args, "slow"));
    assert_eq!(media.cwd.as_deref(), Some("/tmp".as_ref()));
    assert_eq!(
        media.env,
        [EnvRule::Pass("PATH".to_owned()), EnvRule::Set("MODE".to_owned(), "fast=1".to_owned())]
    );
    assert_eq!(media.progress_pattern.as_deref(), Some(r"(?P<done>\d+) of (?P<total>\d+)"));
    assert!(media.result.is_some());
    let order: Vec<_> = media.args.source()["properties"].as_object().unwrap().keys().collect();
    assert_eq!(order, ["out", "files"], "as the file has them");
    let warnings = config.warnings();
    assert_eq!(
        warnings,
        [format!(
            "kind `media`: its program `{program}` does not exist: its jobs will end with SPAWN_FAILED until it can be started"
        )]
    );
    assert_eq!(
        config.retention,
        Retention { age: Duration::from_secs(86_400), ..Retention::default() }
    );
}

#[test]
fn a_flag_wins_over_a_variable_over_the_file_over_the_default() {
    let home = Home::with(
        "[server]\nlisten = \"127.0.0.1:3\"\n[worker]\nslots = 3\n[kinds.k]\ncommand = [\"true\"]",
    );
    let slots = |overrides: &Overrides, environment: &Environment| {
        let config = Config::load(overrides, environment).unwrap();
        (config.server.listen.port(), config.worker.slots, config.catalog.queues["default"].slots)
    };
    let none = home.environment([]);
    let variables = home.environment([
        ("LONGHAUL_SERVER_LISTEN", "127.0.0.1:2"),
        ("LONGHAUL_WORKER_SLOTS", "2"),
        ("LONGHAUL_JOB_ID", "not for us"),
        ("LONGHAUL_SERVER_DRAIN_TIMEOUT", ""),
        ("LONGHAUL_SERVER_INTROSPECTION", "false"),
    ]);
    let flags = Overrides {
        listen: Some("127.0.0.1:1".parse().unwrap()),
        slots: Some(1),
        ..home.overrides()
    };
    assert_eq!(slots(&flags, &variables), (1, 1, 1));
    assert_eq!(slots(&home.overrides(), &variables), (2, 2, 2));
    assert_eq!(slots(&home.overrides(), &none), (3, 3, 3));
    let open =
        |environment| Config::load(&home.overrides(), environment).unwrap().server.introspection;
    assert!(open(&none) && !open(&variables), "a scalar of [server] has a variable");
    let cores = std::thread::available_parallelism().unwrap().get();
    let built_in = slots(&Overrides::default(), &none);
    assert_eq!((built_in.0, built_in.1 as usize), (8080, cores));
}

#[test]
fn a_variable_that_is_wrong_is_told_by_its_name() {
    let home = Home::with("");
    let environment = home.environment([
        ("LONGHAUL_SERVER_LISTEN", "here"),
        ("LONGHAUL_WORKER_SLOTS", "0"),
        ("LONGHAUL_SERVER_DATABASE", "mysql://x"),
        ("LONGHAUL_SERVER_DATABASE_DIRECT", "sqlite"),
    ]);
    let error = Config::load(&home.overrides(), &environment).unwrap_err();
    let messages: Vec<_> = error.problems().iter().map(Problem::message).collect();
    assert_eq!(
        messages,
        [
            "LONGHAUL_SERVER_DATABASE: expected `sqlite`, which keeps jobs in the data folder, or the address of a PostgreSQL, `postgres://USER:PASSWORD@HOST:PORT/DATABASE`",
            "LONGHAUL_SERVER_DATABASE_DIRECT: expected the address of the PostgreSQL itself, past the pooler in `database`, `postgres://USER:PASSWORD@HOST:PORT/DATABASE`",
            "LONGHAUL_SERVER_LISTEN: `here` is not valid: expected an IP address and a port, like `127.0.0.1:8080` or `[::1]:8080`",
            "LONGHAUL_WORKER_SLOTS: `0` is not valid: expected a whole number from 1 to 10,000",
        ]
    );
}

#[test]
fn a_wide_address_is_for_the_server_to_judge() {
    // P15: whether there is a token stands in the data folder.
    let home = Home::with("[server]\nlisten = \"[::]:8080\"");
    let config = Config::load(&home.overrides(), &home.environment([])).unwrap();
    assert!(!config.server.insecure_no_auth);
    let allowed = Overrides { insecure_no_auth: true, ..home.overrides() };
    let config = Config::load(&allowed, &home.environment([])).unwrap();
    assert!(config.server.insecure_no_auth);
}

#[test]
fn the_default_file_is_used_where_it_is_and_four_kinds_where_it_is_not() {
    let home = Home::with("");
    let load = || Config::load(&Overrides::default(), &home.environment([])).unwrap();
    let built_in = load();
    assert_eq!(built_in.origin, Origin::BuiltIn(Some(home.path(".config/longhaul/longhaul.toml"))));
    assert_eq!(built_in.server.data, home.path(".local/share/longhaul"));
    let names: Vec<_> = built_in.catalog.kinds.keys().map(KindName::as_str).collect();
    assert_eq!(names, ["checksum", "compress", "demo", "fail"]);
    assert_eq!(built_in.warnings(), [""; 0]);
    let argv = |name: &str, args: serde_json::Value| {
        let kind = kind(&built_in, name);
        assert_eq!(kind.problems(&args), []);
        kind.argv(args.as_object().unwrap()).unwrap()
    };
    let own = std::env::current_exe().unwrap().to_str().unwrap().to_owned();
    assert_eq!(argv("demo", json!({})), [&own, "demo"]);
    assert_eq!(argv("demo", json!({"seconds": 0.5})), [&own, "demo", "--seconds=0.5"]);
    assert_eq!(argv("compress", json!({"path": "/x"})), ["gzip", "-k", "-f", "--", "/x"]);
    assert_eq!(argv("compress", json!({"path": "/x", "level": 9}))[3], "-9");
    assert_eq!(argv("fail", json!({"code": 3}))[4], "3");
    assert!(!kind(&built_in, "checksum").problems(&json!({"path": "here"})).is_empty());

    std::fs::create_dir_all(home.path(".config/longhaul")).unwrap();
    std::fs::write(home.path(".config/longhaul/longhaul.toml"), "[kinds.own]\ncommand=['true']")
        .unwrap();
    assert_eq!(load().catalog.kinds.keys().map(KindName::as_str).collect::<Vec<_>>(), ["own"]);
}

#[test]
fn a_client_finds_the_data_folder_of_a_server_with_other_faults() {
    let home = Home::with("[server]\ndata = \"d\"\nlisten = \"0.0.0.0:1\"\n[worker]\nslots = 0");
    let find = |overrides: &Overrides, environment: &Environment| {
        data_folder(overrides, environment).unwrap()
    };
    assert_eq!(find(&home.overrides(), &home.environment([])), home.path("d"));
    let environment = home.environment([("LONGHAUL_SERVER_DATA", "/srv/d")]);
    assert_eq!(find(&home.overrides(), &environment).to_str(), Some("/srv/d"));
    let flag = Overrides { data: Some("/flag".into()), ..home.overrides() };
    assert_eq!(find(&flag, &environment).to_str(), Some("/flag"));
    let homeless = data_folder(&Overrides::default(), &Environment::of([])).unwrap_err();
    assert!(homeless.to_string().starts_with("there is no HOME"));
}

/// A port is opened for an API, or because somebody names one.
#[test]
fn a_worker_alone_has_a_shared_database_and_a_port_where_one_is_named() {
    let home = Home::with("");
    let none = home.environment([]);
    let alone = Overrides { only_works: true, ..home.overrides() };
    let refused = Config::load(&alone, &none).unwrap_err().to_string();
    assert!(
        refused.contains("`longhaul work` is for servers that share a PostgreSQL"),
        "{refused}"
    );
    let shared = Overrides { database: Some("postgres://db/x".to_owned()), ..alone };
    let door = |overrides: &Overrides, environment: &Environment| {
        let config = Config::load(overrides, environment).unwrap();
        assert!(config.worker.works);
        config.server.door
    };
    assert_eq!(door(&shared, &none), Door::Shut);
    let named = home.environment([("LONGHAUL_SERVER_LISTEN", "127.0.0.1:0")]);
    assert_eq!(door(&shared, &named), Door::Probes);
    let whole = Overrides { only_works: false, ..shared.clone() };
    assert_eq!(door(&whole, &none), Door::Whole);
    let home = Home::with("[server]\nlisten = \"127.0.0.1:0\"\n");
    let shared = Overrides { config: home.overrides().config, ..shared };
    assert_eq!(door(&shared, &none), Door::Probes);
}

/// A flag wins over a variable, that over the file; and only a PostgreSQL has a way past its pooler.
#[test]
fn the_way_past_a_pooler_is_that_of_a_postgres() {
    let text = |text: &str| Some(text.to_owned());
    let home = Home::with(
        "[server]\ndatabase = \"postgres://pooler/x\"\ndatabase_direct = \"postgres://file/x\"\n",
    );
    let direct = |overrides: &Overrides, environment: &Environment| {
        let config = Config::load(overrides, environment).unwrap();
        let Database::Postgres(told) = config.server.database else { panic!("no PostgreSQL") };
        (told.url, told.direct.unwrap())
    };
    let (none, plain) = (home.environment([]), home.overrides());
    let url = "postgres://pooler/x".to_owned();
    assert_eq!(direct(&plain, &none), (url.clone(), "postgres://file/x".to_owned()));
    let variable = home.environment([("LONGHAUL_SERVER_DATABASE_DIRECT", "postgres://variable/x")]);
    assert_eq!(direct(&plain, &variable).1, "postgres://variable/x");
    let flag = Overrides { database_direct: text("postgres://flag/x"), ..plain.clone() };
    assert_eq!(direct(&flag, &variable), (url, "postgres://flag/x".to_owned()));
    let wrong = Overrides { database_direct: text("flag:hunter2"), ..plain.clone() };
    let refused = Config::load(&wrong, &none).unwrap_err().to_string();
    assert!(refused.contains("`--database-direct`: expected the address"), "{refused}");
    assert!(!refused.contains("hunter2"), "{refused}");
    let sqlite = Overrides { database: text("sqlite"), ..plain };
    let refused = Config::load(&sqlite, &none).unwrap_err().to_string();
    assert!(refused.contains("`database_direct` in [server] is the way past"), "{refused}");
}

#[test]
fn only_a_shared_database_is_served_without_a_worker() {
    let home = Home::with("");
    let flags = Overrides { no_worker: true, name: Some("front".to_owned()), ..home.overrides() };
    let none = home.environment([]);
    let refused = Config::load(&flags, &none).unwrap_err().to_string();
    assert!(refused.contains("`--no-worker` is for servers that share a PostgreSQL"), "{refused}");
    let shared = Overrides { database: Some("postgres://db/x".to_owned()), ..flags };
    let config = Config::load(&shared, &none).unwrap();
    assert_eq!((config.worker.works, &*config.worker.name), (false, "front"));
}
