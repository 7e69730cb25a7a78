//! Acceptance: what is stored, in which order, how often, and when no more.

use longhaul::domain::attempt::CancelMode;
use longhaul::domain::event::JobChange;
use longhaul::domain::id::{EventNo, Seq};
use longhaul::domain::job::NewJob;
use longhaul::domain::state::JobState;
use longhaul::store::{AcceptLimits, Cancel, StartError};
use serde_json::json;
use tokio::task::JoinSet;

use super::bed::{Bed, WIDE, at, done, fresh_id, job, key, labels, queue};

/// P1, P6: the answer is the row, the event its first; the order of the arguments' keys is kept.
pub(crate) async fn an_accepted_job_is_told_as_it_is_stored(bed: Bed) {
    let new = NewJob {
        not_before: Some(at(5) + chrono::TimeDelta::microseconds(7)),
        timeout: Some(std::time::Duration::from_millis(90_001)),
        max_attempts: 3,
        idempotency: Some(key("k", 1)),
        retry_of: Some(bed.start_one().await.id),
        labels: labels(&[("team", "ü"), ("env", "")]),
        ..job()
    };
    let accepted = bed.try_start(new.clone()).await.unwrap();
    assert!(accepted.created);
    assert_eq!(bed.job(new.id).await, accepted.job);
    assert_eq!((accepted.job.state, accepted.job.seq), (JobState::Queued, Seq(1)));
    assert_eq!(accepted.job.retry_of, new.retry_of);
    assert_eq!(accepted.job.labels, new.labels);
    let args = bed.store.args(new.id).await.unwrap().unwrap();
    assert_eq!(args.to_string(), new.args.to_string());
    let by_key = bed.store.job_by_key(None, "k").await.unwrap();
    assert_eq!(by_key, Some(accepted.job));
    let events = bed.store.job_events(new.id, EventNo(0), 9).await.unwrap();
    let [event] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((event.change, event.before, event.seq), (JobChange::Queued, None, Seq(1)));
}

/// And whether there are any, after a restart.
pub(crate) async fn labels_are_kept_with_their_job(bed: Bed) {
    let labelled = labels(&[("team", "blue"), ("empty", "")]);
    let with = bed.start(NewJob { labels: labelled.clone(), ..job() }).await.id;
    let without = bed.start_one().await.id;
    let bed = bed.reopened();
    assert_eq!(bed.job(with).await.labels, labelled);
    assert!(bed.job(without).await.labels.is_empty());
}

/// Of those that are there.
pub(crate) async fn arguments_of_many_are_read_together(bed: Bed) {
    let new = |text: &str| NewJob { args: json!({ "text": text }), ..job() };
    let (one, two) = (bed.start(new("1")).await.id, bed.start(new("2")).await.id);
    let args = bed.store.args_of(vec![one, fresh_id(), two]).await;
    let wanted = [(one, json!({"text": "1"})), (two, json!({"text": "2"}))];
    assert_eq!(args, wanted.into());
}

/// P14: JSON may bring a NUL, which not every database takes for a text, and two keys are two.
pub(crate) async fn any_text_is_kept(bed: Bed) {
    let labelled = labels(&[("a\0b", "\u{1}"), ("a\u{1}0b", "\0\0")]);
    let new = |name: &str| NewJob {
        idempotency: Some(key(name, 1)),
        labels: labelled.clone(),
        args: json!({"text": "\0"}),
        ..job()
    };
    let first = bed.start(new("k\0")).await;
    let second = bed.start(new("k\u{1}0")).await;
    assert_ne!(first.id, second.id);
    let kept = bed.job(first.id).await;
    assert_eq!((&kept.labels, kept.idempotency_key.as_deref()), (&labelled, Some("k\0")));
    assert_eq!(bed.store.job_by_key(None, "k\0").await.unwrap().unwrap().id, first.id);
    assert_eq!(bed.store.args(first.id).await.unwrap(), Some(json!({"text": "\0"})));
    let note = Some("\0 enough".to_owned());
    let cancel = Cancel {
        job: first.id,
        mode: CancelMode::Graceful,
        note: note.clone(),
        by: None,
        at: at(3),
    };
    bed.store.cancel(cancel).await.unwrap();
    assert_eq!(bed.job(first.id).await.cancel_note, note);
}

/// P2
pub(crate) async fn acceptance_numbers_are_drawn_in_commit_order(bed: Bed) {
    let mut starts = JoinSet::new();
    for _ in 0..200 {
        let store = std::sync::Arc::clone(&bed.store);
        starts.spawn(async move { store.start(job(), WIDE).await.unwrap() });
    }
    while let Some(done) = starts.join_next().await {
        done.unwrap();
    }
    let changes = bed.record.commits().into_iter().flat_map(|commit| commit.changes);
    let numbers: Vec<_> = changes.map(|change| (change.event.no, change.job.accepted)).collect();
    assert_eq!(numbers.len(), 200);
    assert!(numbers.windows(2).all(|w| w[0].0 < w[1].0 && w[0].1 < w[1].1), "{numbers:?}");
}

