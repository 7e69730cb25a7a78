//! The session that the thread which writes holds, and what must be known before it writes.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::address::Ways;
use super::failure::Failure;
use super::follow::{AFTER, Follow, News};
use super::open::{self, OpenError};
use super::pooler;
use super::read;
use super::session::Session;
use super::write::{NUMBERS, Numbers};
use super::writer::BEGIN;
use crate::store::CommitSink;
use crate::store::tally::Tally;

/// How long somebody may take to let go of the database.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// What the thread works with.
#[derive(Clone)]
pub(super) struct Base {
    /// Where the database is.
    pub(super) ways: Ways,
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
    /// Connects, and counts what waits; the name of the schema.
    pub(super) async fn take(base: &Base) -> Result<(Self, String), OpenError> {
        let shown = base.ways.session.to_string();
        let session = pooler::past(&base.ways).await?;
        let schema = open::ready(session.client(), &shown).await?;
        if let Some(pooled) = &base.ways.pooled {
            pooler::may_read(pooled, &schema).await?;
        }
        let taken = open::take(session.client(), &base.home, PATIENCE).await;
        if !taken.map_err(|error| OpenError::of(&error, &shown))? {
            return Err(OpenError::InUse(shown));
        }
        Ok((Self::of(session, base).await?, schema))
    }

    /// One that has it already.
    pub(super) async fn of(session: Session, base: &Base) -> Result<Self, OpenError> {
        let failed = |failure| {
            if let Failure::Sql(error) = &failure {
                return OpenError::of(error, &base.ways.session.to_string());
            }
            OpenError::Sql(failure.to_string())
        };
        let (tally, counted) = read::tally(&session).await.map_err(failed)?;
        base.follow.counted(counted);
        Ok(Self { session, tally })
    }
}

/// Begins a transaction under the lock of the schema, where nobody else draws numbers: those that were drawn
/// last, and what others did with them, counted and yet to be told. All of it is asked at once, so that
/// whoever is next in the line for the lock waits for one answer only. An inner failure met one that had begun.
pub(super) async fn begin(
    session: &Session,
    tally: &mut Tally,
    follow: &Follow,
    sink: &CommitSink,
) -> Result<Result<(Numbers, Option<News>), Failure>, Failure> {
    session.prepare(&[NUMBERS, &AFTER]).await?;
    let page =
        async { if follow.is_shared() { follow.read(session).await.map(Some) } else { Ok(None) } };
    let (begun, numbers, page) = futures::join!(session.batch(BEGIN), Numbers::read(session), page);
    begun?;
    let known = async {
        let (numbers, page) = (numbers?, page?);
        if !follow.lacks(numbers.event) {
            return Ok((numbers, None));
        }
        let news = follow.catch_up_to(numbers.event, page, session, (tally, sink)).await?;
        Ok((numbers, Some(news)))
    };
    Ok(known.await)
}
