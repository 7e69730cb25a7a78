//! A server in a process of its own: what it says, what it took of the processor, what it holds.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use nix::time::ClockId;
use nix::unistd::Pid;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::library;

/// One side of a row.
pub(crate) struct Side {
    child: Child,
    /// Host and port.
    pub(crate) address: String,
    http: reqwest::Client,
    _folder: TempDir,
}

impl Side {
    /// Longhaul as it is shipped, with this configuration.
    pub(crate) fn longhaul(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("longhaul.toml"), config).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_longhaul"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--config"]);
        command.arg(folder.path().join("longhaul.toml"));
        command.arg("--data").arg(folder.path().join("data"));
        Self::start(command, folder)
    }

    /// The library's own subscription service.
    pub(crate) fn library() -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg(library::ARGUMENT);
        Self::start(command, tempfile::tempdir().unwrap())
    }

    fn start(mut command: Command, folder: TempDir) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let said = BufReader::new(child.stderr.take().unwrap());
        let (tell, told) = mpsc::sync_channel(1);
        std::thread::spawn(move || {
            for line in said.lines().map_while(Result::ok) {
                if let Some((_, address)) = line.split_once("listening on http://") {
                    let _ = tell.try_send(address.trim().to_owned());
                }
            }
        });
        let address = told.recv_timeout(Duration::from_secs(60)).expect("it listens");
        Self { child, address, http: reqwest::Client::new(), _folder: folder }
    }

    /// What it has taken of the processor so far, in seconds: all of its threads, its children not.
    pub(crate) fn cpu(&self) -> f64 {
        let pid = Pid::from_raw(self.child.id().cast_signed());
        let time = ClockId::pid_cpu_clock_id(pid).unwrap().now().unwrap();
        Duration::from(time).as_secs_f64()
    }

    /// Its resident memory, in bytes.
    pub(crate) fn resident(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").trim().parse::<f64>().unwrap() * 1024.0
    }

    /// Sends a request that must succeed.
    pub(crate) async fn ask(&self, query: &str, variables: Value) -> Value {
        let body = json!({ "query": query, "variables": variables });
        let url = format!("http://{}/graphql", self.address);
        let answer = self.http.post(url).json(&body).send().await.unwrap();
        let mut answer: Value = answer.json().await.unwrap();
        assert!(answer["errors"].is_null(), "{query}: {answer}");
        answer["data"].take()
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