/// P14
pub(crate) async fn one_key_makes_one_job_however_many_ask_at_once(bed: Bed) {
    let mut starts = JoinSet::new();
    for _ in 0..50 {
        let store = std::sync::Arc::clone(&bed.store);
        let new = NewJob { idempotency: Some(key("one", 7)), ..job() };
        starts.spawn(async move { store.start(new, WIDE).await.unwrap() });
    }
    let answers = starts.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.created).count(), 1);
    assert!(answers.iter().all(|answer| answer.job.id == answers[0].job.id));
    assert_eq!(bed.stored_events().await.len(), 1);
}

/// P14: refused, and nothing stored; the same content is answered even where the queue is full.
pub(crate) async fn a_key_with_other_content_is_refused(bed: Bed) {
    let first = bed.start(NewJob { idempotency: Some(key("k", 1)), ..job() }).await;
    let other = bed.try_start(NewJob { idempotency: Some(key("k", 2)), ..job() }).await;
    assert!(
        matches!(other, Err(StartError::IdempotencyConflict(id)) if id == first.id),
        "{other:?}"
    );
    let full = AcceptLimits { max_waiting: 0, ..WIDE };
    let again = NewJob { idempotency: Some(key("k", 1)), ..job() };
    let again = bed.store.start(again, full).await.unwrap();
    assert_eq!((again.created, again.job), (false, first));
    assert_eq!(bed.stored_events().await.len(), 1);
}

/// The same answers as a start's, and nothing stored.
pub(crate) async fn a_check_says_what_a_start_would(bed: Bed) {
    let keyed = || NewJob { idempotency: Some(key("k", 1)), ..job() };
    assert!(bed.store.check(keyed(), WIDE).await.unwrap().is_none());
    let first = bed.start(keyed()).await;
    assert_eq!(bed.store.check(keyed(), WIDE).await.unwrap(), Some(first.clone()));
    let other = NewJob { idempotency: Some(key("k", 2)), ..job() };
    let conflict = bed.store.check(other, WIDE).await.unwrap_err();
    assert!(matches!(conflict, StartError::IdempotencyConflict(id) if id == first.id));
    let one = AcceptLimits { max_waiting: 1, ..WIDE };
    let full = bed.store.check(job(), one).await.unwrap_err();
    assert!(matches!(full, StartError::QueueFull { waiting: 1, .. }), "{full:?}");
    let elsewhere = NewJob { queue: queue("other"), ..job() };
    assert!(bed.store.check(elsewhere, one).await.unwrap().is_none());
    assert_eq!(bed.stored_events().await.len(), 1);
}

/// P12: below, at and above; a job that runs waits no more.
pub(crate) async fn a_queue_takes_as_many_as_may_wait(bed: Bed) {
    let bed = bed.declared().await;
    let two = AcceptLimits { max_waiting: 2, ..WIDE };
    bed.store.start(job(), two).await.unwrap();
    bed.store.start(job(), two).await.unwrap();
    let third = bed.store.start(job(), two).await;
    let full = StartError::QueueFull { queue: queue("default"), waiting: 2, limit: 2 };
    assert_eq!(third.unwrap_err().to_string(), full.to_string());
    bed.store.start(NewJob { queue: queue("other"), ..job() }, two).await.unwrap();

    let claim = bed.claim_one().await;
    bed.store.start(job(), two).await.expect_err("a claimed job is still QUEUED");
    done(bed.started(&claim).await);
    bed.store.start(job(), two).await.unwrap();
    bed.store.start(job(), two).await.unwrap_err();
}

/// P12: of all queues together.
pub(crate) async fn waiting_arguments_take_as_many_bytes_as_they_may(bed: Bed) {
    let sized = |bytes: usize, name| {
        let args = json!({"a": "x".repeat(bytes - r#"{"a":""}"#.len())});
        NewJob { args, queue: queue(name), ..job() }
    };
    let limits = AcceptLimits { waiting_args_bytes: 100, ..WIDE };
    let first = bed.store.start(sized(60, "default"), limits).await.unwrap();
    let refused = bed.store.start(sized(41, "other"), limits).await.unwrap_err();
    let full = StartError::WaitingBytesFull { queue: queue("other"), bytes: 60, limit: 100 };
    assert_eq!(refused.to_string(), full.to_string());
    bed.store.start(sized(40, "other"), limits).await.unwrap();
    bed.store.start(sized(20, "default"), limits).await.unwrap_err();
    bed.cancel(first.job.id).await.unwrap();
    bed.store.start(sized(60, "default"), limits).await.unwrap();
}

/// P12: the limits hold across a restart.
pub(crate) async fn what_waits_is_known_after_a_restart(bed: Bed) {
    let new = job();
    let bytes = u64::try_from(new.args.to_string().len()).unwrap();
    bed.start(new).await;
    let bed = bed.reopened();
    let one = AcceptLimits { max_waiting: 1, ..WIDE };
    let refused = bed.store.start(job(), one).await.unwrap_err();
    assert!(matches!(refused, StartError::QueueFull { waiting: 1, .. }), "{refused:?}");
    let few = AcceptLimits { waiting_args_bytes: bytes, ..WIDE };
    let refused = bed.store.start(job(), few).await.unwrap_err();
    let StartError::WaitingBytesFull { bytes: taken, .. } = refused else { panic!("{refused:?}") };
    assert_eq!(taken, bytes);
}
