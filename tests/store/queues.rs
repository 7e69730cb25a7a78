//! Queues as stored.

use std::sync::Arc;

use longhaul::domain::job::NewJob;
use longhaul::domain::kind::QueueSpec;
use longhaul::domain::state::EndReason;
use longhaul::store::{Finish, Pause, QueueChange, QueueCounts, QueueError};

use super::bed::{Bed, at, done, exit, finish, job, queue};

fn spec(name: &str, slots: u32) -> QueueSpec {
    QueueSpec { name: queue(name), slots, max_waiting: 9 }
}

/// Design section 10: what a mutation said wins until the file says something new.
pub(crate) async fn an_override_falls_when_the_file_changes(bed: Bed) {
    let declared = bed.store.declare_queues(vec![spec("b", 4), spec("a", 2)]).await.unwrap();
    let told: Vec<_> = declared.iter().map(|q| (q.name.as_str(), q.slots, q.file_slots)).collect();
    assert_eq!(told, [("b", 4, 4), ("a", 2, 2)]);

    let set = |slots| bed.store.change_queue(queue("b"), QueueChange::Slots(slots));
    let (row, changed) = set(9).await.unwrap();
    assert_eq!((row.slots, row.file_slots, changed), (9, 4, true));
    assert!(!set(9).await.unwrap().1);
    let same = bed.store.declare_queues(vec![spec("b", 4)]).await.unwrap();
    assert_eq!((same[0].slots, same[0].file_slots), (9, 4));
    let new = bed.store.declare_queues(vec![spec("b", 5)]).await.unwrap();
    assert_eq!((new[0].slots, new[0].file_slots), (5, 5));

    let all: Vec<_> = bed.store.queues().await.unwrap().into_iter().map(|q| q.name).collect();
    assert_eq!(all, [queue("a"), queue("b")], "one that is no longer declared stays");
    let unknown = bed.store.change_queue(queue("c"), QueueChange::Resume).await.unwrap_err();
    assert!(matches!(unknown, QueueError::NotFound(name) if name == queue("c")));
}

/// Across a restart and a new declaration too.
pub(crate) async fn the_first_pause_stays(bed: Bed) {
    let bed = bed.declared().await;
    let pause =
        |millis, note: &str| Pause { at: at(millis), note: Some(note.to_owned()), by: None };
    let change = |change| bed.store.change_queue(queue("default"), change);
    let (row, changed) = change(QueueChange::Pause(pause(1, "first"))).await.unwrap();
    assert_eq!((row.paused, changed), (Some(pause(1, "first")), true));
    let (row, changed) = change(QueueChange::Pause(pause(2, "second"))).await.unwrap();
    assert_eq!((row.paused, changed), (Some(pause(1, "first")), false));
    let bed = bed.reopened().declared().await;
    let stored = bed.store.queues().await.unwrap();
    assert_eq!(stored[0].paused, Some(pause(1, "first")));
    let (row, changed) =
        bed.store.change_queue(queue("default"), QueueChange::Resume).await.unwrap();
    assert_eq!((row.paused, changed), (None, true));
    let again = bed.store.change_queue(queue("default"), QueueChange::Resume).await.unwrap();
    assert!(!again.1);
}

/// In line, delayed, open; others' and ended ones are none of them.
pub(crate) async fn counts_tell_where_jobs_are(bed: Bed) {
    let bed = bed.declared().await;
    for _ in 0..4 {
        bed.start_one().await;
    }
    bed.start(NewJob { not_before: Some(at(500)), ..job() }).await;
    bed.start(NewJob { queue: queue("other"), ..job() }).await;
    let canceled = bed.start_one().await;
    bed.cancel(canceled.id).await.unwrap();
    bed.claim(1, at(1)).await;
    let counts = bed.store.queue_counts(&queue("default")).await.unwrap();
    assert_eq!(counts, QueueCounts { waiting: 3, delayed: 1, open: 1, oldest: Some(at(0)) });
    let none = bed.store.queue_counts(&queue("nowhere")).await.unwrap();
    assert_eq!(none, QueueCounts::default());
}

/// Since it was accepted, or since its time came.
pub(crate) async fn the_first_in_line_waits_since_it_could_start(bed: Bed) {
    let bed = bed.declared().await;
    bed.start(NewJob { not_before: Some(at(90)), created_at: at(5), ..job() }).await;
    bed.start(NewJob { created_at: at(7), ..job() }).await;
    let oldest = || async { bed.store.queue_counts(&queue("default")).await.unwrap().oldest };
    assert_eq!(oldest().await, Some(at(7)), "what is delayed is not in line");
    bed.claim(0, at(100)).await;
    assert_eq!(oldest().await, Some(at(90)), "it takes its place by acceptance");
}

/// By the minute, in one queue, the last ones.
pub(crate) async fn ends_are_counted_by_the_minute(bed: Bed) {
    let bed = bed.declared().await;
    for _ in 0..4 {
        bed.start_one().await;
    }
    let claims = bed.claim(4, at(1)).await;
    let reasons = [EndReason::Ok, EndReason::ExitCode, EndReason::Ok, EndReason::Ok];
    for ((claim, reason), millis) in claims.iter().zip(reasons).zip([1_000, 2_000, 61_000, 122_000])
    {
        let end = exit(reason, i32::from(reason != EndReason::Ok));
        let end = Finish { at: at(millis), ..finish(claim.job.id, claim.fence, end) };
        done(bed.store.finish(end).await.unwrap());
    }
    let first = at(0).timestamp_millis() / 60_000;
    let counts = |since, most| {
        let store = Arc::clone(&bed.store);
        async move {
            let counts = store.end_counts(&queue("default"), at(since), most).await.unwrap();
            let told = counts.iter().map(|c| (c.minute - first, c.ended, c.failed));
            told.collect::<Vec<_>>()
        }
    };
    assert_eq!(counts(0, 9).await, [(0, 2, 1), (1, 1, 0), (2, 1, 0)]);
    assert_eq!(counts(1_500, 9).await, [(0, 1, 1), (1, 1, 0), (2, 1, 0)]);
    assert_eq!(counts(0, 1).await, [(0, 1, 1), (2, 1, 0)], "one of each state");
    let other = bed.store.end_counts(&queue("other"), at(0), 9).await.unwrap();
    assert!(other.is_empty(), "{other:?}");
}
