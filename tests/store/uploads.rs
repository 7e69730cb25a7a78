//! Logs on their way through one PostgreSQL schema: what one server uploads of its attempts another reads.

use longhaul::domain::attempt::AttemptEnd;
use longhaul::domain::id::{AcceptNo, Fence, JobId};
use longhaul::domain::log::StoredLog;
use longhaul::domain::state::EndReason;
use longhaul::store::Claim;
use longhaul::store::carried::Printed;
use longhaul::store::fleet::{LogPart, Object, Segment, Upload, Uploaded};
use longhaul::store::keep::{Prune, Settled};

use super::bed::{Bed, at, done, exit, job, unrecorded, within, worker};
use super::fleet::{MINUTE, claim_by, fleet, join, two};
use crate::support::postgres::client;

/// Bytes `start..until` of what an attempt printed; what they are is nothing to the store.
fn part(number: u32, start: u64, until: u64) -> LogPart {
    let frames = (start..until).map(|at| at.to_le_bytes()[0]).collect();
    LogPart { number, start, until, frames, ..LogPart::default() }
}

async fn upload(bed: &Bed, claim: &Claim, part: LogPart) -> Uploaded {
    let (job, fence) = (claim.job.id, claim.fence);
    within(fleet(bed).upload(Upload { job, fence, part, room: 1_000, is_late: false }))
        .await
        .unwrap()
}

async fn read(bed: &Bed, job: JobId, after: (u32, u64)) -> Vec<LogPart> {
    within(fleet(bed).uploaded(job, after)).await.unwrap()
}

/// Where the parts of a job begin and end.
async fn places(bed: &Bed, job: JobId) -> Vec<(u32, u64, u64)> {
    let parts = read(bed, job, (0, 0)).await;
    parts.iter().map(|part| (part.number, part.start, part.until)).collect()
}

/// Two servers of which the first runs a job.
async fn running() -> (String, Bed, Bed, Claim) {
    let (url, a, b) = two().await;
    let _a = join(&a, worker("a"), MINUTE).await.unwrap();
    let _b = join(&b, worker("b"), MINUTE).await.unwrap();
    a.start_one().await;
    let claim = claim_by(&a, "a", 1).await.remove(0);
    (url, a, b, claim)
}

/// P4: whoever comes with an old claim changes nothing, and is told so.
#[tokio::test]
async fn only_the_open_claim_adds_to_a_log() {
    let (_, a, b, claim) = running().await;
    assert_eq!(upload(&a, &claim, part(1, 0, 10)).await, Uploaded::Done);
    assert_eq!(read(&b, claim.job.id, (0, 0)).await, [part(1, 0, 10)]);
    done(a.finish(&claim, unrecorded(EndReason::Lost)).await);
    assert_eq!(upload(&a, &claim, part(1, 10, 20)).await, Uploaded::Stale);
    let second = claim_by(&b, "b", 1).await.remove(0);
    assert_eq!(second.job.attempt, 2);
    assert_eq!(upload(&a, &claim, part(1, 10, 20)).await, Uploaded::Stale);
    assert_eq!(upload(&b, &second, part(2, 0, 5)).await, Uploaded::Done);
    assert_eq!(places(&a, claim.job.id).await, [(1, 0, 10), (2, 0, 5)]);
}

