//! Writes that share a transaction: they come out as if each had been done by itself, and what they cost does not
//! grow with their number.

use std::future::Future;
use std::pin::Pin;

use futures::poll;
use longhaul::domain::attempt::AttemptEnd;
use longhaul::domain::id::JobId;
use longhaul::domain::job::NewJob;
use longhaul::domain::log::StoredLog;
use longhaul::domain::state::{EndReason, JobState};
use longhaul::store::keep::Settled;
use longhaul::store::{Accepted, Claim, Guarded, StartError};

use super::bed::{Bed, WIDE, at, done, exit, job, key, queue, request, within};

/// A write that was not yet asked for, and what its caller is told.
pub(crate) type Asked<'b> = Pin<Box<dyn Future<Output = String> + 'b>>;

/// Has all of them share a transaction, in this order, and returns what each is told.
pub(crate) async fn together<'b>(bed: &'b Bed, mut writes: Vec<Asked<'b>>) -> Vec<String> {
    bed.record.hold();
    let blocker = NewJob { queue: queue("other"), ..job() };
    let mut blocker = bed.store.start(blocker, WIDE);
    assert!(poll!(&mut blocker).is_pending());
    bed.record.entered().await;
    let before = bed.record.commits().len();
    for write in &mut writes {
        assert!(poll!(write).is_pending());
    }
    bed.record.release();
    within(blocker).await.unwrap();
    let told = within(futures::future::join_all(writes)).await;
    assert!(bed.record.commits().len() <= before + 1, "one transaction");
    told
}

/// Has each of them done before the next is asked for.
async fn one_by_one(writes: Vec<Asked<'_>>) -> Vec<String> {
    let mut told = Vec::new();
    for write in writes {
        told.push(within(write).await);
    }
    told
}

/// What becomes of these, in this order.
struct Cast {
    succeeds: Claim,
    is_tried_again: Claim,
    /// Nobody said that its process exists.
    comes_and_goes: Claim,
    is_canceled: Claim,
    is_told_twice: Claim,
    waits: JobId,
}

impl Cast {
    async fn of(bed: &Bed) -> Self {
        let succeeds = bed.running(job()).await;
        let is_tried_again = bed.running(NewJob { max_attempts: 2, ..job() }).await;
        let is_canceled = bed.running(job()).await;
        let is_told_twice = bed.running(job()).await;
        bed.start_one().await;
        let comes_and_goes = bed.claim_one().await;
        let waits = bed.start_one().await.id;
        Self { succeeds, is_tried_again, comes_and_goes, is_canceled, is_told_twice, waits }
    }

    fn ids(&self) -> Vec<JobId> {
        let claims = [
            &self.succeeds,
            &self.is_tried_again,
            &self.comes_and_goes,
            &self.is_canceled,
            &self.is_told_twice,
        ];
        claims.iter().map(|claim| claim.job.id).chain([self.waits]).collect()
    }

    fn writes<'b>(&'b self, bed: &'b Bed) -> Vec<Asked<'b>> {
        let ok = || AttemptEnd { result: Some("{\"a\":1}".to_owned()), ..exit(EndReason::Ok, 0) };
        vec![
            end(bed, &self.succeeds, ok()),
            end(bed, &self.is_tried_again, exit(EndReason::ExitCode, 3)),
            begin(bed, &self.comes_and_goes),
            cancel(bed, self.is_canceled.job.id),
            end(bed, &self.comes_and_goes, ok()),
            end(bed, &self.is_told_twice, exit(EndReason::ExitCode, 4)),
            end(bed, &self.is_canceled, ok()),
            end(bed, &self.is_told_twice, ok()),
            cancel(bed, self.waits),
            cancel(bed, self.waits),
        ]
    }

    /// All that is stored of them, but for what is theirs alone: ids, numbers, keys.
    async fn became(&self, bed: &Bed) -> Vec<String> {
        let mut became = Vec::new();
        for id in self.ids() {
            let job = bed.job(id).await;
            let result = bed.store.result(id).await.unwrap();
            let ended = (job.reason, &job.reason_text, job.exit_code, job.failures, job.delayed);
            let mut told = vec![format!("{:?} {:?} {ended:?} {result:?}", job.state, job.seq)];
            for attempt in bed.store.attempts(id, u32::MAX, 9).await.unwrap() {
                let (spawned, at) = (attempt.spawned, attempt.ended_at);
                told.push(format!("attempt {spawned} {at:?} {:?}", attempt.reason));
            }
            for event in bed.stored_events().await.iter().filter(|event| event.job == id) {
                let (before, state) = (event.before, event.state);
                told.push(format!("{:?} {:?} {before:?} {state:?}", event.seq, event.change));
            }
            became.push(told.join("\n"));
        }
        became
    }
}

fn begin<'b>(bed: &'b Bed, claim: &'b Claim) -> Asked<'b> {
    Box::pin(async { format!("{:?}", done(bed.started(claim).await).state) })
}

pub(crate) fn end<'b>(bed: &'b Bed, claim: &'b Claim, end: AttemptEnd) -> Asked<'b> {
    Box::pin(async move {
        match bed.finish(claim, end).await {
            Guarded::Done(job) => format!("{:?} {:?}", job.state, job.seq),
            Guarded::Stale => "stale".to_owned(),
        }
    })
}

/// A start, and what it made or met.
pub(crate) fn start(bed: &Bed, new: NewJob) -> Asked<'_> {
    Box::pin(async {
        match bed.try_start(new).await {
            Ok(Accepted { job, created }) => format!("{} {created} {:?}", job.id, job.state),
            Err(StartError::IdempotencyConflict(job)) => format!("{job} conflict"),
            Err(error) => panic!("{error}"),
        }
    })
}

