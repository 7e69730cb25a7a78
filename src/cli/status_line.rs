//! The line at the bottom of a terminal that is written anew; whatever else is printed goes above it.
//!
//! # Invariants
//!
//! One line at a time, never wider than the terminal: one that wraps could not be written over.

use std::io::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use console::{Term, truncate_str};

/// What stands there now.
static SHOWN: Mutex<Option<String>> = Mutex::new(None);

const ERASE: &str = "\r\u{1b}[2K";

/// The line, until it is dropped.
#[derive(Debug)]
pub(super) struct StatusLine(Term);

impl StatusLine {
    /// The line of standard error; `None` where that is no terminal which can write over a line.
    pub(super) fn new() -> Option<Self> {
        let can = std::env::var("TERM").is_ok_and(|name| !name.is_empty() && name != "dumb");
        let term = Term::stderr();
        (can && term.features().is_attended()).then_some(Self(term))
    }

    /// Shows `text`, which may have colours and no other control.
    pub(super) fn set(&self, text: &str) {
        let room = usize::from(self.0.size().1).saturating_sub(1);
        let text = truncate_str(text, room, "…").into_owned();
        let mut shown = shown();
        if shown.as_ref() != Some(&text) {
            write(&format!("{ERASE}{text}"));
            *shown = Some(text);
        }
    }
}

impl Drop for StatusLine {
    fn drop(&mut self) {
        if shown().take().is_some() {
            write(ERASE);
        }
    }
}

/// Prints with the line out of the way.
pub(super) fn lifted<T>(print: impl FnOnce() -> T) -> T {
    let shown = shown();
    let Some(text) = &*shown else { return print() };
    write(ERASE);
    let printed = print();
    write(text);
    printed
}

fn shown() -> MutexGuard<'static, Option<String>> {
    SHOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Nobody looking is no failure.
fn write(text: &str) {
    let mut terminal = std::io::stderr().lock();
    let _ = terminal.write_all(text.as_bytes()).and_then(|()| terminal.flush());
}
