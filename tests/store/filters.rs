//! Every condition and every order of a list: that an index finds what a scan finds, in pages that
//! join, and that no look is without a bound.

use std::sync::Arc;

use longhaul::domain::job::{Job, NewJob};
use longhaul::domain::label::Label;
use longhaul::domain::state::{EndReason, JobState};
use longhaul::store::filter::{JobFilter, Text};
use longhaul::store::query::{JobOrder, JobsPage, JobsQuery, Page};

use super::bed::{Bed, at, done, exit, job, kind, labels, queue, unrecorded, worker};

const ORDERS: [JobOrder; 4] =
    [JobOrder::Newest, JobOrder::Oldest, JobOrder::QueueOrder, JobOrder::RecentlyEnded];

fn label(key: &str, value: &str) -> Label {
    Label { key: key.to_owned(), value: value.to_owned() }
}

/// Two kinds in two queues, labelled by their number, accepted one millisecond after the other, in
/// every state and with several reasons; the last ones are delayed.
async fn mixed(bed: &Bed) -> Vec<Arc<Job>> {
    bed.store.see_worker(worker("here")).await.unwrap();
    let mut ids = Vec::new();
    for n in 0..30 {
        let team = if n % 2 == 0 { "blue" } else { "Red" };
        let new = NewJob {
            kind: kind(if n % 5 == 0 { "rare" } else { "work" }),
            queue: queue(if n % 4 == 1 { "other" } else { "default" }),
            labels: labels(&[("team", team), ("third", if n % 3 == 0 { "yes" } else { "no" })]),
            created_at: at(n),
            not_before: (n >= 26).then(|| at(900 - n)),
            started_by: (n % 7 < 3).then(|| "ann".parse().unwrap()),
            ..job()
        };
        ids.push(bed.start(new).await.id);
    }
    for (n, claim) in bed.claim(12, at(50)).await.iter().enumerate() {
        match n % 6 {
            0 | 1 => done(bed.finish(claim, exit(EndReason::Ok, 0)).await),
            2 => done(bed.finish(claim, exit(EndReason::ExitCode, 1)).await),
            3 => done(bed.finish(claim, unrecorded(EndReason::Timeout)).await),
            4 => done(bed.started(claim).await),
            _ => claim.job.clone(),
        };
    }
    bed.cancel(ids[25]).await.unwrap();
    let mut jobs = Vec::new();
    for id in ids {
        jobs.push(bed.job(id).await);
    }
    jobs
}

/// What the list must show: by the meaning of the filter alone.
fn expected(jobs: &[Arc<Job>], filter: &JobFilter, order: JobOrder) -> Vec<i64> {
    let is_listed = |job: &&Arc<Job>| match order {
        JobOrder::Newest | JobOrder::Oldest => true,
        JobOrder::QueueOrder => job.state == JobState::Queued,
        JobOrder::RecentlyEnded => job.state.is_terminal(),
    };
    let listed = jobs.iter().filter(is_listed).filter(|job| filter.matches(job, job.state));
    let mut places: Vec<_> = listed.map(|job| order.position(job)).collect();
    places.sort_unstable();
    if matches!(order, JobOrder::Newest | JobOrder::RecentlyEnded) {
        places.reverse();
    }
    places.into_iter().map(|place| place.accepted.0).collect()
}

async fn page(bed: &Bed, filter: &JobFilter, order: JobOrder, page: Page, most: u32) -> JobsPage {
    let filter = filter.clone();
    let query = JobsQuery { filter, order, page, count_up_to: Some(1_000), examine: most };
    bed.store.jobs(query).await.unwrap()
}

fn numbers(page: &JobsPage) -> Vec<i64> {
    page.jobs.iter().map(|job| job.accepted.0).collect()
}

