//! Counting what waits, at the start.

use rusqlite::Connection;

use super::row;
use crate::store::tally::Tally;

/// Counts the rows.
pub(super) fn count(conn: &Connection) -> rusqlite::Result<Tally> {
    let mut statement = conn.prepare(
        "SELECT queue, count(*), sum(args_bytes)
         FROM jobs INDEXED BY jobs_by_state
         WHERE state = 'QUEUED'
         GROUP BY queue",
    )?;
    let rows = statement.query_map([], |row| Ok((row::must(row, 0)?, row.get(1)?, row.get(2)?)))?;
    Ok(Tally::of(rows.collect::<rusqlite::Result<Vec<_>>>()?))
}
