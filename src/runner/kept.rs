//! The folders of jobs that ended: what of them may go into the store, and how they go.
//!
//! # Invariants
//!
//! - A folder that a process may still use is left alone: whoever holds the lock of an attempt owns it.
//! - A job's folder goes in one step, by a rename: a reader finds all of it or nothing. What a crash
//!   leaves of the removal is gone on with, and no link is followed.

use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

pub use super::copy::CopyFolderError;
use super::folder::Folder;
use super::work::{self, REMOVED};
use crate::domain::id::JobId;
use crate::domain::log::StoredLog;
use crate::shim::protocol::{LOCK, LOG_HEAD, LOG_TAIL_SEGMENTS, WORK, files, log_tail};

/// A job's log that takes more bytes, headers of frames included, stays in its folder.
pub const STORED_LOG_BYTES: u64 = 64 * 1024;

/// Where folders wait for their removal: beside the attempts, whose file system it shares.
const GONE: &str = ".gone";
/// Its lock is held by whoever removes folders, and shared by whoever copies them.
const HOLD: &str = ".hold";

/// The folders of all jobs. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Folders {
    attempts: PathBuf,
}

/// What a look at the folder of an ended job found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// Somebody may still use it.
    Busy,
    /// What is kept of its log takes so many bytes.
    Kept {
        /// How many.
        log_bytes: u64,
        /// The whole log, where it is small and nothing else stands in the folder that is kept with
        /// the job; `None`: the folder stays.
        logs: Option<Vec<StoredLog>>,
    },
}

impl Folders {
    /// Those in `attempts` (`{data}/attempts`).
    pub fn new(attempts: PathBuf) -> Self {
        Self { attempts }
    }

    /// Looks at what a job that ended has left. What cannot be read stays as it is. Blocks.
    pub fn look(&self, job: JobId) -> Look {
        match self.try_look(job) {
            Ok(look) => look,
            Err(error) => {
                tracing::warn!(job.id = %job, %error, "the folder of a job stays: it cannot be read");
                Look::Kept { log_bytes: 0, logs: None }
            }
        }
    }

    fn try_look(&self, job: JobId) -> io::Result<Look> {
        let entries = match fs::read_dir(self.of(job)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(Look::Kept { log_bytes: 0, logs: Some(Vec::new()) });
            }
            Err(error) => return Err(error),
        };
        let mut log_bytes = 0;
        let mut logs = Some(Vec::new());
        for entry in entries {
            let entry = entry?;
            let number = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
            let Some(number) = number.filter(|_| entry.file_type().is_ok_and(|t| t.is_dir()))
            else {
                // Nothing of ours.
                logs = None;
                continue;
            };
            let folder = Folder::of(&self.attempts, job, number);
            if is_held(&folder)? || work::is_noted(&self.attempts, &folder) {
                return Ok(Look::Busy);
            }
            let (bytes, frames) = log_of(&folder)?;
            log_bytes += bytes;
            match (&mut logs, frames) {
                (Some(all), Some(frames)) if log_bytes <= STORED_LOG_BYTES => {
                    if !frames.is_empty() {
                        all.push(StoredLog { attempt: number, frames: frames.into() });
                    }
                }
                _ => logs = None,
            }
        }
        Ok(Look::Kept { log_bytes, logs })
    }

    /// Removes the folders of these jobs; those of which nothing is left under its name are answered:
    /// none, while somebody [holds](Self::hold) them. Blocks until what was removed is durable.
    pub fn remove(&self, jobs: Vec<JobId>) -> io::Result<Vec<JobId>> {
        let gone = self.attempts.join(GONE);
        work::make_own(&gone, &self.attempts)?;
        let lock = self.open_hold()?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        }
        let mut removed = Vec::new();
        for job in jobs {
            match work::free_name(&gone).and_then(|name| fs::rename(self.of(job), name)) {
                Ok(()) => removed.push(job),
                Err(error) if error.kind() == ErrorKind::NotFound => removed.push(job),
                Err(error) => {
                    tracing::warn!(job.id = %job, %error, "the folder of a job cannot be removed");
                }
            }
        }
        File::open(&self.attempts)?.sync_all()?;
        work::empty(&gone);
        Ok(removed)
    }

    /// Keeps the folders of all jobs where they are for as long as the answer lives. Blocks for a moment
    /// where some are being removed.
    pub fn hold(&self) -> io::Result<File> {
        DirBuilder::new().mode(0o700).recursive(true).create(&self.attempts)?;
        let lock = self.open_hold()?;
        flock(&lock, FlockOperation::LockShared)?;
        Ok(lock)
    }

    fn open_hold(&self) -> io::Result<File> {
        files::open_to_write(&self.attempts.join(HOLD))
    }

    /// There is a folder of this job.
    pub fn exists(&self, job: JobId) -> bool {
        fs::symlink_metadata(self.of(job)).is_ok()
    }

    pub(super) fn of(&self, job: JobId) -> PathBuf {
        self.attempts.join(job.to_string())
    }
}

