//! What becomes of `work/` after the end of its attempt: kept with the job, or removed where it is too
//! large. That may take long, so nobody waits for it: the end is recorded and the slots are free.
//!
//! # Invariants
//!
//! - No link is followed, nothing is deleted but what `work/` was, and nothing takes more memory or
//!   stack, or more open files, for a deeper tree.
//! - A removal that a crash cuts short is gone on with at the next start: what is to be removed stands
//!   in a folder of its own by then.
//!
//! # Concurrency
//!
//! One thread does all of it, one folder after the other, and ends with the process at any moment.
//! No process of the attempt is left, so nothing moves below it.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, Metadata, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};

use rustix::io::Errno;

use super::folder::Folder;
use crate::shim::protocol::{WORK, files};

/// Says in an attempt's folder why its `work/` is gone.
pub(super) const REMOVED: &str = "work.removed";
/// Where what is too large waits for its removal: beside the attempts, whose file system it shares.
const DOOMED: &str = ".doomed";
/// A file for each attempt that is to be looked at.
const UNMEASURED: &str = ".unmeasured";
/// What an entry costs at least, so that many empty ones count too, and looking ends.
const ENTRY_BYTES: u64 = 4096;
/// So many folders may wait to be looked at by this server.
const WAITING: usize = 4096;
/// So many entries are listed before they are removed.
const AT_ONCE: usize = 1024;

/// Whoever takes care of what attempts leave in `work/`. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub(super) struct Tidier {
    unmeasured: PathBuf,
    waiting: SyncSender<Folder>,
}

impl Tidier {
    /// For the folders of attempts below `attempts`, each of which may keep `limit` bytes. Begins with
    /// what an earlier server did not come to.
    pub(super) fn new(attempts: &Path, limit: u64) -> io::Result<Self> {
        let (doomed, unmeasured) = (attempts.join(DOOMED), attempts.join(UNMEASURED));
        for folder in [&doomed, &unmeasured] {
            make_own(folder, attempts)?;
        }
        let (waiting, folders) = sync_channel(WAITING);
        let tidier = Self { unmeasured: unmeasured.clone(), waiting };
        let attempts = attempts.to_owned();
        let tidy = move || {
            empty(&doomed);
            let left = left_unmeasured(&unmeasured, &attempts);
            for folder in left.into_iter().chain(folders) {
                look(&folder, &doomed, limit);
                let _ = note(&unmeasured, &folder).map(fs::remove_file);
            }
        };
        std::thread::Builder::new().name("attempt-work".to_owned()).spawn(tidy)?;
        Ok(tidier)
    }

    /// Makes sure that an attempt is looked at, by the next server if not by this one. To be called
    /// before its end is all that is known of it.
    pub(super) fn note(&self, folder: &Folder) {
        // Most attempts leave nothing.
        if !holds_anything(&folder.file(WORK)) {
            return;
        }
        let noted = note(&self.unmeasured, folder).map(|note| files::create(&note).map(drop));
        if let Some(Err(error)) = noted {
            let folder = folder.path().display();
            tracing::debug!(%error, %folder, "a server that ends now forgets to look at its `{WORK}`");
        }
    }

    /// Looks at an attempt of which nothing is left, soon. Where too many wait already, the next server
    /// does.
    pub(super) fn look_at(&self, folder: &Folder) {
        if holds_anything(&folder.file(WORK)) {
            let _ = self.waiting.try_send(folder.clone());
        }
    }
}

/// Something is there, and it is no empty folder.
pub(super) fn holds_anything(path: &Path) -> bool {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => {
            fs::read_dir(path).map_or(true, |mut entries| entries.next().is_some())
        }
        Ok(_) => true,
        Err(error) => error.kind() != ErrorKind::NotFound,
    }
}

/// A folder that is ours alone: what a link leads to must not be emptied.
pub(super) fn make_own(folder: &Path, attempts: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).recursive(true).create(attempts)?;
    if metadata_of(folder)?.is_some_and(|found| !found.is_dir()) {
        fs::rename(folder, free_name(attempts)?)?;
    }
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// The file that stands for an attempt which is to be looked at.
fn note(unmeasured: &Path, folder: &Folder) -> Option<PathBuf> {
    let number = folder.path().file_name()?.to_str()?;
    let job = folder.path().parent()?.file_name()?.to_str()?;
    Some(unmeasured.join(format!("{job}.{number}")))
}

/// Whether an attempt is still to be looked at.
pub(super) fn is_noted(attempts: &Path, folder: &Folder) -> bool {
    note(&attempts.join(UNMEASURED), folder).is_some_and(|note| note.exists())
}

/// What an earlier server noted and did not come to.
fn left_unmeasured(unmeasured: &Path, attempts: &Path) -> Vec<Folder> {
    let entries = fs::read_dir(unmeasured).into_iter().flatten();
    let folder = |entry: io::Result<fs::DirEntry>| {
        let name = entry.ok()?.file_name().into_string().ok()?;
        let (job, number) = name.split_once('.')?;
        Some(Folder::of(attempts, job.parse().ok()?, number.parse().ok()?))
    };
    entries.filter_map(folder).collect()
}

