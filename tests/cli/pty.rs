//! A real terminal of a given width, and a command that runs on it.

use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::longhaul;
use super::scripted::Scripted;

/// The terminal.
pub(super) struct Pty {
    terminal: OwnedFd,
    name: String,
    environment: Vec<(&'static str, &'static str)>,
}

impl Pty {
    /// A terminal of so many columns that can do what all can.
    pub(super) fn new(columns: u16) -> Self {
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&terminal, size).unwrap();
        let name = ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
        Self { terminal, name, environment: vec![("TERM", "xterm")] }
    }

    /// The same with this variable.
    pub(super) fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.environment.push((name, value));
        self
    }

    /// Starts a command on it.
    pub(super) fn spawn(&self, server: &Scripted, arguments: &[&str]) -> Child {
        let end = || OpenOptions::new().read(true).write(true).open(&self.name).unwrap();
        Command::new(longhaul(&[]).get_program())
            .args(arguments)
            .args(["--server", server.url()])
            .env_clear()
            .envs(self.environment.iter().copied())
            .stdin(Stdio::from(end()))
            .stdout(Stdio::from(end()))
            .stderr(Stdio::from(end()))
            .spawn()
            .unwrap()
    }

    /// Runs a command to its end: its exit code, and what the terminal was sent.
    pub(super) fn run(self, server: &Scripted, arguments: &[&str]) -> (Option<i32>, String) {
        let mut child = self.spawn(server, arguments);
        let code = child.wait().unwrap().code();
        (code, self.shown())
    }

    /// Types this on it.
    pub(super) fn typed(&self, text: &str) {
        assert_eq!(rustix::io::write(&self.terminal, text.as_bytes()).unwrap(), text.len());
    }

    /// What it was sent up to these words; the rest comes with the next call.
    pub(super) fn until(&self, words: &str) -> String {
        let mut shown = Vec::new();
        while !String::from_utf8_lossy(&shown).contains(words) {
            let mut more = [0; 1024];
            let read = rustix::io::read(&self.terminal, &mut more).unwrap();
            shown.extend_from_slice(&more[..read]);
        }
        String::from_utf8(shown).unwrap()
    }

    /// What it was sent, once nothing runs on it any more.
    pub(super) fn shown(self) -> String {
        // Nobody holds the other end any more: after its last byte the kernel answers EIO.
        let mut shown = Vec::new();
        let _ = File::from(self.terminal).read_to_end(&mut shown);
        String::from_utf8(shown).unwrap()
    }
}
