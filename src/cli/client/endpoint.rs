//! Where the server is: an address that was given, or what the lock file of its data folder says.

use std::path::{Path, PathBuf};

use reqwest::Url;
use rustix::process::{Pid, test_kill_process};
use serde::Deserialize;

use super::ClientError;

/// Where a server is.
#[derive(Debug, Clone)]
pub(in crate::cli) enum Endpoint {
    /// There.
    Fixed(Url),
    /// Where the lock file of this data folder says, read anew for each connection: a server that
    /// starts again may have another port.
    DataFolder(PathBuf),
}

/// What a running server writes into `{data}/lock`.
#[derive(Debug, Deserialize)]
struct Lock {
    pid: i32,
    url: String,
}

impl Endpoint {
    /// The address that somebody wrote; `/graphql` at its end is understood.
    pub(in crate::cli) fn parse(text: &str) -> Result<Self, ClientError> {
        let bad = || ClientError::BadUrl(text.to_owned());
        let trimmed = text.trim_end_matches('/').trim_end_matches("/graphql");
        let url: Url = format!("{trimmed}/").parse().map_err(|_| bad())?;
        if url.scheme() != "http" || !url.has_host() || url.query().is_some() {
            return Err(bad());
        }
        Ok(Self::Fixed(url))
    }

    /// The server's address now, with a slash at its end.
    pub(in crate::cli) fn url(&self) -> Result<Url, ClientError> {
        match self {
            Self::Fixed(url) => Ok(url.clone()),
            Self::DataFolder(folder) => {
                let none = || ClientError::NoServer { folder: folder.display().to_string() };
                // The server's own lock on the file is not tried: a try at the wrong moment would
                // keep a server from starting.
                let lock = read_lock(&folder.join("lock")).ok_or_else(none)?;
                match Self::parse(&lock.url) {
                    Ok(Self::Fixed(url)) if lives(lock.pid) => Ok(url),
                    Ok(_) | Err(_) => Err(none()),
                }
            }
        }
    }
}

fn read_lock(path: &Path) -> Option<Lock> {
    // It may have just been written over, and not been cut off.
    serde_json::Deserializer::from_slice(&std::fs::read(path).ok()?).into_iter().next()?.ok()
}

/// There is a process of this id. One that we may not signal is there all the same.
fn lives(pid: i32) -> bool {
    let Some(pid) = Some(pid).filter(|&pid| pid > 0).and_then(Pid::from_raw) else { return false };
    !matches!(test_kill_process(pid), Err(rustix::io::Errno::SRCH))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_names_no_process_names_none_that_lives() {
        // To the kernel, -1 is everybody.
        for pid in [-1, 0, i32::MIN] {
            assert!(!lives(pid), "{pid}");
        }
        assert!(lives(std::process::id().cast_signed()));
    }

    #[test]
    fn an_address_may_end_in_the_path_of_the_api() {
        for text in ["http://h:1", "http://h:1/", "http://h:1/graphql", "http://h:1/graphql/"] {
            assert_eq!(Endpoint::parse(text).unwrap().url().unwrap().as_str(), "http://h:1/");
        }
        for text in ["", "h:1", "127.0.0.1:8080", "https://h", "http://", "http://h/?q=1"] {
            assert!(Endpoint::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_lock_file_counts_while_its_server_lives() {
        let dir = tempfile::tempdir().unwrap();
        let endpoint = Endpoint::DataFolder(dir.path().to_owned());
        let write = |text: String| std::fs::write(dir.path().join("lock"), text).unwrap();
        assert!(endpoint.url().is_err(), "no file");
        write(String::new());
        assert!(endpoint.url().is_err(), "a server that has not said where it is");
        let own = std::process::id();
        write(format!(r#"{{"pid": {own}, "url": "http://127.0.0.1:9"}}"#));
        assert_eq!(endpoint.url().unwrap().as_str(), "http://127.0.0.1:9/");
        let mut gone = std::process::Command::new("true").spawn().unwrap();
        gone.wait().unwrap();
        write(format!(r#"{{"pid": {}, "url": "http://127.0.0.1:9"}}"#, gone.id()));
        let error = endpoint.url().unwrap_err().to_string();
        assert!(error.starts_with("no server runs on the data folder `/"), "{error}");
    }
}