fn look(folder: &Folder, doomed: &Path, limit: u64) {
    let removed = doom_if_too_large(folder, doomed, limit);
    let folder = folder.path().display();
    match removed {
        Ok(false) => {}
        Ok(true) => {
            tracing::info!(%folder, limit, "`{WORK}` is removed, it is too large");
            empty(doomed);
        }
        Err(error) => {
            tracing::warn!(%error, %folder, "`{WORK}` stays, its size is unknown or it cannot go");
        }
    }
}

/// Takes a `work/` of more than `limit` bytes out of the way. Returns whether it did.
fn doom_if_too_large(folder: &Folder, doomed: &Path, limit: u64) -> io::Result<bool> {
    let work = folder.file(WORK);
    if !is_larger(&work, limit)? {
        return Ok(false);
    }
    if fs::symlink_metadata(&work)?.is_dir() {
        open_up(&work)?;
    }
    fs::rename(&work, free_name(doomed)?)?;
    let why = format!("work/ was removed: it held more than {limit} bytes\n");
    // The command may have left something under this name; the log tells it, too.
    let _ =
        files::create(&folder.file(REMOVED)).and_then(|mut file| file.write_all(why.as_bytes()));
    Ok(true)
}

/// Whether what is at `root` takes more than `limit` bytes of the disk. Looks no further once it is
/// sure; a tree that is deeper than any path may be is taken for too large.
fn is_larger(root: &Path, limit: u64) -> io::Result<bool> {
    let Some(metadata) = metadata_of(root)? else { return Ok(false) };
    if !metadata.is_dir() {
        return Ok(cost(&metadata) > limit);
    }
    // Names and depths only: whole paths of many folders would take more memory than is worth it.
    let (mut path, mut depth, mut used) = (root.to_owned(), 0, 0);
    let mut folders: Vec<(usize, OsString)> = Vec::new();
    loop {
        // What another user owns can be unreadable, and is not ours to remove.
        let _ = open_up(&path);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => Some(entries),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => None,
            Err(error) if Errno::from_io_error(&error) == Some(Errno::NAMETOOLONG) => {
                return Ok(true);
            }
            Err(error) => return Err(error),
        };
        for entry in entries.into_iter().flatten() {
            let entry = entry?;
            // By its folder's handle, not by its path.
            let metadata = entry.metadata()?;
            used += cost(&metadata);
            if used > limit {
                return Ok(true);
            }
            if metadata.is_dir() {
                folders.push((depth + 1, entry.file_name()));
            }
        }
        let Some((at, name)) = folders.pop() else { return Ok(false) };
        while depth >= at {
            path.pop();
            depth -= 1;
        }
        path.push(name);
        depth = at;
    }
}

fn cost(metadata: &Metadata) -> u64 {
    ENTRY_BYTES.max(metadata.blocks() * 512)
}

