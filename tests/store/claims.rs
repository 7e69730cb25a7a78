//! Claims: the order, and what is left in line.

use std::collections::HashSet;
use std::sync::Arc;

use longhaul::domain::job::{Delay, NewJob};
use longhaul::domain::kind::Kind;
use longhaul::domain::state::{EndReason, JobState};
use longhaul::store::{ClaimRequest, Pause, QueueChange, Waiting};
use tokio::task::JoinSet;

use super::bed::{Bed, Fixed, at, done, exit, job, kind, queue, request};
use crate::support::kinds::{self, labels};

/// P2: by rising fence within each queue, in the order of the queues asked for.
pub(crate) async fn the_oldest_job_of_each_queue_is_claimed_first(bed: Bed) {
    let bed = bed.declared().await;
    let mut ids = Vec::new();
    for name in ["default", "other", "default", "other", "default"] {
        ids.push(bed.start(NewJob { queue: queue(name), ..job() }).await.id);
    }
    let claims = bed.store.claim(request(&[("other", 1), ("default", 2)], at(1))).await.unwrap();
    let claimed: Vec<_> = claims.iter().map(|claim| claim.job.id).collect();
    assert_eq!(claimed, [ids[1], ids[0], ids[2]]);
    assert!(claims.windows(2).all(|pair| pair[0].fence < pair[1].fence));
    for claim in &claims {
        assert_eq!((claim.job.state, claim.job.attempt), (JobState::Queued, 1));
        assert_eq!((claim.job.open, claim.job.seq.0), (Some(claim.fence), 2));
        assert_eq!(claim.args, job().args);
        assert_eq!(bed.job(claim.job.id).await, claim.job);
    }
    let rest: Vec<_> = bed.store.waiting().await.unwrap().iter().map(|w| w.job).collect();
    assert_eq!(rest, [ids[3], ids[4]]);
}

/// P4
pub(crate) async fn no_job_is_claimed_twice(bed: Bed) {
    let bed = bed.declared().await;
    for _ in 0..60 {
        bed.start_one().await;
    }
    let mut claims = JoinSet::new();
    for _ in 0..20 {
        let store = Arc::clone(&bed.store);
        claims.spawn(async move { store.claim(request(&[("default", 4)], at(1))).await.unwrap() });
    }
    let claims: Vec<_> = claims.join_all().await.into_iter().flatten().collect();
    let jobs: HashSet<_> = claims.iter().map(|claim| claim.job.id).collect();
    let fences: HashSet<_> = claims.iter().map(|claim| claim.fence).collect();
    assert_eq!((claims.len(), jobs.len(), fences.len()), (60, 60, 60));
}

/// A kind that no worker takes does not hold up the others.
pub(crate) async fn jobs_of_other_kinds_are_passed_over(bed: Bed) {
    let bed = bed.declared().await;
    let strange = bed.start(NewJob { kind: kind("gone"), ..job() }).await;
    let plain = bed.start_one().await;
    let claims = bed.claim(9, at(1)).await;
    assert_eq!(claims.iter().map(|c| c.job.id).collect::<Vec<_>>(), [plain.id]);
    assert_eq!(bed.job(strange.id).await, strange);
}

/// P2: who has labels takes the oldest of what it may run; who has not takes the oldest of the rest.
pub(crate) async fn what_asks_for_other_labels_is_passed_over(bed: Bed) {
    let bed = bed.declared().await;
    let gpu = |name: &str| Kind {
        worker_labels: labels(&[("gpu", "a100")]),
        ..kinds::kind(name, &["true"])
    };
    let catalog = kinds::catalog(vec![kinds::kind("work", &["true"]), gpu("train")], Vec::new());
    let by = |has: &[(&str, &str)], limit| ClaimRequest {
        kinds: catalog.runnable_with(&labels(has)).cloned().collect(),
        ..request(&[("default", limit)], at(1))
    };
    let mut ids = Vec::new();
    for name in ["train", "work", "train", "work", "work", "train"] {
        ids.push(bed.start(NewJob { kind: kind(name), ..job() }).await.id);
    }
    let claim = async |has: &[(&str, &str)], limit| {
        let claims = bed.store.claim(by(has, limit)).await.unwrap();
        claims.iter().map(|claim| claim.job.id).collect::<Vec<_>>()
    };
    assert_eq!(claim(&[], 1).await, ids[1..2]);
    // Another value is another label.
    assert_eq!(claim(&[("gpu", "h100")], 1).await, ids[3..4]);
    assert_eq!(claim(&[("gpu", "a100"), ("zone", "b")], 2).await, [ids[0], ids[2]]);
    assert_eq!(claim(&[("gpu", "a100")], 1).await, ids[4..5]);
    assert!(claim(&[], 9).await.is_empty());
    let rest: Vec<_> = bed.store.waiting().await.unwrap().iter().map(|w| w.job).collect();
    assert_eq!(rest, ids[5..]);
}

