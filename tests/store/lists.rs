//! Pages of jobs and of events.

use std::sync::Arc;

use longhaul::domain::id::{AcceptNo, EventNo};
use longhaul::domain::job::{Job, NewJob};
use longhaul::domain::state::{EndReason, JobState};
use longhaul::store::filter::JobFilter;
use longhaul::store::query::{JobOrder, JobsPage, JobsQuery, Page, Position};

use super::bed::{Bed, at, done, exit, job, kind, queue};

async fn page(bed: &Bed, filter: JobFilter, order: JobOrder, page: Page) -> JobsPage {
    bed.store.jobs(JobsQuery { filter, order, page, count_up_to: None, examine: 1 }).await.unwrap()
}

fn place(number: i64) -> Position {
    Position { rank: 0, accepted: AcceptNo(number) }
}

fn numbers(jobs: &[Arc<Job>]) -> Vec<i64> {
    jobs.iter().map(|job| job.accepted.0).collect()
}

/// Jobs in every state but CANCELING, of two kinds, in two queues; a kind that changed its queue.
async fn mixed(bed: &Bed) -> Vec<Arc<Job>> {
    let mut ids = Vec::new();
    for n in 0..24 {
        let kind = kind(if n % 3 == 0 { "rare" } else { "work" });
        let queue = queue(if n % 4 == 1 { "other" } else { "default" });
        ids.push(bed.start(NewJob { kind, queue, ..job() }).await.id);
    }
    for (n, claim) in bed.claim(8, at(1)).await.iter().enumerate() {
        match n % 4 {
            0 => done(bed.finish(claim, exit(EndReason::Ok, 0)).await),
            1 => done(bed.finish(claim, exit(EndReason::ExitCode, 1)).await),
            2 => done(bed.started(claim).await),
            _ => bed.cancel(claim.job.id).await.unwrap().job,
        };
    }
    bed.cancel(ids[0]).await.unwrap();
    let mut jobs = Vec::new();
    for id in ids {
        jobs.push(bed.job(id).await);
    }
    jobs
}

/// Both orders, both ways, with the flags of each page.
pub(crate) async fn pages_join_without_gap_or_repeat(bed: Bed) {
    for _ in 0..7 {
        bed.start_one().await;
    }
    for order in [JobOrder::Oldest, JobOrder::Newest] {
        let mut expected: Vec<i64> = (1..=7).collect();
        if order == JobOrder::Newest {
            expected.reverse();
        }
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let page = page(&bed, JobFilter::default(), order, Page::First(3, cursor)).await;
            assert_eq!(page.has_previous, cursor.is_some());
            assert_eq!(page.last_event, EventNo(7));
            seen.extend(numbers(&page.jobs));
            cursor = page.jobs.last().map(|job| order.position(job));
            if !page.has_next {
                break;
            }
        }
        assert_eq!(seen, expected, "{order:?}, forwards");
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let page = page(&bed, JobFilter::default(), order, Page::Last(3, cursor)).await;
            assert_eq!(page.has_next, cursor.is_some());
            seen.splice(0..0, numbers(&page.jobs));
            cursor = page.jobs.first().map(|job| order.position(job));
            if !page.has_previous {
                break;
            }
        }
        assert_eq!(seen, expected, "{order:?}, backwards");
    }
    let beyond =
        page(&bed, JobFilter::default(), JobOrder::Oldest, Page::First(3, Some(place(7)))).await;
    assert!(beyond.jobs.is_empty() && beyond.has_previous && !beyond.has_next);
    let second =
        page(&bed, JobFilter::default(), JobOrder::Oldest, Page::First(3, Some(place(1)))).await;
    assert!(second.has_previous, "the row at the cursor lies before the page");
    let nothing = page(&bed, JobFilter::default(), JobOrder::Oldest, Page::First(0, None)).await;
    assert!(nothing.jobs.is_empty() && nothing.has_next);
}

