//! `longhaul serve`: configuration in, a running server, and how it ended.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;

use crate::config::value::{duration_text, listen, slots};
use crate::config::{Config, Environment, Origin, Overrides};
use crate::domain::names::KindName;
use crate::server::{Server, StartError};

use super::exit::{CONFIGURATION, DONE, FAILED, Failure, NOT_ALLOWED};
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
    /// Let other machines in although nothing asks them for a token
    #[arg(long)]
    insecure_no_auth: bool,
}

/// Runs a server until it is told to stop.
pub(super) fn run(args: &ServeArgs, overrides: Overrides) -> Result<u8, Failure> {
    let &ServeArgs { listen, slots, insecure_no_auth } = args;
    let overrides = Overrides { listen, slots, insecure_no_auth, ..overrides };
    let config = Config::load(&overrides, &Environment::of_process())
        .map_err(|error| Failure::new(CONFIGURATION, error.to_string()))?;
    for warning in config.warnings() {
        say(&format!("warning: {warning}"));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(FAILED, format!("no runtime: {error}")))?;
    let ended = runtime.block_on(async {
        let about = about(&config);
        let server = match Server::start(config).await {
            Ok(server) => server,
            Err(error @ StartError::Stopped) => {
                say(&format!("longhaul: {error}"));
                return Ok(DONE);
            }
            Err(error) => return Err(not_started(&error)),
        };
        // Only now is it true.
        let version = env!("CARGO_PKG_VERSION");
        let url = server.url();
        say(&format!("longhaul {version} listening on {url}\n{}{about}", to_open(&url)));
        server.run_until_stopped().await.map_err(|error| {
            Failure::new(FAILED, "the server ended by a failure").caused_by(&error)
        })?;
        Ok(DONE)
    });
    // What still blocks a thread ends with the process.
    runtime.shutdown_timeout(THREADS_END);
    ended
}

/// What a person opens in a browser.
fn to_open(url: &str) -> String {
    if Server::has_pages() {
        format!(
            "{}{}",
            row("dashboard", &format!("{url}/")),
            row("graphiql", &format!("{url}/graphiql"))
        )
    } else {
        row("dashboard", "not in this binary: `make run` with Node 20.19 or later builds it in")
    }
}

fn row(name: &str, value: &str) -> String {
    format!("  {name:<14}{value}\n")
}

/// What a person wants to know of a server that starts.
fn about(config: &Config) -> String {
    let origin = match &config.origin {
        Origin::File(path) => path.display().to_string(),
        Origin::BuiltIn(Some(path)) => format!("built in, there is no {}", path.display()),
        Origin::BuiltIn(None) => "built in".to_owned(),
    };
    let kinds: Vec<_> = config.catalog.kinds.keys().map(KindName::as_str).collect();
    let queues = config.catalog.queues.values();
    let queues: Vec<_> = queues.map(|q| format!("{} ({} slots)", q.name, q.slots)).collect();
    let access = if config.server.insecure_no_auth {
        "everybody who reaches the address may do everything, by IP address or a name in allowed_hosts"
    } else {
        "this machine only, no tokens"
    };
    let rows = [
        ("data", config.server.data.display().to_string()),
        ("configuration", origin),
        ("slots", config.worker.slots.to_string()),
        ("queues", queues.join(", ")),
        ("kinds", kinds.join(", ")),
        ("access", access.to_owned()),
        ("stop", format!("Ctrl-C, within {}", duration_text(config.server.drain_timeout))),
    ];
    let text: String = rows.iter().map(|(name, value)| row(name, value)).collect();
    text.trim_end().to_owned()
}

/// A start that failed: the exit code says whether the configuration or a right is to be changed.
fn not_started(error: &(dyn std::error::Error + 'static)) -> Failure {
    let mut kind = None;
    let mut cause = Some(error);
    while let Some(error) = cause {
        kind = kind.or(error.downcast_ref::<std::io::Error>().map(std::io::Error::kind));
        cause = error.source();
    }
    let failure = |code| Failure::new(code, "the server cannot start").caused_by(error);
    match kind {
        Some(ErrorKind::AddrInUse) => {
            failure(CONFIGURATION).hint("stop what listens there, or choose another `--listen`")
        }
        Some(ErrorKind::AddrNotAvailable) => {
            failure(CONFIGURATION).hint("choose an address of this machine with `--listen`")
        }
        Some(ErrorKind::PermissionDenied) => failure(NOT_ALLOWED),
        _ => failure(FAILED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot listen on `127.0.0.1:80`")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn the_cause_of_a_failed_start_gives_the_exit_code() {
        let code = |kind: ErrorKind| not_started(&Outer(kind.into())).code;
        assert_eq!(
            [ErrorKind::AddrInUse, ErrorKind::PermissionDenied, ErrorKind::Other].map(code),
            [78, 77, 1]
        );
        assert_eq!(
            not_started(&Outer(ErrorKind::AddrInUse.into())).to_string(),
            "longhaul: the server cannot start\n  caused by: cannot listen on `127.0.0.1:80`\n  \
             caused by: address in use\n\n\
             hint: stop what listens there, or choose another `--listen`"
        );
    }
}
