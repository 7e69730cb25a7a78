//! `longhaul work`: a process that runs jobs on a shared PostgreSQL and serves no API.

use std::collections::HashSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::fleet::{Fleet, job, runs};
use crate::support::deadline::within;
use crate::support::server::Server;

const BINARY: &str = env!("CARGO_BIN_EXE_longhaul");

/// A worker without a port, and what it says first.
struct Working {
    child: Option<Child>,
    first: String,
    _folder: TempDir,
}

impl Working {
    async fn start(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("longhaul.toml"), config).unwrap();
        let mut command = Command::new(BINARY);
        command.args(["work", "--config"]).arg(folder.path().join("longhaul.toml"));
        command.arg("--data").arg(folder.path().join("data"));
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (tell, told) = oneshot::channel();
        std::thread::spawn(move || {
            let mut lines = lines.map_while(Result::ok);
            let _ = tell.send(lines.next().unwrap_or_default());
            // Read to the end, or it would be told that nobody listens.
            lines.for_each(drop);
        });
        let first = within("its first line", &"", told).await.unwrap();
        Self { child: Some(child), first, _folder: folder }
    }

    fn pid(&self) -> Pid {
        Pid::from_child(self.child.as_ref().expect("it runs"))
    }

    /// What it is told by a service manager; whether it ended well.
    async fn stop(mut self) -> bool {
        kill_process(self.pid(), Signal::TERM).unwrap();
        let mut child = self.child.take().expect("it runs");
        let ended = tokio::task::spawn_blocking(move || child.wait().unwrap());
        within("its end", &self.first, ended).await.unwrap().success()
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The sockets of a process that somebody could connect to.
fn listening(pid: Pid) -> Vec<String> {
    let pid = pid.as_raw_nonzero();
    let fds = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let links = fds.filter_map(|fd| fs::read_link(fd.ok()?.path()).ok());
    let own: HashSet<String> = links.map(|link| link.display().to_string()).collect();
    let mut found = Vec::new();
    for table in ["tcp", "tcp6"] {
        let table = fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap();
        for line in table.lines().skip(1) {
            let fields: Vec<_> = line.split_whitespace().collect();
            // State 0A is LISTEN; the tenth field is the inode.
            if fields[3] == "0A" && own.contains(&format!("socket:[{}]", fields[9])) {
                found.push(fields[1].to_owned());
            }
        }
    }
    found
}

/// A server that runs nothing, for the others' API.
async fn front(fleet: &Fleet) -> Server {
    let mut command = Command::new("sh");
    command.args(["-c", "exec \"$0\" \"$@\" --no-worker", BINARY]);
    Server::start_by(command, &fleet.config("front", 2)).await
}

/// It runs what others accept and opens no port; told to stop it gives back what it runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_works_without_a_port() {
    let fleet = Fleet::new().await;
    let front = front(&fleet).await;
    let worker = Working::start(&fleet.config("back", 2)).await;
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(worker.first, format!("longhaul {version} working, without a port"));
    assert_eq!(listening(worker.pid()), [""; 0]);
    let front_pid = Pid::from_raw(front.pid().cast_signed()).unwrap();
    assert_eq!(listening(front_pid).len(), 1, "what serves is seen to listen");

    let ids = [fleet.start(&front.api, "gate").await, fleet.start(&front.api, "never").await];
    let mut watched = runs(&front.api, &ids[0], 1).await;
    let mut other = runs(&front.api, &ids[1], 1).await;
    assert_eq!(job(&front.api, &ids[0]).await["worker"], json!({"name": "back", "live": true}));
    fleet.open("gate");
    assert_eq!(watched.end().await["state"], "SUCCEEDED");
    assert!(worker.stop().await);
    let back = job(&front.api, &ids[1]).await;
    assert_eq!((&back["state"], &back["wait"]["reason"]), (&json!("QUEUED"), &json!("NO_WORKER")));
    let again = Working::start(&fleet.config("back", 2)).await;
    super::fleet::until(&mut other, "it runs again", |status| {
        status["state"] == "RUNNING" && status["job"]["attempt"] == 2
    })
    .await;
    fleet.open("never");
    assert_eq!(other.end().await["state"], "SUCCEEDED");
    assert!(again.stop().await);
}

/// Where it is given an address it answers probes and metrics, and nothing else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_with_a_port_has_no_api_there() {
    let fleet = Fleet::new().await;
    let mut command = Command::new("sh");
    // What starts servers says `serve`, an address and the rest.
    command.args(["-c", "shift; exec \"$0\" work \"$@\"", BINARY]);
    let mut worker = Server::start_by(command, &fleet.config("back", 2)).await;
    let ask = async |path: &str| {
        let url = format!("http://{}{path}", worker.api.address());
        let answer = worker.api.http.get(url).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(ask("/healthz").await, (200, "alive\n".to_owned()));
    assert_eq!(ask("/readyz").await, (200, "ready\n".to_owned()));
    let (status, metrics) = ask("/metrics").await;
    assert!(status == 200 && metrics.contains("longhaul_job_slots 2\n"), "{metrics}");
    for path in ["/", "/graphql?query=%7Bserver%7Bversion%7D%7D", "/graphiql", "/jobs/x/log"] {
        let (status, text) = ask(path).await;
        assert_eq!(status, 404, "{path}: {text}");
        assert!(text.contains("this process runs jobs and serves no API"), "{path}: {text}");
    }
    // Who looks for a server by the data folder is not sent here.
    let mut command = Command::new(BINARY);
    command.args(["workers", "--data"]).arg(worker.folder().join("data")).env_clear();
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert_eq!(output.status.code(), Some(69), "{output:?}");
    assert!(worker.stop().await.success());
}
