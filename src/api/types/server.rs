//! The server itself.

use async_graphql::{Context, Object, SimpleObject};

use super::int;
use super::scalar::{DateTime, Long};
use crate::api::context::Parts;

/// This process; everything comes from the context.
pub(crate) struct ServerInfo;

/// This server.
#[Object]
impl ServerInfo {
    /// Of the binary.
    async fn version(&self, ctx: &Context<'_>) -> String {
        ctx.facts().version.clone()
    }

    /// When the process began.
    async fn started_at(&self, ctx: &Context<'_>) -> DateTime {
        DateTime(ctx.facts().started_at)
    }

    /// Its clock; compare with yours.
    async fn now(&self, ctx: &Context<'_>) -> DateTime {
        DateTime(ctx.clock().now())
    }

    /// Takes new jobs.
    async fn accepting(&self, ctx: &Context<'_>) -> bool {
        ctx.handle().is_accepting()
    }

    /// sqlite or postgres.
    async fn store(&self, ctx: &Context<'_>) -> &'static str {
        ctx.facts().store
    }

    /// SHA-256 of the SDL that it serves.
    async fn schema_hash(&self, ctx: &Context<'_>) -> String {
        ctx.facts().schema_hash.clone()
    }

    /// What it refuses beyond.
    async fn limits(&self, ctx: &Context<'_>) -> ServerLimits {
        let limits = ctx.handle().limits();
        ServerLimits {
            page_size: int(limits.page_size),
            args_bytes: Long::of(limits.args_bytes),
            result_bytes: Long::of(limits.result_bytes),
            wait_ms: int(limits.wait_ms),
        }
    }
}

/// Limits that a client can run into.
#[derive(SimpleObject, Debug, Clone)]
pub(crate) struct ServerLimits {
    /// The most a page of jobs holds.
    page_size: i32,
    /// The most that `args` may be, as JSON text.
    args_bytes: Long,
    /// The most that a result may be.
    result_bytes: Long,
    /// The longest `waitJob` waits.
    wait_ms: i32,
}
