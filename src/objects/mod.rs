//! The object store: long logs beside a database that several servers share, in a folder or in a bucket of
//! S3.
//!
//! # Layout
//!
//! ```text
//! {prefix}/{database}/{last digit of the job's id}/{job}/{attempt}-{fence}/{start}-{until}-{hash}
//! ```
//!
//! `database` is what the database calls itself, so that several may share a bucket. The claim's fence is in
//! the key, and a hash of what the object holds: nobody overwrites what another one wrote (P4), and what was
//! written twice is the same.
//!
//! # Invariants
//!
//! - Nobody waits longer than a question's time, whatever the store does (P12).
//! - So many questions are under way at once, those included that nobody waits for any more: a folder of a
//!   network that hangs takes so many threads, and no more.
//! - No object of another length or another hash is taken for the one that was written.

mod error;
mod http;
pub mod meter;
mod open;

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use crate::domain::id::{Fence, JobId};
pub use error::ObjectError;
use error::short;
use meter::Meter;
pub use open::OpenError;

/// How long one object may take to be written, or read.
const OBJECT_WITHIN: Duration = Duration::from_secs(10);
/// How long a list may take, or a removal.
const MANY_WITHIN: Duration = Duration::from_secs(60);
/// So many objects are written at once.
const WRITES: usize = 4;
/// So many are read.
const READS: usize = 8;
/// So many lists and removals are under way.
const SWEEPS: usize = 2;
/// A probe has one of so many names.
const PROBES: u8 = 16;
/// What a probe says.
const PROBE: &[u8] = b"written by Longhaul to see whether it can be\n";

/// The last digits of ids: the jobs are listed in so many parts.
pub const SHARDS: &[u8; 16] = b"0123456789abcdef";

/// The name of an object of a job.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Name(String);

impl Name {
    /// That of these bytes, which are `start..until` of what the attempt printed under the claim.
    pub fn new(attempt: u32, fence: Fence, (start, until): (u64, u64), bytes: &[u8]) -> Self {
        let hash = hash(bytes);
        Self(format!("{attempt}-{fence}/{start:012x}-{until:012x}-{hash}"))
    }

    /// One that was written down.
    pub fn from_stored(name: String) -> Self {
        Self(name)
    }

    /// To write it down.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn fits(&self, bytes: &[u8]) -> bool {
        self.0.rsplit('-').next().is_some_and(|told| told == hash(bytes))
    }
}

fn hash(bytes: &[u8]) -> String {
    hex::encode(&Sha256::digest(bytes)[..16])
}

/// The objects of one database.
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    /// What all keys begin with.
    base: Path,
    /// How it is configured.
    shown: Arc<str>,
    /// What it does not answer, a thread waits for.
    is_folder: bool,
    writes: Arc<Semaphore>,
    reads: Arc<Semaphore>,
    sweeps: Arc<Semaphore>,
    tasks: TaskTracker,
    meter: Meter,
}

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Objects({})", self.shown)
    }
}

impl Objects {
    /// What it was asked.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// How it is configured.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Writes an object. Again, it is the same.
    pub async fn put(&self, job: JobId, name: &Name, bytes: Vec<u8>) -> Result<(), ObjectError> {
        let (store, path, length) = (Arc::clone(&self.store), self.path(job, name), bytes.len());
        let work = async move { store.put(&path, PutPayload::from(bytes)).await.map(drop) };
        let written = self.ask(&self.writes, OBJECT_WITHIN, work).await;
        match &written {
            Ok(()) => {
                self.meter.written.add(1);
                self.meter.written_bytes.add(length as u64);
            }
            Err(_) => self.meter.write_errors.add(1),
        }
        // No object is missing where one is to be made: it is the bucket.
        written.map_err(|error| self.without_bucket(error))
    }

    /// Reads an object that has so many bytes.
    pub async fn get(
        &self,
        job: JobId,
        name: &Name,
        length: usize,
    ) -> Result<Vec<u8>, ObjectError> {
        let (store, path) = (Arc::clone(&self.store), self.path(job, name));
        let work = async move { read(store.as_ref(), &path, length).await };
        let bytes = self.ask(&self.reads, OBJECT_WITHIN, work).await.and_then(|bytes| {
            let damaged = || ObjectError::Damaged { store: Arc::clone(&self.shown) };
            bytes.filter(|bytes| name.fits(bytes)).ok_or_else(damaged)
        });
        match &bytes {
            Ok(_) => self.meter.read.add(1),
            Err(_) => self.meter.read_errors.add(1),
        }
        bytes
    }

    /// Removes objects of a job. Those that are not there are removed.
    pub async fn remove(&self, job: JobId, names: &[Name]) -> Result<(), ObjectError> {
        let paths: Vec<Path> = names.iter().map(|name| self.path(job, name)).collect();
        let paths = futures::stream::iter(paths).map(Ok).boxed();
        let removed = remove(Arc::clone(&self.store), paths);
        self.told(self.ask(&self.sweeps, MANY_WITHIN, removed).await)
    }

    /// Removes all objects of a job.
    pub async fn remove_job(&self, job: JobId) -> Result<(), ObjectError> {
        let found = self.store.list(Some(&self.folder(job)));
        let paths = found.map_ok(|object| object.location).boxed();
        let removed = remove(Arc::clone(&self.store), paths);
        self.told(self.ask(&self.sweeps, MANY_WITHIN, removed).await)
    }

