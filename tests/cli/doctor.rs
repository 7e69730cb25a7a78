//! Each check of `doctor`, good and bad, on real folders, ports and servers.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use longhaul::domain::clock::{Clock as _, SystemClock};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::print;
use crate::support::server::Server;

use super::scripted::{Reply, Scripted};
use super::{longhaul, stderr};

/// Nobody: on most machines the user of this number may do nothing.
const NOBODY: u32 = 65_534;

/// A configuration and a data folder to be looked at.
struct Patient {
    folder: TempDir,
    data: PathBuf,
}

impl Patient {
    /// A good configuration, a port that is free, and no data folder yet.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let patient = Self { folder, data };
        patient.configured("[server]\nlisten = \"127.0.0.1:0\"\n[kinds.a]\ncommand = [\"true\"]\n");
        patient
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("longhaul.toml")
    }

    fn configured(&self, text: &str) {
        fs::write(self.config(), text).unwrap();
    }

    /// With a data folder of this mode.
    fn with_data(self, mode: u32) -> Self {
        fs::create_dir(&self.data).unwrap();
        fs::set_permissions(&self.data, fs::Permissions::from_mode(mode)).unwrap();
        self
    }

    fn command(&self, more: &[&str]) -> Command {
        let mut command = Command::new(longhaul(&[]).get_program());
        command.args(["doctor", "--json", "--data"]).arg(&self.data).arg("--config");
        command.arg(self.config()).args(more);
        // A relative program is found by PATH.
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command
    }

    /// How a check came out: its exit code, and the grade and words of this finding.
    #[track_caller]
    fn found(&self, check: &str) -> (i32, String, String) {
        finding(&self.command(&[]).output().unwrap(), check)
    }
}

/// The last finding of this name: where the server has one too, that one.
#[track_caller]
fn finding(output: &Output, check: &str) -> (i32, String, String) {
    let found: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let mut rows = found.as_array().into_iter().flatten().rev();
    let row = rows.find(|row| row["check"] == check);
    let row = row.unwrap_or_else(|| panic!("no {check} in {found}: {}", stderr(output)));
    let text = |name: &str| row[name].as_str().unwrap().to_owned();
    (output.status.code().unwrap(), text("grade"), text("message"))
}

#[track_caller]
fn assert_found((code, grade, text): &(i32, String, String), expected: (i32, &str), words: &str) {
    assert_eq!((*code, grade.as_str()), expected, "{text}");
    assert!(text.contains(words), "{text}");
}

#[test]
fn before_the_first_start_all_is_good() {
    let patient = Patient::new();
    assert_found(&patient.found("configuration"), (0, "ok"), "it is valid, with 1 kinds");
    assert_found(&patient.found("kinds"), (0, "ok"), "the programs of all kinds are there");
    assert_found(&patient.found("data folder"), (0, "ok"), "is not there yet");
    assert_found(&patient.found("port"), (0, "ok"), "is free");
    assert_found(&patient.found("clock"), (0, "ok"), "20");
    assert!(!patient.data.exists(), "it changes nothing");
}

#[test]
fn a_configuration_and_its_programs_are_looked_at() {
    let patient = Patient::new();
    patient.configured(
        "[kinds.a]\ncommand = [\"no-such-program-here\"]\n[server]\nlisten = \"127.0.0.1:0\"\n",
    );
    assert_found(&patient.found("kinds"), (0, "warning"), "its program `no-such-program-here`");
    patient.configured("[kinds.a]\ncomand = [\"true\"]\n");
    assert_found(&patient.found("configuration"), (78, "wrong"), "did you mean `command`?");
}

#[test]
fn what_leads_to_a_server_is_looked_at_though_it_leads_nowhere() {
    let patient = Patient::new();
    let file = patient.folder.path().join("longhaul/longhaul.toml");
    fs::create_dir(file.parent().unwrap()).unwrap();
    fs::write(&file, "[kinds\n").unwrap();
    let no_token = patient.folder.path().join("token");
    let mut command = Command::new(longhaul(&[]).get_program());
    command.args(["doctor", "--json"]).env_clear().env("LONGHAUL_TOKEN_FILE", &no_token);
    command
        .env("XDG_CONFIG_HOME", patient.folder.path())
        .env("XDG_DATA_HOME", patient.folder.path());
    let output = command.output().unwrap();
    assert_found(&finding(&output, "configuration"), (78, "wrong"), "longhaul.toml");
    assert_found(&finding(&output, "server"), (78, "warning"), "name it with `--server`");
    assert_found(&finding(&output, "token"), (78, "wrong"), "cannot be read");
    assert_found(&finding(&output, "clock"), (78, "ok"), "20");
    // Kinds that are none keep nothing else from being told.
    fs::write(&file, "[kinds.a]\ncommand = [\"true\"]\n").unwrap();
    let server = Scripted::start().data("Kinds", json!({"kinds": [{"name": 7}]}));
    let output =
        command.env_remove("LONGHAUL_TOKEN_FILE").args(["--server", server.url()]).output();
    let output = output.unwrap();
    assert_found(&finding(&output, "kinds"), (1, "wrong"), "not as expected");
    assert_found(&finding(&output, "configuration"), (1, "ok"), "it is valid");
}

