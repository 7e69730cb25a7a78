//! Copies the log into the file, beside the writer: a copy of a thousand pages and its two flushes would
//! keep everybody waiting who writes meanwhile.
//!
//! SQLite's automatic checkpoints would hide an fsync error, by which the file may lose what the log no
//! longer has (P13); here it is told.
//!
//! # Concurrency
//!
//! The thread has a connection of its own. A copy of the kind that it asks for ("passive") stops nobody:
//! whoever writes goes on at the end of the log. So the log begins anew only where all of it is in the file
//! for a moment, which under load the writer brings about itself, as soon as little is left to copy.

use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use tokio::sync::watch;

use super::failure::{Failure, Reach};
use super::open;
use crate::store::{Health, health};

/// From so many pages on that are in the log only, they are copied: 4 MiB.
const MANY: i64 = 1_000;
/// So many are copied in no time.
const FEW: i64 = 64;
/// A log of so many pages is copied by whoever writes, who waits for it: 16 MiB.
const TOO_MANY: i64 = 4 * MANY;

/// How much of the log is in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Log {
    pages: i64,
    copied: i64,
}

impl Log {
    /// Copies nothing; looks only.
    fn look(conn: &Connection) -> Result<Self, Failure> {
        Self::pragma(conn, "PRAGMA wal_checkpoint(NOOP)")
    }

    /// Copies what nobody still needs to read from the log.
    fn copy(conn: &Connection) -> Result<Self, Failure> {
        Self::pragma(conn, "PRAGMA wal_checkpoint(PASSIVE)")
    }

    fn pragma(conn: &Connection, sql: &str) -> Result<Self, Failure> {
        let row = |row: &rusqlite::Row<'_>| Ok(Self { pages: row.get(1)?, copied: row.get(2)? });
        Ok(conn.prepare_cached(sql)?.query_one([], row)?)
    }

    fn left(self) -> i64 {
        self.pages - self.copied
    }

