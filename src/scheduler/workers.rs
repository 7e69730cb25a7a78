//! Who runs jobs: this process, and those that were here before it.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::core::Core;
use crate::domain::id::WorkerId;
use crate::domain::worker::Worker;
use crate::store::StoreError;

/// How many former workers are remembered. A page of jobs names few.
const REMEMBERED: usize = 1_000;

/// Workers that are gone, as far as somebody asked for them: they never change again.
#[derive(Default)]
pub(super) struct Former(Mutex<HashMap<WorkerId, Arc<Worker>>>);

impl Core {
    /// A worker that ever worked on this store. However many jobs of a page name it, the store is
    /// asked once.
    pub(super) async fn worker(&self, id: WorkerId) -> Result<Option<Arc<Worker>>, StoreError> {
        if id == self.me.id {
            return Ok(Some(Arc::clone(&self.me)));
        }
        let mut former = self.former.0.lock().await;
        if let Some(known) = former.get(&id) {
            return Ok(Some(Arc::clone(known)));
        }
        let Some(worker) = self.store.worker(id).await?.map(Arc::new) else { return Ok(None) };
        if former.len() >= REMEMBERED {
            former.clear();
        }
        former.insert(id, Arc::clone(&worker));
        Ok(Some(worker))
    }
}
