//! Joins the sources of a configuration: flags, variables, the file, defaults.

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::domain::kind::{Catalog, Kind};
use crate::domain::label::Labels;
use crate::domain::limits::Limits;
use crate::domain::object_store::ObjectStore;

use super::database::{Database, NO_DATABASE, NO_DIRECT, NOTHING_DIRECT, read_direct};
use super::error::{ConfigError, Problem};
use super::object_store::object_store;
use super::paths::{Base, Environment, why_not_startable};
use super::sections::{self, ServerSection};
use super::show;
use super::table::{Document, Section};
use super::value::{self, Expected, MAX_SLOTS};
use super::{Config, Door, Origin, Overrides, Retention, Server, Worker, kinds, limits};

const BUILT_IN: &str = include_str!("builtin.toml");
pub(super) const DEFAULT_LISTEN: &str = "127.0.0.1:8080";
pub(super) const DEFAULT_DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
pub(super) const DEFAULT_LEASE: Duration = Duration::from_secs(60);

const NO_WORKER: &str = "`--no-worker` is for servers that share a PostgreSQL with others: nobody else runs the jobs of a data folder";

const NO_OBJECTS: &str = "`[object_store]` is for servers that share a PostgreSQL: the logs of a data folder stay in it, and nothing is put there";

const ONLY_WORKS: &str = "`longhaul work` is for servers that share a PostgreSQL: nobody could start a job here, nor ask for one, since nothing but this process may use a data folder; name the PostgreSQL with `--database`, LONGHAUL_SERVER_DATABASE or `database` in [server], or run `longhaul serve`";

/// See [`Config::load`].
pub(super) fn load(
    overrides: &Overrides,
    environment: &Environment,
) -> Result<Config, ConfigError> {
    let file = File::read(overrides, environment).map_err(|p| ConfigError::new(vec![p]))?;
    let mut variables = Variables::read(environment);
    if let Some(name) = &overrides.name {
        variables.worker_name = Some(name.clone());
    }
    let told_slots = overrides.slots.or(variables.slots);
    let document = Document::new(&file.name, &file.source);
    let parsed = document.parse();
    let sections = parsed.as_ref().map(|table| {
        Sections::read(&document.root(table.get_ref()), &variables, told_slots, &file.base)
    });
    drop(parsed);
    let mut problems = variables.problems;
    if overrides.database.as_ref().is_some_and(|text| Database::read(text).is_none()) {
        problems.push(Problem::general(format!("`--database`: {NO_DATABASE}")));
    }
    if overrides.database_direct.as_ref().is_some_and(|text| read_direct(text).is_none()) {
        problems.push(Problem::general(format!("`--database-direct`: {NO_DIRECT}")));
    }
    let server =
        server(overrides, environment, &variables.server, sections.as_ref(), &mut problems);
    if server.as_ref().is_some_and(|s| s.database == Database::Sqlite) {
        let parted = [(overrides.no_worker, NO_WORKER), (overrides.only_works, ONLY_WORKS)];
        let told = parted.into_iter().filter(|(is_asked, _)| *is_asked);
        problems.extend(told.map(|(_, why)| Problem::general(why.to_owned())));
    }
    let sources = show::sources(document.lines(), overrides, environment);
    problems.extend(document.into_problems());
    match (server, sections) {
        (Some(server), Some(sections)) if problems.is_empty() => {
            let mut warnings = warnings(&sections, environment);
            if server.database == Database::Sqlite {
                warnings.extend(never_run(&sections));
                warnings.extend(sections.object_store.as_ref().map(|_| NO_OBJECTS.to_owned()));
            }
            Ok(Config {
                server,
                worker: Worker {
                    slots: sections.slots,
                    name: sections.worker_name,
                    lease: sections.lease,
                    works: !overrides.no_worker,
                    labels: sections.labels,
                },
                catalog: sections.catalog,
                retention: sections.retention.unwrap_or_default(),
                object_store: sections.object_store,
                limits: sections.limits,
                origin: file.origin,
                warnings,
                sources,
            })
        }
        _ => Err(ConfigError::new(problems)),
    }
}

/// The data folder of the server that `overrides`, the environment or the default file describe,
/// for a client that looks for it. Only what names the folder is judged.
pub fn data_folder(
    overrides: &Overrides,
    environment: &Environment,
) -> Result<PathBuf, ConfigError> {
    let one = |problem| ConfigError::new(vec![problem]);
    let told = overrides.data.as_deref().or(environment.get("LONGHAUL_SERVER_DATA").map(Path::new));
    if let Some(told) = told {
        return std::path::absolute(told)
            .map_err(|error| one(Problem::general(format!("`{}`: {error}", told.display()))));
    }
    let file = File::read(overrides, environment).map_err(one)?;
    let document = Document::new(&file.name, &file.source);
    let parsed = document.parse();
    let named = parsed.as_ref().and_then(|table| {
        let server = document.root(table.get_ref()).section("server")?;
        sections::folder(&server.take("data")?, &file.base)
    });
    drop(parsed);
    let problems = document.into_problems();
    if !problems.is_empty() {
        return Err(ConfigError::new(problems));
    }
    named.or_else(|| environment.default_data()).ok_or_else(|| one(no_data_folder()))
}

