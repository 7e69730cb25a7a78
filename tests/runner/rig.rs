//! A runner on a folder of its own, kinds made in a line, and the reports of an attempt under one
//! deadline.

use std::fs;
use std::future::Future;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use longhaul::domain::argv::Template;
use longhaul::domain::attempt::{AttemptEnd, Policy};
use longhaul::domain::clock::{Clock, SystemClock};
use longhaul::domain::id::{AttemptKey, Fence, JobId};
use longhaul::domain::kind::{ArgsSchema, EnvRule, Kind, Stdin};
use longhaul::domain::label::Labels;
use longhaul::domain::limits::Limits;
use longhaul::domain::log::{LogFrom, LogQuery, LogStream};
use longhaul::runner::process::Options;
use longhaul::runner::{AttemptSpec, Control, ProcessRunner, REPORTS_BOUND, Report, Runner};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio::sync::mpsc;

/// The one deadline of everything that is waited for.
const DEADLINE: Duration = Duration::from_secs(30);

const ALONE: &str = "LONGHAUL_TEST_ALONE";

/// The deadline of a whole test: nothing that hangs may hold up the others.
const TEST_DEADLINE: Duration = Duration::from_secs(120);

/// Runs the test named by its full path in a process of its own.
pub(super) fn alone(path: &str, test: impl Future<Output = ()>) {
    if std::env::var_os(ALONE).is_some() {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        return runtime.block_on(test);
    }
    again(path, Command::new(std::env::current_exe().unwrap()));
}

/// Runs the test named by its full path by this command, which is the test binary itself or leads to
/// it.
pub(super) fn again(path: &str, mut binary: Command) {
    let name = path.split_once("::").unwrap().1;
    let child = binary
        .args(["--exact", name, "--nocapture"])
        .env(ALONE, "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = Pid::from_child(&child);
    let (over, ended) = std::sync::mpsc::channel();
    let waiting = std::thread::spawn(move || {
        let output = child.wait_with_output();
        let _ = over.send(());
        output
    });
    if ended.recv_timeout(TEST_DEADLINE).is_err() {
        // Not reaped yet, as nothing was sent: the number is its own.
        kill_process(pid, Signal::KILL).unwrap();
        let held = ended.recv_timeout(DEADLINE).is_err();
        assert!(!held, "{name} hangs, and what it left still holds its output");
    }
    let output = waiting.join().unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{complained}");
    assert!(said.contains("1 passed"), "no test has the name {name}: {said}");
}

/// The binary whose shims are tested.
pub(super) const BINARY: &str = env!("CARGO_BIN_EXE_longhaul");

/// A runner and its folder.
pub(super) struct Rig {
    pub(super) folder: tempfile::TempDir,
    pub(super) runner: Arc<ProcessRunner>,
}

impl Rig {
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(super) fn with(change: impl FnOnce(&mut Options)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut options = Options {
            data: folder.path().to_owned(),
            shim_program: BINARY.into(),
            base_dir: folder.path().to_owned(),
            limits: Limits { result_bytes: 64, ..Limits::default() },
            clock: Arc::new(SystemClock),
        };
        change(&mut options);
        Self { runner: ProcessRunner::new(options).unwrap(), folder }
    }

    /// The folder of the attempt.
    pub(super) fn attempt(&self, spec: &AttemptSpec) -> PathBuf {
        attempt_folder(self.folder.path(), spec)
    }

    /// Starts it.
    pub(super) async fn start(&self, spec: &AttemptSpec) -> Attended {
        let (reports, told) = mpsc::channel(REPORTS_BOUND);
        let control = self.runner.spawn(spec.clone(), reports).await.unwrap();
        Attended { control, reports: Told::new(told) }
    }

    /// Runs it to its end.
    pub(super) async fn run(&self, spec: &AttemptSpec) -> AttemptEnd {
        self.start(spec).await.reports.end().await
    }

    /// What it printed, as lines.
    pub(super) fn lines(&self, spec: &AttemptSpec, stream: LogStream) -> Vec<String> {
        let query = LogQuery {
            from: LogFrom::Start,
            lines: 1_000,
            bytes: 1 << 20,
            stream: Some(stream),
            attempt: None,
        };
        let page = self.runner.logs().page(spec.job, spec.number, true, &query).unwrap();
        page.lines.into_iter().map(|line| line.text).collect()
    }
}

pub(super) fn attempt_folder(data: &Path, spec: &AttemptSpec) -> PathBuf {
    data.join("attempts").join(spec.job.to_string()).join(spec.number.to_string())
}

/// An attempt that runs.
pub(super) struct Attended {
    pub(super) control: Box<dyn Control>,
    pub(super) reports: Told,
}

/// What an attempt reports.
pub(super) struct Told {
    reports: mpsc::Receiver<Report>,
    seen: Vec<Report>,
}

impl Told {
    pub(super) fn new(reports: mpsc::Receiver<Report>) -> Self {
        Self { reports, seen: Vec::new() }
    }

    /// The next report; `None` when no more can come.
    pub(super) async fn next(&mut self) -> Option<Report> {
        let Ok(report) = tokio::time::timeout(DEADLINE, self.reports.recv()).await else {
            panic!("nothing was reported any more after {:?}", self.seen);
        };
        self.seen.extend(report.clone());
        report
    }

    /// Waits for the first report that is wanted.
    pub(super) async fn until(&mut self, wanted: impl Fn(&Report) -> bool) -> Report {
        loop {
            match self.next().await {
                Some(report) if wanted(&report) => return report,
                Some(_) => {}
                None => panic!("never came, after {:?}", self.seen),
            }
        }
    }

    pub(super) async fn started(&mut self) {
        self.until(|report| matches!(report, Report::Started)).await;
    }

    /// The end, once its tree is gone and nothing can be reported any more.
    pub(super) async fn end(mut self) -> AttemptEnd {
        while self.next().await.is_some() {}
        let [.., Report::Ended(end), Report::Gone] = self.seen.as_slice() else {
            panic!("no end and then gone: {:?}", self.seen);
        };
        let times = |wanted: fn(&Report) -> bool| self.seen.iter().filter(|r| wanted(r)).count();
        assert_eq!(times(|r| matches!(r, Report::Ended(_))), 1, "{:?}", self.seen);
        assert!(times(|r| matches!(r, Report::Started)) <= 1, "{:?}", self.seen);
        end.clone()
    }

    /// Everything that was reported so far.
    pub(super) fn seen(&self) -> &[Report] {
        &self.seen
    }
}

/// Waits for something, or fails and says for what.
pub(super) async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    let Ok(done) = tokio::time::timeout(DEADLINE / 2, work).await else { panic!("hangs: {what}") };
    done
}

