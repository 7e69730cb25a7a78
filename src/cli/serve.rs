//! `longhaul serve` and `longhaul work`: configuration in, a running server, and how it ended.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;

use crate::config::value::{listen, slots, worker_name};
use crate::config::{Config, Environment, Overrides};
use crate::server::{Server, StartError};

use super::banner;
use super::config::invalid;
use super::exit::{DONE, FAILED, Failure};
use super::not_started::{self, Given};
use super::output::say;

/// How long the runtime's threads may take to end what they are at.
const THREADS_END: Duration = Duration::from_secs(1);

/// What `serve` takes beside the options of every command.
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// The address to listen on [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR", value_parser = listen)]
    listen: Option<SocketAddr>,
    /// How many jobs may run at once [default: the number of cores]
    #[arg(long, value_name = "N", value_parser = slots)]
    slots: Option<u32>,
    /// Where jobs are kept: `sqlite`, in the data folder, or `postgres://USER:PASSWORD@HOST/DATABASE`
    /// [default: sqlite]
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// The PostgreSQL itself, where `--database` is a connection pooler in transaction mode
    #[arg(long, value_name = "URL")]
    database_direct: Option<String>,
    /// What this worker is called: no two that share a database have one name [default: the host's]
    #[arg(long, value_name = "NAME", value_parser = worker_name)]
    name: Option<String>,
    /// Serve only: other workers that share the database run the jobs
    #[arg(long)]
    no_worker: bool,
    /// Let other machines in although nothing asks them for a token
    #[arg(long)]
    insecure_no_auth: bool,
}

impl ServeArgs {
    /// These over the options of every command.
    pub(super) fn over(&self, overrides: Overrides) -> Overrides {
        let &Self {
            listen,
            slots,
            ref database,
            ref database_direct,
            insecure_no_auth,
            ref name,
            no_worker,
        } = self;
        Overrides {
            listen,
            slots,
            database: database.clone(),
            database_direct: database_direct.clone(),
            insecure_no_auth,
            name: name.clone(),
            no_worker,
            ..overrides
        }
    }
}

/// What `work` takes beside the options of every command.
#[derive(Debug, Args)]
#[command(
    after_help = "It takes jobs out of the queues of a PostgreSQL that servers share, and has no API: start jobs on a server, and ask there for them."
)]
pub(super) struct WorkArgs {
    /// Answer /healthz, /readyz and /metrics at this address [default: no port is opened]
    #[arg(long, value_name = "ADDR", value_parser = listen)]
    listen: Option<SocketAddr>,
    /// How many jobs may run at once [default: the number of cores]
    #[arg(long, value_name = "N", value_parser = slots)]
    slots: Option<u32>,
    /// The PostgreSQL that the servers share: `postgres://USER:PASSWORD@HOST/DATABASE`
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// The PostgreSQL itself, where `--database` is a connection pooler in transaction mode
    #[arg(long, value_name = "URL")]
    database_direct: Option<String>,
    /// What this worker is called: no two that share a database have one name [default: the host's]
    #[arg(long, value_name = "NAME", value_parser = worker_name)]
    name: Option<String>,
    /// Let other machines read /metrics although nothing asks them for a token
    #[arg(long)]
    insecure_no_auth: bool,
}

impl WorkArgs {
    /// These over the options of every command.
    pub(super) fn over(&self, overrides: Overrides) -> Overrides {
        let &Self { listen, slots, ref database, ref database_direct, ref name, insecure_no_auth } =
            self;
        Overrides {
            listen,
            slots,
            database: database.clone(),
            database_direct: database_direct.clone(),
            insecure_no_auth,
            name: name.clone(),
            only_works: true,
            ..overrides
        }
    }
}

/// Runs a server until it is told to stop.
pub(super) fn run(overrides: &Overrides) -> Result<u8, Failure> {
    let config =
        Config::load(overrides, &Environment::of_process()).map_err(|error| invalid(&error))?;
    for warning in config.warnings() {
        say(&format!("warning: {warning}"));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(FAILED, format!("no runtime: {error}")))?;
    let ended = runtime.block_on(async {
        let given = Given { data: config.server.data.clone(), listen: config.server.listen };
        let server = match Server::start(config.clone()).await {
            Ok(server) => server,
            Err(error @ StartError::Stopped) => {
                say(&format!("longhaul: {error}"));
                return Ok(DONE);
            }
            Err(error) => return Err(not_started::failure(&error, &error.trouble(), &given)),
        };
        // Only now is it true.
        say(&banner::lines(&config, server.address(), server.asks_for_tokens()));
        server.run_until_stopped().await.map_err(|error| {
            Failure::new(FAILED, "the server ended by a failure").caused_by(&error)
        })?;
        Ok(DONE)
    });
    // What still blocks a thread ends with the process.
    runtime.shutdown_timeout(THREADS_END);
    ended
}
