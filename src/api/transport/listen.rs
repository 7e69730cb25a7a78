//! Connections: each is served until it ends, and knows whom it leads to.
//!
//! Not by `axum::serve`, which sets no clock: a client that sends one byte of a head an hour would
//! hold its connection for ever.
//!
//! # Concurrency
//!
//! One task a connection. It ends when its client goes, does not send what it began within
//! `read_timeout` (nor anything, between two requests), or, once the server closes, with the request
//! that is being answered. What becomes a socket is a task of its own (see `ws`).

use std::net::SocketAddr;
use std::pin::pin;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::serve::Listener;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::domain::limits::Limits;

/// Serves what `listener` accepts until `closing` is cancelled, and then until the last connection is
/// closed. Each request carries its client's address as [`ConnectInfo`].
pub async fn serve<L>(mut listener: L, routes: Router, limits: &Limits, closing: CancellationToken)
where
    L: Listener<Addr = SocketAddr>,
{
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.read_timeout)
        .max_header_size(limits.request_head);
    let connections = TaskTracker::new();
    loop {
        let (io, client) = tokio::select! {
            biased;
            () = closing.cancelled() => break,
            connection = listener.accept() => connection,
        };
        let routes = routes.clone().map_request(move |request: hyper::Request<_>| -> Request {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(client));
            request
        });
        let connection = http.serve_connection(TokioIo::new(io), TowerToHyperService::new(routes));
        let closing = closing.clone();
        connections.spawn(async move {
            let mut connection = pin!(connection.with_upgrades());
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = closing.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection broke off");
            }
        });
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}
