//! Cancels, in every state.

use longhaul::domain::event::JobChange;
use longhaul::domain::job::NewJob;
use longhaul::domain::state::{EndReason, JobState};
use longhaul::store::{Cancel, CancelError};

use super::bed::{Bed, at, done, exit, fresh_id, job, unrecorded};

/// P10: in line and delayed alike; no claim finds it any more.
pub(crate) async fn a_waiting_job_is_canceled_at_once(bed: Bed) {
    let bed = bed.declared().await;
    let delayed = NewJob { not_before: Some(at(50)), ..job() };
    for new in [job(), delayed] {
        let id = bed.start(new).await.id;
        let answer = bed.cancel(id).await.unwrap();
        assert!(answer.changed);
        assert_eq!(answer.job, bed.job(id).await);
        assert_eq!(answer.job.state, JobState::Canceled);
        assert_eq!(answer.job.reason, Some(EndReason::CancelRequested));
        assert_eq!(answer.job.ended_at, Some(at(3)));
        assert_eq!(answer.job.cancel_note.as_deref(), Some("enough"));
    }
    assert!(bed.claim(9, at(99)).await.is_empty());
    assert!(bed.store.waiting().await.unwrap().is_empty());
}

/// P10: the wish survives a start that is told after it, and an attempt that never ran.
pub(crate) async fn a_claimed_job_is_canceled_when_its_attempt_ends(bed: Bed) {
    let bed = bed.declared().await;
    let id = bed.start_one().await.id;
    let claim = bed.claim_one().await;
    let canceling = bed.cancel(id).await.unwrap();
    assert_eq!((canceling.job.state, canceling.changed), (JobState::Canceling, true));
    let started = done(bed.started(&claim).await);
    assert_eq!(started.state, JobState::Canceling);
    assert_eq!(started.seq.0, canceling.job.seq.0 + 1);
    let ended = done(bed.finish(&claim, exit(EndReason::CancelRequested, 143)).await);
    assert_eq!((ended.state, ended.exit_code), (JobState::Canceled, Some(143)));
    let changes: Vec<_> = bed.record.events().iter().map(|event| event.change).collect();
    let expected = [
        JobChange::Queued,
        JobChange::Updated,
        JobChange::Canceling,
        JobChange::Updated,
        JobChange::Ended,
    ];
    assert_eq!(changes, expected);

    bed.start_one().await;
    let claim = bed.claim_one().await;
    bed.cancel(claim.job.id).await.unwrap();
    let ended = done(bed.finish(&claim, unrecorded(EndReason::NotStarted)).await);
    assert_eq!(ended.state, JobState::Canceled);
}

/// P9, P10: however its attempt ends; the attempt keeps what the kernel said.
pub(crate) async fn no_end_after_a_cancel_is_a_success(bed: Bed) {
    let bed = bed.declared().await;
    let ends = [
        (exit(EndReason::Ok, 0), EndReason::CancelRequested),
        (exit(EndReason::ExitCode, 1), EndReason::ExitCode),
        (unrecorded(EndReason::Lost), EndReason::Lost),
        (unrecorded(EndReason::Shutdown), EndReason::Shutdown),
    ];
    for (end, recorded) in ends {
        let claim = bed.running(NewJob { max_attempts: 5, ..job() }).await;
        bed.cancel(claim.job.id).await.unwrap();
        let code = end.exit_code;
        let ended = done(bed.finish(&claim, end).await);
        assert_eq!(ended.state, JobState::Canceled, "{recorded:?}");
        assert_eq!(ended.reason, Some(EndReason::CancelRequested));
        assert_eq!((ended.exit_code, ended.failures), (code, 0));
        let attempt = bed.store.attempts(ended.id, u32::MAX, 1).await.unwrap().remove(0);
        assert_eq!((attempt.reason, attempt.exit_code), (Some(recorded), code));
    }
}

/// P10: the one end of a cancel that is not CANCELED.
pub(crate) async fn an_unkillable_tree_fails_its_job(bed: Bed) {
    let bed = bed.declared().await;
    let claim = bed.running(NewJob { max_attempts: 5, ..job() }).await;
    bed.cancel(claim.job.id).await.unwrap();
    let ended = done(bed.finish(&claim, unrecorded(EndReason::Unkillable)).await);
    assert_eq!((ended.state, ended.reason), (JobState::Failed, Some(EndReason::Unkillable)));
}

/// A repeat changes nothing, before the end and after it.
pub(crate) async fn the_first_wish_and_its_note_stay(bed: Bed) {
    let bed = bed.declared().await;
    let claim = bed.running(job()).await;
    let first = bed.cancel(claim.job.id).await.unwrap().job;
    let later = Cancel { job: first.id, note: Some("later".to_owned()), by: None, at: at(9) };
    let again = bed.store.cancel(later.clone()).await.unwrap();
    assert_eq!((again.changed, again.job), (false, first));
    let ended = done(bed.finish(&claim, unrecorded(EndReason::CancelRequested)).await);
    let again = bed.store.cancel(later).await.unwrap();
    assert_eq!((again.changed, again.job), (false, ended));
}

/// P5: and what does not exist can't be either.
pub(crate) async fn what_ended_cannot_be_canceled(bed: Bed) {
    let bed = bed.declared().await;
    for (end, state) in [
        (exit(EndReason::Ok, 0), JobState::Succeeded),
        (exit(EndReason::ExitCode, 1), JobState::Failed),
    ] {
        let claim = bed.running(job()).await;
        let ended = done(bed.finish(&claim, end).await);
        let refused = bed.cancel(ended.id).await.unwrap_err();
        assert!(matches!(refused, CancelError::Ended(s) if s == state), "{refused:?}");
        assert_eq!(bed.job(ended.id).await, ended);
    }
    let unknown = fresh_id();
    let refused = bed.cancel(unknown).await.unwrap_err();
    assert!(matches!(refused, CancelError::NotFound(id) if id == unknown), "{refused:?}");
}
