//! Connections: each is served until it ends, and knows whom it leads to.
//!
//! Not by `axum::serve`, which sets no clock: a client that sends one byte of a head an hour would
//! hold its connection for ever.
//!
//! There are at most `connections` at once, sockets included (P12): who comes beyond waits in the
//! kernel's queue, and is served as soon as one ends. Nobody is told to come again, since a client
//! that is accepted only to be refused takes what serving it would, and one that waits is served
//! before one that came after it.
//!
//! # Concurrency
//!
//! One task a connection. It ends when its client goes, does not send what it began within
//! `read_timeout` (nor anything, between two requests), or, once the server closes, with the request
//! that is being answered. What becomes a socket is a task of its own (see `ws`).

use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::serve::Listener;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::api::meter::Meter;
use crate::domain::limits::Limits;
use crate::domain::meter::{Level, One};

/// How often it is told that as many connections are open as may be.
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// Serves what `listener` accepts until `closing` is cancelled, and then until the last connection is
/// closed. Each request carries its client's address as [`ConnectInfo`].
pub async fn serve<L>(
    mut listener: L,
    routes: Router,
    limits: &Limits,
    meter: &Meter,
    closing: CancellationToken,
) where
    L: Listener<Addr = SocketAddr>,
{
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.read_timeout)
        .max_header_size(limits.request_head);
    let connections = TaskTracker::new();
    let mut places = Places::new(limits.connections, Arc::clone(&meter.connections));
    loop {
        let (io, client) = tokio::select! {
            biased;
            () = closing.cancelled() => break,
            connection = places.accept(&mut listener) => connection,
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

/// What connections are counted by.
struct Places {
    free: Arc<Semaphore>,
    most: usize,
    open: Arc<Level>,
    told: Option<Instant>,
}

impl Places {
    fn new(most: usize, open: Arc<Level>) -> Self {
        let most = most.min(Semaphore::MAX_PERMITS);
        Self { free: Arc::new(Semaphore::new(most)), most, open, told: None }
    }

    /// The next connection, once there is a place for it.
    async fn accept<L: Listener>(&mut self, listener: &mut L) -> (Placed<L::Io>, L::Addr) {
        if self.free.available_permits() == 0 && self.told.is_none_or(is_long_ago) {
            self.told = Some(Instant::now());
            let most = self.most;
            tracing::warn!(
                most,
                "as many connections are open as may be (`limits.connections`); others wait"
            );
        }
        let place = Arc::clone(&self.free).acquire_owned().await;
        let place = place.expect("nobody closes it");
        let (io, client) = listener.accept().await;
        (Placed { io, _place: (place, self.open.one()) }, client)
    }
}

fn is_long_ago(told: Instant) -> bool {
    told.elapsed() >= TELL_AGAIN
}

/// A connection that gives its place back when it is closed, whoever holds it then: it may have
/// become a socket.
struct Placed<I> {
    io: I,
    _place: (OwnedSemaphorePermit, One),
}

impl<I: AsyncRead + Unpin> AsyncRead for Placed<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Placed<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
