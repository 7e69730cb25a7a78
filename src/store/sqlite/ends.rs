//! How many jobs ended when.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::failure::Failure;
use crate::domain::clock::Timestamp;
use crate::domain::names::QueueName;
use crate::domain::state::JobState;
use crate::store::EndCount;

/// By `jobs_by_end`, which holds all that is asked for.
pub(super) const ENDS: &str = "
SELECT ended_at
FROM jobs INDEXED BY jobs_by_end
WHERE queue = ?1
  AND state = ?2
  AND ended_at >= ?3
ORDER BY ended_at DESC
LIMIT ?4";

/// By [`ENDS`], for each state in which jobs end.
pub(super) fn counts(
    conn: &Connection,
    queue: &QueueName,
    since: Timestamp,
    most: u32,
) -> Result<Vec<EndCount>, Failure> {
    let mut select = conn.prepare_cached(ENDS)?;
    let mut minutes = BTreeMap::new();
    for state in [JobState::Succeeded, JobState::Failed, JobState::Canceled] {
        let word: &str = state.into();
        let mut rows = select.query((queue.as_str(), word, since.timestamp_millis(), most))?;
        while let Some(row) = rows.next()? {
            let minute = row.get::<_, i64>(0)?.div_euclid(60_000);
            let none = EndCount { minute, ended: 0, failed: 0 };
            let count = minutes.entry(minute).or_insert(none);
            count.ended += 1;
            count.failed += u64::from(state == JobState::Failed);
        }
    }
    Ok(minutes.into_values().collect())
}
