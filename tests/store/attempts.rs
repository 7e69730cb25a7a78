//! Attempts: fences, starts, and what is kept of an end.

use longhaul::domain::attempt::{AttemptEnd, Policy, Usage};
use longhaul::domain::event::JobChange;
use longhaul::domain::id::{EventNo, Fence, JobId};
use longhaul::domain::job::NewJob;
use longhaul::domain::state::{EndReason, JobState};
use longhaul::store::Guarded;
use serde_json::json;

use super::bed::{Bed, at, done, exit, finish, fresh_id, job, unrecorded};

/// P4: neither a fence that never was, nor one of an attempt that ended, nor of another job.
pub(crate) async fn a_stale_fence_changes_nothing(bed: Bed) {
    let bed = bed.declared().await;
    let old = bed.running(job()).await;
    done(bed.finish(&old, unrecorded(EndReason::Lost)).await);
    let new = bed.claim_one().await;
    assert_eq!(new.job.id, old.job.id);
    let events = bed.stored_events().await;

    let wrong: [(JobId, Fence); 3] =
        [(old.job.id, old.fence), (old.job.id, Fence(new.fence.0 + 1)), (fresh_id(), new.fence)];
    for (id, fence) in wrong {
        assert_eq!(bed.store.started(id, fence, at(9)).await.unwrap(), Guarded::Stale);
        let end = finish(id, fence, exit(EndReason::Ok, 0));
        assert_eq!(bed.store.finish(end).await.unwrap(), Guarded::Stale);
    }
    assert_eq!(bed.job(new.job.id).await, new.job);
    assert_eq!(bed.stored_events().await, events);
}

/// A runner that repeats itself gets the same answer and no event.
pub(crate) async fn a_start_is_recorded_once(bed: Bed) {
    let bed = bed.declared().await;
    bed.start_one().await;
    let claim = bed.claim_one().await;
    assert_eq!(claim.job.state, JobState::Queued);
    let running = done(bed.started(&claim).await);
    assert_eq!((running.state, running.seq.0), (JobState::Running, 3));
    assert_eq!(done(bed.started(&claim).await), running);
    let changes: Vec<_> = bed.stored_events().await.iter().map(|event| event.change).collect();
    assert_eq!(changes, [JobChange::Queued, JobChange::Updated, JobChange::Started]);
}

/// Design section 3: in the same transaction, each with its own event.
pub(crate) async fn an_end_commits_the_start_that_is_missing(bed: Bed) {
    let bed = bed.declared().await;
    bed.start_one().await;
    let claim = bed.claim_one().await;
    let ended = done(bed.finish(&claim, exit(EndReason::Ok, 0)).await);
    assert_eq!((ended.state, ended.seq.0), (JobState::Succeeded, 4));
    let last = bed.record.commits().pop().unwrap();
    let told: Vec<_> = last.changes.iter().map(|c| (c.event.change, c.event.state)).collect();
    assert_eq!(
        told,
        [(JobChange::Started, JobState::Running), (JobChange::Ended, JobState::Succeeded)]
    );
    assert!(bed.store.attempts(claim.job.id, u32::MAX, 1).await.unwrap()[0].spawned);
}

/// P9: "it may have run" is not told as "it ran".
pub(crate) async fn an_end_that_proves_nothing_commits_no_start(bed: Bed) {
    let bed = bed.declared().await;
    for reason in [EndReason::SpawnFailed, EndReason::NotStarted, EndReason::Lost] {
        bed.start_one().await;
        let claim = bed.claim_one().await;
        let after = done(bed.finish(&claim, unrecorded(reason)).await);
        assert_eq!(after.seq.0, claim.job.seq.0 + 1, "{reason:?}");
        let attempts = bed.store.attempts(after.id, u32::MAX, 1).await.unwrap();
        assert!(!attempts[0].spawned, "{reason:?}");
        let canceled = bed.cancel(after.id).await;
        assert!(canceled.is_ok() || reason == EndReason::SpawnFailed, "{canceled:?}");
    }
}

