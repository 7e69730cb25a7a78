//! How long the kernel waits on a connection.
//!
//! Whoever writes to a client that takes nothing only waits, and holds what it has: an answer, a stream
//! with what runs for it. A WebSocket can say why it ends; all others are cut by the kernel.

use std::time::Duration;

use rustix::net::sockopt::set_tcp_user_timeout;
use tokio::net::TcpStream;

/// Has the kernel send whatever it is given. Else it keeps a small message back until the one before was
/// acknowledged, for which a client that has nothing to say takes 40 ms.
pub(super) fn send_at_once(tcp: &TcpStream) {
    if let Err(error) = tcp.set_nodelay(true) {
        tracing::debug!(%error, "what a client is told may come late");
    }
}

/// Has the kernel cut a connection of which nothing that was sent is taken for so long
/// (`TCP_USER_TIMEOUT`; a window that stays closed counts).
pub(super) fn cut_when_untaken(tcp: &TcpStream, patience: Duration) {
    // The kernel takes no more than this, which is three weeks.
    let millis = i32::try_from(patience.as_millis()).unwrap_or(i32::MAX).unsigned_abs();
    if let Err(error) = set_tcp_user_timeout(tcp, millis) {
        tracing::debug!(%error, "a client that takes nothing may hold its connection");
    }
}

#[cfg(test)]
mod tests {
    use rustix::net::sockopt::tcp_user_timeout;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn nothing_is_kept_back() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tcp = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        send_at_once(&tcp);
        assert!(tcp.nodelay().unwrap());
    }

    #[tokio::test]
    async fn the_kernel_is_told_how_long() {
        // P12. That it cuts such a client cannot be heard by it, nor by us.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tcp = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        for (patience, millis) in [
            (Duration::from_millis(100), 100),
            (Duration::from_secs(1 << 40), i32::MAX.unsigned_abs()),
        ] {
            cut_when_untaken(&tcp, patience);
            assert_eq!(tcp_user_timeout(&tcp), Ok(millis));
        }
    }
}