/// A part that would leave a gap is refused; one that is there already is there once; one that holds others
/// takes their place.
#[tokio::test]
async fn parts_have_no_gap_and_do_not_add_up() {
    let (_, a, b, claim) = running().await;
    let id = claim.job.id;
    assert_eq!(upload(&a, &claim, part(1, 10, 20)).await, Uploaded::Apart(0));
    for (start, until) in [(0, 10), (10, 20), (10, 20), (20, 25)] {
        assert_eq!(upload(&a, &claim, part(1, start, until)).await, Uploaded::Done);
    }
    assert_eq!(places(&b, id).await, [(1, 0, 10), (1, 10, 20), (1, 20, 25)]);
    assert_eq!(upload(&a, &claim, part(1, 30, 35)).await, Uploaded::Apart(25));
    assert_eq!(upload(&a, &claim, part(1, 10, 40)).await, Uploaded::Done);
    assert_eq!(places(&b, id).await, [(1, 0, 10), (1, 10, 40)]);
    // The part that was read last comes first, without what it holds; then only what is new.
    assert_eq!(upload(&a, &claim, part(1, 40, 45)).await, Uploaded::Done);
    let known = LogPart { frames: Vec::new(), ..part(1, 10, 40) };
    assert_eq!(read(&b, id, (1, 40)).await, [known, part(1, 40, 45)]);
    assert_eq!(read(&b, id, (1, 25)).await, [part(1, 10, 40), part(1, 40, 45)]);
    // That no more comes is known without any more bytes.
    let cut = LogPart { is_cut: true, ..part(1, 45, 45) };
    assert_eq!(upload(&a, &claim, cut).await, Uploaded::Done);
    let known = LogPart { frames: Vec::new(), is_cut: true, ..part(1, 40, 45) };
    assert_eq!(read(&b, id, (1, 45)).await, [known]);
}

/// P12: what the attempts of a job take together has its bound.
#[tokio::test]
async fn a_jobs_log_has_so_much_room() {
    let (_, a, _, claim) = running().await;
    assert_eq!(upload(&a, &claim, part(1, 0, 100)).await, Uploaded::Done);
    done(a.finish(&claim, unrecorded(EndReason::Lost)).await);
    let second = claim_by(&a, "a", 1).await.remove(0);
    let (job, fence) = (claim.job.id, second.fence);
    let try_with = async |room, part| {
        within(fleet(&a).upload(Upload { job, fence, part, room, is_late: false })).await.unwrap()
    };
    assert_eq!(try_with(99, part(2, 0, 10)).await, Uploaded::Full);
    assert_eq!(places(&a, job).await, [(1, 0, 100)]);
    assert_eq!(try_with(100, part(2, 0, 10)).await, Uploaded::Done);
}

/// What a server settles of its own folder replaces what it had uploaded of that; what another server printed
/// stays, and counts. All of it goes with the job.
#[tokio::test]
async fn what_was_uploaded_goes_when_it_is_settled_or_pruned() {
    let (url, a, b, first) = running().await;
    let id = first.job.id;
    assert_eq!(upload(&a, &first, part(1, 0, 30)).await, Uploaded::Done);
    done(a.finish(&first, unrecorded(EndReason::Lost)).await);
    let second = claim_by(&b, "b", 1).await.remove(0);
    assert_eq!(upload(&b, &second, part(2, 0, 5)).await, Uploaded::Done);
    done(b.finish(&second, exit(EndReason::Ok, 0)).await);
    let log = StoredLog { attempt: 2, frames: [7; 5].into() };
    let settled = Settled { job: id, log_bytes: 5, logs: Some(vec![log.clone()]) };
    within(b.store.settle(vec![settled])).await.unwrap();
    assert_eq!(places(&a, id).await, [(1, 0, 30)]);
    assert_eq!(a.store.stored_logs(id).await.unwrap(), [log]);
    assert_eq!(a.store.kept().await.unwrap().log_bytes, 35);
    let prune = Prune { jobs: vec![id], keys_before: at(9), at: at(9), within: MINUTE };
    assert_eq!(within(a.store.prune(prune)).await.unwrap().removed, 1);
    let left = "SELECT count(*) FROM log_chunks";
    let left: i64 = client(&url).await.query_one(left, &[]).await.unwrap().get(0);
    assert_eq!(left, 0);
    // A folder that stays has all of its log; its copy is read elsewhere, and counts once.
    b.start(job()).await;
    let third = claim_by(&a, "a", 1).await.remove(0);
    assert_eq!(upload(&a, &third, part(1, 0, 40)).await, Uploaded::Done);
    done(a.finish(&third, exit(EndReason::Ok, 0)).await);
    let settled = Settled { job: third.job.id, log_bytes: 40, logs: None };
    within(a.store.settle(vec![settled])).await.unwrap();
    assert_eq!(places(&b, third.job.id).await, [(1, 0, 40)]);
    assert_eq!(a.store.kept().await.unwrap().log_bytes, 40);
    // A server of an earlier release knows nothing of parts.
    let client = client(&url).await;
    for table in ["job_events", "attempts", "job_args", "job_labels"] {
        client.execute(&format!("DELETE FROM {table}"), &[]).await.unwrap();
    }
    client.execute("DELETE FROM jobs", &[]).await.unwrap();
    assert_eq!(places(&b, third.job.id).await, []);
}