/// P2: told as promoted, without an event; the seq stays.
pub(crate) async fn a_delayed_job_takes_its_place_by_acceptance(bed: Bed) {
    let bed = bed.declared().await;
    let first = bed.start(NewJob { not_before: Some(at(100)), ..job() }).await;
    let third = NewJob { not_before: Some(at(90)), queue: queue("other"), ..job() };
    let second = bed.start_one().await;
    let third = bed.start(third).await;
    assert_eq!(first.delayed, Some((at(100), Delay::NotBefore)));
    let delayed_until = Some(at(100));
    let waits = Waiting {
        job: first.id,
        queue: queue("default"),
        kind: first.kind.clone(),
        accepted: first.accepted,
        delayed_until,
    };
    assert_eq!(bed.store.waiting().await.unwrap()[0], waits);

    let early = bed.claim(1, at(99)).await;
    assert_eq!(early[0].job.id, second.id, "the first is not in line yet");
    let promoted = |n: usize| {
        let commits = bed.record.commits();
        commits[commits.len() - n].promoted.iter().map(|p| p.job).collect::<Vec<_>>()
    };
    assert_eq!(promoted(1), [third.id], "also in a queue that was not asked for");
    let younger = bed.start_one().await;
    let due = bed.claim(2, at(100)).await;
    assert_eq!(due.iter().map(|c| c.job.id).collect::<Vec<_>>(), [first.id, younger.id]);
    assert_eq!(promoted(1), [first.id]);
    assert_eq!((due[0].job.seq.0, due[0].job.delayed), (2, None));
    let third = bed.job(third.id).await;
    assert_eq!((third.seq.0, third.delayed, third.is_in_line()), (1, None, true));

    let past = bed.start(NewJob { not_before: Some(at(0)), ..job() }).await;
    assert!(past.is_in_line(), "`notBefore` was over when it was accepted");
}

/// Design section 3: the clock may be set back.
pub(crate) async fn the_instant_of_claims_never_falls_along_a_queue(bed: Bed) {
    let bed = bed.declared().await;
    for _ in 0..3 {
        bed.start_one().await;
    }
    bed.start(NewJob { queue: queue("other"), ..job() }).await;
    let mut instants = Vec::new();
    for now in [100, 40, 120] {
        instants.push(bed.claim(1, at(now)).await[0].job.started_at.unwrap());
    }
    assert_eq!(instants, [at(100), at(100), at(120)]);
    let other = bed.store.claim(request(&[("other", 1)], at(50))).await.unwrap();
    assert_eq!(other[0].job.started_at, Some(at(50)));
}

/// A pause that was answered holds whatever the dispatcher still asks for.
pub(crate) async fn a_paused_or_unknown_queue_gives_nothing(bed: Bed) {
    let bed = bed.declared().await;
    bed.start_one().await;
    bed.start(NewJob { queue: queue("nobody-declared-it"), ..job() }).await;
    let pause = QueueChange::Pause(Pause { at: at(0), note: None, by: None });
    bed.store.change_queue(queue("default"), pause).await.unwrap();
    let asked = request(&[("default", 9), ("nobody-declared-it", 9)], at(1));
    assert!(bed.store.claim(asked).await.unwrap().is_empty());
    bed.store.change_queue(queue("default"), QueueChange::Resume).await.unwrap();
    assert_eq!(bed.claim(9, at(1)).await.len(), 1);
}

/// Its attempt is open all the same, so that its end says why.
pub(crate) async fn a_plan_that_fails_is_claimed_with_its_reason(bed: Bed) {
    let bed = bed.declared().await;
    bed.start_one().await;
    let planner = Arc::new(Fixed(Err("no such kind".to_owned())));
    let asked = ClaimRequest { planner, ..request(&[("default", 1)], at(1)) };
    let claim = bed.store.claim(asked).await.unwrap().remove(0);
    assert_eq!(claim.plan, Err("no such kind".to_owned()));
    let attempt = bed.store.attempts(claim.job.id, u32::MAX, 1).await.unwrap().remove(0);
    assert!(attempt.argv.is_empty());
    let failed = done(bed.finish(&claim, exit(EndReason::SpawnFailed, 1)).await);
    assert_eq!(failed.state, JobState::Failed);
}