/// Positions are acceptance numbers: a new row is on no page that lies behind.
pub(crate) async fn rows_that_come_in_shift_no_page(bed: Bed) {
    for _ in 0..4 {
        bed.start_one().await;
    }
    let first = page(&bed, JobFilter::default(), JobOrder::Newest, Page::First(2, None)).await;
    assert_eq!(numbers(&first.jobs), [4, 3]);
    bed.start_one().await;
    let cursor = Some(JobOrder::Newest.position(&first.jobs[1]));
    let second = page(&bed, JobFilter::default(), JobOrder::Newest, Page::First(2, cursor)).await;
    assert_eq!(numbers(&second.jobs), [2, 1]);
    let cursor = Some(JobOrder::Newest.position(&first.jobs[0]));
    let newer = page(&bed, JobFilter::default(), JobOrder::Newest, Page::Last(2, cursor)).await;
    assert_eq!(numbers(&newer.jobs), [5]);
    assert!(newer.has_next && !newer.has_previous);
}

/// Contract 8 has its plans tested beside the code; here, that they find the same.
pub(crate) async fn every_filter_finds_what_a_scan_finds(bed: Bed) {
    let bed = bed.declared().await;
    let jobs = mixed(&bed).await;
    let states = [
        None,
        Some(vec![]),
        Some(vec![JobState::Failed]),
        Some(vec![JobState::Canceling, JobState::Queued, JobState::Queued]),
        Some(vec![JobState::Succeeded, JobState::Failed, JobState::Canceled]),
    ];
    let kinds = [None, Some(vec![kind("rare")]), Some(vec![kind("work"), kind("rare")])];
    let queues = [
        None,
        Some(vec![queue("other"), queue("other")]),
        Some(vec![queue("default"), queue("nowhere"), queue("other")]),
    ];
    for states in &states {
        for kinds in &kinds {
            for queues in &queues {
                let filter = JobFilter {
                    states: states.clone(),
                    kinds: kinds.clone(),
                    queues: queues.clone(),
                    ..JobFilter::default()
                };
                let matching = jobs.iter().filter(|job| filter.matches(job, job.state));
                let expected: Vec<i64> = matching.map(|job| job.accepted.0).collect();
                let query = JobsQuery {
                    filter: filter.clone(),
                    order: JobOrder::Oldest,
                    page: Page::First(100, None),
                    count_up_to: Some(100),
                    examine: 1,
                };
                let page = bed.store.jobs(query).await.unwrap();
                assert_eq!(numbers(&page.jobs), expected, "{filter:?}");
                assert_eq!(page.total, Some(u64::try_from(expected.len()).unwrap()));
            }
        }
    }
}

/// At its bound it is told, past it it is not.
pub(crate) async fn a_count_stops_at_its_bound(bed: Bed) {
    for _ in 0..3 {
        bed.start_one().await;
    }
    for (bound, total) in [(2, None), (3, Some(3)), (4, Some(3))] {
        for filter in [
            JobFilter::default(),
            JobFilter { states: Some(vec![JobState::Queued]), ..JobFilter::default() },
        ] {
            let page = Page::First(1, None);
            let order = JobOrder::Newest;
            let query = JobsQuery { filter, order, page, count_up_to: Some(bound), examine: 1 };
            assert_eq!(bed.store.jobs(query).await.unwrap().total, total, "{bound}");
        }
    }
}

/// P6: each with its job as it is now.
pub(crate) async fn events_are_read_from_a_cursor_on(bed: Bed) {
    let bed = bed.declared().await;
    let nothing = bed.store.events_after(EventNo(0), 9).await.unwrap();
    assert_eq!((nothing.events.len(), nothing.last), (0, EventNo(0)));
    let claim = bed.running(job()).await;
    bed.start_one().await;
    let page = bed.store.events_after(EventNo(1), 2).await.unwrap();
    let numbers: Vec<i64> = page.events.iter().map(|(event, _)| event.no.0).collect();
    assert_eq!((numbers, page.last), (vec![2, 3], EventNo(4)));
    let now = bed.job(claim.job.id).await;
    assert_eq!(page.events[0].1, now);
    let own = bed.store.job_events(claim.job.id, EventNo(1), 9).await.unwrap();
    assert_eq!(own.iter().map(|event| event.no.0).collect::<Vec<_>>(), [2, 3]);
}