/// The same with its bytes in an object.
fn in_object(number: u32, start: u64, until: u64) -> LogPart {
    let object = Some(Object { name: format!("{number}/{start}-{until}"), bytes: until - start });
    LogPart { frames: Vec::new(), object, ..part(number, start, until) }
}

async fn late(bed: &Bed, claim: &Claim, part: LogPart) -> Uploaded {
    let (job, fence) = (claim.job.id, claim.fence);
    within(fleet(bed).upload(Upload { job, fence, part, room: 1_000, is_late: true }))
        .await
        .unwrap()
}

/// An end that said how much was printed.
fn printed() -> AttemptEnd {
    let mut end = exit(EndReason::Ok, 0);
    end.usage.log_bytes = 100;
    end
}

/// P4: what is late is added by a claim that said its own end, and by no other.
#[tokio::test]
async fn what_is_late_is_added_by_who_said_the_end() {
    let (_, a, b, first) = running().await;
    let id = first.job.id;
    assert_eq!(upload(&a, &first, part(1, 0, 10)).await, Uploaded::Done);
    done(a.finish(&first, unrecorded(EndReason::Lost)).await);
    assert_eq!(late(&a, &first, in_object(1, 10, 20)).await, Uploaded::Stale);
    let second = claim_by(&b, "b", 1).await.remove(0);
    assert_eq!(late(&a, &first, in_object(1, 10, 20)).await, Uploaded::Stale);
    assert_eq!(late(&b, &second, part(2, 0, 30)).await, Uploaded::Done, "it is open");
    done(b.finish(&second, printed()).await);
    assert_eq!(upload(&b, &second, in_object(2, 30, 100)).await, Uploaded::Stale);
    let (job, fence) = (id, Fence(second.fence.0 + 1));
    let of_nobody = Upload { job, fence, part: in_object(2, 30, 100), room: 1_000, is_late: true };
    assert_eq!(within(fleet(&b).upload(of_nobody)).await.unwrap(), Uploaded::Stale);
    // Of the log of the other attempt this claim is none.
    assert_eq!(late(&b, &second, in_object(1, 10, 20)).await, Uploaded::Stale);
    assert_eq!(late(&b, &second, in_object(2, 30, 100)).await, Uploaded::Done);
    let known = LogPart { frames: Vec::new(), ..part(1, 0, 10) };
    assert_eq!(read(&a, id, (1, 10)).await, [known, part(2, 0, 30), in_object(2, 30, 100)]);
}

