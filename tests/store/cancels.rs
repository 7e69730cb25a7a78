//! Cancels, in every state.

use longhaul::domain::attempt::CancelMode;
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
    let later = Cancel {
        job: first.id,
        mode: CancelMode::Graceful,
        note: Some("later".to_owned()),
        by: None,
        at: at(9),
    };
    let again = bed.store.cancel(later.clone()).await.unwrap();
    assert_eq!((again.changed, again.job), (false, first));
    let ended = done(bed.finish(&claim, unrecorded(EndReason::CancelRequested)).await);
    let again = bed.store.cancel(later).await.unwrap();
    assert_eq!((again.changed, again.job), (false, ended));
}

/// A kill may follow a cancel, once: an event of its own, whose row says it. The first wish stays. It may
/// come first, too; a waiting job has nothing to kill.
pub(crate) async fn a_kill_is_told_once(bed: Bed) {
    let bed = bed.declared().await;
    let kill = |job, seconds| Cancel {
        job,
        mode: CancelMode::Force,
        note: Some("now".to_owned()),
        by: None,
        at: at(seconds),
    };
    let claim = bed.running(job()).await;
    let id = claim.job.id;
    let first = bed.cancel(id).await.unwrap().job;
    assert!(!first.cancel_forced);
    let killed = bed.store.cancel(kill(id, 9)).await.unwrap();
    assert!(killed.changed && killed.job.cancel_forced);
    assert_eq!((killed.job.state, killed.job.seq.0), (JobState::Canceling, first.seq.0 + 1));
    assert_eq!(
        (killed.job.cancel_requested_at, killed.job.cancel_note.as_deref()),
        (Some(at(3)), Some("enough"))
    );
    assert_eq!(killed.job, bed.job(id).await);
    for mode in [CancelMode::Force, CancelMode::Graceful] {
        let again = bed.store.cancel(Cancel { mode, ..kill(id, 10) }).await.unwrap();
        assert_eq!((again.changed, again.job), (false, killed.job.clone()));
    }
    let ended = done(bed.finish(&claim, unrecorded(EndReason::CancelRequested)).await);
    assert!(ended.state == JobState::Canceled && ended.cancel_forced);
    assert!(!bed.store.cancel(kill(id, 11)).await.unwrap().changed, "P5");
    let of_cancels = |event: &&longhaul::domain::event::Event| {
        event.change == JobChange::Canceling && event.job == id
    };
    let events = bed.stored_events().await;
    let told: Vec<_> = events.iter().filter(of_cancels).map(|e| (e.at, e.before)).collect();
    assert_eq!(told, [(at(3), Some(JobState::Running)), (at(9), Some(JobState::Canceling))]);

    let claim = bed.running(job()).await;
    let killed = bed.store.cancel(kill(claim.job.id, 4)).await.unwrap();
    assert!(killed.changed && killed.job.cancel_forced);
    assert!(bed.reopened().job(claim.job.id).await.cancel_forced);
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
