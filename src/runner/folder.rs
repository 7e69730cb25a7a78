//! The server's side of an attempt's folder: makes it, takes its lock, reads what the shim left.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;
use serde_json::Value;

use crate::domain::id::JobId;
use crate::shim::protocol::{ARGS, EXIT, ExitRecord, LOCK, SPEC, STARTED, Spec, VOID};

/// The rules for the result, as the kind declared them at the claim. The server's own: the shim
/// does not know it.
const RESULT_SCHEMA: &str = "result-schema.json";

/// More than any record or specification of ours has.
const MAX_RECORD_BYTES: u64 = 4 * 1024 * 1024;

/// An attempt's folder.
#[derive(Debug, Clone)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// The folder below `attempts` of one attempt, whether it is there or not.
    pub(super) fn of(attempts: &Path, job: JobId, number: u32) -> Self {
        Self(attempts.join(job.to_string()).join(number.to_string()))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Makes it. That it is there already is an error: a number is never used again.
    pub(super) fn create(&self) -> io::Result<()> {
        let parent = self.0.parent().unwrap_or(&self.0);
        DirBuilder::new().mode(0o700).recursive(true).create(parent)?;
        DirBuilder::new().mode(0o700).create(&self.0)
    }

    /// Writes what the shim is to run, and what its end will be judged by.
    pub(super) fn write(
        &self,
        spec: &Spec,
        args: &Value,
        result_schema: Option<&Value>,
    ) -> io::Result<()> {
        fs::write(self.file(ARGS), serde_json::to_vec(args)?)?;
        if let Some(schema) = result_schema {
            fs::write(self.file(RESULT_SCHEMA), serde_json::to_vec(schema)?)?;
        }
        fs::write(self.file(SPEC), serde_json::to_vec(spec)?)
    }

    /// The lock, without waiting; `None`: the shim holds it. Makes the folder where it is missing,
    /// so that a shim that comes late finds it taken.
    pub(super) fn try_lock(&self) -> io::Result<Option<File>> {
        let file = self.open_lock()?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(file)),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The lock, once it is free.
    pub(super) fn wait_for_lock(&self) -> io::Result<File> {
        let file = self.open_lock()?;
        loop {
            match flock(&file, FlockOperation::LockExclusive) {
                Ok(()) => return Ok(file),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn open_lock(&self) -> io::Result<File> {
        DirBuilder::new().mode(0o700).recursive(true).create(&self.0)?;
        OpenOptions::new().create(true).truncate(false).write(true).open(self.file(LOCK))
    }

    /// Bars the attempt from ever starting. Only under the lock.
    pub(super) fn void(&self) -> io::Result<()> {
        File::create(self.file(VOID)).map(drop)
    }

    pub(super) fn exists(&self) -> io::Result<bool> {
        self.0.try_exists()
    }

    /// The command was about to be started, or more.
    pub(super) fn has_started(&self) -> io::Result<bool> {
        self.file(STARTED).try_exists()
    }

    /// The recorded end; `None` where there is none, or none that is whole.
    pub(super) fn exit(&self) -> io::Result<Option<ExitRecord>> {
        let Some(bytes) = read_bounded(&self.file(EXIT), MAX_RECORD_BYTES)? else {
            return Ok(None);
        };
        let record = String::from_utf8(bytes).ok().and_then(|text| ExitRecord::open(&text));
        if record.is_none() {
            tracing::warn!(folder = %self.0.display(), "the record of an attempt's end is damaged");
        }
        Ok(record)
    }

    /// What it was told to run; `None` where that cannot be read any more.
    pub(super) fn spec(&self) -> Option<Spec> {
        let bytes = read_bounded(&self.file(SPEC), MAX_RECORD_BYTES).ok()??;
        serde_json::from_slice(&bytes).ok()
    }

    /// The rules for its result, where its kind promised one.
    pub(super) fn result_schema(&self) -> io::Result<Option<Value>> {
        let bytes = read_bounded(&self.file(RESULT_SCHEMA), MAX_RECORD_BYTES)?;
        bytes.map(|bytes| serde_json::from_slice(&bytes).map_err(io::Error::from)).transpose()
    }
}

/// The first `limit` bytes of a file that the command may have put there: a regular one, never a
/// link to elsewhere, never a pipe that would block. `None` where there is no such file.
pub(super) fn read_bounded(path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let Some(file) = open_regular(path)? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// Opens a regular file for reading; `None` where there is nothing.
pub(super) fn open_regular(path: &Path) -> io::Result<Option<File>> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).expect("open flags fit an int");
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if file.metadata()?.is_file() {
        Ok(Some(file))
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"))
    }
}
