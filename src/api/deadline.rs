//! When a request must have answered. One that waits by its nature is given its wait on top of what
//! any request may take.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// The end of a request's time. Lies in the request's data; all clones are one.
#[derive(Clone)]
pub(crate) struct Deadline {
    /// What any request may take.
    patience: Duration,
    at: Arc<Mutex<Instant>>,
}

impl Deadline {
    /// So long from now.
    pub(crate) fn after(patience: Duration) -> Self {
        Self { patience, at: Arc::new(Mutex::new(Instant::now() + patience)) }
    }

    /// The request will wait so long from now, and then do as any other.
    pub(crate) fn allow(&self, wait: Duration) {
        let mut at = self.at.lock().unwrap_or_else(PoisonError::into_inner);
        *at = (*at).max(Instant::now() + wait + self.patience);
    }

    /// Returns once it has passed.
    pub(crate) async fn passed(&self) {
        loop {
            let at = *self.at.lock().unwrap_or_else(PoisonError::into_inner);
            if at <= Instant::now() {
                return;
            }
            sleep_until(at).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_wait_comes_on_top_of_what_a_request_may_take() {
        let begin = Instant::now();
        let deadline = Deadline::after(Duration::from_secs(30));
        deadline.allow(Duration::from_secs(60));
        deadline.allow(Duration::from_secs(1));
        deadline.passed().await;
        assert_eq!(begin.elapsed().as_secs(), 90);
        Deadline::after(Duration::from_secs(5)).passed().await;
        assert_eq!(begin.elapsed().as_secs(), 95);
    }
}
