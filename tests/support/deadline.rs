//! The one clock that a test may look at: a deadline that no passing run comes near.

use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

/// Far beyond what any step takes; reached only when something never comes.
const DEADLINE: Duration = Duration::from_secs(60);

/// Waits for `event`, or fails with what was seen so far.
pub(crate) async fn within<T>(
    what: &str,
    seen: &(dyn Debug + Sync),
    event: impl Future<Output = T>,
) -> T {
    let Ok(value) = tokio::time::timeout(DEADLINE, event).await else {
        panic!("{what} did not come within {DEADLINE:?}; seen so far: {seen:#?}");
    };
    value
}
