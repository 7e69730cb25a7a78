//! A place to crash in: a configuration, a data folder, and the ledger that the jobs keep.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::unix::pipe;

use super::server::Server;

/// Slots of the whole worker, of the queue `default`, and of the queue `side`: each of the three
/// binds at times.
const WORKER_SLOTS: u32 = 4;
const DEFAULT_SLOTS: u32 = 3;
const SIDE_SLOTS: u32 = 2;

/// What the jobs tell, line by line.
pub(super) type News = tokio::io::Lines<BufReader<pipe::Receiver>>;

/// The folders of one test.
pub(super) struct Bed(tempfile::TempDir);

impl Bed {
    /// An empty data folder. `drain_timeout` and `grace` as the configuration writes them.
    pub(super) fn new(drain_timeout: &str, grace: &str) -> Self {
        let bed = Self(tempfile::tempdir().unwrap());
        fs::create_dir(bed.ledger()).unwrap();
        fs::write(bed.config(), bed.configuration(drain_timeout, grace)).unwrap();
        bed
    }

    fn configuration(&self, drain_timeout: &str, grace: &str) -> String {
        let ledger = self.ledger().into_os_string().into_string().unwrap();
        let worker = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/crash/worker.pl");
        let kind = |name: &str, queue: &str, slots: u32, more: &str| {
            format!(
                "[kinds.{name}]\n\
                 command = [\"/usr/bin/perl\", {worker:?}, {ledger:?}, \"{queue}\", \"{slots}\", \
                 \"{WORKER_SLOTS}\", \"{name}\"]\n\
                 queue = \"{queue}\"\nenv = [\"PATH\"]\ngrace = \"{grace}\"\n\
                 max_lost = 1000\nretry_backoff = \"10ms\"\n{more}\n"
            )
        };
        let mut text = format!(
            "[server]\ndrain_timeout = \"{drain_timeout}\"\n[worker]\nslots = {WORKER_SLOTS}\n\
             [queues.default]\nslots = {DEFAULT_SLOTS}\n[queues.side]\nslots = {SIDE_SLOTS}\n"
        );
        for name in ["quick", "children", "daemon", "slow", "stubborn"] {
            text += &kind(name, "default", DEFAULT_SLOTS, "");
        }
        text += &kind("once", "side", SIDE_SLOTS, "at_most_once = true");
        text += &kind("flaky", "side", SIDE_SLOTS, "retries = 1");
        text
    }

    pub(super) fn config(&self) -> PathBuf {
        self.0.path().join("longhaul.toml")
    }

    pub(super) fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    pub(super) fn ledger(&self) -> PathBuf {
        self.0.path().join("ledger")
    }

    /// Starts a server, which must come up.
    pub(super) async fn server(&self) -> Server {
        Server::launch(self).ready().await.expect("a server comes up whatever it finds")
    }

    /// The store, read beside the server. Never opened while none runs: a server is to find what
    /// the dead one left, not what another reader made of it.
    pub(super) fn store(&self) -> Connection {
        let path = self.data().join("longhaul.db");
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
    }

    /// Lets jobs tell what they do, from now on.
    pub(super) fn news(&self) -> News {
        let path = self.ledger().join("news");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        // Opened for writing too: else it ends whenever no job has it open.
        let pipe = pipe::OpenOptions::new().read_write(true).open_receiver(&path).unwrap();
        BufReader::new(pipe).lines()
    }
}

/// What a failing test shows: what the store says is open, and what it was told last.
impl fmt::Debug for Bed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let store = self.store();
        for sql in [
            "SELECT accept_no, kind, state, seq, attempt, open_fence, delayed_until FROM jobs
             WHERE ended_at IS NULL LIMIT 20",
            "SELECT fence, job, number, spawned, interrupted, reason, reason_text FROM attempts
             ORDER BY fence DESC LIMIT 20",
            "SELECT no, job, seq, at, change, state, attempt FROM job_events
             ORDER BY no DESC LIMIT 30",
        ] {
            let mut select = store.prepare(sql).unwrap();
            let columns = select.column_count();
            let mut rows = select.query([]).unwrap();
            writeln!(f, "{sql}")?;
            while let Some(row) = rows.next().unwrap() {
                let values = (0..columns).map(|column| row.get::<_, Value>(column).unwrap());
                writeln!(f, "  {:?}", values.collect::<Vec<_>>())?;
            }
        }
        Ok(())
    }
}

/// A count that is asked of the store.
pub(super) fn count(store: &Connection, what: &str) -> u32 {
    store.query_row(&format!("SELECT count(*) FROM {what}"), [], |row| row.get(0)).unwrap()
}

/// Waits until `count` jobs have told `what`.
pub(super) async fn told(news: &mut News, what: &str, count: usize) {
    let mut seen = 0;
    while seen < count {
        let line = news.next_line().await.unwrap().expect("we hold the pipe open ourselves");
        seen += usize::from(line.starts_with(what));
    }
}

/// How large to make it: a number from the environment, or the small default of `make test`.
pub(super) fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is `{text}`, no number")),
        Err(_) => default,
    }
}

/// Whether a path lies below a folder, as text of a process's environment.
pub(super) fn is_below(path: &[u8], folder: &Path) -> bool {
    path.starts_with(folder.as_os_str().as_encoded_bytes())
}
