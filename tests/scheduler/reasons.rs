//! Why a job waits, as a person reads it: the limit, who holds it, and how many are ahead.

use chrono::TimeDelta;
use longhaul::domain::id::JobId;
use longhaul::domain::job::Progress;
use longhaul::domain::names::QueueName;
use longhaul::domain::state::JobState;
use longhaul::domain::wait::WaitReason;
use longhaul::events::{Heard, News};
use longhaul::runner::Report;
use longhaul::scheduler::handle::StartRequest;

use super::rig::{Rig, plain, with};
use crate::support::deadline::within;
use crate::support::gated::Gated;
use crate::support::kinds::kind;

fn default_queue() -> QueueName {
    "default".parse().unwrap()
}

/// What is told of a job to who may see all.
async fn text(rig: &Rig, job: JobId) -> String {
    rig.handle.wait(&*rig.job(job).await).unwrap().text()
}

/// How a holder is named.
fn short(job: JobId) -> String {
    let id = job.to_string();
    format!("work …{}", &id[id.len() - 8..])
}

async fn says(rig: &Rig, job: JobId, percent: f64) {
    let mut watch = rig.handle.bus().watch(job);
    let updated_at = rig.job(job).await.created_at;
    let progress =
        Progress { percent: Some(percent), current: None, total: None, message: None, updated_at };
    rig.runner.report(job, Report::Progress(progress)).await;
    let heard = async { while !matches!(watch.next().await, Heard::News(News::Progress(_))) {} };
    within("progress", &rig.history, heard).await;
}

#[tokio::test]
async fn a_busy_queue_names_who_holds_its_slots() {
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::new(folder.path(), plain(2)).await;
    let jobs = rig.start_many(5).await;
    for &job in &jobs[..2] {
        assert_eq!(rig.spawned().await, job);
        rig.runner.begin(job).await;
        rig.reaches(job, JobState::Running).await;
    }
    let (first, second) = (short(jobs[0]), short(jobs[1]));
    let busy = "2 of 2 slots of queue `default` are busy";
    let none = "no estimate: no run of `work` has ended yet";
    assert_eq!(text(&rig, jobs[2]).await, format!("{busy}: {first}, {second}; it is next; {none}"));
    says(&rig, jobs[0], 37.0).await;
    assert_eq!(
        text(&rig, jobs[4]).await,
        format!("{busy}: {first}, 37 %, {second}; 2 ahead; {none}")
    );
    // What is no percentage is not shown as one; what went back is.
    says(&rig, jobs[0], 250.0).await;
    says(&rig, jobs[1], 5.0).await;
    let told = text(&rig, jobs[2]).await;
    assert_eq!(told, format!("{busy}: {first}, {second}, 5 %; it is next; {none}"));
    // Who may not see them is told the limit only.
    let wait = rig.handle.wait(&*rig.job(jobs[2]).await).unwrap();
    assert_eq!(wait.clone().seen_by(|_| false).text(), format!("{busy}; it is next; {none}"));
    assert_eq!(
        wait.seen_by(|holder| holder.job == jobs[1]).text(),
        format!("{busy}: {second}, 5 % and 1 more; it is next; {none}")
    );
    // Once one has ended there is something to tell by.
    rig.ends(jobs[0], 0, JobState::Succeeded).await;
    assert_eq!(rig.spawned().await, jobs[2]);
    assert!(!text(&rig, jobs[3]).await.contains("no estimate"));
}

#[tokio::test]
async fn many_holders_are_counted_and_not_listed() {
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::with(folder.path(), plain(9), 5, Gated::new()).await;
    let jobs = rig.start_many(6).await;
    for &job in &jobs[..5] {
        assert_eq!(rig.spawned().await, job);
    }
    let named = jobs[..3].iter().map(|&job| short(job)).collect::<Vec<_>>().join(", ");
    let text = text(&rig, jobs[5]).await;
    assert!(
        text.starts_with(&format!(
            "5 of 5 slots of the worker are busy: {named} and 2 more; it is next"
        )),
        "{text}"
    );
}

