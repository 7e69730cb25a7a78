//! What this process inherited from whoever started it, as far as its children must not suffer from it.

use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use signal_hook::consts::SIGCHLD;

/// Makes sure that nobody has `SIGCHLD` ignored: the kernel would reap our children then, and nobody
/// would learn how one ended, or that its number names another process by now.
pub(super) fn heed_children() -> io::Result<()> {
    // A handler that nothing asks for anything.
    signal_hook::flag::register(SIGCHLD, Arc::new(AtomicBool::new(false))).map(drop)
}

/// Lets this process open as many files as it may (each attempt takes a few, each socket one).
/// Returns how many it was let open before, which is what its commands expect; `None`: no limit.
pub(super) fn raise_open_files() -> Option<u64> {
    static BEFORE: OnceLock<Option<u64>> = OnceLock::new();
    *BEFORE.get_or_init(|| {
        let before = getrlimit(Resource::Nofile);
        let raised = Rlimit { current: before.maximum, ..before };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::warn!(%error, "the limit of open files stays as it was");
        }
        before.current
    })
}
