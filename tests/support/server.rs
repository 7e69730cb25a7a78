//! The real binary as a server: started on a port of its own, awaited by what it says, stopped by
//! its process id, and always reaped.
//!
//! A server that a failing test leaves is killed; what ran below it ends when the shims see that
//! it is gone.

use std::collections::HashSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rusqlite::{Connection, OpenFlags};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::deadline::within;
use super::graphql::Api;
use super::ports;

const BINARY: &str = env!("CARGO_BIN_EXE_longhaul");

/// A running server with its folder.
pub(crate) struct Server {
    folder: TempDir,
    child: Option<Child>,
    said: Arc<Mutex<String>>,
    hearing: JoinHandle<()>,
    /// How to ask it.
    pub(crate) api: Api,
    /// Its resident memory when it was ready, in bytes.
    pub(crate) resident_at_start: u64,
}

impl Server {
    /// Starts a server with this configuration in an empty folder.
    pub(crate) async fn start(config: &str) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), config).await
    }

    /// Starts a server whose configuration and data stand in `folder`.
    pub(crate) async fn start_in(folder: TempDir, config: &str) -> Self {
        Self::start_by_in(Command::new(BINARY), folder, config).await
    }

    /// Starts a server by a command that lacks only the server's own arguments.
    pub(crate) async fn start_by(command: Command, config: &str) -> Self {
        Self::start_by_in(command, tempfile::tempdir().unwrap(), config).await
    }

    async fn start_by_in(command: Command, folder: TempDir, config: &str) -> Self {
        fs::write(folder.path().join("longhaul.toml"), patient(config)).unwrap();
        let said = Arc::default();
        // It may be started again there.
        let address = format!("127.0.0.1:{}", ports::free());
        let (child, url, hearing) = launch(command, folder.path(), &address, &said).await;
        let resident_at_start = resident(child.id());
        Self { folder, child: Some(child), said, hearing, api: Api::new(url), resident_at_start }
    }

    /// Starts it again at the same address; the one before must have been stopped.
    pub(crate) async fn start_again(&mut self) {
        assert!(self.child.is_none(), "a folder has one server at a time");
        let address = self.api.address().to_owned();
        let (child, _, hearing) =
            launch(Command::new(BINARY), self.folder.path(), &address, &self.said).await;
        (self.child, self.hearing) = (Some(child), hearing);
    }

    /// Stops it; all that it ever said on standard error.
    pub(crate) async fn last_words(mut self) -> String {
        assert!(self.stop().await.success());
        let heard = std::mem::replace(&mut self.hearing, std::thread::spawn(|| {}));
        heard.join().unwrap();
        let said = self.said.lock().unwrap();
        said.clone()
    }

    /// Asks it to stop as a service manager does, and waits for its end.
    pub(crate) async fn stop(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("it runs");
        let pid = Pid::from_child(&child);
        kill_process(pid, Signal::TERM).unwrap();
        let ended = tokio::task::spawn_blocking(move || child.wait().unwrap());
        let deaf = Deaf(Some(pid));
        let status = within("the end of the server", &self.said, ended).await.unwrap();
        deaf.ended();
        status
    }

    /// Ends it as a crash does; `start_again` may follow.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Its resident memory now, in bytes.
    pub(crate) fn resident(&self) -> u64 {
        resident(self.child.as_ref().expect("it runs").id())
    }

    /// The most that its resident memory ever was, in bytes.
    pub(crate) fn resident_at_most(&self) -> u64 {
        memory(self.pid(), "VmHWM:")
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// Where its configuration stands.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The folders of a job's attempts.
    pub(crate) fn attempts_of(&self, job: &str) -> PathBuf {
        self.folder.path().join("data/attempts").join(job)
    }

    /// Its database, to be read only.
    pub(crate) fn database(&self) -> Connection {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Connection::open_with_flags(self.folder.path().join("data/longhaul.db"), flags).unwrap()
    }

    /// The keys of all attempts so far.
    pub(crate) fn attempt_keys(&self) -> HashSet<String> {
        let database = self.database();
        let mut select = database.prepare("SELECT key FROM attempts").unwrap();
        let keys = select.query_map([], |row| row.get(0)).unwrap();
        keys.map(Result::unwrap).collect()
    }

    /// The keys of one job's attempts.
    pub(crate) fn keys_of(&self, job: &str) -> HashSet<String> {
        let id = job.parse::<uuid::Uuid>().unwrap().into_bytes();
        let sql = "SELECT key FROM attempts WHERE job = (SELECT accept_no FROM jobs WHERE id = ?1)";
        let database = self.database();
        let mut select = database.prepare(sql).unwrap();
        let keys = select.query_map([id.as_slice()], |row| row.get(0)).unwrap();
        keys.map(Result::unwrap).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A server that was asked to stop. It is killed where a test gives up on it, or the runtime would wait
/// for who waits for it.
struct Deaf(Option<Pid>);

impl Deaf {
    fn ended(mut self) {
        self.0 = None;
    }
}

impl Drop for Deaf {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

/// The same, but patient with who answers no ping. A test answers pings when it reads a socket, and may have other
/// things to wait for: on a busy machine for longer than the server takes for a sign of life.
fn patient(config: &str) -> String {
    const TABLE: &str = "[limits]\n";
    let patience = format!("{TABLE}ping = \"5m\"\n");
    if config.contains(TABLE) {
        return config.replacen(TABLE, &patience, 1);
    }
    format!("{config}\n{patience}")
}

/// Starts the server by this command and waits until it says where it listens.
async fn launch(
    mut command: Command,
    folder: &Path,
    address: &str,
    said: &Arc<Mutex<String>>,
) -> (Child, String, JoinHandle<()>) {
    command.args(["serve", "--listen", address, "--config"]).arg(folder.join("longhaul.toml"));
    command.arg("--data").arg(folder.join("data"));
    // A variable of whoever runs the tests must not configure the server.
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", folder);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let stderr = child.stderr.take().unwrap();
    let (tell, told) = oneshot::channel();
    let all = Arc::clone(said);
    let hearing = std::thread::spawn(move || {
        let mut tell = Some(tell);
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if let Some((_, url)) = line.split_once("listening on http://")
                && let Some(tell) = tell.take()
            {
                let _ = tell.send(format!("http://{url}"));
            }
            let mut all = all.lock().unwrap();
            all.push_str(&line);
            all.push('\n');
        }
    });
    let Ok(url) = within("the address of the server", said, told).await else {
        let status = child.wait().unwrap();
        panic!("the server ended at once, {status}:\n{}", said.lock().unwrap());
    };
    (child, url, hearing)
}

/// The resident memory of a process in bytes.
fn resident(pid: u32) -> u64 {
    memory(pid, "VmRSS:")
}

fn memory(pid: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() * 1024
}

/// The processes that carry one of these keys in their environment, but for the shims: one may
/// still be on its way out when its job has ended.
pub(crate) fn processes_with(keys: &HashSet<String>) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap() {
        let path = entry.unwrap().path();
        let Ok(environment) = fs::read(path.join("environ")) else { continue };
        let carries = environment.split(|&byte| byte == 0).any(|variable| {
            let key = variable.strip_prefix(b"LONGHAUL_ATTEMPT_KEY=");
            key.and_then(|key| std::str::from_utf8(key).ok()).is_some_and(|key| keys.contains(key))
        });
        let command = fs::read(path.join("cmdline")).unwrap_or_default();
        let words: Vec<_> = command.split(|&byte| byte == 0).map(String::from_utf8_lossy).collect();
        let is_shim =
            words.get(1).is_some_and(|word| word == "shim") && words[0].ends_with("longhaul");
        // What is dead but not yet reaped has no command line and no environment.
        if carries && !is_shim {
            found.push(format!("{} {}", path.display(), words.join(" ")));
        }
    }
    found
}
