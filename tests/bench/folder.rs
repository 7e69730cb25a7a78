//! Folders that stay until the last row is measured.
//!
//! A file system without a journal (ext4 made with `^has_journal`) looks, before it makes a file, at each
//! inode that was freed in the last minutes: what one row removes would slow the rows after it.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

static ROOT: OnceLock<TempDir> = OnceLock::new();
static NEXT: AtomicU32 = AtomicU32::new(0);

/// An empty folder of its own.
pub(crate) fn empty() -> PathBuf {
    let root = ROOT.get_or_init(|| tempfile::tempdir().unwrap()).path();
    let folder = root.join(NEXT.fetch_add(1, Ordering::Relaxed).to_string());
    std::fs::create_dir(&folder).unwrap();
    folder
}

/// Removes all of them. Nothing may use one any more.
pub(crate) fn remove_all() {
    if let Some(root) = ROOT.get() {
        let _ = std::fs::remove_dir_all(root.path());
    }
}
