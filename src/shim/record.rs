//! How an attempt's end is written down: the record, the hash of the result, what was used.
//!
//! No fsync: the page cache outlives server and shim. After a power loss the attempt is LOST, which
//! is the truth, and two flushes a job would halve the rate.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use sha2::{Digest, Sha256};

use super::complain::complain;
use super::protocol::{EXIT, ExitRecord, RESULT, files};

/// The record while it is being written.
const UNFINISHED: &str = "exit.json.tmp";
/// What is taken for the record beforehand, more than it ever needs once a command was started.
const ROOM: usize = 4096;
/// How many other names are tried where the command left something in the way.
const OTHER_NAMES: u32 = 1_000;

/// Takes the room for the record before anything starts: a disk that the command fills must not
/// cost the truth about its end.
pub(super) fn reserve(folder: &Path) -> io::Result<()> {
    files::create(&folder.join(UNFINISHED))?.write_all(&[b' '; ROOM])
}

/// Writes the record: whole, or not at all. What the command made of the names that this needs (a
/// pipe, a folder) is passed by.
pub(super) fn write(folder: &Path, record: ExitRecord) -> io::Result<()> {
    let text = record.seal();
    let (unfinished, mut file) = unfinished(folder)?;
    // Not truncated before, but after: what was reserved must not be given back first.
    file.write_all(text.as_bytes())?;
    file.set_len(text.len() as u64)?;
    let exit = folder.join(EXIT);
    match fs::rename(&unfinished, &exit) {
        // Only a folder is not replaced.
        Err(error) if files::is_damage(&error) => {
            fs::rename(&exit, free_name(folder, EXIT)?)?;
            fs::rename(&unfinished, &exit)
        }
        done => done,
    }
}

/// What was reserved, or where something else has its name a new file.
fn unfinished(folder: &Path) -> io::Result<(PathBuf, File)> {
    let reserved = folder.join(UNFINISHED);
    match files::open_to_write(&reserved) {
        Err(error) if files::is_damage(&error) => {
            let path = free_name(folder, UNFINISHED)?;
            files::create(&path).map(|file| (path, file))
        }
        opened => opened.map(|file| (reserved, file)),
    }
}

/// A name like this one that nothing has.
fn free_name(folder: &Path, name: &str) -> io::Result<PathBuf> {
    for number in 1..=OTHER_NAMES {
        let path = folder.join(format!("{name}.{number}"));
        if !files::exists(&path)? {
            return Ok(path);
        }
    }
    Err(io::Error::other(format!("every name like `{name}` is taken")))
}

/// Length of the result, and its hash where it is no longer than `limit`. Nothing where there is
/// none, or where the command left something else under its name.
pub(super) fn result(folder: &Path, limit: u64) -> (Option<u64>, Option<String>) {
    match hash(&folder.join(RESULT), limit) {
        Ok((length, hash)) => (Some(length), hash),
        Err(error) if error.kind() == io::ErrorKind::NotFound => (None, None),
        Err(error) => {
            complain(format_args!("the result is passed over: {error}"));
            (None, None)
        }
    }
}

fn hash(path: &Path, limit: u64) -> io::Result<(u64, Option<String>)> {
    let file = files::open(path)?.ok_or(io::ErrorKind::NotFound)?;
    let length = file.metadata()?.len();
    if length > limit {
        return Ok((length, None));
    }
    let mut hasher = Sha256::new();
    let length = copy(file.take(limit), &mut hasher)?;
    Ok((length, Some(hex::encode(hasher.finalize()))))
}

fn copy(mut file: io::Take<File>, hasher: &mut Sha256) -> io::Result<u64> {
    let mut buffer = vec![0; 64 * 1024];
    let mut length = 0;
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(length),
            Ok(read) => {
                hasher.update(&buffer[..read]);
                length += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// What the tree used, as far as it is reaped: processor time in milliseconds, and the most memory
/// that one process held, in bytes. A process counts at least what the shim held when it started
/// it, since it begins as a copy of it.
pub(super) fn usage() -> (i64, Option<i64>) {
    match getrusage(UsageWho::RUSAGE_CHILDREN) {
        Ok(used) => {
            let cpu = (used.user_time() + used.system_time()).num_milliseconds();
            (cpu, Some(used.max_rss() * 1024).filter(|&bytes| bytes > 0))
        }
        Err(error) => {
            complain(format_args!("what the command used is unknown: {error}"));
            (0, None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_hashed_up_to_its_limit_and_measured_beyond() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(result(folder.path(), 3), (None, None));
        fs::write(folder.path().join(RESULT), "abc").unwrap();
        let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(result(folder.path(), 3), (Some(3), Some(hash.to_owned())));
        assert_eq!(result(folder.path(), 2), (Some(3), None));
    }

    #[test]
    fn a_result_that_is_a_link_a_folder_or_a_pipe_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(RESULT);
        std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
        assert_eq!(result(folder.path(), 1 << 20), (None, None));
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert_eq!(result(folder.path(), 1 << 20), (None, None));
        fs::remove_dir(&path).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &path,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .unwrap();
        assert_eq!(result(folder.path(), 1 << 20), (None, None));
    }

    #[test]
    fn a_record_takes_the_place_of_what_was_reserved() {
        let folder = tempfile::tempdir().unwrap();
        reserve(folder.path()).unwrap();
        let record = ExitRecord { exit_code: Some(7), ..ExitRecord::default() };
        write(folder.path(), record).unwrap();
        let text = fs::read_to_string(folder.path().join(EXIT)).unwrap();
        assert_eq!(ExitRecord::open(&text).and_then(|record| record.exit_code), Some(7));
        assert!(!folder.path().join(UNFINISHED).exists());
    }
}
