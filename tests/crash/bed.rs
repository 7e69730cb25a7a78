//! A place to crash in: a configuration, a data folder, and the ledger that the jobs keep.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::unix::pipe;

use super::server::{Server, Surroundings};

/// Slots of the whole worker, of the queue `default`, and of the queue `side`: each of the three
/// binds at times.
const WORKER_SLOTS: u32 = 4;
const DEFAULT_SLOTS: u32 = 3;
const SIDE_SLOTS: u32 = 2;

/// What the jobs tell, line by line.
pub(super) type News = tokio::io::Lines<BufReader<pipe::Receiver>>;

/// The folders of one server.
pub(super) struct Bed {
    folder: TempDir,
    ledger: PathBuf,
    surroundings: Surroundings,
}

/// A worker of several.
pub(super) struct Member<'a> {
    pub(super) name: &'a str,
    pub(super) slots: u32,
    /// All of them have so many together.
    pub(super) all_slots: u32,
    /// What they share.
    pub(super) database: &'a str,
    /// As the configuration writes it.
    pub(super) lease: &'a str,
    /// The longest pause of what failed, likewise.
    pub(super) backoff: &'a str,
}

impl Bed {
    /// An empty data folder. `drain_timeout` and `grace` as the configuration writes them.
    pub(super) fn new(drain_timeout: &str, grace: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ledger = folder.path().join("ledger");
        let bed = Self { ledger, folder, surroundings: Surroundings::default() };
        fs::create_dir(bed.ledger()).unwrap();
        let server = format!(
            "[server]\ndrain_timeout = \"{drain_timeout}\"\n[worker]\nslots = {WORKER_SLOTS}\n"
        );
        fs::write(bed.config(), server + &bed.kinds(grace, WORKER_SLOTS, "10ms")).unwrap();
        bed
    }

    /// An empty data folder of one server of several, whose jobs keep one ledger.
    pub(super) fn of_member(member: &Member<'_>, grace: &str, ledger: &Path) -> Self {
        let surroundings = Surroundings::default();
        let ledger = ledger.to_owned();
        let bed = Self { ledger, folder: tempfile::tempdir().unwrap(), surroundings };
        let Member { name, slots, all_slots, database, lease, backoff } = member;
        let server = format!(
            "[server]\ndrain_timeout = \"5s\"\ndatabase = \"{database}\"\n[worker]\nname = \"{name}\"\n\
             slots = {slots}\nlease = \"{lease}\"\n"
        );
        fs::write(bed.config(), server + &bed.kinds(grace, *all_slots, backoff)).unwrap();
        bed
    }

    /// The queues and the kinds.
    fn kinds(&self, grace: &str, worker_slots: u32, backoff: &str) -> String {
        let ledger = self.ledger().into_os_string().into_string().unwrap();
        let worker = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/crash/worker.pl");
        let kind = |name: &str, queue: &str, slots: u32, more: &str| {
            format!(
                "[kinds.{name}]\n\
                 command = [\"/usr/bin/perl\", {worker:?}, {ledger:?}, \"{queue}\", \"{slots}\", \
                 \"{worker_slots}\", \"{name}\"]\n\
                 queue = \"{queue}\"\nenv = [\"PATH\"]\ngrace = \"{grace}\"\n\
                 max_lost = 1000\n{more}\n"
            )
        };
        let mut text = format!(
            "[queues.default]\nslots = {DEFAULT_SLOTS}\n[queues.side]\nslots = {SIDE_SLOTS}\n"
        );
        for name in ["quick", "children", "daemon", "long", "slow", "stubborn"] {
            text += &kind(name, "default", DEFAULT_SLOTS, "");
        }
        text += &kind("once", "side", SIDE_SLOTS, "at_most_once = true");
        let retries = format!("retries = 1\nretry_backoff = \"{backoff}\"");
        text += &kind("flaky", "side", SIDE_SLOTS, &retries);
        text
    }

    /// Its servers are started so from now on.
    pub(super) fn surround(&mut self, surroundings: Surroundings) {
        self.surroundings = surroundings;
    }

    pub(super) fn surroundings(&self) -> &Surroundings {
        &self.surroundings
    }

    /// Where all of it is.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn config(&self) -> PathBuf {
        self.folder.path().join("longhaul.toml")
    }

    pub(super) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(super) fn ledger(&self) -> PathBuf {
        self.ledger.clone()
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
