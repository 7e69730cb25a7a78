//! Several stores on one PostgreSQL schema, as several servers open them.

use std::sync::Arc;
use std::time::Duration;

use longhaul::domain::clock::since_boot;
use longhaul::domain::event::{Event, JobChange};
use longhaul::domain::id::EventNo;
use longhaul::domain::job::{Job, NewJob};
use longhaul::domain::state::{EndReason, JobState};
use longhaul::domain::worker::Worker;
use longhaul::store::fleet::{Joining, Lease};
use longhaul::store::postgres::{Options, PostgresStore};
use longhaul::store::{
    AcceptLimits, Claim, ClaimRequest, CommitSink, Fleet, Guarded, JoinError, QueueChange,
    StartError, Store,
};
use tokio::sync::mpsc;

use super::bed::{
    Backend, Bed, WIDE, at, done, exit, finish, job, kind, queue, request, within, worker,
};
use super::outage::behind;
use crate::support::postgres::{client, cluster};
use crate::support::proxy::Way;

/// A data folder on a schema.
pub(crate) struct Folder {
    pub(crate) url: String,
    pub(crate) home: &'static str,
}

impl Backend for Folder {
    fn open(&self, on_commit: CommitSink) -> Arc<dyn Store> {
        let options = Options::new(&self.url, on_commit);
        Arc::new(PostgresStore::open(Options { home: self.home.to_owned(), ..options }).unwrap())
    }
}

/// Two servers' stores on one empty schema, which follow each other; queues of four slots.
pub(super) async fn two() -> (String, Bed, Bed) {
    let url = cluster().schema().await;
    let bed = |home| Bed::new(Folder { url: url.clone(), home });
    let (a, b) = (bed("a").declared().await, bed("b"));
    for bed in [&a, &b] {
        fleet(bed).follow(EventNo(0));
    }
    (url, a, b)
}

pub(crate) fn fleet(bed: &Bed) -> &dyn Fleet {
    bed.store.fleet().expect("PostgreSQL is shared")
}

/// Brings a worker in; hears of its lease.
pub(crate) async fn join(
    bed: &Bed,
    worker: Worker,
    lease: Duration,
) -> Result<mpsc::Receiver<Lease>, JoinError> {
    let (tell, told) = mpsc::channel(1_000);
    let on_lease = Arc::new(move |lease| {
        let _ = tell.try_send(lease);
    });
    let on_growth = Arc::new(|_| ());
    let on_progress = Arc::new(|_| ());
    let on_time = Arc::new(|_, _| ());
    let kinds = vec![kind("work")];
    let declared = [(kind("work"), "as here".to_owned()), (kind("other"), String::new())].into();
    let joining =
        Joining { worker, kinds, declared, lease, on_lease, on_growth, on_progress, on_time };
    within(fleet(bed).join(joining)).await.map(|()| told)
}

/// A minute, as it is by default.
pub(super) const MINUTE: Duration = Duration::from_secs(60);

pub(super) async fn claim_by(bed: &Bed, name: &str, limit: u32) -> Vec<Claim> {
    let worker = worker(name).name();
    let request = ClaimRequest { worker, ..request(&[("default", limit)], at(1)) };
    within(bed.store.claim(request)).await.unwrap()
}

fn numbers(claims: &[Claim]) -> Vec<i64> {
    claims.iter().map(|claim| claim.job.accepted.0).collect()
}

/// P2, P3: the one accepted first is claimed first, by whomever, and four slots are four over both.
#[tokio::test]
async fn claims_of_two_workers_share_the_line_and_its_slots() {
    let (_, a, b) = two().await;
    let _a = join(&a, worker("a"), MINUTE).await.unwrap();
    let _b = join(&b, worker("b"), MINUTE).await.unwrap();
    for _ in 0..4 {
        a.start_one().await;
        b.start_one().await;
    }
    let first = claim_by(&a, "a", 3).await;
    assert_eq!(numbers(&first), [1, 2, 3]);
    let second = claim_by(&b, "b", 3).await;
    assert_eq!(numbers(&second), [4], "P3");
    assert!(second[0].fence > first[2].fence);
    assert_eq!(numbers(&claim_by(&a, "a", 1).await), [0; 0]);
    done(a.finish(&first[1], exit(EndReason::Ok, 0)).await);
    assert_eq!(numbers(&claim_by(&b, "b", 3).await), [5]);
    // Whoever asks for more gets more, whoever is asked.
    a.store.change_queue(queue("default"), QueueChange::Slots(6)).await.unwrap();
    assert_eq!(numbers(&claim_by(&b, "b", 9).await), [6, 7]);
}

