//! The object store of the configuration: opened, and tried once.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::StartError;
use crate::domain::object_store::ObjectStore;
use crate::objects::{ObjectError, Objects, OpenError};
use crate::store::{Store, StoreError};

/// How long a start may wait for it.
const TRIED_WITHIN: Duration = Duration::from_secs(5);
/// Where `doctor` tries it: it knows no database.
const OF_DOCTOR: &str = "doctor";

/// Why it is of no use.
#[derive(Debug, thiserror::Error)]
pub enum ObjectsTrouble {
    /// What the configuration and the environment say cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It refuses, or cannot be reached.
    #[error(transparent)]
    Asked(#[from] ObjectError),
}

/// Opens it where several servers share the store. One that refuses ends the start: somebody has to change
/// something. One that is away keeps nobody from running jobs.
pub(super) async fn open(
    settings: Option<&ObjectStore>,
    store: &dyn Store,
    failed: impl Fn(StoreError) -> StartError,
) -> Result<Option<Arc<Objects>>, StartError> {
    let (Some(settings), Some(fleet)) = (settings, store.fleet()) else { return Ok(None) };
    let database = fleet.objects_name().await.map_err(failed)?;
    let refused = |why: ObjectsTrouble| StartError::Objects(why);
    let objects = Objects::open(settings, &database).map_err(|error| refused(error.into()))?;
    match timeout(TRIED_WITHIN, objects.check()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) if !error.is_away() => return Err(refused(error.into())),
        Ok(Err(error)) => {
            tracing::warn!(%error, "long logs are with their workers only until it is back");
        }
        Err(_) => tracing::warn!(
            "the object store {} does not answer: long logs are with their workers only until it does",
            objects.shown()
        ),
    }
    Ok(Some(Arc::new(objects)))
}

/// Writes, reads, lists and removes an object there.
pub async fn try_objects(settings: &ObjectStore) -> Result<(), ObjectsTrouble> {
    Ok(Objects::open(settings, OF_DOCTOR)?.check().await?)
}
