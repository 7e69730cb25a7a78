//! `longhaul doctor`: looks at everything that a server and its commands need, and says of what is wrong what
//! to do.
//!
//! It changes nothing, but for an object that it writes and removes. Where a server runs it asks that one; else it looks at what one would find.

mod database;
mod objects;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rustix::fs::{Access, access, statvfs};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::config::{Config, Database, Environment, Overrides, Server};
use crate::domain::clock::{Clock as _, SystemClock, Timestamp};

use super::client::{Client, ClientError, Credentials, Endpoint, read};
use super::exit::{CONFIGURATION, DONE, FAILED, Failure};
use super::operations::{KINDS, SERVER};
use super::output;

/// Less free room is told of.
const ROOM: u64 = 1 << 30;
/// More than that apart, two clocks are told of.
const APART_MS: i64 = 2_000;
/// Before it, this program did not exist.
const CLOCK_AT_LEAST: &str = "2026-01-01T00:00:00Z";
/// What a SQLite database begins with.
const MAGIC: &[u8] = b"SQLite format 3\0";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grade {
    Good,
    Warning,
    Wrong,
}

/// What was looked at, how it is, and what there is to say.
#[derive(Debug)]
struct Finding(&'static str, Grade, String);

/// What leads to the server, as far as it is known.
pub(super) struct Way {
    pub(super) endpoint: Result<Endpoint, ClientError>,
    pub(super) credentials: Result<Option<Credentials>, ClientError>,
}

/// Looks at everything; ends with 78 where the configuration is wrong, 1 where anything else is.
pub(super) async fn run(way: Way, overrides: &Overrides, json: bool) -> Result<u8, Failure> {
    let config = Config::load(overrides, &Environment::of_process());
    let mut findings = vec![clock(SystemClock.now())];
    match &config {
        Ok(config) => {
            findings.extend(configuration(config));
            findings.extend(folder(&config.server));
            if let Database::Postgres(told) = &config.server.database {
                findings.extend(database::look(told).await);
                if let Some(settings) = &config.object_store {
                    findings.extend(objects::look(settings).await);
                }
            }
        }
        Err(error) => findings.push(Finding("configuration", Grade::Wrong, error.to_string())),
    }
    let credentials = way.credentials.unwrap_or_else(|error| {
        findings.push(Finding("token", Grade::Wrong, error.to_string()));
        None
    });
    match way.endpoint {
        Ok(endpoint) => {
            let client = Client::new(endpoint, credentials);
            findings.extend(running(&client, config.as_ref().ok()).await);
        }
        Err(ClientError::Configuration(_)) => {
            let text = "where it is stands in the configuration: name it with `--server`";
            findings.push(Finding("server", Grade::Warning, format!("it was not asked, {text}")));
        }
        Err(error) => return Err(error.into()),
    }
    show(&findings, json)?;
    let wrong = findings.iter().any(|finding| finding.1 == Grade::Wrong);
    Ok(match (config.is_ok(), wrong) {
        (false, _) => CONFIGURATION,
        (true, true) => FAILED,
        (true, false) => DONE,
    })
}

fn show(findings: &[Finding], json: bool) -> Result<(), Failure> {
    let word = |grade| match grade {
        Grade::Good => "ok",
        Grade::Warning => "warning",
        Grade::Wrong => "wrong",
    };
    if json {
        let row = |Finding(what, grade, text): &Finding| json!({"check": what, "grade": word(*grade), "message": text});
        return output::document(&findings.iter().map(row).collect::<Vec<_>>());
    }
    for Finding(what, grade, text) in findings {
        output::text(&format!(
            "{:<8} {what}: {}\n",
            word(*grade),
            text.replace('\n', "\n         ")
        ))?;
    }
    Ok(())
}

/// The file, the programs of its kinds, and what else it warns of.
fn configuration(config: &Config) -> Vec<Finding> {
    let kinds = config.catalog.kinds.len();
    let mut findings =
        vec![Finding("configuration", Grade::Good, format!("it is valid, with {kinds} kinds"))];
    let warnings = config.warnings().iter();
    let (programs, others): (Vec<_>, Vec<_>) =
        warnings.partition(|warning| warning.contains(": its program "));
    if programs.is_empty() {
        let text = "the programs of all kinds are there".to_owned();
        findings.push(Finding("kinds", Grade::Good, text));
    }
    let warn = |what| move |text: &String| Finding(what, Grade::Warning, text.clone());
    findings.extend(programs.into_iter().map(warn("kinds")));
    findings.extend(others.into_iter().map(warn("configuration")));
    findings
}

/// The data folder with its database.
fn folder(server: &Server) -> Vec<Finding> {
    let data = &server.data;
    let name = data.display();
    let Ok(about) = fs::metadata(data) else {
        let text = format!("`{name}` is not there yet: the first start makes it");
        return vec![Finding("data folder", Grade::Good, text)];
    };
    let mode = about.permissions().mode() & 0o777;
    let writable = access(data, Access::WRITE_OK | Access::EXEC_OK).is_ok();
    let mut findings = vec![if !about.is_dir() {
        Finding(
            "data folder",
            Grade::Wrong,
            format!("`{name}` is no folder: name one with `--data`"),
        )
    } else if !writable {
        let text =
            format!("`{name}` may not be written by this user: give it to the one that serves");
        Finding("data folder", Grade::Wrong, text)
    } else if mode & 0o077 != 0 {
        let text = format!("others may look into `{name}`, mode {mode:o}: run `chmod 700 {name}`");
        Finding("data folder", Grade::Warning, text)
    } else {
        Finding("data folder", Grade::Good, format!("`{name}`, mode {mode:o}"))
    }];
    if let Ok(disk) = statvfs(data) {
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        let grade = if free < ROOM { Grade::Warning } else { Grade::Good };
        findings.push(Finding("disk", grade, format!("{} MiB are free", free >> 20)));
    }
    if !server.database.is_postgres() {
        findings.push(sqlite(&data.join("longhaul.db")));
    }
    findings
}

fn sqlite(file: &Path) -> Finding {
    use std::io::Read as _;
    let mut head = Vec::new();
    match fs::File::open(file).and_then(|file| file.take(16).read_to_end(&mut head)) {
        Ok(0) | Err(_)
            if !file.exists() || fs::metadata(file).is_ok_and(|about| about.len() == 0) =>
        {
            Finding(
                "database",
                Grade::Good,
                "there is none yet: the first start makes it".to_owned(),
            )
        }
        Ok(_) if head == MAGIC => {
            let bytes = fs::metadata(file).map_or(0, |about| about.len());
            Finding("database", Grade::Good, format!("SQLite, {} KiB", bytes.div_ceil(1024)))
        }
        Ok(_) => {
            let text =
                format!("`{}` is no database: put back a copy of the folder", file.display());
            Finding("database", Grade::Wrong, text)
        }
        Err(error) => Finding("database", Grade::Wrong, format!("it cannot be read: {error}")),
    }
}

fn clock(now: Timestamp) -> Finding {
    let now = now.to_rfc3339();
    if now.as_str() < CLOCK_AT_LEAST {
        Finding("clock", Grade::Wrong, format!("it says {now}, which is long past: set it"))
    } else {
        Finding("clock", Grade::Good, now)
    }
}

/// A server, as it tells of itself.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
struct Itself {
    version: String,
    now: String,
    store: String,
}

/// What the server says of itself and of its kinds.
async fn running(client: &Client, config: Option<&Config>) -> Vec<Finding> {
    let asked = client.field(SERVER, &json!({}), "server").await;
    let mut findings = server(client, asked, config).await;
    if let Ok(kinds) = client.field(KINDS, &json!({}), "kinds").await {
        match read::<Vec<Declared>>(KINDS, &kinds) {
            Ok(kinds) => findings.extend(differing(&kinds)),
            Err(error) => findings.push(Finding("kinds", Grade::Wrong, error.to_string())),
        }
    }
    findings
}

/// The server that runs, or the port that one would listen on.
async fn server(
    client: &Client,
    asked: Result<Value, ClientError>,
    config: Option<&Config>,
) -> Vec<Finding> {
    let asked = asked.and_then(|server| read::<Itself>(SERVER, &server));
    let server = match asked {
        Ok(server) => server,
        Err(ClientError::NoServer { .. }) => return config.into_iter().map(port).collect(),
        Err(error) => {
            return vec![Finding("server", Grade::Wrong, Failure::from(error).to_string())];
        }
    };
    let mut findings = vec![version(&server)];
    findings.push(match client.readiness().await {
        Ok((true, _)) => Finding("readiness", Grade::Good, "it takes jobs".to_owned()),
        Ok((false, why)) => Finding("readiness", Grade::Wrong, why.trim().to_owned()),
        Err(error) => Finding("readiness", Grade::Wrong, error.to_string()),
    });
    findings.push(match chrono::DateTime::parse_from_rfc3339(&server.now) {
        Ok(theirs) => {
            let apart = (theirs.to_utc() - SystemClock.now()).num_milliseconds();
            let grade = if apart.abs() > APART_MS { Grade::Warning } else { Grade::Good };
            Finding("clock", grade, format!("that of the server is {apart} ms from this one"))
        }
        Err(error) => {
            let text = format!("the server's `{}` is no instant: {error}", server.now);
            Finding("clock", Grade::Wrong, text)
        }
    });
    findings
}

/// A kind, as far as it may be another one elsewhere.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "camelCase")]
struct Declared {
    name: String,
    differs_on: Vec<String>,
}

/// Kinds that other workers of the database declare otherwise.
fn differing(kinds: &[Declared]) -> Vec<Finding> {
    let differing = kinds.iter().filter(|kind| !kind.differs_on.is_empty());
    let told = differing.map(|Declared { name, differs_on }| {
        let text = format!(
            "`{name}` is declared otherwise on {}: the worker that runs a job decides what it runs",
            differs_on.join(", ")
        );
        Finding("kinds", Grade::Warning, text)
    });
    told.collect()
}

fn version(Itself { version: theirs, store, .. }: &Itself) -> Finding {
    let ours = env!("CARGO_PKG_VERSION");
    if theirs == ours {
        Finding("server", Grade::Good, format!("version {theirs}, on {store}"))
    } else {
        let text = format!("it is version {theirs}, and this command is version {ours}");
        Finding("server", Grade::Warning, text)
    }
}

fn port(config: &Config) -> Finding {
    let listen = config.server.listen;
    match TcpListener::bind(listen) {
        Ok(_) => Finding("port", Grade::Good, format!("no server runs here, and {listen} is free")),
        Err(error) => {
            let text =
                format!("{listen} cannot be listened on: {error}: choose another with `--listen`");
            Finding("port", Grade::Wrong, text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::operations::selected;
    use super::*;

    #[test]
    fn a_server_is_what_its_document_selects() {
        selected::<Itself>(SERVER, "/server");
        selected::<Declared>(KINDS, "/kinds/0");
    }

    #[test]
    fn a_clock_from_before_this_program_is_wrong() {
        let grade = |now: &str| clock(now.parse().unwrap()).1;
        assert_eq!(grade("1970-01-01T00:00:07Z"), Grade::Wrong);
        assert_eq!(grade("2026-01-02T00:00:00Z"), Grade::Good);
    }
}
