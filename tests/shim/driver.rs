//! A tiny server: makes an attempt's folder, starts `longhaul shim` on it, sends orders, waits for
//! news and for the end.
//!
//! Everything waits for an event, under one deadline for each attempt; when it trips, the panic
//! says what stands in the folder. After every end no process may carry the attempt's key (P8).

use std::fs::{self, File};
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use longhaul::domain::id::Fence;
use longhaul::shim::protocol::{
    ENVIRONMENT, EXIT, ExitRecord, LOCK, Lease, LifelineByte, SHIM_ERR, SPEC, STARTED,
    STREAM_SYSTEM, Spec, StatusByte, VERSION, environment, variables,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::output::Log;

/// What an ordinary attempt may take until its end is seen.
const DEADLINE: Duration = Duration::from_secs(60);

/// An attempt that can be changed before it starts.
pub(super) struct Attempt {
    folder: tempfile::TempDir,
    /// What the shim will read.
    pub(super) spec: Spec,
    key: String,
    /// Waiting fails this long after the start.
    pub(super) deadline: Duration,
    /// Written to the lifeline before the shim exists.
    pub(super) first_orders: Vec<LifelineByte>,
    /// The lifeline is at its end before the shim exists.
    pub(super) without_server: bool,
}

/// An attempt of `sh -c script`.
pub(super) fn shell(script: &str) -> Attempt {
    attempt(&["/bin/sh", "-c", script])
}

/// An attempt of this command line.
pub(super) fn attempt(argv: &[&str]) -> Attempt {
    static ATTEMPTS: AtomicU32 = AtomicU32::new(0);
    let number = ATTEMPTS.fetch_add(1, Ordering::Relaxed);
    let spec = Spec {
        version: VERSION,
        job: "019ab3c0-5a50-7c3e-8f00-3b6f2c1d9e77".parse().unwrap(),
        attempt: number,
        fence: Fence(7),
        program: argv.first().map(PathBuf::from).unwrap_or_default(),
        argv: argv.iter().map(|&argument| argument.to_owned()).collect(),
        cwd: None,
        stdin_args: false,
        open_files: None,
        timeout_ms: None,
        grace_ms: 10_000,
        log_head_bytes: 1 << 20,
        log_tail_bytes: 1 << 20,
        result_bytes: 1 << 20,
        lease: None,
    };
    Attempt {
        folder: tempfile::tempdir().unwrap(),
        spec,
        // No key begins another one: they are looked for as text.
        key: format!("key-of-a-test-{}-{number}-", std::process::id()),
        deadline: DEADLINE,
        first_orders: Vec::new(),
        without_server: false,
    }
}

impl Attempt {
    /// A file of its folder.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A gate that the script waits at with `read go < $LONGHAUL_PROGRESS.gate`.
    pub(super) fn gate(&self) -> Gate {
        let path = self.path("progress.gate");
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        // Both ends in one hand: neither side ever waits for the other to open it.
        Gate(File::options().read(true).write(true).open(path).unwrap())
    }

    /// The same attempt with another grace.
    pub(super) fn grace_ms(mut self, grace_ms: u64) -> Self {
        self.spec.grace_ms = grace_ms;
        self
    }

    /// Starts the shim.
    pub(super) fn start(self) -> Shim {
        let command = Command::new(env!("CARGO_BIN_EXE_longhaul"));
        self.start_by(command)
    }

    /// Starts the shim by a command that lacks only the shim's own arguments.
    pub(super) fn start_by(self, mut command: Command) -> Shim {
        if !self.path(SPEC).exists() {
            fs::write(self.path(SPEC), serde_json::to_vec(&self.spec).unwrap()).unwrap();
        }
        fs::write(self.path(ENVIRONMENT), self.environment()).unwrap();
        let (read_orders, mut lifeline) = std::io::pipe().unwrap();
        let orders: Vec<u8> = self.first_orders.iter().map(|&order| order as u8).collect();
        lifeline.write_all(&orders).unwrap();
        let lifeline = (!self.without_server).then_some(lifeline);
        let (status, write_status) = std::io::pipe().unwrap();
        let child = command
            .arg("shim")
            .arg(self.folder.path())
            .env(variables::ATTEMPT_KEY, &self.key)
            .stdin(read_orders)
            .stdout(write_status)
            .stderr(Stdio::from(File::create(self.path(SHIM_ERR)).unwrap()))
            .spawn()
            .unwrap();
        Shim { attempt: self, child, lifeline, status, news: Vec::new(), started: Instant::now() }
    }

    /// The test's own, and what a server adds.
    fn environment(&self) -> Vec<u8> {
        let added = [
            (variables::ATTEMPT_KEY, self.key.clone().into()),
            (variables::RESULT, self.path("result").into()),
            (variables::PROGRESS, self.path("progress").into()),
        ];
        let added = added.map(|(name, value)| (name.into(), value));
        environment::encode(&std::env::vars_os().chain(added).collect::<Vec<_>>()).unwrap()
    }

    /// Starts the shim and waits for its end.
    pub(super) fn run(self) -> Ended {
        self.start().end()
    }
}

/// Where a script waits until the test lets it pass.
pub(super) struct Gate(File);

impl Gate {
    /// Lets one wait pass.
    pub(super) fn open(&mut self) {
        self.0.write_all(b"go\n").unwrap();
    }
}

/// A running shim.
pub(super) struct Shim {
    attempt: Attempt,
    child: Child,
    lifeline: Option<PipeWriter>,
    status: PipeReader,
    news: Vec<u8>,
    started: Instant,
}

impl Shim {
    /// Its process number.
    pub(super) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Sends an order.
    pub(super) fn order(&mut self, order: LifelineByte) {
        self.lifeline.as_mut().unwrap().write_all(&[order as u8]).unwrap();
    }

    /// Renews the lease.
    pub(super) fn renew(&mut self, lease: Lease) {
        self.lifeline.as_mut().unwrap().write_all(lease.renewal().as_bytes()).unwrap();
    }

    /// The server dies.
    pub(super) fn leave(&mut self) {
        self.lifeline = None;
    }

    /// Waits for a byte on the status pipe; `false` at its end.
    pub(super) fn next_news(&mut self) -> bool {
        self.wait_for(&[PollFd::new(&self.status, PollFlags::IN)]);
        let mut bytes = [0; 64];
        let read = self.status.read(&mut bytes).unwrap();
        self.news.extend_from_slice(&bytes[..read]);
        read > 0
    }

    /// Waits until the command printed this.
    pub(super) fn until_printed(&mut self, what: &str) {
        while !self.log().text().contains(what) {
            assert!(self.next_news(), "ended without `{what}`:\n{}", self.seen());
        }
    }

    /// Waits until the shim itself said this in the log.
    pub(super) fn until_log(&mut self, what: &str) {
        while !self.log().of(STREAM_SYSTEM).contains(what) {
            assert!(self.next_news(), "ended without `{what}`:\n{}", self.seen());
        }
    }

    /// Waits until the command is reaped, whatever it left behind.
    pub(super) fn until_command_ended(&mut self) {
        let children = format!("/proc/{0}/task/{0}/children", self.pid().as_raw_nonzero());
        let mut known = Vec::new();
        for pid in fs::read_to_string(children).unwrap().split_whitespace() {
            let pid = Pid::from_raw(pid.parse().unwrap()).unwrap();
            // It leads its group, which what it left is in.
            if rustix::process::getpgid(Some(pid)) == Ok(pid) {
                known.extend(pidfd_open(pid, PidfdFlags::empty()));
            }
        }
        for handle in known {
            self.wait_for(&[PollFd::new(&handle, PollFlags::IN)]);
        }
    }

    /// Waits for a piece of news.
    pub(super) fn until_news(&mut self, news: StatusByte) {
        while !self.news.contains(&(news as u8)) {
            assert!(self.next_news(), "ended without {news:?}:\n{}", self.seen());
        }
    }

    /// What is logged so far.
    pub(super) fn log(&self) -> Log {
        Log::read(self.attempt.folder.path())
    }

    /// Waits for the end of the shim, and checks what holds after every end.
    pub(super) fn end(mut self) -> Ended {
        while self.next_news() {}
        let handle = pidfd_open(self.pid(), PidfdFlags::empty()).unwrap();
        self.wait_for(&[PollFd::new(&handle, PollFlags::IN)]);
        let status = self.child.wait().unwrap();
        let took = self.started.elapsed();
        let left = processes_with(&self.attempt.key);
        assert!(left.is_empty(), "P8: processes are left: {left:?}\n{}", self.seen());
        let folder = self.attempt.folder.path();
        let exit = fs::read_to_string(folder.join(EXIT)).ok();
        let exit = exit.map(|text| ExitRecord::open(&text).expect("a whole record"));
        let log = self.log();
        if let Some(exit) = &exit {
            assert_eq!(log.printed(exit), exit.log_bytes, "all that was printed is accounted for");
        }
        Ended {
            exit,
            started: folder.join(STARTED).exists(),
            code: status.code(),
            complaints: fs::read_to_string(folder.join(SHIM_ERR)).unwrap(),
            news: std::mem::take(&mut self.news),
            log,
            took,
            attempt: self.attempt,
        }
    }

    /// Waits for an event, or fails with all that is known once the deadline has passed.
    fn wait_for(&self, what: &[PollFd<'_>]) {
        let ready = retry_on_intr(|| {
            let left = self.attempt.deadline.saturating_sub(self.started.elapsed());
            poll(&mut what.to_vec(), Some(&Timespec::try_from(left).unwrap()))
        });
        let ready = ready.unwrap();
        assert!(ready > 0, "nothing happened before the deadline:\n{}", self.seen());
    }

    fn seen(&self) -> String {
        let folder = self.attempt.folder.path();
        let names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        format!(
            "files {names:?}\nnews {:?}\nexit {:?}\nshim.err {:?}\nlog {:?}",
            String::from_utf8_lossy(&self.news),
            fs::read_to_string(folder.join(EXIT)),
            fs::read_to_string(folder.join(SHIM_ERR)),
            self.log().text().chars().take(2_000).collect::<String>(),
        )
    }
}

/// An attempt whose shim is gone.
pub(super) struct Ended {
    pub(super) attempt: Attempt,
    exit: Option<ExitRecord>,
    /// The command may have begun.
    pub(super) started: bool,
    /// The shim's own exit code.
    pub(super) code: Option<i32>,
    pub(super) complaints: String,
    /// All bytes of the status pipe.
    pub(super) news: Vec<u8>,
    pub(super) log: Log,
    /// From the shim's start to its end.
    pub(super) took: Duration,
}

impl Ended {
    /// The record of the end.
    pub(super) fn exit(&self) -> &ExitRecord {
        self.exit.as_ref().unwrap_or_else(|| panic!("no record; shim.err: {}", self.complaints))
    }

    /// The shim left without doing anything.
    pub(super) fn did_nothing(&self) -> bool {
        self.exit.is_none() && self.news.is_empty() && self.log.frames.is_empty()
    }

    /// Takes the lock, which nobody may hold any more.
    pub(super) fn lock_is_free(&self) -> bool {
        let lock = File::open(self.attempt.path(LOCK)).unwrap();
        lock.try_lock().is_ok()
    }

    /// The lines of the shim's own.
    pub(super) fn system_lines(&self) -> String {
        self.log.of(STREAM_SYSTEM)
    }
}

/// The processes whose environment or command line holds `key`.
fn processes_with(key: &str) -> Vec<String> {
    let has_key = |path: &Path| {
        fs::read(path).is_ok_and(|text| text.windows(key.len()).any(|part| part == key.as_bytes()))
    };
    fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|process| {
            process.file_name().is_some_and(|n| n.as_encoded_bytes()[0].is_ascii_digit())
        })
        .filter(|process| has_key(&process.join("environ")) || has_key(&process.join("cmdline")))
        .map(|process| {
            let command = fs::read_to_string(process.join("cmdline")).unwrap_or_default();
            format!("{} {}", process.display(), command.replace('\0', " "))
        })
        .collect()
}
