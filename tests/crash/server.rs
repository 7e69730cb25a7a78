//! A server process: started, killed, told to stop; what it says is kept for when a test fails.
//!
//! Dropping it kills it. Nothing else is ever signalled by its number: it is our own child.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use super::api::Api;
use super::bed::Bed;
use super::clock;
use crate::support::deadline::within;

/// A syscall of the server, but of no shim, at which strace kills it: the `when`th of any thread.
#[derive(Debug, Clone, Copy)]
pub(super) struct Point {
    pub(super) syscall: &'static str,
    pub(super) when: u32,
}

/// What a process is started with.
#[derive(Debug)]
pub(super) struct Surroundings {
    /// Where it listens.
    pub(super) listen: String,
    /// What starts it in its place.
    pub(super) by: Vec<OsString>,
}

impl Default for Surroundings {
    fn default() -> Self {
        Self { listen: "127.0.0.1:0".to_owned(), by: Vec::new() }
    }
}

/// A server process.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    number: u32,
    said: watch::Receiver<String>,
    api: Option<Api>,
}

impl Server {
    /// Starts a process.
    pub(super) fn launch(bed: &Bed) -> Self {
        Self::spawn(bed, &[])
    }

    /// Starts a process that is to die at a point.
    pub(super) fn launch_to_die(bed: &Bed, Point { syscall, when }: Point) -> Self {
        let trace = format!("trace={syscall}");
        let inject = format!("inject={syscall}:signal=SIGKILL:when={when}");
        // Shims are let go when they become what they are.
        Self::spawn(bed, &["-b", "execve", "-e", &trace, "-e", &inject])
    }

    /// Starts a process that, like all below it, takes so many milliseconds to become another
    /// program.
    pub(super) fn launch_slow_to_execute(bed: &Bed, millis: u32) -> Self {
        let inject = format!("inject=execve:delay_enter={}", millis * 1_000);
        Self::spawn(bed, &["-e", "trace=execve", "-e", &inject])
    }

    /// Starts a process whose every fsync of a file of its data fails.
    pub(super) fn launch_without_fsync_of(bed: &Bed, file: &str) -> Self {
        let file = bed.data().join(file);
        let of = ["-P", file.to_str().expect("a path of a test is UTF-8")];
        Self::spawn(
            bed,
            &[&of[..], &["-e", "trace=fsync", "-e", "inject=fsync:error=EIO"]].concat(),
        )
    }

    /// Starts a process, under strace where that is told anything.
    fn spawn(bed: &Bed, strace: &[&str]) -> Self {
        let Surroundings { listen, by } = bed.surroundings();
        let mut words = by.clone();
        if !strace.is_empty() {
            // `-f`: the store writes on a thread of its own. `-D`: the server stays our own child.
            let before = ["strace", "-D", "-f", "-qqq", "-o", "/dev/null"];
            words.extend(before.iter().chain(strace).map(OsString::from));
        }
        words.push(env!("CARGO_BIN_EXE_longhaul").into());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        let (config, data) = (bed.config(), bed.data());
        // Where it listens is known to this machine alone.
        command.arg("serve").args(["--listen", listen, "--insecure-no-auth"]);
        command.arg("--config").arg(config).arg("--data").arg(data);
        command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
        let (reader, writer) = std::io::pipe().unwrap();
        command.stderr(writer);
        let child = match command.spawn() {
            Ok(child) => child,
            Err(error) if !strace.is_empty() => panic!(
                "the crash tests need `strace` (Debian: apt-get install strace; `make tools` \
                 installs it): {error}"
            ),
            Err(error) => panic!("the server cannot be started: {error}"),
        };
        let number = child.id().expect("it is not reaped");
        let (say, said) = watch::channel(String::new());
        std::thread::spawn(move || {
            for line in BufReader::new(reader).lines() {
                let Ok(line) = line else { break };
                say.send_modify(|text| {
                    text.push_str(&line);
                    text.push('\n');
                });
            }
        });
        Self { child, number, said, api: None }
    }

    /// Waits until it listens; an error is what it said before it ended.
    pub(super) async fn ready(mut self) -> Result<Self, String> {
        let url = {
            let said = self.said.clone();
            let mut heard = self.said.clone();
            let listening = heard.wait_for(|text| url_in(text).is_some());
            within("the server's address", &said, listening).await.ok().and_then(|t| url_in(&t))
        };
        let Some(url) = url else {
            within("the end of a server", &self.said, self.child.wait()).await.unwrap();
            return Err(self.said.borrow().clone());
        };
        self.api = Some(Api::new(url));
        Ok(self)
    }

    /// How it is asked.
    pub(super) fn api(&self) -> &Api {
        self.api.as_ref().expect("it is ready")
    }

    /// How it ended and what it had said, if it has ended by itself.
    pub(super) fn has_ended(&mut self) -> Option<(ExitStatus, String)> {
        let status = self.child.try_wait().unwrap()?;
        Some((status, self.said.borrow().clone()))
    }

    /// Its number.
    pub(super) fn pid(&self) -> Pid {
        let pid = self.child.id().expect("it is not reaped").cast_signed();
        Pid::from_raw(pid).unwrap()
    }

    /// SIGKILL, and its end. How it ended, where it had ended before.
    pub(super) async fn kill(&mut self) -> ExitStatus {
        if self.child.id().is_some() {
            self.child.start_kill().unwrap();
        }
        self.end().await
    }

    /// SIGTERM.
    pub(super) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Any signal.
    pub(super) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Waits until it has said something.
    pub(super) async fn says(&mut self, what: &str) {
        let said = self.said.clone();
        let heard = self.said.wait_for(|text| text.contains(what));
        within(what, &said, heard).await.unwrap();
    }

    /// Waits until it has said a line like this, and returns that.
    pub(super) async fn says_line(&self, what: &str, is: impl Fn(&str) -> bool) -> String {
        let mut said = self.said.clone();
        let heard = said.wait_for(|text| text.lines().any(&is));
        let text = within(what, &self.said, heard).await.unwrap();
        text.lines().find(|line| is(line)).unwrap().to_owned()
    }

    /// Waits until it has said at least so many lines like this; how many it has.
    pub(super) async fn says_so_often(
        &self,
        what: &str,
        often: usize,
        is: impl Fn(&str) -> bool,
    ) -> usize {
        let mut said = self.said.clone();
        let count = |text: &String| text.lines().filter(|line| is(line)).count();
        let heard = said.wait_for(|text| count(text) >= often);
        count(&within(what, &self.said, heard).await.unwrap())
    }

    /// How often it has said something.
    pub(super) fn has_said(&self, what: &str) -> usize {
        self.said.borrow().matches(what).count()
    }

    /// Waits for its end.
    pub(super) async fn end(&mut self) -> ExitStatus {
        within("the end of a server", &self.said, self.child.wait()).await.unwrap()
    }

    /// SIGTERM, and a good end.
    pub(super) async fn stop(mut self) {
        self.terminate();
        let status = self.end().await;
        assert!(status.success(), "{status}: {}", *self.said.borrow());
    }
}

/// What the library of its clock leaves of a process that was killed goes, before another one has its number.
impl Drop for Server {
    fn drop(&mut self) {
        clock::tidy(self.number);
    }
}

fn url_in(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("listening on ")?;
    // The line is whole once it has its end.
    rest.split_once('\n').map(|(url, _)| url.trim().to_owned())
}
