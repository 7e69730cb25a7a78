//! Workers as stored, and what jobs and attempts keep of them.

use longhaul::domain::state::EndReason;
use longhaul::domain::worker::Worker;

use super::bed::{Bed, at, done, exit, job, worker};
use crate::support::kinds::labels;

pub(crate) async fn who_claimed_is_kept_with_the_job_and_its_attempt(bed: Bed) {
    let bed = bed.declared().await;
    let waiting = bed.start_one().await;
    assert_eq!(waiting.worker, None);
    let claim = bed.claim_one().await;
    let here = worker("here");
    assert_eq!(claim.job.worker, Some(here.name()));
    done(bed.finish(&claim, exit(EndReason::Ok, 0)).await);
    let bed = bed.reopened();
    assert_eq!(bed.job(waiting.id).await.worker, Some(here.name()));
    let attempts = bed.store.attempts(waiting.id, u32::MAX, 1).await.unwrap();
    assert_eq!(attempts[0].worker, Some(here.id));
}

pub(crate) async fn the_labels_of_a_worker_are_kept(bed: Bed) {
    let bed = bed.declared().await;
    let labels = labels(&[("gpu", "a100"), ("zone", "\u{0}\u{1}\"ü")]);
    let (with, without) = (Worker { labels, ..worker("with") }, worker("without"));
    bed.store.see_worker(with.clone()).await.unwrap();
    bed.store.see_worker(without.clone()).await.unwrap();
    let bed = bed.reopened();
    assert_eq!(bed.store.workers(at(0), 9).await.unwrap(), [without, with.clone()]);
    assert_eq!(bed.store.worker(with.id).await.unwrap(), Some(with));
}

/// The one that is gone: when it committed its last event, or said itself.
pub(crate) async fn a_worker_was_seen_last_when_it_last_did_something(bed: Bed) {
    let bed = bed.declared().await;
    let (first, second) = (worker("first"), worker("second"));
    bed.store.see_worker(first.clone()).await.unwrap();
    let claim = bed.running(job()).await;
    done(bed.finish(&claim, exit(EndReason::Ok, 0)).await);
    let started_at = at(9);
    let second = Worker { started_at, last_seen_at: started_at, ..second };
    bed.store.see_worker(second.clone()).await.unwrap();
    let seen = |worker: &Worker, millis| Worker { last_seen_at: at(millis), ..worker.clone() };
    let bed = bed.reopened();
    let all = bed.store.workers(at(0), 9).await.unwrap();
    assert_eq!(all, [second.clone(), seen(&first, 4)]);
    for (since, limit) in [(5, 9), (0, 1)] {
        let seen = bed.store.workers(at(since), limit).await.unwrap();
        assert_eq!(seen, std::slice::from_ref(&second), "{since} {limit}");
    }
    bed.store.see_worker(seen(&second, 30)).await.unwrap();
    assert_eq!(bed.store.worker(second.id).await.unwrap(), Some(seen(&second, 30)));
    assert_eq!(bed.store.worker(worker("third").id).await.unwrap(), None);
}
