//! What is kept of jobs that ended: what goes, in which order, and what never does.

use std::time::Duration;

use longhaul::domain::event::JobChange;
use longhaul::domain::id::{AcceptNo, EventNo, JobId};
use longhaul::domain::job::NewJob;
use longhaul::domain::log::StoredLog;
use longhaul::domain::state::EndReason;
use longhaul::store::filter::JobFilter;
use longhaul::store::keep::{Kept, Prune, Pruned, Settled};

use super::bed::{Bed, at, done, exit, fresh_id, job, key, labels, unrecorded, within};

/// A job that ended well, with all that may belong to one.
async fn ended(bed: &Bed, new: NewJob) -> JobId {
    let claim = bed.running(new).await;
    let mut end = exit(EndReason::Ok, 0);
    end.result = Some("[1]".to_owned());
    done(bed.finish(&claim, end).await);
    claim.job.id
}

fn frames(text: &str) -> Vec<StoredLog> {
    vec![StoredLog { attempt: 1, frames: text.as_bytes().into() }]
}

async fn settle(bed: &Bed, job: JobId, log_bytes: u64, logs: Option<Vec<StoredLog>>) {
    within(bed.store.settle(vec![Settled { job, log_bytes, logs }])).await.unwrap();
}

/// Prunes these of which the key, if any, is older than a day at `at(day)`.
fn prune(jobs: &[JobId]) -> Prune {
    let within = Duration::from_secs(9);
    Prune { jobs: jobs.to_vec(), keys_before: at(10), at: at(20), within }
}

async fn pruned(bed: &Bed, jobs: &[JobId]) -> (usize, usize) {
    let Pruned { looked_at, removed } = within(bed.store.prune(prune(jobs))).await.unwrap();
    (looked_at, removed)
}

async fn unsettled(bed: &Bed) -> Vec<JobId> {
    let unsettled = bed.store.unsettled(AcceptNo::default(), 9).await.unwrap();
    unsettled.into_iter().map(|found| found.job).collect()
}

/// P5, P6: with everything that belongs to it, told as REMOVED, and no other is touched.
pub(crate) async fn a_pruned_job_is_gone_as_a_whole(bed: Bed) {
    let bed = bed.declared().await;
    let labelled = || NewJob { labels: labels(&[("a", "b")]), ..job() };
    let (gone, stays) = (ended(&bed, labelled()).await, ended(&bed, labelled()).await);
    settle(&bed, gone, 3, Some(frames("abc"))).await;
    settle(&bed, stays, 3, Some(frames("def"))).await;
    let (row, other) = (bed.job(gone).await, bed.job(stays).await);
    let timeline = bed.store.job_events(stays, EventNo(0), 9).await.unwrap();
    let last = bed.store.last_event().await.unwrap();

    assert_eq!(pruned(&bed, &[gone]).await, (1, 1));
    let store = &bed.store;
    assert_eq!(store.job(gone).await.unwrap(), None);
    assert_eq!((store.args(gone).await.unwrap(), store.result(gone).await.unwrap()), (None, None));
    assert!(store.attempts(gone, 9, 9).await.unwrap().is_empty());
    assert!(store.job_events(gone, EventNo(0), 9).await.unwrap().is_empty());
    assert!(store.stored_logs(gone).await.unwrap().is_empty());
    let change = bed.record.commits().pop().unwrap().changes.pop().unwrap();
    let event = &change.event;
    assert_eq!((event.change, event.job, event.no.0), (JobChange::Removed, gone, last.0 + 1));
    assert_eq!((event.seq, change.job.seq.0), (change.job.seq, row.seq.0 + 1));
    assert_eq!(JobFilter::default().matches_change(event, &change.job), (true, false));

    assert_eq!(bed.job(stays).await, other);
    assert_eq!(store.job_events(stays, EventNo(0), 9).await.unwrap(), timeline);
    assert_eq!(store.stored_logs(stays).await.unwrap(), frames("def"));
    assert!(
        store.args(stays).await.unwrap().is_some() && store.result(stays).await.unwrap().is_some()
    );
    // A second time, and one that never was.
    assert_eq!(pruned(&bed, &[gone, JobId::from_bytes([9; 16])]).await, (2, 0));
}

