//! The names of kinds and queues, as a configuration gives them, and of callers.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The longest a name may be, in bytes.
pub const MAX_NAME_BYTES: usize = 63;

/// What was written is no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a name: expected 1 to {MAX_NAME_BYTES} of a-z, A-Z, 0-9, `_`, `-` and `.`, the first a letter or a digit"
)]
pub struct ParseNameError(String);

fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() <= MAX_NAME_BYTES
        && bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as it is written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = ParseNameError;

            fn from_str(text: &str) -> Result<Self, ParseNameError> {
                if is_name(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(ParseNameError(text.chars().take(80).collect()))
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = ParseNameError;

            fn try_from(text: String) -> Result<Self, ParseNameError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.as_ref().to_owned()
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name! {
    /// Names a kind, like `checksum`.
    KindName
}
name! {
    /// Names a queue, like `default`.
    QueueName
}
name! {
    /// Names whoever holds a token, like `ci`.
    CallerName
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_plain() {
        for good in ["a", "checksum", "v1.2_x-3", "7zip", &"n".repeat(63)] {
            assert!(good.parse::<KindName>().is_ok(), "{good}");
        }
        for bad in ["", ".hidden", "-x", "two words", "café", "a/b", &"n".repeat(64)] {
            assert!(bad.parse::<QueueName>().is_err(), "{bad}");
        }
    }
}
