//! `longhaul healthcheck`: whether the server is ready, for a container and a service manager.

use serde_json::json;

use super::exit::{DONE, Failure, TRY_AGAIN};
use super::{Context, output};

/// Asks `/readyz`.
pub(super) async fn run(context: &Context) -> Result<u8, Failure> {
    let (ready, told) = context.client.readiness().await?;
    let told = told.trim();
    if context.json {
        output::document(&json!({"ready": ready, "message": told}))?;
    }
    if !ready {
        return Err(Failure::new(TRY_AGAIN, format!("the server is not ready: {told}")));
    }
    if !context.json {
        output::line("ready")?;
    }
    Ok(DONE)
}
