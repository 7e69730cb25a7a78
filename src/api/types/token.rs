//! A token as a client sees it: never its secret, but where it is made.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::job::Job;
use super::scalar::DateTime;
use crate::api::context::Parts;
use crate::domain;
use crate::domain::names::CallerName;

/// What lets a caller in.
pub(crate) struct Token(pub(crate) domain::token::Token);

/// What lets a caller in.
#[Object]
impl Token {
    /// 16 hexadecimal digits, which stand in the token, too.
    async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// Whose it is: the name that stands on what is done with it. Tokens of one name see the same jobs.
    async fn name(&self) -> &str {
        self.0.name.as_str()
    }

    /// `read`, `start:KIND`, `start:*`, `cancel`, `admin`, or `job:ID` for a share.
    async fn scopes(&self) -> Vec<String> {
        self.0.scopes.iter().map(ToString::to_string).collect()
    }

    /// The one job that it is a share of.
    async fn shared_job(&self, ctx: &Context<'_>) -> Option<Job> {
        let id = self.0.shared_job()?;
        ctx.nullable(ctx.access().job(id).await.map(|job| job.map(Job::new)))
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// The name of the token by which it was made; null where none was asked for.
    async fn created_by(&self) -> Option<&str> {
        self.0.created_by.as_ref().map(CallerName::as_str)
    }

    /// From then on it is worth nothing; null: never.
    async fn expires_at(&self) -> Option<DateTime> {
        self.0.expires_at.map(DateTime)
    }

    /// When it was revoked.
    async fn revoked_at(&self) -> Option<DateTime> {
        self.0.revoked_at.map(DateTime)
    }

    /// When it was last used, as far as that is written down: within a minute.
    async fn last_used_at(&self) -> Option<DateTime> {
        self.0.last_used_at.map(DateTime)
    }

    /// It lets its holder in now.
    async fn live(&self, ctx: &Context<'_>) -> bool {
        self.0.is_live(ctx.clock().now())
    }
}

/// A token to make.
#[derive(InputObject)]
pub(crate) struct CreateTokenInput {
    /// Whose it is to be: 1 to 63 of a-z, A-Z, 0-9, `_`, `-` and `.`.
    pub(crate) name: String,
    /// What it may do, at least one of `read`, `start:KIND`, `start:*`, `cancel` and `admin`. The first token of a server must have `admin`.
    pub(crate) scopes: Vec<String>,
    /// From then on it is worth nothing; null: never.
    pub(crate) expires_at: Option<DateTime>,
}

/// A token that was made.
#[derive(SimpleObject)]
pub(crate) struct CreateTokenPayload {
    /// What is kept of it.
    pub(crate) token: Token,
    /// The token itself, shown this once: `Authorization: Bearer` and this, or `token` in the payload of `connection_init`.
    pub(crate) secret: String,
}

/// A token after an action.
#[derive(SimpleObject)]
pub(crate) struct TokenPayload {
    /// The token.
    pub(crate) token: Token,
    /// false: it was already as asked.
    pub(crate) changed: bool,
}