/// P12: what waits is counted over both.
#[tokio::test]
async fn a_queue_is_full_for_both() {
    let (_, a, b) = two().await;
    let limits = AcceptLimits { max_waiting: 3, ..WIDE };
    for bed in [&a, &b, &a] {
        within(bed.store.start(job(), limits)).await.unwrap();
    }
    let refused = within(b.store.start(job(), limits)).await.unwrap_err();
    assert!(matches!(refused, StartError::QueueFull { waiting: 3, .. }), "{refused:?}");
    claim_by(&a, "a", 1).await.pop().map(|claim| claim.fence).unwrap();
    // Claimed is still QUEUED; canceled is not.
    let waiting = a.store.waiting().await.unwrap()[0].job;
    a.cancel(waiting).await.unwrap();
    within(b.store.start(job(), limits)).await.unwrap();
    let refused = within(a.store.start(job(), limits)).await.unwrap_err();
    assert!(matches!(refused, StartError::QueueFull { waiting: 3, .. }), "{refused:?}");
}

/// P6: each hears all of it, in one order, its own and the other's.
#[tokio::test]
async fn both_are_told_one_history() {
    let (_, a, b) = two().await;
    for _ in 0..3 {
        let claim = a.running(job()).await;
        b.start_one().await;
        done(b.finish(&claim, exit(EndReason::Ok, 0)).await);
        b.cancel(b.store.waiting().await.unwrap()[0].job).await.unwrap();
    }
    // A look of its own is a transaction of its own.
    a.store.declare_queues(Vec::new()).await.unwrap();
    let told = |bed: &Bed| -> Vec<(Event, Arc<Job>)> {
        let changes = bed.record.commits().into_iter().flat_map(|commit| commit.changes);
        changes.map(|change| (change.event, change.job)).collect()
    };
    let stored = a.stored_events().await;
    for bed in [&a, &b] {
        let told = told(bed);
        assert_eq!(told.iter().map(|(event, _)| event.clone()).collect::<Vec<_>>(), stored);
        // The row of a change is that of its seq, or a later one.
        assert!(told.iter().all(|(event, job)| event.seq <= job.seq));
        let is_last = |(event, job): &&(Event, Arc<Job>)| event.seq == job.seq;
        let ends = told.iter().filter(|(event, _)| event.change == JobChange::Ended);
        assert!(ends.clone().count() == 6 && ends.clone().all(|told| is_last(&told)));
    }
}

/// A job that the other one brought into line is in line here, too.
#[tokio::test]
async fn what_the_other_one_promoted_is_told() {
    let (_, a, b) = two().await;
    let delayed = a.start(NewJob { not_before: Some(at(50)), ..job() }).await;
    let promote = async |bed: &Bed| {
        let request = ClaimRequest { due: vec![delayed.accepted], ..request(&[], at(60)) };
        within(bed.store.claim(request)).await.unwrap();
        let commits = bed.record.commits().into_iter().flat_map(|commit| commit.promoted);
        commits.map(|promoted| promoted.job).collect::<Vec<_>>()
    };
    assert_eq!(promote(&a).await, [delayed.id]);
    assert_eq!(promote(&b).await, [delayed.id]);
    assert_eq!(claim_by(&a, "a", 1).await.len(), 1);
    assert_eq!(promote(&b).await, [delayed.id], "it is claimed by now");
}

