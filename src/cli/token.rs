//! `longhaul token` and `longhaul share`: who may ask the server, and for what.
//!
//! A server that runs is asked. Where none runs on the data folder, `token` works on the folder itself:
//! the first token of a server for other machines is made before it starts.

use std::time::Duration;

use chrono::{SecondsFormat, TimeDelta, Utc};
use clap::{Args, Subcommand};
use clap_complete::engine::ArgValueCompleter;
use serde_json::{Value, json};

use super::client::{ClientError, read};
use super::exit::{FAILED, Failure, USAGE};
use super::ids::resolve;
use super::operations::{CREATE_TOKEN, REVOKE_TOKEN, SHARE_JOB, TOKENS};
use super::token_row::{self, All, Revoked, Row, meant};
use super::{Context, completions, not_started};
use crate::config::value::positive_duration;
use crate::config::{Config, Environment, Overrides};
use crate::domain::clock::Timestamp;
use crate::domain::names::CallerName;
use crate::domain::token::{Scope, Token, TokenId, scopes};
use crate::server::OfflineTokens;

/// What `token` does.
#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Make a token, and print it this once
    Create(CreateArgs),
    /// List tokens, the newest first
    List,
    /// Make tokens worth nothing, and what was shared by them
    Revoke(RevokeArgs),
}

/// What `token create` takes.
#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    /// Whose it is: the name that stands on what is done with it
    name: CallerName,
    /// What it may do: read, start:KIND, start:*, cancel or admin; give it again for more
    #[arg(long = "scope", value_name = "SCOPE", required = true)]
    scopes: Vec<Scope>,
    /// How long it lasts, like `720h` [default: for ever]
    #[arg(long, value_name = "TIME", value_parser = positive_duration)]
    expires: Option<Duration>,
}

/// What `token revoke` takes.
#[derive(Debug, Args)]
pub(super) struct RevokeArgs {
    /// Ids of tokens, or names: all tokens of that name
    #[arg(required = true, value_name = "ID|NAME")]
    tokens: Vec<String>,
}

/// What `share` takes.
#[derive(Debug, Args)]
pub(super) struct ShareArgs {
    /// The job's id, or the beginning of one
    #[arg(add = ArgValueCompleter::new(completions::jobs))]
    id: String,
    /// How long it lasts, like `2h` [default: a day]
    #[arg(long, value_name = "TIME", value_parser = positive_duration)]
    expires: Option<Duration>,
}

/// Runs `token`.
pub(super) async fn run(
    context: &Context,
    overrides: &Overrides,
    command: &TokenCommand,
) -> Result<u8, Failure> {
    if let TokenCommand::Create(args) = command {
        scopes(args.scopes.clone()).map_err(|error| Failure::new(USAGE, error.to_string()))?;
    }
    match asked(context, command).await {
        // Nobody holds the folder, so it may be held for a moment.
        Err(Refused::NoServer) => offline(context, overrides, command).await,
        Err(Refused::Other(failure)) => Err(failure),
        Ok(code) => Ok(code),
    }
}

/// Makes a token that sees one job, and prints it.
pub(super) async fn share(context: &Context, args: &ShareArgs) -> Result<u8, Failure> {
    let id = resolve(&context.client, &args.id).await?;
    let variables = json!({"id": id, "expiresAt": end(args.expires)?});
    let made = context.client.once(SHARE_JOB, &variables, "shareJob").await?;
    token_row::made(context, SHARE_JOB, &made)
}

/// Why the server did not do it.
enum Refused {
    /// None runs on the data folder.
    NoServer,
    Other(Failure),
}

impl From<ClientError> for Refused {
    fn from(error: ClientError) -> Self {
        if matches!(error, ClientError::NoServer { .. }) {
            Self::NoServer
        } else {
            Self::Other(error.into())
        }
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::Other(failure)
    }
}