fn no_data_folder() -> Problem {
    Problem::general(
        "there is no HOME, so no default data folder: name one with `--data`, LONGHAUL_SERVER_DATA or `data` in [server]",
    )
}

/// The file that is in force, or what stands for it.
struct File {
    name: String,
    source: String,
    origin: Origin,
    base: Base,
}

impl File {
    fn read(overrides: &Overrides, environment: &Environment) -> Result<Self, Problem> {
        let default = environment.default_file();
        let (path, named) = match (&overrides.config, &default) {
            (Some(path), _) => (path, true),
            (None, Some(path)) => (path, false),
            (None, None) => return Ok(Self::built_in(None)),
        };
        let name = path.display().to_string();
        let cannot = |error| Problem::general(format!("{name}: cannot be read: {error}"));
        match std::fs::read_to_string(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !named => {
                Ok(Self::built_in(default))
            }
            Err(error) => Err(cannot(error)),
            Ok(source) => {
                let path = std::path::absolute(path).map_err(cannot)?;
                let dir = path.parent().unwrap_or(Path::new("/")).to_owned();
                let base = Base { dir, own_program: None };
                Ok(Self { name, source, origin: Origin::File(path), base })
            }
        }
    }

    fn built_in(default: Option<PathBuf>) -> Self {
        Self {
            name: "(built in)".to_owned(),
            source: BUILT_IN.to_owned(),
            origin: Origin::BuiltIn(default),
            base: Base { dir: PathBuf::from("/"), own_program: std::env::current_exe().ok() },
        }
    }
}

/// What the file says.
struct Sections {
    server: ServerSection,
    slots: u32,
    worker_name: String,
    lease: Duration,
    labels: Labels,
    catalog: Catalog,
    /// `None`: the file says nothing of it.
    retention: Option<Retention>,
    object_store: Option<ObjectStore>,
    limits: Limits,
}

impl Sections {
    fn read(
        root: &Section<'_>,
        variables: &Variables,
        told_slots: Option<u32>,
        base: &Base,
    ) -> Self {
        let server = root.section("server").map(|s| sections::server(&s, base));
        let limits = root.section("limits").map(|s| limits::read(&s)).unwrap_or_default();
        let worker = root.section("worker").map(|s| sections::worker(&s, &limits));
        let worker = worker.unwrap_or_default();
        let slots = told_slots.or(worker.slots).unwrap_or_else(cores);
        let worker_name = variables.worker_name.clone().or(worker.name);
        let lease = variables.lease.or(worker.lease).unwrap_or(DEFAULT_LEASE);
        let queues = root.section("queues").map(sections::queues).unwrap_or_default();
        let queues = sections::queue_specs(queues, slots);
        let around = kinds::Around { queues: &queues, limits: &limits, base };
        let kinds = root.section("kinds").map(|s| kinds::kinds(s, &around));
        let retention = root.section("retention").map(|s| sections::retention(&s));
        let object_store = root.section("object_store").and_then(|s| object_store(&s));
        root.finish();
        Self {
            server: server.unwrap_or_default(),
            slots,
            worker_name: worker_name.unwrap_or_else(host_name),
            lease,
            labels: worker.labels,
            catalog: Catalog { kinds: kinds.unwrap_or_default(), queues },
            retention,
            object_store,
            limits,
        }
    }
}

fn cores() -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    u32::try_from(cores).unwrap_or(MAX_SLOTS).min(MAX_SLOTS)
}

/// What the machine calls itself.
fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    value::worker_name(name).unwrap_or_else(|_| "worker".to_owned())
}

/// What the variables say, and what is wrong with them.
struct Variables {
    server: ServerSection,
    slots: Option<u32>,
    worker_name: Option<String>,
    lease: Option<Duration>,
    problems: Vec<Problem>,
}

impl Variables {
    fn read(environment: &Environment) -> Self {
        let mut problems = Vec::new();
        let (env, told) = (environment, &mut problems);
        let database = hidden(env, "LONGHAUL_SERVER_DATABASE", Database::read, (NO_DATABASE, told));
        let database_direct =
            hidden(env, "LONGHAUL_SERVER_DATABASE_DIRECT", read_direct, (NO_DIRECT, told));
        let server = ServerSection {
            listen: variable(env, "LONGHAUL_SERVER_LISTEN", value::listen, told),
            data: env.get("LONGHAUL_SERVER_DATA").map(PathBuf::from),
            database,
            database_direct,
            drain_timeout: variable(env, "LONGHAUL_SERVER_DRAIN_TIMEOUT", value::duration, told),
            introspection: variable(env, "LONGHAUL_SERVER_INTROSPECTION", value::boolean, told),
            ..ServerSection::default()
        };
        let slots = variable(env, "LONGHAUL_WORKER_SLOTS", value::slots, told);
        let worker_name = variable(env, "LONGHAUL_WORKER_NAME", value::worker_name, told);
        let lease = variable(env, "LONGHAUL_WORKER_LEASE", sections::lease, told);
        Self { server, slots, worker_name, lease, problems }
    }
}

