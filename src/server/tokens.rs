//! Tokens in a server that runs, and of one that does not: whoever may write the data folder may make
//! and revoke them, so the first one of a server for other machines can be made before it starts.

use std::path::Path;
use std::sync::Arc;

use tokio::time::{Duration, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::StartError;
use super::data::DataFolder;
use super::open::open;
use crate::auth::{Keeper, Wanted};
use crate::config::Database;
use crate::domain::clock::{Clock, SystemClock, Timestamp};
use crate::domain::event::Commit;
use crate::domain::limits::Limits;
use crate::domain::names::CallerName;
use crate::domain::token::{Maker, Scope, Token, TokenId};
use crate::scheduler::{Board, Handle};
use crate::store::{CommitSink, Store, TokenError};

/// How often it is written down when tokens were last used.
const WRITE_DOWN: Duration = Duration::from_secs(60);

/// Hands what was committed to the board, and to the keeper: what a mutation did to a token holds
/// before its caller is answered.
pub(super) fn sink(board: &Board, keeper: &Arc<Keeper>) -> CommitSink {
    let (board, keeper) = (board.sink(), Arc::clone(keeper));
    Arc::new(move |commit: &Commit| {
        keeper.learn(&commit.tokens);
        board(commit);
    })
}

/// Writes down now and then when tokens were last used, and once more at the end.
pub(super) async fn write_down(keeper: Arc<Keeper>, handle: Handle, end: CancellationToken) {
    let mut times = interval(WRITE_DOWN);
    times.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let is_last = tokio::select! {
            _ = times.tick() => false,
            () = end.cancelled() => true,
        };
        let used = keeper.take_used();
        if !used.is_empty()
            && let Err(error) = handle.tokens_used(used).await
        {
            tracing::warn!(%error, "when tokens were last used is not written down");
        }
        if is_last {
            return;
        }
    }
}

/// The tokens of a data folder that no server holds. Holds the folder until it is dropped.
pub struct OfflineTokens {
    store: Arc<dyn Store>,
    clock: SystemClock,
    most: u64,
    _folder: DataFolder,
}

impl OfflineTokens {
    /// Takes the folder, which is made where there is none, and opens the database.
    pub async fn open(
        data: &Path,
        database: &Database,
        limits: &Limits,
    ) -> Result<Self, StartError> {
        let folder = DataFolder::take(data)?;
        let store = open(&folder, database, Arc::new(|_: &Commit| {})).await?.store;
        Ok(Self { store, clock: SystemClock, most: limits.tokens, _folder: folder })
    }

    /// Makes a token with scopes that were [judged](crate::domain::token::scopes); the text is its secret,
    /// and is told to nobody else.
    pub async fn create(
        &self,
        name: CallerName,
        scopes: Vec<Scope>,
        expires_at: Option<Timestamp>,
    ) -> Result<(Token, String), TokenError> {
        let wanted = Wanted { name, scopes, parent: None, expires_at };
        let (token, secret) = wanted.make(self.clock.now(), None);
        let token = self.store.create_token(token, Maker::Owner, self.most).await?;
        Ok((token, secret.reveal()))
    }

    /// All tokens but shares, the one made last first.
    pub async fn list(&self) -> Result<Vec<Token>, TokenError> {
        Ok(self.store.tokens().await?)
    }

    /// Makes a token worth nothing; the flag tells whether that is new.
    pub async fn revoke(&self, id: TokenId) -> Result<(Token, bool), TokenError> {
        self.store.revoke_token(id, self.clock.now()).await
    }
}
