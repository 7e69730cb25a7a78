//! The data folder: made for one user, held by one server at a time.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

/// Only its owner may read what jobs print and return.
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// A folder that was there before keeps its mode, but not one with this bit.
const OTHERS_WRITE: u32 = 0o002;

/// How long somebody may take to let go of the folder. A server that is killed while it starts a
/// process leaves its lock with that process, until that one has become another program: mostly
/// less than a millisecond, and too long for who starts the server again at once.
const PATIENCE: Duration = Duration::from_secs(2);
/// From one try to the next.
const TRY_AGAIN: Duration = Duration::from_millis(10);

/// What the lock file says of the server that holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Its process.
    pub pid: u32,
    /// Where it is reached; `None` until it listens.
    pub url: Option<String>,
    /// Its version.
    pub version: String,
}

/// A data folder that this process holds. Dropping it lets go; see [`DataFolder::leave`].
#[derive(Debug)]
pub(super) struct DataFolder {
    path: PathBuf,
    lock: File,
}

/// Why a data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// It cannot be made or written.
    #[error("use the data folder `{}`: {action}", path.display())]
    Io {
        /// Which folder.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// Everybody may write into it.
    #[error(
        "use the data folder `{}`: every user may write into it (its mode is {mode:o}) and so take \
         the place of its files; forbid that with `chmod o-w`, or name another folder with `--data`",
        path.display()
    )]
    Open {
        /// Which folder.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// Another server has it.
    #[error(
        "use the data folder `{}`: {} holds it; stop that one, or name another folder with `--data`",
        path.display(),
        describe(holder.as_ref())
    )]
    Held {
        /// Which folder.
        path: PathBuf,
        /// Who has it, where that is known.
        holder: Option<Holder>,
    },
}

fn describe(holder: Option<&Holder>) -> String {
    match holder {
        Some(Holder { pid, url: Some(url), .. }) => {
            format!("another server (process {pid}, {url})")
        }
        Some(Holder { pid, .. }) => format!("another server (process {pid})"),
        None => "another server".to_owned(),
    }
}

impl DataFolder {
    /// Makes the folder if need be and takes it for this process. Blocks for a moment where somebody
    /// holds it.
    pub(super) fn take(path: &Path) -> Result<Self, DataError> {
        let io = |action| {
            let path = path.to_owned();
            move |source| DataError::Io { path, action, source }
        };
        DirBuilder::new()
            .recursive(true)
            .mode(FOLDER_MODE)
            .create(path)
            .map_err(io("it cannot be made"))?;
        let mode = fs::metadata(path).map_err(io("it cannot be read"))?.permissions().mode();
        if mode & OTHERS_WRITE != 0 {
            return Err(DataError::Open { path: path.to_owned(), mode: mode & 0o7777 });
        }
        let lock = OpenOptions::new()
            .create(true)
            .read(true)
            .write(true)
            .truncate(false)
            .mode(FILE_MODE)
            .open(path.join("lock"))
            .map_err(io("its file `lock` cannot be opened"))?;
        match lock_within(&lock, PATIENCE) {
            Ok(true) => {}
            Ok(false) => {
                return Err(DataError::Held { path: path.to_owned(), holder: read(&lock) });
            }
            Err(errno) => return Err(io("its file `lock` cannot be locked")(errno.into())),
        }
        let mut folder = Self { path: path.to_owned(), lock };
        folder.say(None)?;
        Ok(folder)
    }

    /// The name of the folder, which no other has: made where there is none yet. Who shares a database with
    /// others tells by it what lies here.
    pub(super) fn home(&self) -> Result<String, DataError> {
        let file = self.path.join("home");
        let read = match fs::read_to_string(&file) {
            Ok(name) if !name.trim().is_empty() => return Ok(name.trim().to_owned()),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        };
        let name = hex::encode(rand::random::<[u8; 16]>());
        // Whole or not at all: a half of a name would be another one.
        let fresh = self.path.join("home.new");
        let made = read.and_then(|()| {
            let mut options = OpenOptions::new();
            let options = options.create(true).write(true).truncate(true).mode(FILE_MODE);
            let mut file = options.open(&fresh)?;
            file.write_all(name.as_bytes())?;
            file.sync_all()
        });
        made.and_then(|()| fs::rename(&fresh, &file)).map_err(|source| DataError::Io {
            path: self.path.clone(),
            action: "its file `home` cannot be read or made",
            source,
        })?;
        Ok(name)
    }

