//! What a store answers when it cannot do what was asked.

use crate::domain::id::JobId;
use crate::domain::names::QueueName;
use crate::domain::state::JobState;
use crate::domain::token::TokenId;

/// The store itself is in the way.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Nothing was stored; the same may work later.
    #[error("the store refuses writes for now: {0}")]
    Unavailable(String),
    /// It may or may not be stored. A repeat with the same idempotency key is safe.
    #[error("the store cannot tell whether this is durable: {0}")]
    OutcomeUnknown(String),
    /// Nothing was stored, and the same would fail again: a bug or a damaged file.
    #[error("the store failed: {message}")]
    Internal {
        /// What it did.
        message: String,
        /// Why it failed.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
}

/// Why a job was not accepted. Nothing was stored.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// As many jobs wait as may.
    #[error("queue `{queue}` is full: {waiting} jobs wait, {limit} may")]
    QueueFull {
        /// Which queue.
        queue: QueueName,
        /// How many wait.
        waiting: u64,
        /// How many may.
        limit: u64,
    },
    /// The arguments of the jobs that wait take as much room as they may.
    #[error("the arguments of all waiting jobs take {bytes} bytes, {limit} may be taken")]
    WaitingBytesFull {
        /// The queue that was asked for.
        queue: QueueName,
        /// How many bytes are taken.
        bytes: u64,
        /// How many may be.
        limit: u64,
    },
    /// The key made another job from other content.
    #[error("the idempotency key was used for job `{0}`, which was asked for with other input")]
    IdempotencyConflict(JobId),
    /// The store itself is in the way.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl StartError {
    /// There is no room for another job.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::QueueFull { .. } | Self::WaitingBytesFull { .. })
    }
}

/// Why a job was not asked to stop. Nothing was stored.
#[derive(Debug, thiserror::Error)]
pub enum CancelError {
    /// No such job.
    #[error("no job has the id `{0}`")]
    NotFound(JobId),
    /// It ended before, and not by a cancel.
    #[error("the job is {0:?} already")]
    Ended(JobState),
    /// The store itself is in the way.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a queue was not changed.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// No such queue.
    #[error("no queue has the name `{0}`")]
    NotFound(QueueName),
    /// The store itself is in the way.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a token was not made or revoked. Nothing was stored.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// No such token.
    #[error("no token has the id `{0}`")]
    NotFound(TokenId),
    /// Nobody could make or revoke tokens then.
    #[error(
        "no token has the scope `admin` yet: make one that has it first, or nobody could make another"
    )]
    AdminFirst,
    /// Who makes it is nobody any more, by now.
    #[error("the token was revoked, has expired, or one is asked for by now")]
    MakerGone,
    /// As many are live as may be.
    #[error("{most} {} are live, as many as may be (`limits.{}`): revoke some", if *shares { "shares of one token" } else { "tokens" }, if *shares { "shares_per_token" } else { "tokens" })]
    TooMany {
        /// How many may be.
        most: u64,
        /// Of the shares of one token.
        shares: bool,
    },
    /// The store itself is in the way.
    #[error(transparent)]
    Store(#[from] StoreError),
}
