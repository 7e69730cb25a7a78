//! What is durable, when that is told, and to whom.

use futures::poll;
use longhaul::domain::id::{EventNo, Seq};
use longhaul::domain::job::NewJob;
use longhaul::domain::state::{EndReason, JobState};
use longhaul::store::{AcceptLimits, StartError, StoreError};

use super::bed::{Bed, WIDE, at, done, exit, finish, job, request, within};

/// P6: committed, then told to the sink, then answered; a read sees it from the commit on.
pub(crate) async fn a_caller_is_answered_after_the_sink(bed: Bed) {
    let new = job();
    let id = new.id;
    bed.record.hold();
    let mut start = bed.store.start(new, WIDE);
    assert!(poll!(&mut start).is_pending());
    bed.record.entered().await;
    assert!(poll!(&mut start).is_pending(), "answered before the sink was done");
    assert_eq!(bed.job(id).await.state, JobState::Queued);
    assert_eq!(bed.store.last_event().await.unwrap(), EventNo(1));
    bed.record.release();
    within(start).await.unwrap();
}

/// P6: what the sink hears is what is stored, by rising number, without a gap.
pub(crate) async fn the_sink_hears_every_event_in_order(bed: Bed) {
    let bed = bed.declared().await;
    for _ in 0..5 {
        bed.start(NewJob { max_attempts: 2, ..job() }).await;
    }
    for claim in bed.claim(4, at(1)).await {
        done(bed.started(&claim).await);
        done(bed.finish(&claim, exit(EndReason::ExitCode, 1)).await);
    }
    let heard = bed.record.events();
    assert_eq!(heard, bed.stored_events().await);
    let numbers: Vec<i64> = heard.iter().map(|event| event.no.0).collect();
    assert_eq!(numbers, (1..=5 + 3 * 4).collect::<Vec<_>>());
    // P7: each job's seq counts its events.
    for event in &heard {
        let before = heard.iter().filter(|e| e.job == event.job && e.no <= event.no).count();
        assert_eq!(event.seq, Seq(i64::try_from(before).unwrap()));
    }
    let page = bed.store.events_after(EventNo(15), 9).await.unwrap();
    assert_eq!(page.last, EventNo(17));
}

/// P6: as of its seq, and not of a later moment in the same transaction.
pub(crate) async fn a_change_carries_the_row_as_of_its_event(bed: Bed) {
    let bed = bed.declared().await;
    bed.start_one().await;
    let claim = bed.claim_one().await;
    done(bed.finish(&claim, exit(EndReason::Ok, 0)).await);
    for change in bed.record.commits().iter().flat_map(|commit| &commit.changes) {
        assert_eq!((change.job.seq, change.job.state), (change.event.seq, change.event.state));
    }
}

/// The batch that it shared is replayed one by one: the others are stored, in their order, and what
/// waits is counted right.
pub(crate) async fn a_bad_write_fails_alone(bed: Bed) {
    bed.record.hold();
    let first = job();
    let taken = first.id;
    let mut blocker = bed.store.start(first, WIDE);
    assert!(poll!(&mut blocker).is_pending());
    bed.record.entered().await;
    // All that comes now waits together for the next transaction.
    let (left, right) = (job(), job());
    let ids = [taken, left.id, right.id];
    let mut left = bed.store.start(left, WIDE);
    let mut bad = bed.store.start(NewJob { id: taken, ..job() }, WIDE);
    let mut right = bed.store.start(right, WIDE);
    assert!(poll!(&mut left).is_pending());
    assert!(poll!(&mut bad).is_pending());
    assert!(poll!(&mut right).is_pending());
    bed.record.release();
    within(blocker).await.unwrap();
    within(left).await.unwrap();
    within(right).await.unwrap();
    let error = within(bad).await.unwrap_err();
    assert!(matches!(error, StartError::Store(StoreError::Internal { .. })), "{error:?}");

    let heard: Vec<_> = bed.record.events().iter().map(|event| event.job).collect();
    assert_eq!(heard, ids);
    assert_eq!(bed.record.commits().len(), 3, "one for the blocker, one for each replayed");
    let three = AcceptLimits { max_waiting: 3, ..WIDE };
    let full = bed.store.start(job(), three).await.unwrap_err();
    assert!(matches!(full, StartError::QueueFull { waiting: 3, .. }), "{full:?}");
}

/// P2: a pause that begins and ends within one commit is told as over. Whoever keeps the lines by
/// what is told would else wait for an end of it that never comes again.
pub(crate) async fn a_delay_that_ends_in_its_own_commit_is_told_as_over(bed: Bed) {
    let bed = bed.declared().await;
    let claim = bed.running(NewJob { max_attempts: 2, ..job() }).await;
    bed.record.hold();
    let mut blocker = bed.store.start(job(), WIDE);
    assert!(poll!(&mut blocker).is_pending());
    bed.record.entered().await;
    // Both wait together for the next transaction.
    let failed = finish(claim.job.id, claim.fence, exit(EndReason::ExitCode, 1));
    let mut end = bed.store.finish(failed);
    let mut look = bed.store.claim(request(&[], at(3_600_000)));
    assert!(poll!(&mut end).is_pending());
    assert!(poll!(&mut look).is_pending());
    bed.record.release();
    within(blocker).await.unwrap();
    done(within(end).await.unwrap());
    within(look).await.unwrap();

    let commits = bed.record.commits();
    let last = commits.last().unwrap();
    assert_eq!((last.changes.len(), last.promoted.len()), (1, 1), "one commit: {last:?}");
    assert_eq!(last.changes[0].job.delayed, None);
    assert_eq!(last.changes[0].job, bed.job(claim.job.id).await);
}

/// No request owns a transaction.
pub(crate) async fn a_write_whose_caller_went_away_is_done(bed: Bed) {
    bed.record.hold();
    let mut blocker = bed.store.start(job(), WIDE);
    assert!(poll!(&mut blocker).is_pending());
    bed.record.entered().await;
    let new = job();
    let id = new.id;
    let mut left_alone = bed.store.start(new, WIDE);
    assert!(poll!(&mut left_alone).is_pending());
    drop(left_alone);
    bed.record.release();
    within(blocker).await.unwrap();
    bed.record.entered().await;
    assert_eq!(bed.job(id).await.id, id);
}

/// P1: rows, events, numbers that are never drawn again.
pub(crate) async fn all_that_was_answered_survives_a_restart(bed: Bed) {
    let bed = bed.declared().await;
    let waiting = bed.start_one().await;
    let claim = bed.claim_one().await;
    let running = done(bed.started(&claim).await);
    let delayed = bed.start(NewJob { not_before: Some(at(77)), ..job() }).await;
    let events = bed.stored_events().await;

    let bed = bed.reopened();
    assert_eq!(running.id, waiting.id);
    assert_eq!(bed.job(running.id).await, running);
    assert_eq!(bed.job(delayed.id).await, delayed);
    assert_eq!(bed.stored_events().await, events);
    assert_eq!(bed.store.queues().await.unwrap().len(), 2);
    let next = bed.start_one().await;
    assert!(next.accepted > delayed.accepted);
    assert!(bed.claim_one().await.fence > claim.fence);
}
