//! A Longhaul process that runs jobs: this one, or one that was here before.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};

use super::int;
use super::job::Job;
use super::kind::JobKind;
use super::scalar::DateTime;
use crate::api::context::Parts;
use crate::api::error::Result;
use crate::domain;

/// A worker as it was kept. What is volatile about it is asked of the scheduler, which knows only
/// its own: every other one of this store is gone.
pub(crate) struct Worker(pub(crate) Arc<domain::worker::Worker>);

impl Worker {
    fn is_live(&self, ctx: &Context<'_>) -> bool {
        ctx.handle().me().id == self.0.id
    }
}

/// A Longhaul process that runs jobs.
#[Object]
impl Worker {
    /// `worker:` and a UUID; new at every start of the process.
    pub(crate) async fn id(&self) -> ID {
        ID(format!("worker:{}", self.0.id))
    }

    /// Its name in the configuration, by default the host's.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Of its binary.
    async fn version(&self) -> &str {
        &self.0.version
    }

    /// When the process began.
    async fn started_at(&self) -> DateTime {
        DateTime(self.0.started_at)
    }

    /// When it last renewed its lease.
    async fn last_seen_at(&self, ctx: &Context<'_>) -> DateTime {
        // The one that answers is there.
        DateTime(if self.is_live(ctx) { ctx.clock().now() } else { self.0.last_seen_at })
    }

    /// Its lease holds.
    async fn live(&self, ctx: &Context<'_>) -> bool {
        self.is_live(ctx)
    }

    /// It takes nothing more.
    async fn draining(&self, ctx: &Context<'_>) -> bool {
        self.is_live(ctx) && !ctx.handle().is_accepting()
    }

    /// How many jobs it may run at once.
    async fn slots(&self) -> i32 {
        int(self.0.slots)
    }

    /// How many it runs.
    async fn busy(&self, ctx: &Context<'_>) -> i32 {
        if self.is_live(ctx) { int(ctx.handle().worker_slots().1) } else { 0 }
    }

    /// The kinds it takes, as far as the caller may see them.
    async fn kinds(&self, ctx: &Context<'_>) -> Vec<JobKind> {
        let caller = ctx.access().caller();
        let kinds = ctx.handle().catalog().kinds.values();
        let seen = kinds.filter(|kind| caller.sees_kind(&kind.name));
        let declared = || seen.cloned().map(JobKind::Declared).collect();
        if self.is_live(ctx) { declared() } else { Vec::new() }
    }

    /// What it runs, at most `slots`, as far as the caller may see it.
    async fn running(&self, ctx: &Context<'_>) -> Result<Vec<Job>> {
        if !self.is_live(ctx) {
            return Ok(Vec::new());
        }
        // Attempts of a former worker that are still there hold slots of this one.
        Ok(ctx.access().open_jobs().await?.into_iter().map(Job::new).collect())
    }
}