/// Has the server that runs do it.
async fn asked(context: &Context, command: &TokenCommand) -> Result<u8, Refused> {
    let client = &context.client;
    match command {
        TokenCommand::Create(args) => {
            let words: Vec<_> = args.scopes.iter().map(ToString::to_string).collect();
            let input = json!({
                "name": args.name.as_str(), "scopes": words, "expiresAt": end(args.expires)?,
            });
            let made = client.once(CREATE_TOKEN, &json!({"input": input}), "createToken").await?;
            Ok(token_row::made(context, CREATE_TOKEN, &made)?)
        }
        TokenCommand::List => {
            let tokens = client.field(TOKENS, &json!({}), "tokens").await?;
            Ok(token_row::list(context, &tokens)?)
        }
        TokenCommand::Revoke(args) => {
            let All { viewer, tokens } = read(TOKENS, &client.execute(TOKENS, &json!({})).await?)?;
            let mut ids = meant(&args.tokens, &tokens)?;
            // Our own goes last, or the others would be out of our reach.
            ids.sort_by_key(|id| viewer.as_ref().is_some_and(|viewer| viewer.id == *id));
            let mut revoked = Revoked::default();
            for id in ids {
                let variables = json!({"id": id});
                let mut payload = client.field(REVOKE_TOKEN, &variables, "revokeToken").await?;
                revoked.show(context, payload["token"].take())?;
            }
            Ok(revoked.end(context)?)
        }
    }
}

/// Does it in the data folder itself.
async fn offline(
    context: &Context,
    overrides: &Overrides,
    command: &TokenCommand,
) -> Result<u8, Failure> {
    let config = Config::load(overrides, &Environment::of_process())
        .map_err(|error| super::config::invalid(&error))?;
    let given =
        not_started::Given { data: config.server.data.clone(), listen: config.server.listen };
    let has_file = config.server.data.join("longhaul.db").exists();
    if matches!(command, TokenCommand::List) && !config.server.database.is_postgres() && !has_file {
        return token_row::list(context, &json!([]));
    }
    let server = &config.server;
    let tokens = OfflineTokens::open(&server.data, &server.database, &config.limits)
        .await
        .map_err(|error| not_started::failure(&error, &error.trouble(), &given))?;
    let refused = |error: crate::server::TokenError| Failure::new(FAILED, error.to_string());
    match command {
        TokenCommand::Create(args) => {
            let expires_at = ends_at(args.expires)?;
            let wanted = scopes(args.scopes.clone());
            let wanted = wanted.map_err(|error| Failure::new(USAGE, error.to_string()))?;
            let created = tokens.create(args.name.clone(), wanted, expires_at).await;
            let (token, secret) = created.map_err(refused)?;
            let made = json!({"token": value(&token), "secret": secret});
            token_row::made(context, CREATE_TOKEN, &made)
        }
        TokenCommand::List => {
            let all = tokens.list().await.map_err(refused)?;
            token_row::list(context, &all.iter().map(value).collect())
        }
        TokenCommand::Revoke(args) => {
            let all: Value = tokens.list().await.map_err(refused)?.iter().map(value).collect();
            let mut revoked = Revoked::default();
            for id in meant(&args.tokens, &read::<Vec<Row>>(TOKENS, &all)?)? {
                let id: TokenId = id.parse().expect("the id of a token that was listed");
                revoked.show(context, value(&tokens.revoke(id).await.map_err(refused)?.0))?;
            }
            revoked.end(context)
        }
    }
}

/// A token as the API shows it.
fn value(token: &Token) -> Value {
    let at = |at: Option<Timestamp>| at.map(instant);
    json!({
        "id": token.id.to_string(),
        "name": token.name.as_str(),
        "scopes": token.scopes.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "createdAt": instant(token.created_at),
        "createdBy": token.created_by.as_ref().map(CallerName::as_str),
        "expiresAt": at(token.expires_at),
        "revokedAt": at(token.revoked_at),
        "lastUsedAt": at(token.last_used_at),
        "live": token.is_live(now()),
    })
}

/// As the API writes it.
fn instant(at: Timestamp) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[expect(clippy::disallowed_methods, reason = "a command line has no other clock")]
fn now() -> Timestamp {
    Utc::now()
}

fn end(lasts: Option<Duration>) -> Result<Option<String>, Failure> {
    Ok(ends_at(lasts)?.map(instant))
}

fn ends_at(lasts: Option<Duration>) -> Result<Option<Timestamp>, Failure> {
    let Some(lasts) = lasts else { return Ok(None) };
    let at = TimeDelta::from_std(lasts).ok().and_then(|lasts| now().checked_add_signed(lasts));
    at.map(Some).ok_or_else(|| Failure::new(USAGE, "`--expires` is further off than a date can be"))
}
