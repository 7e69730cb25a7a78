//! Several workers on one database: the door to what is written of them, and the thread that keeps this
//! one's lease.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::PostgresStore;
use super::failure::Failure;
use super::heart::{self, Heart};
use super::progress;
use super::readers::Readers;
use super::row::{self, WORKER_COLUMNS, get};
use super::uploads;
use super::write::{Drain, Join, Leave, Reap};
use crate::domain::clock::{Timestamp, since_boot};
use crate::domain::id::{EventNo, JobId, WorkerId};
use crate::domain::worker::Worker;
use crate::store::fleet::{
    Fleet, JoinError, Joining, Lease, LogPart, Member, Said, Upload, Uploaded,
};
use crate::store::{Guarded, StoreError};

/// This worker, once it joined.
pub(super) struct Joined {
    worker: WorkerId,
    lease: Duration,
    heart: Heart,
}

/// By `workers_joined`.
async fn members(readers: &Readers) -> Result<Vec<Member>, Failure> {
    let sql = format!(
        "SELECT {WORKER_COLUMNS}, kinds, declared, draining,
             last_seen_at + lease_ms > extract(epoch FROM clock_timestamp()) * 1000
         FROM workers
         WHERE lease_ms IS NOT NULL
           AND gone_at IS NULL
         ORDER BY name, no"
    );
    let rows = readers.rows(&sql, &[]).await?;
    let member = |row| {
        let kinds: Vec<String> = serde_json::from_str(get(row, 7)?)?;
        let declared: BTreeMap<String, String> = serde_json::from_str(get(row, 8)?)?;
        let declared = declared.into_iter();
        Ok(Member {
            worker: row::worker(row)?,
            kinds: kinds.iter().filter_map(|kind| kind.parse().ok()).collect(),
            declared: declared.filter_map(|(k, text)| Some((k.parse().ok()?, text))).collect(),
            is_draining: get(row, 9)?,
            is_live: get(row, 10)?,
        })
    };
    rows.iter().map(member).collect()
}

#[async_trait]
impl Fleet for PostgresStore {
    async fn join(&self, joining: Joining) -> Result<(), JoinError> {
        let Joining { worker, kinds, declared, lease, on_lease, on_growth, on_progress, on_time } =
            joining;
        let (id, at) = (worker.id, since_boot());
        self.writer.write(Join { worker, kinds, declared, lease }).await?;
        on_lease(Lease::Renewed(at));
        let asked = since_boot();
        // The thread tells it again and again; what begins before that should know it, too.
        if let Ok(Some(row)) = self.readers.maybe(heart::NOW, &[]).await {
            heart::tell_time(&on_time, asked, row.get(0));
        }
        let options = heart::Options {
            address: self.base.ways.session.clone(),
            worker: id,
            lease,
            on_lease,
            on_growth,
            on_progress,
            on_time,
            follow: Arc::clone(&self.base.follow),
            committed: self.base.committed.subscribe(),
        };
        let heart = Heart::start(options).map_err(|error| StoreError::Internal {
            message: "the thread that renews the lease cannot be started".to_owned(),
            source: Some(Box::new(error)),
        })?;
        // A second one of this process would be a fault of ours; it ends with this call.
        drop(self.joined.set(Joined { worker: id, lease, heart }));
        Ok(())
    }

    fn follow(&self, after: EventNo) {
        self.base.follow.begin(after);
    }

    async fn members(&self) -> Result<Vec<Member>, StoreError> {
        members(&self.readers).await.map_err(Failure::of_read)
    }

    async fn drain(&self, id: WorkerId, drain: bool) -> Result<Option<bool>, StoreError> {
        self.writer.write(Drain { id, drain }).await
    }

    async fn reap(&self, at: Timestamp) -> Result<Vec<(Worker, u32)>, StoreError> {
        let Some(joined) = self.joined.get() else { return Ok(Vec::new()) };
        if !joined.heart.is_steady(joined.lease) {
            return Ok(Vec::new());
        }
        self.writer.write(Reap { by: joined.worker, at }).await
    }

    async fn upload(&self, upload: Upload) -> Result<Uploaded, StoreError> {
        uploads::upload(&self.uploads, &upload).await.map_err(Failure::of_read)
    }

    async fn uploaded(&self, job: JobId, after: (u32, u64)) -> Result<Vec<LogPart>, StoreError> {
        uploads::uploaded(&self.readers, job, after).await.map_err(Failure::of_read)
    }

    async fn say(&self, said: Said) -> Result<Guarded<()>, StoreError> {
        progress::say(&self.uploads, &said).await.map_err(Failure::of_read)
    }

    async fn said(&self) -> Result<Vec<Said>, StoreError> {
        progress::said(&self.readers).await.map_err(Failure::of_read)
    }

    async fn leave(&self) -> Result<(), StoreError> {
        let Some(joined) = self.joined.get() else { return Ok(()) };
        // It would begin anew.
        joined.heart.stop();
        self.writer.write(Leave(joined.worker)).await
    }
}
