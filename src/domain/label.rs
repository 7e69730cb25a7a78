//! Labels: names with values. A caller attaches them to a job, to find it again by; a worker has some,
//! for kinds to ask for.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A name and a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Label {
    /// The name, 1 to 63 bytes.
    pub key: String,
    /// The value, at most 255 bytes; may be empty.
    pub value: String,
}

/// The labels of one job, of one worker, or that one kind asks for: sorted by key, no key twice. Cheap to clone; they never change.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Labels(Arc<[Label]>);

/// Like `gpu=a100, zone=b`.
impl std::fmt::Display for Labels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, Label { key, value }) in self.0.iter().enumerate() {
            write!(f, "{}{key}={value}", if at > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}

/// Two labels of one job have the same key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the key `{0}` stands twice: expected each key once")]
pub struct KeyTwice(pub String);

impl Labels {
    /// The labels in their one order, so that the same labels are equal however they were given.
    ///
    /// ```
    /// # use longhaul::domain::label::{Label, Labels};
    /// let label = |key: &str| Label { key: key.to_owned(), value: String::new() };
    /// let labels = Labels::new(vec![label("b"), label("a")])?;
    /// assert_eq!(labels.as_slice()[0].key, "a");
    /// assert!(Labels::new(vec![label("a"), label("a")]).is_err());
    /// # Ok::<(), longhaul::domain::label::KeyTwice>(())
    /// ```
    pub fn new(mut labels: Vec<Label>) -> Result<Self, KeyTwice> {
        labels.sort_unstable();
        match labels.windows(2).find(|pair| pair[0].key == pair[1].key) {
            Some(pair) => Err(KeyTwice(pair[0].key.clone())),
            None => Ok(Self(labels.into())),
        }
    }

    /// All of them, by key.
    pub fn as_slice(&self) -> &[Label] {
        &self.0
    }

    /// There is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One of them is this one, key and value.
    pub fn contains(&self, label: &Label) -> bool {
        self.0.binary_search(label).is_ok()
    }

    /// Each of `wanted` is among them, key and value.
    ///
    /// ```
    /// # use longhaul::domain::label::{Label, Labels};
    /// # fn labels(pairs: &[(&str, &str)]) -> Labels {
    /// #     let label = |&(key, value): &(&str, &str)| Label { key: key.into(), value: value.into() };
    /// #     Labels::new(pairs.iter().map(label).collect()).unwrap()
    /// # }
    /// let mine = labels(&[("gpu", "a100"), ("zone", "b")]);
    /// assert!(mine.contain_all(&labels(&[("gpu", "a100")])));
    /// assert!(!mine.contain_all(&labels(&[("gpu", "h100")])));
    /// assert!(mine.contain_all(&Labels::default()));
    /// ```
    pub fn contain_all(&self, wanted: &Self) -> bool {
        wanted.0.iter().all(|label| self.contains(label))
    }
}
