//! A server in a container that somebody else's session started, as with `docker exec`: its session
//! has no number in its own PID namespace.

use std::process::Command;

use crate::support::print;

/// A session begun outside of the PID namespace, as its member sees it.
const NO_NUMBER: &str = "0";

fn in_a_pid_namespace() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    command
}

#[test]
fn orphans_are_found_in_a_session_without_a_number() {
    // P8
    let session = in_a_pid_namespace().args(["cut", "-d ", "-f6", "/proc/self/stat"]).output();
    let session = session.unwrap();
    if !session.status.success() {
        let why = String::from_utf8_lossy(&session.stderr);
        print(&format!("not tried, this machine gives no namespaces: {why}"));
        return;
    }
    assert_eq!(String::from_utf8_lossy(&session.stdout).trim(), NO_NUMBER);
    for test in [
        "lost::what_a_killed_shim_leaves_behind_is_killed_before_its_attempt_is_lost",
        "recovery::a_recorded_end_is_harvested",
    ] {
        let mut inside = in_a_pid_namespace();
        inside.arg(std::env::current_exe().unwrap());
        super::rig::again(&format!("it::runner::{test}"), inside);
    }
}