#[test]
fn a_data_folder_is_looked_at() {
    let patient = Patient::new().with_data(0o700);
    assert_found(&patient.found("data folder"), (0, "ok"), "mode 700");
    assert_found(&patient.found("database"), (0, "ok"), "there is none yet");
    let patient = Patient::new().with_data(0o755);
    assert_found(&patient.found("data folder"), (0, "warning"), "run `chmod 700 ");
    let patient = Patient::new();
    fs::write(&patient.data, "").unwrap();
    assert_found(&patient.found("data folder"), (1, "wrong"), "is no folder");
    // A file system without room: that of the kernel's own files.
    let patient = Patient { data: Path::new("/proc").to_owned(), ..Patient::new() };
    assert_found(&patient.found("disk"), (0, "warning"), "0 MiB are free");
    let patient = Patient::new().with_data(0o700);
    let (_, grade, text) = patient.found("disk");
    let free: u64 = text.trim_end_matches(" MiB are free").parse().unwrap();
    assert_eq!(grade, if free < 1024 { "warning" } else { "ok" });
}

#[test]
fn a_data_folder_of_somebody_else_is_wrong() {
    let patient = Patient::new().with_data(0o555);
    let mut command = patient.command(&[]);
    if rustix::process::geteuid().is_root() {
        // Root may write everywhere.
        fs::set_permissions(patient.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        chown(&patient.data, Some(0), Some(0)).unwrap();
        command.uid(NOBODY).gid(NOBODY);
    }
    let Ok(output) = command.output() else {
        return print("the user nobody may not run the binary here: not tried");
    };
    let found = finding(&output, "data folder");
    assert_found(&found, (1, "wrong"), "may not be written by this user");
}

#[test]
fn a_database_that_is_none_is_wrong() {
    let patient = Patient::new().with_data(0o700);
    let file = patient.data.join("longhaul.db");
    fs::write(&file, "this was a database once").unwrap();
    assert_found(&patient.found("database"), (1, "wrong"), "is no database");
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert_found(&patient.found("database"), (1, "wrong"), "it cannot be read");
}

#[test]
fn a_port_that_is_taken_is_wrong() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let patient = Patient::new();
    patient.configured(&format!("[server]\nlisten = \"{address}\"\n"));
    assert_found(&patient.found("port"), (1, "wrong"), &format!("{address} cannot be listened on"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_runs_is_asked() {
    let server = Server::start("[kinds.a]\ncommand = [\"true\"]\n").await;
    let (config, data) = (server.folder().join("longhaul.toml"), server.folder().join("data"));
    let output = tokio::task::spawn_blocking(move || {
        let mut command = Command::new(longhaul(&[]).get_program());
        command.args(["doctor", "--json", "--data"]).arg(data).arg("--config").arg(config);
        command.output().unwrap()
    });
    let output = output.await.unwrap();
    let found = |check: &str| finding(&output, check);
    assert_found(&found("server"), (0, "ok"), concat!("version ", env!("CARGO_PKG_VERSION")));
    assert_found(&found("readiness"), (0, "ok"), "it takes jobs");
    assert_found(&found("clock"), (0, "ok"), "ms from this one");
    assert_found(&found("data folder"), (0, "ok"), "mode 700");
    assert_found(&found("database"), (0, "ok"), "SQLite, ");
    let rows: Value = serde_json::from_slice(&output.stdout).unwrap();
    let ports = rows.as_array().unwrap().iter().filter(|row| row["check"] == "port").count();
    assert_eq!(ports, 0, "its own server has the port");
}

#[test]
fn what_is_wrong_with_a_server_is_told() {
    let patient = Patient::new();
    let ask = |server: &Scripted| patient.command(&["--server", server.url()]).output().unwrap();
    let about = |version: &str, now: &str| {
        json!({"server": {"version": version, "schemaHash": "",
        "now": now, "startedAt": now, "store": "SQLITE", "accepting": true}})
    };
    let now = SystemClock.now().to_rfc3339();
    let server = Scripted::start().data("Server", about("0.0.9", &now)).readiness(200, "ready\n");
    let output = ask(&server);
    assert_found(&finding(&output, "server"), (0, "warning"), "it is version 0.0.9");
    assert_found(&finding(&output, "clock"), (0, "ok"), "ms from this one");
    let old = about(env!("CARGO_PKG_VERSION"), "2026-11-25T04:44:34.120Z");
    let server = Scripted::start().data("Server", old).readiness(503, "the disk is full\n");
    let output = ask(&server);
    assert_found(&finding(&output, "clock"), (1, "warning"), "ms from this one");
    assert_found(&finding(&output, "readiness"), (1, "wrong"), "the disk is full");
    let health = longhaul(&["healthcheck", "--server", server.url()]).output().unwrap();
    assert_eq!(health.status.code(), Some(75));
    assert_eq!(stderr(&health), "longhaul: the server is not ready: the disk is full\n");
    let server = Scripted::start().reply("Server", Reply::Page);
    assert_found(&finding(&ask(&server), "server"), (1, "wrong"), "is no Longhaul server");
}