/// Two that live have two names; whoever has the folder is its next start.
#[tokio::test]
async fn one_name_is_one_worker() {
    let (_, a, b) = two().await;
    let _a = join(&a, worker("same"), MINUTE).await.unwrap();
    let other = Worker { id: worker("other").id, ..worker("same") };
    let refused = join(&b, other.clone(), MINUTE).await.unwrap_err();
    assert!(
        matches!(&refused, JoinError::NameTaken { name, .. } if **name == *"same"),
        "{refused}"
    );
    assert_eq!(fleet(&a).members().await.unwrap().len(), 1);
    fleet(&a).leave().await.unwrap();
    let _b = join(&b, other.clone(), MINUTE).await.unwrap();
    let members = fleet(&a).members().await.unwrap();
    let [member] = members.as_slice() else { panic!("{members:?}") };
    assert_eq!((member.worker.id, member.is_live, member.is_draining), (other.id, true, false));
    assert_eq!(member.kinds, [kind("work")]);
    let declared: Vec<_> = member.declared.iter().map(|(k, text)| (k.as_str(), &**text)).collect();
    assert_eq!(declared, [("other", ""), ("work", "as here")]);
}

/// Whoever drains, or left, is given nothing.
#[tokio::test]
async fn who_drains_claims_nothing() {
    let (_, a, b) = two().await;
    let me = worker("a");
    let _a = join(&a, me.clone(), MINUTE).await.unwrap();
    a.start_one().await;
    assert_eq!(fleet(&b).drain(worker("nobody").id, true).await.unwrap(), None);
    assert_eq!(fleet(&b).drain(me.id, true).await.unwrap(), Some(true));
    assert_eq!(fleet(&b).drain(me.id, true).await.unwrap(), Some(false));
    assert_eq!(numbers(&claim_by(&a, "a", 1).await), [0; 0]);
    assert_eq!(fleet(&b).drain(me.id, false).await.unwrap(), Some(true));
    assert_eq!(numbers(&claim_by(&a, "a", 1).await), [1]);
    a.start_one().await;
    fleet(&a).leave().await.unwrap();
    assert_eq!(numbers(&claim_by(&a, "a", 1).await), [0; 0]);
}

/// P4, P11: only what was not heard of for a lease and five seconds is reaped, by who was heard of for a
/// lease; what the dead one then says is refused.
#[tokio::test]
async fn the_jobs_of_the_dead_are_given_back() {
    let (url, a, b) = two().await;
    let lease = Duration::from_secs(1);
    let _a = join(&a, worker("a"), MINUTE).await.unwrap();
    a.start_one().await;
    a.start_one().await;
    let claims = claim_by(&a, "a", 2).await;
    done(a.started(&claims[0]).await);
    let mut leases = join(&b, worker("b"), lease).await.unwrap();
    assert_eq!(fleet(&b).reap(at(9)).await.unwrap(), [], "it is not steady yet");
    let begun = since_boot();
    let mut renewed = async || {
        assert!(matches!(within(leases.recv()).await, Some(Lease::Renewed(_))));
    };
    while since_boot() < begun + 2 * lease {
        renewed().await;
    }
    assert_eq!(fleet(&b).reap(at(9)).await.unwrap(), [], "it lives");
    // From here on nobody renews the lease of the first.
    let a = a.reopened();
    let silent = async |ago: i64| {
        let sql = "UPDATE workers SET last_seen_at = (extract(epoch FROM clock_timestamp()) * 1000)::bigint - $1
                   WHERE name = 'a'";
        client(&url).await.execute(sql, &[&ago]).await.unwrap();
    };
    silent(61_000).await;
    assert_eq!(fleet(&b).reap(at(9)).await.unwrap(), [], "the margin is not over");
    silent(65_001).await;
    // A machine that was busy for a moment makes it begin its whole lease again.
    let mut reaped = Vec::new();
    while reaped.is_empty() {
        renewed().await;
        reaped = within(fleet(&b).reap(at(9))).await.unwrap();
    }
    assert_eq!(reaped.iter().map(|(w, jobs)| (&*w.name, *jobs)).collect::<Vec<_>>(), [("a", 2)]);
    for claim in &claims {
        let row = b.job(claim.job.id).await;
        assert_eq!((row.state, row.open, row.losses), (JobState::Queued, None, 1));
    }
    let late = finish(claims[0].job.id, claims[0].fence, exit(EndReason::Ok, 0));
    assert_eq!(within(a.store.finish(late)).await.unwrap(), Guarded::Stale, "P4");
    assert_eq!(numbers(&claim_by(&b, "b", 9).await), [1, 2], "P2: in their old place");
}