/// Some of every condition, alone and with every other.
fn filters(first_id: &str) -> Vec<JobFilter> {
    let mut filters = vec![JobFilter::default()];
    let mut vary = |change: &dyn Fn(JobFilter) -> Vec<JobFilter>| {
        let varied: Vec<_> = filters.iter().cloned().flat_map(change).collect();
        filters.extend(varied);
    };
    let states = [vec![JobState::Failed], vec![JobState::Queued, JobState::Succeeded]];
    vary(&|f| states.iter().map(|s| JobFilter { states: Some(s.clone()), ..f.clone() }).collect());
    vary(&|f| vec![JobFilter { started_by: Some("ann".to_owned()), ..f }]);
    vary(&|f| vec![JobFilter { kinds: Some(vec![kind("rare"), kind("none")]), ..f }]);
    vary(&|f| vec![JobFilter { queues: Some(vec![queue("other")]), ..f }]);
    let (blue, third) = (label("team", "blue"), label("third", "yes"));
    let sets = [vec![blue.clone()], vec![third, blue], vec![label("team", "yes")]];
    vary(&|f| sets.iter().map(|l| JobFilter { labels: Some(l.clone()), ..f.clone() }).collect());
    let reasons = [
        vec![EndReason::Timeout],
        vec![EndReason::Ok, EndReason::ExitCode, EndReason::CancelRequested],
    ];
    vary(&|f| {
        reasons.iter().map(|r| JobFilter { reasons: Some(r.clone()), ..f.clone() }).collect()
    });
    let texts = [&first_id[..24], &first_id[..9], "RAR", "red", "e"];
    vary(&|f| texts.iter().map(|t| JobFilter { text: Text::new(t), ..f.clone() }).collect());
    vary(&|f| vec![JobFilter { workers: Some(vec!["here".to_owned()]), ..f }]);
    vary(&|f| {
        let (created_after, created_before) = (Some(at(4)), Some(at(27)));
        vec![JobFilter { created_after, created_before, ..f }]
    });
    filters
}

/// Contract 8 has its plans tested beside the code; here, that they find the same.
pub(crate) async fn every_condition_finds_what_a_scan_finds(bed: Bed) {
    let bed = bed.declared().await;
    let jobs = mixed(&bed).await;
    let first_id = jobs[0].id.to_string();
    // A stride that no number of variants divides: all of them meet, not all at once.
    for filter in filters(&first_id).iter().step_by(5) {
        for order in ORDERS {
            let found = page(&bed, filter, order, Page::First(100, None), 1_000).await;
            let expected = expected(&jobs, filter, order);
            assert_eq!(numbers(&found), expected, "{order:?} {filter:?}");
            assert_eq!(found.total, Some(expected.len() as u64), "{order:?} {filter:?}");
            assert_eq!((found.cut_at, found.has_next), (None, false));
        }
    }
}

pub(crate) async fn some_conditions_match_nothing(bed: Bed) {
    let bed = bed.declared().await;
    mixed(&bed).await;
    let all = JobFilter::default();
    let nobody = JobFilter { started_by: Some("me".to_owned()), ..all.clone() };
    for filter in [
        JobFilter { labels: Some(Vec::new()), ..all.clone() },
        JobFilter { reasons: Some(Vec::new()), ..all.clone() },
        JobFilter { workers: Some(Vec::new()), ..all.clone() },
        JobFilter { workers: Some(vec!["elsewhere".to_owned()]), ..all.clone() },
        JobFilter { text: Text::new("019-"), ..all.clone() },
        nobody,
    ] {
        for order in ORDERS {
            let found = page(&bed, &filter, order, Page::First(9, None), 2).await;
            assert_eq!((found.jobs.len(), found.total), (0, Some(0)), "{order:?} {filter:?}");
            assert!(!found.has_next && found.cut_at.is_none(), "{order:?} {filter:?}");
        }
    }
}

/// What a feed rests on: a reason holds from the end on, a worker from its claim on, whatever the
/// row says by now.
pub(crate) async fn a_change_is_judged_as_of_its_event(bed: Bed) {
    let bed = bed.declared().await;
    let claim = bed.running(job()).await;
    let ended = done(bed.finish(&claim, exit(EndReason::Ok, 0)).await);
    let by_reason = JobFilter { reasons: Some(vec![EndReason::Ok]), ..JobFilter::default() };
    let by_worker = JobFilter { workers: Some(vec!["here".to_owned()]), ..JobFilter::default() };
    let events = bed.stored_events().await;
    let judged = |filter: &JobFilter| -> Vec<(bool, bool)> {
        events.iter().map(|event| filter.matches_change(event, &ended)).collect()
    };
    let (no, comes, stays) = ((false, false), (false, true), (true, true));
    assert_eq!(judged(&by_reason), [no, no, no, comes]);
    // The row cannot say that nobody had claimed it yet when it was accepted.
    assert_eq!(judged(&by_worker)[1..], [comes, stays, stays]);
    let by_other = JobFilter { workers: Some(vec!["there".to_owned()]), ..JobFilter::default() };
    assert_eq!(judged(&by_other), [no; 4]);
}

