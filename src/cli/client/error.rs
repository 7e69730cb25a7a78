//! Why the server gave no answer, or what it refused.

use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::config::ConfigError;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum ClientError {
    /// Where a server should be, none is known.
    #[error("no server runs on the data folder `{folder}`")]
    NoServer {
        /// The folder.
        folder: String,
    },
    /// Nobody answers there, or not in time.
    #[error("{}", unreachable(.url, .source.as_ref()))]
    Unreachable {
        /// Its address.
        url: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Somebody answers, but not with GraphQL.
    #[error("what answers at {url} is no Longhaul server: {found}")]
    NotLonghaul {
        /// Its address.
        url: String,
        /// What came.
        found: String,
    },
    /// The server does not let us in.
    #[error("the server at {url} refuses the request: {text}")]
    Forbidden {
        /// Its address.
        url: String,
        /// What it said.
        text: String,
    },
    /// What was given as an address is none.
    #[error("`{0}` is no address of a server: expected one like `http://127.0.0.1:8080`")]
    BadUrl(String),
    /// What was given as a token is none.
    #[error("{0}")]
    BadToken(String),
    /// The configuration, which says where the server is, is not valid.
    #[error("{0}")]
    Configuration(ConfigError),
    /// The answer is not the one that the schema promises.
    #[error("the answer to {operation} is not as expected: {found}")]
    Unexpected {
        /// The operation.
        operation: &'static str,
        /// What is wrong with the answer.
        found: String,
    },
    /// The server does not know what this version asks for.
    #[error(
        "the server at {url} does not know what this command asks for: it is version {}, and this is version {}",
        .found.as_deref().unwrap_or("unknown"),
        env!("CARGO_PKG_VERSION")
    )]
    OtherVersion {
        /// Its address.
        url: String,
        /// The version that it says it has.
        found: Option<String>,
        /// What it said.
        errors: Vec<GraphqlError>,
    },
    /// The server refused, with at least one error.
    #[error("{}", .0.first().map_or("", |error| error.message.as_str()))]
    Refused(Vec<GraphqlError>),
}

fn unreachable(url: &str, source: &(dyn std::error::Error + 'static)) -> String {
    if is_late(source) {
        format!("the server at {url} did not answer in time")
    } else {
        format!("no server answers at {url}")
    }
}

/// A connection was made, and no answer came.
pub(in crate::cli) fn is_late(source: &(dyn std::error::Error + 'static)) -> bool {
    source.downcast_ref().is_some_and(|e: &reqwest::Error| e.is_timeout() && !e.is_connect())
}

/// An error of a GraphQL answer.
#[derive(Debug, Clone, Deserialize)]
pub(in crate::cli) struct GraphqlError {
    /// For a person.
    pub(in crate::cli) message: String,
    /// `code`, and more by code.
    #[serde(default)]
    pub(in crate::cli) extensions: Map<String, Value>,
}

impl GraphqlError {
    /// What a socket is closed with that has no token, or one that is worth nothing.
    pub(super) fn unauthenticated(message: &str) -> Self {
        let extensions = Map::from_iter([("code".to_owned(), json!("UNAUTHENTICATED"))]);
        Self { message: message.to_owned(), extensions }
    }

    /// Its stable code.
    pub(in crate::cli) fn code(&self) -> Option<&str> {
        self.extensions.get("code")?.as_str()
    }

    /// The message, and a line for each argument that does not fit, by the argument's name.
    pub(in crate::cli) fn told(&self) -> String {
        let mut text = self.message.clone();
        let problems = self.extensions.get("problems").and_then(Value::as_array);
        for problem in problems.into_iter().flatten() {
            let part = |key: &str| problem.get(key).and_then(Value::as_str).unwrap_or_default();
            let name = part("pointer").trim_start_matches('/').replace("~1", "/");
            let message = part("message");
            let colon = if name.is_empty() { "" } else { ": " };
            write!(text, "\n  {name}{colon}{message}").expect("a string can be written");
        }
        text
    }

    /// The same request may work later.
    pub(in crate::cli) fn is_passing(&self) -> bool {
        matches!(self.code(), Some("NOT_ACCEPTING" | "UNAVAILABLE" | "RATE_LIMITED"))
    }
}

impl ClientError {
    /// The most that the server allows where `argument` was more.
    pub(in crate::cli) fn most(&self, argument: &str) -> Option<u32> {
        let Self::Refused(errors) = self else { return None };
        let extensions = &errors.first()?.extensions;
        let is_it = extensions.get("argument")?.as_str() == Some(argument);
        extensions.get("max").filter(|_| is_it)?.as_u64()?.try_into().ok()
    }
}
