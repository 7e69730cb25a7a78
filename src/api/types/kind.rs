//! A kind, declared or remembered.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};

use super::int;
use super::job::Label;
use super::queue::Queue;
use super::scalar::{Json, Long};
use crate::api::context::Parts;
use crate::api::error::Result;
use crate::auth::Caller;
use crate::domain;
use crate::domain::names::{KindName, QueueName};

/// A kind as a client sees it.
pub(crate) enum JobKind {
    /// The configuration has it.
    Declared(Arc<domain::kind::Kind>),
    /// What a job knows of it: all there is where the configuration has it no more, and all that is told
    /// to who may not see the kind itself.
    OfJob { name: KindName, queue: QueueName, max_attempts: u32, declared: bool },
}

impl JobKind {
    /// The kind of a job, for this caller.
    pub(crate) fn of(
        job: &domain::job::Job,
        catalog: &domain::kind::Catalog,
        caller: &Caller,
    ) -> Self {
        match catalog.kinds.get(&job.kind) {
            Some(kind) if caller.sees_kind(&job.kind) => Self::Declared(Arc::clone(kind)),
            kind => Self::OfJob {
                name: job.kind.clone(),
                queue: job.queue.clone(),
                max_attempts: job.max_attempts,
                declared: kind.is_some(),
            },
        }
    }

    fn declaration(&self) -> Option<&domain::kind::Kind> {
        match self {
            Self::Declared(kind) => Some(kind),
            Self::OfJob { .. } => None,
        }
    }

    fn kind_name(&self) -> &KindName {
        match self {
            Self::Declared(kind) => &kind.name,
            Self::OfJob { name, .. } => name,
        }
    }
}

/// A sort of work that the configuration declares.
#[Object]
impl JobKind {
    /// `kind:` and the name.
    pub(crate) async fn id(&self) -> ID {
        ID(format!("kind:{}", self.kind_name()))
    }

    /// As `startJob` takes it.
    async fn name(&self) -> &str {
        self.kind_name().as_str()
    }

    /// A short title for a page.
    async fn title(&self) -> Option<&str> {
        self.declaration()?.title.as_deref()
    }

    /// What it does.
    async fn description(&self) -> Option<&str> {
        self.declaration()?.description.as_deref()
    }

    /// false: no worker declares it any more; only old jobs have it.
    async fn declared(&self) -> bool {
        match self {
            Self::Declared(_) => true,
            Self::OfJob { declared, .. } => *declared,
        }
    }

    /// JSON Schema 2020-12 of `args`; `{}` where the kind is no longer declared, or not to be seen.
    #[expect(clippy::unused_async, reason = "a resolver is async")]
    async fn args_schema(&self, ctx: &Context<'_>) -> Result<Json> {
        let none = serde_json::json!({});
        let source = self.declaration().map_or(&none, |kind| kind.args.source());
        ctx.budget().draw_json(source)?;
        Ok(Json(source.clone()))
    }

    /// JSON Schema of `result`, where one is promised.
    async fn result_schema(&self, ctx: &Context<'_>) -> Option<Json> {
        let source = self.declaration()?.result.as_ref()?.source();
        ctx.nullable(ctx.budget().draw_json(source).map(|()| Some(Json(source.clone()))))
    }

    /// The queue that its jobs go to.
    async fn queue(&self) -> Queue {
        Queue::named(match self {
            Self::Declared(kind) => kind.queue.clone(),
            Self::OfJob { queue, .. } => queue.clone(),
        })
    }

    /// How long an attempt may run; null: for ever.
    async fn timeout_ms(&self) -> Option<Long> {
        Some(Long::of(self.declaration()?.timeout?.as_millis()))
    }

    /// How many attempts failures may cost.
    async fn max_attempts(&self) -> i32 {
        int(match self {
            Self::Declared(kind) => kind.max_attempts(),
            Self::OfJob { max_attempts, .. } => *max_attempts,
        })
    }

    /// The median of its recent runs that ended well; null before the first.
    async fn typical_run_ms(&self, ctx: &Context<'_>) -> Option<Long> {
        if !ctx.access().caller().sees_kind(self.kind_name()) {
            return None;
        }
        let typical = ctx.handle().typical_run(self.kind_name())?;
        Some(Long::of(typical.as_millis()))
    }

    /// May the caller start one?
    async fn viewer_can_start(&self, ctx: &Context<'_>) -> bool {
        self.declaration().is_some()
            && ctx.handle().is_accepting()
            && ctx.access().caller().may_start(self.kind_name())
    }

    /// Its jobs run only on workers that have all of these labels, each with this value.
    async fn worker_labels(&self) -> Vec<Label> {
        self.declaration().map_or_else(Vec::new, |kind| Label::all(&kind.worker_labels))
    }

    /// Live workers that declare it otherwise than the server that is asked, by name: the worker that runs a job decides. Empty for who may not see all.
    async fn differs_on(&self, ctx: &Context<'_>) -> Vec<String> {
        if !ctx.access().caller().sees_all() {
            return Vec::new();
        }
        let names = ctx.handle().differing(self.kind_name());
        names.iter().map(|name| String::from(&**name)).collect()
    }

    /// Never run twice, not even after a crash.
    async fn at_most_once(&self) -> bool {
        self.declaration().is_some_and(|kind| kind.policy.at_most_once)
    }
}
