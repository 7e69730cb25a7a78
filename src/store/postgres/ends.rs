//! How many jobs ended when.

use std::collections::BTreeMap;

use super::failure::Failure;
use super::readers::{Moment, Readers};
use super::row::{get, millis};
use crate::domain::clock::Timestamp;
use crate::domain::names::QueueName;
use crate::domain::state::JobState;
use crate::store::EndCount;

/// By `jobs_by_end`, which holds all that is asked for.
const ENDS: &str = "
SELECT ended_at
FROM jobs
WHERE queue = $1
  AND state = $2
  AND ended_at >= $3
ORDER BY ended_at DESC
LIMIT $4";

/// By [`ENDS`], for each state in which jobs end.
pub(super) async fn counts(
    readers: &Readers,
    queue: &QueueName,
    since: Timestamp,
    most: u32,
) -> Result<Vec<EndCount>, Failure> {
    let mut client = readers.lend().await?;
    let moment = Moment::begin(&mut client).await?;
    let mut minutes = BTreeMap::new();
    let (since, most) = (millis(since), i64::from(most));
    for state in [JobState::Succeeded, JobState::Failed, JobState::Canceled] {
        let word: &str = state.into();
        for row in moment.rows(ENDS, &[&queue.as_str(), &word, &since, &most]).await? {
            let minute = get::<i64>(&row, 0)?.div_euclid(60_000);
            let none = EndCount { minute, ended: 0, failed: 0 };
            let count = minutes.entry(minute).or_insert(none);
            count.ended += 1;
            count.failed += u64::from(state == JobState::Failed);
        }
    }
    Ok(minutes.into_values().collect())
}
