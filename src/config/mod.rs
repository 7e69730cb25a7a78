//! Reads what may run and how: a strict TOML file, a few variables and flags, and defaults.
//!
//! A flag wins over a variable, a variable over the file, the file over the default. Variables are
//! there for the scalars of `[server]` and `[worker]` only, like `LONGHAUL_SERVER_LISTEN`; others
//! with the prefix are ignored, since a job may run `longhaul` itself. What is wrong anywhere is
//! refused even where something else wins over it: a file is right or it is not used.
//!
//! The file is the one that was named, else `$XDG_CONFIG_HOME/longhaul/longhaul.toml` where there
//! is one, else the four built-in kinds. The current folder is not looked at: what a server may
//! run must not depend on where somebody stood when it was started.

mod database;
pub mod error;
mod json_schema;
mod kinds;
mod labels;
mod limits;
mod object_store;
mod paths;
mod placeholders;
mod schema;
mod secrets;
mod sections;
pub mod show;
mod sources;
mod suggest;
mod syntax;
mod table;
pub mod value;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::domain::kind::Catalog;
use crate::domain::label::Labels;
use crate::domain::limits::Limits;
use crate::domain::object_store::ObjectStore;
pub use crate::domain::retention::Retention;

pub use database::{Database, Postgres};
pub use error::ConfigError;
pub use paths::Environment;
pub use schema::schema;
pub use sources::data_folder;
pub use suggest::nearest;

use show::Source;

/// A file that names every key: three kinds, and the rest as comments with the defaults.
pub const EXAMPLE: &str = include_str!("example.toml");

/// Everything that a server is told at its start.
#[derive(Debug, Clone)]
pub struct Config {
    /// `[server]`.
    pub server: Server,
    /// `[worker]`.
    pub worker: Worker,
    /// The kinds and queues.
    pub catalog: Catalog,
    /// `[retention]`.
    pub retention: Retention,
    /// `[object_store]`; `None`: there is none.
    pub object_store: Option<ObjectStore>,
    /// `[limits]`.
    pub limits: Limits,
    /// Where the kinds come from.
    pub origin: Origin,
    warnings: Vec<String>,
    /// Where each key was told; one that is not there has its default.
    sources: BTreeMap<String, Source>,
}

/// What a process answers at its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// Everything: the API, the pages, probes and metrics.
    Whole,
    /// Probes and metrics.
    Probes,
    /// Nothing: it opens no port.
    Shut,
}

/// How the server is reached and where it keeps its things.
#[derive(Debug, Clone)]
pub struct Server {
    /// The address to listen on; port 0: any free one.
    pub listen: SocketAddr,
    /// What is answered there.
    pub door: Door,
    /// The data folder, absolute; it may not exist yet.
    pub data: PathBuf,
    /// Where jobs are kept.
    pub database: Database,
    /// The whole budget of a graceful stop.
    pub drain_timeout: Duration,
    /// Origins, in lower case, whose pages may send requests.
    pub allowed_origins: Vec<String>,
    /// Hosts, in lower case, that a request may name beside the loopback ones.
    pub allowed_hosts: Vec<String>,
    /// Clients may ask for the schema.
    pub introspection: bool,
    /// Other machines may reach it although it asks for no token.
    pub insecure_no_auth: bool,
}

/// What this process runs at once.
#[derive(Debug, Clone)]
pub struct Worker {
    /// How many jobs.
    pub slots: u32,
    /// What it is called where workers are listed.
    pub name: String,
    /// For how long it counts as living after it was heard of, where others share its database.
    pub lease: Duration,
    /// It takes jobs. Else it only serves, and others run them.
    pub works: bool,
    /// What kinds may ask of who runs them.
    pub labels: Labels,
}

/// Where a configuration comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// This file, absolute.
    File(PathBuf),
    /// No file was named, and none is at the default place, which this is where one is known.
    BuiltIn(Option<PathBuf>),
}

/// What the command line says.
#[derive(Clone, Default)]
pub struct Overrides {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--data`.
    pub data: Option<PathBuf>,
    /// `--listen`.
    pub listen: Option<SocketAddr>,
    /// `--slots`.
    pub slots: Option<u32>,
    /// `--database`.
    pub database: Option<String>,
    /// `--database-direct`.
    pub database_direct: Option<String>,
    /// `--insecure-no-auth`.
    pub insecure_no_auth: bool,
    /// `--name`.
    pub name: Option<String>,
    /// `--no-worker`.
    pub no_worker: bool,
    /// `longhaul work`: it serves no API.
    pub only_works: bool,
}

/// Without the address of a database.
impl std::fmt::Debug for Overrides {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { config, data, listen, slots, name, no_worker, only_works, .. } = self;
        f.debug_struct("Overrides")
            .field("config", config)
            .field("data", data)
            .field("name", name)
            .field("no_worker", no_worker)
            .field("listen", listen)
            .field("slots", slots)
            .field("only_works", only_works)
            .field("insecure_no_auth", &self.insecure_no_auth)
            .finish_non_exhaustive()
    }
}

impl Config {
    /// Reads everything; all that is wrong is told at once.
    pub fn load(overrides: &Overrides, environment: &Environment) -> Result<Self, ConfigError> {
        sources::load(overrides, environment)
    }

    /// What will not work although the configuration is valid, like a program that is not
    /// installed: sentences for a person.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The folder that relative paths of the file begin with.
    pub fn base_dir(&self) -> &Path {
        match &self.origin {
            Origin::File(path) => path.parent().unwrap_or(Path::new("/")),
            Origin::BuiltIn(_) => Path::new("/"),
        }
    }
}
