//! How a backend tells whether it does its work, and says so once in the log.

use std::fmt::Display;

use tokio::sync::watch;

use super::Health;

/// It takes writes again, where it refused them.
pub(super) fn serve(health: &watch::Sender<Health>) {
    let changed = health.send_if_modified(|health| {
        let refused = matches!(health, Health::Refusing(_));
        if refused {
            *health = Health::Serving;
        }
        refused
    });
    if changed {
        tracing::info!("the store takes writes again");
    }
}

/// It takes none for now; `until` says when it will.
pub(super) fn refuse(health: &watch::Sender<Health>, failure: &impl Display, until: &str) {
    let changed = health.send_if_modified(|health| {
        let served = matches!(health, Health::Serving);
        if served {
            *health = Health::Refusing(failure.to_string());
        }
        served
    });
    if changed {
        tracing::error!(error = %failure, "the store refuses writes until {until}");
    }
}

/// It takes none any more (P13).
pub(super) fn stop(health: &watch::Sender<Health>, failure: &impl Display) {
    tracing::error!(
        error = %failure,
        "the store cannot tell what is durable: it writes nothing more, and the server must start again"
    );
    health.send_replace(Health::Broken(failure.to_string()));
}
