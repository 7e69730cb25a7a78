//! What the end of an attempt makes of its job.

use std::time::Duration;

use longhaul::domain::attempt::{AttemptEnd, Policy};
use longhaul::domain::event::JobChange;
use longhaul::domain::id::Fence;
use longhaul::domain::job::{Delay, NewJob};
use longhaul::domain::state::{EndReason, JobState};
use longhaul::store::Guarded;

use super::bed::{Bed, at, done, exit, job, unrecorded};

/// `max_attempts` limits failures only; the pause is half of its ceiling here.
pub(crate) async fn failures_cost_attempts_and_pause_between_them(bed: Bed) {
    let bed = bed.declared().await;
    let policy = Policy { retry_backoff: Duration::from_secs(1), ..Policy::default() };
    let id = bed.start(NewJob { max_attempts: 3, ..job() }).await.id;
    let mut now = 1;
    for (failures, pause) in [(1, 500), (2, 1000)] {
        let claim = bed.claim_as(policy.clone(), at(now)).await;
        done(bed.started(&claim).await);
        let waiting = done(bed.finish(&claim, exit(EndReason::ExitCode, 7)).await);
        assert_eq!((waiting.state, waiting.failures), (JobState::Queued, failures));
        assert_eq!(waiting.exit_code, Some(7));
        now = 4 + pause;
        assert_eq!(waiting.delayed, Some((at(now), Delay::RetryBackoff)));
        assert_eq!(bed.record.events().pop().unwrap().change, JobChange::Retrying);
        assert!(bed.claim(1, at(now - 1)).await.is_empty(), "its pause is not over");
    }
    let claim = bed.claim_as(policy, at(now)).await;
    assert_eq!((claim.job.exit_code, claim.job.attempt), (None, 3));
    let failed = done(bed.finish(&claim, exit(EndReason::Timeout, 7)).await);
    assert_eq!((failed.state, failed.failures), (JobState::Failed, 3));
    assert_eq!(failed.reason, Some(EndReason::Timeout));
    assert_eq!(failed.ended_at, Some(at(now)), "the end at 4 is told as no earlier than its start");
    assert_eq!(bed.job(id).await, failed);
}

/// The job may be what kills the server.
pub(crate) async fn a_job_lost_too_often_fails(bed: Bed) {
    let bed = bed.declared().await;
    let policy = Policy { max_lost: 1, ..Policy::default() };
    bed.start_one().await;
    let claim = bed.claim_as(policy.clone(), at(1)).await;
    let back = done(bed.finish(&claim, unrecorded(EndReason::Lost)).await);
    assert_eq!((back.state, back.losses, back.failures), (JobState::Queued, 1, 0));
    let claim = bed.claim_as(policy, at(1)).await;
    let failed = done(bed.finish(&claim, unrecorded(EndReason::Lost)).await);
    assert_eq!((failed.state, failed.losses), (JobState::Failed, 2));
    assert_eq!(failed.reason, Some(EndReason::Lost));
}

/// P2: in front of what was accepted after it, at once and without a pause.
pub(crate) async fn a_stop_gives_a_job_its_old_place_back(bed: Bed) {
    let bed = bed.declared().await;
    let stopped = bed.running(job()).await;
    bed.start_one().await;
    let back = done(bed.finish(&stopped, unrecorded(EndReason::Shutdown)).await);
    assert!(back.is_in_line());
    assert_eq!((back.losses, back.failures), (0, 0));
    assert_eq!(bed.record.events().pop().unwrap().change, JobChange::Queued);
    let next = bed.claim_one().await;
    assert_eq!((next.job.id, next.job.attempt), (stopped.job.id, 2));
}

