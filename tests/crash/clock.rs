//! A wall clock of a server's own, set while it runs: libfaketime, which is loaded before the server, reads
//! in a file how far it is ahead. Monotonic clocks stay as they are, as where a machine's clock is set.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use longhaul::domain::clock::{Clock as _, SystemClock, Timestamp};

use super::server::Server;

/// It.
pub(super) struct WallClock(PathBuf);

impl WallClock {
    /// One that is right.
    pub(super) fn in_folder(folder: &Path) -> Self {
        let clock = Self(folder.join("clock"));
        clock.set(0);
        clock
    }

    /// Sets it so many seconds ahead of the machine's.
    fn set(&self, ahead: i64) {
        // Whoever reads it reads it whole.
        let next = self.0.with_extension("next");
        fs::write(&next, format!("{ahead:+}\n")).unwrap();
        fs::rename(next, &self.0).unwrap();
    }

    /// Sets the clock of a server that goes by it, and makes sure that it does: by an instant in its log.
    pub(super) async fn set_of(&self, server: &Server, ahead: i64) {
        self.set(ahead);
        let origin = format!("http://{:x}.example", rand::random::<u64>());
        server.api().ask_from(&origin).await;
        let line = server.says_line("that a page was refused", |line| line.contains(&origin)).await;
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        let told = line["timestamp"].as_str().unwrap().parse::<Timestamp>().unwrap();
        let seen = (told - SystemClock.now()).num_seconds();
        assert!((seen - ahead).abs() <= 5, "set {ahead} s ahead, its clock is {seen} s ahead");
    }

    /// What starts a process that goes by it, and not what starts that.
    pub(super) fn starter(&self) -> Vec<OsString> {
        let with = |name: &str, value: &Path| {
            let mut word = OsString::from(name);
            word.push(value);
            word
        };
        let mut words = vec!["env".into(), with("LD_PRELOAD=", &library())];
        words.push(with("FAKETIME_TIMESTAMP_FILE=", &self.0));
        for word in ["FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1", "NO_FAKE_STAT=1"] {
            words.push(word.into());
        }
        words
    }
}

/// The one for programs with threads.
fn library() -> PathBuf {
    let folders = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let mut files = folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
    files.find(|file| file.exists()).expect(
        "the tests need libfaketime (Debian: apt-get install faketime; `make test-tools` installs it)",
    )
}

/// Takes away what the library leaves of a process that was killed, before another one has its number.
pub(super) fn tidy(pid: u32) {
    for name in ["sem.faketime_sem_", "faketime_shm_"] {
        let _ = fs::remove_file(format!("/dev/shm/{name}{pid}"));
    }
}