/// P6: from any event on, a feed hears of the removal, with the job as it was, and of nothing else that
/// is gone; and goes on over a restart.
pub(crate) async fn a_removal_is_read_from_a_cursor_on(bed: Bed) {
    let bed = bed.declared().await;
    let gone = ended(&bed, job()).await;
    settle(&bed, gone, 0, Some(Vec::new())).await;
    let stays = bed.start_one().await;
    pruned(&bed, &[gone]).await;
    let later = bed.start_one().await;
    let heard = bed.record.commits();
    let mut changes = heard.iter().flat_map(|commit| &commit.changes);
    let removal = changes.find(|change| change.event.change == JobChange::Removed);
    let removal = removal.unwrap().clone();

    let bed = bed.reopened();
    let page = bed.store.events_after(EventNo(0), 9).await.unwrap();
    let told: Vec<_> = page.events.iter().map(|(event, _)| (event.job, event.change)).collect();
    let expected =
        [(stays.id, JobChange::Queued), (gone, JobChange::Removed), (later.id, JobChange::Queued)];
    assert_eq!((told, page.whole_from), (expected.to_vec(), EventNo(0)));
    assert_eq!(page.events[1], (removal.event.clone(), removal.job));
    let page = bed.store.events_after(EventNo(0), 2).await.unwrap();
    assert_eq!(page.events.last().unwrap().0, removal.event);
    let rest = bed.store.events_after(removal.event.no, 9).await.unwrap();
    assert_eq!(rest.events.len(), 1);
    assert_eq!(rest.events[0].0.no.0, removal.event.no.0 + 1, "no number is drawn twice");
}

/// Neither one that waits, runs or pauses before a retry, nor one of which processes may be left.
pub(crate) async fn what_has_not_ended_is_never_pruned(bed: Bed) {
    let bed = bed.declared().await;
    let running = bed.running(job()).await.job.id;
    let retried = bed.running(NewJob { max_attempts: 2, ..job() }).await;
    done(bed.finish(&retried, exit(EndReason::ExitCode, 1)).await);
    let ended = ended(&bed, job()).await;
    let waiting = bed.start_one().await.id;
    let open = [running, retried.job.id, waiting];
    for id in open {
        settle(&bed, id, 7, Some(frames("x"))).await;
    }
    assert_eq!(pruned(&bed, &[running, retried.job.id, waiting, ended]).await, (4, 0));
    assert_eq!(unsettled(&bed).await, [ended]);
    for id in open {
        assert_eq!(bed.store.stored_logs(id).await.unwrap(), []);
        assert!(!bed.job(id).await.state.is_terminal());
    }
    settle(&bed, ended, 0, Some(Vec::new())).await;
    assert_eq!(pruned(&bed, &[ended]).await, (1, 1));
    assert_eq!(bed.store.waiting().await.unwrap().len(), 2);
}

/// P14: as long as its key is young, and then the key makes another job.
pub(crate) async fn a_job_stays_while_its_key_is_young(bed: Bed) {
    let bed = bed.declared().await;
    let keyed =
        |name, millis| NewJob { idempotency: Some(key(name, 1)), created_at: at(millis), ..job() };
    let old = ended(&bed, keyed("old", 9)).await;
    let young = ended(&bed, keyed("young", 10)).await;
    for id in [old, young] {
        settle(&bed, id, 0, Some(Vec::new())).await;
    }
    assert_eq!(pruned(&bed, &[old, young]).await, (2, 1));
    assert!(!bed.try_start(keyed("young", 11)).await.unwrap().created);
    assert!(bed.try_start(keyed("old", 11)).await.unwrap().created);
}

