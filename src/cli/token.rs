//! `longhaul token` and `longhaul share`: who may ask the server, and for what.
//!
//! A server that runs is asked. Where none runs on the data folder, `token` works on the folder itself:
//! the first token of a server for other machines is made before it starts.

use std::time::Duration;

use chrono::{SecondsFormat, TimeDelta, Utc};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::ClientError;
use super::exit::{DONE, FAILED, Failure, USAGE};
use super::ids::resolve;
use super::operations::{CREATE_TOKEN, REVOKE_TOKEN, SHARE_JOB, TOKENS};
use super::output::{one_line, say};
use super::{Context, not_started, output};
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
    /// The job's id
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
    show_made(context, &made)
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
            Ok(show_made(context, &made)?)
        }
        TokenCommand::List => {
            let tokens = client.field(TOKENS, &json!({}), "tokens").await?;
            Ok(show_all(context, &tokens)?)
        }
        TokenCommand::Revoke(args) => {
            let mut data = client.execute(TOKENS, &json!({})).await?;
            let mut ids = meant(&args.tokens, &data["tokens"].take())?;
            // Our own goes last, or the others would be out of our reach.
            ids.sort_by_key(|id| data["viewer"]["id"] == id.as_str());
            let mut revoked = Vec::new();
            for id in ids {
                let variables = json!({"id": id});
                let mut payload = client.field(REVOKE_TOKEN, &variables, "revokeToken").await?;
                let token = payload["token"].take();
                if !context.json {
                    show_revoked(&token)?;
                }
                revoked.push(token);
            }
            Ok(end_revoked(context, &revoked)?)
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
        return show_all(context, &json!([]));
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
            show_made(context, &json!({"token": value(&token), "secret": secret}))
        }
        TokenCommand::List => {
            let all = tokens.list().await.map_err(refused)?;
            show_all(context, &all.iter().map(value).collect())
        }
        TokenCommand::Revoke(args) => {
            let all: Value = tokens.list().await.map_err(refused)?.iter().map(value).collect();
            let mut revoked = Vec::new();
            for id in meant(&args.tokens, &all)? {
                let id: TokenId = id.parse().expect("the id of a token that was listed");
                let token = value(&tokens.revoke(id).await.map_err(refused)?.0);
                if !context.json {
                    show_revoked(&token)?;
                }
                revoked.push(token);
            }
            end_revoked(context, &revoked)
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

/// The ids of the tokens that ids and names mean.
fn meant(words: &[String], all: &Value) -> Result<Vec<String>, Failure> {
    let all = all.as_array().map_or(&[][..], Vec::as_slice);
    let mut ids = Vec::new();
    for word in words {
        let is_meant =
            |token: &&Value| token["id"] == word.as_str() || token["name"] == word.as_str();
        let found: Vec<_> = all.iter().filter(is_meant).collect();
        if found.is_empty() {
            let message = format!("no token has the id or the name `{word}`");
            return Err(Failure::new(USAGE, message).hint("see `longhaul token list`"));
        }
        // One that was named by its id is told of also where it is worth nothing already.
        let by_id = found.iter().any(|token| token["id"] == word.as_str());
        let live = found.into_iter().filter(|token| by_id || token["revokedAt"].is_null());
        ids.extend(live.filter_map(|token| token["id"].as_str().map(str::to_owned)));
    }
    Ok(ids)
}

fn show_made(context: &Context, made: &Value) -> Result<u8, Failure> {
    if context.json {
        output::document(made)?;
        return Ok(DONE);
    }
    let token = &made["token"];
    // The secret alone is the data: a script takes it as it is.
    output::line(made["secret"].as_str().unwrap_or_default())?;
    say(&format!(
        "longhaul: token {} of {} may {}{}; it is shown this once",
        text(&token["id"]),
        text(&token["name"]),
        words(token),
        token["expiresAt"].as_str().map(|at| format!(", until {at}")).unwrap_or_default(),
    ));
    Ok(DONE)
}

fn show_all(context: &Context, tokens: &Value) -> Result<u8, Failure> {
    if context.json {
        output::document(tokens)?;
        return Ok(DONE);
    }
    let rows: Vec<Vec<String>> = tokens.as_array().into_iter().flatten().map(row).collect();
    if rows.is_empty() {
        say("longhaul: there are no tokens, so nobody is asked for one");
    } else {
        let titles = ["ID", "NAME", "SCOPES", "STATE", "CREATED", "LAST USED"];
        output::table(&titles, &rows)?;
    }
    Ok(DONE)
}

/// One after the other: should the next one fail, this one is done.
fn show_revoked(token: &Value) -> Result<(), Failure> {
    output::line(&format!("{}  {}  revoked", text(&token["id"]), text(&token["name"])))
}

fn end_revoked(context: &Context, revoked: &[Value]) -> Result<u8, Failure> {
    if context.json {
        output::document(&revoked)?;
    } else if revoked.is_empty() {
        say("longhaul: all of them were revoked before");
    }
    Ok(DONE)
}

fn row(token: &Value) -> Vec<String> {
    let state = match (&token["revokedAt"], &token["expiresAt"], &token["live"]) {
        (Value::String(at), _, _) => format!("revoked {at}"),
        (_, Value::String(at), Value::Bool(false)) => format!("expired {at}"),
        (_, Value::String(at), _) => format!("until {at}"),
        _ => "live".to_owned(),
    };
    vec![
        text(&token["id"]),
        text(&token["name"]),
        words(token),
        state,
        text(&token["createdAt"]),
        token["lastUsedAt"].as_str().unwrap_or("never").to_owned(),
    ]
}

fn words(token: &Value) -> String {
    let scopes = token["scopes"].as_array().into_iter().flatten();
    scopes.filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
}

fn text(value: &Value) -> String {
    one_line(value.as_str().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_all_its_live_tokens_and_an_id_one() {
        let token = |id: &str, name: &str, revoked: Value| json!({"id": id, "name": name, "revokedAt": revoked});
        let all = json!([
            token("a1", "ci", Value::Null),
            token("a2", "ci", json!("2026-01-01T00:00:00Z")),
            token("a3", "ci", Value::Null),
            token("b1", "ann", Value::Null),
        ]);
        let meant = |words: &[&str]| {
            let words: Vec<_> = words.iter().map(|&word| word.to_owned()).collect();
            meant(&words, &all).map_err(|failure| (failure.code, failure.to_string()))
        };
        assert_eq!(meant(&["ci"]).unwrap(), ["a1", "a3"]);
        assert_eq!(meant(&["a2", "ann"]).unwrap(), ["a2", "b1"]);
        let (code, message) = meant(&["bob"]).unwrap_err();
        assert_eq!(code, USAGE);
        assert!(message.contains("no token has the id or the name `bob`"), "{message}");
    }
}