#[tokio::test]
async fn a_queue_that_stands_still_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::new(folder.path(), plain(1)).await;
    rig.handle.set_queue_slots(default_queue(), 0).await.unwrap();
    let (_, second) = (rig.start().await, rig.start().await);
    let nothing = "queue `default` has 0 slots: nothing of it starts until it gets some; 1 ahead";
    assert_eq!(text(&rig, second).await, nothing);
    let wait = rig.handle.wait(&*rig.job(second).await).unwrap();
    assert_eq!((wait.reason, wait.position), (WaitReason::QueueSlotsBusy, Some(2)));
    assert_eq!(rig.handle.estimate(&*rig.job(second).await).await, None);
    rig.handle.pause_queue(default_queue(), None).await.unwrap();
    assert_eq!(text(&rig, second).await, "queue `default` is paused; 1 ahead");
    rig.scheduler.drain().await;
    assert_eq!(text(&rig, second).await, "the server is stopping; 1 ahead");
}

#[tokio::test]
async fn what_is_not_in_line_says_from_when_on_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let again = longhaul::domain::kind::Kind { retries: 2, ..kind("work", &["true"]) };
    let mut rig = Rig::new(folder.path(), with(again, 1)).await;
    let later = rig.start_in(TimeDelta::seconds(90)).await;
    assert_eq!(text(&rig, later).await, "it may not start before 2027-01-15T08:01:30.000Z");
    let job = rig.start().await;
    assert_eq!(rig.spawned().await, job);
    rig.runner.begin(job).await;
    rig.ends(job, 3, JobState::Queued).await;
    let row = rig.job(job).await;
    let wait = rig.handle.wait(&row).unwrap();
    assert_eq!(wait.reason, WaitReason::RetryBackoff);
    let text = wait.text();
    assert!(
        text.starts_with("attempt 1 failed with exit code 3; the next one may start at 2027-"),
        "{text}"
    );
    assert!(text.ends_with("; 1 of 3 failures"), "{text}");
}

#[tokio::test]
async fn an_estimate_survives_a_clock_that_jumps() {
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::new(folder.path(), plain(1)).await;
    let jobs = rig.start_many(3).await;
    assert_eq!(rig.spawned().await, jobs[0]);
    rig.runner.begin(jobs[0]).await;
    // The run that ends spans a jump, forth or back: its length is not that of the jump.
    rig.clock.advance(TimeDelta::days(300));
    rig.ends(jobs[0], 0, JobState::Succeeded).await;
    assert_eq!(rig.spawned().await, jobs[1]);
    let told = rig.handle.estimate(&*rig.job(jobs[2]).await).await.unwrap();
    let now = longhaul::domain::clock::Clock::now(&rig.clock);
    let (likely, latest) = told.start.unwrap();
    assert!(likely - now < TimeDelta::minutes(5), "{told:?} at {now}");
    assert!(now <= likely && likely <= latest && latest <= told.end.1 && told.runs == 1);
    // Nothing of a paused queue is told; what runs is told its end.
    rig.handle.pause_queue(default_queue(), None).await.unwrap();
    assert_eq!(rig.handle.estimate(&*rig.job(jobs[2]).await).await, None);
    let running = rig.handle.estimate(&*rig.job(jobs[1]).await).await.unwrap();
    assert_eq!(running.start, None);
    let request = StartRequest { kind: "work".to_owned(), ..StartRequest::default() };
    let placed = rig.handle.check_job(request).await.unwrap();
    assert_eq!((placed.position, placed.estimate), (Some(2), None));
}

#[test]
fn what_ran_before_a_restart_is_known_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let estimate = |rig: &Rig| {
        let handle = rig.handle.clone();
        let request = StartRequest { kind: "work".to_owned(), ..StartRequest::default() };
        async move { handle.check_job(request).await.unwrap().estimate }
    };
    super::rig::life(async {
        let mut rig = Rig::new(folder.path(), plain(1)).await;
        assert_eq!(estimate(&rig).await, None, "no history");
        let job = rig.start().await;
        assert_eq!(rig.spawned().await, job);
        rig.runner.begin(job).await;
        rig.clock.advance(TimeDelta::seconds(40));
        rig.ends(job, 0, JobState::Succeeded).await;
    });
    super::rig::life(async {
        let rig = Rig::new(folder.path(), plain(1)).await;
        let told = estimate(&rig).await.unwrap();
        // By the row, 40 s.
        assert_eq!((told.runs, told.end.0 - told.start.unwrap().0), (1, TimeDelta::seconds(40)));
    });
}