/// P11: what we stopped ourselves is no loss, even if nobody was left to see how it ended.
pub(crate) async fn an_interrupted_attempt_that_nobody_saw_end_is_no_loss(bed: Bed) {
    let bed = bed.declared().await;
    let (seen, unseen) = (bed.running(job()).await, bed.running(job()).await);
    let gone = (unseen.job.id, Fence(i64::MAX));
    let interrupted = [&seen, &unseen].map(|claim| (claim.job.id, claim.fence));
    bed.store.interrupt([interrupted.as_slice(), &[gone]].concat()).await.unwrap();
    let bed = bed.reopened();

    let back = done(bed.finish(&unseen, unrecorded(EndReason::Lost)).await);
    assert_eq!((back.state, back.losses), (JobState::Queued, 0));
    let attempts = bed.store.attempts(unseen.job.id, 1).await.unwrap();
    assert_eq!(attempts[0].reason, Some(EndReason::Shutdown));
    // What was seen is told as it was.
    let done_first = done(bed.finish(&seen, exit(EndReason::Ok, 0)).await);
    assert_eq!(done_first.state, JobState::Succeeded);
}

/// Once its command may have begun; before that, it is tried again.
pub(crate) async fn at_most_once_means_once(bed: Bed) {
    let bed = bed.declared().await;
    let policy = Policy { at_most_once: true, ..Policy::default() };
    bed.start_one().await;
    for reason in [EndReason::Lost, EndReason::Shutdown] {
        let claim = bed.claim_as(policy.clone(), at(1)).await;
        let unbegun = AttemptEnd::unrecorded(reason, "it never began", false);
        assert_eq!(done(bed.finish(&claim, unbegun).await).state, JobState::Queued);
    }
    let claim = bed.claim_as(policy.clone(), at(1)).await;
    let failed = done(bed.finish(&claim, unrecorded(EndReason::Shutdown)).await);
    assert_eq!((failed.state, failed.reason), (JobState::Failed, Some(EndReason::Shutdown)));
}

/// But for its number, which is not used again.
pub(crate) async fn an_attempt_that_never_ran_counts_for_nothing(bed: Bed) {
    let bed = bed.declared().await;
    bed.start_one().await;
    for number in 1..=5 {
        let claim = bed.claim_one().await;
        assert_eq!(claim.job.attempt, number);
        let end = AttemptEnd::unrecorded(EndReason::NotStarted, "given back", false);
        let back = done(bed.finish(&claim, end).await);
        assert_eq!((back.failures, back.losses, back.is_in_line()), (0, 0, true));
    }
}

/// P5
pub(crate) async fn a_final_state_never_changes(bed: Bed) {
    let bed = bed.declared().await;
    let claim = bed.running(job()).await;
    let ended = done(bed.finish(&claim, exit(EndReason::Ok, 0)).await);
    assert_eq!(bed.finish(&claim, exit(EndReason::ExitCode, 1)).await, Guarded::Stale);
    assert_eq!(bed.started(&claim).await, Guarded::Stale);
    assert!(bed.claim(9, at(9)).await.is_empty());
    assert_eq!(bed.job(ended.id).await, ended);
    assert_eq!(bed.reopened().job(ended.id).await, ended);
}

/// P9: a forged record, or a database that is older than the attempt's folder.
pub(crate) async fn a_cancel_that_nobody_asked_for_is_a_loss(bed: Bed) {
    let bed = bed.declared().await;
    let claim = bed.running(job()).await;
    let back = done(bed.finish(&claim, unrecorded(EndReason::CancelRequested)).await);
    assert_eq!((back.state, back.losses), (JobState::Queued, 1));
    let attempt = &bed.store.attempts(claim.job.id, 1).await.unwrap()[0];
    assert_eq!(attempt.reason, Some(EndReason::Lost));
    assert!(attempt.reason_text.as_ref().unwrap().contains("nobody asked for"), "{attempt:?}");
}

/// The clock may be set back while it runs.
pub(crate) async fn no_job_ends_before_it_started(bed: Bed) {
    let bed = bed.declared().await;
    bed.start_one().await;
    let claim = bed.claim_as(Policy::default(), at(9)).await;
    // At 4.
    let ended = done(bed.finish(&claim, exit(EndReason::Ok, 0)).await);
    assert_eq!((ended.started_at, ended.ended_at), (Some(at(9)), Some(at(9))));
}
