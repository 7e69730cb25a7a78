//! Clients of servers that may die at any word: they start jobs, and ask again with the same key where an
//! answer was lost.

use std::collections::HashSet;
use std::fmt::Debug;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::api::Api;
use crate::support::deadline::within;

const CLIENTS: u64 = 4;
/// How many jobs a client starts at most between two phases: what accumulates must be done at last.
const BURST: usize = 6;

/// What the clients are to do.
#[derive(Clone)]
pub(super) enum Phase {
    /// Start jobs at any of these.
    Serving(Vec<Api>),
    /// Bring what is unanswered to an answer here, then end.
    Last(Api),
}

/// A start that was acknowledged.
pub(super) struct Acked {
    pub(super) key: String,
    pub(super) kind: &'static str,
    pub(super) id: String,
}

/// What a client has seen.
#[derive(Default)]
pub(super) struct Story {
    pub(super) acked: Vec<Acked>,
    /// Starts that were never answered by the server that got them.
    pub(super) unanswered: usize,
}

/// A client: starts jobs one after the other, and asks again with the same key where the answer
/// was lost.
async fn client(number: u64, seed: u64, mut phases: watch::Receiver<Phase>) -> Story {
    let mut random = StdRng::seed_from_u64(seed ^ number);
    let mut story = Story::default();
    let mut open: Option<(String, &'static str)> = None;
    loop {
        let (api, last) = match phases.borrow_and_update().clone() {
            Phase::Serving(apis) => (apis[random.random_range(0..apis.len())].clone(), false),
            Phase::Last(api) => (api, true),
        };
        for _ in 0..BURST {
            if last && open.is_none() {
                return story;
            }
            let (key, kind) = open.take().unwrap_or_else(|| {
                let kinds = ["quick", "quick", "children", "children", "daemon", "once", "flaky"];
                let key = format!("{number}-{}", story.acked.len());
                (key, kinds[random.random_range(0..kinds.len())])
            });
            let Ok(id) = api.start(kind, &key).await else {
                story.unanswered += 1;
                open = Some((key, kind));
                if last {
                    // Nothing else tells when the database is back.
                    span(Duration::from_millis(100)).await;
                }
                break;
            };
            story.acked.push(Acked { key, kind, id });
            // A pause to think, cut short by the next server.
            let pause = Duration::from_millis(random.random_range(0..60));
            if !last && timeout(pause, phases.changed()).await.is_ok() {
                phases.mark_changed();
                break;
            }
        }
        if !last {
            phases.changed().await.expect("the phases end with the last one");
        }
    }
}

/// All of them, at work.
pub(super) struct Clients(JoinSet<Story>);

impl Clients {
    pub(super) fn begin(seed: u64, phases: &watch::Sender<Phase>) -> Self {
        let mut all = JoinSet::new();
        for number in 0..CLIENTS {
            all.spawn(client(number, seed, phases.subscribe()));
        }
        Self(all)
    }

    /// What they have seen together, once nothing is unanswered: after the last phase.
    pub(super) async fn end(self, seen: &(dyn Debug + Sync)) -> Story {
        let stories = within("the answers of all clients", seen, self.0.join_all()).await;
        let mut whole = Story::default();
        for story in stories {
            whole.acked.extend(story.acked);
            whole.unanswered += story.unanswered;
        }
        whole
    }
}

/// P1, P14: each acknowledged start is one job.
pub(super) async fn assert_kept(api: &Api, acked: &[Acked]) {
    for Acked { key, kind, id } in acked {
        assert_eq!(api.start(kind, key).await.as_ref(), Ok(id), "the job of key {key}");
    }
    let ids: HashSet<_> = acked.iter().map(|acked| &acked.id).collect();
    assert_eq!(ids.len(), acked.len(), "jobs and acknowledgements");
}

/// A random moment.
pub(super) async fn moment(random: &mut StdRng, at_most: u64) {
    span(Duration::from_micros(random.random_range(0..at_most * 1_000))).await;
}

/// So long: the one thing here that is measured by a clock, on purpose.
pub(super) async fn span(length: Duration) {
    let _ = timeout(length, std::future::pending::<()>()).await;
}
