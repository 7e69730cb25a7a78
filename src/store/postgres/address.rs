//! The address of a PostgreSQL, as a person writes it, and what every connection to one is made with.
//!
//! An address may hold a password: it is never shown, neither whole nor in part, not even where it
//! cannot be read.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::open::OpenError;

/// How long a host may take to answer at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection on which nothing is heard is asked after so long …
const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
/// … so often until it counts as lost, this long after each.
const KEEPALIVE_RETRIES: u32 = 3;
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(3);
/// What was sent and is not acknowledged by then loses the connection.
const USER_TIMEOUT: Duration = Duration::from_secs(20);

/// The ways to a database.
#[derive(Clone)]
pub(super) struct Ways {
    /// For whatever needs a session.
    pub(super) session: Address,
    /// For the rest, through a pooler, where one stands before it.
    pub(super) pooled: Option<Address>,
}

impl Ways {
    /// Reads the address of a database, and that of the way past its pooler.
    pub(super) fn parse(url: &str, direct: Option<&str>) -> Result<Self, OpenError> {
        let told = Address::parse(url)?;
        Ok(match direct {
            None => Self { session: told, pooled: None },
            Some(direct) => Self { session: Address::parse(direct)?, pooled: Some(told) },
        })
    }
}

/// Where a database is, and how to get there.
#[derive(Clone)]
pub(super) struct Address {
    pub(super) config: Config,
    pub(super) tls: MakeRustlsConnect,
}

impl Address {
    /// Reads `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…&sslrootcert=FILE`. Without an
    /// `sslmode` TLS is demanded, but of this machine. Whoever demands it has the certificate judged: one
    /// that is not looked at keeps out nobody who can listen.
    pub(super) fn parse(url: &str) -> Result<Self, OpenError> {
        let (rest, mode, roots) = split(url)?;
        let mut config: Config = rest.parse().map_err(|_| OpenError::Address)?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(OpenError::Address);
        }
        let tls = match mode.as_deref() {
            Some("disable") => false,
            Some("require" | "verify-ca" | "verify-full") => true,
            None => !config.get_hosts().iter().all(is_here),
            Some(_) => return Err(OpenError::TlsMode),
        };
        // Of several hosts the one that writes: after a failover that is another one.
        if config.get_hosts().len().max(config.get_hostaddrs().len()) > 1 {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        config.ssl_mode(if tls { SslMode::Require } else { SslMode::Disable });
        config
            .application_name("longhaul")
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_user_timeout(USER_TIMEOUT)
            .keepalives(true)
            .keepalives_idle(KEEPALIVE_IDLE)
            .keepalives_interval(KEEPALIVE_INTERVAL)
            .keepalives_retries(KEEPALIVE_RETRIES);
        Ok(Self { config, tls: connector(tls, roots.as_deref())? })
    }
}

/// User, host and database, for messages.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = match self.config.get_hosts().first() {
            Some(Host::Tcp(name)) => name.clone(),
            Some(Host::Unix(path)) => path.display().to_string(),
            None => String::new(),
        };
        let port = self.config.get_ports().first().copied().unwrap_or(5432);
        let user = self.config.get_user().unwrap_or_default();
        write!(f, "{user}@{host}:{port}/{}", self.config.get_dbname().unwrap_or(user))
    }
}

/// The address without what the driver does not know, `sslmode` and `sslrootcert`.
fn split(url: &str) -> Result<(String, Option<String>, Option<String>), OpenError> {
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err(OpenError::Address);
    }
    let (mut mode, mut roots) = (None, None);
    let Some((base, query)) = url.split_once('?') else { return Ok((url.to_owned(), mode, roots)) };
    let mut kept = Vec::new();
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some(("sslmode", value)) => mode = Some(value.to_owned()),
            Some(("sslrootcert", value)) => roots = Some(value.replace("%2F", "/")),
            _ => kept.push(pair),
        }
    }
    Ok((format!("{base}?{}", kept.join("&")), mode, roots))
}

/// A host that no network lies before.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
        }
    }
}

fn connector(tls: bool, roots: Option<&str>) -> Result<MakeRustlsConnect, OpenError> {
    let mut store = RootCertStore::empty();
    if tls && let Some(file) = roots {
        let broken = |error: String| OpenError::Roots { file: file.to_owned(), error };
        let certificates =
            CertificateDer::pem_file_iter(file).map_err(|error| broken(error.to_string()))?;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| broken(error.to_string()))?;
            store.add(certificate).map_err(|error| broken(error.to_string()))?;
        }
        if store.is_empty() {
            return Err(broken("there is no certificate in it".to_owned()));
        }
    } else if tls {
        // Those that cannot be read are passed over: the others may do.
        store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| OpenError::Tls(error.to_string()))?
        .with_root_certificates(store)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_message_shows_a_password() {
        for url in [
            "postgres://u:sec?ret@h/d",
            "postgres://u:sec@ret:x@h:y/d",
            "postgres://u:secret@h/d?sslmode=secret",
            "postgres://u:secret@h:0x/d",
            "mysql://u:secret@h/d",
        ] {
            let Err(error) = Address::parse(url) else { continue };
            assert!(!error.to_string().contains("sec"), "{error}");
        }
        let good = Address::parse("postgres://u:secret@127.0.0.1:5/d?connect_timeout=3").unwrap();
        assert_eq!(good.to_string(), "u@127.0.0.1:5/d");
    }

    #[test]
    fn of_several_hosts_the_one_that_writes_is_taken() {
        let wanted = |url| Address::parse(url).unwrap().config.get_target_session_attrs();
        let several = "postgres://u@a.example,b.example/d?sslmode=disable";
        assert_eq!(wanted(several), TargetSessionAttrs::ReadWrite);
        assert_eq!(wanted("postgres://u@localhost/d"), TargetSessionAttrs::Any);
    }

    #[test]
    fn tls_is_demanded_beyond_this_machine() {
        let mode = |url| Address::parse(url).unwrap().config.get_ssl_mode();
        assert_eq!(mode("postgres://u@db.example/d"), SslMode::Require);
        assert_eq!(mode("postgres://u@db.example/d?sslmode=disable"), SslMode::Disable);
        assert_eq!(mode("postgres://u@localhost/d"), SslMode::Disable);
        assert_eq!(mode("postgres://u@[::1]/d?sslmode=verify-full"), SslMode::Require);
        assert!(Address::parse("postgres://u@h/d?sslmode=prefer").is_err());
    }
}
