//! What an object store says, sorted by what a person has to do about it.

use std::io;
use std::sync::Arc;

use object_store::Error;

/// The most of a store's own words that is told.
const WORDS: usize = 300;

/// Why the object store did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ObjectError {
    /// It cannot be reached, is slow, or has a fault: it may work later.
    #[error("the object store {store} does not answer: {why}")]
    Away {
        /// Which, as it is configured.
        store: Arc<str>,
        /// What it said.
        why: String,
    },
    /// It refuses: somebody has to change something.
    #[error("the object store {store} {why}")]
    Refused {
        /// Which, as it is configured.
        store: Arc<str>,
        /// What it refuses, and what to do.
        why: String,
    },
    /// There is no such object.
    #[error("the object store {store} has lost a part of the log")]
    Missing {
        /// Which, as it is configured.
        store: Arc<str>,
    },
    /// An object is not what was written.
    #[error("a part of the log in the object store {store} is damaged")]
    Damaged {
        /// Which, as it is configured.
        store: Arc<str>,
    },
}

impl ObjectError {
    /// What a client is told: what the store said is for the log.
    pub fn for_clients(&self) -> &'static str {
        match self {
            Self::Away { .. } => "which does not answer: try again",
            Self::Refused { .. } => "which refuses to give it: the log of the server says why",
            Self::Missing { .. } => "which has lost it",
            Self::Damaged { .. } => "where it is damaged",
        }
    }

    /// It may work later, by itself.
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Away { .. })
    }
}

/// Where a machine of AWS is asked for its role.
const METADATA: &str = "169.254.169.254";

/// What an error of the library means.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "what the library adds says no more than its words"
)]
pub(super) fn of(store: &Arc<str>, error: &Error) -> ObjectError {
    let words = short(&error.to_string());
    let refused = |what: &str| {
        let (store, why) = (Arc::clone(store), format!("{what}: {words}"));
        ObjectError::Refused { store, why }
    };
    match error {
        Error::NotFound { .. } if words.contains("NoSuchBucket") => no_bucket(store),
        Error::NotFound { .. } => ObjectError::Missing { store: Arc::clone(store) },
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => refused(
            "refuses: give whom AWS_ACCESS_KEY_ID names the rights to put, get, list and delete objects there",
        ),
        _ if is_denied(error) => {
            refused("refuses: this user must be able to read and write that folder")
        }
        _ if words.contains("redirect") => {
            refused("is elsewhere: set `region` in [object_store] to where the bucket is")
        }
        _ if words.contains("Failed to read") && words.contains("token file") => refused(
            "is not asked, since what AWS_WEB_IDENTITY_TOKEN_FILE or AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE names cannot be read",
        ),
        _ if words.contains(METADATA) => ObjectError::Away {
            store: Arc::clone(store),
            why: format!(
                "there is no AWS_ACCESS_KEY_ID in the environment of the server, and this machine has no role of AWS: {words}"
            ),
        },
        _ => ObjectError::Away { store: Arc::clone(store), why: words },
    }
}

/// The bucket that was named is not there.
pub(super) fn no_bucket(store: &Arc<str>) -> ObjectError {
    let why = "is not there: make the bucket, or name another one by `url` in [object_store]";
    ObjectError::Refused { store: Arc::clone(store), why: why.to_owned() }
}

/// An error of the file system that says so.
fn is_denied(error: &object_store::Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
        if kind == Some(io::ErrorKind::PermissionDenied)
            || kind == Some(io::ErrorKind::ReadOnlyFilesystem)
        {
            return true;
        }
        cause = error.source();
    }
    false
}

/// The same, with what was tried.
pub(super) fn at(step: &str, error: ObjectError) -> ObjectError {
    let with = |why: String| format!("{why} ({step})");
    match error {
        ObjectError::Away { store, why } => ObjectError::Away { store, why: with(why) },
        ObjectError::Refused { store, why } => ObjectError::Refused { store, why: with(why) },
        other @ (ObjectError::Missing { .. } | ObjectError::Damaged { .. }) => other,
    }
}

/// The beginning, on one line.
pub(super) fn short(words: &str) -> String {
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(WORDS) {
        Some((at, _)) => format!("{}…", &words[..at]),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_credentials_it_is_said_where_they_belong() {
        let source = "Error performing PUT http://169.254.169.254/latest/api/token".into();
        let told = of(&"s3://logs".into(), &Error::Generic { store: "S3", source });
        assert!(told.is_away() && told.to_string().contains("no AWS_ACCESS_KEY_ID"), "{told}");
    }

    #[test]
    fn a_long_answer_is_cut() {
        assert_eq!(short("a\n  b"), "a b");
        assert_eq!(short(&"é".repeat(WORDS + 1)), format!("{}…", "é".repeat(WORDS)));
    }
}
