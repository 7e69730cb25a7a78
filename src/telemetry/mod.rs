//! What the process says of itself: log lines on standard error, text for a person at a terminal
//! and JSON for a machine; and numbers for whoever scrapes them.

mod families;
pub(crate) mod metrics;

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// The variable that chooses what is logged, in the syntax of `tracing_subscriber::EnvFilter`.
pub const LOG_VARIABLE: &str = "LONGHAUL_LOG";

/// Begins to log. `info` and above unless [`LOG_VARIABLE`] says otherwise; what it cannot say is warned of. A second call in one
/// process does nothing.
pub fn init() {
    let given = std::env::var(LOG_VARIABLE).unwrap_or_default();
    let parsed = Some(&given).filter(|given| !given.trim().is_empty()).map(EnvFilter::try_new);
    let (filter, error) = match parsed {
        Some(Ok(filter)) => (filter, None),
        Some(Err(error)) => (EnvFilter::new("info"), Some(error)),
        None => (EnvFilter::new("info"), None),
    };
    let registry = tracing_subscriber::registry().with(filter);
    let format = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    // An error here means that a subscriber is there already.
    let _ = if std::io::stderr().is_terminal() {
        registry.with(format.with_ansi(std::env::var_os("NO_COLOR").is_none())).try_init()
    } else {
        registry.with(format.json().flatten_event(true).with_current_span(false)).try_init()
    };
    if let Some(error) = error {
        tracing::warn!(
            %error,
            "`{given}` of {LOG_VARIABLE} says nothing that can be logged by, and `info` is: expected error, warn, info, debug or trace, or some like `longhaul::store=debug`"
        );
    }
}
