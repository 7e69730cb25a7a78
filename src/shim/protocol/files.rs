//! How the files of an attempt's folder are opened, by server and shim alike.
//!
//! The command may put anything under any of their names: a pipe that nobody writes to, a link to
//! `/dev/zero` or to itself, a folder. So nothing here follows a link, waits for another process, or
//! takes anything for a file but a regular one (P12).

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::Errno;

/// Opens a file for reading; `None` where there is nothing. Never blocks.
pub fn open(path: &Path) -> io::Result<Option<File>> {
    match regular(OpenOptions::new().read(true), path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Opens a file for writing as it is, and makes it where there is none. Never blocks.
pub fn open_to_write(path: &Path) -> io::Result<File> {
    regular(OpenOptions::new().write(true).create(true).truncate(false).mode(0o600), path)
}

/// Makes a file for writing, where nothing has its name yet.
pub fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// The first `limit` bytes of a file; `None` where there is none. Never blocks.
pub fn read(path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let Some(file) = open(path)? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// Takes what a file holds out of it, which stays. Never blocks.
pub fn empty(path: &Path) -> io::Result<()> {
    match regular(OpenOptions::new().write(true), path) {
        Ok(file) if file.metadata()?.len() > 0 => file.set_len(0),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whether anything has this name, a link to nowhere too.
pub fn exists(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// The error tells of something in the folder that is not as it was made, which no time will mend;
/// any other may pass (no descriptors, no memory, no room, a disk that fails).
pub fn is_damage(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    match Errno::from_io_error(error) {
        Some(errno) => matches!(
            errno,
            Errno::ACCESS
                | Errno::EXIST
                | Errno::ISDIR
                | Errno::LOOP
                | Errno::NAMETOOLONG
                | Errno::NODEV
                | Errno::NOTDIR
                | Errno::NOTEMPTY
                | Errno::NXIO
                | Errno::PERM
        ),
        // Our own words, and those of whoever parses.
        None => matches!(error.kind(), Kind::InvalidInput | Kind::InvalidData),
    }
}

fn regular(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).expect("open flags fit an int");
    let file = options.custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    use std::os::unix::fs::symlink;

    #[test]
    fn what_is_no_regular_file_is_damage_and_blocks_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        mknodat(CWD, path("fifo"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        fs::create_dir(path("folder")).unwrap();
        symlink("/dev/zero", path("zero")).unwrap();
        symlink(path("itself"), path("itself")).unwrap();
        symlink("/etc/passwd", path("elsewhere")).unwrap();
        for name in ["fifo", "socket", "folder", "zero", "itself", "elsewhere"] {
            let path = path(name);
            for error in [open(&path).unwrap_err(), open_to_write(&path).unwrap_err()] {
                assert!(is_damage(&error), "{name}: {error:?}");
            }
            assert!(is_damage(&create(&path).unwrap_err()), "{name}");
            assert!(exists(&path).unwrap(), "{name}");
        }
        assert!(is_damage(&open(&path("socket").join("below")).unwrap_err()));
    }

    #[test]
    fn what_is_emptied_stays() {
        let folder = tempfile::tempdir().unwrap();
        let [path, link, other] = ["file", "link", "other"].map(|name| folder.path().join(name));
        empty(&path).unwrap();
        assert!(!exists(&path).unwrap());
        fs::write(&path, "secret").unwrap();
        fs::write(&other, "kept").unwrap();
        symlink(&other, &link).unwrap();
        empty(&path).unwrap();
        assert_eq!(read(&path, 9).unwrap().unwrap(), b"");
        assert!(is_damage(&empty(&link).unwrap_err()));
        assert_eq!(read(&other, 9).unwrap().unwrap(), b"kept");
    }

    #[test]
    fn what_is_not_there_is_no_damage_and_what_is_there_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        assert!(open(&path).unwrap().is_none() && !exists(&path).unwrap());
        fs::write(&path, "abc").unwrap();
        drop(open_to_write(&path).unwrap());
        assert_eq!(read(&path, 2).unwrap().unwrap(), b"ab");
        for errno in [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::IO, Errno::NOSPC] {
            assert!(!is_damage(&errno.into()), "{errno:?}");
        }
    }
}
