//! `BullMQ` with a Redis that flushes every write, where both are installed: `redis-server` in the path, and
//! the module in the folder that `BULLMQ` names (`npm install bullmq ioredis` there).

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::folder;
use super::probe::has;

/// A Redis, and a program that drives `BullMQ`.
pub(crate) struct BullMq {
    redis: Child,
    node: Child,
    asked: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl BullMq {
    /// Starts both; the error: what is not installed.
    pub(crate) fn start() -> Result<Self, String> {
        let modules = std::env::var_os("BULLMQ").map(PathBuf::from);
        let modules = modules.filter(|folder| folder.join("node_modules/bullmq").is_dir());
        let Some(modules) = modules.filter(|_| has("redis-server") && has("node")) else {
            return Err(
                "needs redis-server, node, and BULLMQ=folder of `npm install bullmq ioredis`"
                    .into(),
            );
        };
        let folder = folder::empty();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let redis = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .args(["--appendonly", "yes", "--appendfsync", "always", "--dir"])
            .arg(&folder)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let (mut node, asked, answers) = drive(&modules, &folder, port);
        node.stderr.take();
        let mut started = Self { redis, node, asked, answers };
        started.line();
        Ok(started)
    }

    /// What the program says to one line: a number.
    pub(crate) fn ask(&mut self, line: &str) -> f64 {
        writeln!(self.asked, "{line}").unwrap();
        self.line().trim().parse().unwrap()
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "BullMQ's program ended");
        line
    }
}

fn drive(modules: &Path, folder: &Path, port: u16) -> (Child, ChildStdin, BufReader<ChildStdout>) {
    let program = folder.join("bullmq.cjs");
    fs::write(&program, include_str!("bullmq.cjs")).unwrap();
    let mut node = Command::new("node")
        .arg(program)
        .arg(port.to_string())
        .env("NODE_PATH", modules.join("node_modules"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (asked, answers) = (node.stdin.take().unwrap(), node.stdout.take().unwrap());
    (node, asked, BufReader::new(answers))
}

impl Drop for BullMq {
    fn drop(&mut self) {
        for child in [&mut self.node, &mut self.redis] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
