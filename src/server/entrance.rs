//! Where a server is reached: its port, where it has one, and what it answers there.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{StartError, patience};
use crate::api;
use crate::config::{self, Door};
use crate::domain::limits::Limits;

/// A port that is bound and answers nobody yet.
pub(super) struct Entrance {
    listener: TcpListener,
    pub(super) address: SocketAddr,
    door: Door,
}

impl Entrance {
    /// Binds the port; `None` where none is to be opened.
    pub(super) async fn bind(server: &config::Server) -> Result<Option<Self>, StartError> {
        if server.door == Door::Shut {
            return Ok(None);
        }
        let address = server.listen;
        let listen = |source| StartError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        Ok(Some(Self { listener, address, door: server.door }))
    }

    /// It serves the API, and not probes and metrics alone.
    pub(super) fn has_api(&self) -> bool {
        self.door == Door::Whole
    }

    /// Other machines may reach it.
    pub(super) fn is_wide(&self) -> bool {
        !self.address.ip().is_loopback()
    }

    /// Puts up what is answered.
    pub(super) fn opened(self, options: api::Options) -> Open {
        let meter = Arc::clone(&options.meter);
        let app = if self.has_api() { api::router(options) } else { api::bare_router(options) };
        Open { listener: self.listener, app, meter }
    }
}

/// An entrance with what is answered there.
pub(super) struct Open {
    listener: TcpListener,
    app: Router,
    meter: Arc<api::Meter>,
}

/// Serves until `closing`; where there is no port, that is all.
pub(super) async fn serve(open: Option<Open>, limits: &Limits, closing: CancellationToken) {
    let Some(Open { listener, app, meter }) = open else { return closing.cancelled().await };
    // A socket says why it is closed, and is given the time for that.
    let patience = limits.slow_reader.saturating_mul(2);
    let listener = listener.tap_io(move |tcp| {
        patience::send_at_once(tcp);
        patience::cut_when_untaken(tcp, patience);
    });
    api::serve(listener, app, limits, &meter, closing).await;
}
