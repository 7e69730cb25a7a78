//! Where long logs are kept beside a database that several servers share.

use std::fmt;
use std::path::PathBuf;

/// An object store. It holds no secret: what may use it stands in the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectStore {
    /// Where objects are.
    pub place: Place,
    /// Where a bucket is reached, a URL; `None`: at AWS.
    pub endpoint: Option<String>,
    /// The region of a bucket; `None`: that of the environment, or `us-east-1`.
    pub region: Option<String>,
}

/// Where objects are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In this folder, absolute, which all servers see.
    Folder(PathBuf),
    /// In a bucket of S3, or of what speaks like it.
    Bucket {
        /// Its name.
        name: String,
        /// What all keys begin with; empty: nothing.
        prefix: String,
    },
}

/// As it is configured.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(f, "file://{}", path.display()),
            Self::Bucket { name, prefix } if prefix.is_empty() => write!(f, "s3://{name}"),
            Self::Bucket { name, prefix } => write!(f, "s3://{name}/{prefix}"),
        }
    }
}