/// A kind that runs this command line.
pub(super) fn kind(argv: &[&str]) -> Kind {
    let command: Vec<String> = argv.iter().map(|&word| word.to_owned()).collect();
    let command = Template::parse(&command).unwrap();
    Kind {
        name: "k".parse().unwrap(),
        title: None,
        description: None,
        args: ArgsSchema::compile(json!({})).unwrap(),
        command,
        queue: "default".parse().unwrap(),
        timeout: None,
        retries: 0,
        policy: Policy::default(),
        stdin: Stdin::None,
        cwd: None,
        env: vec![EnvRule::Pass("PATH".to_owned())],
        allow_dash: false,
        worker_labels: Labels::default(),
        progress_pattern: None,
        result: None,
    }
}

/// An attempt of a shell script.
pub(super) fn shell(script: &str) -> AttemptSpec {
    of_kind(kind(&["sh", "-c", &script.replace('{', "{{").replace('}', "}}")]))
}

/// An attempt of a kind.
pub(super) fn of_kind(kind: Kind) -> AttemptSpec {
    AttemptSpec {
        job: JobId::new(SystemClock.now(), rand::random()),
        number: 1,
        fence: Fence(7),
        key: AttemptKey::new(rand::random()),
        argv: kind.argv(&serde_json::Map::new()).unwrap(),
        args: Arc::new(json!({"path": "a b"})),
        timeout: kind.timeout,
        policy: kind.policy.clone(),
        lease: None,
        kind: Arc::new(kind),
    }
}

/// The processes alive that were started with the attempt's key.
pub(super) fn marked(spec: &AttemptSpec) -> Vec<String> {
    let mark = format!("LONGHAUL_ATTEMPT_KEY={}", spec.key.as_str());
    let carries = |pid: &str| {
        let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environ.split(|&byte| byte == 0).any(|entry| entry == mark.as_bytes())
    };
    let names = fs::read_dir("/proc").unwrap().map(|e| e.unwrap().file_name());
    names.filter_map(|name| name.into_string().ok()).filter(|name| carries(name)).collect()
}

/// The process of this number, as a file names it, exists (as a zombie too).
pub(super) fn exists(pid_file: &Path) -> bool {
    let pid = fs::read_to_string(pid_file).unwrap();
    Path::new("/proc").join(pid.trim()).exists()
}

/// A named pipe. A command that reads it waits until [`open_gate`].
pub(super) fn gate(folder: &Path) -> PathBuf {
    let path = folder.join("gate");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    path
}

/// Lets the one who waits at the gate go on. Blocks until somebody is there.
pub(super) fn open_gate(gate: &Path) {
    fs::OpenOptions::new().write(true).open(gate).unwrap().write_all(b"go\n").unwrap();
}