/// Numbers are never used again; the last attempts come oldest first.
pub(crate) async fn an_attempt_keeps_what_it_was_told_and_how_it_ended(bed: Bed) {
    let bed = bed.declared().await;
    let policy = Policy { max_lost: 9, success_exit_codes: vec![0, 3], ..Policy::default() };
    let id = bed.start_one().await.id;
    let usage = Usage { cpu_ms: 12, peak_memory_bytes: Some(1 << 40), log_bytes: 5 };
    let end = AttemptEnd { usage, signal: Some(9), ..unrecorded(EndReason::Lost) };
    for _ in 0..3 {
        let claim = bed.claim_as(policy.clone(), at(1)).await;
        done(bed.finish(&claim, end.clone()).await);
    }
    let open = bed.claim_as(policy.clone(), at(7)).await;

    let attempts = bed.store.attempts(id, u32::MAX, 2).await.unwrap();
    assert_eq!(attempts.iter().map(|a| a.number).collect::<Vec<_>>(), [3, 4]);
    let earlier = bed.store.attempts(id, 2, 9).await.unwrap();
    assert_eq!(earlier.iter().map(|a| a.number).collect::<Vec<_>>(), [1, 2]);
    let ended = &attempts[0];
    assert_eq!((ended.policy.clone(), ended.usage), (policy, Some(usage)));
    assert_eq!(
        (ended.reason, ended.signal, ended.exit_code),
        (Some(EndReason::Lost), Some(9), None)
    );
    assert_eq!(ended.reason_text.as_deref(), Some("it ended as Lost"));
    assert_eq!((ended.ended_at, ended.spawned), (Some(at(4)), true));
    assert_eq!((attempts[1].fence, &attempts[1].key), (open.fence, &open.key));
    assert_eq!((attempts[1].ended_at, attempts[1].started_at), (None, at(7)));
    let used = Usage { cpu_ms: 36, peak_memory_bytes: Some(1 << 40), log_bytes: 15 };
    assert_eq!(open.job.usage, Some(used), "three ended attempts together");
    assert_eq!(bed.job(id).await.signal, None, "the signal of an earlier attempt");
}

/// P9: in the transaction that finishes the job, and only of one that succeeded.
pub(crate) async fn only_a_success_stores_its_result(bed: Bed) {
    let bed = bed.declared().await;
    let result = |end| AttemptEnd { result: Some(r#"{"n":[1,2]}"#.to_owned()), ..end };
    let claim = bed.running(job()).await;
    let job_after = done(bed.finish(&claim, result(exit(EndReason::Ok, 0))).await);
    assert!(job_after.has_result);
    let stored = bed.store.result(claim.job.id).await.unwrap();
    assert_eq!(stored, Some(json!({"n": [1, 2]})));

    let claim = bed.running(job()).await;
    let failed = done(bed.finish(&claim, result(exit(EndReason::ExitCode, 1))).await);
    assert!(!failed.has_result);
    assert_eq!(bed.store.result(claim.job.id).await.unwrap(), None);

    let claim = bed.running(job()).await;
    bed.cancel(claim.job.id).await.unwrap();
    let canceled = done(bed.finish(&claim, result(exit(EndReason::Ok, 0))).await);
    assert!(!canceled.has_result);
    assert_eq!(bed.store.result(claim.job.id).await.unwrap(), None);
}

/// What recovery begins with (P11).
pub(crate) async fn open_attempts_come_by_rising_fence(bed: Bed) {
    let bed = bed.declared().await;
    for _ in 0..3 {
        bed.start(NewJob { max_attempts: 2, ..job() }).await;
    }
    let claims = bed.claim(3, at(1)).await;
    done(bed.finish(&claims[1], exit(EndReason::ExitCode, 1)).await);
    let bed = bed.reopened();
    let open = bed.store.open_attempts().await.unwrap();
    let fences: Vec<_> = open.iter().map(|(job, attempt)| (job.open, attempt.fence)).collect();
    let (first, third) = (claims[0].fence, claims[2].fence);
    assert_eq!(fences, [(Some(first), first), (Some(third), third)]);
    assert_eq!(open[0].1.boot_id, "boot");
    assert!(bed.store.job_events(open[0].0.id, EventNo(0), 9).await.unwrap().len() == 2);
}
