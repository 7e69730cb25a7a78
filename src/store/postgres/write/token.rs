//! Making and revoking tokens.

use async_trait::async_trait;

use super::{Operation, Tx};
use crate::domain::clock::{Timestamp, to_millis};
use crate::domain::names::CallerName;
use crate::domain::token::{Maker, Scope, Token, TokenId};
use crate::store::postgres::failure::{Failure, one_row};
use crate::store::postgres::row::{self, TOKEN_COLUMNS, get, millis};
use crate::store::{StoreError, TokenError};

/// So many tokens that are over are still listed.
const MOST_OVER: i64 = 1_000;

/// A token to keep.
pub(in crate::store::postgres) struct CreateToken {
    /// What.
    pub(in crate::store::postgres) token: Token,
    /// Who makes it.
    pub(in crate::store::postgres) maker: Maker,
    /// So many may be live.
    pub(in crate::store::postgres) most: u64,
}

impl CreateToken {
    /// What is against it at this moment.
    async fn refusal(&self, tx: &Tx<'_>, now: Timestamp) -> Result<Option<TokenError>, Failure> {
        let any = "SELECT 1 FROM tokens LIMIT 1";
        let is_gone = match self.maker {
            Maker::Owner => false,
            Maker::Anybody => tx.session.maybe(any, &[]).await?.is_some(),
            Maker::Holder(id) => find(tx, id).await?.is_none_or(|maker| !maker.is_live(now)),
        };
        if is_gone {
            return Ok(Some(TokenError::MakerGone));
        }
        let parent = self.token.parent.map(|id| id.as_bytes().to_vec());
        let counts = tx.session.one(COUNT_LIVE, &[&parent, &millis(now)]).await?;
        let (live, admins) = (get::<i64>(&counts, 0)?.unsigned_abs(), get::<i64>(&counts, 1)?);
        let shares = parent.is_some();
        if !shares && admins == 0 && !self.token.scopes.contains(&Scope::Admin) {
            return Ok(Some(TokenError::AdminFirst));
        }
        let most = self.most;
        Ok((live >= most).then_some(TokenError::TooMany { most, shares }))
    }
}

#[async_trait(?Send)]
impl Operation for CreateToken {
    type Answer = Token;
    type Refusal = TokenError;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Result<Token, TokenError>, Failure> {
        let token = Token {
            created_at: to_millis(self.token.created_at),
            expires_at: self.token.expires_at.map(to_millis),
            ..self.token.clone()
        };
        let now = token.created_at;
        if let Some(refusal) = self.refusal(tx, now).await? {
            return Ok(Err(refusal));
        }
        let parent = token.parent.map(|id| id.as_bytes().to_vec());
        match &parent {
            Some(parent) => tx.session.execute(FORGET_SHARES, &[parent, &millis(now)]).await?,
            None => tx.session.execute(FORGET_OLDEST, &[&millis(now), &MOST_OVER]).await?,
        };
        tx.session
            .execute(
                INSERT,
                &[
                    &token.id.as_bytes().as_slice(),
                    &token.name.as_str(),
                    &token.hash.as_slice(),
                    &row::stored_scopes(&token.scopes),
                    &millis(now),
                    &token.created_by.as_ref().map(CallerName::as_str),
                    &parent,
                    &token.expires_at.map(millis),
                ],
            )
            .await?;
        tx.token(token.clone());
        Ok(Ok(token))
    }
}

/// A token to make worth nothing, and its shares with it.
pub(in crate::store::postgres) struct RevokeToken {
    /// Which.
    pub(in crate::store::postgres) id: TokenId,
    /// When.
    pub(in crate::store::postgres) at: Timestamp,
}

impl RevokeToken {
    async fn revoke(&self, tx: &mut Tx<'_>, token: Token) -> Result<Token, Failure> {
        let at = to_millis(self.at);
        let id = token.id.as_bytes().as_slice();
        one_row("the end of a token", tx.session.execute(REVOKE, &[&id, &millis(at)]).await?)?;
        let token = Token { revoked_at: Some(at), ..token };
        tx.token(token.clone());
        Ok(token)
    }
}