fn cancel(bed: &Bed, job: JobId) -> Asked<'_> {
    Box::pin(async move {
        let answer = bed.cancel(job).await.unwrap();
        format!("{:?} {:?} {}", answer.job.state, answer.job.seq, answer.changed)
    })
}

/// P3, P4, P5, P10: one after the other moves its job from where the one before left it.
pub(crate) async fn what_shares_a_commit_becomes_what_it_would_alone(bed: Bed) {
    let bed = bed.declared().await;
    let alone = Cast::of(&bed).await;
    let told_alone = one_by_one(alone.writes(&bed)).await;
    let shared = Cast::of(&bed).await;
    let told = together(&bed, shared.writes(&bed)).await;
    assert_eq!(told, told_alone);
    assert_eq!(told[7], "stale");
    assert_eq!(shared.became(&bed).await, alone.became(&bed).await);
    let heard = bed.record.events();
    assert_eq!(heard, bed.stored_events().await, "P6");
}

/// P14: also for those that come at one moment, and beside a change of the job that was made before.
pub(crate) async fn keys_that_share_a_commit_make_one_job_each(bed: Bed) {
    let bed = bed.declared().await;
    let keyed = |name: &str, content| NewJob { idempotency: Some(key(name, content)), ..job() };
    let before = bed.start(keyed("before", 1)).await.id;
    let (first, other) = (keyed("new", 1), keyed("other", 1));
    let (one, two) = (first.id, other.id);
    let alien = NewJob { started_by: Some("somebody".parse().unwrap()), ..keyed("new", 2) };
    let theirs = alien.id;
    let writes = vec![
        start(&bed, first),
        cancel(&bed, before),
        start(&bed, keyed("new", 1)),
        start(&bed, other),
        start(&bed, keyed("new", 3)),
        start(&bed, alien),
        start(&bed, keyed("before", 1)),
        start(&bed, keyed("before", 2)),
    ];
    let told = together(&bed, writes).await;
    let expected = [
        format!("{one} true Queued"),
        "Canceled Seq(2) true".to_owned(),
        format!("{one} false Queued"),
        format!("{two} true Queued"),
        format!("{one} conflict"),
        format!("{theirs} true Queued"),
        format!("{before} false Canceled"),
        format!("{before} conflict"),
    ];
    assert_eq!(told, expected);
}

/// P2, P3: what looks into the tables finds what was noted before it: a claim the jobs that came with it, and none
/// that was canceled with it.
pub(crate) async fn a_claim_sees_what_shares_its_commit(bed: Bed) {
    let bed = bed.declared().await;
    let gone = bed.start_one().await.id;
    let (next, far) = (job(), NewJob { queue: queue("other"), ..job() });
    let ids = [next.id, far.id];
    let claim: Asked<'_> = Box::pin(async {
        let asked = request(&[("default", 2), ("other", 2)], at(1));
        let mut claims = bed.store.claim(asked).await.unwrap();
        claims.retain(|claim| ids.contains(&claim.job.id) || claim.job.queue == queue("default"));
        assert!(claims.windows(2).all(|pair| pair[0].fence < pair[1].fence), "by rising fence");
        claims.iter().map(|claim| claim.job.id.to_string()).collect::<Vec<_>>().join(" ")
    });
    let told =
        together(&bed, vec![cancel(&bed, gone), start(&bed, next), start(&bed, far), claim]).await;
    assert_eq!(told[3], format!("{} {}", ids[0], ids[1]));
    let open = bed.store.open_attempts().await.unwrap();
    assert_eq!(open.len(), 3, "with the one that came before: {open:?}");
}

/// What is settled together is settled as each would be.
pub(crate) async fn logs_that_are_settled_together_are_each_their_own(bed: Bed) {
    let bed = bed.declared().await;
    let mut ended = Vec::new();
    for _ in 0..3 {
        let claim = bed.running(job()).await;
        ended.push(done(bed.finish(&claim, exit(EndReason::Ok, 0)).await).id);
    }
    let never_ran = bed.start_one().await.id;
    bed.cancel(never_ran).await.unwrap();
    let running = bed.running(job()).await.job.id;
    let log = |text: &str| StoredLog { attempt: 1, frames: text.as_bytes().into() };
    let settled = |job, bytes, logs| Settled { job, log_bytes: bytes, logs };
    let all = vec![
        settled(ended[0], 3, Some(vec![log("abc")])),
        settled(ended[1], 70_000, None),
        settled(never_ran, 0, Some(Vec::new())),
        settled(running, 9, Some(vec![log("no end yet")])),
        settled(ended[2], 2, Some(vec![log("de")])),
    ];
    bed.store.settle(all).await.unwrap();
    let mut kept = Vec::new();
    for id in ended.iter().copied().chain([never_ran, running]) {
        let logs = bed.store.stored_logs(id).await.unwrap();
        kept.push(logs.iter().map(|log| log.frames.to_vec()).collect::<Vec<_>>());
    }
    let none = Vec::new;
    assert_eq!(kept, [vec![b"abc".to_vec()], none(), vec![b"de".to_vec()], none(), none()]);
    assert_eq!(bed.job(running).await.state, JobState::Running);
    let mut doomed = bed.store.doomed_folders(9).await.unwrap();
    doomed.sort_unstable();
    let mut gone = vec![ended[0], ended[2]];
    gone.sort_unstable();
    assert_eq!(doomed, gone);
}
