//! What the object store was asked, in numbers.

use crate::domain::meter::Count;

/// All accounts.
#[derive(Debug, Default)]
pub struct Meter {
    /// Objects that were written.
    pub written: Count,
    /// Their bytes.
    pub written_bytes: Count,
    /// Objects that could not be written; a try that is made again counts again.
    pub write_errors: Count,
    /// Objects that were read.
    pub read: Count,
    /// Objects that could not be read.
    pub read_errors: Count,
    /// Objects that were removed.
    pub removed: Count,
    /// Removals that failed; they are tried again.
    pub remove_errors: Count,
}