/// A folder's files are a matter of its own server.
#[tokio::test]
async fn what_lies_in_a_folder_is_its_servers() {
    let (_, a, b) = two().await;
    let _a = join(&a, worker("a"), MINUTE).await.unwrap();
    let _b = join(&b, worker("b"), MINUTE).await.unwrap();
    for _ in 0..2 {
        a.start_one().await;
    }
    let (of_a, of_b) = (claim_by(&a, "a", 1).await.remove(0), claim_by(&b, "b", 1).await.remove(0));
    for (bed, own) in [(&a, &of_a), (&b, &of_b)] {
        let left = bed.store.own_attempts().await.unwrap();
        assert_eq!(left.iter().map(|(job, _)| job.id).collect::<Vec<_>>(), [own.job.id]);
        assert_eq!(bed.store.open_attempts().await.unwrap().len(), 2);
    }
    for (bed, claim) in [(&a, &of_a), (&b, &of_b)] {
        done(bed.finish(claim, exit(EndReason::Ok, 0)).await);
        let unsettled = bed.store.unsettled(longhaul::domain::id::AcceptNo(0), 9).await.unwrap();
        assert_eq!(unsettled.iter().map(|u| u.job).collect::<Vec<_>>(), [claim.job.id]);
    }
    let settled = |claim: &Claim| longhaul::store::keep::Settled {
        job: claim.job.id,
        log_bytes: 0,
        logs: Some(Vec::new()),
    };
    a.store.settle(vec![settled(&of_a)]).await.unwrap();
    b.store.settle(vec![settled(&of_b)]).await.unwrap();
    assert_eq!(a.store.doomed_folders(9).await.unwrap(), [of_a.job.id]);
    b.store.folders_gone(vec![of_a.job.id]).await.unwrap();
    assert_eq!(a.store.doomed_folders(9).await.unwrap(), [of_a.job.id], "it is not gone there");
}

/// What comes while another server has the lock of the schema joins the transaction that waits for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_while_another_one_commits_shares_the_next_commit() {
    let (bed, proxy, direct) = behind().await;
    let other = client(&direct).await;
    let lock = "SELECT pg_advisory_lock(1279804484, hashtext(current_schema()))";
    other.execute(lock, &[]).await.unwrap();
    proxy.go(Way::Watch { at: "BEGIN" });
    let mut starts: Vec<_> = (0..4).map(|_| Box::pin(bed.try_start(job()))).collect();
    assert!(futures::poll!(&mut starts[0]).is_pending());
    within(proxy.has_come()).await;
    for start in &mut starts[1..] {
        assert!(futures::poll!(start).is_pending());
    }
    other.execute("SELECT pg_advisory_unlock_all()", &[]).await.unwrap();
    within(futures::future::try_join_all(starts)).await.unwrap();
    let sizes: Vec<_> = bed.record.commits().iter().map(|commit| commit.changes.len()).collect();
    assert_eq!(sizes.last(), Some(&4), "one flush for all of them: {sizes:?}");
}

/// P12: a server that is frozen or cut off with the lock of the schema in its hand loses it before others give
/// up waiting for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_falls_silent_with_the_lock_keeps_nobody_from_writing() {
    let (a, proxy, url) = behind().await;
    let b = tokio::task::spawn_blocking(move || Bed::new(Folder { url, home: "b" })).await.unwrap();
    fleet(&b).follow(EventNo(0));
    let before = b.try_start(job()).await;
    assert!(before.is_ok(), "{before:?}");
    proxy.go(Way::Hush { at: "COMMIT" });
    let beside = async {
        within(proxy.has_come()).await;
        within(b.try_start(job())).await
    };
    // What became of its own it can ask nobody.
    let started = tokio::select! {
        started = beside => started,
        silent = a.try_start(job()) => panic!("it was answered: {silent:?}"),
    };
    assert!(started.is_ok(), "{started:?}");
}
