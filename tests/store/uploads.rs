//! Logs on their way through one PostgreSQL schema: what one server uploads of its attempts another reads.

use longhaul::domain::id::JobId;
use longhaul::domain::log::StoredLog;
use longhaul::domain::state::EndReason;
use longhaul::store::Claim;
use longhaul::store::fleet::{LogPart, Upload, Uploaded};
use longhaul::store::keep::{Prune, Settled};

use super::bed::{Bed, at, done, exit, job, unrecorded, within, worker};
use super::fleet::{MINUTE, claim_by, fleet, join, two};
use crate::support::postgres::client;

/// Bytes `start..until` of what an attempt printed; what they are is nothing to the store.
fn part(number: u32, start: u64, until: u64) -> LogPart {
    let frames = (start..until).map(|at| at.to_le_bytes()[0]).collect();
    LogPart { number, start, until, frames, is_cut: false }
}

async fn upload(bed: &Bed, claim: &Claim, part: LogPart) -> Uploaded {
    let (job, fence) = (claim.job.id, claim.fence);
    within(fleet(bed).upload(Upload { job, fence, part, room: 1_000 })).await.unwrap()
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
        within(fleet(&a).upload(Upload { job, fence, part, room })).await.unwrap()
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
