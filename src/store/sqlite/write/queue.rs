//! Queues: what the configuration declares, and what a mutation changes.

use rusqlite::OptionalExtension;

use super::{Operation, Tx};
use crate::domain::kind::QueueSpec;
use crate::domain::names::{CallerName, QueueName};
use crate::store::moves::changed;
use crate::store::sqlite::failure::{Failure, one_row};
use crate::store::sqlite::row::{self, QUEUE_COLUMNS};
use crate::store::{QueueChange, QueueError, QueueRow, StoreError};

/// The queues that the configuration declares.
pub(in crate::store::sqlite) struct DeclareQueues(pub(in crate::store::sqlite) Vec<QueueSpec>);

impl Operation for DeclareQueues {
    type Answer = Vec<QueueRow>;
    type Refusal = StoreError;

    fn apply(&self, tx: &mut Tx<'_>) -> Result<Result<Vec<QueueRow>, StoreError>, Failure> {
        let mut upsert = tx.prepare(DECLARE)?;
        let rows = self
            .0
            .iter()
            .map(|spec| Ok(upsert.query_one((spec.name.as_str(), spec.slots), row::queue)?));
        Ok(Ok(rows.collect::<Result<_, Failure>>()?))
    }
}

/// A change of a queue.
pub(in crate::store::sqlite) struct ChangeQueue {
    /// Which.
    pub(in crate::store::sqlite) name: QueueName,
    /// What.
    pub(in crate::store::sqlite) change: QueueChange,
}

impl Operation for ChangeQueue {
    type Answer = (QueueRow, bool);
    type Refusal = QueueError;

    fn apply(&self, tx: &mut Tx<'_>) -> Result<Result<Self::Answer, QueueError>, Failure> {
        let mut select =
            tx.prepare(&format!("SELECT {QUEUE_COLUMNS} FROM queues WHERE name = ?1"))?;
        let Some(before) = select.query_one([self.name.as_str()], row::queue).optional()? else {
            return Ok(Err(QueueError::NotFound(self.name.clone())));
        };
        let after = changed(&before, &self.change);
        let is_new = after != before;
        if is_new {
            // An override that says what the file says would be none.
            let slots = (after.slots != after.file_slots).then_some(after.slots);
            let paused_at = after.paused.as_ref().map(|pause| pause.at.timestamp_millis());
            let note = after.paused.as_ref().and_then(|pause| pause.note.as_deref());
            let by = after.paused.as_ref().and_then(|pause| pause.by.as_ref());
            let by = by.map(CallerName::as_str);
            let change = (self.name.as_str(), slots, paused_at, note, by);
            let rows = tx.prepare(CHANGE)?.execute(change)?;
            one_row("the change of a queue", rows)?;
        }
        Ok(Ok((after, is_new)))
    }
}

/// By its key. The override falls where the file says another number than it said last.
const DECLARE: &str = "
INSERT INTO queues (name, file_slots)
VALUES (?1, ?2)
ON CONFLICT (name) DO UPDATE
SET slots_override = iif(file_slots = excluded.file_slots, slots_override, NULL),
    file_slots = excluded.file_slots
RETURNING name, file_slots, slots_override, paused_at, pause_note, paused_by";

/// By its key.
const CHANGE: &str = "
UPDATE queues
SET slots_override = ?2,
    paused_at = ?3,
    pause_note = ?4,
    paused_by = ?5
WHERE name = ?1";
