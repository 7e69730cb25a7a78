//! Labels: names with values that a caller attaches to a job, to find it again by.

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

/// The labels of one job: sorted by key, no key twice. Cheap to clone; they never change.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Labels(Arc<[Label]>);

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
}
