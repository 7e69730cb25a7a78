//! Tokens: who may ask, and for what. Pure words and rules; `auth` holds them against requests.

use std::fmt;
use std::str::FromStr;

use super::clock::Timestamp;
use super::id::JobId;
use super::names::{CallerName, KindName};

/// Names one token for life; not secret. Written as 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenId([u8; 8]);

/// What was written is no id of a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the id of a token: expected 16 hexadecimal digits in lower case")]
pub struct ParseTokenIdError(String);

impl TokenId {
    /// The id made of these random bytes.
    pub fn new(random: [u8; 8]) -> Self {
        Self(random)
    }

    /// The id as it is stored.
    pub fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl FromStr for TokenId {
    type Err = ParseTokenIdError;

    fn from_str(text: &str) -> Result<Self, ParseTokenIdError> {
        let mut bytes = [0; 8];
        let is_lower = !text.bytes().any(|b| b.is_ascii_uppercase());
        match hex::decode_to_slice(text, &mut bytes) {
            Ok(()) if is_lower => Ok(Self(bytes)),
            _ => Err(ParseTokenIdError(text.chars().take(64).collect())),
        }
    }
}

/// One thing that a token may do.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// See every job, queue, kind and worker.
    Read,
    /// Start jobs of this kind (`None`: of any), and see those that it started.
    Start(Option<KindName>),
    /// Stop the jobs that it may see.
    Cancel,
    /// Everything, tokens and queues too.
    Admin,
    /// See this one job, and nothing else: what `shareJob` gives.
    Job(JobId),
}

/// What was written is no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a scope: expected `read`, `start:KIND`, `start:*`, `cancel` or `admin`")]
pub struct ParseScopeError(String);

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read => f.write_str("read"),
            Self::Start(None) => f.write_str("start:*"),
            Self::Start(Some(kind)) => write!(f, "start:{kind}"),
            Self::Cancel => f.write_str("cancel"),
            Self::Admin => f.write_str("admin"),
            Self::Job(id) => write!(f, "job:{id}"),
        }
    }
}

impl FromStr for Scope {
    type Err = ParseScopeError;

    fn from_str(text: &str) -> Result<Self, ParseScopeError> {
        let wrong = || ParseScopeError(text.chars().take(80).collect());
        match text.split_once(':') {
            None => match text {
                "read" => Ok(Self::Read),
                "cancel" => Ok(Self::Cancel),
                "admin" => Ok(Self::Admin),
                _ => Err(wrong()),
            },
            Some(("start", "*")) => Ok(Self::Start(None)),
            Some(("start", kind)) => {
                kind.parse().map(|k| Self::Start(Some(k))).map_err(|_| wrong())
            }
            Some(("job", id)) => id.parse().map(Self::Job).map_err(|_| wrong()),
            Some(_) => Err(wrong()),
        }
    }
}

/// The most scopes of a token: more kinds than that are better said as `start:*`.
pub const MAX_SCOPES: usize = 100;

/// These are no scopes of a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScopesError {
    /// None, or too many.
    #[error(
        "`scopes` must list 1 to {MAX_SCOPES} of `read`, `start:KIND`, `start:*`, `cancel` and `admin`, and lists {0}"
    )]
    Count(usize),
    /// One that only a share has, which ends with the token that shares.
    #[error("`job:{0}` is what a share has: use `shareJob`, or `longhaul share`")]
    Share(JobId),
}

/// The scopes of a token that somebody asks for: in order, each once.
pub fn scopes(mut wanted: Vec<Scope>) -> Result<Vec<Scope>, ScopesError> {
    if wanted.is_empty() || wanted.len() > MAX_SCOPES {
        return Err(ScopesError::Count(wanted.len()));
    }
    for scope in &wanted {
        if let Scope::Job(id) = scope {
            return Err(ScopesError::Share(*id));
        }
    }
    wanted.sort_unstable();
    wanted.dedup();
    Ok(wanted)
}

/// Who makes a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maker {
    /// Whoever may write the data folder.
    Owner,
    /// Anybody, as long as no token was ever made.
    Anybody,
    /// Who holds this one, as long as it is worth something.
    Holder(TokenId),
}

/// A token as it is kept: everything but its secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// Its id.
    pub id: TokenId,
    /// Whose it is. Tokens of one name are one caller: they see the same jobs.
    pub name: CallerName,
    /// What it may do, in order, each once; at least one.
    pub scopes: Vec<Scope>,
    /// SHA-256 of its secret.
    pub hash: [u8; 32],
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it; `None` where nobody was asked for a token then.
    pub created_by: Option<CallerName>,
    /// The token that this one is a share of, and ends with.
    pub parent: Option<TokenId>,
    /// From then on it is worth nothing; `None`: never.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, to about a minute.
    pub last_used_at: Option<Timestamp>,
}

impl fmt::Debug for Token {
    /// Without the hash: whoever reads a log has no use for it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("id", &self.id)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Token {
    /// It may be used at this moment.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|at| now < at)
    }

    /// The one job that it is for.
    pub fn shared_job(&self) -> Option<JobId> {
        self.scopes.iter().find_map(|scope| match scope {
            Scope::Job(id) => Some(*id),
            Scope::Read | Scope::Start(_) | Scope::Cancel | Scope::Admin => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_read_back_as_they_are_written() {
        for word in [
            "read",
            "start:*",
            "start:compress",
            "cancel",
            "admin",
            "job:019ab3c0-5a50-7c3e-8f00-3b6f2c1d9e77",
        ] {
            assert_eq!(word.parse::<Scope>().unwrap().to_string(), word);
        }
        for wrong in ["", "Read", "start", "start:", "start:a b", "job:7", "write", "read:x"] {
            let error = wrong.parse::<Scope>().unwrap_err().to_string();
            assert!(error.contains("expected `read`, `start:KIND`"), "{error}");
        }
    }

    #[test]
    fn scopes_are_asked_for_in_any_order_and_no_share_is() {
        let read =
            |words: &[&str]| scopes(words.iter().map(|word| word.parse().unwrap()).collect());
        let sorted = read(&["admin", "start:b", "read", "start:a", "read"]).unwrap();
        let words: Vec<_> = sorted.iter().map(ToString::to_string).collect();
        assert_eq!(words, ["read", "start:a", "start:b", "admin"]);
        assert_eq!(read(&[]), Err(ScopesError::Count(0)));
        assert!(read(&["read"; MAX_SCOPES]).is_ok());
        assert_eq!(read(&["read"; MAX_SCOPES + 1]), Err(ScopesError::Count(MAX_SCOPES + 1)));
        let share = "job:019ab3c0-5a50-7c3e-8f00-3b6f2c1d9e77";
        assert!(matches!(read(&["admin", share]), Err(ScopesError::Share(_))));
    }

    #[test]
    fn the_id_of_a_token_has_one_spelling() {
        let id = TokenId::new([0xab; 8]);
        assert_eq!(id.to_string(), "abababababababab");
        assert_eq!(id.to_string().parse(), Ok(id));
        for wrong in
            ["", "ABABABABABABABAB", "abababababababa", "abababababababababab", "xbabababababab!!"]
        {
            assert!(wrong.parse::<TokenId>().is_err(), "{wrong}");
        }
    }
}
