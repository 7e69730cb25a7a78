//! A server in a process of its own: what it says, what it took of the processor, what it holds.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use nix::time::ClockId;
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::{folder, library};

/// How long a server may take to listen.
const PATIENCE: Duration = Duration::from_secs(60);

/// One side of a row.
pub(crate) struct Side {
    command: Command,
    child: Child,
    /// Host and port.
    pub(crate) address: String,
    http: reqwest::Client,
}

impl Side {
    /// Longhaul as it is shipped, with this configuration.
    pub(crate) fn longhaul(config: &str) -> Self {
        Self::longhaul_by(Command::new(env!("CARGO_BIN_EXE_longhaul")), config)
    }

    /// The same beside others, on a PostgreSQL.
    pub(crate) fn longhaul_on(database: &str, name: &str, config: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_longhaul"));
        command.env("LONGHAUL_SERVER_DATABASE", database).env("LONGHAUL_WORKER_NAME", name);
        Self::longhaul_by(command, config)
    }

    /// The same with a tracer that makes each flush take so much longer.
    pub(crate) fn traced(config: &str, delay: Duration) -> Self {
        let delay = delay.as_micros();
        let mut command = Command::new("strace");
        command.args(["-f", "--seccomp-bpf", "-qq", "-o", "/dev/null"]);
        command.arg("-e").arg("trace=fsync,fdatasync");
        command.arg("-e").arg(format!("inject=fsync,fdatasync:delay_enter={delay}"));
        command.arg(env!("CARGO_BIN_EXE_longhaul"));
        Self::longhaul_by(command, config)
    }

    fn longhaul_by(mut command: Command, config: &str) -> Self {
        let folder = folder::empty();
        fs::write(folder.join("longhaul.toml"), config).unwrap();
        command.args(["serve", "--listen", "127.0.0.1:0", "--config"]);
        command.arg(folder.join("longhaul.toml"));
        command.arg("--data").arg(folder.join("data"));
        Self::start(command)
    }

    /// The library's own subscription service.
    pub(crate) fn library() -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg(library::ARGUMENT);
        Self::start(command)
    }

    fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let (child, address) = listening(&mut command);
        Self { command, child, address, http: reqwest::Client::new() }
    }

    /// Kills it, as a crash would.
    pub(crate) fn kill(&mut self) {
        // A tracer that is killed lets go of what it traces.
        for pid in self.children() {
            let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again on the same folder, after it was killed.
    pub(crate) fn start_again(&mut self) {
        (self.child, self.address) = listening(&mut self.command);
    }

    /// The processes that its first thread has started: of a tracer the server, of a server nothing that
    /// would not end with it.
    fn children(&self) -> Vec<Pid> {
        let pid = self.child.id();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        let children = children.unwrap_or_default();
        children.split_whitespace().filter_map(|pid| pid.parse().ok()).map(Pid::from_raw).collect()
    }

    /// How often each of its threads has gone to sleep so far, by the thread's number.
    pub(crate) fn wake_ups(&self) -> BTreeMap<OsString, u64> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let of = |task: fs::DirEntry| {
            let status = fs::read_to_string(task.path().join("status")).ok()?;
            let count = status.lines().find_map(|l| l.strip_prefix("voluntary_ctxt_switches:"))?;
            Some((task.file_name(), count.trim().parse().ok()?))
        };
        tasks.filter_map(|task| of(task.ok()?)).collect()
    }

    /// What it has taken of the processor so far, in seconds: all of its threads, its children not.
    pub(crate) fn cpu(&self) -> f64 {
        let pid = Pid::from_raw(self.child.id().cast_signed());
        let time = ClockId::pid_cpu_clock_id(pid).unwrap().now().unwrap();
        Duration::from(time).as_secs_f64()
    }

    /// What it has written to the disk so far, in bytes.
    pub(crate) fn written(&self) -> f64 {
        let io = fs::read_to_string(format!("/proc/{}/io", self.child.id())).unwrap();
        let line = io.lines().find_map(|line| line.strip_prefix("write_bytes:")).unwrap();
        line.trim().parse().unwrap()
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

/// Starts a server, and waits until it says where it listens.
fn listening(command: &mut Command) -> (Child, String) {
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
    let address = told.recv_timeout(PATIENCE).expect("it listens");
    (child, address)
}

impl Drop for Side {
    fn drop(&mut self) {
        self.kill();
    }
}
