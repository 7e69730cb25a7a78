//! The command's working folder after the end: away where it is empty. The server sees to one that is
//! too large, since nobody's end should wait for that.

use std::fs;
use std::path::Path;

use super::protocol::WORK;

/// Removes `work/` where nothing is in it.
pub(super) fn remove_if_empty(folder: &Path) {
    // Refused where something is in it, or where the kind works elsewhere.
    let _ = fs::remove_dir(folder.join(WORK));
}
