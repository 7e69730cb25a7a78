//! Making tokens and shares, and revoking them.

use async_graphql::Context;
use chrono::TimeDelta;

use crate::api::context::{Parts, job_id};
use crate::api::error::{ApiError, Code, Result};
use crate::api::refusal;
use crate::api::types::scalar::DateTime;
use crate::api::types::token::{CreateTokenInput, CreateTokenPayload, Token, TokenPayload};
use crate::auth::Wanted;
use crate::domain;
use crate::domain::clock::{self, Timestamp};
use crate::domain::token::{Maker, Scope};

/// A share lasts so long where nobody says, and no longer than a share may.
const DEFAULT_SHARE: TimeDelta = TimeDelta::days(1);
/// A share lasts so long at least: making and forgetting them must not be a way to keep the store busy.
const LEAST_SHARE: TimeDelta = TimeDelta::minutes(1);

pub(crate) async fn create(
    ctx: &Context<'_>,
    input: CreateTokenInput,
) -> Result<CreateTokenPayload> {
    let name = input.name.parse().map_err(|error: domain::names::ParseNameError| {
        ApiError::invalid_input("name", error.to_string())
    })?;
    let expires_at = later(ctx, input.expires_at)?;
    make(ctx, Wanted { name, scopes: scopes(&input.scopes)?, parent: None, expires_at }).await
}

/// A token that sees this one job. It ends with the token that shares it.
pub(crate) async fn share(
    ctx: &Context<'_>,
    id: &str,
    expires_at: Option<DateTime>,
) -> Result<CreateTokenPayload> {
    let job = ctx.access().must(job_id(id)?).await?;
    let Some(own) = ctx.access().caller().token() else {
        let message = "this server asks nobody for a token, so whoever reaches it sees every job: make the first token, and share then";
        return Err(ApiError::new(Code::Forbidden, message).with("scope", "read"));
    };
    let now = ctx.clock().now();
    let most = TimeDelta::from_std(ctx.handle().limits().share_time).unwrap_or(TimeDelta::MAX);
    let latest = now.checked_add_signed(most).unwrap_or(Timestamp::MAX_UTC);
    let asked = later(ctx, expires_at)?;
    if let Some(at) = asked.filter(|at| *at > latest) {
        let message = format!(
            "a share may last until {} at most (`limits.share_time`), and {} is after that",
            latest.to_rfc3339(),
            at.to_rfc3339()
        );
        return Err(ApiError::invalid_input("expiresAt", message));
    }
    if let Some(at) = asked.filter(|at| *at < now + LEAST_SHARE) {
        let message =
            format!("a share must last a minute at least, and {} is sooner", at.to_rfc3339());
        return Err(ApiError::invalid_input("expiresAt", message));
    }
    let until = asked.unwrap_or_else(|| latest.min(now + DEFAULT_SHARE));
    let until = own.expires_at.map_or(until, |own| own.min(until));
    let wanted = Wanted {
        name: own.name.clone(),
        scopes: vec![Scope::Job(job.id)],
        parent: Some(own.id),
        expires_at: Some(until),
    };
    make(ctx, wanted).await
}

pub(crate) async fn revoke(ctx: &Context<'_>, id: &str) -> Result<TokenPayload> {
    let id = id.parse().map_err(|error: domain::token::ParseTokenIdError| {
        ApiError::invalid_input("id", error.to_string())
    })?;
    let revoked = ctx.handle().revoke_token(id).await.map_err(refusal::token);
    revoked.map(|(token, changed)| TokenPayload { token: Token(token), changed })
}

async fn make(ctx: &Context<'_>, wanted: Wanted) -> Result<CreateTokenPayload> {
    let by = ctx.access().caller().name();
    let (token, secret) = wanted.make(ctx.clock().now(), by);
    let maker = ctx.access().caller().token();
    let maker = maker.map_or(Maker::Anybody, |own| Maker::Holder(own.id));
    let token = ctx.handle().create_token(token, maker).await.map_err(refusal::token)?;
    Ok(CreateTokenPayload { token: Token(token), secret: secret.reveal() })
}

fn scopes(words: &[String]) -> Result<Vec<Scope>> {
    let wrong = |message: String| ApiError::invalid_input("scopes", message);
    let parsed: std::result::Result<Vec<Scope>, _> =
        words.iter().map(|word| word.parse()).collect();
    let parsed =
        parsed.map_err(|error: domain::token::ParseScopeError| wrong(error.to_string()))?;
    domain::token::scopes(parsed).map_err(|error| wrong(error.to_string()))
}

/// An end that is not over yet.
fn later(ctx: &Context<'_>, at: Option<DateTime>) -> Result<Option<Timestamp>> {
    let ahead = at.map(|DateTime(at)| clock::ahead("expiresAt", at, ctx.clock().now()));
    ahead.transpose().map_err(|message| ApiError::invalid_input("expiresAt", message))
}
