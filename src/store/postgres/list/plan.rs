//! Which sources hold what a filter lets through.
//!
//! In the orders by acceptance any of several sets of sources will do: the one by state, queue and
//! kind, which alone may hold just what matches; that of a caller, likewise; that of a label; that of a
//! reason; that of a text. The one with the fewest entries is taken. In the other orders there is one set; where its
//! walk finds too little, a set of the others that is small is read whole and sorted.

use super::sets::{by_end, of_starter, queue_order, structure, with_text};
use super::walk::entries;
use crate::domain::clock::Timestamp;
use crate::domain::label::Label;
use crate::domain::state::JobState;
use crate::store::filter::JobFilter;
use crate::store::listing::{
    Clip, Plan, Range, Source, Way, asks_more_than_structure, asks_only_whose, failure_reasons,
    has_time, states,
};
use crate::store::postgres::failure::Failure;
use crate::store::postgres::readers::Moment;
use crate::store::postgres::row::{get, millis};
use crate::store::query::{JobOrder, JobsQuery};

/// The sources of a list.
pub(super) async fn plan(moment: &Moment<'_>, query: &JobsQuery) -> Result<Plan, Failure> {
    let filter = &query.filter;
    if matches_nothing(moment, filter).await? {
        return Ok(Plan { sources: Vec::new(), is_exact: true, clip: Clip::NONE });
    }
    match query.order {
        JobOrder::Newest | JobOrder::Oldest => by_acceptance(moment, query).await,
        JobOrder::QueueOrder => Ok(Plan {
            sources: queue_order(moment, filter).await?,
            is_exact: !asks_more_than_structure(filter)
                && filter.kinds.is_none()
                && filter.queues.is_none()
                && !has_time(filter),
            clip: Clip::NONE,
        }),
        JobOrder::RecentlyEnded => Ok(Plan {
            sources: by_end(moment, filter).await?,
            is_exact: !asks_more_than_structure(filter)
                && filter.kinds.is_none()
                && !has_time(filter),
            clip: Clip::NONE,
        }),
    }
}

/// All that matches, where few enough jobs may: read whole and sorted. `None` where the sources of
/// the order are as good as any.
pub(super) async fn whole(moment: &Moment<'_>, query: &JobsQuery) -> Result<Option<Plan>, Failure> {
    if matches!(query.order, JobOrder::Newest | JobOrder::Oldest) {
        return Ok(None);
    }
    let most = usize::try_from(query.examine).unwrap_or(usize::MAX);
    let Some((count, sources)) = fewest(moment, &query.filter, most).await? else {
        return Ok(None);
    };
    if count > most {
        return Ok(None);
    }
    let all = Plan { sources, is_exact: false, clip: clip(moment, &query.filter).await? };
    let by_acceptance = JobsQuery { order: JobOrder::Oldest, ..query.clone() };
    let found =
        super::find(moment, &by_acceptance, &all, (Way::Up, Way::Up.start()), usize::MAX).await?;
    let listed = found.jobs.iter().filter(|job| match query.order {
        JobOrder::QueueOrder => job.state == JobState::Queued,
        JobOrder::Newest | JobOrder::Oldest | JobOrder::RecentlyEnded => job.state.is_terminal(),
    });
    let mut list: Vec<_> = listed.map(|job| query.order.position(job)).collect();
    list.sort_unstable();
    Ok(Some(Plan { sources: vec![Source::List(list)], is_exact: true, clip: Clip::NONE }))
}

async fn by_acceptance(moment: &Moment<'_>, query: &JobsQuery) -> Result<Plan, Failure> {
    let clip = clip(moment, &query.filter).await?;
    if !asks_more_than_structure(&query.filter) {
        let sources = structure(moment, &query.filter).await?;
        return Ok(Plan { sources, is_exact: true, clip });
    }
    if let Some(name) = asks_only_whose(&query.filter) {
        let sources = of_starter(&query.filter, name);
        return Ok(Plan { sources, is_exact: true, clip });
    }
    let most = usize::try_from(query.examine).unwrap_or(usize::MAX);
    let fewest = fewest(moment, &query.filter, most).await?;
    let sources = fewest.map(|(_, sources)| sources).unwrap_or_default();
    Ok(Plan { sources, is_exact: false, clip })
}

/// Of all sets of sources by acceptance that hold what matches, the one with the fewest entries,
/// counted up to one more than `most`.
async fn fewest(
    moment: &Moment<'_>,
    filter: &JobFilter,
    most: usize,
) -> Result<Option<(usize, Vec<Source>)>, Failure> {
    let mut sets = Vec::new();
    for label in filter.labels.iter().flatten() {
        sets.push(vec![Source::Index(Range::Label(Label::clone(label)))]);
    }
    sets.extend(failure_reasons(filter).map(|reasons| {
        reasons.into_iter().map(|reason| Source::Index(Range::Reason(reason))).collect()
    }));
    if let Some(text) = &filter.text {
        sets.extend(with_text(moment, filter, text).await?);
    }
    sets.extend(filter.started_by.as_ref().map(|name| of_starter(filter, name)));
    sets.push(structure(moment, filter).await?);
    let mut best: Option<(usize, Vec<Source>)> = None;
    for set in sets {
        let count = entries(moment, &set, most).await?;
        if best.as_ref().is_none_or(|(fewest, _)| count < *fewest) {
            best = Some((count, set));
        }
    }
    Ok(best)
}

async fn matches_nothing(moment: &Moment<'_>, filter: &JobFilter) -> Result<bool, Failure> {
    fn is_empty<T>(list: Option<&Vec<T>>) -> bool {
        list.is_some_and(Vec::is_empty)
    }
    if is_empty(filter.labels.as_ref()) || states(filter).is_empty() {
        return Ok(true);
    }
    // By `workers_by_name`. A name that no worker ever had must not be looked for in all jobs.
    let any = "SELECT 1 FROM workers WHERE name = $1 LIMIT 1";
    let Some(names) = &filter.workers else { return Ok(false) };
    for name in names {
        if moment.maybe(any, &[name]).await?.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// By the key: the first job accepted at $1 or after, and its instant. Instants never fall along the
/// key.
const ACCEPTED_FROM: &str =
    "SELECT accept_no, created_at FROM jobs WHERE accept_no >= $1 ORDER BY accept_no LIMIT 1";
/// By the key.
const LAST_ACCEPTED: &str = "SELECT max(accept_no) FROM jobs";

/// The acceptance numbers between the filter's instants.
async fn clip(moment: &Moment<'_>, filter: &JobFilter) -> Result<Clip, Failure> {
    let low = match filter.created_after {
        Some(at) => first_accepted(moment, at).await?,
        None => i64::MIN,
    };
    let high = match filter.created_before {
        Some(at) => first_accepted(moment, at).await?.saturating_sub(1),
        None => i64::MAX,
    };
    Ok(Clip(low, high))
}

/// The number of the first job that was accepted at this instant or after, or the one after all: by
/// halving, some twenty seeks for a million jobs.
async fn first_accepted(moment: &Moment<'_>, at: Timestamp) -> Result<i64, Failure> {
    let last = moment.maybe(LAST_ACCEPTED, &[]).await?;
    let last: Option<i64> = last.map(|row| get(&row, 0)).transpose()?.flatten();
    let (mut low, mut high) = (1, last.unwrap_or(0) + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        match moment.maybe(ACCEPTED_FROM, &[&middle]).await? {
            Some(row) if get::<i64>(&row, 1)? < millis(at) => low = get::<i64>(&row, 0)? + 1,
            _ => high = middle,
        }
    }
    Ok(low)
}