/// In the order of ends, page by page, with what it takes to judge them.
pub(crate) async fn ended_jobs_come_in_the_order_of_their_ends(bed: Bed) {
    let bed = bed.declared().await;
    assert_eq!(bed.store.kept().await.unwrap(), Kept::default());
    let first = ended(&bed, NewJob { idempotency: Some(key("k", 1)), ..job() }).await;
    let second = ended(&bed, job()).await;
    let canceled = bed.start_one().await.id;
    bed.cancel(canceled).await.unwrap();
    bed.start_one().await;
    settle(&bed, first, 5, None).await;
    settle(&bed, second, 4, Some(frames("abcd"))).await;
    assert_eq!(bed.store.kept().await.unwrap(), Kept { jobs: 3, log_bytes: 9 });
    let (mut after, mut found) = (None, Vec::new());
    loop {
        let page = bed.store.ended(after, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some((last.ended_at, last.accepted));
        found.extend(page.iter().map(|e| (e.job, e.log_bytes, e.keyed_since, e.ended_at)));
    }
    let expected = [
        (canceled, None, None, at(3)),
        (first, Some(5), Some(at(0)), at(4)),
        (second, Some(4), None, at(4)),
    ];
    assert_eq!(found, expected);
    assert_eq!(unsettled(&bed).await, [canceled]);
}

/// A log that goes into the store, and a job that goes, leave word of their folder in the same
/// transaction; it stays until it is taken back, over a restart too.
pub(crate) async fn folders_are_doomed_with_what_dooms_them(bed: Bed) {
    let bed = bed.declared().await;
    let stored = ended(&bed, job()).await;
    let in_folder = ended(&bed, job()).await;
    let lost = bed.running(job()).await;
    done(bed.finish(&lost, unrecorded(EndReason::SpawnFailed)).await);
    let canceled = bed.start_one().await.id;
    bed.cancel(canceled).await.unwrap();
    settle(&bed, stored, 3, Some(frames("abc"))).await;
    settle(&bed, in_folder, 1 << 20, None).await;
    settle(&bed, canceled, 0, Some(Vec::new())).await;
    assert_eq!(bed.store.doomed_folders(9).await.unwrap(), [stored], "one never had any");
    // What is settled stays as it is.
    settle(&bed, in_folder, 3, Some(frames("abc"))).await;
    assert_eq!(bed.store.stored_logs(in_folder).await.unwrap(), []);
    within(bed.store.folders_gone(vec![stored])).await.unwrap();

    assert_eq!(pruned(&bed, &[stored, in_folder, lost.job.id]).await, (3, 2));
    let bed = bed.reopened();
    assert_eq!(bed.store.doomed_folders(9).await.unwrap(), [in_folder]);
    within(bed.store.folders_gone(vec![in_folder])).await.unwrap();
    assert_eq!(bed.store.doomed_folders(9).await.unwrap(), []);
}

/// One at least, and then no more than there is time for.
pub(crate) async fn a_prune_ends_when_its_time_is_over(bed: Bed) {
    let bed = bed.declared().await;
    let mut jobs = Vec::new();
    for _ in 0..3 {
        jobs.push(ended(&bed, job()).await);
        settle(&bed, jobs[jobs.len() - 1], 0, Some(Vec::new())).await;
    }
    let request = Prune { within: Duration::ZERO, ..prune(&jobs) };
    let answer = within(bed.store.prune(request)).await.unwrap();
    assert_eq!(answer, Pruned { looked_at: 1, removed: 1 });
    assert_eq!(bed.store.job(jobs[0]).await.unwrap(), None);
    assert_eq!(bed.store.kept().await.unwrap().jobs, 2);
}

/// What is pruned together goes as each would: in the order that was asked for, without those that may not.
pub(crate) async fn jobs_that_are_pruned_together_are_each_their_own(bed: Bed) {
    let bed = bed.declared().await;
    let (mut jobs, mut folders, mut stay) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..40 {
        let young = NewJob { created_at: at(10), idempotency: Some(key("young", 1)), ..job() };
        let id = ended(&bed, if number == 20 { young } else { job() }).await;
        jobs.push(id);
        match number {
            // Nothing of its folder is known to be in the store.
            3 | 30 => settle(&bed, id, 1 << 20, None).await,
            // Its log was not looked at yet.
            7 => stay.push(id),
            _ => settle(&bed, id, 3, Some(frames("abc"))).await,
        }
        match number {
            3 | 30 => folders.push(id),
            20 => stay.push(id),
            _ => {}
        }
    }
    let runs = bed.running(job()).await.job.id;
    jobs.insert(11, runs);
    jobs.insert(12, fresh_id());
    within(bed.store.folders_gone(jobs.clone())).await.unwrap();
    jobs.reverse();
    let last = bed.store.last_event().await.unwrap().0;

    assert_eq!(pruned(&bed, &jobs).await, (42, 38));
    let changes = bed.record.commits().pop().unwrap().changes;
    let told: Vec<_> = changes.iter().map(|c| (c.event.job, c.event.no.0, c.job.seq.0)).collect();
    let mut left = Vec::new();
    for &id in &jobs {
        left.extend(bed.store.job(id).await.unwrap().map(|job| job.id));
    }
    stay.insert(1, runs);
    stay.reverse();
    assert_eq!(left, stay, "by age: a key, what runs, what was not looked at");
    let gone = jobs[..].iter().filter(|id| !stay.contains(id) && **id != jobs[29]);
    assert_eq!(told, gone.copied().zip(last + 1..).map(|(id, no)| (id, no, 5)).collect::<Vec<_>>());
    let mut doomed = bed.store.doomed_folders(9).await.unwrap();
    doomed.sort_unstable();
    folders.sort_unstable();
    assert_eq!(doomed, folders);
    for id in stay {
        assert_eq!(bed.store.attempts(id, 9, 9).await.unwrap().len(), 1);
        assert!(bed.store.args(id).await.unwrap().is_some());
    }
}