#[async_trait(?Send)]
impl Operation for RevokeToken {
    type Answer = (Token, bool);
    type Refusal = TokenError;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Result<(Token, bool), TokenError>, Failure> {
        let Some(token) = find(tx, self.id).await? else {
            return Ok(Err(TokenError::NotFound(self.id)));
        };
        for share in shares(tx, self.id).await? {
            self.revoke(tx, share).await?;
        }
        if token.revoked_at.is_some() {
            return Ok(Ok((token, false)));
        }
        Ok(Ok((self.revoke(tx, token).await?, true)))
    }
}

/// When tokens were last used.
pub(in crate::store::postgres) struct TokensUsed(
    pub(in crate::store::postgres) Vec<(TokenId, Timestamp)>,
);

#[async_trait(?Send)]
impl Operation for TokensUsed {
    type Answer = ();
    type Refusal = StoreError;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Result<(), StoreError>, Failure> {
        let ids: Vec<&[u8]> = self.0.iter().map(|(id, _)| id.as_bytes().as_slice()).collect();
        let ats: Vec<i64> = self.0.iter().map(|(_, at)| millis(*at)).collect();
        tx.session.execute(USED, &[&ids, &ats]).await?;
        Ok(Ok(()))
    }
}

/// By the unique index of `id`.
async fn find(tx: &Tx<'_>, id: TokenId) -> Result<Option<Token>, Failure> {
    let sql = format!("SELECT {TOKEN_COLUMNS} FROM tokens WHERE id = $1");
    let found = tx.session.maybe(&sql, &[&id.as_bytes().as_slice()]).await?;
    found.as_ref().map(row::token).transpose()
}

/// By `tokens_by_parent`.
async fn shares(tx: &Tx<'_>, of: TokenId) -> Result<Vec<Token>, Failure> {
    let sql = format!(
        "SELECT {TOKEN_COLUMNS} FROM tokens WHERE parent = $1 AND revoked_at IS NULL ORDER BY no"
    );
    let shares = tx.session.rows(&sql, &[&of.as_bytes().as_slice()]).await?;
    shares.iter().map(row::token).collect()
}

/// By `tokens_by_parent`: the shares of one token, or the tokens that are none. How many are live at
/// $2, and how many of these may do all.
const COUNT_LIVE: &str = "
SELECT count(*), count(*) FILTER (WHERE (' ' || scopes || ' ') LIKE '% admin %')
FROM tokens
WHERE parent IS NOT DISTINCT FROM $1
  AND revoked_at IS NULL
  AND (expires_at IS NULL OR expires_at > $2)";

const INSERT: &str = "
INSERT INTO tokens (id, name, hash, scopes, created_at, created_by, parent, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

/// By `tokens_by_parent`.
const FORGET_SHARES: &str = "
DELETE FROM tokens
WHERE parent = $1
  AND (revoked_at IS NOT NULL OR expires_at <= $2)";

/// By `tokens_by_parent`. Another row follows in the same transaction, so the table is never empty
/// again: see `auth`.
const FORGET_OLDEST: &str = "
DELETE FROM tokens
WHERE no IN (
    SELECT no
    FROM tokens
    WHERE parent IS NULL
      AND (revoked_at IS NOT NULL OR expires_at <= $1)
    ORDER BY no DESC
    OFFSET $2)";

/// By the unique index of `id`.
const REVOKE: &str = "
UPDATE tokens
SET revoked_at = $2
WHERE id = $1
  AND revoked_at IS NULL";

/// By the unique index of `id`.
const USED: &str = "
UPDATE tokens
SET last_used_at = greatest(last_used_at, used.at)
FROM (
    SELECT id, max(at) AS at
    FROM unnest($1::bytea[], $2::bigint[]) AS used (id, at)
    GROUP BY id
) AS used
WHERE tokens.id = used.id";
