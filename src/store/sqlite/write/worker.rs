//! Recording who works.

use rusqlite::named_params;

use super::{Operation, Tx};
use crate::domain::worker::Worker;
use crate::store::StoreError;
use crate::store::sqlite::failure::Failure;
use crate::store::sqlite::row::stored_labels;

/// A worker that begins, or was seen.
pub(in crate::store::sqlite) struct SeeWorker(pub(in crate::store::sqlite) Worker);

impl Operation for SeeWorker {
    type Answer = ();
    type Refusal = StoreError;

    fn apply(&self, tx: &mut Tx<'_>) -> Result<Result<(), StoreError>, Failure> {
        let Worker { id, name, version, slots, labels, started_at, last_seen_at } = &self.0;
        tx.prepare(SEE_FORMER)?.execute([id.as_bytes()])?;
        tx.prepare(SEE)?.execute(named_params! {
            ":id": id.as_bytes(),
            ":name": &**name,
            ":version": version,
            ":slots": slots,
            ":started_at": started_at.timestamp_millis(),
            ":last_seen_at": last_seen_at.timestamp_millis(),
            ":labels": stored_labels(labels)?,
        })?;
        Ok(Ok(()))
    }
}

/// The latest by its key, and the last event by its: the file has one worker at a time, so whatever
/// was committed last, the one before committed.
const SEE_FORMER: &str = "
UPDATE workers
SET last_seen_at = max(last_seen_at, ifnull((SELECT at FROM job_events ORDER BY no DESC LIMIT 1), 0))
WHERE no = (SELECT max(no) FROM workers)
  AND id <> ?1";

/// By the unique index of `id`.
const SEE: &str = "
INSERT INTO workers (id, name, version, slots, started_at, last_seen_at, labels)
VALUES (:id, :name, :version, :slots, :started_at, :last_seen_at, :labels)
ON CONFLICT (id) DO UPDATE
SET last_seen_at = max(last_seen_at, excluded.last_seen_at)";
