//! Queues as stored.

use longhaul::domain::job::NewJob;
use longhaul::domain::kind::QueueSpec;
use longhaul::store::{Pause, QueueChange, QueueCounts, QueueError};

use super::bed::{Bed, at, job, queue};

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
    let pause = |millis, note: &str| Pause { at: at(millis), note: Some(note.to_owned()) };
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
    assert_eq!(counts, QueueCounts { waiting: 3, delayed: 1, open: 1 });
    let none = bed.store.queue_counts(&queue("nowhere")).await.unwrap();
    assert_eq!(none, QueueCounts::default());
}
