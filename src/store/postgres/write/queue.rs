//! Queues: what the configuration declares, and what a mutation changes.

use async_trait::async_trait;

use super::{Operation, Tx};
use crate::domain::kind::QueueSpec;
use crate::domain::names::{CallerName, QueueName};
use crate::store::moves::changed;
use crate::store::postgres::failure::{Failure, one_row};
use crate::store::postgres::row::{self, QUEUE_COLUMNS, millis, stored};
use crate::store::{QueueChange, QueueError, QueueRow, StoreError};

/// The queues that the configuration declares.
pub(in crate::store::postgres) struct DeclareQueues(pub(in crate::store::postgres) Vec<QueueSpec>);

#[async_trait(?Send)]
impl Operation for DeclareQueues {
    type Answer = Vec<QueueRow>;
    type Refusal = StoreError;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Result<Vec<QueueRow>, StoreError>, Failure> {
        let sql = format!("{DECLARE} RETURNING {QUEUE_COLUMNS}");
        let mut rows = Vec::new();
        for spec in &self.0 {
            let declared = (spec.name.as_str(), i64::from(spec.slots));
            rows.push(row::queue(&tx.session.one(&sql, &[&declared.0, &declared.1]).await?)?);
        }
        tx.has_settings = true;
        Ok(Ok(rows))
    }
}

/// A change of a queue.
pub(in crate::store::postgres) struct ChangeQueue {
    /// Which.
    pub(in crate::store::postgres) name: QueueName,
    /// What.
    pub(in crate::store::postgres) change: QueueChange,
}

#[async_trait(?Send)]
impl Operation for ChangeQueue {
    type Answer = (QueueRow, bool);
    type Refusal = QueueError;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Result<Self::Answer, QueueError>, Failure> {
        let sql = format!("SELECT {QUEUE_COLUMNS} FROM queues WHERE name = $1");
        let Some(before) = tx.session.maybe(&sql, &[&self.name.as_str()]).await? else {
            return Ok(Err(QueueError::NotFound(self.name.clone())));
        };
        let before = row::queue(&before)?;
        let after = changed(&before, &self.change);
        let is_new = after != before;
        if is_new {
            // An override that says what the file says would be none.
            let slots = (after.slots != after.file_slots).then_some(i64::from(after.slots));
            let paused_at = after.paused.as_ref().map(|pause| millis(pause.at));
            let note = after.paused.as_ref().and_then(|pause| pause.note.as_deref()).map(stored);
            let by = after.paused.as_ref().and_then(|pause| pause.by.as_ref());
            let by = by.map(CallerName::as_str);
            let name = self.name.as_str();
            let rows = tx.session.execute(CHANGE, &[&name, &slots, &paused_at, &note, &by]).await?;
            one_row("the change of a queue", rows)?;
            tx.has_settings = true;
        }
        Ok(Ok((after, is_new)))
    }
}

/// By its key. The override falls where the file says another number than it said last.
const DECLARE: &str = "
INSERT INTO queues (name, file_slots)
VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE
SET slots_override = CASE
        WHEN queues.file_slots = excluded.file_slots THEN queues.slots_override
    END,
    file_slots = excluded.file_slots";

/// By its key.
const CHANGE: &str = "
UPDATE queues
SET slots_override = $2,
    paused_at = $3,
    pause_note = $4,
    paused_by = $5
WHERE name = $1";