/// What stands there, a link itself; `None`: nothing.
fn metadata_of(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Lets us into a folder that its owner, who we are, locked: it would be larger than anybody may look.
/// Only for what is a folder itself and no link to one.
fn open_up(folder: &Path) -> io::Result<()> {
    const OURS: u32 = 0o700;
    let mode = fs::symlink_metadata(folder)?.mode();
    if mode & OURS == OURS {
        return Ok(());
    }
    fs::set_permissions(folder, Permissions::from_mode(mode & 0o7777 | OURS))
}

/// A name in a folder that nothing has.
pub(super) fn free_name(folder: &Path) -> io::Result<PathBuf> {
    loop {
        let path = folder.join(format!("{:016x}", rand::random::<u64>()));
        if metadata_of(&path)?.is_none() {
            return Ok(path);
        }
    }
}

/// Removes all that stands in a folder. What cannot go stays, and is told once.
pub(super) fn empty(doomed: &Path) {
    let mut stuck = HashSet::new();
    loop {
        let entries = match fs::read_dir(doomed) {
            Ok(entries) => entries,
            Err(error) => {
                tracing::warn!(%error, folder = %doomed.display(), "what is to be removed stays");
                return;
            }
        };
        let entries = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let mut has_removed = false;
        let some = entries.filter(|path| !stuck.contains(path)).take(AT_ONCE);
        for path in some.collect::<Vec<_>>() {
            has_removed = true;
            if let Err(error) = remove(&path, doomed) {
                tracing::warn!(%error, path = %path.display(), "it cannot be removed and stays");
                stuck.insert(path);
            }
        }
        if !has_removed {
            return;
        }
    }
}

/// Removes one entry. The folders in it are brought up beside it and are removed later: no path grows
/// and nothing is nested, however deep they stand. One that cannot go keeps none of the others.
fn remove(path: &Path, doomed: &Path) -> io::Result<()> {
    if !fs::symlink_metadata(path)?.is_dir() {
        return fs::remove_file(path);
    }
    let mut first_error = open_up(path).err();
    for entry in fs::read_dir(path)? {
        let gone = entry.and_then(|entry| bring_up_or_remove(&entry.path(), doomed));
        first_error = first_error.or(gone.err());
    }
    match (fs::remove_dir(path), first_error) {
        // What a listing left out while it was changed: the next round finds it.
        (Err(error), None) if error.kind() == ErrorKind::DirectoryNotEmpty => Ok(()),
        (Err(error), first_error) => Err(first_error.unwrap_or(error)),
        (Ok(()), _) => Ok(()),
    }
}

fn bring_up_or_remove(entry: &Path, doomed: &Path) -> io::Result<()> {
    if fs::symlink_metadata(entry)?.is_dir() {
        // A folder is moved only by who may write it: its `..` changes.
        open_up(entry)?;
        fs::rename(entry, free_name(doomed)?)
    } else {
        fs::remove_file(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::process::Command;

    /// An attempt's folder with what the script leaves in `work/`, and where it would go.
    fn left(script: &str) -> (tempfile::TempDir, Folder, PathBuf) {
        let data = tempfile::tempdir().unwrap();
        let job = "019ab3c0-5a50-7c3e-8f00-3b6f2c1d9e77".parse().unwrap();
        let folder = Folder::of(data.path(), job, 1);
        let doomed = data.path().join(DOOMED);
        fs::create_dir_all(folder.file(WORK)).unwrap();
        fs::create_dir(&doomed).unwrap();
        let script =
            Command::new("sh").args(["-ec", script]).current_dir(folder.file(WORK)).status();
        assert!(script.unwrap().success());
        (data, folder, doomed)
    }

    fn count(folder: &Path) -> usize {
        fs::read_dir(folder).unwrap().count()
    }

    #[test]
    fn what_is_in_work_counts_and_links_are_not_followed() {
        let script = "mkdir -p a/b; head -c 100000 /dev/zero > a/b/file; ln -s / a/b/link";
        let (data, folder, doomed) = left(script);
        let elsewhere = data.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        fs::write(elsewhere.join("file"), vec![7; 200_000]).unwrap();
        symlink(&elsewhere, folder.file(WORK).join("a/elsewhere")).unwrap();
        assert!(!doom_if_too_large(&folder, &doomed, 150_000).unwrap());
        assert!(folder.file("work/a/b/file").exists() && !folder.file(REMOVED).exists());
        assert!(doom_if_too_large(&folder, &doomed, 100_000).unwrap());
        assert!(!folder.file(WORK).exists());
        let why = fs::read_to_string(folder.file(REMOVED)).unwrap();
        assert_eq!(why, "work/ was removed: it held more than 100000 bytes\n");
        empty(&doomed);
        assert_eq!((count(&doomed), count(&elsewhere)), (0, 1));
        // A link in its own place is one entry, whatever it points to.
        symlink(&elsewhere, folder.file(WORK)).unwrap();
        assert!(!doom_if_too_large(&folder, &doomed, 100_000).unwrap());
        assert!(doom_if_too_large(&folder, &doomed, 0).unwrap());
        empty(&doomed);
        assert_eq!((count(&doomed), count(&elsewhere)), (0, 1));
    }

    #[test]
    fn what_lies_in_many_folders_counts_once_each() {
        let tree =
            "mkdir -p a/b/c a/d e/f; for d in . a a/b a/b/c a/d e e/f; do echo > $d/file; done";
        let (_data, folder, doomed) = left(tree);
        // Six folders and seven files.
        assert!(!doom_if_too_large(&folder, &doomed, 13 * ENTRY_BYTES).unwrap());
        assert!(doom_if_too_large(&folder, &doomed, 13 * ENTRY_BYTES - 1).unwrap());
        empty(&doomed);
        assert_eq!(count(&doomed), 0);
    }

    #[test]
    fn a_link_in_place_of_a_folder_of_ours_is_put_aside() {
        let (data, _folder, _doomed) = left("");
        let (attempts, elsewhere) = (data.path().join("attempts"), data.path().join("elsewhere"));
        fs::create_dir(&elsewhere).unwrap();
        fs::create_dir(&attempts).unwrap();
        fs::write(elsewhere.join("file"), "x").unwrap();
        symlink(&elsewhere, attempts.join(DOOMED)).unwrap();
        make_own(&attempts.join(DOOMED), &attempts).unwrap();
        empty(&attempts.join(DOOMED));
        assert_eq!((count(&elsewhere), count(&attempts)), (1, 2));
    }

    #[test]
    fn many_empty_files_are_large_too() {
        let (_data, folder, doomed) = left("touch 1 2 3 4 5 6 7 8 9 10");
        assert!(!doom_if_too_large(&folder, &doomed, 10 * ENTRY_BYTES).unwrap());
        assert!(doom_if_too_large(&folder, &doomed, 9 * ENTRY_BYTES).unwrap());
    }

    #[test]
    fn a_tree_deeper_than_a_path_may_be_is_too_large_and_goes() {
        let deep = "i=0; while [ $i -lt 300 ]; do d=a_rather_long_name_of_a_folder; mkdir $d; \
                    cd -P $d; : > file; i=$((i+1)); done";
        let (_data, folder, doomed) = left(deep);
        assert!(doom_if_too_large(&folder, &doomed, u64::MAX).unwrap());
        empty(&doomed);
        assert_eq!(count(&doomed), 0);
    }
}
