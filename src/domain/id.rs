//! The ids and numbers that name a job, a worker, an attempt and a place in an order.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::clock::Timestamp;

/// Names one job for life: a `UUIDv7`, written in lower case with hyphens.
///
/// ```
/// # use longhaul::domain::id::JobId;
/// let id: JobId = "019ab3c0-5a50-7c3e-8f00-3b6f2c1d9e77".parse()?;
/// assert_eq!(id.to_string(), "019ab3c0-5a50-7c3e-8f00-3b6f2c1d9e77");
/// assert!("job-42".parse::<JobId>().is_err());
/// # Ok::<(), longhaul::domain::id::ParseIdError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct JobId(Uuid);

/// Names one start of one Longhaul process; new at every start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct WorkerId(Uuid);

/// What was written is no id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an id: expected a UUID like 019ab3c0-5a50-7c3e-8f00-3b6f2c1d9e77")]
pub struct ParseIdError(String);

macro_rules! uuid_id {
    ($name:ident) => {
        impl $name {
            /// A new id: `at` in its upper 48 bits, `random` below.
            pub fn new(at: Timestamp, random: [u8; 10]) -> Self {
                let millis = u64::try_from(at.timestamp_millis()).unwrap_or_default();
                Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
            }

            /// The id as it is stored.
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// An id as it was stored.
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                // `Uuid` also reads braces, URNs and bare hex; an id has one spelling here.
                match Uuid::try_parse(text) {
                    Ok(id) if text.len() == 36 => Ok(Self(id)),
                    _ => Err(ParseIdError(text.chars().take(64).collect())),
                }
            }
        }
    };
}

uuid_id!(JobId);
uuid_id!(WorkerId);

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
        )]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// The acceptance number: drawn in the transaction that accepts a job, in commit order, over
    /// all queues. Within a queue the smaller one is claimed first (P2).
    AcceptNo
}
number! {
    /// Tells an old claim from a new one: drawn at every claim, over all jobs, never used again.
    /// Whatever carries an older fence than the job's open one changes nothing (P4).
    Fence
}
number! {
    /// Counts a job's committed changes, from 1, without gaps (P7).
    Seq
}
number! {
    /// The number of a committed event, over all jobs, in commit order: the cursor of a feed.
    EventNo
}

/// A random secret that stands in the environment of every process of one attempt, by which its
/// processes are found again when nobody is left to name them (P8).
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AttemptKey(String);

impl AttemptKey {
    /// The key made of 16 random bytes: 32 hexadecimal digits.
    pub fn new(random: [u8; 16]) -> Self {
        Self(hex::encode(random))
    }

    /// A key as it was stored.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The key as it stands in the environment.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AttemptKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AttemptKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::from_unix_millis;

    #[test]
    fn a_new_id_carries_its_millisecond_and_reads_back() {
        let id = JobId::new(from_unix_millis(0x0123_4567_89ab), [7; 10]);
        assert!(id.to_string().starts_with("01234567-89ab-7"), "{id}");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(JobId::from_bytes(*id.as_bytes()), id);
    }

    #[test]
    fn only_one_spelling_of_an_id_is_read() {
        for text in
            ["", "42", "{019ab3c0-5a50-7c3e-8f00-3b6f2c1d9e77}", "019ab3c05a507c3e8f003b6f2c1d9e77"]
        {
            assert!(text.parse::<JobId>().is_err(), "{text}");
        }
    }
}
