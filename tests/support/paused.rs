//! A clock that stands still while others work, so that only the test moves it.

use std::future::Future;
use std::sync::mpsc;
use std::time::Duration;

use tokio::sync::oneshot;

/// Time stands still until this is dropped: it goes on by itself only where no thread works.
pub(crate) fn stand_still() -> mpsc::Sender<()> {
    let (sender, receiver) = mpsc::channel();
    tokio::task::spawn_blocking(move || receiver.recv());
    sender
}

/// Waits for something by the clock on the wall: the runtime's would leap to the deadline, or stand still.
pub(crate) async fn within_real_time<T>(what: &str, event: impl Future<Output = T>) -> T {
    let (over, passed) = oneshot::channel();
    let (_came, waiting) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        if waiting.recv_timeout(Duration::from_secs(60)) == Err(mpsc::RecvTimeoutError::Timeout) {
            let _ = over.send(());
        }
    });
    tokio::select! {
        value = event => value,
        Ok(()) = passed => panic!("{what} never came"),
    }
}