    /// Who does it, if anybody.
    fn work(self) -> Work {
        match self.left() {
            _ if self.pages >= TOO_MANY => Work::Now,
            1..=FEW if self.pages >= MANY => Work::Now,
            MANY.. => Work::Beside,
            _ => Work::None,
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Work {
    None,
    /// On the thread of its own.
    Beside,
    /// By the writer.
    Now,
}

/// The thread. Dropping it waits until its connection is closed.
pub(super) struct Checkpointer {
    /// `None` only while it is dropped.
    bell: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Begins; breaks the health where a flush of the file fails.
    pub(super) fn spawn(path: &Path, health: watch::Sender<Health>) -> io::Result<Self> {
        let conn = open::copier(path).map_err(io::Error::other)?;
        let (bell, rung) = sync_channel(1);
        let thread = thread::Builder::new().name("store-copier".to_owned());
        let thread = thread.spawn(move || copy_when_rung(&conn, &rung, &health))?;
        Ok(Self { bell: Some(bell), thread: Some(thread) })
    }

    /// After a commit, by the connection that made it. The error: of what it copied itself.
    pub(super) fn after_commit(&self, conn: &Connection) -> Result<(), Failure> {
        match Log::look(conn)?.work() {
            Work::None => {}
            // A bell that rings already is enough.
            Work::Beside => drop(self.bell.as_ref().map(|bell| bell.try_send(()))),
            Work::Now => drop(Log::copy(conn)?),
        }
        Ok(())
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        drop(self.bell.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that copies the log ended by a panic");
        }
    }
}

fn copy_when_rung(conn: &Connection, rung: &Receiver<()>, health: &watch::Sender<Health>) {
    while rung.recv().is_ok() {
        if copy(conn).is_err_and(|failure| failed(&failure, health)) {
            return;
        }
    }
}

/// Once more while much came meanwhile: what is left then is for the writer.
fn copy(conn: &Connection) -> Result<(), Failure> {
    let mut left = i64::MAX;
    loop {
        let log = Log::copy(conn)?;
        if log.left() <= FEW || log.left() >= left {
            return Ok(());
        }
        left = log.left();
    }
}

/// Tells what came of a copy that failed; `true`: nothing may be copied any more.
pub(super) fn failed(failure: &Failure, health: &watch::Sender<Health>) -> bool {
    match failure.reach() {
        Reach::Broken => {
            health::stop(health, failure);
            true
        }
        // All of it is durable in the log, and the next commit tries again.
        Reach::ForNow | Reach::Alone => {
            tracing::warn!(error = %failure, "the log was not copied into the database");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use tempfile::TempDir;

    use super::*;

    /// A file with a log of more pages than are left alone, and the connection that wrote it.
    fn written() -> (TempDir, PathBuf, Connection) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("longhaul.db");
        let conn = open::writer(&path).unwrap();
        conn.execute_batch("CREATE TABLE blobs (blob)").unwrap();
        for _ in 0..11 {
            write(&conn);
        }
        assert_eq!(Log::look(&conn).unwrap().work(), Work::Beside);
        (folder, path, conn)
    }

    /// Commits a hundred pages.
    fn write(conn: &Connection) {
        conn.execute("INSERT INTO blobs VALUES (zeroblob(100 * 4096))", []).unwrap();
    }

    fn serving() -> (watch::Sender<Health>, watch::Receiver<Health>) {
        watch::channel(Health::Serving)
    }

    #[test]
    fn the_log_is_copied_while_somebody_writes() {
        let (_folder, path, conn) = written();
        let (health, seen) = serving();
        let copier = Checkpointer::spawn(&path, health).unwrap();
        copier.after_commit(&conn).unwrap();
        conn.execute_batch("BEGIN IMMEDIATE; DELETE FROM blobs").unwrap();
        // What was asked for is done before it ends.
        drop(copier);
        let beside = open::copier(&path).unwrap();
        let log = Log::look(&beside).unwrap();
        assert!(log.pages >= 1_100 && log.left() == 0, "{log:?}");
        conn.execute_batch("ROLLBACK").unwrap();
        assert_eq!(*seen.borrow(), Health::Serving);
    }

    #[test]
    fn a_log_that_is_copied_begins_anew() {
        let (_folder, path, conn) = written();
        let copier = Checkpointer::spawn(&path, serving().0).unwrap();
        copier.after_commit(&conn).unwrap();
        drop(copier);
        write(&conn);
        let log = Log::look(&conn).unwrap();
        assert!(log.pages < 200, "{log:?}");
    }

    #[test]
    fn the_writer_copies_what_little_came_meanwhile() {
        let (_folder, path, conn) = written();
        // Who reads keeps the log from beginning anew.
        let reader = open::reader(&path).unwrap();
        reader.execute_batch("BEGIN; SELECT count(*) FROM blobs").unwrap();
        assert_eq!(Log::copy(&conn).unwrap().left(), 0);
        conn.execute_batch("INSERT INTO blobs VALUES (1)").unwrap();
        reader.execute_batch("ROLLBACK").unwrap();
        assert!(Log::look(&conn).unwrap().left() > 0);
        let copier = Checkpointer::spawn(&path, serving().0).unwrap();
        copier.after_commit(&conn).unwrap();
        assert_eq!(Log::look(&conn).unwrap().left(), 0);
    }

    #[test]
    fn the_writer_copies_a_log_that_grew_too_long() {
        let (_folder, path, conn) = written();
        for _ in 0..30 {
            write(&conn);
        }
        let copier = Checkpointer::spawn(&path, serving().0).unwrap();
        copier.after_commit(&conn).unwrap();
        let log = Log::look(&conn).unwrap();
        assert!(log.pages >= TOO_MANY && log.left() == 0, "{log:?}");
    }

    #[test]
    fn who_closes_last_finds_nobody_who_copies() {
        let (folder, path, conn) = written();
        let copier = Checkpointer::spawn(&path, serving().0).unwrap();
        copier.after_commit(&conn).unwrap();
        drop(copier);
        drop(conn);
        let names = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name());
        assert_eq!(names.collect::<Vec<_>>(), ["longhaul.db"], "a log is left");
    }

    #[test]
    fn who_copies_the_log_is_told_by_how_much_is_left() {
        for (pages, copied, work) in [
            (0, 0, Work::None),
            (999, 0, Work::None),
            (1_000, 0, Work::Beside),
            // While it is copied beside, others write on.
            (1_400, 400, Work::Beside),
            (1_064, 1_000, Work::Now),
            (1_065, 1_000, Work::None),
            // All of it is copied: the next write begins it anew.
            (1_000, 1_000, Work::None),
            (3_999, 2_000, Work::Beside),
            (4_000, 2_000, Work::Now),
        ] {
            assert_eq!(Log { pages, copied }.work(), work, "{copied} of {pages}");
        }
    }
}
