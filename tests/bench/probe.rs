//! What the machine can do: the other side of most rows.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::folder;

/// A file that is appended to, on the disk of the servers' data.
pub(crate) struct Sync {
    file: File,
}

impl Sync {
    pub(crate) fn new() -> Self {
        Self { file: File::create(folder::empty().join("appended")).unwrap() }
    }

    /// `P_sync`: 4 KiB more, down to the disk.
    pub(crate) fn once(&mut self) -> Duration {
        let begun = Instant::now();
        self.file.write_all(&[1; 4096]).unwrap();
        self.file.sync_data().unwrap();
        begun.elapsed()
    }

    /// The same so many times a second, in milliseconds.
    pub(crate) fn paced(&mut self, per_second: f64, time: Duration) -> Vec<f64> {
        let (begun, mut took) = (Instant::now(), Vec::new());
        while begun.elapsed() < time {
            let after = f64::from(u32::try_from(took.len()).unwrap()) / per_second;
            let due = begun + Duration::from_secs_f64(after);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            took.push(self.once().as_secs_f64() * 1_000.0);
        }
        took
    }

    /// Appends `bytes` for each of so many requests a second, as a group commit would: one flush for all that are due.
    /// How long each took, from when it was due, in milliseconds.
    pub(crate) fn grouped(&mut self, per_second: f64, bytes: f64, time: Duration) -> Vec<f64> {
        let (begun, mut took) = (Instant::now(), Vec::new());
        let due = |number: usize| {
            let after = f64::from(u32::try_from(number).unwrap()) / per_second;
            begun + Duration::from_secs_f64(after)
        };
        let mut owed = 0.0;
        while begun.elapsed() < time {
            let first = took.len();
            std::thread::sleep(due(first).saturating_duration_since(Instant::now()));
            let now = Instant::now();
            let mut next = first;
            while due(next) <= now {
                next += 1;
            }
            // A file system counts whole pages.
            owed += bytes * f64::from(u32::try_from(next - first).unwrap());
            while owed > 0.0 {
                self.file.write_all(&[1; 4096]).unwrap();
                owed -= 4096.0;
            }
            self.file.sync_data().unwrap();
            took.extend((first..next).map(|number| due(number).elapsed().as_secs_f64() * 1_000.0));
        }
        took
    }
}

/// Starts a program with pipes, as a job has them, and waits for its end.
fn spawn_once(program: &str, arguments: &[&str]) {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut said).unwrap();
    child.stderr.take().unwrap().read_to_end(&mut said).unwrap();
    assert!(child.wait().unwrap().success());
}

/// `P_spawn`: `/bin/true` from its start to its end.
pub(crate) fn spawn() -> Duration {
    let begun = Instant::now();
    spawn_once("/bin/true", &[]);
    begun.elapsed()
}

/// `P_spawn(k)`: so many of them by each of `threads`; how many a second.
pub(crate) fn spawn_rate(threads: u32, each: u32) -> f64 {
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| (0..each).map(|_| spawn()).sum::<Duration>());
        }
    });
    f64::from(threads * each) / begun.elapsed().as_secs_f64()
}

/// How long a shell takes until it has done the first thing it is told.
pub(crate) fn spawn_until(script: &str, done: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    let mut child = Command::new("/bin/sh").args(["-c", script]).spawn().unwrap();
    done();
    let took = begun.elapsed();
    assert!(child.wait().unwrap().success());
    took
}

/// How many times a second `xargs -P2` runs `/bin/true`.
pub(crate) fn xargs_rate(count: u32) -> f64 {
    let begun = Instant::now();
    let mut xargs = Command::new("xargs")
        .args(["-P2", "-n1", "/bin/true"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("xargs is here");
    let lines = "x\n".repeat(count as usize);
    xargs.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    assert!(xargs.wait().unwrap().success());
    f64::from(count) / begun.elapsed().as_secs_f64()
}

/// How many bytes a second a command floods through `cat` into a file.
pub(crate) fn cat_rate(flood: &str, bytes: f64, into: &Path) -> f64 {
    let begun = Instant::now();
    let script = format!("{flood} | cat > {}", into.display());
    assert!(Command::new("/bin/sh").args(["-c", &script]).status().unwrap().success());
    bytes / begun.elapsed().as_secs_f64()
}

/// Whether a program is installed.
pub(crate) fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