    /// The jobs that have objects and whose ids end with this digit, one of [`SHARDS`].
    pub async fn jobs(&self, shard: u8) -> Result<Vec<JobId>, ObjectError> {
        let (store, shard) = (Arc::clone(&self.store), self.shard(char::from(shard)));
        let work = async move { store.list_with_delimiter(Some(&shard)).await };
        let found = self.ask(&self.sweeps, MANY_WITHIN, work).await?;
        let job = |path: &Path| path.filename().and_then(|name| name.parse().ok());
        Ok(found.common_prefixes.iter().filter_map(job).collect())
    }

    /// Whether objects can be written, read, listed and removed: one of its own is.
    pub async fn check(&self) -> Result<(), ObjectError> {
        let place = self.base.clone().join("check");
        let path = place.clone().join(format!("{:x}", rand::random_range(0..PROBES)));
        let (store, probe) = (Arc::clone(&self.store), PutPayload::from_static(PROBE));
        let (at, to) = (path.clone(), store.clone());
        let write = async move { to.put(&at, probe).await.map(drop) };
        let written = self.ask(&self.writes, OBJECT_WITHIN, write).await;
        written.map_err(|error| {
            error::at("an object cannot be written", self.without_bucket(error))
        })?;
        let (at, from) = (path.clone(), store.clone());
        let read = async move { read(from.as_ref(), &at, PROBE.len()).await };
        let found = self.ask(&self.reads, OBJECT_WITHIN, read).await;
        match found.map_err(|error| error::at("an object cannot be read", error))? {
            Some(bytes) if bytes == PROBE => {}
            Some(_) | None => {
                return Err(ObjectError::Damaged { store: Arc::clone(&self.shown) });
            }
        }
        let list = async move { store.list_with_delimiter(Some(&place)).await.map(drop) };
        let listed = self.ask(&self.sweeps, OBJECT_WITHIN, list).await;
        listed.map_err(|error| error::at("objects cannot be listed", error))?;
        let removed = remove(Arc::clone(&self.store), futures::stream::iter([Ok(path)]).boxed());
        let removed = self.ask(&self.sweeps, OBJECT_WITHIN, removed).await;
        removed.map(drop).map_err(|error| error::at("an object cannot be removed", error))
    }

    fn shard(&self, digit: char) -> Path {
        self.base.clone().join(digit.to_string())
    }

    fn folder(&self, job: JobId) -> Path {
        let job = job.to_string();
        self.shard(job.chars().next_back().unwrap_or('0')).join(job)
    }

    fn path(&self, job: JobId, name: &Name) -> Path {
        name.as_str().split('/').fold(self.folder(job), Path::join)
    }

    /// What the store answers, within its time. What is under way goes on where nobody waits any more.
    async fn ask<T: Send + 'static>(
        &self,
        gate: &Arc<Semaphore>,
        within: Duration,
        work: impl Future<Output = Result<T, object_store::Error>> + Send + 'static,
    ) -> Result<T, ObjectError> {
        let late = |_| self.away(format!("nothing came within {} s", within.as_secs()));
        let limit = if self.is_folder { Duration::MAX } else { within };
        let asked = async {
            // It is never closed.
            let permit = Arc::clone(gate).acquire_owned().await.map_err(|e| self.away(e))?;
            let task = self.tasks.spawn(async move {
                let _permit = permit;
                timeout(limit, work).await
            });
            task.await.map_err(|error| self.away(error))
        };
        let answer = timeout(within, asked).await.map_err(late)??.map_err(late)?;
        answer.map_err(|error| error::of(&self.shown, &error))
    }

    fn told(&self, removed: Result<u64, ObjectError>) -> Result<(), ObjectError> {
        match removed {
            Ok(count) => {
                self.meter.removed.add(count);
                Ok(())
            }
            Err(error) => {
                self.meter.remove_errors.add(1);
                Err(error)
            }
        }
    }

    fn away(&self, why: impl fmt::Display) -> ObjectError {
        ObjectError::Away { store: Arc::clone(&self.shown), why: short(&why.to_string()) }
    }

    fn without_bucket(&self, error: ObjectError) -> ObjectError {
        if matches!(error, ObjectError::Missing { .. }) {
            return error::no_bucket(&self.shown);
        }
        error
    }
}

/// `None`: it has another length.
async fn read(
    store: &dyn ObjectStore,
    path: &Path,
    length: usize,
) -> Result<Option<Vec<u8>>, object_store::Error> {
    let found = store.get(path).await?;
    if found.meta.size != length as u64 {
        return Ok(None);
    }
    let (mut bytes, mut pieces) = (Vec::with_capacity(length), found.into_stream());
    while let Some(piece) = pieces.try_next().await? {
        if bytes.len() + piece.len() > length {
            return Ok(None);
        }
        bytes.extend_from_slice(&piece);
    }
    Ok((bytes.len() == length).then_some(bytes))
}

/// How many there were.
async fn remove(
    store: Arc<dyn ObjectStore>,
    paths: futures::stream::BoxStream<'static, Result<Path, object_store::Error>>,
) -> Result<u64, object_store::Error> {
    let mut removed = 0;
    let mut answers = pin!(store.delete_stream(paths));
    while let Some(answer) = answers.next().await {
        match answer {
            Ok(_) => removed += 1,
            Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(removed)
}
