//! What the shim itself has to complain of: to standard error, which the server has opened on
//! `shim.err`, and bounded, so that no command can fill a disk through it (P12).

use std::fmt::Arguments;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The most complaints of one attempt.
const MOST: usize = 64;
/// The most bytes of one.
const LONGEST: usize = 512;

static SPOKEN: AtomicUsize = AtomicUsize::new(0);

/// Writes one line to standard error, or nothing once enough is said. Never fails: there is nobody
/// left to tell.
pub(super) fn complain(what: Arguments<'_>) {
    if SPOKEN.fetch_add(1, Ordering::Relaxed) >= MOST {
        return;
    }
    let mut line = what.to_string().replace('\n', " ").into_bytes();
    line.truncate(LONGEST);
    line.push(b'\n');
    let _ = rustix::io::write(rustix::stdio::stderr(), &line);
}
