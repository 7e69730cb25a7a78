//! Waits for what another process, or another thread, is yet to do to a folder.

use std::mem::MaybeUninit;
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{CreateFlags, Reader, WatchFlags, add_watch, init};

/// Nothing that passes takes so long.
const DEADLINE: Duration = Duration::from_secs(60);

/// Blocks until `name` stands in `folder`.
pub(crate) fn appears(folder: &Path, name: &str) {
    changes_until(folder, name, || folder.join(name).exists());
}

/// Blocks until something is so that changes with the entries of `folder`; fails with what stands
/// there instead. What was so before is seen, since the watch begins first.
pub(crate) fn changes_until(folder: &Path, what: &str, is_so: impl Fn() -> bool) {
    let watch = init(CreateFlags::CLOEXEC).unwrap();
    let changes = WatchFlags::CREATE | WatchFlags::MOVE | WatchFlags::DELETE;
    add_watch(&watch, folder, changes).unwrap();
    let mut buffer = [MaybeUninit::uninit(); 4096];
    while !is_so() {
        let deadline = Timespec::try_from(DEADLINE).unwrap();
        let ready = poll(&mut [PollFd::new(&watch, PollFlags::IN)], Some(&deadline)).unwrap();
        let there = || std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name());
        assert!(ready > 0, "never: {what}; there is {:?}", there().collect::<Vec<_>>());
        Reader::new(&watch, &mut buffer).next().unwrap();
    }
}
