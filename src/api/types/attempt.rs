//! One try to run a job, and what running cost.

use async_graphql::{Context, Object, SimpleObject};

use super::enums::EndReason;
use super::int;
use super::scalar::{DateTime, Long};
use super::worker::Worker;
use crate::api::context::Parts;
use crate::api::refusal;
use crate::domain;
use crate::domain::attempt::signal_name;

/// How every attempt of this version is held together.
const SUPERVISION: &str = "SUBREAPER";

/// An attempt as the store gave it.
pub(crate) struct Attempt(pub(crate) domain::attempt::Attempt);

/// One try to run a job.
#[Object]
impl Attempt {
    /// From 1.
    async fn number(&self) -> i32 {
        int(self.0.number)
    }

    /// When it was claimed; never falls along its queue.
    async fn started_at(&self) -> DateTime {
        DateTime(self.0.started_at)
    }

    /// When it ended; null while it runs.
    async fn ended_at(&self) -> Option<DateTime> {
        self.0.ended_at.map(DateTime)
    }

    /// How it ended; null while it runs.
    async fn reason(&self) -> Option<EndReason> {
        self.0.reason.map(Into::into)
    }

    /// The same, as one sentence for a person.
    async fn reason_text(&self) -> Option<&str> {
        self.0.reason_text.as_deref()
    }

    /// What the kernel said.
    async fn exit_code(&self) -> Option<i32> {
        self.0.exit_code
    }

    /// What the kernel said, like SIGKILL.
    async fn signal(&self) -> Option<String> {
        self.0.signal.map(signal_name)
    }

    /// Where it ran.
    async fn worker(&self, ctx: &Context<'_>) -> Option<Worker> {
        if !ctx.access().caller().sees_all() {
            return None;
        }
        let worker = ctx.handle().worker(self.0.worker?).await.map_err(refusal::store);
        ctx.nullable(worker.map(|worker| worker.map(Worker)))
    }

    /// What it used; null while it runs.
    async fn usage(&self) -> Option<Usage> {
        self.0.usage.map(Usage::from)
    }

    /// How its processes were held together: `PROCESS_GROUP`, `SUBREAPER`, `CGROUP`, `PID_NAMESPACE`; null where it had none. May grow.
    async fn supervision(&self) -> Option<&'static str> {
        self.0.spawned.then_some(SUPERVISION)
    }
}

/// What running cost.
#[derive(SimpleObject, Debug, Clone)]
pub(crate) struct Usage {
    /// Processor time of all its processes.
    cpu_ms: Long,
    /// The most memory at one moment; null where it could not be measured.
    peak_memory_bytes: Option<Long>,
    /// Bytes printed, those cut included.
    log_bytes: Long,
}

impl From<domain::attempt::Usage> for Usage {
    fn from(usage: domain::attempt::Usage) -> Self {
        Self {
            cpu_ms: Long::of(usage.cpu_ms),
            peak_memory_bytes: usage.peak_memory_bytes.map(Long::of),
            log_bytes: Long::of(usage.log_bytes),
        }
    }
}