/// Both ways, with and without rows that are asked one by one.
pub(crate) async fn pages_join_in_every_order(bed: Bed) {
    let bed = bed.declared().await;
    let jobs = mixed(&bed).await;
    let asked = JobFilter { labels: Some(vec![label("third", "no")]), ..JobFilter::default() };
    for filter in [JobFilter::default(), asked] {
        for order in ORDERS {
            let expected = expected(&jobs, &filter, order);
            let (mut forwards, mut cursor) = (Vec::new(), None);
            loop {
                let page = page(&bed, &filter, order, Page::First(3, cursor), 1_000).await;
                assert_eq!(page.has_previous, cursor.is_some(), "{order:?}");
                forwards.extend(numbers(&page));
                cursor = page.jobs.last().map(|job| order.position(job));
                if !page.has_next {
                    break;
                }
            }
            assert_eq!(forwards, expected, "{order:?}, forwards");
            let (mut backwards, mut cursor) = (Vec::new(), None);
            loop {
                let page = page(&bed, &filter, order, Page::Last(3, cursor), 1_000).await;
                assert_eq!(page.has_next, cursor.is_some(), "{order:?}");
                backwards.splice(0..0, numbers(&page));
                cursor = page.jobs.first().map(|job| order.position(job));
                if !page.has_previous {
                    break;
                }
            }
            assert_eq!(backwards, expected, "{order:?}, backwards");
        }
    }
}

/// P12: a page that no index serves is cut, says where, and goes on there; both ways.
pub(crate) async fn a_page_that_examined_enough_goes_on_where_it_was_cut(bed: Bed) {
    let bed = bed.declared().await;
    let jobs = mixed(&bed).await;
    // Each holds for a third of the jobs or more.
    let wanted = vec![label("team", "blue"), label("third", "yes")];
    let filter = JobFilter { labels: Some(wanted), ..JobFilter::default() };
    for order in [JobOrder::Newest, JobOrder::Oldest, JobOrder::RecentlyEnded] {
        let expected = expected(&jobs, &filter, order);
        for forwards in [true, false] {
            let (mut seen, mut cursor, mut cuts) = (Vec::new(), None, 0);
            loop {
                let part = if forwards { Page::First(9, cursor) } else { Page::Last(9, cursor) };
                let page = page(&bed, &filter, order, part, 4).await;
                assert!(page.jobs.len() <= 4, "{order:?}: more than were examined");
                assert_eq!(page.total, None, "{order:?}: not all was examined");
                let at = if forwards { seen.len() } else { 0 };
                seen.splice(at..at, numbers(&page));
                let more = if forwards { page.has_next } else { page.has_previous };
                assert_eq!(more, page.cut_at.is_some(), "{order:?}");
                if !more {
                    break;
                }
                (cursor, cuts) = (page.cut_at, cuts + 1);
            }
            assert_eq!(seen, expected, "{order:?}, forwards: {forwards}");
            assert!(cuts >= 1, "{order:?}: {cuts} cuts");
        }
    }
}

/// A rare kind among all that ended: few enough to be sorted.
pub(crate) async fn what_is_few_is_found_in_any_order(bed: Bed) {
    let bed = bed.declared().await;
    let jobs = mixed(&bed).await;
    let filter = JobFilter { kinds: Some(vec![kind("rare")]), ..JobFilter::default() };
    for order in [JobOrder::QueueOrder, JobOrder::RecentlyEnded] {
        let found = page(&bed, &filter, order, Page::First(9, None), 6).await;
        assert_eq!(numbers(&found), expected(&jobs, &filter, order), "{order:?}");
        assert!(found.cut_at.is_none() && !found.jobs.is_empty(), "{order:?}");
    }
}

/// Contract 9, on which the search for a time rests.
pub(crate) async fn instants_of_acceptance_never_fall(bed: Bed) {
    let created = |millis| NewJob { created_at: at(millis), ..job() };
    let first = bed.start(created(50)).await;
    let second = bed.start(created(10)).await;
    assert_eq!((first.created_at, second.created_at), (at(50), at(50)));
    // Not even then may a job start before its time by the clock as it is.
    let early = NewJob { not_before: Some(at(30)), queue: queue("other"), ..created(10) };
    assert!(bed.start(early).await.delayed.is_some());
    assert_eq!(bed.start(created(70)).await.created_at, at(70));
    for (after, before, count) in [(50, 70, 3), (51, 71, 1), (51, 70, 0), (0, 50, 0), (0, 99, 4)] {
        let filter = JobFilter {
            created_after: Some(at(after)),
            created_before: Some(at(before)),
            ..JobFilter::default()
        };
        for order in [JobOrder::Newest, JobOrder::Oldest] {
            let found = page(&bed, &filter, order, Page::First(9, None), 1).await;
            assert_eq!((found.jobs.len(), found.total), (count, Some(count as u64)), "{after}");
        }
    }
}
