//! Opens the object store that a configuration names.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{BackoffConfig, ObjectStore, RetryConfig};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use super::http::{Connector, TlsError};
use super::meter::Meter;
use super::{Objects, READS, SWEEPS, WRITES, short};
use crate::domain::object_store::{self as settings, Place};

const REGION: &str = "us-east-1";

/// Why it cannot be used, whatever it answers.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder is not there, or none.
    #[error(
        "`url` in [object_store]: the folder `{folder}` cannot be used: {why}: make it, for all servers the same and readable by no other user"
    )]
    Folder {
        /// Which.
        folder: String,
        /// What is wrong.
        why: String,
    },
    /// What the file and the environment say does not fit together.
    #[error(
        "[object_store]: what the environment says by AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and other variables of AWS cannot be used: {0}"
    )]
    Environment(String),
    /// What this machine trusts cannot be read.
    #[error("[object_store]: {0}")]
    Tls(#[from] TlsError),
}

impl Objects {
    /// The objects of the database that calls itself so. Asks the store nothing.
    pub fn open(settings: &settings::ObjectStore, database: &str) -> Result<Self, OpenError> {
        let shown = settings.place.to_string();
        let (store, prefix): (Arc<dyn ObjectStore>, &str) = match &settings.place {
            Place::Folder(folder) => (Arc::new(open_folder(folder)?), ""),
            Place::Bucket { name, prefix } => (open_bucket(settings, name)?, prefix.as_str()),
        };
        Ok(Self {
            store,
            base: Path::from(prefix).join(database),
            shown: shown.into(),
            is_folder: matches!(settings.place, Place::Folder(_)),
            writes: Arc::new(Semaphore::new(WRITES)),
            reads: Arc::new(Semaphore::new(READS)),
            sweeps: Arc::new(Semaphore::new(SWEEPS)),
            tasks: TaskTracker::new(),
            meter: Meter::default(),
        })
    }
}

fn open_folder(folder: &std::path::Path) -> Result<LocalFileSystem, OpenError> {
    let cannot = |why: String| OpenError::Folder { folder: folder.display().to_string(), why };
    match std::fs::metadata(folder) {
        Ok(about) if about.is_dir() => {}
        Ok(_) => return Err(cannot("it is no folder".to_owned())),
        Err(error) => return Err(cannot(error.to_string())),
    }
    let store = LocalFileSystem::new_with_prefix(folder).map_err(|e| cannot(e.to_string()))?;
    Ok(store.with_automatic_cleanup(true))
}

fn open_bucket(
    settings: &settings::ObjectStore,
    bucket: &str,
) -> Result<Arc<dyn ObjectStore>, OpenError> {
    let mut builder = AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .with_http_connector(Connector::new()?)
        .with_retry(RetryConfig {
            backoff: BackoffConfig {
                init_backoff: Duration::from_millis(100),
                max_backoff: Duration::from_secs(1),
                base: 2.,
            },
            // Whoever asks tries again, in its own time.
            max_retries: 2,
            retry_timeout: Duration::from_secs(4),
        });
    if let Some(endpoint) = &settings.endpoint {
        // Whoever writes `http:` means it.
        let is_open = endpoint.starts_with("http:");
        builder = builder.with_endpoint(endpoint).with_allow_http(is_open);
    }
    if let Some(region) = &settings.region {
        builder = builder.with_region(region);
    } else if builder.get_config_value(&AmazonS3ConfigKey::Region).is_none() {
        builder = builder.with_region(REGION);
    }
    let store = builder.build().map_err(|e| OpenError::Environment(short(&e.to_string())))?;
    Ok(Arc::new(store))
}
