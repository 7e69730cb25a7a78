//! Who runs jobs: this process, and those that were here before it.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::core::Core;
use super::handle::Handle;
use super::others::Others;
use crate::domain::id::WorkerId;
use crate::domain::job::Job;
use crate::domain::names::KindName;
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
        let members = self.fleet.members();
        if let Some(member) = members.iter().find(|member| member.worker.id == id) {
            return Ok(Some(Arc::new(member.worker.clone())));
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

/// How a worker stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Its lease holds.
    pub is_live: bool,
    /// It takes nothing more.
    pub is_draining: bool,
    /// How many attempts hold a slot of it.
    pub busy: u32,
    /// What it takes.
    pub kinds: Vec<KindName>,
}

/// Why a worker neither drains nor goes on.
#[derive(Debug, thiserror::Error)]
pub enum DrainError {
    /// No live worker has the id.
    #[error("no live worker has the id `worker:{0}`")]
    NotFound(WorkerId),
    /// The store is in the way.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Handle {
    /// How a worker stands, as far as this one knows; one that is gone stands nowhere.
    pub fn standing(&self, id: WorkerId) -> Standing {
        let core = &self.core;
        if id == core.me.id {
            return Standing {
                is_live: true,
                is_draining: core.fleet.is_draining() || !self.is_accepting(),
                busy: core.worker.usage().1,
                kinds: core.fleet.takes().to_vec(),
            };
        }
        let members = core.fleet.members();
        let Some(member) = members.iter().find(|member| member.worker.id == id) else {
            return Standing::default();
        };
        let busy = core.board.others().as_ref().map(Others::busy).unwrap_or_default();
        Standing {
            is_live: member.is_live,
            is_draining: member.is_draining,
            busy: busy.get(&id).copied().unwrap_or_default(),
            kinds: member.kinds.clone(),
        }
    }

    /// The live workers that declare a kind otherwise than this one, by name: who runs a job decides.
    pub fn differing(&self, kind: &KindName) -> Vec<Arc<str>> {
        self.core.fleet.differing(self.core.me.id, kind)
    }

    /// A job with an open attempt holds a slot of this worker. What an earlier start of this process left
    /// holds one of it.
    pub fn holds(&self, id: WorkerId, job: &Job) -> bool {
        if id == self.core.me.id {
            return self.core.board.others().as_ref().is_none_or(|others| !others.has(job));
        }
        job.worker.as_ref().is_some_and(|worker| worker.id == id)
    }

    /// Has a worker take nothing more, or go on; the flag tells whether that is new. Once this returns for
    /// this worker, nothing more of it starts; another one hears of it in a moment, and is given nothing
    /// from now on.
    pub async fn drain_worker(&self, id: WorkerId, drain: bool) -> Result<bool, DrainError> {
        let core = &self.core;
        let changed = match core.store.fleet() {
            Some(fleet) => fleet.drain(id, drain).await?.ok_or(DrainError::NotFound(id))?,
            None if id == core.me.id => core.fleet.drain(drain),
            None => return Err(DrainError::NotFound(id)),
        };
        if let Some(fleet) = core.store.fleet() {
            core.meet(fleet).await?;
        }
        if id == core.me.id {
            core.fleet.drain(drain);
            core.workers_changed();
            core.barrier().await;
        }
        Ok(changed)
    }
}
