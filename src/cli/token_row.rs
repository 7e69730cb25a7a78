//! A token as `longhaul token` and `longhaul share` show it.

use serde::Deserialize;
use serde_json::Value;

use super::client::read;
use super::exit::{DONE, Failure, USAGE};
use super::operations::{Operation, REVOKE_TOKEN, TOKENS};
use super::output::{one_line, say};
use super::{Context, output};

/// A token, as the fragment `TokenFields` selects it.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    id: String,
    name: String,
    scopes: Vec<String>,
    created_at: String,
    expires_at: Option<String>,
    revoked_at: Option<String>,
    last_used_at: Option<String>,
    live: bool,
}

/// A token that was made.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
struct Made {
    secret: String,
    token: Row,
}

/// All tokens, and whose the question was.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(super) struct All {
    pub(super) viewer: Option<Viewer>,
    pub(super) tokens: Vec<Row>,
}

/// Who asks.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(super) struct Viewer {
    pub(super) id: String,
}

/// The ids of the tokens that ids and names mean.
pub(super) fn meant(words: &[String], all: &[Row]) -> Result<Vec<String>, Failure> {
    let mut ids = Vec::new();
    for word in words {
        let found: Vec<_> =
            all.iter().filter(|token| token.id == *word || token.name == *word).collect();
        if found.is_empty() {
            let message = format!("no token has the id or the name `{word}`");
            return Err(Failure::new(USAGE, message).hint("see `longhaul token list`"));
        }
        // One that was named by its id is told of also where it is worth nothing already.
        let by_id = found.iter().any(|token| token.id == *word);
        let live = found.into_iter().filter(|token| by_id || token.revoked_at.is_none());
        ids.extend(live.map(|token| token.id.clone()));
    }
    Ok(ids)
}

/// Prints a token that was made, this once.
pub(super) fn made(context: &Context, by: Operation, answer: &Value) -> Result<u8, Failure> {
    let Made { secret, token } = read(by, answer)?;
    if context.json {
        output::document(answer)?;
        return Ok(DONE);
    }
    // The secret alone is the data: a script takes it as it is.
    output::line(&one_line(&secret))?;
    say(&format!(
        "longhaul: token {} of {} may {}{}; it is shown this once",
        one_line(&token.id),
        one_line(&token.name),
        one_line(&token.scopes.join(", ")),
        token.expires_at.map(|at| format!(", until {}", one_line(&at))).unwrap_or_default(),
    ));
    Ok(DONE)
}

/// Lists tokens.
pub(super) fn list(context: &Context, answer: &Value) -> Result<u8, Failure> {
    let tokens: Vec<Row> = read(TOKENS, answer)?;
    if context.json {
        output::document(answer)?;
        return Ok(DONE);
    }
    let rows: Vec<Vec<String>> = tokens.into_iter().map(Row::cells).collect();
    if rows.is_empty() {
        say("longhaul: there are no tokens, so nobody is asked for one");
    } else {
        let titles = ["ID", "NAME", "SCOPES", "STATE", "CREATED", "LAST USED"];
        output::table(&titles, &rows)?;
    }
    Ok(DONE)
}

impl Row {
    fn cells(self) -> Vec<String> {
        let state = match (self.revoked_at, self.expires_at, self.live) {
            (Some(at), _, _) => format!("revoked {at}"),
            (None, Some(at), false) => format!("expired {at}"),
            (None, Some(at), true) => format!("until {at}"),
            (None, None, _) => "live".to_owned(),
        };
        let used = self.last_used_at.unwrap_or_else(|| "never".to_owned());
        vec![self.id, self.name, self.scopes.join(", "), state, self.created_at, used]
    }
}

/// The tokens that were revoked, one after the other: should the next one fail, these are done.
#[derive(Debug, Default)]
pub(super) struct Revoked(Vec<Value>);

impl Revoked {
    /// One more.
    pub(super) fn show(&mut self, context: &Context, row: Value) -> Result<(), Failure> {
        let Row { id, name, .. } = read(REVOKE_TOKEN, &row)?;
        self.0.push(row);
        if context.json {
            return Ok(());
        }
        output::line(&one_line(&format!("{id}  {name}  revoked")))
    }

    /// That was all.
    pub(super) fn end(&self, context: &Context) -> Result<u8, Failure> {
        if context.json {
            output::document(&self.0)?;
        } else if self.0.is_empty() {
            say("longhaul: all of them were revoked before");
        }
        Ok(DONE)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::operations::{CREATE_TOKEN, SHARE_JOB, selected};
    use super::*;

    #[test]
    fn a_token_is_what_its_document_selects() {
        selected::<Made>(CREATE_TOKEN, "/createToken");
        selected::<Made>(SHARE_JOB, "/shareJob");
        selected::<Row>(REVOKE_TOKEN, "/revokeToken/token");
        selected::<All>(TOKENS, "");
    }

    fn row(id: &str, name: &str, more: &Value) -> Row {
        let mut row = json!({"id": id, "name": name, "scopes": ["read", "cancel"],
            "createdAt": "2026-01-01", "live": true});
        row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(row).unwrap()
    }

    #[test]
    fn a_name_means_all_its_live_tokens_and_an_id_one() {
        let all = [
            row("a1", "ci", &json!({})),
            row("a2", "ci", &json!({"revokedAt": "2026-01-01"})),
            row("a3", "ci", &json!({})),
            row("b1", "ann", &json!({})),
        ];
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

    #[test]
    fn a_row_says_whether_its_token_is_worth_something() {
        let state = |more: Value| row("a", "b", &more).cells()[3].clone();
        assert_eq!(state(json!({})), "live");
        assert_eq!(state(json!({"expiresAt": "2027"})), "until 2027");
        assert_eq!(state(json!({"expiresAt": "2025", "live": false})), "expired 2025");
        let revoked = json!({"revokedAt": "2026", "expiresAt": "2027", "live": false});
        assert_eq!(state(revoked), "revoked 2026");
        let used = row("a", "b", &json!({"lastUsedAt": "2026"})).cells();
        assert_eq!(used[2..], ["read, cancel", "live", "2026-01-01", "2026"]);
    }
}