/// An address, which is not shown.
fn hidden<T>(
    environment: &Environment,
    name: &str,
    read: impl FnOnce(&str) -> Option<T>,
    (expected, problems): (&str, &mut Vec<Problem>),
) -> Option<T> {
    let read = read(&environment.get(name)?.to_string_lossy());
    if read.is_none() {
        problems.push(Problem::general(format!("{name}: {expected}")));
    }
    read
}

fn variable<T>(
    environment: &Environment,
    name: &str,
    read: impl FnOnce(&str) -> Result<T, Expected>,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    let text = environment.get(name)?.to_string_lossy();
    let told = |e| Problem::general(format!("{name}: `{text}` is not valid: {e}"));
    read(&text).map_err(|expected| problems.push(told(expected))).ok()
}

fn server(
    overrides: &Overrides,
    environment: &Environment,
    variables: &ServerSection,
    sections: Option<&Sections>,
    problems: &mut Vec<Problem>,
) -> Option<Server> {
    let nothing = ServerSection::default();
    let file = sections.map_or(&nothing, |sections| &sections.server);
    let default_listen = || DEFAULT_LISTEN.parse().expect("an address");
    let told_listen = overrides.listen.or(variables.listen).or(file.listen);
    let door = match (overrides.only_works, told_listen) {
        (false, _) => Door::Whole,
        (true, Some(_)) => Door::Probes,
        (true, None) => Door::Shut,
    };
    let told = overrides.data.as_ref().or(variables.data.as_ref()).or(file.data.as_ref());
    let data = told.cloned().or_else(|| environment.default_data());
    let data = data.and_then(|data| std::path::absolute(data).ok());
    if data.is_none() {
        problems.push(no_data_folder());
    }
    let database = database(overrides, variables, file, problems);
    Some(Server {
        listen: told_listen.unwrap_or_else(default_listen),
        door,
        data: data?,
        database,
        drain_timeout: variables
            .drain_timeout
            .or(file.drain_timeout)
            .unwrap_or(DEFAULT_DRAIN_TIMEOUT),
        allowed_origins: file.allowed_origins.clone(),
        allowed_hosts: file.allowed_hosts.clone(),
        introspection: variables.introspection.or(file.introspection).unwrap_or(true),
        insecure_no_auth: overrides.insecure_no_auth,
    })
}

/// Where jobs are kept, and the way past a pooler.
fn database(
    overrides: &Overrides,
    variables: &ServerSection,
    file: &ServerSection,
    problems: &mut Vec<Problem>,
) -> Database {
    let told = overrides.database.as_deref().and_then(Database::read);
    let database = told.or_else(|| variables.database.clone()).or_else(|| file.database.clone());
    let database = database.unwrap_or_default();
    let told = overrides.database_direct.as_deref().and_then(read_direct);
    let direct = told.or_else(|| variables.database_direct.clone());
    let Some(direct) = direct.or_else(|| file.database_direct.clone()) else { return database };
    database.past(direct).unwrap_or_else(|| {
        problems.push(Problem::general(NOTHING_DIRECT.to_owned()));
        Database::Sqlite
    })
}

/// What the only worker of a data folder has no labels for.
fn never_run(sections: &Sections) -> impl Iterator<Item = String> {
    let lacks = |kind: &&Arc<Kind>| !sections.labels.contain_all(&kind.worker_labels);
    sections.catalog.kinds.values().filter(lacks).map(|kind| {
        format!(
            "kind `{}`: it asks for a worker with {}, and the only one of a data folder has no such `labels`: its jobs will wait for ever",
            kind.name, kind.worker_labels
        )
    })
}

fn warnings(sections: &Sections, environment: &Environment) -> Vec<String> {
    let catalog = &sections.catalog;
    let mut warnings = Vec::new();
    if catalog.kinds.is_empty() {
        warnings.push(
            "no kind is declared, so no job can be started: add a [kinds.NAME] with a `command`"
                .to_owned(),
        );
    }
    for kind in catalog.kinds.values() {
        let (name, program) = (&kind.name, kind.command.program());
        if let Some(why) = why_not_startable(&program, environment) {
            warnings.push(format!(
                "kind `{name}`: its program `{program}` {why}: its jobs will end with SPAWN_FAILED until it can be started"
            ));
        }
        if let Some(cwd) = kind.cwd.as_ref().filter(|cwd| !cwd.is_dir()) {
            warnings.push(format!(
                "kind `{name}`: its `cwd` `{}` is no folder: its jobs will end with SPAWN_FAILED until it is one",
                cwd.display()
            ));
        }
    }
    warnings
}
