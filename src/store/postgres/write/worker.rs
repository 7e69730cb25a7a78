//! Recording who works.

use async_trait::async_trait;

use super::{Operation, Tx};
use crate::domain::worker::Worker;
use crate::store::StoreError;
use crate::store::postgres::failure::Failure;
use crate::store::postgres::row::{millis, stored_labels, uuid};
use crate::store::postgres::session::Parameters;

/// A worker that begins, or was seen.
pub(in crate::store::postgres) struct SeeWorker(pub(in crate::store::postgres) Worker);

#[async_trait(?Send)]
impl Operation for SeeWorker {
    type Answer = ();
    type Refusal = StoreError;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Result<(), StoreError>, Failure> {
        let Worker { id, name, version, slots, labels, started_at, last_seen_at } = &self.0;
        let id = uuid(id.as_bytes());
        tx.session.execute(SEE_FORMER, &[&id]).await?;
        let slots = i64::from(*slots);
        let (started_at, seen_at) = (millis(*started_at), millis(*last_seen_at));
        let (name, labels): (&str, _) = (name, stored_labels(labels)?);
        let seen: Parameters<'_> = &[&id, &name, version, &slots, &started_at, &seen_at, &labels];
        tx.session.execute(SEE, seen).await?;
        Ok(Ok(()))
    }
}

/// The latest by its key, and the last event by its: where nobody joins there is one server at a time, and
/// whatever was committed last, the one before committed. Who joined says itself when it was seen.
const SEE_FORMER: &str = "
UPDATE workers
SET last_seen_at = greatest(
    last_seen_at,
    (SELECT at FROM job_events ORDER BY no DESC LIMIT 1))
WHERE no = (SELECT max(no) FROM workers)
  AND lease_ms IS NULL
  AND id <> $1";

/// By the unique index of `id`.
const SEE: &str = "
INSERT INTO workers (id, name, version, slots, started_at, last_seen_at, labels)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (id) DO UPDATE
SET last_seen_at = greatest(workers.last_seen_at, excluded.last_seen_at)";
