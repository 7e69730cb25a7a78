//! What becomes of `work/` after the end: away where it is empty, away where it is too large, else
//! kept with the job.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::complain::complain;
use super::protocol::WORK;

/// Where a folder that is too large waits for its removal, which may take long.
const DOOMED: &str = "work.removed";
/// What an entry costs at least, so that many empty ones count too, and looking ends.
const ENTRY_BYTES: u64 = 4096;

/// Removes `work/` where nothing is in it.
pub(super) fn remove_if_empty(folder: &Path) {
    // Refused where something is in it, or where the kind works elsewhere.
    let _ = fs::remove_dir(folder.join(WORK));
}

/// Takes a `work/` of more than `limit` bytes out of the way, to be deleted by
/// [`delete_doomed`]. Returns whether it did.
pub(super) fn doom_if_too_large(folder: &Path, limit: u64) -> bool {
    let work = folder.join(WORK);
    let doomed = match is_larger(&work, limit) {
        Ok(false) => return false,
        Ok(true) => fs::rename(&work, folder.join(DOOMED)),
        Err(error) => Err(error),
    };
    if let Err(error) = &doomed {
        complain(format_args!("`{WORK}` stays, its size is unknown or it cannot go: {error}"));
    }
    doomed.is_ok()
}

/// Deletes what [`doom_if_too_large`] took out of the way.
pub(super) fn delete_doomed(folder: &Path) {
    if let Err(error) = fs::remove_dir_all(folder.join(DOOMED)) {
        complain(format_args!("`{DOOMED}` could not be deleted whole: {error}"));
    }
}

/// Whether what is below `root` takes more than `limit` bytes of the disk. Follows no link, and
/// looks no further once it is sure.
fn is_larger(root: &Path, limit: u64) -> io::Result<bool> {
    let mut used = 0;
    let mut folders: Vec<PathBuf> = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let metadata = entry.metadata()?;
            used += ENTRY_BYTES.max(metadata.blocks() * 512);
            if used > limit {
                return Ok(true);
            }
            if metadata.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_work_counts_and_links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join(WORK).join("a/b");
        fs::create_dir_all(&deep).unwrap();
        fs::write(deep.join("file"), vec![7; 100_000]).unwrap();
        std::os::unix::fs::symlink("/", deep.join("link")).unwrap();
        assert!(!doom_if_too_large(folder.path(), 1 << 20));
        assert!(deep.exists());
        assert!(doom_if_too_large(folder.path(), 100_000));
        assert!(!deep.exists());
        delete_doomed(folder.path());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn many_empty_files_are_large_too() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(WORK)).unwrap();
        for name in 0..10 {
            fs::write(folder.path().join(WORK).join(name.to_string()), "").unwrap();
        }
        assert!(doom_if_too_large(folder.path(), 9 * ENTRY_BYTES));
    }
}
