//! Making and revoking tokens.

use rusqlite::{OptionalExtension, Row, named_params};

use super::{Operation, Tx};
use crate::domain::clock::{Timestamp, to_millis};
use crate::domain::names::CallerName;
use crate::domain::token::{Maker, Scope, Token, TokenId};
use crate::store::sqlite::failure::{Failure, one_row};
use crate::store::sqlite::row::{self, TOKEN_COLUMNS};
use crate::store::{StoreError, TokenError};

/// So many tokens that are over are still listed.
const MOST_OVER: u32 = 1_000;

/// A token to keep.
pub(in crate::store::sqlite) struct CreateToken {
    /// What.
    pub(in crate::store::sqlite) token: Token,
    /// Who makes it.
    pub(in crate::store::sqlite) maker: Maker,
    /// So many may be live.
    pub(in crate::store::sqlite) most: u64,
}

impl CreateToken {
    /// What is against it at this moment.
    fn refusal(&self, tx: &Tx<'_>, now: Timestamp) -> Result<Option<TokenError>, Failure> {
        let is_gone = match self.maker {
            Maker::Owner => false,
            Maker::Anybody => tx.prepare("SELECT 1 FROM tokens LIMIT 1")?.exists([])?,
            Maker::Holder(id) => find(tx, id)?.is_none_or(|maker| !maker.is_live(now)),
        };
        if is_gone {
            return Ok(Some(TokenError::MakerGone));
        }
        let parent = self.token.parent;
        let count =
            |row: &Row<'_>| Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get::<_, i64>(1)?));
        let of = (parent.map(|id| *id.as_bytes()), now.timestamp_millis());
        let (live, admins) = tx.prepare(COUNT_LIVE)?.query_one(of, count)?;
        let shares = parent.is_some();
        if !shares && admins == 0 && !self.token.scopes.contains(&Scope::Admin) {
            return Ok(Some(TokenError::AdminFirst));
        }
        let most = self.most;
        Ok((live >= most).then_some(TokenError::TooMany { most, shares }))
    }
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
        if let Some(refusal) = self.refusal(tx, now)? {
            return Ok(Err(refusal));
        }
        match token.parent {
            Some(parent) => {
                let over = (parent.as_bytes(), now.timestamp_millis());
                tx.prepare(FORGET_SHARES)?.execute(over)?;
            }
            None => {
                tx.prepare(FORGET_OLDEST)?.execute((now.timestamp_millis(), MOST_OVER))?;
            }
        }
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
        let Some(token) = find(tx, self.id)? else {
            return Ok(Err(TokenError::NotFound(self.id)));
        };
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
        if token.revoked_at.is_some() {
            return Ok(Ok((token, false)));
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

/// By the unique index of `id`.
fn find(tx: &Tx<'_>, id: TokenId) -> Result<Option<Token>, Failure> {
    let mut select = tx.prepare(&format!("SELECT {TOKEN_COLUMNS} FROM tokens WHERE id = ?1"))?;
    Ok(select.query_one([id.as_bytes()], row::token).optional()?)
}

/// By `tokens_by_parent`.
fn shares(tx: &Tx<'_>, of: TokenId) -> Result<Vec<Token>, Failure> {
    let mut select = tx.prepare(&format!(
        "SELECT {TOKEN_COLUMNS} FROM tokens WHERE parent = ?1 AND revoked_at IS NULL"
    ))?;
    Ok(select.query_map([of.as_bytes()], row::token)?.collect::<Result<_, _>>()?)
}

/// By `tokens_by_parent`: the shares of one token, or the tokens that are none. How many are live at
/// ?2, and how many of these may do all.
const COUNT_LIVE: &str = "
SELECT count(*), count(*) FILTER (WHERE (' ' || scopes || ' ') LIKE '% admin %')
FROM tokens
WHERE parent IS ?1
  AND revoked_at IS NULL
  AND (expires_at IS NULL OR expires_at > ?2)";

const INSERT: &str = "
INSERT INTO tokens (id, name, hash, scopes, created_at, created_by, parent, expires_at)
VALUES (:id, :name, :hash, :scopes, :created_at, :created_by, :parent, :expires_at)";

/// By `tokens_by_parent`.
const FORGET_SHARES: &str = "
DELETE FROM tokens
WHERE parent = ?1
  AND (revoked_at IS NOT NULL OR expires_at <= ?2)";

/// By `tokens_by_parent`. Another row follows in the same transaction, so the table is never empty
/// again: see `auth`.
const FORGET_OLDEST: &str = "
DELETE FROM tokens
WHERE no IN (
    SELECT no
    FROM tokens
    WHERE parent IS NULL
      AND (revoked_at IS NOT NULL OR expires_at <= ?1)
    ORDER BY no DESC
    LIMIT -1 OFFSET ?2)";

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
