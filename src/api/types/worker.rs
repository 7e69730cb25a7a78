//! A Longhaul process that runs jobs: this one, another one that shares its database, or one that is gone.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};

use super::int;
use super::job::{Job, Label};
use super::kind::JobKind;
use super::scalar::DateTime;
use crate::api::context::Parts;
use crate::api::error::Result;
use crate::domain;
use crate::scheduler::Standing;

/// A worker as it was kept. What is volatile about it is asked of the scheduler.
pub(crate) struct Worker(pub(crate) Arc<domain::worker::Worker>);

impl Worker {
    fn standing(&self, ctx: &Context<'_>) -> Standing {
        ctx.handle().standing(self.0.id)
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
        let is_me = ctx.handle().me().id == self.0.id;
        DateTime(if is_me { ctx.clock().now() } else { self.0.last_seen_at })
    }

    /// Its lease holds.
    async fn live(&self, ctx: &Context<'_>) -> bool {
        self.standing(ctx).is_live
    }

    /// It takes nothing more.
    async fn draining(&self, ctx: &Context<'_>) -> bool {
        self.standing(ctx).is_draining
    }

    /// How many jobs it may run at once.
    async fn slots(&self) -> i32 {
        int(self.0.slots)
    }

    /// How many it runs.
    async fn busy(&self, ctx: &Context<'_>) -> i32 {
        int(self.standing(ctx).busy)
    }

    /// What kinds may ask for by their `workerLabels`.
    async fn labels(&self) -> Vec<Label> {
        Label::all(&self.0.labels)
    }

    /// The kinds it takes, as far as this server declares them and the caller may see them.
    async fn kinds(&self, ctx: &Context<'_>) -> Vec<JobKind> {
        let (caller, catalog) = (ctx.access().caller(), ctx.handle().catalog());
        let kinds = self.standing(ctx).kinds;
        let seen = kinds.iter().filter(|kind| caller.sees_kind(kind));
        seen.filter_map(|kind| catalog.kinds.get(kind)).cloned().map(JobKind::Declared).collect()
    }

    /// May the caller drain it and have it go on?
    async fn viewer_can_manage(&self, ctx: &Context<'_>) -> bool {
        self.standing(ctx).is_live && ctx.access().caller().is_admin()
    }

    /// What it runs, at most `slots`, as far as the caller may see it.
    async fn running(&self, ctx: &Context<'_>) -> Result<Vec<Job>> {
        if !self.standing(ctx).is_live {
            return Ok(Vec::new());
        }
        // Attempts of a former worker that are still there hold slots of this one.
        let open = ctx.access().open_jobs().await?;
        let held = open.into_iter().filter(|job| ctx.handle().holds(self.0.id, job));
        Ok(held.map(Job::new).collect())
    }
}
