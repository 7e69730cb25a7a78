//! Making and revoking tokens.

use chrono::TimeDelta;
use rusqlite::{OptionalExtension, Row, named_params};

use super::{Operation, Tx};
use crate::domain::clock::{Timestamp, to_millis};
use crate::domain::names::CallerName;
use crate::domain::token::{Scope, Token, TokenId};
use crate::store::sqlite::failure::{Failure, one_row};
use crate::store::sqlite::row::{self, TOKEN_COLUMNS};
use crate::store::{StoreError, TokenError};

/// How long a share that is over is still listed.
const OVER: TimeDelta = TimeDelta::days(1);

/// A token to keep.
pub(in crate::store::sqlite) struct CreateToken {
    /// What.
    pub(in crate::store::sqlite) token: Token,
    /// So many may be live.
    pub(in crate::store::sqlite) most: u64,
}

impl Operation for CreateToken {
    type Answer = Token;
    type Refusal = TokenError;

    fn apply(&self, tx: &mut Tx<'_>) -> Result<Result<Token, TokenError>, Failure> {
        let token = Token {
            created_at: to_millis(self.token.created_at),
            expires_at: self.token.expires_at.map(to_millis),
            ..self.token.clone()
        };
        let now = token.created_at;
        let count =
            |row: &Row<'_>| Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get::<_, i64>(1)?));
        let live = tx.prepare(COUNT_LIVE)?.query_one([now.timestamp_millis()], count);
        let (live, admins) = live?;
        if admins == 0 && !token.scopes.contains(&Scope::Admin) {
            return Ok(Err(TokenError::AdminFirst));
        }
        if live >= self.most {
            return Ok(Err(TokenError::TooMany(self.most)));
        }
        tx.prepare(FORGET_SHARES)?.execute([(now - OVER).timestamp_millis()])?;
        tx.prepare(INSERT)?.execute(named_params! {
            ":id": token.id.as_bytes(),
            ":name": token.name.as_str(),
            ":hash": token.hash,
            ":scopes": row::stored_scopes(&token.scopes),
            ":created_at": now.timestamp_millis(),
            ":created_by": token.created_by.as_ref().map(CallerName::as_str),
            ":parent": token.parent.map(|id| *id.as_bytes()),
            ":expires_at": token.expires_at.map(|at| at.timestamp_millis()),
        })?;
        tx.token(token.clone());
        Ok(Ok(token))
    }
}

/// A token to make worth nothing, and its shares with it.
pub(in crate::store::sqlite) struct RevokeToken {
    /// Which.
    pub(in crate::store::sqlite) id: TokenId,
    /// When.
    pub(in crate::store::sqlite) at: Timestamp,
}

impl Operation for RevokeToken {
    type Answer = (Token, bool);
    type Refusal = TokenError;

    fn apply(&self, tx: &mut Tx<'_>) -> Result<Result<(Token, bool), TokenError>, Failure> {
        let mut select =
            tx.prepare(&format!("SELECT {TOKEN_COLUMNS} FROM tokens WHERE id = ?1"))?;
        let found = select.query_one([self.id.as_bytes()], row::token).optional()?;
        let Some(token) = found else { return Ok(Err(TokenError::NotFound(self.id))) };
        if token.revoked_at.is_some() {
            return Ok(Ok((token, false)));
        }
        let at = to_millis(self.at);
        let revoke = |tx: &mut Tx<'_>, token: Token| {
            let rows = tx.prepare(REVOKE)?.execute((token.id.as_bytes(), at.timestamp_millis()))?;
            one_row("the end of a token", rows)?;
            let token = Token { revoked_at: Some(at), ..token };
            tx.token(token.clone());
            Ok::<_, Failure>(token)
        };
        for share in shares(tx, self.id)? {
            revoke(tx, share)?;
        }
        Ok(Ok((revoke(tx, token)?, true)))
    }
}

/// When tokens were last used.
pub(in crate::store::sqlite) struct TokensUsed(
    pub(in crate::store::sqlite) Vec<(TokenId, Timestamp)>,
);

impl Operation for TokensUsed {
    type Answer = ();
    type Refusal = StoreError;

    fn apply(&self, tx: &mut Tx<'_>) -> Result<Result<(), StoreError>, Failure> {
        let mut update = tx.prepare(USED)?;
        for (id, at) in &self.0 {
            update.execute((id.as_bytes(), at.timestamp_millis()))?;
        }
        Ok(Ok(()))
    }
}

/// By the key: their number is limited.
fn shares(tx: &Tx<'_>, of: TokenId) -> Result<Vec<Token>, Failure> {
    let mut select = tx.prepare(&format!(
        "SELECT {TOKEN_COLUMNS} FROM tokens WHERE parent = ?1 AND revoked_at IS NULL"
    ))?;
    Ok(select.query_map([of.as_bytes()], row::token)?.collect::<Result<_, _>>()?)
}

/// By the key: their number is limited. How many are live at ?1, and how many of these may do all.
const COUNT_LIVE: &str = "
SELECT count(*), count(*) FILTER (WHERE (' ' || scopes || ' ') LIKE '% admin %')
FROM tokens
WHERE revoked_at IS NULL
  AND (expires_at IS NULL OR expires_at > ?1)";

const INSERT: &str = "
INSERT INTO tokens (id, name, hash, scopes, created_at, created_by, parent, expires_at)
VALUES (:id, :name, :hash, :scopes, :created_at, :created_by, :parent, :expires_at)";

/// By the key: their number is limited. Only shares: who had a token that saw more stays known.
const FORGET_SHARES: &str = "
DELETE FROM tokens
WHERE parent IS NOT NULL
  AND min(ifnull(revoked_at, expires_at), ifnull(expires_at, revoked_at)) < ?1";

/// By the unique index of `id`.
const REVOKE: &str = "
UPDATE tokens
SET revoked_at = ?2
WHERE id = ?1
  AND revoked_at IS NULL";

/// By the unique index of `id`.
const USED: &str = "
UPDATE tokens
SET last_used_at = max(ifnull(last_used_at, 0), ?2)
WHERE id = ?1";
