//! The server's side of an attempt's folder: makes it, takes its lock, reads what the shim left.

use std::fs::{DirBuilder, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde_json::Value;

use crate::domain::id::JobId;
use crate::shim::protocol::{
    ARGS, ENVIRONMENT, EXIT, ExitRecord, LOCK, SHIM_ERR, SPEC, STARTED, Spec, VOID, files,
};

/// The rules for the result, as the kind declared them at the claim. The server's own: the shim
/// does not know it.
pub(super) const RESULT_SCHEMA: &str = "result-schema.json";

/// More than any record or specification of ours has.
const MAX_RECORD_BYTES: u64 = 4 * 1024 * 1024;

/// So much of what a supervisor complained of is told.
const MAX_COMPLAINT_BYTES: u64 = 512;

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
        let write = |name, text: Vec<u8>| files::create(&self.file(name))?.write_all(&text);
        write(ARGS, serde_json::to_vec(args)?)?;
        if let Some(schema) = result_schema {
            write(RESULT_SCHEMA, serde_json::to_vec(schema)?)?;
        }
        write(SPEC, serde_json::to_vec(spec)?)
    }

    /// Writes the command's environment, whole or not at all.
    pub(super) fn write_environment(&self, bytes: &[u8]) -> io::Result<()> {
        let written = files::create(&self.file(ENVIRONMENT))?.write_all(bytes);
        if written.is_err() {
            self.empty_environment();
        }
        written
    }

    /// Empties the command's environment, which no shim may have taken: it may hold secrets.
    pub(super) fn empty_environment(&self) {
        if let Err(error) = files::empty(&self.file(ENVIRONMENT)) {
            tracing::debug!(%error, folder = %self.0.display(), "`{ENVIRONMENT}` stays");
        }
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
        files::open_to_write(&self.file(LOCK))
    }

    /// Bars the attempt from ever starting. Only under the lock.
    pub(super) fn void(&self) -> io::Result<()> {
        files::open_to_write(&self.file(VOID)).map(drop)
    }

    pub(super) fn exists(&self) -> io::Result<bool> {
        files::exists(&self.0)
    }

    /// The command was about to be started, or more.
    pub(super) fn has_started(&self) -> io::Result<bool> {
        files::exists(&self.file(STARTED))
    }

    /// The recorded end; `None` where there is none. One that is not whole is an error.
    pub(super) fn exit(&self) -> io::Result<Option<ExitRecord>> {
        let Some(bytes) = files::read(&self.file(EXIT), MAX_RECORD_BYTES)? else {
            return Ok(None);
        };
        let record = String::from_utf8(bytes).ok().and_then(|text| ExitRecord::open(&text));
        let damaged = || io::Error::new(ErrorKind::InvalidData, "it is no whole record of an end");
        record.map(Some).ok_or_else(damaged)
    }

    /// What it was told to run; `None` where that cannot be read any more.
    pub(super) fn spec(&self) -> Option<Spec> {
        let bytes = files::read(&self.file(SPEC), MAX_RECORD_BYTES).ok()??;
        serde_json::from_slice(&bytes).ok()
    }

    /// The first words that stand in `shim.err`, without what would not be words in a log; `None`
    /// where there are none, or none to be read.
    pub(super) fn complaint(&self) -> Option<String> {
        let bytes = files::read(&self.file(SHIM_ERR), MAX_COMPLAINT_BYTES).ok()??;
        let text = String::from_utf8_lossy(&bytes);
        let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
        let line = line.trim_end_matches(['.', char::REPLACEMENT_CHARACTER]);
        Some(line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect())
    }

    /// The rules for its result, where its kind promised one.
    pub(super) fn result_schema(&self) -> io::Result<Option<Value>> {
        let bytes = files::read(&self.file(RESULT_SCHEMA), MAX_RECORD_BYTES)?;
        let parse = |bytes: Vec<u8>| serde_json::from_slice(&bytes);
        bytes.map(parse).transpose().map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
    }
}
