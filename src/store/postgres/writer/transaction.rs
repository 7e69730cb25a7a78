//! One transaction of the thread: it begins under the lock, takes in what came meanwhile, and is told when it is
//! durable.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::time::Instant;

use super::{Desk, MAX_BATCH};
use crate::domain::event::Commit;
use crate::store::postgres::away::EventMark;
use crate::store::postgres::failure::Failure;
use crate::store::postgres::held::{self, Held};
use crate::store::postgres::pending::Pending;
use crate::store::postgres::write::{Reach, Tx};

/// Whether more writes may join a batch once it has the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    ForMore,
    /// It is done by itself, to see which one fails.
    ForNone,
}

/// Nothing of the batch was stored, unless it is in doubt.
pub(super) struct Rollback {
    pub(super) failure: Failure,
    /// The transaction had begun, so that a part of the batch may be what failed.
    pub(super) began: bool,
    /// It may have been stored all the same: what it made true then, and the last event of that.
    pub(super) in_doubt: Option<(Commit, i64)>,
}

impl Desk {
    /// Does the batch in one transaction, which is either durable and told, or rolled back, or in doubt.
    pub(super) async fn transact(
        &mut self,
        batch: &mut Vec<Box<dyn Pending>>,
        room: Room,
    ) -> Result<(), Rollback> {
        let since = Instant::now();
        let not_begun = |failure| Rollback { failure, began: false, in_doubt: None };
        let (follow, home) = (Arc::clone(&self.base.follow), Arc::clone(&self.base.home));
        let Some(Held { session, tally }) = &mut self.held else {
            return Err(not_begun(Failure::NoConnection("it is away".to_owned())));
        };
        let begun = held::begin(session, tally, &follow, &self.on_commit).await;
        // What came while others had the lock need not wait until it is had once more.
        while room == Room::ForMore
            && batch.len() < MAX_BATCH
            && let Ok(write) = self.receiver.try_recv()
        {
            batch.push(write);
        }
        let mut tx = Tx::new(session, tally, home);
        let mut news = None;
        let done = match begun.map_err(not_begun)? {
            Ok((numbers, of_others)) => {
                news = of_others;
                self.owes_look |= follow.lacks_settings(numbers.settings);
                tx.begin_with(numbers);
                apply_all(batch, &mut tx).await
            }
            Err(failure) => Err(failure),
        };
        let (commit, last_event, is_news) = tx.into_commit();
        let done = match done {
            Ok(()) => session.batch("COMMIT").await.map_err(Failure::of_commit),
            Err(failure) => Err(failure),
        };
        // It was there before ours, whatever became of that. Nobody waits for the lock any more.
        if let Some(news) = news {
            follow.tell(&news, &self.on_commit);
        }
        if let Err(failure) = done {
            tally.roll_back();
            if failure.is_in_doubt() {
                return Err(Rollback {
                    failure,
                    began: true,
                    in_doubt: Some((commit, last_event)),
                });
            }
            // Where the database ended the session there is nobody to tell, and another one may be had at once.
            if !failure.is_end_of_session() && session.batch("ROLLBACK").await.is_err() {
                session.lose();
            }
            return Err(Rollback { failure, began: true, in_doubt: None });
        }
        tally.commit();
        follow.took(last_event);
        let took = u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.longest.fetch_max(took, Ordering::Relaxed);
        self.meter.commits.add(since.elapsed());
        self.meter.writes.add(batch.len() as u64);
        self.tell(last_event, &commit);
        if is_news {
            self.base.committed.send_replace(last_event);
        }
        Ok(())
    }

    /// Tells what is durable.
    pub(super) fn tell(&mut self, last_event: i64, commit: &Commit) {
        self.last_event = self.last_event.max(last_event);
        self.last_own = EventMark::of(commit).or(self.last_own);
        if !commit.is_empty() {
            (self.on_commit)(commit);
        }
    }
}

/// Does all of them, those first that look into no table (see [`Reach`]).
async fn apply_all(batch: &mut [Box<dyn Pending>], tx: &mut Tx<'_>) -> Result<(), Failure> {
    batch.sort_by_key(|write| write.reach() == Reach::Tables);
    let reaches: Vec<Reach<'_>> = batch.iter().map(|write| write.reach()).collect();
    tx.read_for(&reaches).await?;
    for write in batch {
        if write.reach() == Reach::Tables {
            tx.write().await?;
        }
        write.apply(tx).await?;
    }
    // It holds what all its statements say.
    Box::pin(tx.flush()).await
}
