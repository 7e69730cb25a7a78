//! A server on each sort of address is reached by its own command line, by what its lock file says.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::{longhaul, stderr};
use crate::support::print;

/// A server; killed with the test.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Other machines may reach it.
fn is_wide(address: &str) -> bool {
    ["0.0.0.0", "[::]"].iter().any(|every| address.starts_with(every))
}

#[test]
fn a_server_is_found_at_every_sort_of_address() {
    let mut addresses = vec!["127.0.0.1:0", "127.0.0.2:0", "0.0.0.0:0"];
    if TcpListener::bind("[::1]:0").is_ok() {
        addresses.extend(["[::1]:0", "[::]:0"]);
    } else {
        print("no IPv6 here: two addresses of five are not tried");
    }
    for address in addresses {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        let data = data.to_str().unwrap();
        let mut child = Command::new(longhaul(&[]).get_program())
            .args(["serve", "--listen", address, "--data", data])
            .args(is_wide(address).then_some("--insecure-no-auth"))
            .env_clear()
            .env("HOME", dir.path())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut words = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let mut serving = Serving(child);
        let listening = words.find(|line| line.contains("listening on http://"));
        let listening = listening.expect("it did not end at once");
        let nowhere = ["//0.0.0.0:", "//[::]:"].iter().any(|every| listening.contains(every));
        assert!(!nowhere, "{address}: {listening}");
        let output = longhaul(&["kinds", "--data", data]).output().unwrap();
        assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""), "{address}");
        kill_process(Pid::from_child(&serving.0), Signal::TERM).unwrap();
        words.for_each(drop);
        assert!(serving.0.wait().unwrap().success(), "{address}");
    }
}