/// A process of the attempt may live. What the command made of the lock holds nobody.
fn is_held(folder: &Folder) -> io::Result<bool> {
    let lock = match files::open(&folder.file(LOCK)) {
        Ok(Some(lock)) => lock,
        Ok(None) => return Ok(false),
        Err(error) if files::is_damage(&error) => return Ok(false),
        Err(error) => return Err(error),
    };
    match flock(&lock, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(false),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// The bytes of an attempt's log, and its frames, where they may leave the folder.
fn log_of(folder: &Folder) -> io::Result<(u64, Option<Vec<u8>>)> {
    let head = folder.file(LOG_HEAD);
    let head_bytes = length(&head)?;
    let mut bytes = head_bytes.unwrap_or_default();
    let mut may_leave = true;
    for segment in 0..LOG_TAIL_SEGMENTS {
        if let Some(length) = length(&folder.file(&log_tail(segment)))? {
            bytes += length;
            may_leave = false;
        }
    }
    may_leave &= !work::holds_anything(&folder.file(WORK));
    may_leave &= !files::exists(&folder.file(REMOVED))?;
    if !may_leave || bytes > STORED_LOG_BYTES {
        return Ok((bytes, None));
    }
    let frames = match head_bytes {
        Some(_) => files::read(&head, STORED_LOG_BYTES)?.unwrap_or_default(),
        None => Vec::new(),
    };
    Ok((frames.len() as u64, Some(frames)))
}

/// The length of a regular file; `None` where there is none.
fn length(path: &Path) -> io::Result<Option<u64>> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(Some(metadata.len())),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn bed() -> (tempfile::TempDir, Folders, JobId) {
        let attempts = tempfile::tempdir().unwrap();
        let folders = Folders::new(attempts.path().to_owned());
        let job = JobId::from_bytes([1; 16]);
        (attempts, folders, job)
    }

    fn put(folders: &Folders, job: JobId, name: &str, bytes: &[u8]) {
        let path = folders.of(job).join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn kept(folders: &Folders, job: JobId) -> (u64, Option<Vec<(u32, usize)>>) {
        let Look::Kept { log_bytes, logs } = folders.look(job) else { panic!("it is busy") };
        let numbered = |logs: Vec<StoredLog>| {
            let mut logs: Vec<_> = logs.iter().map(|l| (l.attempt, l.frames.len())).collect();
            logs.sort_unstable();
            logs
        };
        (log_bytes, logs.map(numbered))
    }

    #[test]
    fn the_log_of_a_whole_job_is_small_or_stays() {
        let (_attempts, folders, job) = bed();
        assert_eq!(kept(&folders, job), (0, Some(vec![])));
        put(&folders, job, "1/lock", b"");
        put(&folders, job, "1/log.head", &vec![b'x'; 65_000]);
        put(&folders, job, "2/args.json", b"{}");
        put(&folders, job, "3/log.head", &[b'x'; 536]);
        fs::create_dir(folders.of(job).join("3/work")).unwrap();
        assert_eq!(kept(&folders, job), (65_536, Some(vec![(1, 65_000), (3, 536)])));
        put(&folders, job, "3/log.head", &[b'x'; 537]);
        assert_eq!(kept(&folders, job), (65_537, None));
    }

    #[test]
    fn what_is_kept_with_the_job_keeps_its_folder() {
        for name in ["1/work/file", "1/work.removed", "1/log.tail.0", "notes", "x/file"] {
            let (_attempts, folders, job) = bed();
            put(&folders, job, "1/log.head", b"abc");
            assert_eq!(kept(&folders, job).1, Some(vec![(1, 3)]));
            put(&folders, job, name, b"z");
            assert_eq!(kept(&folders, job).1, None, "{name}");
        }
        let (attempts, folders, job) = bed();
        put(&folders, job, "1/log.head", b"abc");
        symlink(attempts.path(), folders.of(job).join("2")).unwrap();
        assert_eq!(kept(&folders, job), (3, None), "a link is nothing of ours");
    }

    #[test]
    fn whoever_holds_the_lock_owns_the_folder() {
        let (attempts, folders, job) = bed();
        put(&folders, job, "1/lock", b"");
        let lock = File::open(folders.of(job).join("1/lock")).unwrap();
        flock(&lock, FlockOperation::NonBlockingLockExclusive).unwrap();
        assert_eq!(folders.look(job), Look::Busy);
        drop(lock);
        assert_eq!(kept(&folders, job), (0, Some(vec![])));
        // Whoever measures `work/` is not done.
        put(&folders, job, "1/work/file", b"");
        let noted = attempts.path().join(".unmeasured");
        fs::create_dir(&noted).unwrap();
        fs::write(noted.join(format!("{job}.1")), "").unwrap();
        assert_eq!(folders.look(job), Look::Busy);
    }

    #[test]
    fn a_removed_folder_is_gone_with_all_that_is_in_it() {
        let (attempts, folders, job) = bed();
        put(&folders, job, "1/work/a/b/file", b"x");
        let (other, never) = (JobId::from_bytes([2; 16]), JobId::from_bytes([3; 16]));
        put(&folders, other, "1/log.head", b"x");
        symlink(folders.of(other), folders.of(job).join("1/link")).unwrap();
        assert_eq!(folders.remove(vec![job, never]).unwrap(), [job, never]);
        assert!(!folders.exists(job) && folders.exists(other));
        assert!(folders.of(other).join("1/log.head").exists(), "no link is followed");
        assert_eq!(fs::read_dir(attempts.path().join(GONE)).unwrap().count(), 0);
    }

    #[test]
    fn nothing_is_removed_while_somebody_copies() {
        let (_attempts, folders, job) = bed();
        put(&folders, job, "1/log.head", b"x");
        let held = (folders.hold().unwrap(), folders.hold().unwrap());
        assert_eq!(folders.remove(vec![job]).unwrap(), []);
        assert!(folders.exists(job));
        drop(held);
        assert_eq!(folders.remove(vec![job]).unwrap(), [job]);
    }
}