    /// Writes where the server is reached, for the command line to find it.
    pub(super) fn say(&mut self, url: Option<String>) -> Result<(), DataError> {
        let is_listening = url.is_some();
        let holder =
            Holder { pid: std::process::id(), url, version: env!("CARGO_PKG_VERSION").to_owned() };
        let text = serde_json::to_string(&holder).unwrap_or_default();
        // Cut off last: who looks in between reads the first value.
        let written = (|| {
            self.lock.seek(SeekFrom::Start(0))?;
            self.lock.write_all(text.as_bytes())?;
            self.lock.set_len(text.len() as u64)
        })();
        match written {
            // No reason not to serve: only who looks for the server by its folder does not find it.
            Err(error) if error.kind() == ErrorKind::StorageFull => {
                if is_listening {
                    tracing::warn!(%error, "the disk is full: where the server is cannot be written down");
                }
                Ok(())
            }
            written => written.map_err(|source| DataError::Io {
                path: self.path.clone(),
                action: "its file `lock` cannot be written",
                source,
            }),
        }
    }

    /// Sends nobody here any more, and keeps the lock until the end of the process.
    pub(super) fn leave(self) {
        let _ = self.lock.set_len(0);
        std::mem::forget(self);
    }

    /// The folder.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for DataFolder {
    fn drop(&mut self) {
        // Nobody is to be sent to a server that is gone; the lock itself goes with the file.
        let _ = self.lock.set_len(0);
    }
}

/// Takes the lock; `false`: somebody kept it all the time.
fn lock_within(lock: &File, patience: Duration) -> Result<bool, Errno> {
    let begun = Instant::now();
    loop {
        match flock(lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(true),
            Err(Errno::WOULDBLOCK) if begun.elapsed() < patience => thread::sleep(TRY_AGAIN),
            Err(Errno::WOULDBLOCK) => return Ok(false),
            Err(errno) => return Err(errno),
        }
    }
}

fn read(mut lock: &File) -> Option<Holder> {
    let mut text = String::new();
    lock.read_to_string(&mut text).ok()?;
    // What is written over it may not be cut off yet.
    serde_json::Deserializer::from_str(&text).into_iter().next()?.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_server_is_told_who_holds_the_folder() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/b");
        let mut first = DataFolder::take(&path).unwrap();
        first.say(Some("http://127.0.0.1:1".to_owned())).unwrap();
        let error = DataFolder::take(&path).unwrap_err().to_string();
        let me = std::process::id();
        assert!(error.contains(&format!("process {me}, http://127.0.0.1:1")), "{error}");
        drop(first);
        assert!(DataFolder::take(&path).is_ok());
    }

    #[test]
    fn a_folder_that_everybody_may_write_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mode = |mode| {
            std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        };
        mode(0o1777);
        let error = DataFolder::take(folder.path()).unwrap_err().to_string();
        assert!(error.contains("(its mode is 1777)") && error.contains("chmod o-w"), "{error}");
        assert!(!folder.path().join("lock").exists());
        mode(0o775);
        assert!(DataFolder::take(folder.path()).is_ok());
    }

    #[test]
    fn a_folder_keeps_its_name() {
        let [first, second] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let name =
            |folder: &tempfile::TempDir| DataFolder::take(folder.path()).unwrap().home().unwrap();
        let (one, two) = (name(&first), name(&second));
        assert_ne!(one, two);
        assert_eq!((name(&first), one.len()), (one, 32));
    }

    #[test]
    fn a_folder_that_cannot_be_made_says_so() {
        let parent = tempfile::tempdir().unwrap();
        std::fs::write(parent.path().join("file"), "").unwrap();
        let error = DataFolder::take(&parent.path().join("file/data")).unwrap_err().to_string();
        assert!(error.ends_with("it cannot be made"), "{error}");
    }
}
