//! Programs that a test makes. A process that writes a file hands its open descriptor to every
//! child that another thread forks in that moment, and until such a child executes, the kernel
//! refuses to run the file (`execve(2)`, ETXTBSY): so a process of its own writes it.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Writes `text` to `path`, which everybody may run.
pub(crate) fn write(path: &Path, text: &str) {
    let mut shell = Command::new("sh")
        .args(["-c", r#"cat > "$1" && chmod 755 "$1""#, "sh"])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    shell.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(shell.wait().unwrap().success(), "{} was not written", path.display());
}

/// Copies the program `from` to `path`.
pub(crate) fn copy(from: impl AsRef<Path>, path: &Path) {
    let copied = Command::new("cp").arg(from.as_ref()).arg(path).status().unwrap();
    assert!(copied.success(), "{} was not copied", path.display());
}