/// An object takes the place of the small parts that it holds; what the tail has lost is not kept; both are
/// told to who removes objects. A word that the rest is with its worker ends with the rest.
#[tokio::test]
async fn objects_take_the_place_of_parts() {
    let (_, a, b, claim) = running().await;
    let id = claim.job.id;
    for (start, until) in [(0, 10), (10, 20)] {
        assert_eq!(upload(&a, &claim, part(1, start, until)).await, Uploaded::Done);
    }
    let stuck = LogPart { is_cut: true, ..part(1, 20, 20) };
    assert_eq!(upload(&a, &claim, stuck).await, Uploaded::Done);
    assert_eq!(upload(&a, &claim, in_object(1, 0, 20)).await, Uploaded::Done);
    assert_eq!(read(&b, id, (0, 0)).await, [in_object(1, 0, 20)]);
    let stuck = LogPart { is_cut: true, ..part(1, 20, 20) };
    assert_eq!(upload(&a, &claim, stuck).await, Uploaded::Done);
    assert!(read(&b, id, (0, 0)).await[0].is_cut);
    let tail = |start, until, segment: u64, oldest: u64| LogPart {
        segment: Some(Segment { start: segment, oldest }),
        ..in_object(1, start, until)
    };
    let (first, second) = (tail(20, 30, 20, 20), tail(30, 40, 30, 20));
    assert_eq!(upload(&a, &claim, first.clone()).await, Uploaded::Done);
    assert_eq!(upload(&a, &claim, second.clone()).await, Uploaded::Done);
    assert_eq!(read(&b, id, (0, 0)).await, [in_object(1, 0, 20), first, second.clone()]);
    let third = tail(40, 60, 50, 30);
    let gone = Uploaded::Replaced(vec!["1/20-30".to_owned()]);
    assert_eq!(upload(&a, &claim, third.clone()).await, gone);
    assert_eq!(read(&b, id, (0, 0)).await, [in_object(1, 0, 20), second, third]);
}

/// What is to be done in the object store stands in the database until it is done: what is missing there of
/// a data folder is told to its server, and a job that is gone to all.
#[tokio::test]
async fn what_is_to_be_done_in_the_object_store_is_known() {
    let (_, a, b, first) = running().await;
    let id = first.job.id;
    assert_eq!(upload(&a, &first, part(1, 0, 30)).await, Uploaded::Done);
    assert_eq!(upload(&a, &first, in_object(1, 30, 40)).await, Uploaded::Done);
    within(fleet(&a).may_lack(vec![id])).await.unwrap();
    let (before, this) = (AcceptNo(0), (first.job.accepted, id));
    assert_eq!(fleet(&a).rests(before, 9).await.unwrap(), [], "it has not ended");
    done(a.finish(&first, printed()).await);
    for _ in 0..2 {
        within(fleet(&a).may_lack(vec![id])).await.unwrap();
    }
    assert_eq!(fleet(&a).rests(before, 9).await.unwrap(), [this]);
    assert_eq!(fleet(&a).rests(this.0, 9).await.unwrap(), [], "none is behind it");
    assert_eq!(fleet(&b).rests(before, 9).await.unwrap(), [], "that has nothing of it");
    let told = Printed { number: 1, fence: first.fence, until: 40 };
    assert_eq!(fleet(&a).printed(id).await.unwrap(), [told]);
    assert_eq!(fleet(&b).printed(id).await.unwrap(), []);
    fleet(&a).is_carried(id).await.unwrap();
    assert_eq!(fleet(&a).rests(before, 9).await.unwrap(), []);
    let other = JobId::from_bytes([7; 16]);
    assert_eq!(fleet(&b).unknown(vec![id, other]).await.unwrap(), [other]);
    let settled = Settled { job: id, log_bytes: 40, logs: None };
    within(a.store.settle(vec![settled])).await.unwrap();
    assert_eq!(fleet(&b).doomed_objects(9).await.unwrap(), []);
    let prune = Prune { jobs: vec![id], keys_before: at(9), at: at(9), within: MINUTE };
    assert_eq!(within(a.store.prune(prune)).await.unwrap().removed, 1);
    assert_eq!(fleet(&b).doomed_objects(9).await.unwrap(), [id]);
    assert_eq!(fleet(&b).unknown(vec![id, other]).await.unwrap(), [id, other]);
    fleet(&b).objects_gone(vec![id]).await.unwrap();
    assert_eq!(fleet(&a).doomed_objects(9).await.unwrap(), []);
    assert_eq!(fleet(&a).objects_name().await.unwrap(), fleet(&b).objects_name().await.unwrap());
}
