//! The session that the thread which writes holds, and what must be known before it writes.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::address::Address;
use super::failure::Failure;
use super::follow::Follow;
use super::open::{self, OpenError};
use super::read;
use super::session::Session;
use super::write::Numbers;
use crate::store::CommitSink;
use crate::store::tally::Tally;

/// How long somebody may take to let go of the database.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// What the thread works with.
#[derive(Clone)]
pub(super) struct Base {
    /// Where the database is.
    pub(super) address: Address,
    /// The data folder of this process, by its name.
    pub(super) home: Arc<str>,
    /// What others do.
    pub(super) follow: Arc<Follow>,
    /// The last event that this process committed.
    pub(super) committed: watch::Sender<i64>,
}

/// A session that has its data folder's part of the database for itself, and what waits there.
pub(super) struct Held {
    pub(super) session: Session,
    pub(super) tally: Tally,
}

impl Held {
    /// Connects, and counts what waits.
    pub(super) async fn take(base: &Base) -> Result<Self, OpenError> {
        let shown = base.address.to_string();
        let session = Session::connect(&base.address).await?;
        open::ready(session.client(), &shown).await?;
        let taken = open::take(session.client(), &base.home, PATIENCE).await;
        if !taken.map_err(|error| OpenError::of(&error, &shown))? {
            return Err(OpenError::InUse(shown));
        }
        Self::of(session, base).await
    }

    /// One that has it already.
    pub(super) async fn of(session: Session, base: &Base) -> Result<Self, OpenError> {
        let failed = |failure| {
            if let Failure::Sql(error) = &failure {
                return OpenError::of(error, &base.address.to_string());
            }
            OpenError::Sql(failure.to_string())
        };
        let (tally, counted) = read::tally(&session).await.map_err(failed)?;
        base.follow.counted(counted);
        Ok(Self { session, tally })
    }
}

/// The numbers that were drawn last, and all that others did with them taken in: under the lock, so nobody
/// draws any meanwhile.
pub(super) async fn known_numbers(
    session: &Session,
    tally: &mut Tally,
    follow: &Follow,
    sink: &CommitSink,
) -> Result<Numbers, Failure> {
    let numbers = Numbers::read(session).await?;
    if follow.lacks(numbers.event) {
        follow.catch_up(session, tally, sink).await?;
        // Those of a transaction that was rolled back are nobody's.
        follow.took(numbers.event);
    }
    Ok(numbers)
}
