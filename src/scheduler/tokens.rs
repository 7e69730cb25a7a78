//! Tokens: made and revoked for whoever may. They are no jobs, but this is the only door to the store
//! for what writes.

use super::Handle;
use crate::domain::clock::Timestamp;
use crate::domain::token::{Maker, Token, TokenId};
use crate::store::{StoreError, TokenError};

impl Handle {
    /// Keeps a new token. It is worth something once this is durable, before it returns.
    pub async fn create_token(&self, token: Token, maker: Maker) -> Result<Token, TokenError> {
        let limits = &self.core.limits;
        let most = if token.parent.is_some() { limits.shares_per_token } else { limits.tokens };
        self.core.store.create_token(token, maker, most).await
    }

    /// Makes a token worth nothing, and every share of it; the flag tells whether that is new.
    pub async fn revoke_token(&self, id: TokenId) -> Result<(Token, bool), TokenError> {
        self.core.store.revoke_token(id, self.core.clock.now()).await
    }

    /// Records when tokens were last used.
    pub async fn tokens_used(&self, used: Vec<(TokenId, Timestamp)>) -> Result<(), StoreError> {
        self.core.store.tokens_used(used).await
    }
}
